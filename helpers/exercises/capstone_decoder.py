"""A decoder for the chat's stream: whole messages, and one firm opinion of what is wrong."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Any

from ..findings import Finding, call, chunkings, short, smallest_finding
from . import Exercise, changed

LIMIT = 20


def framed(body: bytes) -> bytes:
    return struct.pack("!H", len(body)) + body


HELLO, SNAKE = framed(b"SAY hello"), framed("SAY né🐍".encode())
STREAMS = {
    "One message.": HELLO,
    "Two messages.": HELLO + framed(b"PING 1"),
    "Characters of more than one byte.": SNAKE + HELLO,
    f"As long as the limit of {LIMIT} bytes.": framed(b"x" * LIMIT) + HELLO,
    "Bytes that are no UTF-8, and a good message behind them.": framed(b"\xff\xfe") + HELLO,
    "A message without a byte.": HELLO + framed(b"") + HELLO,
    "One byte too long.": HELLO + framed(b"x" * (LIMIT + 1)) + HELLO,
    "A length of 18,245: what GET means to this protocol.": b"GET / HTTP/1.1\r\n",
}


def right(seen: bytes) -> tuple[list[str], str]:
    """All messages of these bytes, and the error, "" if there is none."""
    messages: list[str] = []
    while len(seen) >= 2:
        size = int.from_bytes(seen[:2], "big")
        if not 0 < size <= LIMIT:
            return messages, "too long" if size else "empty"
        if len(seen) < 2 + size:
            break
        try:
            messages.append(seen[2 : 2 + size].decode())
        except UnicodeDecodeError:
            return messages, "not UTF-8"
        seen = seen[2 + size :]
    return messages, ""


def examine(Decoder: Callable[..., Any], what: str, pieces: list[bytes]) -> Finding | None:
    made = f"Decoder({LIMIT})"
    decoder = call(Decoder, LIMIT, shown=made)
    if call(lambda: decoder.error, shown=f"{made}.error") != "":
        message = "A new decoder has met no error: error should be an empty text."
        return Finding(message, f"{made}.error", expected="", got=decoder.error)
    seen, done, fed = b"", 0, []
    for piece in pieces:
        fed.append(f"feed({short(piece)})")
        shown = f"{made}: {', '.join(fed[-5:])}"
        got = call(decoder.feed, piece, shown=shown)
        seen += piece
        messages, error = right(seen)
        expected, done = messages[done:], len(messages)
        if got != expected or not isinstance(got, list):
            message = f"{what} The last feed makes these messages complete."
            if error and len(messages) > 0 and not got:
                message += " What was good before the error counts."
            return Finding(message, shown, expected=expected, got=got)
        if decoder.error != error:
            message = f"{what} After the last feed, error should say so."
            if error == "too long" and not decoder.error:
                message += " The length alone tells: do not wait for the rest."
            return Finding(message, shown, expected=error, got=decoder.error)
    return None


def check(Decoder: Callable[..., Any]) -> Finding | None:
    for what, data in STREAMS.items():
        if found := examine(Decoder, what, [data]):
            return found
    for what, data in STREAMS.items():

        def cut(pieces: list[bytes], what: str = what) -> Finding | None:
            return examine(Decoder, what, pieces)

        if found := smallest_finding(chunkings(data), cut, examples=60):
            return found
    return None


SOLUTION = """\
class Decoder:
    def __init__(self, limit):
        self.limit, self.error, self.inbox = limit, "", b""

    def feed(self, data):
        if not self.error:
            self.inbox += data
        found = []
        while not self.error and len(self.inbox) >= 2:
            size = int.from_bytes(self.inbox[:2], "big")
            if not 0 < size <= self.limit:
                self.error = "too long" if size else "empty"
            elif len(self.inbox) < 2 + size:
                break
            else:
                body, self.inbox = self.inbox[2 : 2 + size], self.inbox[2 + size :]
                try:
                    found.append(body.decode())
                except UnicodeDecodeError:
                    self.error = "not UTF-8"
        return found
"""
but = partial(changed, SOLUTION)

EXERCISE = Exercise(
    key="15-decoder",
    name="Decoder",
    statement="""\
Write a class `Decoder(limit)` for this protocol, without any socket. `feed(data)` takes the next
piece of a stream, cut anywhere, and returns the list of texts that it made complete. The attribute
`error` is `""` at first. At the first bad frame it becomes, as soon as that can be known,
`"too long"` (more than `limit` bytes), `"empty"` (a length of 0) or `"not UTF-8"`. Messages before
the bad frame still count; nothing behind it does. So the result never depends on the cuts.
""",
    starter='''\
class Decoder:
    def __init__(self, limit):
        """At most `limit` bytes in a message; `error` says what was wrong."""
        ...  # your code

    def feed(self, data):
        """The texts that are complete now, as a list."""
        ...  # your code
''',
    check=check,
    hints=(
        "Keep an inbox of bytes. With each `feed`, add to it, and then take out frames as long as "
        "there is a whole one: a loop, because one piece may hold several.",
        "The first two bytes are the length. Judge it before you look whether the body is there.",
        "Decode only a whole body. `UnicodeDecodeError` is raised inside the loop: catch it there, "
        "so that the messages found before are not lost.",
        "After an error the loop must not run again: make `error` a part of its condition. And "
        "what comes then is not worth keeping: it may be gigabytes.",
    ),
    solution=SOLUTION,
    wrong={
        "one message for each feed": but(("while not", "if not"), ("break", "pass")),
        "waits for the body of what is too long": but(
            ("if not 0 < size <= self.limit:", "if not 0 < size <= self.limit <= len(self.inbox):")
        ),
        "goes on after an error": but(
            ("while not self.error and len", "while len"),
            (
                'self.error = "too long" if size else "empty"',
                'self.error = "too long" if size else "empty"\n                break',
            ),
        ),
        "loses what was good before the error": but(
            (
                'self.error = "not UTF-8"',
                'self.error = "not UTF-8"\n                    found = []',
            ),
            (
                'self.error = "too long" if size else "empty"',
                'self.error = "too long" if size else "empty"\n                found = []',
            ),
        ),
        "the limit itself is too long": but(("<= self.limit", "< self.limit")),
        "the length counts itself": but(("2 + size", "size")),
        "the lower byte first": but(('"big"', '"little"')),
        "replaces what is not UTF-8": but((".decode()", '.decode(errors="replace")')),
        "an empty message is a message": but(("if not 0 < size", "if not 0 <= size")),
    },
)
