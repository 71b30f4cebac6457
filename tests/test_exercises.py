"""Every exercise, three ways; and no notebook that gives a solution away."""

from __future__ import annotations

import json
import linecache
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from helpers import progress_file
from helpers.exercises import Exercise, exercise, registry
from helpers.practice import Verdict, check

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
ALL = list(registry().values())
WRONG = [
    pytest.param(each, code, id=f"{each.key}: {name}")
    for each in ALL
    for name, code in each.wrong.items()
]


@pytest.fixture(autouse=True)
def _progress_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    progress_file._kept.cache_clear()


def defined(asked: Exercise, code: str) -> Any:
    """What the code defines, made as a notebook cell would make it."""
    cell = f"/tmp/ipykernel_1/{asked.key}.py"
    linecache.cache[cell] = (len(code), None, code.splitlines(keepends=True), cell)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(code, cell, "exec"), namespace)
    return namespace[asked.name]


def verdict_on(asked: Exercise, code: str) -> Verdict:
    return check(asked.key, defined(asked, code))


@pytest.mark.parametrize("asked", ALL, ids=lambda each: each.key)
def test_the_untouched_starter_is_not_attempted(asked: Exercise) -> None:
    assert verdict_on(asked, asked.starter).status == "not attempted"
    assert progress_file.kept().read()["exercises"] == {}


@pytest.mark.parametrize("asked", ALL, ids=lambda each: each.key)
def test_the_reference_solution_passes(asked: Exercise) -> None:
    verdict = verdict_on(asked, asked.solution)
    assert verdict.status == "passed", verdict


@pytest.mark.parametrize(("asked", "code"), WRONG)
def test_a_wrong_answer_is_diagnosed(asked: Exercise, code: str) -> None:
    verdict = verdict_on(asked, code)
    assert verdict.status == "not yet"
    finding = verdict.finding
    assert finding is not None
    assert asked.name in finding.call, "the failing call is not named"
    compared = finding.expected is not None or finding.got is not None
    assert compared or asked.name in finding.message or "of your cell" in finding.message
    assert len(finding.message) >= 30


@pytest.mark.parametrize("asked", ALL, ids=lambda each: each.key)
def test_an_exercise_is_complete(asked: Exercise) -> None:
    assert re.fullmatch(r"\d\d-[a-z0-9-]+", asked.key)
    assert asked.statement.strip()
    assert asked.name in asked.statement
    assert asked.hints
    assert asked.wrong
    assert "...  # your code" in asked.starter
    cell = asked.starter.strip().splitlines()
    assert len(cell) <= 12


def test_a_failure_names_the_learners_own_line() -> None:
    asked = exercise("00-percentile")
    verdict = verdict_on(asked, "def percentile(samples, p):\n    return samples[100]\n")
    assert "in line 2 of your cell: return samples[100]" in repr(verdict)
    assert "findings.py" not in repr(verdict)


def test_the_smallest_failing_case_is_reported() -> None:
    asked = exercise("01-goodput")
    verdict = verdict_on(asked, asked.wrong["one header for all"])
    assert verdict.finding is not None
    assert verdict.finding.call == "goodput_share(1449, 66, 1448)"


def test_a_packet_with_options_is_shown_to_who_ignores_them() -> None:
    asked = exercise("00-ports")
    verdict = verdict_on(asked, asked.wrong["takes every IPv4 header for 20 bytes"])
    assert verdict.finding is not None
    assert verdict.finding.packet is not None
    assert verdict.finding.packet[14] == 0x46
    assert "bytes 38 and 39" in verdict.finding.message
    assert 'data-picture="byte map"' in verdict.html()


TRANSPORTS = ("07-stop-and-wait", "07-go-back-n", "07-selective-repeat", "07-reassembler")


@pytest.mark.parametrize(
    ("asked", "code"), [case for case in WRONG if case.values[0].key in TRANSPORTS]
)
def test_a_failure_of_the_learners_transport_names_a_behaviour_and_has_a_ladder(
    asked: Exercise, code: str
) -> None:
    verdict = verdict_on(asked, code)
    assert verdict.finding is not None
    assert re.match(r"[a-z_]+: ", verdict.finding.message)
    story = verdict.finding.story
    assert story is not None
    assert {"wrong", "expected"} <= {step.what for step in story}
    page = verdict.html()
    assert 'data-picture="story"' in page
    assert asked.name in page
    assert ('data-fate="lost"' in page) == any(step.fate == "lost" for step in story)


def test_the_transports_checks_name_these_behaviours() -> None:
    named = set()
    for key in TRANSPORTS:
        for code in exercise(key).wrong.values():
            finding = verdict_on(exercise(key), code).finding
            assert finding is not None
            named.add(finding.message.partition(":")[0])
    wanted = {"retransmits_after_timeout", "does_not_deliver_twice", "stops_at_window"}
    assert wanted <= named


@pytest.mark.parametrize("key", TRANSPORTS)
def test_a_transport_that_raises_or_loops_has_a_ladder_too(key: str) -> None:
    asked = exercise(key)
    if key == "07-reassembler":
        at, wanted = "        self.early[n] = data\n", "on_piece(0) fails"
    else:
        at, wanted = "    def start(self):\n", "start() fails"
    for trouble in ("raise RuntimeError('oh')", "while True: pass"):
        inside = f"{at}        {trouble}\n"
        assert at in asked.solution
        finding = verdict_on(asked, asked.solution.replace(at, inside)).finding
        assert finding is not None
        assert finding.story is not None
        assert wanted in [step.text for step in finding.story]
    made = asked.solution.replace("        self.", "        self.nothing.", 1)
    finding = verdict_on(asked, made).finding
    assert finding is not None
    assert finding.story is not None
    assert finding.story[0].what == "wrong"


def test_the_frames_of_the_exercises_are_what_scapy_would_send() -> None:
    from scapy.layers.l2 import Ether

    from helpers.exercises import layers_peel, start_ports

    for frame in (
        start_ports.PLAIN,
        start_ports.WITH_OPTION,
        layers_peel.PLAIN,
        layers_peel.WITH_OPTION,
        layers_peel.PADDED,
    ):
        packet = Ether(frame)
        for layer in packet.layers()[1:3]:
            del packet[layer].chksum
        assert bytes(packet) == frame, packet.summary()


def test_an_unknown_exercise_is_a_clear_error() -> None:
    with pytest.raises(ValueError, match="no exercise '01-wrapp'"):
        check("01-wrapp", lambda: None)


# ------------------------------------------------------------------ the notebooks


def cells(notebook: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(notebook.read_text())["cells"]]


def telling_lines(code: str, asked: Exercise) -> list[str]:
    """The lines that are the solution's own: no imports, no docstrings, none of the starter's."""
    given = {line.strip() for line in asked.starter.splitlines()}
    stripped = [line.strip() for line in code.splitlines()]
    return [
        line
        for line in stripped
        if line
        and line not in given
        and not line.startswith(("import ", "from ", "def ", "#", '"""'))
    ]


# So many lines in a row are no idiom that everybody writes; a shorter solution counts whole.
IN_A_ROW = 3


def leaked(cell: str, asked: Exercise) -> bool:
    """Whether lines of the solution that follow each other do so in the cell, too."""
    return holds(shaped(cell.splitlines()), asked.key)


def holds(lines: list[str], key: str) -> bool:
    telling = solution_lines(key)
    size = min(IN_A_ROW, len(telling))
    return not runs(telling, size).isdisjoint(runs(lines, size))


def runs(lines: list[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(lines[at : at + size]) for at in range(len(lines) - size + 1)}


def shaped(lines: list[str]) -> list[str]:
    """Spaces and quotes do not matter: code may be set in another way."""
    return [re.sub(r"[\s\"'()]", "", line) for line in lines]


@cache
def solution_lines(key: str) -> list[str]:
    return shaped(telling_lines(exercise(key).solution, exercise(key)))


def test_no_notebook_holds_a_solution() -> None:
    for notebook in NOTEBOOKS.glob("*.ipynb"):
        for number, cell in enumerate(cells(notebook)):
            lines = shaped(cell.splitlines())
            held = [asked.key for asked in ALL if holds(lines, asked.key)]
            assert held == [], f"{notebook.name}, cell {number}"


@pytest.mark.parametrize("asked", ALL, ids=lambda each: each.key)
def test_a_leaked_solution_would_be_noticed(asked: Exercise) -> None:
    assert leaked(f"# my notes\n{asked.solution}", asked)
    assert not leaked(asked.starter, asked)
    assert not leaked(asked.statement, asked)


def test_each_checked_exercise_has_its_starter_in_a_cell_before() -> None:
    for notebook in NOTEBOOKS.glob("*.ipynb"):
        sources = cells(notebook)
        for number, cell in enumerate(sources):
            for key in re.findall(r"""\bcheck\(["']([^"']+)["']""", cell):
                starters = [source.strip() for source in sources[:number]]
                assert exercise(key).starter.strip() in starters, f"{notebook.name}: {key}"


@pytest.mark.parametrize("asked", ALL, ids=lambda each: each.key)
def test_each_exercise_has_its_statement_in_a_cell(asked: Exercise) -> None:
    number = asked.key.partition("-")[0]
    texts = [cell for path in NOTEBOOKS.glob(f"{number}*.ipynb") for cell in cells(path)]
    headed = [text.partition("\n") for text in texts if text.startswith("### Exercise: ")]
    assert asked.statement.strip() in [rest.strip() for _, _, rest in headed]
