"""The benchmark's table: rows of values, their goals, and how they are written.

>>> print(Row("Echo, p50", [14.0, 15.0, 14.5], [13.0, 13.0, 12.5], "{:.1f} µs", Goal(most=1.3)))
| Echo, p50 | 14.5 µs | 13.0 µs | 1.15 (1.08 to 1.16) | at most 1.3 | met |
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

HEAD = "| what | course | beside it | compared: median (range) | goal | |\n" + "|---" * 6 + "|"

Numbers = Sequence[float]
Measure = Callable[[], Mapping[str, float]]


class Absent(Exception):
    """A tool or a privilege that this machine does not have; the message says which."""


@dataclass(frozen=True)
class Goal:
    """The limits that a row's value should keep."""

    least: float = float("-inf")
    most: float = float("inf")

    def __str__(self) -> str:
        bounds = [f"at least {self.least:g}"] * (self.least > float("-inf"))
        bounds += [f"at most {self.most:g}"] * (self.most < float("inf"))
        return ", ".join(bounds)


@dataclass(frozen=True)
class Row:
    """One line of the table: two numbers of each pair, and how they compare.

    `form` writes a number, `compared` the comparison of two. `judge` makes one value of
    those of all pairs, and this value is held against the goal.
    """

    what: str
    course: Numbers | Absent
    beside: Numbers | Absent
    form: str
    goal: Goal | None = None
    compare: Callable[[float, float], float] = operator.truediv
    compared: str = "{:.2f}"
    judge: Callable[[Numbers], float] = median

    @property
    def values(self) -> list[float]:
        """The comparison, pair by pair; empty where one side is absent."""
        if isinstance(self.course, Absent) or isinstance(self.beside, Absent):
            return []
        return list(map(self.compare, self.course, self.beside))

    @property
    def missed(self) -> bool:
        """Whether there is a goal and a value, and the value is not within the goal."""
        if self.goal is None or not self.values:
            return False
        return not self.goal.least <= self.judge(self.values) <= self.goal.most

    def __str__(self) -> str:
        goal = str(self.goal) if self.goal else "none"
        if isinstance(self.course, Absent) or isinstance(self.beside, Absent):
            why = self.course if isinstance(self.course, Absent) else self.beside
            return f"| {self.what} | | | not to be had here: {why} | {goal} | |"
        middle, least, most = (self.compared.format(of(self.values)) for of in (median, min, max))
        course, beside = (
            self.form.format(median(self.course)),
            self.form.format(median(self.beside)),
        )
        verdict = ("missed" if self.missed else "met") if self.goal else ""
        value = f"{middle} ({least} to {most})"
        return f"| {self.what} | {course} | {beside} | {value} | {goal} | {verdict} |"


class Samples:
    """Measures taken in turns, and their numbers; or why one of them could not be taken.

    >>> samples = Samples(3, {"cat": lambda: {"feet": 4}, "bird": lambda: {"feet": 2}})
    >>> samples.of("cat", "feet"), samples.of("bird", "feet", 10)
    ([4, 4, 4], [20, 20, 20])
    """

    def __init__(self, rounds: int, measures: Mapping[Hashable, Measure]) -> None:
        self._taken: dict[Hashable, list[Mapping[str, float]]] = {name: [] for name in measures}
        self._absent: dict[Hashable, Absent] = {}
        order = list(measures)
        for _ in range(rounds):
            for name in order:
                if name not in self._absent:
                    try:
                        self._taken[name].append(measures[name]())
                    except Absent as reason:
                        self._absent[name] = reason
            order.reverse()  # so that what drifts favours neither

    def of(self, name: Hashable, key: str, scale: float = 1) -> Numbers | Absent:
        """One number of every sample of one measure, multiplied by `scale`."""
        return self._absent.get(name) or [scale * sample[key] for sample in self._taken[name]]
