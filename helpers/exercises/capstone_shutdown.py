"""An end that says goodbye to all, waits for those who listen, and for nobody for ever."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..coroutines import finished
from ..findings import Finding, call
from . import Exercise, changed

PATIENCE = 2.0
NEVER = 1000.0


@dataclass
class Guest:
    """A member: what it is told, and how long it takes until all of it is sent."""

    name: str
    takes: float
    gone: bool = False
    happened: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.happened.append(f"say {text}")

    async def flush(self) -> None:
        self.happened.append("flush")
        try:
            await asyncio.sleep(self.takes)
        except asyncio.CancelledError:
            self.happened.append("cancelled")
            raise
        if self.gone:
            raise ConnectionResetError(f"{self.name} has gone")
        self.happened.append("flushed")

    def abort(self) -> None:
        self.happened.append("abort")

    def __repr__(self) -> str:
        if self.gone:
            return f"{self.name} has gone, noticed after {self.takes:g} s"
        return f"{self.name} takes {self.takes:g} s" if self.takes < NEVER else f"{self.name}: deaf"


Plan = tuple[str, float, bool]
CASES: tuple[tuple[str, list[Plan]], ...] = (
    ("Nobody is there.", []),
    ("Two members who read.", [("ann", 0.1, False), ("bob", 0.2, False)]),
    ("One of them never reads.", [("deaf", NEVER, False), ("bob", 0.2, False)]),
    ("One is slow, and still in time.", [("slow", 1.5, False), ("bob", 1.0, False)]),
    ("Three never read: the patience is for all together.", [(n, NEVER, False) for n in "abc"]),
    ("One has gone already.", [("gone", 0.1, True), ("bob", 0.5, False)]),
)


def examine(shutdown: Callable[..., Any], what: str, plans: list[Plan]) -> Finding | None:
    guests = [Guest(*plan) for plan in plans]
    shown = f"await shutdown({guests}, {PATIENCE:g})"

    async def main() -> tuple[Any, float, int]:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        made = shutdown(list(guests), PATIENCE)
        if not inspect.isawaitable(made):
            raise TypeError("shutdown must be a coroutine function: async def shutdown(…)")
        try:
            result: Any = await asyncio.wait_for(made, NEVER / 2)
        except TimeoutError as error:
            result = error
        except (OSError, ExceptionGroup) as error:
            result = error
        return result, loop.time() - begun, len(asyncio.all_tasks()) - 1

    result, took, left = call(lambda: finished(main(), skip_waiting=True), shown=shown)
    deaf = [guest.name for guest in guests if guest.takes > PATIENCE]
    slowest = max((guest.takes for guest in guests), default=0.0)
    for guest in guests:
        if guest.happened[:1] != ["say BYE shutdown"]:
            message = f"{what} {guest.name} should first be told goodbye."
            return Finding(message, shown, expected="say BYE shutdown", got=guest.happened)
        if guest.takes <= PATIENCE and not guest.gone and guest.happened[-1] != "flushed":
            message = f"{what} {guest.name} would have been in time: all of it must be sent."
            return Finding(message, shown, expected="flushed", got=guest.happened)
        if (guest.name in deaf) != ("abort" in guest.happened):
            rule = "must be aborted" if guest.name in deaf else "must not be aborted"
            message = f"{what} {guest.name} {rule}."
            return Finding(message, shown, expected=rule, got=guest.happened)
    if took > min(slowest, PATIENCE) + 1e-6:
        message = f"{what} shutdown should be over as soon as all is sent, or patience ends."
        return Finding(message, shown, expected=f"{min(slowest, PATIENCE):g} s", got=f"{took:g} s")
    if isinstance(result, BaseException):
        message = f"{what} shutdown raised, and should not: there is nobody to help it."
        return Finding(message, shown, expected="no exception", got=result)
    if left:
        return Finding(f"{what} Tasks are left running.", shown, expected=0, got=left)
    if result != deaf:
        message = f"{what} shutdown returns the names of those who were aborted."
        return Finding(message, shown, expected=deaf, got=result)
    return None


def check(shutdown: Callable[..., Any]) -> Finding | None:
    return next((f for case in CASES if (f := examine(shutdown, *case))), None)


SOLUTION = """\
import asyncio


async def shutdown(members, patience):
    for member in members:
        member.say("BYE shutdown")
    tasks = [asyncio.create_task(member.flush()) for member in members]
    if tasks:
        await asyncio.wait(tasks, timeout=patience)
    aborted = []
    for member, task in zip(members, tasks):
        if not task.done():
            task.cancel()
            member.abort()
            aborted.append(member.name)
    await asyncio.gather(*tasks, return_exceptions=True)
    return aborted
"""
but = partial(changed, SOLUTION)

EXERCISE = Exercise(
    key="15-shutdown",
    name="shutdown",
    statement="""\
Write the coroutine function `shutdown(members, patience)`. A member has a `name` and three methods:
`say(text)` puts a message into its queue and never waits; the coroutine function `flush()` waits
until all of the queue is sent, or raises `OSError` if the member has gone; `abort()` ends the
connection at once. Tell all of them `BYE shutdown`, let all of them flush at the same time, and
wait for at most `patience` seconds, all in all. Whoever is not done by then is aborted, and no
flush of theirs goes on. Return the list of their names. A member that has gone is no reason to
raise, nor to abort.
""",
    starter='''\
async def shutdown(members, patience):
    """Say goodbye to all; the names of those who did not take it in time."""
    ...  # your code
''',
    check=check,
    hints=(
        "Three rounds: `say` for all; a task with `flush()` for each; then wait for all tasks.",
        "`asyncio.wait(tasks, timeout=…)` waits for all of them together, raises nothing, and "
        "cancels nothing. It does not take an empty list.",
        "Afterwards, for each task that is not `done()`: cancel it, abort its member, note the "
        "name. At last await all tasks, with `return_exceptions=True`.",
    ),
    solution=SOLUTION,
    wrong={
        "patience for each": """\
import asyncio


async def shutdown(members, patience):
    aborted = []
    for member in members:
        member.say("BYE shutdown")
        try:
            await asyncio.wait_for(member.flush(), patience)
        except TimeoutError:
            member.abort()
            aborted.append(member.name)
        except OSError:
            continue
    return aborted
""",
        "waits for ever": but((", timeout=patience", "")),
        "all of its patience, always": but(
            (
                "        await asyncio.wait(tasks, timeout=patience)",
                "        await asyncio.sleep(patience)",
            )
        ),
        "no goodbye": but(('member.say("BYE shutdown")', "member.name")),
        "leaves tasks running": but(
            ("            task.cancel()\n", ""),
            ("    await asyncio.gather(*tasks, return_exceptions=True)\n", ""),
        ),
        "one who has gone ends it for all": """\
import asyncio


async def shutdown(members, patience):
    for member in members:
        member.say("BYE shutdown")
    try:
        async with asyncio.timeout(patience), asyncio.TaskGroup() as group:
            for member in members:
                group.create_task(member.flush())
    except TimeoutError:
        return [member.name for member in members if member.abort() is None]
    return []
""",
        "aborts all of them": but(("if not task.done():", "if True:")),
    },
)
