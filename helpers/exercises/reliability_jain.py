"""Jain's index of fairness."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import flows
from ..findings import Finding, call, called, smallest_finding
from . import Exercise


def examine(jain: Callable[[list[float]], Any], rates: list[int]) -> Finding | None:
    expected = flows.jain(rates)
    got = call(jain, list(rates))
    if isinstance(got, (int, float)) and abs(got - expected) < 1e-9:
        return None
    shown = called(jain, rates)
    if not isinstance(got, (int, float)):
        message = f"jain must return a number, not {type(got).__name__}."
    elif len(set(rates)) == 1:
        message = "All rates are the same: jain must be 1, however many and however large."
    elif sum(map(bool, rates)) == 1:
        message = f"One of {len(rates)} has all: jain must be 1 / {len(rates)}."
    else:
        message = (
            f"The sum is {sum(rates)}, its square {sum(rates) ** 2}; the squares add up to "
            f"{sum(r * r for r in rates)}; there are {len(rates)} flows. So jain is not right yet."
        )
    return Finding(message, shown, expected=round(expected, 6), got=got)


def check(jain: Callable[[list[float]], Any]) -> Finding | None:
    from hypothesis import strategies as st

    rates = st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any)
    return smallest_finding(rates, lambda case: examine(jain, case))


EXERCISE = Exercise(
    key="07-jain",
    name="jain",
    statement="""\
Write `jain(rates)`: Jain's index of fairness of a list of rates, not all of them zero. It is the
square of their sum, divided by their number times the sum of their squares:
(x₁ + … + xₙ)² / (n · (x₁² + … + xₙ²)). If all have the same it is 1; if one of n has all, 1/n.
""",
    starter='''\
def jain(rates):
    """Jain's index of fairness, between 1/n and 1."""
    ...  # your code
''',
    check=check,
    hints=(
        "`sum(rate * rate for rate in rates)` is the sum of the squares.",
        "The number of flows stands below the line: `len(rates)`. Mind the parentheses.",
    ),
    solution="""\
def jain(rates):
    squares = sum(rate * rate for rate in rates)
    return sum(rates) ** 2 / (len(rates) * squares)
""",
    wrong={
        "forgets the number of flows": """\
def jain(rates):
    return sum(rates) ** 2 / sum(rate * rate for rate in rates)
""",
        "least over most": """\
def jain(rates):
    return min(rates) / max(rates)
""",
        "square of the squares": """\
def jain(rates):
    return sum(rate ** 2 for rate in rates) / (len(rates) * sum(rates) ** 2)
""",
    },
)
