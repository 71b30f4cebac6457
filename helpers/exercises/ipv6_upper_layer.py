"""Walk an IPv6 packet's chain of extension headers to what it carries (RFC 8200, section 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..findings import Finding, call
from . import Exercise

NAMES = {0: "Hop-by-Hop Options", 43: "Routing", 44: "Fragment", 60: "Destination Options"}
SOURCE = b"\xfd" + bytes(14) + b"\x01"
DESTINATION = b"\xfd" + bytes(14) + b"\x02"


@dataclass(frozen=True)
class Extension:
    """An extension header. `words`: its length in units of 8 bytes."""

    kind: int
    words: int = 1
    fragment_offset: int = 0  # units of 8 bytes

    def build(self, following: int) -> bytes:
        if self.kind == 44:
            place = (self.fragment_offset << 3 | 1).to_bytes(2, "big")
            return bytes((following, 0)) + place + b"\x11\x22\x33\x44"
        if self.kind == 43:  # a type that nobody uses, without segments left: ignored
            return bytes((following, self.words - 1, 253, 0)) + bytes(8 * self.words - 4)
        padding = 8 * self.words - 4
        return bytes((following, self.words - 1, 1, padding)) + bytes(padding)  # one PadN option


H, R, D = Extension(0), Extension(43), Extension(60)
FIRST, LATER = Extension(44), Extension(44, fragment_offset=154)
CASES: tuple[tuple[tuple[Extension, ...], int], ...] = (
    ((), 17),
    ((), 6),
    ((H,), 58),
    ((FIRST,), 17),
    ((Extension(60, 3),), 6),
    ((Extension(0, 2), D, Extension(43, 4), FIRST, D), 17),
    ((LATER,), 17),
    ((H, LATER), 6),
    ((D,), 59),
)


def packet(extensions: tuple[Extension, ...], protocol: int) -> bytes:
    kinds = [each.kind for each in extensions] + [protocol]
    body = b"".join(each.build(kinds[at + 1]) for at, each in enumerate(extensions))
    body += b"" if protocol == 59 else b"payload " * 3
    start = b"\x60\0\0\0" + len(body).to_bytes(2, "big") + bytes((kinds[0], 64))
    return start + SOURCE + DESTINATION + body


def expected_of(extensions: tuple[Extension, ...], protocol: int) -> tuple[int, int] | None:
    if any(each.fragment_offset for each in extensions):
        return None
    return protocol, 40 + sum(8 * each.words for each in extensions)


def examine(
    upper_layer: Callable[[bytes], Any], extensions: tuple[Extension, ...], protocol: int
) -> Finding | None:
    expected = expected_of(extensions, protocol)
    chain = ["IPv6", *(f"{NAMES[e.kind]} ({8 * e.words} bytes)" for e in extensions)]
    shown = f"upper_layer(packet), headers: {', '.join(chain)}, then {protocol}"
    data = packet(extensions, protocol)
    got = call(upper_layer, data, shown=shown)
    if got == expected and (expected is None or isinstance(got, tuple)):
        return None
    # As the learner's packets have it, in a frame.
    frame = bytes.fromhex("020000000002 020000000001 86dd") + data
    return Finding(
        wrong(extensions, protocol, got), shown, expected=expected, got=got, packet=frame
    )


def wrong(extensions: tuple[Extension, ...], protocol: int, got: object) -> str:
    if expected_of(extensions, protocol) is None:
        return (
            "This is a later piece of a datagram: its fragment offset is not 0. The header of the "
            "upper layer is in the first piece only, so the answer is None."
        )
    if not isinstance(got, tuple) or len(got) != 2:
        return "upper_layer returns a tuple of two numbers: the protocol, and where it begins."
    if not extensions:
        return "There is no extension header: byte 6 names the protocol, which begins at byte 40."
    if got[0] in NAMES:
        return f"{got[0]} is an extension header itself ({NAMES[got[0]]}): go on behind it."
    if got[0] == protocol:
        units = max(each.words for each in extensions) > 1
        return f"The protocol is right, but it begins at byte {expected_at(extensions)}." + (
            " The second byte of an extension header counts units of 8 bytes, without the first."
            if units
            else " Each of these extension headers is 8 bytes long."
        )
    return (
        "You looked for the next header in the wrong place. Each extension header begins with the "
        "number of what follows it."
    )


def expected_at(extensions: tuple[Extension, ...]) -> int:
    return 40 + sum(8 * each.words for each in extensions)


def check(upper_layer: Callable[[bytes], Any]) -> Finding | None:
    return next((found for case in CASES if (found := examine(upper_layer, *case))), None)


EXERCISE = Exercise(
    key="11-upper-layer",
    name="upper_layer",
    statement="""\
Write `upper_layer(packet)` for the bytes of an IPv6 packet, without the Ethernet header. It returns
`(protocol, offset)`: the number of the first header that is no extension header (17 is UDP), and
the byte at which it begins. Extension headers are 0, 43, 44 and 60. The first byte of each is the
number of the next; the second is its length in units of 8 bytes, *not counting the first 8*.
Only 44, Fragment, is always 8 bytes long; the upper 13 bits of its bytes 2 and 3 are the fragment
offset. If that is not 0, the packet holds a later piece, without that header: return `None`.
""",
    starter='''\
def upper_layer(packet):
    """(protocol, offset) of what the packet carries; None in a later fragment."""
    ...  # your code
''',
    check=check,
    hints=(
        "Byte 6 of the packet is the first next header, and the fixed header is 40 bytes long.",
        "A loop: while the number is one of 0, 43, 44, 60, read the next number at `offset`, and "
        "move `offset` behind this header: by `8 * (packet[offset + 1] + 1)`, or by 8 for 44.",
        'The offset of a fragment: `int.from_bytes(packet[offset + 2 : offset + 4], "big") >> 3`.',
    ),
    solution="""\
def upper_layer(packet):
    number, offset = packet[6], 40
    while number in (0, 43, 44, 60):
        length = 8 * (packet[offset + 1] + 1)
        if number == 44:
            length = 8
            if int.from_bytes(packet[offset + 2 : offset + 4], "big") >> 3:
                return None
        number, offset = packet[offset], offset + length
    return number, offset
""",
    wrong={
        "the fixed header only": """\
def upper_layer(packet):
    return packet[6], 40
""",
        "all are 8 bytes long": """\
def upper_layer(packet):
    number, offset = packet[6], 40
    while number in (0, 43, 44, 60):
        if number == 44 and int.from_bytes(packet[offset + 2 : offset + 4], "big") >> 3:
            return None
        number, offset = packet[offset], offset + 8
    return number, offset
""",
        "the length counts all": """\
def upper_layer(packet):
    number, offset = packet[6], 40
    while number in (0, 43, 44, 60):
        number, offset = packet[offset], offset + 8 * max(1, packet[offset + 1])
    return number, offset
""",
        "later pieces too": """\
def upper_layer(packet):
    number, offset = packet[6], 40
    while number in (0, 43, 44, 60):
        length = 8 if number == 44 else 8 * (packet[offset + 1] + 1)
        number, offset = packet[offset], offset + length
    return number, offset
""",
    },
)
