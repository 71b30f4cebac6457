"""Fragments of one IPv4 datagram, put together again (RFC 791, section 3.2)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from ..findings import Finding, call, smallest_finding
from . import Exercise

ADDRESSES = bytes((10, 0, 0, 1, 10, 0, 1, 3))
ROUTER_ALERT = bytes.fromhex("94040000")  # an option of four bytes, RFC 2113


def packet(payload: bytes, offset: int, *, more: bool, options: bytes = b"") -> bytes:
    """One IPv4 packet with a piece of a datagram: `offset` in bytes. Its checksum is zero."""
    words = 5 + len(options) // 4
    where = offset // 8 | more << 13
    numbers = (0x40 | words, 0, 4 * words + len(payload), 0x1234, where, 63, 17, 0)
    return struct.pack("!BBHHHBBH", *numbers) + ADDRESSES + options + payload


def split(data: bytes, size: int, options: bytes = b"") -> list[bytes]:
    """The datagram in fragments of `size` bytes, a multiple of 8; only the first has options."""
    return [
        packet(data[at : at + size], at, more=at + size < len(data), options=options * (at == 0))
        for at in range(0, len(data), size)
    ]


def numbers(fragment: bytes) -> tuple[int, int, bool]:
    """First byte, end, and whether more follow."""
    field = int.from_bytes(fragment[6:8], "big")
    first = 8 * (field & 0x1FFF)
    length = int.from_bytes(fragment[2:4], "big") - 4 * (fragment[0] & 0x0F)
    return first, first + length, bool(field & 0x2000)


def told(fragments: Sequence[bytes]) -> str:
    """The call, its fragments by what they carry."""
    parts = []
    for fragment in fragments:
        first, end, more = numbers(fragment)
        parts.append(f"bytes {first} to {end - 1}{', more follow' if more else ', the last'}")
    return f"reassemble([{'; '.join(parts)}])"


def examine(
    reassemble: Callable[[list[bytes]], Any],
    fragments: Sequence[bytes],
    expected: bytes | None,
    note: str = "",
) -> Finding | None:
    shown = told(fragments)
    got = call(reassemble, list(fragments), shown=shown)
    if got == expected and isinstance(got, bytes | None):
        return None
    return Finding(wrong(fragments, expected, got, note), shown, expected=expected, got=got)


def wrong(fragments: Sequence[bytes], expected: bytes | None, got: object, note: str) -> str:
    if expected is None:
        return f"This datagram is not complete: {note} Then reassemble returns None."
    if got is None:
        units = " Each offset counts units of 8 bytes." if len(fragments) > 1 else ""
        return f"Nothing is missing here, and reassemble returned None.{note or units}"
    if not isinstance(got, bytes):
        return f"The datagram must be bytes, not {type(got).__name__}."
    place = next(
        (at for at, pair in enumerate(zip(expected, got, strict=False)) if pair[0] != pair[1]),
        min(len(expected), len(got)),
    )
    start = f"The datagram has {len(expected)} bytes and yours {len(got)}."
    if len(expected) == len(got):
        start = f"Byte {place} of the datagram is wrong."
    if note:
        return f"{start}{note}"
    if got == b"".join(fragment[20:] for fragment in fragments):
        return f"{start} The pieces do not come in their order: the offsets say where they belong."
    return f"{start} From byte {place} on it is another. Each offset counts units of 8 bytes."


def alike(count: int) -> bytes:
    return bytes(at % 251 for at in range(count))


def check(reassemble: Callable[[list[bytes]], Any]) -> Finding | None:
    from hypothesis import strategies as st

    data = alike(40)
    first, second, third = split(data, 16)
    padded = packet(b"short", 0, more=False) + bytes(21)
    option = split(data, 16, ROUTER_ALERT)
    cases: tuple[tuple[list[bytes], bytes | None, str], ...] = (
        ([packet(data, 0, more=False)], data, ""),
        ([first, second, third], data, ""),
        ([third, first, second], data, ""),
        ([first, third], None, "bytes 16 to 31 have not come."),
        ([first, second], None, "the last that came says that more follow."),
        ([second, third], None, "the beginning, bytes 0 to 15, has not come."),
        ([third], None, "only the last fragment has come."),
        ([second, first, second, third], data, " One fragment came twice: networks may do that."),
        (option, data, " The first header has an option: the lower half of its first byte is its "
                       "length, in words of 4 bytes."),
        ([padded], b"short", " Behind the packet stand zeros, with which Ethernet fills short "
                             "frames. Bytes 2 and 3, the total length, say where it ends."),
    )  # fmt: skip
    for fragments, expected, note in cases:
        if found := examine(reassemble, fragments, expected, note):
            return found

    def shuffled(case: tuple[int, int, Any]) -> Finding | None:
        size, units, random = case
        whole = alike(size)
        fragments = split(whole, 8 * units)
        random.shuffle(fragments)
        return examine(reassemble, fragments, whole)

    return smallest_finding(
        st.tuples(st.integers(1, 900), st.integers(1, 40), st.randoms(use_true_random=False)),
        shuffled,
        50,
    )


EXERCISE = Exercise(
    key="02-reassemble",
    name="reassemble",
    statement="""\
Write `reassemble(fragments)`. It gets a list of IPv4 packets as bytes, fragments of one datagram in
the order of their arrival, and returns what the datagram carried, or `None` as long as a piece
is missing. You may trust these fields (RFC 791, section 3.1):

- byte 0: its lower half is the header's length, in words of 4 bytes;
- bytes 2 and 3: the packet's length, header and data; what stands behind it is not part of it;
- bytes 6 and 7: the bit `0x2000` says that more fragments follow, the lower 13 bits
  (`0x1fff`) are the offset, in units of 8 bytes.

A fragment may come twice. Fragments do not overlap otherwise.
""",
    starter='''\
def reassemble(fragments):
    """What the whole datagram carried, or None if a fragment is missing."""
    ...  # your code
''',
    check=check,
    hints=(
        '`int.from_bytes(packet[6:8], "big")` is the number that holds flags and offset. '
        "`number & 0x1fff` is the offset, `number & 0x2000` is not zero if more follow.",
        "Put the pieces into a dict by their offset in bytes: one that came twice is kept once.",
        "The end of the datagram is known from the fragment after which no more follow. Walk "
        "from byte 0 on: each piece must begin where the one before it ended.",
    ),
    solution="""\
def reassemble(fragments):
    pieces, end = {}, None
    for packet in fragments:
        header, length = 4 * (packet[0] & 0x0F), int.from_bytes(packet[2:4], "big")
        field = int.from_bytes(packet[6:8], "big")
        offset = 8 * (field & 0x1FFF)
        pieces[offset] = packet[header:length]
        if not field & 0x2000:
            end = offset + length - header
    data = b""
    while len(data) != end and (piece := pieces.get(len(data))):
        data += piece
    return data if len(data) == end else None
""",
    wrong={
        "in the order of arrival": """\
def reassemble(fragments):
    return b"".join(packet[20:] for packet in fragments)
""",
        "sorted, but does not notice a hole": """\
def reassemble(fragments):
    pieces = {}
    for packet in fragments:
        start = 8 * (int.from_bytes(packet[6:8], "big") & 0x1FFF)
        length = int.from_bytes(packet[2:4], "big")
        pieces[start] = packet[4 * (packet[0] & 15) : length]
    return b"".join(pieces[start] for start in sorted(pieces))
""",
        "does not wait for the last": """\
def reassemble(fragments):
    pieces = {}
    for packet in fragments:
        start = 8 * (int.from_bytes(packet[6:8], "big") & 0x1FFF)
        length = int.from_bytes(packet[2:4], "big")
        pieces[start] = packet[4 * (packet[0] & 15) : length]
    data = b""
    for start in sorted(pieces):
        if start != len(data):
            return None
        data += pieces[start]
    return data
""",
        "offsets taken for bytes": """\
def reassemble(fragments):
    pieces, end = {}, None
    for packet in fragments:
        number = int.from_bytes(packet[6:8], "big")
        pieces[number & 0x1FFF] = packet[20:]
        if not number & 0x2000:
            end = (number & 0x1FFF) + len(packet) - 20
    data = b""
    while len(data) in pieces and len(data) != end:
        data += pieces[len(data)]
    return data if len(data) == end else None
""",
        "every header 20 bytes": """\
def reassemble(fragments):
    pieces, last = {}, None
    for packet in fragments:
        number = int.from_bytes(packet[6:8], "big")
        start = 8 * (number & 0x1FFF)
        pieces[start] = packet[20 : int.from_bytes(packet[2:4], "big")]
        if not number & 0x2000:
            last = start
    data = b"".join(pieces[start] for start in sorted(pieces))
    if last is None or len(data) != last + len(pieces[last]):
        return None
    return data
""",
        "takes the padding too": """\
def reassemble(fragments):
    pieces, last = {}, None
    for packet in fragments:
        number = int.from_bytes(packet[6:8], "big")
        start = 8 * (number & 0x1FFF)
        pieces[start] = packet[4 * (packet[0] & 15) :]
        if not number & 0x2000:
            last = start
    data = b"".join(pieces[start] for start in sorted(pieces))
    if last is None or len(data) != last + len(pieces[last]):
        return None
    return data
""",
    },
)
