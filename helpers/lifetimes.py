"""What runs in the background of this kernel, and which cell started it.

A server outlives its cell if it is not in a `with` block. Two rules keep the kernel
clean all the same: a cell that runs again first ends what it had started before, and
the kernel's exit ends the rest.
"""

from __future__ import annotations

import atexit
import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Running:
    """Something that runs, the cell that started it, and how to end it."""

    description: str
    cell: str | None
    run: str | None
    stop: Callable[[], None]


_running: dict[int, Running] = {}
# One line for each thing ever started here: by it a test knows that a notebook's
# server really ran in the notebook's own kernel.
history: list[str] = []


def remember(thing: object, stop: Callable[[], None], description: str) -> None:
    """Note that `thing` runs until `stop()`; end what an earlier run of this cell started."""
    cell, run = this_cell()
    for old in running():
        if cell is not None and old.cell == cell and old.run != run:
            old.stop()
    _running[id(thing)] = Running(description, cell, run, stop)
    history.append(description)


def forget(thing: object) -> None:
    """Note that `thing` has ended."""
    _running.pop(id(thing), None)


def running() -> list[Running]:
    """What runs at this moment, oldest first."""
    return list(_running.values())


@atexit.register
def stop_all() -> None:
    """End everything that still runs, the newest first: it may need what was there before.

    What one of them raises keeps none of the others from its end.
    """
    with contextlib.ExitStack() as stack:
        for old in running():
            stack.callback(old.stop)


def this_cell() -> tuple[str | None, str | None]:
    """The running cell's id and this run's own number; None where there is no notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "get_parent"):  # a terminal's IPython has none
        return None, None
    request = shell.get_parent()
    cell = request.get("metadata", {}).get("cellId")
    return cell, request.get("header", {}).get("msg_id")
