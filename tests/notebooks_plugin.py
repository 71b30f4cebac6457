"""Runs the notebooks under nbval, and checks at the end of each what it promises.

nbval makes an item of each code cell. This adds, in the same kernel, a cell of ours before the
first one, and a last item, `Promises` (see `contract`). With `--thorough`, all cells come a
second time before that, and each section alone.
"""

from __future__ import annotations

import fnmatch
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from contract import AFTER, Run, again, before, broken_promises, started_with, streams
from nbval.plugin import IPyNbCell, IPyNbFile
from shapes import differences_between

from helpers import record, recordings
from helpers.capture import CHOICE
from helpers.machine import this_machine


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Any:
    """In place of each notebook that nbval collects, one that also keeps its promises."""
    collected = yield
    return [
        Notebook.from_parent(parent, path=file_path) if isinstance(each, IPyNbFile) else each
        for each in collected
    ]


class Notebook(IPyNbFile):  # type: ignore[misc]
    """A notebook in a kernel that has folders of its own: for its temporary files, and for what
    it records."""

    def collect(self) -> Iterator[pytest.Item]:
        cells = [Cell.of(self, item.name, item.cell_num, item.cell) for item in super().collect()]
        more = again(self.nb) if self.config.getoption("--thorough", False) else []
        codes = [cell for cell in more if cell.cell_type == "code"]
        repeated = [Cell.of(self, f"Again {n}", n, cell) for n, cell in enumerate(codes)]
        last = Promises.of(self, "Promises", 0, nbformat.v4.new_code_cell(AFTER))
        last.cells, last.repeated = cells, repeated
        self.items = [*cells, *repeated, last]
        yield from self.items

    def setup(self) -> None:
        self.folders = tempfile.TemporaryDirectory(prefix="course-test-")
        self.recorded, self.temporary = (Path(self.folders.name, name) for name in ("r", "t"))
        self.recorded.mkdir()
        self.temporary.mkdir()
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv(recordings.ASKED, str(self.recorded))
            environment.setenv("TMPDIR", str(self.temporary))
            super().setup()
        Cell.of(self, "Before", 0, nbformat.v4.new_code_cell(before())).runtest()

    def teardown(self) -> None:
        super().teardown()
        for item in self.items:
            item.test_outputs = None  # megabytes, and pytest keeps the items to its end
        self.folders.cleanup()


class Cell(IPyNbCell):  # type: ignore[misc]
    """One cell, run as JupyterLab does: by its id a cell that runs again is known
    (`helpers.lifetimes`)."""

    @classmethod
    def of(cls, notebook: Notebook, name: str, number: int, cell: Any) -> Any:
        raises = "raises-exception" in cell.metadata.get("tags", [])
        options = {"check": False, "skip": False, "check_exception": raises}
        return cls.from_parent(notebook, name=name, cell_num=number, cell=cell, options=options)

    def runtest(self) -> None:
        self.parent.kernel.kc.session.metadata = {"cellId": self.cell.id}
        super().runtest()

    def reportinfo(self) -> tuple[Any, int, str]:
        return self.path, 0, f"{self.path.name}: {self.name} ({self.cell.id})"


class Promises(Cell):
    """After the last cell: what the notebook showed, and what its kernel has left."""

    cells: list[Cell]
    repeated: list[Cell]

    def runtest(self) -> None:
        if any(cell.test_outputs is None for cell in self.cells):
            pytest.skip("only some of the cells ran")
        super().runtest()
        told = json.loads("".join(output["text"] for output in self.test_outputs))
        self.parent.kernel.stop()
        told["children"] += started_with(str(self.parent.temporary))
        executed = self.parent.nb.copy()
        shown = {cell.cell.id: cell.test_outputs for cell in self.cells}
        executed.cells = [
            nbformat.from_dict({**cell, "outputs": shown[cell.id]}) if cell.id in shown else cell
            for cell in executed.cells
        ]
        repeated = [
            nbformat.from_dict({**item.cell, "outputs": item.test_outputs or []})
            for item in self.repeated
        ]
        broken = broken_promises(Run(executed, repeated, **told)) + self.unlike_recordings(executed)
        if broken:
            pytest.fail("\n".join(broken), pytrace=False)

    def unlike_recordings(self, executed: Any) -> list[str]:
        """One sentence for each way in which what ran here is not what learners elsewhere see."""
        found = []
        # A recording is for machines that lack something, never for a network that broke.
        if "could not be built" in "".join(streams(executed, "stdout")):
            found.append("A private network could not be built.")
        machine = this_machine()
        if not (machine.raw_capture.here and machine.private_networks.here) or CHOICE in os.environ:
            return found
        ran = recordings.names(self.parent.recorded)
        pattern = record.recordings_of(self.path.stem)
        kept = fnmatch.filter(recordings.names(), pattern)
        if ran != kept:
            found.append(f"Recorded are {kept}; here ran {ran}.")
        return found + differences_between(self.parent.recorded, recordings.FOLDER)

    def repr_failure(self, excinfo: Any) -> str:
        return str(excinfo.value)
