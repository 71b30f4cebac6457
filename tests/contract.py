"""What every notebook of the course promises, checked on what it really produced.

The notebook runs in a kernel of its own, with one cell of ours before the first and one
after the last: they tell what ran in that kernel, and what was left of it.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from statistics import median
from typing import Any

import nbformat

from helpers.capture import CHOICE
from helpers.packets import RECORDING
from helpers.record import execute

MOST_LINES = 25

# Both run in the notebook's kernel. Connections of the kernel itself are there before.
BEFORE = """
import psutil as _psutil, threading as _threading
_process = _psutil.Process()
_sockets_before = {(c.laddr, c.raddr) for c in _process.net_connections("all") if c.laddr}
_threads_before = set(_threading.enumerate())
"""
# A machine that is not Linux, as far as that can be had on Linux: what is imported before is
# left alone. Set where the tests are to run with recordings only.
ELSEWHERE = """
import asyncio, multiprocessing, os, socket, ssl, subprocess, sys, tempfile
import hypothesis, ipywidgets, matplotlib, numpy, psutil, scapy.all, scapy.layers.inet6, tqdm.auto
for _module, _names in {
    socket: "AF_NETLINK AF_PACKET IPV6_RECVERR IP_RECVERR MSG_ERRQUEUE SO_BINDTODEVICE SO_MARK "
            "TCP_CONGESTION TCP_CORK TCP_INFO TCP_KEEPIDLE TCP_QUICKACK TCP_USER_TIMEOUT",
    os: "eventfd memfd_create sched_getaffinity sched_setaffinity setns unshare",
}.items():
    for _name in _names.split():
        if hasattr(_module, _name):
            delattr(_module, _name)
sys.platform = "darwin"
"""
AFTER = """
import gc as _gc, json as _json
from helpers import lifetimes as _lifetimes
_gc.collect()
_left = {
    (c.laddr, c.raddr)
    for c in _process.net_connections("all")
    if c.laddr and c.status != "TIME_WAIT"
}
print(_json.dumps({
    "history": _lifetimes.history,
    "running": [thing.description for thing in _lifetimes.running()],
    "threads": [thread.name for thread in set(_threading.enumerate()) - _threads_before
                # pyzmq starts one of its own for large outputs.
                if not type(thread).__module__.startswith("zmq.")],
    "sockets": [str(s) for s in _left - _sockets_before],
    "children": [str(child) for child in _process.children()],
}))
"""


@dataclass
class Run:
    """A notebook as it was executed, and what its kernel said of itself afterwards."""

    notebook: Any
    history: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)


def run(notebook: Any, folder: Path, environment: dict[str, str] | None = None) -> Run:
    """Execute a copy of the notebook in a fresh kernel, in `folder`."""
    copy = nbformat.from_dict(json.loads(json.dumps(notebook)))
    elsewhere = os.environ.get(CHOICE) == RECORDING
    before = ELSEWHERE + BEFORE if elsewhere else BEFORE
    copy.cells.insert(0, nbformat.v4.new_code_cell(before))
    copy.cells.append(nbformat.v4.new_code_cell(AFTER))
    execute(copy, folder, environment, go_on=True)
    told = json.loads(copy.cells[-1].outputs[0]["text"])
    del copy.cells[0], copy.cells[-1]
    return Run(copy, **told)


def broken_promises(ran: Run) -> list[str]:
    """One sentence for each promise that the executed notebook does not keep."""
    pictures = [page for page in _html(ran.notebook) if "data-picture" in page]
    text = "".join(streams(ran.notebook, "stdout"))
    prose = "\n".join(cell.source for cell in ran.notebook.cells if cell.cell_type == "markdown")
    checks = {
        "No server of helpers ran in the notebook's kernel.": any(
            " server on " in line and "of this process" in line for line in ran.history
        ),
        "No latency plot was produced.": _has_picture(pictures, "latency"),
        "No throughput plot was produced.": _has_picture(pictures, "throughput"),
        "No packet headers were shown by scapy.": "###[ IP" in text or "###[ Ethernet" in text,
        "The objectives are missing: 'After this notebook you can', and a list.": bool(
            re.search(r"^After this notebook you can\s*\n+- ", prose, re.M)
        ),
        "What the learner needs first is missing: 'You need: …'.": "\nYou need: " in prose,
        "The minutes are missing: 'Time: …'.": bool(re.search(r"^Time: \d+ minutes", prose, re.M)),
        "The key points are missing: '## Key points', and a list.": bool(
            re.search(r"^## Key points\s*\n+- ", prose, re.M)
        ),
    }
    broken = [sentence for sentence, kept in checks.items() if not kept]
    broken += _undescribed(ran.notebook) + _complaints(ran.notebook)
    broken += _long_cells(ran.notebook) + _sliders_without_question(ran.notebook)
    for what in ("running", "threads", "sockets", "children"):
        left = getattr(ran, what)
        if left:
            broken.append(f"Left behind, {what}: {', '.join(left)}.")
    return broken


def _has_picture(pages: list[str], kind: str) -> bool:
    return any(f'data-picture="{kind}"' in page for page in pages)


def _outputs(notebook: Any) -> list[tuple[Any, Any]]:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [(cell, output) for cell in cells for output in cell.outputs]


def _html(notebook: Any) -> list[str]:
    return [
        output["data"]["text/html"]
        for _, output in _outputs(notebook)
        if "text/html" in output.get("data", {})
    ]


def streams(notebook: Any, name: str) -> list[str]:
    """What the cells wrote to "stdout" or "stderr"."""
    return [o["text"] for _, o in _outputs(notebook) if o.get("name") == name]


class _Descriptions(HTMLParser):
    """Finds pictures that carry no description."""

    def __init__(self) -> None:
        super().__init__()
        self.missing: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = dict(attrs)
        if tag == "img" and not have.get("alt"):
            self.missing.append("an <img> without alt")
        if tag == "svg" and not (have.get("aria-label") or have.get("aria-hidden") == "true"):
            self.missing.append("an <svg> without aria-label")
        if "data-picture" in have and not have.get("aria-label"):
            self.missing.append(f"a {have['data-picture']} picture without aria-label")


def _undescribed(notebook: Any) -> list[str]:
    parser = _Descriptions()
    for page in _html(notebook):
        parser.feed(page)
    bare = [
        f"an {mime} output, which cannot be described"
        for _, output in _outputs(notebook)
        for mime in output.get("data", {})
        if mime.startswith("image/")
    ]
    return [f"A picture has no alternative text: {what}." for what in parser.missing + bare]


def _complaints(notebook: Any) -> list[str]:
    found = []
    for cell, output in _outputs(notebook):
        expected = "raises-exception" in cell.metadata.get("tags", [])
        if output.output_type == "error" and not expected:
            found.append(f"Cell {cell.id} raised {output.ename}: {output.evalue}.")
        if output.get("name") == "stderr":
            found.append(f"Cell {cell.id} wrote to stderr: {output['text'][:200]}")
    return found


def _long_cells(notebook: Any) -> list[str]:
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    lengths = {cell.id: len(cell.source.strip().splitlines()) for cell in codes}
    found = [
        f"Cell {name} has {length} lines of code; {MOST_LINES} are the most."
        for name, length in lengths.items()
        if length > MOST_LINES
    ]
    if lengths and median(lengths.values()) > 4:
        found.append(f"Half of the code cells have {median(lengths.values())} lines or more.")
    return found


def _sliders_without_question(notebook: Any) -> list[str]:
    found, before = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            before = cell.source
        elif re.search("^@(interact|explore)", cell.source, re.M) and "?" not in before:
            found.append(f"The slider of cell {cell.id} has no written question above it.")
    return found
