"""Who has which batch: at-least-once delivery, counted once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..findings import Finding, call, smallest_finding
from . import Exercise, changed

BATCHES = ("a", "b", "c")
Step = tuple[str, str] | tuple[str, int]


class Model:
    """What is wanted."""

    def __init__(self) -> None:
        self.holder: dict[int, str] = {}
        self.acked: set[int] = set()

    def give(self, worker: str) -> tuple[int, str] | None:
        for number, batch in enumerate(BATCHES):
            if number not in self.acked and number not in self.holder:
                self.holder[number] = worker
                return number, batch
        return None

    def ack(self, number: int) -> bool:
        fresh = number not in self.acked
        self.acked.add(number)
        return fresh

    def died(self, worker: str) -> None:
        self.holder = {n: who for n, who in self.holder.items() if who != worker}

    def done(self) -> bool:
        return len(self.acked) == len(BATCHES)


WHY = {
    "give": "give returns the lowest batch that is not acknowledged and that no living worker "
    "has; None if there is none now.",
    "ack": "ack returns True the first time for each number, and False for a repetition: its "
    "result must not be counted again.",
    "done": "done says whether every batch has been acknowledged.",
}


def do(thing: Any, method: str, *arguments: object) -> Any:
    return getattr(thing, method)(*arguments)


def examine(Ledger: Callable[..., Any], steps: list[Step]) -> Finding | None:
    made = f"Ledger({list(BATCHES)})"
    model, ledger = Model(), call(Ledger, list(BATCHES), shown=made)
    told: list[str] = []
    given: set[int] = set()
    for what, which in steps:
        if what == "ack" and which not in given:
            continue  # nobody acknowledges what nobody had
        for name, arguments in ((what, (which,)), ("done", ())):
            told.append(f"{name}({', '.join(map(repr, arguments))})")
            shown = f"{made}: {', '.join(told)}"
            got = call(do, ledger, name, *arguments, shown=shown)
            expected = getattr(model, name)(*arguments)
            if name == "give" and expected:
                given.add(expected[0])
            if name != "died" and (got != expected or type(got) is not type(expected)):
                return Finding(f"Ledger: {WHY[name]}", shown, expected=expected, got=got)
            if name == "done":
                told.pop()
    return None


GIVE, OTHER = ("give", "w1"), ("give", "w2")
CASES: tuple[list[Step], ...] = (
    [GIVE, ("ack", 0), GIVE, ("ack", 1), GIVE, ("ack", 2), GIVE],
    [GIVE, OTHER],
    [GIVE, ("died", "w1"), OTHER],
    [GIVE, ("ack", 0), ("died", "w1"), OTHER],
    [GIVE, OTHER, ("died", "w1"), OTHER, OTHER, OTHER],
    [GIVE, ("died", "w1"), OTHER, ("ack", 0), ("ack", 0)],
    [GIVE, ("died", "w1"), ("ack", 0), OTHER],
)


def check(Ledger: Callable[..., Any]) -> Finding | None:
    from hypothesis import strategies as st

    found = next((f for case in CASES if (f := examine(Ledger, case))), None)
    worker = st.sampled_from(["w1", "w2"])
    step = st.one_of(
        st.tuples(st.sampled_from(["give", "died"]), worker),
        st.tuples(st.just("ack"), st.integers(0, 2)),
    )
    return found or smallest_finding(
        st.lists(step, max_size=12), lambda steps: examine(Ledger, steps)
    )


SOLUTION = """\
class Ledger:
    def __init__(self, batches):
        self.batches, self.with_whom, self.finished = batches, {}, set()

    def give(self, worker):
        for number, batch in enumerate(self.batches):
            if number not in self.finished and number not in self.with_whom:
                self.with_whom[number] = worker
                return number, batch
        return None

    def ack(self, number):
        first = number not in self.finished
        self.finished.add(number)
        return first

    def died(self, worker):
        for number, holder in list(self.with_whom.items()):
            if holder == worker:
                del self.with_whom[number]

    def done(self):
        return len(self.finished) == len(self.batches)
"""
but = partial(changed, SOLUTION)

EXERCISE = Exercise(
    key="15-ledger",
    name="Ledger",
    statement="""\
Write a class `Ledger(batches)`, the memory of a collector that delivers at least once and counts
once. `batches` is a list; a batch's number is its index.

- `give(worker)` returns `(number, batch)`: the lowest one that is neither acknowledged nor with a
  worker that lives. `None` if there is none now.
- `ack(number)` notes that this batch is done. It returns True the first time, and False if the
  batch was done before: then its result must not be counted again.
- `died(worker)`: what this worker had, and has not acknowledged, can be given to others.
- `done()` says whether all are acknowledged.

A worker that was taken for dead may acknowledge after all. The work is done then, whoever has it.
""",
    starter='''\
class Ledger:
    """Which batch is with whom, and which is done."""

    def __init__(self, batches):
        ...  # your code

    # give, ack, died, done
''',
    check=check,
    hints=(
        "Two collections are enough: a dictionary from number to worker for what is under way, and "
        "a set of the numbers that are done.",
        "`give` looks through all numbers in order and takes the first that is in neither.",
        "`died` takes out of the dictionary what has this worker as its value; iterate over a "
        "copy.",
    ),
    solution=SOLUTION,
    wrong={
        "forgets what it gave": but(
            ("                del self.with_whom[number]\n", "                continue\n")
        ),
        "gives it to several": but((" and number not in self.with_whom", "")),
        "counts twice": but(("return first", "return True")),
        "gives again what was done": but(
            ("if number not in self.finished and number", "if number")
        ),
        "one death frees all": but(("if holder == worker:", "if True:")),
        "done when all is given": but(
            ("len(self.finished) == len(self.batches)", "len(self.with_whom) == len(self.batches)")
        ),
        "the highest first": but(
            ("enumerate(self.batches)", "reversed(list(enumerate(self.batches)))")
        ),
    },
)
