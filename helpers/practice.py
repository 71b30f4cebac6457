"""Exercises in a notebook: the check with its diagnosis, the hints, the solution.

A starter cell holds the learner's code, the cell after it checks it:

>>> def wrap(payload, source_port, destination_port):
...     ...  # your code
>>> check("01-wrap", wrap)
Not attempted (01-wrap). Write wrap in the cell above, run it, then run this cell again.

`hint("01-wrap")` opens the next hint and `solution("01-wrap")` the reference solution,
after a pass or three tries. In Jupyter, buttons below the verdict do the same.
"""

from __future__ import annotations

import dis
import inspect
import os
from importlib import import_module
from itertools import zip_longest
from types import CodeType
from typing import Any

from .exercises import Exercise, exercise
from .findings import Failed, Finding
from .panels import Panel, bundle, panel, paragraph, preformatted
from .pictures import BLUE, GREEN, GREY, ORANGE, Picture
from .progress_file import kept
from .sandbox import Outcome, run

NOT_ATTEMPTED = "not attempted"
NOT_YET = "not yet"
PASSED = "passed"

TRIES = 3  # after so many, the solution opens without a pass
CHECK_SECONDS = 20.0
GRADING = "NBGRADER_EXECUTION"  # nbgrader sets it where it grades; so its documentation says
_COLOURS = {NOT_ATTEMPTED: GREY, NOT_YET: ORANGE, PASSED: GREEN}

_last_checked: dict[str, object] = {}  # by exercise, so that the same code counts as one try


def check(key: str, answer: object) -> Verdict:
    """Check what you wrote for an exercise, and say what is wrong with it.

    The code runs apart from the notebook, for at most 20 seconds: a loop without end does
    no harm. Each check of code that is not the same as before counts as one try.

    Parameters
    ----------
    key : str
        The exercise, such as "01-wrap".
    answer : object
        The function itself, without parentheses.

    Raises
    ------
    ValueError
        If there is no exercise with this key.
    """
    asked = exercise(key)
    if is_untouched(asked, answer):
        return Verdict(asked, NOT_ATTEMPTED)
    if not callable(answer):
        message = f"check needs {asked.name} itself, without parentheses behind it."
        return Verdict(asked, NOT_YET, Finding(message, expected=asked.name, got=answer))
    import_module("hypothesis")  # here, so that not every forked child imports it again
    outcome = run(lambda: _examine(asked, answer), CHECK_SECONDS)
    finding = _found(outcome)
    code = _essence(answer)
    again = _last_checked.get(key) == code
    _last_checked[key] = code

    def count(entry: dict[str, Any]) -> None:
        entry["tries"] = max(1, entry.get("tries", 0) + (not again))
        entry["passed"] = entry.get("passed", False) or finding is None

    kept().change("exercises", key, count)
    return Verdict(asked, NOT_YET if finding else PASSED, finding, outcome.printed)


def _examine(asked: Exercise, answer: object) -> dict[str, Any] | None:
    try:
        finding = asked.check(answer)
    except Failed as failed:
        finding = failed.finding
    return finding.to_json() if finding else None


def _found(outcome: Outcome) -> Finding | None:
    if outcome.stopped:
        return Finding(outcome.stopped)
    if outcome.value:
        return Finding.from_json(outcome.value)
    if outcome.left_open:
        return Finding(
            f"The answers are right, but your code left open: {', '.join(outcome.left_open)}. "
            "What you open, close: a `with` block does it in every case.",
            share=0.5,
        )
    return None


def is_untouched(asked: Exercise, answer: object) -> bool:
    """Whether the learner's object still does what the starter does, instruction for
    instruction. Comments, docstrings and names of parameters do not count."""
    namespace: dict[str, Any] = {"__name__": "starter"}
    exec(compile(asked.starter, "<starter>", "exec", dont_inherit=True), namespace)
    return bool(_essence(answer) == _essence(namespace[asked.name]))


def _essence(thing: object) -> object:
    """What a function or a class does, in a form that can be compared."""
    if isinstance(thing, type):
        return {name: _essence(member) for name, member in vars(thing).items() if callable(member)}
    code = getattr(inspect.unwrap(thing), "__code__", None) if callable(thing) else None
    return thing if code is None else _instructions(code)


def _instructions(code: CodeType) -> list[tuple[str, object]]:
    return [
        (each.opname, _instructions(each.argval) if inspect.iscode(each.argval) else each.argval)
        for each in dis.get_instructions(code)
        if each.opname not in ("NOP", "RESUME")
    ]


# ------------------------------------------------------------------ hints and solutions


def hint(key: str) -> Panel:
    """Open the next hint of an exercise; the hints opened so far are shown with it."""
    count = len(exercise(key).hints)
    kept().change(
        "exercises", key, lambda entry: entry.update(hints=min(entry.get("hints", 0) + 1, count))
    )
    return _hints(key)


def _hints(key: str) -> Panel:
    """The hints opened so far."""
    hints = exercise(key).hints
    opened = [
        f"Hint {number} of {len(hints)}: {text}"
        for number, text in enumerate(hints[: _hints_opened(key)], 1)
    ]
    page = "".join(paragraph(text) for text in opened)
    return Panel("\n".join(opened), panel("Hints", page, colour=BLUE))


def _hints_opened(key: str) -> int:
    return int(kept().read()["exercises"].get(key, {}).get("hints", 0))


def solution(key: str) -> Panel:
    """The reference solution of an exercise, after a pass or three tries."""
    asked = exercise(key)
    if left := tries_left(key):
        text = f"The solution opens after a pass, or after {_more_tries(left)}."
        return Panel(text, panel("Not yet open", paragraph(text), colour=GREY))
    page = panel("Reference solution", preformatted(asked.solution), colour=BLUE)
    return Panel(asked.solution, page)


def tries_left(key: str) -> int:
    """How many tries are left before the solution opens; 0 if it is open."""
    entry = kept().read()["exercises"].get(key, {})
    return 0 if entry.get("passed") else max(0, TRIES - entry.get("tries", 0))


def _more_tries(number: int) -> str:
    return f"{number} more {'try' if number == 1 else 'tries'}"


# ------------------------------------------------------------------ the verdict


class Verdict:
    """What a check found, shown by Jupyter with buttons for a hint and for the solution.

    Attributes
    ----------
    status : str
        "not attempted", "not yet" or "passed".
    finding : Finding or None
        What is wrong; None unless the status is "not yet".
    printed : str
        What the learner's code printed, the beginning of it.
    """

    def __init__(
        self, asked: Exercise, status: str, finding: Finding | None = None, printed: str = ""
    ) -> None:
        self.exercise = asked
        self.status = status
        self.finding = finding
        self.printed = printed
        self.notices = kept().take_notices()

    def __repr__(self) -> str:
        key = self.exercise.key
        lines = [f"{self.status.capitalize()} ({key}). {self._said()}", *self.notices]
        if self.finding:
            lines += _compared(self.finding)
        if self.printed:
            lines += ["Your code printed:", self.printed]
        if self.status == NOT_YET:
            left = tries_left(key)
            when = f", after {_more_tries(left)}" if left else ""
            lines.append(f'Next: hint("{key}"), or solution("{key}"){when}.')
        return "\n".join(lines)

    def _said(self) -> str:
        if self.status == NOT_ATTEMPTED:
            name = self.exercise.name
            return f"Write {name} in the cell above, run it, then run this cell again."
        return self.finding.message if self.finding else "Every case is right."

    def html(self) -> str:
        """The verdict as HTML, without the buttons."""
        body = "".join(paragraph(text) for text in (self._said(), *self.notices))
        if self.finding:
            body += preformatted("\n".join(_compared(self.finding)))
            body += _packet_picture(self.finding) + _story_picture(self.finding)
        if self.printed:
            body += (
                f"<details><summary>What your code printed</summary>{preformatted(self.printed)}"
                "</details>"
            )
        heading = f"{self.status.capitalize()} ({self.exercise.key})"
        return panel(heading, body, colour=_COLOURS[self.status])

    @property
    def points(self) -> float:
        """What the answer earns where the course is graded: all, none, or what the finding's
        share says. Between exercises the check can tell; within one, it seldom can."""
        if self.finding:
            return self.finding.share * self.exercise.points
        return float(self.exercise.points) if self.status == PASSED else 0.0

    def _repr_mimebundle_(self, **_options: object) -> dict[str, Any]:
        page = self.html()
        if os.environ.get(GRADING):
            # It takes a number in the plain text for the points. Its feedback shows the page.
            return bundle(str(self.points), page)
        return bundle(repr(self), page, _with_buttons(self.exercise.key, self.status, page))


def _compared(finding: Finding) -> list[str]:
    """The lines that show the call, and what was wanted above what came."""
    lines = [f"Called    {finding.call}"] if finding.call else []
    if finding.both_bytes:
        return lines + byte_rows(finding.expected, finding.got)
    if finding.expected is not None or finding.got is not None:
        lines += [f"Expected  {finding.expected!r}", f"Got       {finding.got!r}"]
    return lines


def byte_rows(expected: bytes, got: bytes, width: int = 16, rows: int = 3) -> list[str]:
    """Two strings of bytes in hex, one above the other, marks below the bytes that differ.

    It begins with the row in which they differ first, and shows `rows` rows.

    >>> print("\\n".join(byte_rows(b"abc", b"aBcd")))
    Byte       0  1  2  3
    Expected  61 62 63 --
    Got       61 42 63 64
                 ^^    ^^
    """
    pairs = list(zip_longest(expected, got))
    first = next((place for place, (one, other) in enumerate(pairs) if one != other), 0)
    lines = []
    for start in range(first // width * width, len(pairs), width)[:rows]:
        row = pairs[start : start + width]
        places = range(start, start + len(row))
        lines += [
            "Byte      " + " ".join(f"{place:2}" for place in places),
            "Expected  " + " ".join(_hex(one) for one, _ in row),
            "Got       " + " ".join(_hex(other) for _, other in row),
            ("          " + " ".join("  " if a == b else "^^" for a, b in row)).rstrip(),
        ]
    return lines


def _hex(byte: int | None) -> str:
    return "--" if byte is None else f"{byte:02x}"


def _packet_picture(finding: Finding) -> str:
    if finding.packet is None:
        return ""
    from .byte_maps import byte_map

    picture: Picture = byte_map(finding.packet)
    return picture._repr_html_()


def _story_picture(finding: Finding) -> str:
    if not finding.story:
        return ""
    from .story_ladders import story_ladder

    return story_ladder(finding.story)._repr_html_()


def _with_buttons(key: str, status: str, page: str) -> list[Any]:
    """The verdict as widgets: the page, a button for the solution and, where something is
    wrong, one for a hint, above the hints opened before."""
    from ipywidgets import HTML, Button, HBox, Layout

    opened = HTML()
    left = tries_left(key)
    after = f" (after {_more_tries(left)})" if left else ""
    wide = Layout(width="auto")
    show = Button(description=f"Show the solution{after}", layout=wide, disabled=bool(left))

    def open_solution(_button: Any) -> None:
        opened.value = solution(key)._repr_html_()

    show.on_click(open_solution)
    if status != NOT_YET:
        return [HTML(page), HBox([show]), opened]
    next_hint = Button(description="Next hint", layout=wide)

    def show_hints(hints: Panel) -> None:
        opened.value = hints._repr_html_()
        next_hint.disabled = _hints_opened(key) >= len(exercise(key).hints)

    next_hint.on_click(lambda _button: show_hints(hint(key)))
    if _hints_opened(key):
        show_hints(_hints(key))
    return [HTML(page), HBox([next_hint, show]), opened]
