"""Retries: exponential back-off with full jitter, a cap, and an end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Finding, call
from . import Exercise

BASE, CAP = 0.1, 1.0
Outcome = BaseException | str


class World:
    """Calls that fail as told, sleeps that are noted, and dice that show what is told."""

    def __init__(self, outcomes: list[Outcome], dice: list[float]) -> None:
        self.outcomes, self.dice = outcomes, dice
        self.calls = 0
        self.slept: list[float] = []
        self.ranges: list[tuple[float, float]] = []

    def request(self) -> str:
        outcome = self.outcomes[min(self.calls, len(self.outcomes) - 1)]
        self.calls += 1
        if self.calls > 50:
            raise RuntimeError("request was called more than 50 times")
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def uniform(self, low: float, high: float) -> float:
        self.ranges.append((low, high))
        return low + (high - low) * self.dice[(len(self.ranges) - 1) % len(self.dice)]


def refused(times: int, then: Outcome = "answer") -> list[Outcome]:
    return [*[ConnectionRefusedError(111, "Connection refused") for _ in range(times)], then]


def examine(
    retry: Callable[..., Any], attempts: int, outcomes: list[Outcome], dice: list[float], what: str
) -> Finding | None:
    shown = f"retry(request, {attempts}, base={BASE}, cap={CAP}, sleep, uniform): {what}"
    world = World(outcomes, dice)

    def run() -> Any:
        try:
            return retry(world.request, attempts, BASE, CAP, world.sleep, world.uniform)
        except (OSError, ValueError) as error:
            return error

    got = call(run, shown=shown)
    needed = next((n for n, o in enumerate(outcomes, 1) if not isinstance(o, OSError)), attempts)
    calls = min(needed, attempts)
    wanted = outcomes[min(calls, len(outcomes)) - 1]
    if world.calls != calls:
        message = f"retry called request {world.calls} times; {calls} were wanted."
        if isinstance(wanted, ValueError):
            message += " A ValueError is a bug of the program: asking again does not mend it."
        return Finding(message, shown)
    if got is not wanted:
        message = "It has to return the answer, or raise the last exception."
        return Finding(message, shown, expected=repr(wanted), got=repr(got))
    bounds = [(0.0, min(CAP, BASE * 2**n)) for n in range(calls - 1)]
    slept = [high * dice[n % len(dice)] for n, (_, high) in enumerate(bounds)]
    if len(world.slept) != len(slept):
        message = (
            f"retry paused {len(world.slept)} times; between {calls} attempts are {len(slept)} "
        )
        return Finding(f"{message}pauses. After the last attempt nobody waits.", shown)
    for number, (mine, right) in enumerate(zip(world.slept, slept, strict=True), 1):
        if abs(mine - right) > 1e-9:
            low, high = bounds[number - 1]
            message = (
                f"Pause {number} has to be uniform({low:g}, {high:g}), which gave {right:g} s."
            )
            return Finding(message, shown, expected=right, got=mine)
    return None


def check(retry: Callable[..., Any]) -> Finding | None:
    cases: tuple[tuple[int, list[Outcome], list[float], str], ...] = (
        (3, ["answer"], [0.5], "the first attempt is answered"),
        (3, refused(1), [1.0], "refused once, then answered"),
        (4, refused(3), [1.0], "refused three times, then answered"),
        (4, refused(3), [0.25, 0.75, 0.5], "refused three times; uniform gives other numbers"),
        (8, refused(7), [1.0], "refused seven times: the pauses reach the cap"),
        (3, refused(9), [0.5], "always refused"),
        (1, refused(9), [0.5], "always refused, and only one attempt allowed"),
        (3, [ValueError("a bug")], [0.5], "request raises ValueError"),
    )
    return next((found for case in cases if (found := examine(retry, *case))), None)


EXERCISE = Exercise(
    key="10-retry",
    name="retry",
    statement="""\
Write `retry(request, attempts, base, cap, sleep, uniform)`. It calls `request()` up to `attempts`
times and returns the first answer. An `OSError` means: wait, and try again. Pause number n, from 0
on, is `sleep(uniform(0, high))`, where `high` is `base` times 2 to the power n, and at most `cap`:
*full jitter*. When no attempt is left, the last exception goes to the caller, without a pause.
Any other exception goes to the caller at once. (A program would pass `time.sleep` and
`random.uniform`.)
""",
    starter='''\
def retry(request, attempts, base, cap, sleep, uniform):
    """The first answer of request(), with pauses of full jitter between the attempts."""
    ...  # your code
''',
    check=check,
    hints=(
        "A `for` loop over `range(attempts)`, in it `try: return request()`.",
        "In `except OSError:`, a bare `raise` passes the exception on. When is that due?",
        "`sleep(uniform(0, min(cap, base * 2**attempt)))`.",
    ),
    solution="""\
def retry(request, attempts, base, cap, sleep, uniform):
    for attempt in range(attempts):
        try:
            return request()
        except OSError:
            if attempt == attempts - 1:
                raise
        sleep(uniform(0, min(cap, base * 2**attempt)))
""",
    wrong={
        "no jitter": """\
def retry(request, attempts, base, cap, sleep, uniform):
    for attempt in range(attempts):
        try:
            return request()
        except OSError:
            if attempt == attempts - 1:
                raise
        sleep(min(cap, base * 2**attempt))
""",
        "no cap": """\
def retry(request, attempts, base, cap, sleep, uniform):
    for attempt in range(attempts):
        try:
            return request()
        except OSError:
            if attempt == attempts - 1:
                raise
        sleep(uniform(0, base * 2**attempt))
""",
        "waits after the last": """\
def retry(request, attempts, base, cap, sleep, uniform):
    for attempt in range(attempts):
        try:
            return request()
        except OSError as error:
            last = error
        sleep(uniform(0, min(cap, base * 2**attempt)))
    raise last
""",
        "catches everything": """\
def retry(request, attempts, base, cap, sleep, uniform):
    for attempt in range(attempts):
        try:
            return request()
        except Exception:
            if attempt == attempts - 1:
                raise
        sleep(uniform(0, min(cap, base * 2**attempt)))
""",
        "never gives up": """\
def retry(request, attempts, base, cap, sleep, uniform):
    attempt = 0
    while True:
        try:
            return request()
        except OSError:
            sleep(uniform(0, min(cap, base * 2**attempt)))
            attempt += 1
""",
        "returns None at the end": """\
def retry(request, attempts, base, cap, sleep, uniform):
    for attempt in range(attempts):
        try:
            return request()
        except OSError:
            if attempt < attempts - 1:
                sleep(uniform(0, min(cap, base * 2**attempt)))
""",
    },
)
