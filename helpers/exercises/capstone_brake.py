"""How long a service does not read from a member: a token bucket."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..findings import Finding, call
from . import Exercise, changed

START = 1000.0  # seconds: a clock does not begin at 0
NEAR = 1e-6  # seconds

# What a member shows; the rate and the burst; and its pauses before each message, beside what it
# is made to wait.
CASES: tuple[tuple[str, float, int, list[float]], ...] = (
    ("The first of a burst goes through at once.", 10.0, 3, [0]),
    ("With a burst of 1 every message is waited for.", 10.0, 1, [0, 0, 0]),
    ("A burst goes through, and then `rate` messages a second.", 10.0, 3, [0, 0, 0, 0, 0, 0]),
    ("A short pause gives back a part of a message.", 10.0, 2, [0, 0, 0.05, 0.05, 0]),
    ("Who is slower than the rate never waits.", 4.0, 2, [0, 0.25, 0.5, 0.25, 0.3]),
    ("A long pause gives back the burst.", 10.0, 3, [0, 0, 0, 5.0, 0, 0]),
    ("A long pause gives back no more than the burst.", 10.0, 2, [0, 0, 60.0, 0, 0, 0]),
    ("However late the first message comes, it has no more than the burst.", 50.0, 2, [3600, 0, 0]),
)


def examine(
    Brake: Callable[..., Any], what: str, rate: float, burst: int, pauses: list[float]
) -> Finding | None:
    made = f"Brake({rate:g}, {burst})"
    brake, other = (call(Brake, rate, burst, shown=made) for _ in range(2))
    now, left, waited, told = START, float(burst), 0.0, list[str]()

    def asked(which: Any, at: float, expected: float, message: str, shown: str) -> Finding | None:
        got = call(lambda: which.wait(at), shown=shown)
        if isinstance(got, bool) or not isinstance(got, int | float):
            return Finding("wait returns a number of seconds.", shown, expected=expected, got=got)
        if abs(got - expected) <= NEAR:
            return None
        return Finding(message, shown, expected=f"{expected:g} s", got=f"{got:g} s")

    for pause in pauses:
        now += pause
        left = min(burst, left + rate * (waited + pause)) - 1
        waited = max(0.0, (1 - left) / rate)
        told.append(f"wait({now:g})")
        if found := asked(brake, now, waited, what, f"{made}: {', '.join(told)}"):
            return found
        now += waited
    shown = f"{made}: {', '.join(told)}; another {made}: wait({now:g})"
    message = "Each member has a brake of its own: what one has said costs no other."
    return asked(other, now, 0.0 if burst > 1 else 1 / rate, message, shown)


def check(Brake: Callable[..., Any]) -> Finding | None:
    return next((f for case in CASES if (f := examine(Brake, *case))), None)


SOLUTION = """\
class Brake:
    def __init__(self, rate, burst):
        self.rate, self.burst = rate, burst
        self.saved, self.last = burst, None

    def wait(self, now):
        if self.last is not None:
            self.saved = min(self.burst, self.saved + self.rate * (now - self.last))
        self.last = now
        self.saved -= 1
        return max(0, (1 - self.saved) / self.rate)
"""
but = partial(changed, SOLUTION)

EXERCISE = Exercise(
    key="15-brake",
    name="Brake",
    statement="""\
`Paced` slows a member who pastes three lines as much as one who floods. Write a class
`Brake(rate, burst)`, of which each member has one (the field calls it a *token bucket*). It saves
up messages that may be read: `burst` of them at first, `rate` more each second, never more than
`burst`.

The service calls `wait(now)` for each message that it has read, at the time `now` in seconds, by
any clock. That takes one away. The method returns for how many seconds the service shall not read
from this member: 0 if one or more are left, else the time until there is a whole one again. The
service waits that long before it reads on.
""",
    starter='''\
class Brake:
    def __init__(self, rate, burst):
        """`rate` messages a second in the long run, `burst` of them at once."""
        ...  # your code

    def wait(self, now):
        """A message was read now: for how many seconds to read no more."""
        ...  # your code
''',
    check=check,
    hints=(
        "Two things are to be remembered: how much is saved, a number with a fraction, and when "
        "that was last computed.",
        "No timer is needed. In `wait`, first add what the time since the last call has brought, "
        "`rate` for each second, but not above `burst`; then take one away.",
        "What is missing to a whole message, divided by `rate`, is the wait. At the first call no "
        "time has passed: the clock may begin anywhere.",
    ),
    solution=SOLUTION,
    wrong={
        "the same pause for everybody": but(
            ("return max(0, (1 - self.saved) / self.rate)", "return 1 / self.rate")
        ),
        "saves without end": but(("min(self.burst, self.saved +", "(self.saved +")),
        "the clock begins at 0": but(
            ("self.saved, self.last = burst, None", "self.saved, self.last = 0, 0"),
            ("min(self.burst, self.saved +", "(self.saved +"),
        ),
        "any pause gives all back": but(
            (
                "min(self.burst, self.saved + self.rate * (now - self.last))",
                "self.burst if now - self.last > 1 / self.rate else self.saved",
            )
        ),
        "gives nothing back": but(("self.rate * (now - self.last)", "0")),
        "begins with nothing": but(
            ("self.saved, self.last = burst, None", "self.saved, self.last = 0, None")
        ),
        "whole messages only": but(
            ("self.rate * (now - self.last)", "int(self.rate * (now - self.last))")
        ),
        "waits for the whole burst": but(("(1 - self.saved)", "(self.burst - self.saved)")),
        "waits until nothing is owed": but(("(1 - self.saved)", "(-self.saved)")),
        "one brake for all": """\
class Brake:
    saved, last = None, None

    def __init__(self, rate, burst):
        self.rate, self.burst = rate, burst
        Brake.saved = burst if Brake.saved is None else Brake.saved

    def wait(self, now):
        if Brake.last is not None:
            Brake.saved = min(self.burst, Brake.saved + self.rate * (now - Brake.last))
        Brake.last = now
        Brake.saved -= 1
        return max(0, (1 - Brake.saved) / self.rate)
""",
        "counts in each second": """\
class Brake:
    def __init__(self, rate, burst):
        self.rate, self.burst = rate, burst
        self.second, self.count = None, 0

    def wait(self, now):
        if self.second != int(now):
            self.second, self.count = int(now), 0
        self.count += 1
        return 0 if self.count < self.burst else int(now) + 1 - now
""",
    },
)
