"""Race connections, the next one a little later: the core of Happy Eyeballs (RFC 8305)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..coroutines import finished
from ..findings import Finding, call
from . import Exercise

FOREVER = 100.0  # seconds on the clock of the check
WAIT = 0.25


@dataclass
class Dial:
    """One address: it answers after some seconds, or refuses, or stays silent."""

    name: str
    after: float
    refuses: bool = False
    started: float | None = None
    ended: str = ""  # "", "answered", "refused" or "cancelled"

    async def __call__(self) -> str:
        loop = asyncio.get_running_loop()
        self.started = loop.time()
        try:
            await asyncio.sleep(self.after)
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        self.ended = "refused" if self.refuses else "answered"
        if self.refuses:
            raise ConnectionRefusedError(f"{self.name} refused")
        return self.name

    def __repr__(self) -> str:
        if self.after >= FOREVER:
            return f"{self.name} silent"
        return f"{self.name} {'refuses' if self.refuses else 'answers'} after {self.after:g} s"


@dataclass
class Case:
    dials: list[tuple[str, float, bool]]
    starts: list[float | None]  # when each must be started
    result: str | None  # None: the last error
    takes: float
    why: str
    told: list[Dial] = field(default_factory=list)


CASES = (
    Case([("A", 0.01, False)], [0], "A", 0.01, "There is one address, and it answers."),
    Case(
        [("A", 0.01, False), ("B", 0.01, False)], [0, None], "A", 0.01,
        "The first answers within the wait, so nobody else need be asked.",
    ),
    Case(
        [("A", FOREVER, False), ("B", 0.03, False)], [0, WAIT], "B", WAIT + 0.03,
        "The first stays silent: after the wait the second must start as well.",
    ),
    Case(
        [("A", 0.3, False), ("B", 0.1, False)], [0, WAIT], "A", 0.3,
        "The first is slow, and still the first to answer: when the second starts, the first "
        "must go on.",
    ),
    Case(
        [("A", 0.01, True), ("B", 0.03, False)], [0, 0.01], "B", 0.04,
        "The first refuses. There is no reason to wait any longer: the next starts at once.",
    ),
    Case(
        [("A", FOREVER, False)] * 3 + [("D", 0.01, False)], [0, WAIT, 2 * WAIT, 3 * WAIT], "D",
        3 * WAIT + 0.01, "Three stay silent: each next one starts one wait later.",
    ),
    Case(
        [("A", 0.01, True), ("B", 0.02, True)], [0, 0.01], None, 0.03,
        "All refuse: the last error must be raised.",
    ),
    Case(
        [("A", 0.3, True), ("B", 0.6, False)], [0, WAIT], "B", 0.85,
        "The last has started and the first refuses: the last one must go on.",
    ),
)  # fmt: skip


def run(race: Callable[..., Any], case: Case) -> tuple[Any, float, int, list[Dial]]:
    dials = [Dial(*each) for each in case.dials]

    async def main() -> tuple[Any, float, int]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            made = race(dials, WAIT)
            if not inspect.isawaitable(made):
                raise TypeError("race must be a coroutine function: async def race(…)")
            result = await asyncio.wait_for(made, FOREVER / 2)
        except TimeoutError:
            result = None
        except Exception as error:
            result = error
        took = loop.time() - began
        return result, took, len(asyncio.all_tasks()) - 1

    result, took, left = finished(main(), skip_waiting=True)
    return result, took, left, dials


def examine(race: Callable[..., Any], case: Case) -> Finding | None:
    shown = f"await race([{', '.join(map(repr, (Dial(*each) for each in case.dials)))}], {WAIT})"
    result, took, left, dials = call(run, race, case, shown=shown)
    wanted = case.result or "ConnectionRefusedError: B refused"
    got = f"{type(result).__name__}: {result}" if isinstance(result, Exception) else result
    if isinstance(result, Exception) and not isinstance(result, ConnectionRefusedError):
        return Finding(f"race raised an error of its own. {case.why}", shown, wanted, got)
    for dial, start in zip(dials, case.starts, strict=True):
        if not same(dial.started, start):
            message = f"{case.why} When was {dial.name} started (seconds)?"
            return Finding(message, shown, said(start), said(dial.started))
    if got != wanted:
        return Finding(f"{case.why} What race gave:", shown, wanted, got)
    if not same(took, case.takes):
        message = f"{case.why} race returned too late (seconds):"
        return Finding(message, shown, said(case.takes), said(took))
    still = [dial.name for dial in dials if dial.started is not None and not dial.ended]
    if still or left:
        message = (
            f"{case.why} race returned, and an attempt still runs: "
            f"{', '.join(still) or 'a task'}. Cancel the losers, and wait until they have ended."
        )
        return Finding(message, shown)
    return None


def same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) < 1e-3


def said(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.2f}"


def check(race: Callable[..., Any]) -> Finding | None:
    return next((found for case in CASES if (found := examine(race, case))), None)


EXERCISE = Exercise(
    key="11-race",
    name="race",
    statement="""\
Write the coroutine function `race(dials, wait)`. `dials` is a list of coroutine functions without
parameters, in order of preference: `await dials[0]()` gives a connection or raises `OSError`.

- Start the first. Start the next one when `wait` seconds have passed since the last start, or at
  once when an attempt fails. Those that run, go on.
- Return what the first successful attempt gives. Cancel all others, and wait until they have ended.
- If all fail, raise the error of the last one that failed.

(Of RFC 8305 this is section 5. The check runs on a clock of its own, which skips the waiting.)
""",
    starter='''\
async def race(dials, wait):
    """The result of the first attempt that succeeds; each starts `wait` s after the last."""
    ...  # your code
''',
    check=check,
    hints=(
        "Keep a set of tasks: `asyncio.create_task(dial())`. `asyncio.wait(tasks, "
        "timeout=wait, return_when=asyncio.FIRST_COMPLETED)` gives `(done, pending)`, and `done` "
        "is empty if the time was up.",
        "A loop: start the next dial if there is one; wait, without a timeout if there is none "
        "left; look at each task in done: `task.exception()` is None if it succeeded. "
        "If nothing is pending and no dial is left, raise the last error.",
        "At the end, whatever happened (`try` … `finally`): `task.cancel()` for all that are "
        "pending, then `await asyncio.gather(*tasks, return_exceptions=True)`.",
    ),
    solution="""\
import asyncio


async def race(dials, wait):
    waiting, running, error = list(dials), set(), OSError("there was nobody to dial")
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(waiting.pop(0)()))
            done, running = await asyncio.wait(
                running,
                timeout=wait if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                error = task.exception()
                if error is None:
                    return task.result()
        raise error
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
""",
    wrong={
        "one after the other": """\
import asyncio


async def race(dials, wait):
    last = None
    for dial in dials:
        try:
            return await asyncio.wait_for(dial(), wait)
        except OSError as error:
            last = error
    raise last
""",
        "all at once": """\
import asyncio


async def race(dials, wait):
    tasks = [asyncio.create_task(dial()) for dial in dials]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    return done.pop().result()
""",
        "waits after a refusal": """\
import asyncio


async def race(dials, wait):
    tasks, last = set(), None
    for place, dial in enumerate(dials):
        tasks.add(asyncio.create_task(dial()))
        ends = asyncio.get_running_loop().time() + wait
        while tasks:
            left = ends - asyncio.get_running_loop().time()
            more = place + 1 < len(dials)
            done, tasks = await asyncio.wait(
                tasks, timeout=max(left, 0) if more else None,
                return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                last = task.exception()
                if last is None:
                    for other in tasks:
                        other.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                    return task.result()
            if not done:
                break
        else:
            await asyncio.sleep(max(0, ends - asyncio.get_running_loop().time()))
    raise last
""",
        "losers go on": """\
import asyncio


async def race(dials, wait):
    rest, running, error = list(dials), set(), None
    while rest or running:
        if rest:
            running.add(asyncio.create_task(rest.pop(0)()))
        done, running = await asyncio.wait(
            running, timeout=wait if rest else None, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            error = task.exception()
            if error is None:
                return task.result()
    raise error
""",
        "no coroutine": """\
def race(dials, wait):
    return dials[0]()
""",
    },
)
