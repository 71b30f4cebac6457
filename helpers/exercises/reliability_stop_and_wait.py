"""Stop-and-wait as a machine without I/O: one piece, its acknowledgment, the next."""

from __future__ import annotations

from typing import Any

from .. import arq
from ..arq_checks import check_sender
from ..findings import Finding
from . import Exercise


def check(sender: Any) -> Finding | None:
    return check_sender(
        lambda count, _window: sender(count),
        lambda count, _window: arq.StopAndWait(count),
        lambda count, _window: f"StopAndWait({count})",
        cumulative=True,
        windows=(1, 1),
    )


EXERCISE = Exercise(
    key="07-stop-and-wait",
    name="StopAndWait",
    statement="""\
Write the sender `StopAndWait(count)`. It has `count` pieces, numbered from 0, and knows nothing
of sockets or clocks. Each method returns a list: the numbers of the pieces to send now.

- `start()`: the transfer begins.
- `on_ack(n)`: an ACK has come. It says: *everything before piece n has arrived*.
- `on_timeout(n)`: piece `n` was sent, and its time is up.

One piece is under way at a time. Duplicates make ACKs come twice, or late: an ACK that says
nothing new must not make you send. The check loses, doubles and delays datagrams for you. It names
the behaviour that is missing, such as `retransmits_after_timeout` or `stops_at_window`, and draws
what happened.
""",
    starter='''\
class StopAndWait:
    """Sends the pieces 0 … count-1, each after the one before was acknowledged."""

    def __init__(self, count):
        self.count = count

    def start(self): ...
    def on_ack(self, n): ...
    def on_timeout(self, n):
        ...  # your code
''',
    check=check,
    hints=(
        "Keep one number: the piece that is under way. At first it is 0.",
        "An ACK n says which piece is wanted next. It is news only if n is greater than the "
        "piece under way.",
        "After the last ACK there is no next piece: return an empty list. The same number as "
        "`count` tells you so.",
    ),
    solution="""\
class StopAndWait:
    def __init__(self, count):
        self.count = count
        self.current = 0

    def start(self):
        return [0]

    def on_ack(self, n):
        if n <= self.current or n == self.count:
            return []
        self.current = n
        return [n]

    def on_timeout(self, n):
        return [n]
""",
    wrong={
        "sends at every ACK": """\
class StopAndWait:
    def __init__(self, count):
        self.count = count

    def start(self):
        return [0]

    def on_ack(self, n):
        return [n] if n < self.count else []

    def on_timeout(self, n):
        return [n]
""",
        "never sends again": """\
class StopAndWait:
    def __init__(self, count):
        self.count, self.current = count, 0

    def start(self):
        return [0]

    def on_ack(self, n):
        if n <= self.current or n == self.count:
            return []
        self.current = n
        return [n]

    def on_timeout(self, n):
        return []
""",
        "goes beyond the end": """\
class StopAndWait:
    def __init__(self, count):
        self.current = 0

    def start(self):
        return [0]

    def on_ack(self, n):
        if n <= self.current:
            return []
        self.current = n
        return [n]

    def on_timeout(self, n):
        return [n]
""",
        "takes the ACK for the piece itself": """\
class StopAndWait:
    def __init__(self, count):
        self.count = count

    def start(self):
        return [0]

    def on_ack(self, n):
        return [n + 1] if n + 1 < self.count else []

    def on_timeout(self, n):
        return [n]
""",
        "no list": """\
class StopAndWait:
    def __init__(self, count):
        self.count = count

    def start(self):
        return 0

    def on_ack(self, n):
        return n

    def on_timeout(self, n):
        return n
""",
    },
)
