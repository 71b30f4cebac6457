"""Go-back-N as a machine without I/O: a window, and after a timeout all of it again."""

from __future__ import annotations

from typing import Any

from .. import arq
from ..arq_checks import check_sender
from ..findings import Finding
from . import Exercise


def check(sender: Any) -> Finding | None:
    return check_sender(
        sender,
        arq.GoBackN,
        lambda count, window: f"GoBackN({count}, {window})",
        cumulative=True,
    )


EXERCISE = Exercise(
    key="07-go-back-n",
    name="GoBackN",
    statement="""\
Write the sender `GoBackN(count, window)`. Now up to `window` pieces may be under way: sent, and
not acknowledged. The methods are those of `StopAndWait`:

- `start()` returns the first window of pieces.
- `on_ack(n)`: everything before piece `n` has arrived. Return the pieces that there is room for
  now. One ACK may acknowledge several pieces; a late one may say what you know already.
- `on_timeout(n)`: the oldest piece has not arrived, so the receiver has thrown away all that came
  after it. Return all that is sent and not acknowledged, from the oldest on.
""",
    starter='''\
class GoBackN:
    """Sends the pieces 0 … count-1, at most `window` of them unacknowledged."""

    def __init__(self, count, window):
        self.count, self.window = count, window

    def start(self): ...
    def on_ack(self, n): ...
    def on_timeout(self, n):
        ...  # your code
''',
    check=check,
    hints=(
        "Two numbers are all you need: the oldest piece that is not acknowledged, `base`, and "
        "the next that was never sent, `next`.",
        "A piece may be sent as long as its number is below `base + window`, and below `count`.",
        "An ACK may be old: `base` only ever grows. `max(self.base, n)` sees to it.",
        "`list(range(a, b))` is the list of the numbers from a to b - 1.",
    ),
    solution="""\
class GoBackN:
    def __init__(self, count, window):
        self.count, self.window = count, window
        self.base = self.next = 0

    def start(self):
        return self.fill()

    def fill(self):
        first = self.next
        self.next = min(self.base + self.window, self.count)
        return list(range(first, self.next))

    def on_ack(self, n):
        self.base = max(self.base, n)
        return self.fill()

    def on_timeout(self, n):
        return list(range(self.base, self.next))
""",
    wrong={
        "resends only one piece": """\
class GoBackN:
    def __init__(self, count, window):
        self.count, self.window = count, window
        self.base = self.next = 0

    def start(self):
        first, self.next = self.next, min(self.base + self.window, self.count)
        return list(range(first, self.next))

    def on_ack(self, n):
        self.base = max(self.base, n)
        return self.start()

    def on_timeout(self, n):
        return [n]
""",
        "one new piece for each ACK": """\
class GoBackN:
    def __init__(self, count, window):
        self.count, self.window, self.next, self.base = count, window, 0, 0

    def start(self):
        self.next = min(self.window, self.count)
        return list(range(self.next))

    def on_ack(self, n):
        if n <= self.base or self.next == self.count:
            self.base = max(self.base, n)
            return []
        self.base = n
        self.next += 1
        return [self.next - 1]

    def on_timeout(self, n):
        return list(range(self.base, self.next))
""",
        "an old ACK moves the window back": """\
class GoBackN:
    def __init__(self, count, window):
        self.count, self.window = count, window
        self.base = self.next = 0

    def start(self):
        first, self.next = self.next, max(self.next, min(self.base + self.window, self.count))
        return list(range(first, self.next))

    def on_ack(self, n):
        self.base = n
        return self.start()

    def on_timeout(self, n):
        return list(range(self.base, self.next))
""",
        "resends the whole window, sent or not": """\
class GoBackN:
    def __init__(self, count, window):
        self.count, self.window = count, window
        self.base = self.next = 0

    def start(self):
        first, self.next = self.next, min(self.base + self.window, self.count)
        return list(range(first, self.next))

    def on_ack(self, n):
        self.base = max(self.base, n)
        return self.start()

    def on_timeout(self, n):
        return list(range(self.base, self.base + self.window))
""",
        "no window at all": """\
class GoBackN:
    def __init__(self, count, window):
        self.count, self.base = count, 0

    def start(self):
        return list(range(self.count))

    def on_ack(self, n):
        self.base = max(self.base, n)
        return []

    def on_timeout(self, n):
        return list(range(self.base, self.count))
""",
    },
)
