"""A ticker whose members have bounded outboxes: the oldest message gives way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from ..findings import Finding, call, smallest_finding
from . import Exercise, changed

Step = tuple[str, str]  # "join", "leave", "publish" or "take", and whose, or what
LIMIT = 2


class Model:
    """What is wanted."""

    def __init__(self) -> None:
        self.number = 0
        self.waiting: dict[str, deque[str]] = {}

    def step(self, what: str, which: str) -> list[str] | None:
        if what == "join":
            self.waiting[which] = deque(maxlen=LIMIT)
        elif what == "leave":
            del self.waiting[which]
        elif what == "publish":
            self.number += 1
            for queue in self.waiting.values():
                queue.append(f"{self.number} {which}")
        else:
            taken = list(self.waiting[which])
            self.waiting[which].clear()
            return taken
        return None

    def possible(self, what: str, which: str) -> bool:
        return what == "publish" or (which in self.waiting) == (what != "join")


def do(thing: Any, method: str, *arguments: object) -> Any:
    return getattr(thing, method)(*arguments)


def examine(Ticker: Callable[..., Any], steps: list[Step]) -> Finding | None:
    model, room = Model(), call(Ticker, LIMIT, shown=f"Ticker({LIMIT})")
    told: list[str] = []
    for what, which in [*steps, *(("take", nick) for nick in ("ann", "bob"))]:
        if not model.possible(what, which):
            continue
        told.append(f"{what}({which!r})")
        shown = f"Ticker({LIMIT}): {', '.join(told)}"
        got = call(do, room, what, which, shown=shown)
        expected = model.step(what, which)
        if expected is None or (got == expected and isinstance(got, list)):
            continue
        message = f"take({which!r}) should return, as a list, what waits for {which}."
        if isinstance(got, list | tuple | deque):
            if len(got) > LIMIT:
                message += f" No more than {LIMIT} messages may wait."
            elif len(expected) == LIMIT and expected[-1] not in got:
                message += " When it is full, the oldest gives way, not the newest."
            elif [text for text in got if text not in expected]:
                message += " Something there was not for this member, or has a wrong number."
        return Finding(message, shown, expected=expected, got=got)
    return None


CASES: tuple[list[Step], ...] = (
    [("join", "ann"), ("publish", "a"), ("take", "ann"), ("take", "ann")],
    [("join", "ann"), ("join", "bob"), ("publish", "a"), ("take", "ann")],
    [("join", "ann"), ("publish", "a"), ("publish", "b"), ("publish", "c")],
    [("publish", "a"), ("join", "ann"), ("publish", "b")],
    [("join", "ann"), ("publish", "a"), ("leave", "ann"), ("publish", "b"), ("join", "ann")],
)


def check(Ticker: Callable[..., Any]) -> Finding | None:
    from hypothesis import strategies as st

    found = next((f for case in CASES if (f := examine(Ticker, case))), None)
    nick = st.sampled_from(["ann", "bob"])
    step = st.one_of(
        st.tuples(st.sampled_from(["join", "take", "leave"]), nick),
        st.tuples(st.just("publish"), st.sampled_from(["a", "b"])),
    )
    return found or smallest_finding(
        st.lists(step, max_size=10), lambda steps: examine(Ticker, steps)
    )


SOLUTION = """\
from collections import deque


class Ticker:
    def __init__(self, limit):
        self.limit, self.number, self.waiting = limit, 0, {}

    def join(self, nick):
        self.waiting[nick] = deque(maxlen=self.limit)

    def leave(self, nick):
        del self.waiting[nick]

    def publish(self, text):
        self.number += 1
        for outbox in self.waiting.values():
            outbox.append(f"{self.number} {text}")

    def take(self, nick):
        taken = list(self.waiting[nick])
        self.waiting[nick].clear()
        return taken
"""
but = partial(changed, SOLUTION)

EXERCISE = Exercise(
    key="15-ticker",
    name="Ticker",
    statement="""\
`QueuedChat` cuts off who is too slow. A price ticker would rather drop old messages. Write a class
`Ticker(limit)` with four methods:

- `join(nick)` and `leave(nick)`: a member comes, and goes;
- `publish(text)` numbers the texts from 1 on, and puts `"number text"` into the outbox of each
  member who is there now;
- `take(nick)` returns what waits for this member as a list, oldest first, and takes it out.

At most `limit` messages wait for a member. When one more comes, the oldest gives way. (The numbers
tell the member what it missed.)
""",
    starter='''\
class Ticker:
    def __init__(self, limit):
        """At most `limit` messages wait for each member."""
        ...  # your code

    # join, leave, publish, take
''',
    check=check,
    hints=(
        "A dictionary from nick to outbox, and one number for all.",
        "Each member needs an outbox of its own: one list for all would be emptied by who takes "
        "first.",
        "`collections.deque(maxlen=…)` drops at one end what is appended too much at the other.",
    ),
    solution=SOLUTION,
    wrong={
        "without a bound": but(("deque(maxlen=self.limit)", "deque()")),
        "drops the newest": but(
            (
                '            outbox.append(f"{self.number} {text}")',
                "            if len(outbox) < self.limit:\n"
                '                outbox.append(f"{self.number} {text}")',
            )
        ),
        "drops all of them": but(
            (
                "            outbox.append",
                "            if len(outbox) == self.limit:\n                outbox.clear()\n"
                "            outbox.append",
            )
        ),
        "numbers only what somebody hears": but(
            (
                "        self.number += 1\n",
                "        self.number += len(self.waiting) > 0\n",
            )
        ),
        "take leaves it there": but(("        self.waiting[nick].clear()\n", "")),
        "who leaves keeps the outbox": but(
            ("        del self.waiting[nick]", "        self.left = nick"),
            (
                "self.waiting[nick] = deque(maxlen=self.limit)",
                "self.waiting.setdefault(nick, deque(maxlen=self.limit))",
            ),
        ),
        "one outbox for all": but(
            (
                "self.waiting[nick] = deque(maxlen=self.limit)",
                "self.waiting[nick] = next(iter(self.waiting.values()), deque(maxlen=self.limit))",
            )
        ),
    },
)
