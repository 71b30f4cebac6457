"""Step generators in turn, as an event loop steps its tasks."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from ..findings import Finding, call, smallest_finding
from . import Exercise

Log = list[str]


def counting(name: str, steps: int, log: Log) -> Generator[None, None, str]:
    """Notes each step, stops `steps` times, and returns its name in upper case."""
    for number in range(steps):
        log.append(f"{name}{number}")
        yield
    log.append(f"{name} ends")
    return name.upper()


def expected_log(steps: Sequence[int]) -> Log:
    log = []
    for turn in range(max(steps, default=-1) + 1):
        for name, most in zip("abcd", steps, strict=False):
            if turn <= most:
                log.append(f"{name}{turn}" if turn < most else f"{name} ends")
    return log


def examine(take_turns: Callable[[list[Any]], Any], steps: list[int]) -> Finding | None:
    log: Log = []
    works = [counting(name, most, log) for name, most in zip("abcd", steps, strict=False)]
    told = ", ".join(f"{name} yields {most}×" for name, most in zip("abcd", steps, strict=False))
    shown = f"take_turns([…])  # {told or 'no generators'}"
    got = call(take_turns, works, shown=shown)
    if log != expected_log(steps):
        message = (
            "The generators were not stepped in turn. In each round, each one that has not "
            "ended takes one step, in the order given. The steps, in order:"
        )
        return Finding(message, shown, expected=expected_log(steps), got=log)
    wanted = list("ABCD"[: len(steps)])
    if got == wanted:
        return None
    message = "The steps are right. What take_turns must return is a list of the results:"
    if isinstance(got, list) and sorted(map(str, got)) == wanted:
        message = "The results must come in the order of the generators, not as they ended:"
    return Finding(message, shown, expected=wanted, got=got)


def check(take_turns: Callable[[list[Any]], Any]) -> Finding | None:
    from hypothesis import strategies as st

    lengths = st.lists(st.integers(0, 4), max_size=4)
    return smallest_finding(lengths, lambda steps: examine(take_turns, steps))


EXERCISE = Exercise(
    key="09-round-robin",
    name="take_turns",
    statement="""\
Write `take_turns(generators)`: an event loop for tasks that never wait. In each round every
generator that has not ended takes one step, in the order of the list. When all have ended, it
returns the list of what they returned, in the order of the list. What the generators yield is
ignored.
""",
    starter='''\
def take_turns(generators):
    """Step all generators in turn until they have ended; return their results."""
    ...  # your code
''',
    check=check,
    hints=(
        "`next(generator)` runs a generator up to its next `yield`. When it has ended instead, "
        "`next` raises `StopIteration`, and the exception's `value` is what it returned.",
        "Which result belongs to which generator? `enumerate` tells its place in the list.",
        "Do not remove an item from a list while you loop over it: the one behind it is skipped. "
        "A `deque` helps: take from the left, step, and put back on the right if it goes on.",
    ),
    solution="""\
from collections import deque


def take_turns(generators):
    results = [None] * len(generators)
    waiting = deque(enumerate(generators))
    while waiting:
        place, generator = waiting.popleft()
        try:
            next(generator)
        except StopIteration as stop:
            results[place] = stop.value
        else:
            waiting.append((place, generator))
    return results
""",
    wrong={
        "one after the other": """\
def take_turns(generators):
    results = []
    for generator in generators:
        while True:
            try:
                next(generator)
            except StopIteration as stop:
                results.append(stop.value)
                break
    return results
""",
        "removes while it loops": """\
def take_turns(generators):
    results = {}
    left = list(generators)
    while left:
        for generator in left:
            try:
                next(generator)
            except StopIteration as stop:
                results[generator] = stop.value
                left.remove(generator)
    return [results[generator] for generator in generators]
""",
        "results as they end": """\
def take_turns(generators):
    results, left = [], list(generators)
    while left:
        for generator in list(left):
            try:
                next(generator)
            except StopIteration as stop:
                results.append(stop.value)
                left.remove(generator)
    return results
""",
        "loses the results": """\
def take_turns(generators):
    left = list(generators)
    while left:
        for generator in list(left):
            try:
                next(generator)
            except StopIteration:
                left.remove(generator)
""",
        "StopIteration goes through": """\
def take_turns(generators):
    while generators:
        for generator in generators:
            next(generator)
""",
    },
)
