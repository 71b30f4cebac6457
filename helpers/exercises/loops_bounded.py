"""Ask many questions at once, but never too many: a semaphore and a task group."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from ..coroutines import finished
from ..findings import Finding, call
from . import Exercise

Ask = Callable[[str], Awaitable[str]]
CASES: tuple[tuple[list[str], int], ...] = (
    ([], 1),
    (["a"], 3),
    (["a", "b", "c"], 1),
    (["a", "b", "c"], 3),
    (["slow", "a", "b", "c", "d", "e"], 2),
)
SLOW = 60  # turns of the loop until the slow question is answered


@dataclass
class Service:
    """Answers questions, and notes how many were under way at once."""

    under_way: int = 0
    most: int = 0
    asked: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)

    async def ask(self, question: str) -> str:
        self.asked.append(question)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            # The later it was asked, the sooner the answer: they come out of order.
            for _ in range(SLOW if question == "slow" else max(2, 10 - len(self.asked))):
                await asyncio.sleep(0)
            if question == "fails":
                raise ConnectionError("the server of this question is down")
            self.answered.append(question)
            return question.upper()
        finally:
            self.under_way -= 1


def run(ask_all: Callable[..., Any], service: Service, questions: list[str], limit: int) -> Any:
    async def main() -> tuple[Any, int]:
        try:
            made = ask_all(service.ask, questions, limit)
            result = await made if inspect.isawaitable(made) else NotAwaitable(made)
        except Exception as error:
            result = error
        return result, len(asyncio.all_tasks()) - 1

    return finished(main())


@dataclass
class NotAwaitable:
    value: object


def examine(ask_all: Callable[..., Any], questions: list[str], limit: int) -> Finding | None:
    service = Service()
    shown = f"await ask_all(ask, {questions!r}, limit={limit})"
    got, _ = call(run, ask_all, service, questions, limit, shown=shown)
    if isinstance(got, NotAwaitable):
        message = "ask_all must be a coroutine function: async def ask_all(…)."
        return Finding(message, shown, expected="a coroutine", got=got.value)
    if isinstance(got, Exception):
        raise got
    if sorted(service.asked) != sorted(questions):
        message = "Each question must be asked exactly once. These were:"
        return Finding(message, shown, expected=questions, got=service.asked)
    if service.most > limit:
        message = "Too many questions were under way at the same moment:"
        return Finding(message, shown, expected=f"at most {limit}", got=service.most)
    if service.most < min(limit, len(questions)):
        message = "There was room for more questions at the same moment:"
        return Finding(message, shown, expected=min(limit, len(questions)), got=service.most)
    if "slow" in questions and service.answered[-1] != "slow":
        message = (
            "One place was left empty while the slow question was under way. Ask the next as soon "
            "as any one is answered, and do not wait for a whole batch. Answered, in order:"
        )
        return Finding(message, shown, expected=[*questions[1:], "slow"], got=service.answered)
    wanted = [question.upper() for question in questions]
    if got != wanted:
        message = "What ask_all returns must be a list of the answers, in the order of questions:"
        return Finding(message, shown, expected=wanted, got=got)
    return None


def examine_failure(ask_all: Callable[..., Any]) -> Finding | None:
    service, questions = Service(), ["slow", "fails", "a"]
    shown = f"await ask_all(ask, {questions!r}, limit=2)"
    got, left = call(run, ask_all, service, questions, 2, shown=shown)
    if not isinstance(got, Exception):
        message = "One question failed with ConnectionError, and ask_all told nobody:"
        return Finding(message, shown, expected="an exception", got=got)
    if left or service.under_way:
        message = (
            "One question failed and ask_all raised, but others were still under way, with nobody "
            "to wait for them. Left running:"
        )
        return Finding(message, shown, expected="0 tasks", got=f"{left} tasks")
    return None


def check(ask_all: Callable[..., Any]) -> Finding | None:
    found = next((found for case in CASES if (found := examine(ask_all, *case))), None)
    return found or examine_failure(ask_all)


EXERCISE = Exercise(
    key="09-bounded",
    name="ask_all",
    statement="""\
The polite client of [08](08_concurrency.ipynb#Exercise:-a-polite-client) never asked more than so
many questions at once. But what becomes of the others when one of them fails? Write the coroutine
`ask_all(ask, questions, limit)`. `ask(question)` is a coroutine that opens a connection, asks, and
returns the answer. Run it once for each question, at most `limit` at the same moment, and always
`limit` while enough are left. Return the answers in the order of the questions. If one fails, no
other may be left running when `ask_all` raises.
""",
    starter='''\
async def ask_all(ask, questions, limit):
    """The answers to all questions; at most limit of them under way at once."""
    ...  # your code
''',
    check=check,
    hints=(
        "An `asyncio.Semaphore(limit)` has so many places. `async with semaphore:` takes one, or "
        "waits until one is free, and gives it back at the end of the block.",
        "The place must be held *while* the question is under way. So the `async with` belongs "
        "into the coroutine that becomes a task, around its `await ask(…)`.",
        "An `asyncio.TaskGroup` waits for its tasks, and cancels the others if one fails. After "
        "its block each task's `result()` is there.",
    ),
    solution="""\
import asyncio


async def ask_all(ask, questions, limit):
    places = asyncio.Semaphore(limit)

    async def ask_one(question):
        async with places:
            return await ask(question)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask_one(question)) for question in questions]
    return [task.result() for task in tasks]
""",
    wrong={
        "all at once": """\
import asyncio


async def ask_all(ask, questions, limit):
    return list(await asyncio.gather(*map(ask, questions)))
""",
        "one after the other": """\
async def ask_all(ask, questions, limit):
    return [await ask(question) for question in questions]
""",
        "in batches": """\
import asyncio


async def ask_all(ask, questions, limit):
    answers = []
    for start in range(0, len(questions), limit):
        answers += await asyncio.gather(*map(ask, questions[start : start + limit]))
    return answers
""",
        "the place is given back at once": """\
import asyncio


async def ask_all(ask, questions, limit):
    places, tasks = asyncio.Semaphore(limit), []
    for question in questions:
        async with places:
            tasks.append(asyncio.create_task(ask(question)))
    return [await task for task in tasks]
""",
        "as they are answered": """\
import asyncio


async def ask_all(ask, questions, limit):
    places, answers = asyncio.Semaphore(limit), []

    async def ask_one(question):
        async with places:
            answers.append(await ask(question))

    async with asyncio.TaskGroup() as group:
        for question in questions:
            group.create_task(ask_one(question))
    return answers
""",
        "leaves others running": """\
import asyncio


async def ask_all(ask, questions, limit):
    places = asyncio.Semaphore(limit)

    async def ask_one(question):
        async with places:
            return await ask(question)

    return list(await asyncio.gather(*map(ask_one, questions)))
""",
        "no coroutine": """\
def ask_all(ask, questions, limit):
    return [question.upper() for question in questions]
""",
    },
)
