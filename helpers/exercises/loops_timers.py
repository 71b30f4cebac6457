"""A heap of timers of which some are cancelled before they are due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..findings import Finding, call, smallest_finding
from . import Exercise, changed

Order = tuple[str, int]  # "add", due at; "cancel", which of those added; "pop", the time now
NAMES = "abcdefgh"
CALLBACKS = {name: partial(str, name) for name in NAMES}  # they cannot be compared


class Expected:
    """What the timers must tell. It has no heap."""

    def __init__(self) -> None:
        self.live: list[tuple[int, str]] = []

    def next_due(self) -> int | None:
        return min(self.live)[0] if self.live else None

    def pop_due(self, now: int) -> list[str]:
        due = sorted(timer for timer in self.live if timer[0] <= now)
        self.live = [timer for timer in self.live if timer[0] > now]
        return [name for _, name in due]


def named(callbacks: Any) -> Any:
    """The callbacks by their names; what is none of them stays as it is."""
    if not isinstance(callbacks, list | tuple):
        return callbacks
    return [
        next((name for name, known in CALLBACKS.items() if known is each), each)
        for each in callbacks
    ]


def examine(timers_class: Callable[[], Any], orders: Sequence[Order]) -> Finding | None:
    """Give the orders one by one; after each, ask when the next timer is due."""
    timers, wanted = call(timers_class, shown="timers = Timers()"), Expected()
    tickets: dict[str, Any] = {}
    told, names = "timers = Timers()", iter(NAMES)
    for what, number in orders:
        if what == "add" and (name := next(names, None)):
            told += f"; {name} = timers.add({number}, …)"
            tickets[name] = call(timers.add, number, CALLBACKS[name], shown=told)
            wanted.live.append((number, name))
        elif what == "cancel" and number < len(tickets):
            name = NAMES[number]
            told += f"; timers.cancel({name})"
            call(timers.cancel, tickets[name], shown=told)
            wanted.live = [timer for timer in wanted.live if timer[1] != name]
        elif what == "pop":
            told += f"; timers.pop_due({number})"
            got, due = named(call(timers.pop_due, number, shown=told)), wanted.pop_due(number)
            if got != due:
                message = (
                    f"pop_due({number}) must give the callbacks that are due by {number}: "
                    "each once, the earliest first, at equal times as they were added, and none "
                    "that is cancelled:"
                )
                return Finding(message, told, expected=due, got=got)
        shown = f"{told}; timers.next_due()"
        got, due_at = call(timers.next_due, shown=shown), wanted.next_due()
        if got != due_at:
            message = (
                "next_due() tells how long the loop may sleep. It must be the earliest time of a "
                "timer that is still to be called, and None if there is none:"
            )
            return Finding(message, shown, expected=due_at, got=got)
    return None


def check(timers_class: Callable[[], Any]) -> Finding | None:
    from hypothesis import strategies as st

    order = st.one_of(
        st.tuples(st.just("add"), st.integers(0, 4)),
        st.tuples(st.just("cancel"), st.integers(0, 3)),
        st.tuples(st.just("pop"), st.integers(0, 4)),
    )
    # Often three timers first, so that there is something to cancel and to sort.
    first = st.lists(st.tuples(st.just("add"), st.integers(0, 4)), max_size=3)
    orders = st.tuples(first, st.lists(order, max_size=5)).map(lambda both: both[0] + both[1])
    return smallest_finding(orders, lambda each: examine(timers_class, each))


SOLUTION = """\
import heapq
import itertools


class Timers:
    def __init__(self):
        self.heap, self.callbacks, self.numbers = [], {}, itertools.count()

    def add(self, due, callback):
        number = next(self.numbers)
        self.callbacks[number] = callback
        heapq.heappush(self.heap, (due, number))
        return number

    def cancel(self, number):
        self.callbacks.pop(number, None)

    def next_due(self):
        while self.heap and self.heap[0][1] not in self.callbacks:
            heapq.heappop(self.heap)
        return self.heap[0][0] if self.heap else None

    def pop_due(self, now):
        due = []
        while self.next_due() is not None and self.next_due() <= now:
            due.append(self.callbacks.pop(heapq.heappop(self.heap)[1]))
        return due
"""

but = partial(changed, SOLUTION)


EXERCISE = Exercise(
    key="09-timers",
    name="Timers",
    statement="""\
Most timeouts are not needed in the end, and are cancelled. Write the class `Timers`.
`add(due, callback)` notes a callback for the time `due` and returns a ticket, whatever you like.
`cancel(ticket)` takes that timer out; if it was popped or cancelled before, nothing happens.
`next_due()` returns the earliest `due` of those left, and None if there are none: a cancelled timer
must not wake the loop. `pop_due(now)` removes the timers whose `due` is `now` or earlier, and
returns the list of their callbacks, by `due`, at equal times in the order in which they were added.
It calls none of them.
""",
    starter="""\
class Timers:
    def add(self, due, callback): ...  # your code
    def cancel(self, ticket): ...
    def next_due(self): ...
    def pop_due(self, now): ...
""",
    check=check,
    hints=(
        "Begin with `TimerLoop`: a heap of tuples, with a running number to decide between equal "
        "times. The number can be the ticket.",
        "To take something out of the middle of a heap is slow. Leave it in, note that it is "
        "cancelled, and throw it away when it comes to the front.",
        "A dictionary from the ticket to the callback, of the timers that are still to be called, "
        "is enough for that note: `pop(ticket, None)` does not mind a ticket it does not have.",
        "`next_due` must look at the first *live* timer. Once it removes dead ones from the "
        "front, `pop_due` can be built of `next_due` and `heappop`.",
    ),
    solution=SOLUTION,
    wrong={
        "a cancelled timer still wakes the loop": but(
            (
                "        while self.heap and self.heap[0][1] not in self.callbacks:\n"
                "            heapq.heappop(self.heap)\n",
                "",
            ),
            (
                "due.append(self.callbacks.pop(heapq.heappop(self.heap)[1]))",
                "due += filter(None, [self.callbacks.pop(heapq.heappop(self.heap)[1], None)])",
            ),
        ),
        "cancels nothing": but(("self.callbacks.pop(number, None)", "pass")),
        "who is cancelled twice": but(
            ("self.callbacks.pop(number, None)", "del self.callbacks[number]")
        ),
        "not those that are due now": but(("self.next_due() <= now", "self.next_due() < now")),
        "one at a time": but(("        while self.next_due()", "        if self.next_due()")),
        "no timer is an error": but(
            ("return self.heap[0][0] if self.heap else None", "return self.heap[0][0]")
        ),
        "leaves them in": but(
            (
                "        due = []\n"
                "        while self.next_due() is not None and self.next_due() <= now:\n"
                "            due.append(self.callbacks.pop(heapq.heappop(self.heap)[1]))\n"
                "        return due",
                "        return [self.callbacks[n] for d, n in sorted(self.heap)\n"
                "                if d <= now and n in self.callbacks]",
            )
        ),
        "the last added first": but(
            ("(due, number)", "(due, -number)"),
            ("[0][1]", "[0][1] * -1"),
            ("(self.heap)[1]", "(self.heap)[1] * -1"),
        ),
        "compares callbacks": """\
import heapq


class Timers:
    def __init__(self):
        self.heap = []

    def add(self, due, callback):
        heapq.heappush(self.heap, (due, callback))
        return due, callback

    def cancel(self, ticket):
        if ticket in self.heap:
            self.heap.remove(ticket)
            heapq.heapify(self.heap)

    def next_due(self):
        return self.heap[0][0] if self.heap else None

    def pop_due(self, now):
        due = []
        while self.heap and self.heap[0][0] <= now:
            due.append(heapq.heappop(self.heap)[1])
        return due
""",
        "forgets to heapify": """\
import heapq
import itertools


class Timers:
    def __init__(self):
        self.heap, self.numbers = [], itertools.count()

    def add(self, due, callback):
        timer = (due, next(self.numbers), callback)
        heapq.heappush(self.heap, timer)
        return timer

    def cancel(self, ticket):
        if ticket in self.heap:
            self.heap[self.heap.index(ticket)] = self.heap[-1]
            self.heap.pop()

    def next_due(self):
        return self.heap[0][0] if self.heap else None

    def pop_due(self, now):
        due = []
        while self.heap and self.heap[0][0] <= now:
            due.append(heapq.heappop(self.heap)[2])
        return due
""",
    },
)
