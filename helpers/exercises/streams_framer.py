"""Messages to a stream with length prefixes, and back, however it arrives."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Any

from ..findings import Failed, Finding, broken_off, call, chunkings, short, smallest_finding
from . import Exercise, changed

SIMPLE = [b"hi", b"you"]
MESSAGES = [b"", "né 🐍".encode(), b"two\nlines", b"x" * 300]


def stream(messages: list[bytes]) -> bytes:
    return b"".join(struct.pack("!H", len(message)) + message for message in messages)


def feeds(pieces: list[bytes]) -> str:
    """What is done, with runs of equal lengths left short: a stream byte by byte is long."""
    told = [f"feed({piece[:12]!r}{'…' if len(piece) > 12 else ''})" for piece in pieces[:5]]
    more = f", and {len(pieces) - 5} pieces more" if len(pieces) > 5 else ""
    return f"framer = Framer(); framer.{', framer.'.join(told)}{more}" if pieces else "Framer()"


def complete(data: bytes) -> list[bytes]:
    """The messages that are complete in the beginning of a stream."""
    found, start = [], 0
    while start + 2 <= len(data):
        end = start + 2 + int.from_bytes(data[start : start + 2], "big")
        if end > len(data):
            break
        found.append(data[start + 2 : end])
        start = end
    return found


def fed(framer_class: Callable[[], Any], pieces: list[bytes]) -> tuple[Any, Finding | None]:
    """A framer that was fed the pieces, and what was wrong meanwhile."""
    framer = call(framer_class, shown="Framer()")
    seen, given = b"", 0
    for number, piece in enumerate(pieces, start=1):
        said = feeds(pieces[:number])
        seen += piece
        expected = complete(seen)[given:]
        got = call(framer.feed, piece, shown=said)
        if not isinstance(got, list):
            kind = type(got).__name__
            return framer, Finding(f"feed must return a list of messages, not {kind}.", said)
        if got != expected:
            return framer, Finding(wrong(expected, got, seen), said, expected=expected, got=got)
        given += len(got)
    return framer, None


def wrong(expected: list[bytes], got: list[Any], seen: bytes) -> str:
    where = f"After {len(seen)} bytes of the stream: "
    if any(not isinstance(message, bytes) for message in got):
        return where + "each message must be bytes, without its prefix."
    if len(got) < len(expected):
        missing = expected[len(got)]
        if not missing:
            return where + "a prefix of 0 is a whole message: an empty one."
        return where + f"a message of {len(missing)} bytes is complete, and did not come out."
    if len(got) > len(expected):
        return where + "something came out that is not complete yet, or not there."
    for place, (wanted, given) in enumerate(zip(expected, got, strict=True), start=1):
        if wanted != given:
            if len(given) != len(wanted):
                return (
                    where + f"message {place} has {len(wanted)} bytes, yours has {len(given)}. "
                    "Is the prefix read with the byte that counts most first, and not counted in?"
                )
            return where + f"message {place} has the right length and other bytes."
    return where + "not the right messages."


def examine_end(framer_class: Callable[[], Any], pieces: list[bytes]) -> Finding | None:
    framer, found = fed(framer_class, pieces)
    if found:
        return found
    whole = b"".join(pieces)
    used = sum(2 + len(message) for message in complete(whole))
    said = f"{feeds(pieces)}; framer.close()"
    try:
        call(framer.close, shown=said)
    except Failed as failed:
        if not isinstance(failed.__cause__, EOFError):
            raise
        if used == len(whole):
            return Finding(
                "The stream ended between two messages. That is a good end; close() raised "
                "EOFError.",
                said,
            )
        return None
    if used == len(whole):
        return None
    return Finding(
        f"The stream ended within a message: {whole[used:][:12]!r} is the beginning of one whose "
        "rest will never come.",
        said,
        expected=EOFError,
        got="nothing was raised",
    )


def examine_encode(framer_class: Callable[[], Any], message: bytes) -> Finding | None:
    said = f"Framer().encode({short(message)})"
    framer = call(framer_class, shown="Framer()")
    expected = stream([message])
    got = call(framer.encode, message, shown=said)
    if got == expected:
        return None
    if not isinstance(got, bytes):
        text = f"encode must return bytes, not {type(got).__name__}."
    elif got[2:] != message:
        text = "After the two bytes of the length must come the message, unchanged."
    else:
        text = f"The message has {len(message)} bytes; bytes 0 and 1 say another length."
    return Finding(text, said, expected=expected, got=got)


def examine_too_long(framer_class: Callable[[], Any]) -> Finding | None:
    said = "Framer().encode(bytes(65_536))"
    framer = call(framer_class, shown="Framer()")
    text = "65,536 does not fit into two bytes. That must raise ValueError"
    try:
        got = call(framer.encode, bytes(65_536), shown=said)
    except Failed as failed:
        if isinstance(failed.__cause__, ValueError):
            return None
        raised = type(failed.__cause__).__name__
        return Finding(f"{text}, not {raised}.", said, expected=ValueError, got=raised)
    return Finding(f"{text}; the reader would lose its place.", said, ValueError, got)


def check(framer_class: Callable[[], Any]) -> Finding | None:
    def examine(pieces: list[bytes]) -> Finding | None:
        return fed(framer_class, pieces)[1]

    simple, all_of_them = stream(SIMPLE), stream(MESSAGES)
    encoded = (examine_encode(framer_class, m) for m in [b"hi", *MESSAGES, b"x" * 65_535])
    return (
        next(filter(None, encoded), None)
        or examine_too_long(framer_class)
        or examine([stream([b"hi"])])
        or smallest_finding(chunkings(simple), examine)
        or smallest_finding(chunkings(all_of_them), examine)
        or examine_end(framer_class, [simple])
        or smallest_finding(broken_off(simple), lambda pieces: examine_end(framer_class, pieces))
    )


SOLUTION = """\
class Framer:
    def encode(self, message):
        if len(message) > 65_535:
            raise ValueError(f"{len(message)} bytes are too many for a prefix of two")
        return len(message).to_bytes(2, "big") + message

    def __init__(self):
        self.waiting = b""

    def feed(self, data):
        self.waiting += data
        messages = []
        while len(self.waiting) >= 2:
            end = 2 + int.from_bytes(self.waiting[:2], "big")
            if len(self.waiting) < end:
                break
            messages.append(self.waiting[2:end])
            self.waiting = self.waiting[end:]
        return messages

    def close(self):
        if self.waiting:
            raise EOFError(f"the stream ended within a message: {self.waiting[:20]!r}")
"""


but = partial(changed, SOLUTION)


# The bodies of the reference solution's methods.
ENCODE, FEED = (
    SOLUTION[SOLUTION.index(f"    def {name}") : SOLUTION.index(f"    def {following}")]
    for name, following in (("encode", "__init__"), ("feed", "close"))
)
CLOSE = SOLUTION[SOLUTION.index("        if self.waiting:\n") :]

EXERCISE = Exercise(
    key="05-framer",
    name="Framer",
    statement="""\
Write a class `Framer` that puts messages into a stream and takes them out again. Each has its
length in front: two bytes, network byte order, the prefix itself not counted.
`encode(message)` returns the bytes to send, and raises `ValueError` if two bytes cannot say
the length. `feed(data)` takes the next piece of a stream, cut anywhere, and returns a list of the
messages (bytes) that it made complete: none, one or several. `close()` is called at the
end of the stream, and raises `EOFError` if that is within a message. The check feeds the same
stream in very many ways.
""",
    starter='''\
class Framer:
    def encode(self, message):
        """Its length in two bytes, then the message; ValueError if it is too long."""
        ...  # your code

    def feed(self, data):
        """The messages that are complete now, as a list of bytes."""
        ...  # your code

    def close(self):
        """The stream has ended: EOFError if that is within a message."""
        ...  # your code
''',
    check=check,
    hints=(
        "`encode` is `struct.pack('!H', len(message)) + message`. Look at the length before: "
        "struct.error is no ValueError.",
        "Keep what is not used yet: start with `self.waiting = b''` in `__init__`, and begin "
        "`feed` with `self.waiting += data`.",
        "One piece may hold several messages, so look in a loop. Stop when fewer than two bytes "
        "wait, or fewer than the prefix and its message.",
        "`int.from_bytes(self.waiting[:2], 'big')` is the length. A length of 0 is a message: "
        "the empty one.",
        "When `close()` is called, whatever still waits is the beginning of a message.",
    ),
    solution=SOLUTION,
    wrong={
        "prefix counts itself": but(
            ("return len(message).to_bytes", "return (len(message) + 2).to_bytes")
        ),
        "leaves a length that does not fit to struct": "import struct\n\n\n"
        + but(
            (
                ENCODE,
                "    def encode(self, message):\n"
                '        return struct.pack("!H", len(message)) + message\n\n',
            )
        ),
        "only the lowest two bytes of the length": but(
            (
                ENCODE,
                "    def encode(self, message):\n"
                '        return (len(message) & 0xFFFF).to_bytes(2, "big") + message\n\n',
            )
        ),
        "believes that pieces are messages": but(
            (FEED, "    def feed(self, data):\n        return [data[2:]]\n\n"),
            (CLOSE, "        pass\n"),
        ),
        "one message a piece": but(
            (
                "            self.waiting = self.waiting[end:]\n",
                "            self.waiting = self.waiting[end:]\n            break\n",
            )
        ),
        "forgets what is left of a piece": but(
            ("        self.waiting += data\n", "        self.waiting = data\n"),
            ("        return messages", '        self.waiting = b""\n        return messages'),
        ),
        "little-endian": but(('self.waiting[:2], "big"', 'self.waiting[:2], "little"')),
        "takes an empty message for none": but(
            (
                "            messages.append(self.waiting[2:end])\n",
                "            if end > 2:\n                messages.append(self.waiting[2:end])\n",
            )
        ),
        "does not tell a stream that was cut off": but((CLOSE, "        pass\n")),
    },
)
