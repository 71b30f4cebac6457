"""Records out of a TLS stream, however it arrives; one that is too long is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..findings import Failed, Finding, call, chunkings, smallest_finding
from . import Exercise, changed

MOST = 2**14 + 256
Record = tuple[int, bytes]


def wire(records: list[Record]) -> bytes:
    """The records one after the other, as they are sent."""
    return b"".join(
        bytes([kind]) + b"\3\3" + len(data).to_bytes(2, "big") + data for kind, data in records
    )


def complete(stream: bytes) -> list[Record]:
    """The records that are complete in the beginning of a stream."""
    found, at = [], 0
    while at + 5 <= len(stream):
        end = at + 5 + int.from_bytes(stream[at + 3 : at + 5], "big")
        if end > len(stream):
            break
        found.append((stream[at], stream[at + 5 : end]))
        at = end
    return found


def feeds(pieces: list[bytes]) -> str:
    told = [f"feed({piece[:10]!r}{'…' if len(piece) > 10 else ''})" for piece in pieces[:4]]
    more = f", and {len(pieces) - 4} pieces more" if len(pieces) > 4 else ""
    return f"records = Records(); records.{', records.'.join(told)}{more}"


def examine(records_class: Callable[[], Any], pieces: list[bytes]) -> Finding | None:
    records = call(records_class, shown="Records()")
    seen, given = b"", 0
    for number, piece in enumerate(pieces, start=1):
        said = feeds(pieces[:number])
        seen += piece
        expected = complete(seen)[given:]
        got = call(records.feed, piece, shown=said)
        if got != expected:
            return Finding(_wrong(expected, got, seen), said, expected=expected, got=got)
        given += len(expected)
    return None


def _wrong(expected: list[Record], got: Any, seen: bytes) -> str:
    where = f"Records, after {len(seen)} bytes of the stream: "
    if not isinstance(got, list):
        return where + f"feed must return a list, not {type(got).__name__}."
    if any(not isinstance(one, tuple) or len(one) != 2 for one in got):
        return where + "each record is a tuple of two: its type, and what it carries."
    if len(got) < len(expected):
        kind, data = expected[len(got)]
        empty = " It carries nothing, and is a record all the same." if not data else ""
        return where + f"a record of type {kind} is complete, and did not come out.{empty}"
    if len(got) > len(expected):
        return where + "something came out that is not complete yet, or was there before."
    for place, (wanted, given) in enumerate(zip(expected, got, strict=True), start=1):
        if wanted[0] != given[0]:
            return where + f"record {place} has the type {wanted[0]}, its byte 0; got {given[0]}."
        if wanted[1] != given[1]:
            return where + (
                f"record {place} carries {len(wanted[1])} bytes, from its byte 5 on; its length is "
                "in the bytes 3 and 4, and does not count the header."
            )
    return where + "not the right records."


def examine_length(records_class: Callable[[], Any], size: int) -> Finding | None:
    """A header that announces more than may be must be refused before so much was waited for."""
    header = b"\x17\3\3" + size.to_bytes(2, "big")
    said = f"records = Records(); records.feed({header!r})"
    records = call(records_class, shown="Records()")
    try:
        got = call(records.feed, header, shown=said)
    except Failed as failed:
        if isinstance(failed.__cause__, ValueError) and size > MOST:
            return None
        if size <= MOST:
            message = f"A record of {size:,} bytes is allowed, and was refused."
            return Finding(message, said, expected=[], got=type(failed.__cause__).__name__)
        raise
    if size <= MOST:
        if got == []:
            return None
        return Finding("Only a header has come: no record yet.", said, expected=[], got=got)
    message = (
        f"The header announces {size:,} bytes; {MOST:,} are the most. Records must raise "
        "ValueError now: who waits for the rest keeps what a stranger sends, for ever."
    )
    return Finding(message, said, expected="ValueError", got=got)


def check(records_class: Callable[[], Any]) -> Finding | None:
    one, two = [(22, b"hello")], [(22, b"hello"), (23, b"x" * 300)]
    odd = [(20, b"\1"), (23, b""), (21, b"\1\0"), (23, b"\x17\3\3\0\1")]
    for records in (one, two, odd):
        if found := examine(records_class, [wire(records)]):
            return found
    strategy = chunkings(wire(two[:1] + odd + two[1:]))
    found = smallest_finding(strategy, partial(examine, records_class))
    for size in (MOST, MOST + 1, 0xFFFF):
        found = found or examine_length(records_class, size)
    return found


_SOLUTION = """\
class Records:
    def __init__(self):
        self.buffer = b""

    def feed(self, data):
        self.buffer += data
        found = []
        while len(self.buffer) >= 5:
            size = int.from_bytes(self.buffer[3:5], "big")
            if size > 2**14 + 256:
                raise ValueError(f"a record of {size} bytes")
            if len(self.buffer) < 5 + size:
                break
            found.append((self.buffer[0], self.buffer[5 : 5 + size]))
            self.buffer = self.buffer[5 + size :]
        return found
"""

EXERCISE = Exercise(
    key="13-records",
    name="Records",
    statement="""\
TLS runs over a TCP stream, and a stream has no borders ([05](05_tcp_streams.ipynb)). Write a class
`Records`. Its method `feed(data)` takes the next bytes of the stream, however they were cut, and
returns the list of all records that are now complete: tuples `(type, fragment)`, without the
header. A record whose header announces more than 2¹⁴ + 256 bytes raises `ValueError` at once
(RFC 8446, section 5.2).
""",
    starter='''\
class Records:
    """feed(data) gives the records that are now complete, as (type, fragment)."""

    def __init__(self):
        self.buffer = b""

    def feed(self, data):
        ...  # your code
''',
    check=check,
    hints=(
        "Add the new bytes to `self.buffer`. Then take records from its beginning as long as "
        "there is a whole one; what is left stays for the next call.",
        "The header has 5 bytes: type, two of version, two of length. As long as there are fewer, "
        'the length is not known. `int.from_bytes(self.buffer[3:5], "big")` reads it.',
        "Compare the length with the limit as soon as you have it, before you look whether the "
        "rest is there.",
    ),
    solution=_SOLUTION,
    wrong={
        "one record for each call": changed(
            _SOLUTION,
            ("while len(self.buffer) >= 5", "if len(self.buffer) >= 5"),
            ("                break", "                return []"),
        ),
        "takes what has come for a record": """\
class Records:
    def feed(self, data):
        return [(data[0], data[5:])]
""",
        "the length counts the header": changed(
            _SOLUTION,
            ("< 5 + size", "< size"),
            ("[5 : 5 + size]", "[5:size]"),
            ("[5 + size :]", "[size:]"),
        ),
        "the wrong end of the length first": changed(_SOLUTION, ('"big"', '"little"')),
        "no limit": changed(_SOLUTION, ("2**14 + 256", "2**16")),
        "a limit that is too tight": changed(_SOLUTION, ("2**14 + 256", "2**14")),
        "waits for the rest before it looks at the limit": """\
class Records:
    def __init__(self):
        self.buffer = b""

    def feed(self, data):
        self.buffer += data
        found = []
        while len(self.buffer) >= 5:
            size = int.from_bytes(self.buffer[3:5], "big")
            if len(self.buffer) < 5 + size:
                break
            if size > 2**14 + 256:
                raise ValueError(f"a record of {size} bytes")
            found.append((self.buffer[0], self.buffer[5 : 5 + size]))
            self.buffer = self.buffer[5 + size :]
        return found
""",
    },
)
