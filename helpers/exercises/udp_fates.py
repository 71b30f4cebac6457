"""What happened to each datagram? The numbers that arrived tell, if the receiver looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..findings import Finding, call, called, smallest_finding
from . import Exercise, changed

PARTS = ("lost", "twice", "late")
CASES: tuple[tuple[list[int], int], ...] = (
    ([0, 1, 2], 3),
    ([0, 2], 3),
    ([0, 1], 3),  # the last one is missing: nothing comes after it
    ([0, 1, 1, 2], 3),
    ([0, 1, 1, 1, 2], 3),
    ([0, 2, 1], 3),
    ([2, 0, 1], 3),
    ([3, 2, 0, 1], 4),  # late in another order than sorted
    ([0, 1, 0], 2),  # the second copy is no late datagram
    ([9, 0, 1], 2),  # somebody else's
    ([], 2),
    ([], 0),
)


def true_fates(numbers: Sequence[int], sent: int) -> tuple[list[int], list[int], list[int]]:
    own = [number for number in numbers if number < sent]
    lost = [number for number in range(sent) if number not in own]
    twice = [number for number in range(sent) if own.count(number) > 1]
    late = [
        number
        for number in range(sent)
        if number in own and any(before > number for before in own[: own.index(number)])
    ]
    return lost, twice, late


def examine(fates: Callable[[list[int], int], Any], case: tuple[list[int], int]) -> Finding | None:
    numbers, sent = case
    shown = called(fates, numbers, sent)
    got = call(fates, list(numbers), sent, shown=shown)
    wanted = true_fates(numbers, sent)
    if isinstance(got, tuple) and got == wanted:
        return None
    three = isinstance(got, tuple) and len(got) == len(PARTS)
    if not three or not all(isinstance(part, list) for part in got):
        message = "A tuple of three lists is wanted: those lost, those that came twice, those late."
    else:
        message = next(
            wrong(part, expected, came, numbers, sent)
            for part, expected, came in zip(PARTS, wanted, got, strict=True)
            if came != expected
        )
    return Finding(message, shown, expected=wanted, got=got)


def wrong(part: str, wanted: list[int], came: list[Any], numbers: list[int], sent: int) -> str:
    """What is wrong with one of the three lists, by the number that shows it."""
    for number in wanted:
        if number not in came:
            return f"{what_is(number, numbers, sent)} It is missing from the list {part}."
    for number in came:
        if number not in wanted:
            return f"{what_is(number, numbers, sent)} It does not belong into the list {part}."
    return f"The list {part} must name each number once, the smallest first."


def what_is(number: Any, numbers: list[int], sent: int) -> str:
    """The fate of one number, in a sentence or two."""
    if number not in range(sent):
        return f"{number!r} was never sent: the numbers go from 0 up to {sent}, without {sent}."
    count = numbers.count(number)
    if not count:
        return f"Number {number} was sent and never came."
    came = {1: "once", 2: "twice"}.get(count, f"{count} times")
    before = [other for other in numbers[: numbers.index(number)] if number < other < sent]
    if before:
        return f"Number {number} came {came}, at first behind {before[0]}, which is larger."
    foreign = [other for other in numbers[: numbers.index(number)] if other >= sent]
    but = f" ({foreign[0]} was never sent)" if foreign else ""
    return f"Number {number} came {came}, at first with no larger one before it{but}."


def check(fates: Callable[[list[int], int], Any]) -> Finding | None:
    from hypothesis import strategies as st

    found = next((f for case in CASES if (f := examine(fates, case))), None)
    cases = st.tuples(st.lists(st.integers(0, 7), max_size=12), st.integers(0, 6))
    return found or smallest_finding(cases, lambda case: examine(fates, case))


SOLUTION = """\
def fates(numbers, sent):
    lost, twice, late = set(range(sent)), set(), set()
    largest = -1
    for number in numbers:
        if number >= sent:
            continue
        if number not in lost:
            twice.add(number)
        elif number < largest:
            late.add(number)
        lost.discard(number)
        largest = max(largest, number)
    return sorted(lost), sorted(twice), sorted(late)
"""

EXERCISE = Exercise(
    key="06-fates",
    name="fates",
    statement="""\
A sender has numbered its datagrams 0, 1, 2 and so on. `numbers` are those that arrived, in the
order in which they came. Write `fates(numbers, sent)`, where `sent` says how many were sent. It
returns a tuple of three lists, in each of them every number once, the smallest first:

- those that were **lost**: sent, and never arrived;
- those that came **twice**, or more often;
- those that were **late**: before they came for the first time, a larger number had come.

Numbers from `sent` on are somebody else's: ignore them.
""",
    starter='''\
def fates(numbers, sent):
    """Which datagrams were lost, which came twice, which were late: three lists."""
    ...  # your code
''',
    check=check,
    hints=(
        "Only `sent` can tell that the last ones were lost: no number comes after them and shows "
        "a gap.",
        "A gap may still be filled: what has not come *yet* is lost only if it has not come in the "
        "end. Begin with all of them in a set `lost`, and take out what comes.",
        "Keep the largest number so far. A number that is smaller, and comes for the first time, "
        "is late; a second copy of it is not. Ignore what is somebody else's before all that. "
        "`sorted(a_set)` makes the list.",
    ),
    solution=SOLUTION,
    wrong={
        "looks for gaps only": """\
def fates(numbers, sent):
    own = [number for number in numbers if number < sent]
    lost = sorted(set(range(max(own, default=0))) - set(own))
    twice = sorted({number for number in own if own.count(number) > 1})
    first = list(dict.fromkeys(own))
    late = sorted(n for at, n in enumerate(first) if n < max(first[: at + 1]))
    return lost, twice, late
""",
        "takes each gap for a loss": """\
def fates(numbers, sent):
    lost, twice, late, due = set(), set(), set(), 0
    for number in numbers:
        if number >= sent:
            continue
        if number >= due:
            lost |= set(range(due, number))
            due = number + 1
        elif number in lost:
            late.add(number)
        else:
            twice.add(number)
    lost |= set(range(due, sent))
    return sorted(lost), sorted(twice), sorted(late)
""",
        "compares with the one before": changed(
            SOLUTION, ("largest = max(largest, number)", "before = number"), ("largest", "before")
        ),
        "takes the second copy for a late one": changed(SOLUTION, ("elif number <", "if number <")),
        "takes what is somebody else's": """\
def fates(numbers, sent):
    lost, twice, late = set(range(sent)), set(), set()
    seen = set()
    for number in numbers:
        if number in seen:
            twice.add(number)
        elif number < max(seen, default=-1):
            late.add(number)
        seen.add(number)
        lost.discard(number)
    return sorted(lost), sorted(twice), sorted(late)
""",
        "names a third copy again": changed(
            SOLUTION, ("(sent)), set(), set()", "(sent)), [], set()"), ("twice.add", "twice.append")
        ),
        "in the order of arrival": """\
def fates(numbers, sent):
    lost, twice, late = set(range(sent)), [], []
    largest = -1
    for number in numbers:
        if number >= sent:
            continue
        if number not in lost and number not in twice:
            twice.append(number)
        elif number in lost and number < largest:
            late.append(number)
        lost.discard(number)
        largest = max(largest, number)
    return sorted(lost), twice, late
""",
        "counts them": """\
def fates(numbers, sent):
    own = [number for number in numbers if number < sent]
    return sent - len(set(own)), len(own) - len(set(own)), 0
""",
    },
)
