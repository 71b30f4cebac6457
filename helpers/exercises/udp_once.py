"""A server that does each request once, however often it arrives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..findings import Finding, call, smallest_finding
from . import Exercise

KEEP = 3
ANNA, BERT = ("10.0.0.1", 4000), ("10.0.0.2", 4000)
Request = tuple[tuple[str, int], int]
CASES: tuple[tuple[str, list[Request]], ...] = (
    ("Two requests.", [(ANNA, 1), (ANNA, 2)]),
    ("The same request twice: its answer was lost, or the network doubled it.", [(ANNA, 1)] * 2),
    ("Two clients that both count from 1.", [(ANNA, 1), (BERT, 1)]),
    (
        "An old request, delayed on its way, comes once more after a newer one.",
        [(ANNA, 1), (ANNA, 2), (ANNA, 1)],
    ),
    ("A request that was late comes after a newer one.", [(ANNA, 2), (ANNA, 1)]),
    (
        f"With keep={KEEP}, after {KEEP + 1} others the first is forgotten; its work is done anew. "
        "Who keeps all answers runs out of memory one day.",
        [(ANNA, number) for number in (1, 2, 3, 4, 5, 1)],
    ),
)


class Model:
    """What is wanted: the work is counted, and each answer tells at which count."""

    def __init__(self) -> None:
        self.answers: dict[Request, bytes] = {}
        self.done = 0

    def answer(self, request: Request) -> bytes:
        if request not in self.answers:
            self.done += 1
            self.answers[request] = f"done {self.done}".encode()
            if len(self.answers) > KEEP:
                del self.answers[next(iter(self.answers))]
        return self.answers[request]


def examine(Once: Callable[..., Any], what: str, requests: Sequence[Request]) -> Finding | None:
    done = 0

    def work(question: bytes) -> bytes:
        nonlocal done
        done += 1
        return f"done {done}".encode()

    server = call(Once, work, KEEP, shown=f"Once(work, {KEEP})")
    model = Model()
    asked: list[str] = []
    for client, number in requests:
        asked.append(f".answer({client!r}, {number}, b'pay')")
        shown = f"Once(work, {KEEP}): " + ", ".join(asked[-4:])
        expected, before = model.answer((client, number)), model.done
        got = call(server.answer, client, number, b"pay", shown=shown)
        if (got, done) == (expected, before):
            continue
        message = what
        if done > before:
            message += " The work was done again."
        elif done < before:
            message += " The work was not done."
        elif isinstance(got, bytes):
            message += " The work is right, the answer is not: it is that of another request."
        else:
            message += " The work is right, but its answer must go out as often as it is asked for."
        return Finding(message, shown, expected=(expected, before), got=(got, done))
    return None


def check(Once: Callable[..., Any]) -> Finding | None:
    from hypothesis import strategies as st

    found = next((f for case in CASES if (f := examine(Once, *case))), None)
    # At most as many different requests as are kept: what is forgotten when is your choice.
    request = st.tuples(st.sampled_from([ANNA, BERT]), st.integers(1, 2))
    some = st.lists(request, max_size=8).filter(lambda asked: len(set(asked)) <= KEEP)
    return found or smallest_finding(some, lambda asked: examine(Once, "Requests, mixed.", asked))


EXERCISE = Exercise(
    key="06-once",
    name="Once",
    statement="""\
Write a class `Once(work, keep=1000)` for a server whose clients ask again when no answer comes.
Its method `answer(client, number, question)` returns `work(question)`; but for a request that it
has had before, the same number from the same client, it does not do the work again: it returns
the answer of the first time. It remembers the last `keep` answers, and forgets the oldest beyond.
""",
    starter='''\
class Once:
    """Does the work of each numbered request once, and repeats its answer."""

    def __init__(self, work, keep=1000):
        self.work, self.keep = work, keep

    def answer(self, client, number, question):
        ...  # your code
''',
    check=check,
    hints=(
        "A dict remembers the answers. What is its key? Two clients may use the same number.",
        "Make the dict in `__init__`. In `answer`, look first whether the key is there; only if "
        "not, call `self.work(question)` and keep what it returns.",
        "A dict keeps the order in which its keys came: `next(iter(answers))` is the oldest one.",
    ),
    solution="""\
class Once:
    def __init__(self, work, keep=1000):
        self.work, self.keep = work, keep
        self.answers = {}

    def answer(self, client, number, question):
        request = client, number
        if request not in self.answers:
            self.answers[request] = self.work(question)
            if len(self.answers) > self.keep:
                del self.answers[next(iter(self.answers))]
        return self.answers[request]
""",
    wrong={
        "does all work anew": """\
class Once:
    def __init__(self, work, keep=1000):
        self.work, self.keep = work, keep

    def answer(self, client, number, question):
        return self.work(question)
""",
        "mixes up the clients": """\
class Once:
    def __init__(self, work, keep=1000):
        self.work, self.keep, self.answers = work, keep, {}

    def answer(self, client, number, question):
        if number not in self.answers:
            self.answers[number] = self.work(question)
        if len(self.answers) > self.keep:
            del self.answers[next(iter(self.answers))]
        return self.answers[number]
""",
        "remembers only the last": """\
class Once:
    def __init__(self, work, keep=1000):
        self.work, self.keep, self.last = work, keep, {}

    def answer(self, client, number, question):
        known, reply = self.last.get(client, (None, None))
        if known != number:
            reply = self.work(question)
            self.last[client] = number, reply
        return reply
""",
        "takes late for done": """\
class Once:
    def __init__(self, work, keep=1000):
        self.work, self.keep, self.highest, self.answers = work, keep, {}, {}

    def answer(self, client, number, question):
        if number > self.highest.get(client, 0):
            self.highest[client] = number
            self.answers[client, number] = self.work(question)
        return self.answers.get((client, number))
""",
        "silent to a repeated question": """\
class Once:
    def __init__(self, work, keep=1000):
        self.work, self.keep, self.seen = work, keep, set()

    def answer(self, client, number, question):
        if (client, number) not in self.seen:
            self.seen.add((client, number))
            return self.work(question)
""",
        "takes the question for the request": """\
class Once:
    def __init__(self, work, keep=1000):
        self.work, self.keep, self.answers = work, keep, {}

    def answer(self, client, number, question):
        if (client, question) not in self.answers:
            self.answers[client, question] = self.work(question)
        return self.answers[client, question]
""",
        "remembers for ever": """\
class Once:
    def __init__(self, work, keep=1000):
        self.work, self.keep, self.answers = work, keep, {}

    def answer(self, client, number, question):
        if (client, number) not in self.answers:
            self.answers[client, number] = self.work(question)
        return self.answers[client, number]
""",
    },
)
