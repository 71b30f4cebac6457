"""Selective repeat, the receiver: what comes early waits, what comes twice is dropped."""

from __future__ import annotations

from typing import Any

from ..arq import Buffering
from ..findings import Finding, call, smallest_finding
from . import Exercise


def examine(make: Any, arrivals: list[int]) -> Finding | None:
    trace = ["receiver = Reassembler()"]
    theirs, ours = call(make, shown=trace[0]), Buffering()
    for n in arrivals:
        data = b"piece %d" % n
        trace.append(f"receiver.on_piece({n}, {data!r})")
        shown = "\n          ".join(trace)
        ack = ours.on_piece(n, data)
        got = call(theirs.on_piece, n, data, shown=shown)
        delivered = getattr(theirs, "delivered", None)
        if delivered != ours.delivered:
            return Finding(
                _wrong(delivered, ours.delivered, n),
                f"{shown}; receiver.delivered",
                expected=list(ours.delivered),
                got=delivered,
            )
        if got != ack:
            return Finding(
                f"acks_every_piece: Reassembler must return {n}, the number of the piece that "
                "came, also when it came twice: its first ACK may have been lost.",
                shown,
                expected=ack,
                got=got,
            )
    return None


def _wrong(got: object, expected: list[bytes], n: int) -> str:
    if not isinstance(got, list):
        return "Reassembler needs an attribute `delivered`, a list, from the beginning on."
    if len(set(got)) < len(got):
        return "delivers_once: Reassembler hands a piece on twice; it came twice."
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
