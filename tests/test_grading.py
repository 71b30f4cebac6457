"""Three invented learners hand in their notebooks, and nbgrader grades them.

Needs nbgrader (the grading extra), but for the tests of the metadata.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from test_exercises import defined

from helpers.exercises import Exercise, exercise
from helpers.grading import NOTEBOOKS, marked, metadata
from helpers.panels import WIDGET, paragraph
from helpers.practice import GRADING, check

GRADED = ("00_start_here", "01_layers")  # the quickest to run
ASSIGNMENT = "first-steps"
COMMAND = "python -m helpers.grading"

needs_nbgrader = pytest.mark.skipif(
    importlib.util.find_spec("nbgrader") is None,
    reason="nbgrader is not installed: pip install -r .ci/grading-requirements.txt",
)


# ------------------------------------------------------------------ the metadata


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_check_cell_of_every_exercise_has_nbgraders_metadata(path: Path) -> None:
    written = path.read_text("utf-8")
    if marked(written) != written:
        pytest.fail(f"Run: {COMMAND}", pytrace=False)
    notebook = nbformat.reads(written, as_version=4)
    starters = [
        at for at, c in enumerate(notebook.cells) if "exercise" in c.metadata.get("tags", [])
    ]
    after = "each check cell follows a starter cell with the tag 'exercise'"
    assert [at - 1 for at, _ in checks(notebook)] == starters, after


def test_nothing_but_metadata_is_written_and_that_once() -> None:
    before = (NOTEBOOKS / f"{GRADED[0]}.ipynb").read_text("utf-8")
    bare = nbformat.reads(before, as_version=4)
    for cell in bare.cells:
        cell.metadata.pop("nbgrader", None)
    without = nbformat.writes(bare) + "\n"
    after = marked(without)
    assert marked(after) == after
    for cell, other in zip(bare.cells, nbformat.reads(after, as_version=4).cells, strict=True):
        told = other.metadata.pop("nbgrader", None)
        assert other == cell
        assert (told is not None) == other.source.startswith("check(")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('check(\\"00-ports\\"', 'check(\\"00-percentile\\"', "00-percentile is checked twice"),
        ('check(\\"00-ports\\"', 'check(\\"00-port\\"', "no exercise '00-port'"),
        ("\n ", "\n  ", "not written as nbformat writes it"),
    ],
)
def test_a_notebook_that_cannot_be_graded_is_a_clear_error(
    old: str, new: str, sentence: str
) -> None:
    written = (NOTEBOOKS / f"{GRADED[0]}.ipynb").read_text("utf-8")
    assert old in written
    with pytest.raises(ValueError, match=sentence):
        marked(written.replace(old, new))


# ------------------------------------------------------------------ the points of one verdict


LEAKS = """\
def percentile(samples, p):
    import socket
    percentile.opened = socket.socket()
    ordered = sorted(samples)
    return ordered[max(-(-p * len(ordered) // 100), 1) - 1]
"""


def test_nbgrader_reads_points_where_the_learner_reads_a_diagnosis(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = exercise("00-percentile")
    told = {}
    for name, code in {
        "blank": asked.starter,
        "wrong": next(iter(asked.wrong.values())),
        "right, but leaks": LEAKS,
        "right": asked.solution,
    }.items():
        verdict = check(asked.key, defined(asked, code))
        shown = verdict._repr_mimebundle_()
        assert WIDGET in shown
        assert shown["text/plain"] == repr(verdict)
        with monkeypatch.context() as patch:
            patch.setenv(GRADING, "autograde")
            graded = verdict._repr_mimebundle_()
        assert WIDGET not in graded, "a page of feedback has no kernel behind it"
        assert graded["text/html"] == verdict.html()
        told[name] = float(graded["text/plain"])
    most = float(asked.points)
    left_open = 0 if sys.platform == "win32" else most / 2  # seen only where there is fork
    assert told == {"blank": 0, "wrong": 0, "right, but leaks": left_open, "right": most}


# ------------------------------------------------------------------ three learners


def checks(notebook: Any) -> list[tuple[int, str]]:
    """The graded cells of a notebook: where they are, and the exercise of each."""
    graded = [(place, cell.metadata.get("nbgrader")) for place, cell in enumerate(notebook.cells)]
    return [(place, told.grade_id) for place, told in graded if told]


def right(asked: Exercise, _number: int) -> str:
    return asked.solution


def wrong(asked: Exercise, number: int) -> str:
    """The first exercise of a notebook is solved, the others are not."""
    return next(iter(asked.wrong.values())) if number else asked.solution


def blank(asked: Exercise, _number: int) -> str:
    return asked.starter


LEARNERS = {"blank": blank, "wrong": wrong, "right": right}


def nbgrader(folder: Path, *arguments: str) -> None:
    bin_folder = str(Path(sys.executable).parent)
    # It calls alembic by name.
    path = os.pathsep.join([bin_folder, os.environ.get("PATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class of three: the folder in which their assignment was released and graded."""
    folder = tmp_path_factory.mktemp("class")
    source = folder / "source" / ASSIGNMENT
    source.mkdir(parents=True)
    for name in GRADED:
        (source / f"{name}.ipynb").write_bytes((NOTEBOOKS / f"{name}.ipynb").read_bytes())
    nbgrader(folder, "generate_assignment", ASSIGNMENT)
    for learner, answer in LEARNERS.items():
        handed_in = folder / "submitted" / learner / ASSIGNMENT
        handed_in.mkdir(parents=True)
        for name in GRADED:
            notebook = nbformat.read(released(folder, name), as_version=4)
            for number, (place, key) in enumerate(checks(notebook)):
                notebook.cells[place - 1].source = answer(exercise(key), number)
            nbformat.write(notebook, handed_in / f"{name}.ipynb")
    nbgrader(folder, "autograde", ASSIGNMENT, "--Execute.timeout=120")
    nbgrader(folder, "generate_feedback", ASSIGNMENT)
    return folder


def released(folder: Path, name: str) -> Path:
    return folder / "release" / ASSIGNMENT / f"{name}.ipynb"


@needs_nbgrader
@pytest.mark.parametrize("name", GRADED)
def test_the_release_has_the_starters_as_they_are_and_no_solution(graded: Path, name: str) -> None:
    ours = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    theirs = nbformat.read(released(graded, name), as_version=4)
    assert [cell.source for cell in theirs.cells] == [cell.source for cell in ours.cells]
    for place, key in checks(theirs):
        starter, checking = theirs.cells[place - 1 : place + 1]
        assert starter.source.strip() == exercise(key).starter.strip()
        assert starter.metadata.get("editable", True)
        assert not checking.metadata.editable


@needs_nbgrader
def test_each_learner_gets_the_points_of_what_is_right(graded: Path) -> None:
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{graded / 'gradebook.db'}") as book:
        for name in GRADED:
            points = {}
            for learner in LEARNERS:
                submission = book.find_submission_notebook(name, ASSIGNMENT, learner)
                points[learner] = {grade.name: grade.auto_score for grade in submission.grades}
                worth = {key: metadata(key)["points"] for key in points[learner]}
                assert submission.max_score == sum(worth.values())
            keys = [key for _, key in checks(nbformat.read(released(graded, name), as_version=4))]
            assert points["blank"] == dict.fromkeys(keys, 0)
            assert points["right"] == {key: worth[key] for key in keys}
            assert points["wrong"] == {**dict.fromkeys(keys, 0), keys[0]: worth[keys[0]]}


@needs_nbgrader
@pytest.mark.parametrize("name", GRADED)
def test_the_feedback_says_what_is_wrong(graded: Path, name: str) -> None:
    page = (graded / "feedback" / "wrong" / ASSIGNMENT / f"{name}.html").read_text("utf-8")
    for place, key in checks(nbformat.read(released(graded, name), as_version=4))[1:]:
        asked = exercise(key)
        verdict = check(key, defined(asked, wrong(asked, place)))
        assert verdict.finding is not None
        assert f"Not yet ({key})" in page
        assert paragraph(verdict.finding.message) in page
