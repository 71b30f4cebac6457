"""The check of what every notebook promises can fail. Who runs it: `notebooks_plugin`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any

import nbformat
import pytest
from contract import Run, broken_promises, run

from helpers.capture import CHOICE
from helpers.machine import this_machine
from helpers.packets import RECORDING


def sample() -> Any:
    """The smallest notebook that keeps every promise."""
    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    return nbformat.v4.new_notebook(
        cells=[
            markdown(
                "# Sample\n\nAfter this notebook you can\n\n- do it.\n\nYou need: nothing.\n"
                "Time: 2 minutes to read and run."
            ),
            code("import socket\nfrom helpers import serve_tcp, echo"),
            code(
                "from helpers import capture, latency, latency_figure, throughput\n"
                "from helpers import discard, throughput_figure"
            ),
            code(
                "with serve_tcp(echo) as server, capture(server, name='00-first-packets') as p:\n"
                "    with socket.create_connection(server.address) as client:\n"
                "        def ask(): client.sendall(b'x'); client.recv(1)\n"
                "        samples = latency(ask, rounds=50, warmup=1, label='echo')"
            ),
            code("latency_figure(samples, alt='How long it takes, as a curve.')"),
            code(
                "with serve_tcp(discard) as server:\n"
                "    curve = throughput(server.address, sizes=(64, 4096), seconds=.02, label='x')"
            ),
            code("throughput_figure(curve, alt='How much gets through, as a curve.')"),
            code("p[0].show()"),
            markdown("Before you move it: which way does it go?"),
            code("from ipywidgets import interact\n@interact(x=(0, 3))\ndef f(x):\n    return x"),
            markdown("## Key points\n\n- It can be done."),
        ]
    )


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(sample(), tmp_path_factory.mktemp("sample"))


def copy_of(ran: Run) -> Run:
    return Run(
        nbformat.from_dict(json.loads(json.dumps(ran.notebook))),
        **{key: copy(value) for key, value in vars(ran).items() if key != "notebook"},
    )


def test_the_good_sample_keeps_all(good: Run) -> None:
    assert broken_promises(good) == []


def drop_outputs(number: int) -> Callable[[Run], None]:
    def change(ran: Run) -> None:
        ran.notebook.cells[number].outputs = []

    return change


def edit(number: int, old: str, new: str) -> Callable[[Run], None]:
    def change(ran: Run) -> None:
        assert old in ran.notebook.cells[number].source
        ran.notebook.cells[number].source = ran.notebook.cells[number].source.replace(old, new)

    return change


def html_edit(old: str, new: str) -> Callable[[Run], None]:
    def change(ran: Run) -> None:
        data = ran.notebook.cells[4].outputs[0].data
        assert old in data["text/html"]
        data["text/html"] = data["text/html"].replace(old, new)

    return change


def add_output(output: Any) -> Callable[[Run], None]:
    return lambda ran: ran.notebook.cells[7].outputs.append(output)


def grow(ran: Run) -> None:
    ran.memory = 500


def leave(what: str) -> Callable[[Run], None]:
    return lambda ran: getattr(ran, what).append("something")


NEW = nbformat.v4.new_output
BROKEN = {
    "latency plot": (drop_outputs(4), "No latency plot"),
    "throughput plot": (drop_outputs(6), "No throughput plot"),
    "scapy headers": (drop_outputs(7), "No packet headers"),
    "objectives": (edit(0, "you can", "it is over"), "objectives"),
    "prerequisites": (edit(0, "You need", "Wanted"), "needs first"),
    "minutes": (edit(0, "2 minutes", "some time"), "minutes are missing"),
    "key points": (edit(10, "Key points", "The end"), "key points"),
    "label of svg": (html_edit("<svg ", "<svg><svg "), "<svg> without"),
    "label of picture": (
        html_edit('data-picture="latency" aria-label="', 'data-picture="latency" x="'),
        "latency picture without",
    ),
    "bare image": (add_output(NEW("display_data", {"image/png": "aGk="})), "cannot be described"),
    "img without alt": (
        add_output(NEW("display_data", {"text/html": "<img src='data:,'>"})),
        "<img> without alt",
    ),
    "error": (add_output(NEW("error", ename="E", evalue="v", traceback=[])), "raised E: v"),
    "stderr": (add_output(NEW("stream", name="stderr", text="oh")), "wrote to stderr: oh"),
    "long cell": (edit(1, "import socket", "\n".join(["import socket"] * 26)), "27 lines"),
    "question": (edit(8, "which way does it go?", "watch it go."), "no written question"),
    "memory": (grow, "The kernel took 500 MiB, more than 400."),
    "running": (leave("running"), "Left behind, running: something"),
    "threads": (leave("threads"), "Left behind, threads"),
    "sockets": (leave("sockets"), "Left behind, sockets"),
    "children": (leave("children"), "Left behind, children"),
    "descriptors": (leave("descriptors"), "Left behind, descriptors"),
    "namespaces": (leave("namespaces"), "Left behind, namespaces"),
    "files": (leave("files"), "Left behind, files"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_promise_is_named(good: Run, name: str) -> None:
    change, sentence = BROKEN[name]
    ran = copy_of(good)
    change(ran)
    broken = broken_promises(ran)
    assert len(broken) == 1, broken
    assert sentence in broken[0]


def test_what_a_notebook_really_leaves_behind_is_seen(tmp_path: Path) -> None:
    notebook = sample()
    left_open = notebook.cells[1].source + (
        "\nleft = socket.create_server(('127.0.0.1', 0))"
        "\nimport threading; threading.Thread(target=left.accept, daemon=True, name='idle').start()"
        "\nforgotten = serve_tcp(echo)"
        "\nimport os, subprocess, sys, tempfile; kept = open(os.devnull)"
        "\ntempfile.mkdtemp(prefix='forgotten-')"
        # A process of a process that has ended: nobody's child any more.
        '\nescaped = \'import subprocess, sys; subprocess.Popen([sys.executable, "-c", '
        '"import time; time.sleep(60)"], start_new_session=True)\''
        "\nsubprocess.run([sys.executable, '-c', escaped])"
    )
    notebook.cells[1].source = left_open
    broken = " ".join(broken_promises(run(notebook, tmp_path)))
    for sentence in (
        "running: echo: TCP server",
        "threads: ",
        "idle",
        "sockets: (addr(ip='127.0.0.1'",
        "descriptors: ",
        "/dev/null",
        "forgotten-",
    ):
        assert sentence in broken
    escaped = re.search(r"children: psutil\.Process\(pid=(\d+)", broken)
    assert escaped
    os.kill(int(escaped[1]), signal.SIGKILL)


def test_a_notebook_without_a_server_of_helpers_is_noticed(good: Run) -> None:
    ran = copy_of(good)
    ran.history = [line for line in ran.history if " server on " not in line]
    assert broken_promises(ran) == ["No server of helpers ran in the notebook's kernel."]


def test_cells_that_run_once_only_and_sections_that_need_others_are_seen(tmp_path: Path) -> None:
    code, markdown = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    notebook = nbformat.v4.new_notebook(
        cells=[
            code("import socket", id="setup"),
            markdown("## First"),
            code("def first(): return socket", id="first"),
            markdown("## Second\n\n(This needs `first` from [First](#First).)"),
            code("first()", id="second"),
            markdown("## Third"),
            code("first()", id="third"),
            markdown("## Fourth"),
            code("assert 'here' not in globals()\nhere = 1", id="once"),
        ]
    )
    again = [told for told in broken_promises(run(notebook, tmp_path, thoroughly=True))
             if told.startswith("Run again")]  # fmt: skip
    assert len(again) == 2
    assert "Cell once raised AssertionError" in again[0]  # run a second time
    assert "Cell third raised NameError: name 'first'" in again[1]  # run without the first


@pytest.mark.parametrize("what", ["nothing", "a thread", "an error"])
def test_under_nbval_the_promises_are_the_last_test(tmp_path: Path, what: str) -> None:
    if not this_machine().own_frames.here or os.environ.get(CHOICE) == RECORDING:
        pytest.skip("the sample has no recording of its own")
    notebook = sample()
    notebook.cells[3].source = notebook.cells[3].source.replace("name='00-first-packets'", "")
    notebook.cells[7].source += {
        "nothing": "",
        "a thread": "\nfrom threading import Event, Thread"
        "\nThread(target=Event().wait, daemon=True, name='idle').start()",
        "an error": "\nundefined",
    }[what]
    path = tmp_path / "99_sample.ipynb"
    nbformat.write(notebook, path)
    tests = Path(__file__).parent
    options = ["--nbval-lax", "--nbval-current-env", "-p", "notebooks_plugin"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", tmp_path, path],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)])},
        capture_output=True,
        text=True,
    )
    passed, failed, told = {
        "nothing": ("9 passed", "", ""),
        "a thread": ("8 passed", "1 failed", "Left behind, threads: <Thread(idle"),
        "an error": ("7 passed", "2 failed", "raised NameError: name 'undefined' is not defined."),
    }[what]
    assert all(each in done.stdout for each in (passed, failed, told)), done.stdout
