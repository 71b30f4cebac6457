"""Send what the kernel takes now, keep the rest, and say what to wait for."""

from __future__ import annotations

import selectors
from collections.abc import Callable, Sequence
from typing import Any

from ..findings import Finding, call, smallest_finding
from . import Exercise

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
NAMES = {READ: "EVENT_READ", WRITE: "EVENT_WRITE", READ | WRITE: "EVENT_READ | EVENT_WRITE"}
STREAM = b"abcdefgh"
CALLS = 40  # more sends than any right answer needs


class Connection:
    """Has `send` and `sendall` of a non-blocking socket; its kernel has room for so much.

    Attributes
    ----------
    room : list of int
        How many bytes each `send` finds room for. 0, and behind the last: not now.
    taken : bytes
        What the kernel has taken.
    """

    def __init__(self, room: Sequence[int]) -> None:
        self.room = list(room)
        self.taken = b""
        self.calls = 0

    def send(self, data: bytes, flags: int = 0) -> int:
        self.calls += 1
        if self.calls > CALLS:
            raise TimeoutError("send was called again and again")
        if not len(data):
            return 0
        size = min(self.room.pop(0) if self.room else 0, len(data))
        if not size:
            self.room.clear()  # nothing makes room while one asks
            raise BlockingIOError(11, "Resource temporarily unavailable")
        self.taken += bytes(data[:size])
        return size

    def sendall(self, data: bytes, flags: int = 0) -> None:
        left = bytes(data)
        while left:
            left = left[self.send(left) :]


class Reset(Connection):
    """Its client has reset it."""

    def send(self, data: bytes, flags: int = 0) -> int:
        raise ConnectionResetError(104, "Connection reset by peer")


def examine(flush: Callable[..., Any], size: int, room: Sequence[int]) -> Finding | None:
    conn, outbox = Connection(room), bytearray(STREAM[:size])
    rooms = ", ".join(map(str, room))
    told = f"the kernel has room for: {rooms}, then EAGAIN" if room else "send raises EAGAIN"
    shown = f"flush(conn, {outbox!r})  # {told}"
    got = call(flush, conn, outbox, shown=shown)
    if bytes(outbox) != STREAM[len(conn.taken) : size] or conn.taken != STREAM[: len(conn.taken)]:
        message = (
            f"The kernel took {conn.taken!r} and said so. What it took must go from the outbox, "
            "and all the rest must stay there, in the same bytearray. In the outbox afterwards:"
        )
        return Finding(message, shown, expected=STREAM[len(conn.taken) : size], got=bytes(outbox))
    if outbox and not conn.calls:
        message = "There was something to send, and flush did not try to. Calls of send:"
        return Finding(message, shown, expected="at least 1", got=conn.calls)
    wanted = READ | WRITE if outbox else READ
    if got != wanted:
        left = "something is left, so wait for room, too" if outbox else "nothing is left to send"
        message = f"Sent and kept rightly. The events to wait for next ({left}):"
        shown_got = NAMES.get(got, got) if isinstance(got, int) else got
        return Finding(message, shown, expected=NAMES[wanted], got=shown_got)
    return None


def examine_reset(flush: Callable[..., Any]) -> Finding | None:
    shown = "flush(conn, bytearray(b'abc'))  # the client has reset the connection"

    def attempt() -> Any:
        try:
            return flush(Reset([]), bytearray(b"abc"))
        except ConnectionResetError as error:
            return error

    got = call(attempt, shown=shown)
    if isinstance(got, ConnectionResetError):
        return None
    message = "The connection is reset. Whoever called flush must learn it, to close the socket:"
    return Finding(message, shown, expected="ConnectionResetError", got=got)


def check(flush: Callable[..., Any]) -> Finding | None:
    from hypothesis import strategies as st

    cases = st.tuples(st.integers(0, len(STREAM)), st.lists(st.integers(0, 5), max_size=4))
    found = smallest_finding(cases, lambda case: examine(flush, *case))
    return found or examine_reset(flush)


EXERCISE = Exercise(
    key="09-flush",
    name="flush",
    statement="""\
Mend bugs 1 and 2 in one function, `flush(conn, outbox)`. `conn` is a non-blocking socket, `outbox`
a bytearray. Send what the kernel takes now, remove it from `outbox`, and keep the rest there.
Return the events to wait for next: `selectors.EVENT_READ`, and `selectors.EVENT_WRITE` with it as
long as something is left. A full buffer is no error. A reset is one, and whoever called `flush`
must hear of it.
""",
    starter='''\
def flush(conn, outbox):
    """Send from outbox what the kernel takes now; return the events to wait for next."""
    ...  # your code
''',
    check=check,
    hints=(
        "Three things can happen: `send` takes all, it takes a part and returns how much, or it "
        "raises `BlockingIOError`. After which of them is something left?",
        "`outbox` belongs to whoever called. `outbox = outbox[n:]` makes a new one, which the "
        "caller never sees; `del outbox[:n]` shortens the one there is.",
        "Catch `BlockingIOError` and no more: `OSError` is also the reset. Events are joined by "
        "`|`.",
    ),
    solution="""\
import contextlib
import selectors


def flush(conn, outbox):
    with contextlib.suppress(BlockingIOError):
        del outbox[: conn.send(outbox)]
    return selectors.EVENT_READ | (selectors.EVENT_WRITE if outbox else 0)
""",
    wrong={
        "sendall": """\
import selectors


def flush(conn, outbox):
    conn.sendall(outbox)
    outbox.clear()
    return selectors.EVENT_READ
""",
        "sendall, and a full buffer is no error": """\
import selectors


def flush(conn, outbox):
    try:
        conn.sendall(outbox)
    except BlockingIOError:
        return selectors.EVENT_READ | selectors.EVENT_WRITE
    outbox.clear()
    return selectors.EVENT_READ
""",
        "does not look at how much": """\
import selectors


def flush(conn, outbox):
    try:
        conn.send(outbox)
        outbox.clear()
    except BlockingIOError:
        return selectors.EVENT_READ | selectors.EVENT_WRITE
    return selectors.EVENT_READ
""",
        "a full buffer is an error": """\
import selectors


def flush(conn, outbox):
    del outbox[: conn.send(outbox)]
    return selectors.EVENT_READ | (selectors.EVENT_WRITE if outbox else 0)
""",
        "another outbox": """\
import selectors


def flush(conn, outbox):
    try:
        outbox = outbox[conn.send(outbox) :]
    except BlockingIOError:
        pass
    return selectors.EVENT_READ | (selectors.EVENT_WRITE if outbox else 0)
""",
        "asks again and again": """\
import selectors


def flush(conn, outbox):
    while outbox:
        try:
            del outbox[: conn.send(outbox)]
        except BlockingIOError:
            continue
    return selectors.EVENT_READ
""",
        "write interest always": """\
import selectors


def flush(conn, outbox):
    try:
        del outbox[: conn.send(outbox)]
    except BlockingIOError:
        pass
    return selectors.EVENT_READ | selectors.EVENT_WRITE
""",
        "write interest never": """\
import selectors


def flush(conn, outbox):
    try:
        del outbox[: conn.send(outbox)]
    except BlockingIOError:
        pass
    return selectors.EVENT_READ
""",
        "no more questions meanwhile": """\
import selectors


def flush(conn, outbox):
    try:
        del outbox[: conn.send(outbox)]
    except BlockingIOError:
        pass
    return selectors.EVENT_WRITE if outbox else selectors.EVENT_READ
""",
        "hides the reset": """\
import selectors


def flush(conn, outbox):
    try:
        del outbox[: conn.send(outbox)]
    except OSError:
        pass
    return selectors.EVENT_READ | (selectors.EVENT_WRITE if outbox else 0)
""",
        "tells of the rest only": """\
def flush(conn, outbox):
    try:
        del outbox[: conn.send(outbox)]
    except BlockingIOError:
        pass
    return bool(outbox)
""",
    },
)
