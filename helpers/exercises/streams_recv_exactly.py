"""Read so many bytes of a stream, no fewer and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..fake_streams import Arriving
from ..findings import Failed, Finding, broken_off, call, chunkings, smallest_finding
from . import Exercise

STREAM = b"hello, world"
WANTED = 5


def shown(pieces: list[bytes], size: int) -> str:
    return f"recv_exactly(conn, {size}), where {pieces!r} arrives, one piece a recv"


def examine(function: Callable[..., Any], pieces: list[bytes], size: int) -> Finding | None:
    """All the bytes come: exactly `size` of them must be returned, and the rest left alone."""
    conn = Arriving(pieces)
    whole = b"".join(pieces)
    said = shown(pieces, size)
    got = call(function, conn, size, shown=said)
    expected = whole[:size]
    if got != expected:
        return Finding(wrong(expected, got), said, expected=expected, got=got)
    if conn.taken > size:
        return Finding(
            f"recv_exactly returned the right bytes, but took {conn.taken} from the connection: "
            f"{whole[size : conn.taken]!r} belongs to whoever reads next, and is lost. Never ask "
            "for more than is still missing.",
            said,
        )
    return None


def wrong(expected: bytes, got: object) -> str:
    if not isinstance(got, bytes | bytearray):
        return f"It must return bytes, not {type(got).__name__}."
    if len(got) < len(expected):
        return (
            f"{len(got)} of {len(expected)} bytes: one recv brings what is there, which may be "
            "fewer than you asked for."
        )
    if len(got) > len(expected):
        return f"{len(got)} bytes, but only {len(expected)} were wanted."
    return "As many bytes as wanted, but not these."


def examine_end(function: Callable[..., Any], pieces: list[bytes]) -> Finding | None:
    """The stream ends too early: EOFError."""
    said = f"{shown(pieces, len(STREAM))}, and then the stream ends"
    try:
        got = call(function, Arriving(pieces), len(STREAM), shown=said)
    except Failed as failed:
        if isinstance(failed.__cause__, EOFError):
            return None
        if failed.stopped:
            forever = (
                "It did not come back. At the end of a stream recv does not wait: it returns "
                "b'', again and again."
            )
            raise Failed(Finding(forever, said, expected=EOFError), stopped=True) from failed
        raise
    return Finding(
        f"The stream ended after {len(b''.join(pieces))} of {len(STREAM)} bytes. That must raise "
        "EOFError. What was returned the caller would take for the whole.",
        said,
        expected=EOFError,
        got=got,
    )


def check(function: Callable[..., Any]) -> Finding | None:
    return (
        examine(function, [STREAM[:WANTED]], WANTED)
        or smallest_finding(chunkings(STREAM), lambda p: examine(function, p, len(STREAM)))
        or smallest_finding(chunkings(STREAM), lambda p: examine(function, p, WANTED))
        or examine(function, [b"next"], 0)
        or smallest_finding(broken_off(STREAM), lambda p: examine_end(function, p))
    )


EXERCISE = Exercise(
    key="05-recv-exactly",
    name="recv_exactly",
    statement="""\
Write `recv_exactly(conn, size)`. It returns exactly `size` bytes of the stream, however
many calls of `conn.recv(n)` that takes, and leaves all later bytes to whoever reads
next. If the stream ends before, it raises `EOFError`. Use `recv` with one argument.
""",
    starter='''\
def recv_exactly(conn, size):
    """The next `size` bytes of the stream; EOFError if it ends before."""
    ...  # your code
''',
    check=check,
    hints=(
        "Collect in a loop until you have `size` bytes. How many are still missing changes with "
        "each piece.",
        "Ask for no more than is missing: `conn.recv(size - len(data))`. Otherwise you take "
        "bytes of the next message, and nobody gets them back.",
        "`recv` returns `b''` when, and only when, the stream has ended. Then raise EOFError; "
        "do not call recv again.",
    ),
    solution="""\
def recv_exactly(conn, size):
    data = b""
    while len(data) < size:
        piece = conn.recv(size - len(data))
        if not piece:
            raise EOFError(f"the stream ended after {len(data)} of {size} bytes")
        data += piece
    return data
""",
    wrong={
        "one recv": """\
def recv_exactly(conn, size):
    return conn.recv(size)
""",
        "takes too much and throws it away": """\
def recv_exactly(conn, size):
    data = b""
    while len(data) < size:
        piece = conn.recv(1024)
        if not piece:
            raise EOFError
        data += piece
    return data[:size]
""",
        "returns too much": """\
def recv_exactly(conn, size):
    data = b""
    while len(data) < size:
        piece = conn.recv(size)
        if not piece:
            raise EOFError
        data += piece
    return data
""",
        "takes the end for no data yet": """\
def recv_exactly(conn, size):
    data = b""
    while len(data) < size:
        data += conn.recv(size - len(data))
    return data
""",
        "returns what there is": """\
def recv_exactly(conn, size):
    data = b""
    while len(data) < size:
        piece = conn.recv(size - len(data))
        if not piece:
            break
        data += piece
    return data
""",
    },
)
