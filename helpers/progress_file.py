"""What a learner has done, in one small file beside the notebooks.

`notebooks/progress.json` holds the guesses and the verdicts. The page that `progress()` shows
has a link to download it, and `progress(load="a file")` brings one back. The environment
variable COURSE_PROGRESS gives another file or folder; COURSE_PROGRESS=off keeps everything in
memory, as tests do, and so does a Python that runs elsewhere than beside notebooks.

>>> kept = Progress(None)
>>> kept.change("exercises", "01-wrap", lambda entry: entry.update(tries=1))
{'tries': 1}
>>> kept.read()["exercises"]
{'01-wrap': {'tries': 1}}
"""

from __future__ import annotations

import base64
import contextlib
import html
import itertools
import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from .exercises import registry
from .pictures import Picture

VERSION = 1
FILE = "progress.json"
SECTIONS = ("exercises", "predictions")

# Of an exercise: tries, hints, passed. Of a prediction: the others.
_KINDS: dict[str, type] = {"tries": int, "hints": int, "passed": bool, "question": str}
_KINDS |= {"kind": str, "unit": str, "first": dict, "last": dict}

State = dict[str, Any]


class Progress:
    """The progress in one file, or in memory where there is no file.

    Parameters
    ----------
    path : pathlib.Path or None
        The file; None for memory.

    Attributes
    ----------
    notices : list of str
        Sentences the learner has to be told, once: see `take_notices`.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.notices: list[str] = []
        self._memory = _empty()

    def read(self) -> State:
        """All that is known now. Another notebook may have added to it."""
        if self.path is None:
            return self._memory
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return _empty()
        except OSError as error:
            return self._stay_in_memory(f"{self.path} cannot be read ({error.strerror})")
        try:
            state = _checked(json.loads(text))
        except (ValueError, RecursionError):  # or brackets in brackets in brackets…
            return self._set_aside(self.path)
        if state["version"] > VERSION:
            return self._stay_in_memory(
                f"{self.path.name} was written by a newer version of the course and is left alone"
            )
        return state

    def change(self, section: str, key: str, change: Callable[[State], Any]) -> State:
        """Let `change` alter one entry, write the file, return the entry.

        The file is read again just before, and locked meanwhile, so that two notebooks
        do not lose each other's entries.
        """
        with self._locked():
            state = self.read()
            entry: State = state[section].setdefault(key, {})
            change(entry)
            if self.path is not None:
                self._write(self.path, state)
        return entry

    def add(self, other: State) -> None:
        """Add what was done elsewhere. Of what is in both, each keeps what is further."""
        with self._locked():
            state = self.read()
            for section in SECTIONS:
                for key, entry in other[section].items():
                    state[section][key] = _further(entry, state[section].get(key, {}))
            if self.path is not None:
                self._write(self.path, state)

    def take_notices(self) -> list[str]:
        """The notices not yet taken: whoever takes them shows them."""
        taken, self.notices = self.notices, []
        return taken

    def _write(self, path: Path, state: State) -> None:
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            unfinished.write_text(json.dumps(state, indent=1, ensure_ascii=False) + "\n", "utf-8")
            os.replace(unfinished, path)  # a reader sees the old file or the new one
        except OSError as error:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            self._stay_in_memory(f"{path} cannot be written ({error.strerror})", state)

    def _stay_in_memory(self, reason: str, state: State | None = None) -> State:
        self.notices.append(f"{reason}: progress is kept in memory, until the kernel stops.")
        self.path = None
        self._memory = state or _empty()
        return self._memory

    def _set_aside(self, path: Path) -> State:
        names = (path.with_name(f"{path.stem}.damaged-{n}.json") for n in itertools.count(1))
        free = next(name for name in names if not name.exists())
        try:
            path.rename(free)
        except OSError:
            return self._stay_in_memory(f"{path.name} is damaged and cannot be set aside")
        self.notices.append(
            f"{path.name} was damaged: it is set aside as {free.name}, and a new one is begun."
        )
        return _empty()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder's lock: no lock file is needed. Windows has no such lock; there,
        two writes within the same millisecond may lose one."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(ImportError, OSError):  # nor have all network folders
                import fcntl

                if self.path is not None:
                    folder = os.open(self.path.parent, os.O_RDONLY)
                    stack.callback(os.close, folder)
                    fcntl.flock(folder, fcntl.LOCK_EX)
            yield


def _empty() -> State:
    return {"version": VERSION} | {section: {} for section in SECTIONS}


def _checked(state: Any) -> State:
    """The state, if it has the shape of one; ValueError if not."""
    if not isinstance(state, dict) or type(state.get("version")) is not int:
        raise ValueError("no version")
    if state["version"] > VERSION:
        return state
    for section in SECTIONS:
        entries = state.get(section)
        if not isinstance(entries, dict) or not all(map(_is_entry, entries.values())):
            raise ValueError(f"no {section}")
    return state


def _is_entry(entry: Any) -> bool:
    """Whether this is what an exercise or a prediction keeps. What nobody here knows may be
    anything: a later version may have added it."""
    if not isinstance(entry, dict):
        return False
    for name, value in entry.items():
        kind = _KINDS.get(name)
        if kind is not None and type(value) is not kind:
            return False
        if kind is int and value < 0:
            return False
        if kind is dict and not _is_score(value):
            return False
    return True


def _is_score(score: dict[str, Any]) -> bool:
    """Whether this is a guess, and what was measured: numbers, texts, or texts in an order."""
    return type(score.get("hit", True)) is bool and all(
        isinstance(part, int | float | str)
        or (isinstance(part, list) and all(isinstance(text, str) for text in part))
        for part in (score.get("guess", ""), score.get("measured", ""))
    )


def place() -> Path | None:
    """The file for a Python that runs here; None for memory."""
    wanted = os.environ.get("COURSE_PROGRESS", "")
    if wanted == "off":
        return None
    if wanted:
        path = Path(wanted).resolve()
        return path / FILE if path.is_dir() else path
    here = Path.cwd()
    return here / FILE if any(here.glob("*.ipynb")) else None


def kept() -> Progress:
    """The progress that belongs to this place."""
    return _kept(place())


@cache
def _kept(path: Path | None) -> Progress:
    return Progress(path)


# ------------------------------------------------------------------ from elsewhere

LARGEST = 1 << 20  # bytes: many times what all notebooks can fill


def _further(there: State, here: State) -> State:
    """Two entries of the same exercise or prediction as one. The guesses there came first."""
    both = there | here
    for name, choose in (("tries", max), ("hints", max), ("passed", any)):
        known = [entry[name] for entry in (there, here) if name in entry]
        if known:
            both[name] = choose(known)
    if "first" in there:
        both["first"] = there["first"]
    return both


def from_file(path: str | os.PathLike[str]) -> State:
    """The progress in a file that was brought from elsewhere.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no progress file, or was written by a newer version of the course.
    """
    with open(path, "rb") as file:
        text = file.read(LARGEST + 1)
    try:
        if len(text) > LARGEST:
            raise ValueError("too large")
        state = _checked(json.loads(text))
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is no progress file of this course, or is damaged.") from None
    if state["version"] > VERSION:
        raise ValueError(f"{path} was written by a newer version of the course.")
    return state


# ------------------------------------------------------------------ the page


def state_of(entry: State) -> str:
    """An exercise's state in words: "not yet, 2 tries"."""
    tries = entry.get("tries", 0)
    counted = f"{tries} {'try' if tries == 1 else 'tries'}"
    if entry.get("passed"):
        return f"passed, {counted}"
    return f"not yet, {counted}" if tries else "not attempted"


def progress(load: str | os.PathLike[str] | None = None) -> Picture:
    """A page of what you have done: the exercises and the predictions of each notebook.

    Parameters
    ----------
    load : str or path, optional
        A progress file from another machine: it is added to what is kept here. Nothing that
        was done here is lost.

    Raises
    ------
    OSError, ValueError
        If that file cannot be read, or is no progress file. Nothing has changed then.
    """
    keeper = kept()
    if load is not None:
        keeper.add(from_file(load))
    state = keeper.read()
    exercises = {key: state["exercises"].get(key, {}) for key in registry()}
    predictions = state["predictions"]
    notebooks = sorted({key[:2] for key in exercises} | {_notebook(key) for key in predictions})
    rows = "".join(
        _row(
            number,
            {key: entry for key, entry in exercises.items() if key[:2] == number},
            [entry for key, entry in predictions.items() if _notebook(key) == number],
        )
        for number in notebooks
    )
    passed = sum(bool(entry.get("passed")) for entry in exercises.values())
    notices = "".join(f"<p>{html.escape(notice)}</p>" for notice in keeper.take_notices())
    heads = "".join(
        f'<th scope="col" style="{_CELL}">{head}</th>'
        for head in ("Notebook", "Exercises", "Predictions")
    )
    return Picture(
        "progress",
        f'{notices}<table style="border-collapse:collapse"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>{_link(state)}",
        alt=f"Your progress: {passed} of {len(exercises)} exercises passed, "
        f"{len(predictions)} predictions made.",
        caption=_how_to_keep(keeper.path),
    )


_CELL = "text-align:left;vertical-align:top;padding:0.3em 1em 0.3em 0"


def _notebook(key: str) -> str:
    """The notebook a prediction belongs to: the two digits its key begins with."""
    return key[:2] if key[:2].isdigit() else "others"


def _row(number: str, exercises: dict[str, State], predictions: list[State]) -> str:
    listed = "<br>".join(
        f"{html.escape(key[3:])}: {state_of(entry)}" for key, entry in exercises.items()
    )
    scored = [entry["last"] for entry in predictions if "hit" in entry.get("last", {})]
    made = f"{len(predictions)} made"
    if scored:
        made += f", {sum(score['hit'] for score in scored)} of {len(scored)} scored are hits"
    return (
        f'<tr style="border-top:1px solid currentColor"><th scope="row" style="{_CELL}">'
        f'{html.escape(number)}</th><td style="{_CELL}">{listed or "none"}</td>'
        f'<td style="{_CELL}">{made if predictions else "none made"}</td></tr>'
    )


def _link(state: State) -> str:
    """A link that downloads what is known now: also from memory, and from a lost folder."""
    text = base64.b64encode(json.dumps(state, ensure_ascii=False).encode()).decode()
    return (
        f'<p><a download="{FILE}" href="data:application/json;base64,{text}">'
        f"Download {FILE}</a></p>"
    )


def _how_to_keep(path: Path | None) -> str:
    if path is None:
        return (
            "This is kept in memory only, and is gone when the kernel stops: download it. "
            f'After you have uploaded the file, progress(load="{FILE}") brings it back.'
        )
    return (
        f"All of it is in one file, {path.name}, beside the notebooks. To take it home, download "
        "it by the link. To go on elsewhere, upload it into the folder of the notebooks. If you "
        "have begun there already, upload it under another name, and add it to what you have: "
        'progress(load="that name").'
    )
