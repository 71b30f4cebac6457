"""Where the course's side is measured: in a real Jupyter kernel, or in a plain Python process."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from rows import Absent

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PREPARE = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(HERE)!r}]; import json, ours"


class Caller(Protocol):
    """Calls a function of `ours` elsewhere, and gives back the numbers that it returned."""

    def __call__(self, function: str, *arguments: Any) -> dict[str, float]: ...


@contextmanager
def jupyter_kernel() -> Iterator[Caller]:
    """Start a kernel, as JupyterLab does, and yield what runs a cell in it."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3", cwd=str(ROOT))

    def run(cell: str) -> str:
        reply = client.execute(
            cell,
            store_history=False,
            user_expressions={"text": "json.dumps(result)"},
            allow_stdin=False,
            reply=True,
            timeout=120,
        )["content"]
        if reply["status"] == "ok":
            return str(reply["user_expressions"]["text"]["data"]["text/plain"])
        if reply["ename"] == Absent.__name__:
            raise Absent(reply["evalue"])
        raise RuntimeError("\n".join(reply["traceback"]))

    def call(function: str, *arguments: Any) -> dict[str, float]:
        text = run(f"result = ours.{function}(*{arguments!r})")
        return dict(json.loads(ast.literal_eval(text)))

    try:
        run(f"{PREPARE}; result = None")
        yield call
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def plain_process(function: str, *arguments: Any) -> dict[str, float]:
    """Call the function in a fresh Python process, which has no other threads."""
    code = f"{PREPARE}; print(json.dumps(ours.{function}(*{arguments!r})))"
    run = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    return dict(json.loads(run.stdout.splitlines()[-1]))
