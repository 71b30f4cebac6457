"""Run every notebook and record its captures anew: `python -m helpers.record`.

Needs raw capture: root, on Linux. The recordings are played where nothing can be captured.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from .machine import this_machine
from .recordings import ASKED, FOLDER

CELL_SECONDS = 120


def execute(
    notebook: Any, folder: Path, environment: dict[str, str] | None = None, *, go_on: bool = False
) -> None:
    """Run a notebook's cells in a fresh kernel of this Python, and keep their outputs in it.

    What a slider's function shows becomes an output of its cell, and so does its error.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Is changed: it gets the outputs.
    folder : Path
        Where its kernel runs.
    environment : dict, optional
        Variables for the kernel, besides those of this process.
    go_on : bool
        Run the cells after a failed one too, instead of raising CellExecutionError.
    """
    from nbclient import NotebookClient

    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        allow_errors=go_on,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    # Otherwise nbclient plays the part of the output widgets, and now and then misses a reply.
    client.widget_registry = {}
    client.execute(env={**os.environ, **(environment or {})})


def main() -> None:
    """Record the captures of all notebooks, or of those named on the command line."""
    import nbformat

    if not this_machine().raw_capture.here:
        sys.exit("Recording needs raw capture: run it as root, on Linux.")
    course = sorted(Path(__file__).parents[1].glob("notebooks/*.ipynb"))
    notebooks = [Path(name) for name in sys.argv[1:]] or course
    for done, path in enumerate(notebooks, 1):
        print(f"{done} of {len(notebooks)}: {path.name}")
        notebook = nbformat.read(path, as_version=4)
        execute(notebook, path.parent, {ASKED: str(FOLDER), "COURSE_PROGRESS": "off"})


if __name__ == "__main__":
    main()
