"""The progress file: kept whole, merged, never overwritten when it is not understood."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import progress_file
from helpers.progress_file import Progress, kept, place, progress

TRY = "01-wrap"


def tried(keeper: Progress, key: str = TRY) -> None:
    keeper.change("exercises", key, lambda entry: entry.update(tries=entry.get("tries", 0) + 1))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "progress.json"


def test_progress_is_there_again_in_another_kernel(file: Path) -> None:
    tried(Progress(file))
    tried(Progress(file))
    assert Progress(file).read()["exercises"] == {TRY: {"tries": 2}}
    assert [path.name for path in file.parent.iterdir()] == ["progress.json"]


def test_two_notebooks_do_not_lose_each_others_entries(file: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from helpers.progress_file import Progress\n"
        "keeper = Progress(Path(sys.argv[1]))\n"
        "for n in range(50):\n"
        "    keeper.change('predictions', f'{sys.argv[2]}-{n}', lambda entry: entry.update(x=1))\n"
        "    keeper.change('exercises', 'both', lambda e: e.update(n=e.get('n', 0) + 1))\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(file), name]) for name in ("one", "two")
    ]
    assert [writer.wait(30) for writer in writers] == [0, 0]
    state = Progress(file).read()
    assert len(state["predictions"]) == 100
    assert state["exercises"]["both"]["n"] == 100


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"version": 1}', '{"version": 1, "exercises": {"a": 3}}', "\x00\xff"],
)
def test_a_damaged_file_is_set_aside_and_told_once(file: Path, content: str) -> None:
    file.with_name("progress.damaged-1.json").write_text("an earlier one")
    file.write_text(content)
    keeper = Progress(file)
    tried(keeper)
    (notice,) = keeper.take_notices()
    assert "progress.damaged-2.json" in notice
    assert keeper.take_notices() == []
    assert file.with_name("progress.damaged-1.json").read_text() == "an earlier one"
    assert file.with_name("progress.damaged-2.json").read_text() == content
    assert json.loads(file.read_text())["exercises"] == {TRY: {"tries": 1}}


def test_a_file_of_a_newer_version_is_left_alone(file: Path) -> None:
    newer = '{"version": 99, "somewhere": "else"}'
    file.write_text(newer)
    keeper = Progress(file)
    tried(keeper)
    tried(keeper)
    assert keeper.read()["exercises"] == {TRY: {"tries": 2}}
    (notice,) = keeper.take_notices()
    assert "newer version" in notice
    assert file.read_text() == newer


def test_where_nothing_can_be_written_progress_stays_in_memory(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried(Progress(file))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)  # root may write anywhere: refuse here
    keeper = Progress(file)
    tried(keeper)
    tried(keeper)
    assert keeper.read()["exercises"] == {TRY: {"tries": 3}}
    (notice,) = keeper.take_notices()
    assert "Permission denied" in notice
    assert [path.name for path in file.parent.iterdir()] == ["progress.json"]
    assert json.loads(file.read_text())["exercises"] == {TRY: {"tries": 1}}


def test_the_file_is_beside_the_notebooks_or_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    monkeypatch.chdir(tmp_path)
    assert place() is None
    (tmp_path / "00_start_here.ipynb").touch()
    assert place() == tmp_path / "progress.json"
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "mine"))
    assert place() == tmp_path / "mine" / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    assert place() is None


def test_the_page_tells_each_exercise_and_each_notebooks_predictions(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", str(file))
    progress_file._kept.cache_clear()
    tried(kept())
    kept().change("exercises", "01-peel", lambda entry: entry.update(tries=2, passed=True))
    kept().change("predictions", "01-x", lambda entry: entry.update(last={"hit": True}))
    page = progress()
    assert page.kind == "progress"
    assert "Your progress: 1 of " in page.alt
    assert "wrap: not yet, 1 try" in page.html
    assert "peel: passed, 2 tries" in page.html
    assert "goodput: not attempted" in page.html
    assert "1 made, 1 of 1 scored are hits" in page.html
    assert "download" in page.caption
    assert "upload" in page.caption


def downloaded(page: str) -> bytes:
    """What the page's link downloads."""
    (text,) = re.findall(
        r'<a download="progress.json" href="data:application/json;base64,(.+?)"', page
    )
    return base64.b64decode(text, validate=True)


@pytest.fixture(params=["file", "memory"])
def here(request: pytest.FixtureRequest, file: Path, monkeypatch: pytest.MonkeyPatch) -> Progress:
    """The progress of this place: in a file, or in memory."""
    monkeypatch.setenv("COURSE_PROGRESS", str(file) if request.param == "file" else "off")
    progress_file._kept.cache_clear()
    return kept()


def test_progress_is_taken_home_and_brought_back(here: Progress, tmp_path: Path) -> None:
    tried(here)
    here.change("predictions", "01-x", lambda entry: entry.update(first={"guess": 1}, last={}))
    home = tmp_path / "home.json"
    home.write_bytes(downloaded(progress().html))
    before = json.loads(home.read_text())
    assert before == here.read()

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    there = Progress(elsewhere / "progress.json")
    there.add(progress_file.from_file(home))
    assert there.read() == before


def test_what_is_brought_is_added_to_what_is_here(here: Progress, tmp_path: Path) -> None:
    brought = tmp_path / "old.json"
    old = Progress(brought)
    old.change("exercises", "01-wrap", lambda entry: entry.update(tries=3, passed=True, hints=1))
    old.change("exercises", "01-peel", lambda entry: entry.update(tries=1, passed=False))
    old.change("predictions", "01-x", lambda entry: entry.update(first={"guess": 1}, last={}))
    here.change("exercises", "01-wrap", lambda entry: entry.update(tries=1, passed=False))
    here.change("exercises", "01-goodput", lambda entry: entry.update(tries=2))
    here.change(
        "predictions", "01-x", lambda entry: entry.update(first={"guess": 2}, last={"guess": 3})
    )
    for _ in "once", "again":
        progress(load=brought)
        assert here.read() == {
            "version": 1,
            "exercises": {
                "01-wrap": {"tries": 3, "passed": True, "hints": 1},
                "01-peel": {"tries": 1, "passed": False},
                "01-goodput": {"tries": 2},
            },
            "predictions": {"01-x": {"first": {"guess": 1}, "last": {"guess": 3}}},
        }


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no progress file"),
        (b"<html>", "no progress file"),
        (b'{"version": 1, "exercises": {"a": 3}, "predictions": {}}', "no progress file"),
        (b"[" * 100_000, "no progress file"),
        (b" " * (progress_file.LARGEST + 1), "no progress file"),
        (b'{"version": 99}', "newer version"),
    ],
    ids=["empty", "a page", "wrong shape", "deep", "large", "newer"],
)
def test_what_is_no_progress_file_is_refused_and_nothing_lost(
    here: Progress, tmp_path: Path, content: bytes, sentence: str
) -> None:
    tried(here)
    brought = tmp_path / "brought.json"
    brought.write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        progress(load=brought)
    with pytest.raises(FileNotFoundError):
        progress(load=tmp_path / "missing.json")
    assert here.read()["exercises"] == {TRY: {"tries": 1}}
    assert brought.read_bytes() == content
