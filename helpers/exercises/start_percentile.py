"""A percentile by nearest rank: a latency that really was measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..findings import Finding, call, called, smallest_finding
from . import Exercise


def examine(percentile: Callable[[list[int], int], Any], samples: list[int], p: int) -> Any:
    shown = called(percentile, samples, p)
    given = list(samples)
    got = call(percentile, given, p, shown=shown)
    ordered = sorted(samples)
    rank = max(1, math.ceil(p * len(samples) / 100))
    if got != ordered[rank - 1]:
        why = f"{p} % of {len(samples)} is {p * len(samples) / 100:g}" if p else "p is 0"
        return Finding(
            f"In order the samples are {ordered}; {why}, so the rank is {rank}, counted from 1.",
            shown,
            expected=ordered[rank - 1],
            got=got,
        )
    if given != samples:
        return Finding(
            "The answer is right, but the caller's list is not the same afterwards. "
            "Its order was the order in time.",
            shown,
            expected=samples,
            got=given,
        )
    return None


def check(percentile: Callable[[list[int], int], Any]) -> Finding | None:
    from hypothesis import strategies as st

    # At most 8 samples: p / 100 * n and p * n / 100 differ by rounding on longer lists only.
    samples = st.lists(st.integers(0, 99), min_size=1, max_size=8)

    def search(p: Any) -> Finding | None:
        return smallest_finding(st.tuples(samples, p), lambda case: examine(percentile, *case))

    return search(st.integers(1, 100)) or search(st.just(0))


EXERCISE = Exercise(
    key="00-percentile",
    name="percentile",
    statement="""\
Write `percentile(samples, p)`, by nearest rank: the smallest sample such that at least
p % of all samples are not larger. So the 50th percentile of `[5, 1, 3, 2]` is `2`, and
the 100th is the largest. `samples` is a list of numbers, not empty, in any order, and
must stay as it is; `p` goes from 0 to 100, and for 0 the answer is the smallest sample.
""",
    starter='''\
def percentile(samples, p):
    """The smallest sample such that at least p % of the samples are not larger."""
    ...  # your code
''',
    check=check,
    hints=(
        "Put the samples in order first. `sorted` makes a new list.",
        "The rank, counted from 1, is p % of the number of samples, rounded up: `math.ceil`.",
        "Python counts from 0, the rank from 1. And for p = 0 the rank is 1, not 0.",
    ),
    solution="""\
import math


def percentile(samples, p):
    rank = max(1, math.ceil(p * len(samples) / 100))
    return sorted(samples)[rank - 1]
""",
    wrong={
        "not in order": """\
import math


def percentile(samples, p):
    return samples[max(1, math.ceil(p * len(samples) / 100)) - 1]
""",
        "counts the rank from 0": """\
def percentile(samples, p):
    return sorted(samples)[int(p * len(samples) / 100)]
""",
        "the smallest sample is the last": """\
import math


def percentile(samples, p):
    return sorted(samples)[math.ceil(p * len(samples) / 100) - 1]
""",
        "sorts the caller's list": """\
import math


def percentile(samples, p):
    samples.sort()
    return samples[max(1, math.ceil(p * len(samples) / 100)) - 1]
""",
    },
)
