"""Find the call that blocks the loop, and move it out of the way."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any

from ..coroutines import finished
from ..findings import Finding, call
from . import Exercise

PATIENCE = 1.0  # seconds that the slow library waits to see another client served
BOOK = {"slow": "it took a while", "quick": "at once"}


class Library:
    """An ordinary, blocking function. For "slow" it returns when another was answered."""

    def __init__(self) -> None:
        self.other_answered = threading.Event()
        self.blocked = False

    def look_up(self, name: str) -> str:
        if name == "slow":
            self.blocked = not self.other_answered.wait(PATIENCE)
        return BOOK[name]


async def noted(_text: str) -> None:
    await asyncio.sleep(0)


def run(answer: Callable[..., Any], library: Library) -> Any:
    async def one(question: str) -> Any:
        made = answer(question, library.look_up, noted)
        return await made if inspect.isawaitable(made) else made

    async def both() -> list[Any]:
        slow = asyncio.create_task(one(" Slow\n"))
        for _ in range(5):  # so that the slow one is well under way
            await asyncio.sleep(0)
        try:
            quick = await one("quick\n")
        finally:
            library.other_answered.set()
        return [await slow, quick]

    return finished(both())


def run_unknown(answer: Callable[..., Any]) -> Any:
    async def ask() -> Any:
        try:
            return await answer("nobody\n", Library().look_up, noted)
        except KeyError as error:
            return error

    return finished(ask())


def check(answer: Callable[..., Any]) -> Finding | None:
    library = Library()
    shown = "await answer(' Slow\\n', look_up, note), and answer('quick\\n', …) beside it"
    if not inspect.iscoroutinefunction(answer):
        return Finding("answer must be a coroutine function: async def answer(…).", shown)
    got = call(run, answer, library, shown=shown, seconds=4)
    if library.blocked:
        message = (
            "While look_up('slow') ran, answer('quick') could not go on: the loop was blocked, for "
            f"{PATIENCE:g} s. look_up was called in the thread of the loop."
        )
        return Finding(message, shown)
    wanted = [f"{name}: {BOOK[name]}\n" for name in ("slow", "quick")]
    if got != wanted:
        message = "Nobody was blocked. But the answers must be the same as before:"
        return Finding(message, shown, expected=wanted, got=got)
    got = call(run_unknown, answer, shown="await answer('nobody\\n', look_up, note)")
    if not isinstance(got, KeyError):
        message = "look_up raises KeyError for an unknown name, and answer must not hide it:"
        return Finding(
            message, "await answer('nobody\\n', look_up, note)", expected="KeyError", got=got
        )
    return None


EXERCISE = Exercise(
    key="09-blocking",
    name="answer",
    statement="""\
This coroutine answers one client's question. With one client it works. With two, each waits for the
other. `look_up` is a plain function of some library, `note` a coroutine function that writes a log.

```python
async def answer(question, look_up, note):
    await note(f"asked: {question}")
    name = question.strip().lower()
    line = f"{name}: {look_up(name)}\\n"
    await note(f"answered: {name}")
    return line
```

Find the call that may block the loop, and write `answer` anew so that others are served meanwhile.
What it returns and raises stays the same.
""",
    starter='''\
async def answer(question, look_up, note):
    """The answer to one question; other tasks go on while look_up takes its time."""
    ...  # your code
''',
    check=check,
    hints=(
        "Every `await` is a place where others *may* go on. Which call takes long and has none? "
        "`strip` and `lower` are quick.",
        "Putting the call into another `async def` changes nothing: it still runs in the loop's "
        "thread, from beginning to end.",
        "`asyncio.to_thread(function, argument)` calls the function in another thread. Give it "
        "the function itself, not its result, and await it.",
    ),
    solution="""\
import asyncio


async def answer(question, look_up, note):
    name = question.strip().lower()
    await note(f"asked: {name}")
    found = await asyncio.to_thread(look_up, name)
    await note(f"answered: {name}")
    return f"{name}: {found}\\n"
""",
    wrong={
        "as it was": """\
async def answer(question, look_up, note):
    await note(f"asked: {question}")
    name = question.strip().lower()
    found = look_up(name)
    await note(f"answered: {name}")
    return f"{name}: {found}\\n"
""",
        "async def around it": """\
async def answer(question, look_up, note):
    name = question.strip().lower()

    async def asynchronously():
        return look_up(name)

    return f"{name}: {await asynchronously()}\\n"
""",
        "gives others a turn before": """\
import asyncio


async def answer(question, look_up, note):
    name = question.strip().lower()
    await asyncio.sleep(0)
    return f"{name}: {look_up(name)}\\n"
""",
        "awaits a plain function": """\
async def answer(question, look_up, note):
    name = question.strip().lower()
    return f"{name}: {await look_up(name)}\\n"
""",
        "calls it first": """\
import asyncio


async def answer(question, look_up, note):
    name = question.strip().lower()
    return f"{name}: {await asyncio.to_thread(look_up(name))}\\n"
""",
        "does not await the thread": """\
import asyncio


async def answer(question, look_up, note):
    name = question.strip().lower()
    return f"{name}: {asyncio.to_thread(look_up, name)}\\n"
""",
        "no coroutine": """\
def answer(question, look_up, note):
    name = question.strip().lower()
    return f"{name}: {look_up(name)}\\n"
""",
        "hides the error": """\
import asyncio


async def answer(question, look_up, note):
    name = question.strip().lower()
    try:
        return f"{name}: {await asyncio.to_thread(look_up, name)}\\n"
    except KeyError:
        return "unknown\\n"
""",
    },
)
