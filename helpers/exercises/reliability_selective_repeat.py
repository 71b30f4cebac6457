"""Selective repeat, the sender: each piece has an ACK of its own, only the missing is resent."""

from __future__ import annotations

from typing import Any

from .. import arq
from ..arq_checks import check_sender
from ..findings import Finding
from . import Exercise


def check(sender: Any) -> Finding | None:
    return check_sender(
        sender,
        arq.SelectiveRepeat,
        lambda count, window: f"SelectiveRepeat({count}, {window})",
        cumulative=False,
    )


EXERCISE = Exercise(
    key="07-selective-repeat",
    name="SelectiveRepeat",
    statement="""\
Write the sender `SelectiveRepeat(count, window)`. Here an ACK speaks of one piece only:

- `on_ack(n)`: piece `n` itself has arrived. ACKs come in any order, and may come twice.
- `on_timeout(n)`: piece `n` was sent, and its time is up. Return that piece, and no other.

The window reaches from the oldest missing piece: pieces below `oldest + window` may be sent, even
if many of them have arrived. Why not more? Because the receiver must keep all that came early.
""",
    starter='''\
class SelectiveRepeat:
    """Sends the pieces 0 … count-1; resends only what is missing."""

    def __init__(self, count, window):
        self.count, self.window = count, window

    def start(self): ...
    def on_ack(self, n): ...
    def on_timeout(self, n):
        ...  # your code
''',
    check=check,
    hints=(
        "Keep a set of the pieces that were acknowledged, and two numbers: the oldest missing "
        "piece, and the next that was never sent.",
        "After each ACK: while the oldest missing piece is in the set, it is not missing.",
        "The sending of new pieces is the same as in go-back-N.",
    ),
    solution="""\
class SelectiveRepeat:
    def __init__(self, count, window):
        self.count, self.window = count, window
        self.oldest = self.next = 0
        self.here = set()

    def start(self):
        return self.fill()

    def fill(self):
        first = self.next
        self.next = min(self.oldest + self.window, self.count)
        return list(range(first, self.next))

    def on_ack(self, n):
        self.here.add(n)
        while self.oldest in self.here:
            self.oldest += 1
        return self.fill()

    def on_timeout(self, n):
        return [n]
""",
    wrong={
        "resends all that is under way": """\
class SelectiveRepeat:
    def __init__(self, count, window):
        self.count, self.window = count, window
        self.oldest, self.next, self.here = 0, 0, set()

    def start(self):
        first, self.next = self.next, min(self.oldest + self.window, self.count)
        return list(range(first, self.next))

    def on_ack(self, n):
        self.here.add(n)
        while self.oldest in self.here:
            self.oldest += 1
        return self.start()

    def on_timeout(self, n):
        return list(range(self.oldest, self.next))
""",
        "counts what is under way, not what the receiver must keep": """\
class SelectiveRepeat:
    def __init__(self, count, window):
        self.count, self.window, self.next, self.here = count, window, 0, set()

    def start(self):
        first = self.next
        self.next = min(len(self.here) + self.window, self.count)
        return list(range(first, self.next))

    def on_ack(self, n):
        self.here.add(n)
        return self.start()

    def on_timeout(self, n):
        return [n]
""",
        "takes an ACK for all before it": """\
class SelectiveRepeat:
    def __init__(self, count, window):
        self.count, self.window, self.base, self.next = count, window, 0, 0

    def start(self):
        first, self.next = self.next, min(self.base + self.window, self.count)
        return list(range(first, self.next))

    def on_ack(self, n):
        self.base = max(self.base, n + 1)
        return self.start()

    def on_timeout(self, n):
        return [n]
""",
    },
)
