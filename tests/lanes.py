"""Tests side by side, with `pytest -n 2`: a plugin.

Most tests wait more than they work, so two at a time take little more than half the time. The
tests of a file stay together, and the longest files begin. What measures says so, and runs
while no other worker runs anything:

    pytestmark = pytest.mark.alone
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

# Minutes each. Were they the last to begin, they would be waited for.
LONGEST = ("test_widgets.py", "test_grading.py", "test_browser.py", "test_pages.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, then the notebooks, then the rest."""

    def rank(item: pytest.Item) -> int:
        if item.path.name in LONGEST:
            return LONGEST.index(item.path.name)
        return len(LONGEST) + (item.path.suffix != ".ipynb")

    items.sort(key=rank)


class Lanes:
    """In the process that deals the tests out: where its workers wait for each other."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="course-lanes-")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["lanes"] = self.folder.name

    def pytest_unconfigure(self) -> None:
        self.folder.cleanup()


def pytest_configure(config: pytest.Config) -> None:
    if getattr(config.option, "numprocesses", None):
        config.pluginmanager.register(Lanes())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Any:
    folder = getattr(item.config, "workerinput", {}).get("lanes")
    if not folder or os.name != "posix":
        return (yield)
    with _turn(Path(folder), alone=item.get_closest_marker("alone") is not None):
        return (yield)


@contextmanager
def _turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Wait until a test may run: beside others, or alone (flock(2))."""
    import fcntl

    with (folder / "door").open("wb") as door, (folder / "room").open("wb") as room:
        # Who waits for an empty room stands in the door: nobody enters before.
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield
