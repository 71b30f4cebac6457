"""Read so many bytes by a deadline, however they arrive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..findings import Finding, call, smallest_finding
from . import Exercise

Piece = tuple[float, bytes]  # seconds after the piece before, and what comes then
CALLS = 60  # more recv calls than any right answer needs


class Clock:
    """A clock that goes on only while the stream is waited for."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class SlowStream:
    """Has `recv` and `settimeout` of a socket; its pieces come at given times."""

    def __init__(self, clock: Clock, pieces: Sequence[Piece]) -> None:
        self.clock = clock
        self.at: list[Piece] = []
        when = clock.now
        for pause, data in pieces:
            when += pause
            self.at.append((when, data))
        self.limit: float | None = None
        self.calls = 0
        self.trouble = ""
        self.taken = 0

    def settimeout(self, seconds: float | None) -> None:
        if seconds is not None and seconds < 0:
            raise ValueError("Timeout value out of range")  # as a socket says it
        self.limit = seconds

    def recv(self, size: int, flags: int = 0) -> bytes:
        self.calls += 1
        if self.calls > CALLS:
            raise TimeoutError("asked again and again")
        if size <= 0:
            return b""
        if not self.at:
            return b""  # the other side has closed
        when, data = self.at[0]
        if self.limit == 0 and when > self.clock.now:
            self.trouble = "not waiting"
            raise BlockingIOError(11, "Resource temporarily unavailable")
        if self.limit is not None and when > self.clock.now + self.limit:
            self.clock.now += self.limit
            raise TimeoutError("timed out")
        self.clock.now = max(self.clock.now, when)
        given, rest = data[:size], data[size:]
        self.at[:1] = [(when, rest)] if rest else []
        self.taken += len(given)
        return given


def examine(
    recv_by: Callable[..., Any], size: int, seconds: float, pieces: Sequence[Piece]
) -> Finding | None:
    coming = ", ".join(f"{data!r} after {pause:g} s" for pause, data in pieces) or "nothing"
    shown = f"recv_by(conn, {size}, now + {seconds:g}, clock); coming: {coming}, then the end"
    clock = Clock()
    start, conn = clock.now, SlowStream(clock, pieces)
    wanted = _wanted(size, seconds, pieces)
    got: Any = None

    def run() -> Any:
        try:
            return recv_by(conn, size, start + seconds, clock)
        except (TimeoutError, EOFError) as error:
            return type(error)

    got = call(run, shown=shown)
    took = clock.now - start
    if took > seconds + 1e-6:
        message = f"recv_by came back after {took:g} s; the deadline was after {seconds:g} s."
        return Finding(f"{message} The limit of each recv begins anew.", shown)
    if got == wanted:
        if isinstance(wanted, bytes) and conn.taken > size:
            return Finding("recv_by read more than it was asked for.", shown)
        return None
    if conn.trouble:
        message = (
            "In recv_by: with settimeout(0) a socket does not wait: it raises BlockingIOError."
        )
        return Finding(message, shown)
    if wanted is TimeoutError:
        message = "The deadline passed before all had come: it has to raise TimeoutError."
    elif wanted is EOFError:
        message = "The stream ended before all had come: it has to raise EOFError."
    else:
        message = "All came in time: it has to return these bytes."
    return Finding(message, shown, expected=_named(wanted), got=_named(got))


def _named(value: Any) -> Any:
    return value.__name__ if isinstance(value, type) else value


def _wanted(size: int, seconds: float, pieces: Sequence[Piece]) -> Any:
    data, when = b"", 0.0
    for pause, piece in pieces:
        if len(data) >= size:
            break
        when += pause
        if when >= seconds:
            return TimeoutError
        data += piece
    return data[:size] if len(data) >= size else EOFError


CASES: tuple[tuple[int, float, list[Piece]], ...] = (
    (5, 1.0, [(0.1, b"hello")]),
    (5, 1.0, [(0.1, b"he"), (0.1, b"llo")]),
    (3, 1.0, [(0.1, b"hello")]),
    (5, 1.0, [(0.1, b"he")]),
    (5, 1.0, [(2.0, b"hello")]),
    (5, 1.0, [(0.4, b"h"), (0.4, b"e"), (0.4, b"llo")]),
    (5, 1.0, [(0.4, b"h"), (0.4, b"e"), (0.1, b"llo")]),
    (5, 1.0, [(0.5, b"he"), (0.5, b"l"), (0.5, b"lo")]),
)


def check(recv_by: Callable[..., Any]) -> Finding | None:
    from hypothesis import strategies as st

    found = next((f for case in CASES if (f := examine(recv_by, *case))), None)
    pauses = st.sampled_from([0.11, 0.23, 0.57, 2.0])  # no six of them make 1
    piece = st.tuples(pauses, st.sampled_from([b"a", b"bcd"]))
    stories = st.lists(piece, max_size=6)
    return found or smallest_finding(stories, lambda story: examine(recv_by, 6, 1.0, story))


EXERCISE = Exercise(
    key="10-deadline",
    name="recv_by",
    statement="""\
Write `recv_by(conn, size, deadline, clock)`. It reads exactly `size` bytes and
returns them, however they arrive. `deadline` is a moment on that clock, not a duration: at the
latest then it raises `TimeoutError`, even if a byte has come a moment ago. If the stream ends too
early, it raises `EOFError`. `clock()` tells the time; a program would pass `time.monotonic`. (The
check brings a clock and a stream of its own, so it takes no time.)
""",
    starter='''\
def recv_by(conn, size, deadline, clock):
    """Exactly `size` bytes, or TimeoutError once clock() has reached `deadline`."""
    ...  # your code
''',
    check=check,
    hints=(
        "Begin with the loop of notebook 05 that reads exactly so many bytes: it asks for what is "
        "still missing, and an empty `recv` is the end of the stream.",
        "Before each `recv`, compute what is left: `deadline - clock()`. That is "
        "the limit of this call.",
        "If nothing is left, raise `TimeoutError` yourself: `settimeout(0)` means *do not wait*, "
        "and a negative limit is a `ValueError`.",
    ),
    solution="""\
def recv_by(conn, size, deadline, clock):
    data = b""
    while len(data) < size:
        left = deadline - clock()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        conn.settimeout(left)
        part = conn.recv(size - len(data))
        if not part:
            raise EOFError("the stream ended too early")
        data += part
    return data
""",
    wrong={
        "a limit for each call": """\
def recv_by(conn, size, deadline, clock):
    conn.settimeout(deadline - clock())
    data = b""
    while len(data) < size:
        part = conn.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data
""",
        "one recv": """\
def recv_by(conn, size, deadline, clock):
    conn.settimeout(deadline - clock())
    return conn.recv(size)
""",
        "does not look whether anything is left": """\
def recv_by(conn, size, deadline, clock):
    data = b""
    while len(data) < size:
        conn.settimeout(max(deadline - clock(), 0))
        part = conn.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data
""",
        "returns what it has": """\
def recv_by(conn, size, deadline, clock):
    data = b""
    while len(data) < size and deadline > clock():
        conn.settimeout(deadline - clock())
        part = conn.recv(size - len(data))
        if not part:
            break
        data += part
    return data
""",
        "takes the deadline for a duration": """\
def recv_by(conn, size, deadline, clock):
    data = b""
    conn.settimeout(deadline)
    while len(data) < size:
        part = conn.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data
""",
    },
)
