"""A real Jupyter kernel, in which the course's side is measured.

The threads that a kernel has besides do not disturb: the same echo in a plain Python process,
in turns with one in a kernel, took as long (p50, 9 pairs: ratios from 0.98 to 1.01).
"""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rows import Absent

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PREPARE = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(HERE)!r}]; import json, ours"

Caller = Callable[..., dict[str, float]]  # calls the function of `ours` that it is told


@contextmanager
def jupyter_kernel() -> Iterator[Caller]:
    """Start a kernel, as JupyterLab does, and yield what runs a cell in it."""
    from jupyter_client.manager import start_new_kernel

    # Without its standard error: scapy's and the kernel's own warnings concern nobody here.
    manager, client = start_new_kernel(cwd=str(ROOT), stderr=subprocess.DEVNULL)

    def call(function: str, *arguments: Any) -> dict[str, float]:
        reply = client.execute(
            f"{PREPARE}; text = json.dumps(ours.{function}(*{arguments!r}))",
            store_history=False,
            stop_on_error=False,  # else it refuses whatever comes soon after an Absent
            user_expressions={"text": "text"},
            reply=True,
            timeout=120,
        )["content"]
        if reply["status"] == "ok":
            text = reply["user_expressions"]["text"]["data"]["text/plain"]
            return dict(json.loads(ast.literal_eval(text)))
        if reply["ename"] == Absent.__name__:
            raise Absent(reply["evalue"])
        raise RuntimeError("\n".join(reply["traceback"]))

    try:
        yield call
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
