"""Run every notebook and record its captures and experiments anew: `python -m helpers.record`.

Needs raw capture and private networks: root, on Linux. The recordings are played where
packets cannot be captured, or hosts cannot be made.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from .experiments import SWEEP
from .machine import this_machine
from .recordings import ASKED, FOLDER

CELL_SECONDS = 120


def recordings_of(notebook: str) -> str:
    """The names of a notebook's recordings, as a pattern: "05b-*" for "05b_flow_control"."""
    return f"{notebook.partition('_')[0]}-*"


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

    def tell_which(cell: Any, **_: Any) -> None:
        """As JupyterLab does: by it a cell that runs again is known (`helpers.lifetimes`)."""
        assert client.kc is not None
        client.kc.session.metadata = {"cellId": cell.id}

    client.on_cell_start = tell_which
    client.execute(env={**os.environ, **(environment or {})})


def main() -> None:
    """Record anew what the notebooks named on the command line record, or all of them."""
    import nbformat

    machine = this_machine()
    for ability in (machine.raw_capture, machine.private_networks):
        if not ability.here:
            sys.exit(f"Recording needs root, on Linux. {ability.name}: {ability.why_not}")
    course = sorted(Path(__file__).parents[1].glob("notebooks/*.ipynb"))
    notebooks = [Path(name) for name in sys.argv[1:]] or course
    environment = {SWEEP: "1", "COURSE_PROGRESS": "off"}
    for done, path in enumerate(notebooks, 1):
        print(f"{done} of {len(notebooks)}: {path.name}")
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as folder:
            execute(notebook, path.parent, {ASKED: folder, **environment})
            # Only now, when all went well, and with what is no longer recorded left out.
            for old in FOLDER.glob(recordings_of(path.stem)):
                old.unlink()
            for new in Path(folder).iterdir():
                shutil.copy(new, FOLDER)


if __name__ == "__main__":
    main()
