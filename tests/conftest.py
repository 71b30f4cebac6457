"""What all tests share: no trace in the learner's files, and servers that end."""

from __future__ import annotations

import os
import sys

import notebooks_plugin
import pytest

# Inherited by the kernels that run the notebooks.
os.environ.setdefault("COURSE_PROGRESS", "off")

LONGEST = ("test_widgets.py", "test_grading.py", "test_browser.py", "test_pages.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough",
        action="store_true",
        help="also what takes minutes: the notebooks' cells again and in another order, fuzzing",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(notebooks_plugin)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, then the notebooks: with -n 2 nobody waits for the last to end."""

    def rank(item: pytest.Item) -> int:
        if item.path.name in LONGEST:
            return LONGEST.index(item.path.name)
        return len(LONGEST) + (item.path.suffix != ".ipynb")

    items.sort(key=rank)


@pytest.fixture(scope="session")
def thorough(request: pytest.FixtureRequest) -> bool:
    """Whether the tests are to take their time."""
    return bool(request.config.getoption("--thorough"))


@pytest.fixture(params=["127.0.0.1", "::1"])
def host(request: pytest.FixtureRequest) -> str:
    """Loopback, over IPv4 and, where the machine has it, over IPv6."""
    from helpers import this_machine

    if request.param == "::1" and not this_machine().ipv6_loopback.here:
        pytest.skip("no IPv6 on loopback")
    return str(request.param)


@pytest.fixture(params=["raw", "own frame"])
def source(request: pytest.FixtureRequest) -> str:
    """Each live source of packets that this machine allows."""
    from helpers import this_machine

    machine = this_machine()
    ability = machine.raw_capture if request.param == "raw" else machine.own_frames
    if not ability.here:
        pytest.skip(f"no {ability.name.lower()}: {ability.why_not}")
    return str(request.param)


def pytest_report_header() -> str:
    from helpers import this_machine

    machine = this_machine()
    have = [ability.name.lower() for ability in machine.abilities if ability.here]
    return f"course: {', '.join(have)}; {machine.platform}; {sys.prefix}"
