"""The benchmark's table: rows of values, their goals, and how they are written.

>>> row = ratio_row("Echo, p50", [14.0, 15.0, 14.5], [13.0, 13.0, 12.5], "{:.1f} µs", at_most(1.3))
>>> print(row.markdown())
| Echo, p50 | 14.5 µs | 13.0 µs | 1.15 (1.08 to 1.16) | at most 1.3 | met |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

HEAD = "| what | course | beside it | median (least to most) | goal | |\n" + "|---" * 6 + "|"


class Absent(Exception):
    """A tool or a privilege that this machine does not have; the message says which."""


@dataclass(frozen=True)
class Goal:
    """What a row's value should be: `text` for the reader, `met` for the verdict."""

    text: str
    met: Callable[[float], bool]


def at_least(limit: float) -> Goal:
    """The value should reach the limit."""
    return Goal(f"at least {limit:g}", lambda value: value >= limit)


def at_most(limit: float, unit: str = "") -> Goal:
    """The value should not pass the limit."""
    return Goal(f"at most {limit:g}{unit}", lambda value: value <= limit)


@dataclass(frozen=True)
class Row:
    """One line of the table: a value for each pair, or the reason why there is none."""

    what: str
    values: Sequence[float] = ()
    course: str = ""
    beside: str = ""
    form: str = "{:.2f}"
    goal: Goal | None = None
    judge: Callable[[Sequence[float]], float] = median
    absent: str = ""

    @property
    def missed(self) -> bool:
        """Whether there is a goal, and a value, and the value is not what it should be."""
        return bool(self.goal and self.values and not self.goal.met(self.judge(self.values)))

    def markdown(self) -> str:
        """The row as a line of a Markdown table."""
        if self.absent:
            return f"| {self.what} | | | not to be had here: {self.absent} | | |"
        middle, least, most = (self.form.format(of(self.values)) for of in (median, min, max))
        goal = self.goal.text if self.goal else "none"
        verdict = ("missed" if self.missed else "met") if self.goal else ""
        return (
            f"| {self.what} | {self.course} | {self.beside} "
            f"| {middle} ({least} to {most}) | {goal} | {verdict} |"
        )


def ratio_row(
    what: str,
    course: Sequence[float] | Absent,
    beside: Sequence[float] | Absent,
    form: str,
    goal: Goal | None = None,
) -> Row:
    """The course's number divided by the other one, pair by pair; `form` writes one number."""
    for side in (course, beside):
        if isinstance(side, Absent):
            return Row(what, absent=str(side))
    ratios = [ours / theirs for ours, theirs in zip(course, beside, strict=True)]
    return Row(what, ratios, form.format(median(course)), form.format(median(beside)), goal=goal)


def count_row(what: str, counts: Sequence[float] | Absent, goal: Goal | None = None) -> Row:
    """A count of which the largest one matters, such as packets lost."""
    if isinstance(counts, Absent):
        return Row(what, absent=str(counts))
    return Row(what, counts, form="{:,.0f}", goal=goal, judge=max)


def difference_row(
    what: str,
    course: Sequence[float] | Absent,
    beside: Sequence[float] | Absent,
    form: str,
    goal: Goal | None = None,
) -> Row:
    """The course's number less the other one, pair by pair; `form` writes a number."""
    for side in (course, beside):
        if isinstance(side, Absent):
            return Row(what, absent=str(side))
    extra = [ours - theirs for ours, theirs in zip(course, beside, strict=True)]
    return Row(what, extra, form.format(median(course)), form.format(median(beside)), form, goal)
