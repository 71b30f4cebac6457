"""A line reader with a limit, for peers that close too early or never send a newline."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

from ..fake_streams import Arriving
from ..findings import Failed, Finding, broken_off, call, chunkings, smallest_finding
from . import Exercise

LIMIT = 8
GOOD = [b"HELO", b"", b"12345678", "né".encode()]
STREAM = b"".join(line + b"\n" for line in GOOD)
ENDLESS = 40_000  # bytes in a piece of the peer that never sends a newline
MOST_RECV = 65_536  # what a reasonable recv may ask for


def read_all(function: Callable[..., Any], conn: Arriving) -> tuple[list[Any], Exception | None]:
    """The lines until the end or the first exception, and that exception."""
    lines: list[Any] = []
    try:
        for line in function(conn, LIMIT):
            lines.append(line)
    except (EOFError, ValueError) as error:
        return lines, error
    return lines, None


def shown(pieces: list[bytes], more: str = "") -> str:
    return f"list(read_lines(conn, {LIMIT})), where {pieces!r} arrives{more}"


def examine(function: Callable[..., Any], pieces: list[bytes]) -> Finding | None:
    """A stream of whole lines or one that is broken off within a line."""
    said = shown(pieces, ", and then the stream ends")
    try:
        lines, error = call(read_all, function, Arriving(pieces), shown=said)
    except Failed as failed:
        if failed.stopped:
            forever = (
                "It did not come back. At the end of a stream recv returns b'', again and again."
            )
            raise Failed(Finding(forever, said), stopped=True) from failed
        raise
    *expected, rest = b"".join(pieces).split(b"\n")
    if lines != expected:
        return Finding(wrong(expected, lines, rest, error), said, expected=expected, got=lines)
    if rest and not isinstance(error, EOFError):
        return Finding(
            f"The peer closed within a line: {rest!r} has no newline. That must raise EOFError "
            f"after the whole lines; {told(error)}",
            said,
        )
    if not rest and error is not None:
        return Finding(f"All lines are whole and short enough, but {told(error)}", said)
    return None


def told(error: Exception | None) -> str:
    return f"it raised {type(error).__name__}." if error else "nothing was raised."


def wrong(expected: list[bytes], lines: list[Any], rest: bytes, error: Exception | None) -> str:
    if any(not isinstance(line, bytes) for line in lines):
        return "Each line must be bytes."
    if any(line.endswith(b"\n") for line in lines):
        return "The newline is the end of a line, not a part of it."
    if rest and lines == [*expected, rest]:
        return f"The peer closed within a line: {rest!r} is half a command. Never act on it."
    if isinstance(error, ValueError):
        return f"No line is longer than {LIMIT} bytes, but ValueError was raised."
    if lines == [line for line in expected if line]:
        return "An empty line is a line too: it was left out."
    if len(lines) < len(expected):
        return (
            f"{len(expected)} whole lines arrived, {len(lines)} came out. Do you yield all lines "
            "that are complete, also when one piece brings several?"
        )
    return "Not the lines that arrived. The pieces of a stream are not its lines."


def examine_long(
    function: Callable[..., Any], pieces: list[bytes], *, endless: bool = False
) -> Finding | None:
    """After one good line comes one that is too long."""
    said = shown(pieces, ", and then x without end, and no newline" if endless else "")
    coming = chain(pieces, repeat(b"x" * ENDLESS)) if endless else pieces
    conn = Arriving(coming)
    # A learner's loop that never ends would fill the memory.
    try:
        lines, error = call(read_all, function, conn, shown=said)
    except Failed as failed:
        if failed.stopped or isinstance(failed.__cause__, MemoryError):
            forever = (
                "It read on and on: the newline never came, and everything was kept. A peer can "
                f"fill your memory so. Stop when more than {LIMIT} bytes wait for a newline."
            )
            raise Failed(Finding(forever, said, expected=ValueError), stopped=True) from failed
        raise
    good = [b"ok"]
    if lines[:1] != good:
        return Finding(
            "The line before the long one is good, and must come out first.",
            said,
            expected=good,
            got=lines,
        )
    if not isinstance(error, ValueError) or lines != good:
        return Finding(
            f"The second line has more than {LIMIT} bytes. That must raise ValueError; "
            f"{told(error)}",
            said,
            expected=good,
            got=lines,
        )
    if conn.taken > LIMIT + len(b"ok\n") + 2 * max(conn.asked, 1) and conn.asked <= MOST_RECV:
        return Finding(
            f"ValueError came, but only after {conn.taken:,} bytes had been read. Look at the "
            f"limit after each piece.",
            said,
        )
    return None


def check(function: Callable[..., Any]) -> Finding | None:
    long = b"ok\n" + b"123456789" + b"\n"
    return (
        examine(function, [b"a\n"])
        or smallest_finding(chunkings(STREAM), lambda p: examine(function, p))
        or smallest_finding(broken_off(STREAM), lambda p: examine(function, p))
        or smallest_finding(chunkings(long), lambda p: examine_long(function, p))
        or examine_long(function, [b"ok\n"], endless=True)
    )


EXERCISE = Exercise(
    key="05-lines",
    name="read_lines",
    statement="""\
Write a generator `read_lines(conn, limit)`. It yields each line of the stream as bytes,
without its `b"\\n"`, empty lines too. It must survive two kinds of peers: one that
closes within a line (raise `EOFError` after the whole lines; half a line must never
come out), and one that sends a line of more than `limit` bytes, perhaps without end
(yield the lines before it, then raise `ValueError`, and do not go on reading).
""",
    starter='''\
def read_lines(conn, limit):
    """Yield the lines of a stream; EOFError within a line, ValueError over the limit."""
    ...  # your code
''',
    check=check,
    hints=(
        "Keep what waits for its newline. After each `recv`, first yield all lines that are "
        "complete: `line, waiting = waiting.split(b'\\n', 1)` while there is a newline.",
        "What is left has no newline yet. Is it longer than `limit`? Then no newline can save "
        "it. And a complete line can be too long as well.",
        "`recv` returned `b''`: the stream has ended. If nothing waits, that is a good end.",
    ),
    solution="""\
def read_lines(conn, limit):
    waiting = b""
    while piece := conn.recv(4096):
        *lines, waiting = (waiting + piece).split(b"\\n")
        for line in lines:
            if len(line) > limit:
                raise ValueError(f"a line has more than {limit} bytes")
            yield line
        if len(waiting) > limit:
            raise ValueError(f"a line has more than {limit} bytes")
    if waiting:
        raise EOFError(f"the stream ended within a line: {waiting!r}")
""",
    wrong={
        "pieces are lines": """\
def read_lines(conn, limit):
    while piece := conn.recv(4096):
        yield piece.rstrip(b"\\n")
""",
        "splits each piece alone": """\
def read_lines(conn, limit):
    while piece := conn.recv(4096):
        yield from piece.splitlines()
""",
        "acts on half a line": """\
def read_lines(conn, limit):
    waiting = b""
    while piece := conn.recv(4096):
        *lines, waiting = (waiting + piece).split(b"\\n")
        yield from lines
    if waiting:
        yield waiting
""",
        "no limit": """\
def read_lines(conn, limit):
    waiting = b""
    while piece := conn.recv(4096):
        *lines, waiting = (waiting + piece).split(b"\\n")
        yield from lines
    if waiting:
        raise EOFError
""",
        "looks at complete lines only": """\
def read_lines(conn, limit):
    waiting = b""
    while piece := conn.recv(4096):
        *lines, waiting = (waiting + piece).split(b"\\n")
        for line in lines:
            if len(line) > limit:
                raise ValueError
            yield line
    if waiting:
        raise EOFError
""",
        "looks at the limit before the lines": """\
def read_lines(conn, limit):
    waiting = b""
    while piece := conn.recv(4096):
        waiting += piece
        if len(waiting) > limit:
            raise ValueError
        *lines, waiting = waiting.split(b"\\n")
        yield from lines
    if waiting:
        raise EOFError
""",
        "leaves out empty lines": """\
def read_lines(conn, limit):
    waiting = b""
    while piece := conn.recv(4096):
        *lines, waiting = (waiting + piece).split(b"\\n")
        for line in lines:
            if len(line) > limit:
                raise ValueError
            if line:
                yield line
        if len(waiting) > limit:
            raise ValueError
    if waiting:
        raise EOFError
""",
    },
)
