"""Selective repeat, the receiver: what comes early waits, what comes twice is dropped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..arq import Buffering
from ..findings import Failed, Finding, call, short, smallest_finding
from ..story_ladders import Telling
from . import Exercise


def examine(make: Any, arrivals: list[int]) -> Finding | None:
    trace = ["receiver = Reassembler()"]
    told = _Arrivals(arrivals)
    try:
        theirs, ours = call(make, shown=trace[0]), Buffering()
    except Failed as failed:
        raise failed.after(told.wrong("receiver", "Reassembler() fails", "no error")) from failed
    for n in arrivals:
        data = b"piece %d" % n
        trace.append(f"receiver.on_piece({n}, {data!r})")
        shown = "\n          ".join(trace)
        told.comes(n)
        before = len(ours.delivered)
        ack = ours.on_piece(n, data)
        wanted = _handed_on(range(before, len(ours.delivered)))
        try:
            got = call(theirs.on_piece, n, data, shown=shown)
        except Failed as failed:
            story = told.wrong("receiver", f"on_piece({n}) fails", wanted)
            raise failed.after(story) from failed
        delivered = getattr(theirs, "delivered", None)
        if delivered != ours.delivered:
            return Finding(
                _wrong(delivered, ours.delivered, n),
                f"{shown}; receiver.delivered",
                expected=list(ours.delivered),
                got=delivered,
                story=told.wrong("receiver", _did(delivered, before), wanted),
            )
        if got != ack:
            return Finding(
                f"acks_every_piece: Reassembler must return {n}, the number of the piece that "
                "came, also when it came twice: its first ACK may have been lost.",
                shown,
                expected=ack,
                got=got,
                story=told.wrong("receiver", f"returns {short(got)}", f"ACK of {n}"),
            )
        told.call("receiver", wanted)
        told.arrives(told.sends("receiver", f"ACK of {n}"), later=1.6)
    return None


class _Arrivals(Telling):
    """The story of pieces that were sent in order, and arrive in any order."""

    def __init__(self, arrivals: list[int]) -> None:
        super().__init__()
        self._first = {
            n: self.sends("sender", f"piece {n}") for n in range(max(arrivals, default=-1) + 1)
        }
        for n in set(self._first) - set(arrivals):
            self.loses(self._first[n])

    def comes(self, n: int) -> None:
        again = None if n in self._first else self.sends("sender", f"piece {n} again")
        self.rest(1.6)
        self.arrives(self._first.pop(n) if again is None else again)


def _handed_on(numbers: Iterable[int]) -> str:
    handed = ", ".join(map(str, numbers))
    return f"hands on {handed}" if handed else "hands on nothing"


def _did(delivered: object, before: int) -> str:
    """What the learner's receiver handed on now."""
    if not isinstance(delivered, list):
        return "has no list `delivered`"
    new = [piece.decode() for piece in delivered[before:] if isinstance(piece, bytes)]
    return _handed_on(int(piece.split()[-1]) for piece in new if piece[-1:].isdigit())


def _wrong(got: object, expected: list[bytes], n: int) -> str:
    if not isinstance(got, list):
        return "Reassembler needs an attribute `delivered`, a list, from the beginning on."
    if len(set(got)) < len(got):
        return "does_not_deliver_twice: Reassembler hands a piece on twice; it came twice."
    if len(got) < len(expected):
        return (
            f"delivers_when_the_gap_closes: piece {n} came, and so piece {len(got)} can be "
            "handed on, and perhaps those behind it that Reassembler has kept."
        )
    return (
        f"in_order: piece {len(expected)} is missing, so nothing behind it may be handed on yet; "
        "Reassembler must keep it."
    )


def check(make: Any) -> Finding | None:
    from hypothesis import strategies as st

    arrivals = st.lists(st.integers(0, 5), max_size=10)
    shuffled = st.permutations(range(6))
    return smallest_finding(arrivals, lambda case: examine(make, case)) or smallest_finding(
        shuffled, lambda case: examine(make, list(case))
    )


EXERCISE = Exercise(
    key="07-reassembler",
    name="Reassembler",
    statement="""\
Write the receiver of selective repeat. `Reassembler()` has a list `delivered`: the data of the
pieces that were handed to the application, in order, each once. `on_piece(n, data)` is called for
each piece that arrives, and returns the number to acknowledge: `n`, always. A piece that comes
early is kept until all before it have come.
""",
    starter='''\
class Reassembler:
    """Puts pieces in order that come in any order, and perhaps twice."""

    def __init__(self):
        self.delivered = []

    def on_piece(self, n, data):
        ...  # your code
''',
    check=check,
    hints=(
        "Keep the early pieces in a dict, by number. `len(self.delivered)` is the number of the "
        "piece that you wait for.",
        "After each arrival: while the piece you wait for is in the dict, hand it on.",
        "A piece below `len(self.delivered)` was handed on before: acknowledge it, and forget it.",
    ),
    solution="""\
class Reassembler:
    def __init__(self):
        self.delivered = []
        self.early = {}

    def on_piece(self, n, data):
        self.early[n] = data
        while len(self.delivered) in self.early:
            self.delivered.append(self.early[len(self.delivered)])
        return n
""",
    wrong={
        "hands on what comes": """\
class Reassembler:
    def __init__(self):
        self.delivered = []

    def on_piece(self, n, data):
        self.delivered.append(data)
        return n
""",
        "throws away what is early": """\
class Reassembler:
    def __init__(self):
        self.delivered = []

    def on_piece(self, n, data):
        if n == len(self.delivered):
            self.delivered.append(data)
        return n
""",
        "hands on one of those kept": """\
class Reassembler:
    def __init__(self):
        self.delivered = []
        self.early = {}

    def on_piece(self, n, data):
        self.early[n] = data
        if len(self.delivered) in self.early:
            self.delivered.append(self.early.pop(len(self.delivered)))
        return n
""",
        "hands on again what comes twice": """\
class Reassembler:
    def __init__(self):
        self.delivered = []
        self.early = {}

    def on_piece(self, n, data):
        if n > len(self.delivered):
            self.early[n] = data
            return n
        self.delivered.append(data)
        while len(self.delivered) in self.early:
            self.delivered.append(self.early.pop(len(self.delivered)))
        return n
""",
        "is silent when a piece comes twice": """\
class Reassembler:
    def __init__(self):
        self.delivered = []
        self.early = {}

    def on_piece(self, n, data):
        if n in self.early:
            return None
        self.early[n] = data
        while len(self.delivered) in self.early:
            self.delivered.append(self.early[len(self.delivered)])
        return n
""",
    },
)
