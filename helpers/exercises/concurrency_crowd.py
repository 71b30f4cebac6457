"""A client that asks many at once, but never more than the other side can bear."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..findings import Finding, call
from . import Exercise

STEP = 0.01  # seconds of one answer
PATIENCE = 0.4  # seconds that the slow answer waits for all the others


class Service:
    """What is asked, and what it sees.

    With a slow one, the first question is answered when all the others have been: those
    who keep the other places busy get there, those who wait for the first one do not.
    """

    def __init__(self, count: int, slow: bool) -> None:
        self.slow = slow
        self.left = count - 1
        self.all_others = asyncio.Event()
        self.now = self.most = 0
        self.held_up = 0  # questions that were not asked while the slow one was waiting

    async def ask(self, question: int) -> str:
        self.now += 1
        self.most = max(self.most, self.now)
        if self.slow and question == 1:
            try:
                await asyncio.wait_for(self.all_others.wait(), PATIENCE)
            except TimeoutError:
                self.held_up = self.left
        else:
            await asyncio.sleep(STEP)
            self.left -= 1
            if not self.left:
                self.all_others.set()
        self.now -= 1
        return f"answer {question}"


def examine(
    ask_all: Callable[..., Any], count: int, most: int, slow: bool = False
) -> Finding | None:
    questions = list(range(1, count + 1))
    shown = f"await ask_all(ask, {questions}, most={most})"

    async def ask_here() -> tuple[Service, Any]:
        service = Service(count, slow)
        return service, await ask_all(service.ask, questions, most)

    service, got = call(lambda: asyncio.run(ask_here()), shown=shown)
    expected = [f"answer {question}" for question in questions]
    if service.most > most:
        return Finding(
            "Too many questions were on their way at the same time.",
            shown,
            expected=f"at most {most}",
            got=f"{service.most}",
        )
    if got != expected:
        return Finding(
            "The answers are not a list of all answers, in the order of the questions.",
            shown,
            expected=expected,
            got=got,
        )
    if service.most < min(most, count):
        return Finding(
            f"Only {service.most} at a time, where {most} may be: the rest waited for nothing.",
            shown,
            expected=f"{min(most, count)} at once",
            got=f"{service.most}",
        )
    if service.held_up:
        return Finding(
            "The first answer took long, and held up the others: a place was free, and no "
            "question went out. The next one can go as soon as any answer has come.",
            shown,
            expected="all others answered before the slow one",
            got=f"{service.held_up} not yet answered",
        )
    return None


def check(ask_all: Callable[..., Any]) -> Finding | None:
    if not asyncio.iscoroutinefunction(ask_all):
        return Finding(
            "ask_all must be a coroutine function, because it awaits: async def ask_all(…).",
            "ask_all",
        )
    return (
        examine(ask_all, 0, 2)
        or examine(ask_all, 1, 3)
        or examine(ask_all, 6, 3)
        or examine(ask_all, 8, 2, slow=True)
    )


EXERCISE = Exercise(
    key="08-crowd",
    name="ask_all",
    statement="""\
A client with a thousand questions should not ask them one after the other, and not all at
once either: a server with a pool of 8 has no use for 1,000 connections. Write the coroutine
function `ask_all(ask, questions, most)`. It awaits `ask(question)` for each question, never
more than `most` of them at the same time, and returns the list of answers in the order of the
questions. As soon as one answer has come, the next question may go out.
""",
    starter='''\
async def ask_all(ask, questions, most):
    """All answers, in the order of the questions; at most `most` are asked at once."""
    ...  # your code
''',
    check=check,
    hints=(
        "`await asyncio.gather(*coroutines)` runs them all at once, and returns their results in "
        "the order in which they were given.",
        "`asyncio.Semaphore(most)` lets `most` in at the same time: `async with places:`. All "
        "must share one.",
        "Write a small coroutine function that asks one question inside `async with places:`, and "
        "gather one of these for each question.",
    ),
    solution="""\
import asyncio

async def ask_all(ask, questions, most):
    places = asyncio.Semaphore(most)

    async def ask_one(question):
        async with places:
            return await ask(question)

    return await asyncio.gather(*(ask_one(question) for question in questions))
""",
    wrong={
        "all at once": """\
import asyncio
async def ask_all(ask, questions, most):
    return await asyncio.gather(*(ask(question) for question in questions))
""",
        "one after the other": """\
async def ask_all(ask, questions, most):
    return [await ask(question) for question in questions]
""",
        "in batches": """\
import asyncio
async def ask_all(ask, questions, most):
    answers = []
    for start in range(0, len(questions), most):
        batch = questions[start:start + most]
        answers += await asyncio.gather(*map(ask, batch))
    return answers
""",
        "a semaphore for each question": """\
import asyncio
async def ask_all(ask, questions, most):
    async def ask_one(question):
        async with asyncio.Semaphore(most):
            return await ask(question)
    return await asyncio.gather(*map(ask_one, questions))
""",
        "in the order of the answers": """\
import asyncio
async def ask_all(ask, questions, most):
    places, answers = asyncio.Semaphore(most), []
    async def ask_one(question):
        async with places:
            answers.append(await ask(question))
    await asyncio.gather(*map(ask_one, questions))
    return answers
""",
        "not a coroutine function": """\
def ask_all(ask, questions, most):
    return [ask(question) for question in questions]
""",
    },
)
