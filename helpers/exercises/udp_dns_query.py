"""A DNS question by hand: a header of six numbers, and a name in pieces (RFC 1035, section 4)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from ..findings import Finding, call, called, smallest_finding
from . import Exercise

HEADER = ("number", "flags", "count of questions", "count of answers", "third count", "last count")
PLACES = 12  # bytes of the header


def built(name: str, number: int) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + b"\0\1\0\1"


def examine(dns_query: Callable[[str, int], Any], name: str, number: int) -> Finding | None:
    expected = built(name, number)
    shown = called(dns_query, name, number)
    got = call(dns_query, name, number, shown=shown)
    if got == expected:
        return None
    return Finding(wrong(expected, got, name), shown, expected=expected, got=got)


def wrong(expected: bytes, got: object, name: str) -> str:
    if not isinstance(got, bytes):
        return f"The query must be bytes, not {type(got).__name__}."
    for place, field in enumerate(HEADER):
        start = 2 * place
        wanted, given = expected[start : start + 2], got[start : start + 2]
        if wanted != given:
            swapped = given == wanted[::-1]
            return (
                f"The header's {field} is wrong: bytes {start} and {start + 1} must be "
                f"{wanted.hex(' ')}, and are {given.hex(' ') or 'missing'}."
                + (" The byte that counts most must come first." if swapped else "")
            )
    return wrong_question(expected[PLACES:], got[PLACES:], name)


def wrong_question(expected: bytes, got: bytes, name: str) -> str:
    end = len(expected) - 4
    place = next((p for p in range(len(expected)) if expected[p : p + 1] != got[p : p + 1]), -1)
    where = PLACES + place
    if place < 0:
        return f"The query is right up to byte {PLACES + len(expected) - 1}, and then goes on."
    if got.startswith(name.encode()):
        return (
            "The name must not be written with dots. Each label is one byte that says its "
            "length, and then its letters."
        )
    if got == expected[: end - 1] + expected[end:]:
        return (
            f"Byte {PLACES + end - 1} must be 00: the label without letters, which ends the name. "
            "Without it nobody knows where the name ends."
        )
    if place >= end - 1:
        return (
            f"After the name and its zero byte come type and class, 00 01 00 01: byte {where} "
            f"must be {expected[place]:02x}."
        )
    starts, at = [], 0
    for label in name.split("."):
        starts.append(at)
        at += 1 + len(label)
    if place in starts:
        label = name.split(".")[starts.index(place)]
        return f"Byte {where} must say how long the label {label!r} is: {len(label)}."
    return f"Byte {where} must be the letter {chr(expected[place])!r} of the name."


def check(dns_query: Callable[[str, int], Any]) -> Finding | None:
    from hypothesis import strategies as st

    label = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=63)
    names = st.lists(label, min_size=1, max_size=3).map(".".join)
    cases = st.tuples(names, st.integers(0, 65535))
    return (
        examine(dns_query, "example.test", 0x1234)
        or examine(dns_query, "www.example.test", 1)
        or smallest_finding(cases, lambda case: examine(dns_query, *case))
    )


EXERCISE = Exercise(
    key="06-dns-query",
    name="dns_query",
    statement="""\
Write `dns_query(name, number)`. It returns the bytes of a DNS query that asks for the IPv4
address of `name`, such as `"www.example.test"`:

- six numbers of two bytes each: `number`, the flags `0x0100` (*recursion desired*), and the four
  counts 1, 0, 0, 0: one question and nothing else;
- the name, without dots: each label as one byte that says its length and then its letters, and at
  the end one byte of zero;
- two more numbers of two bytes: type 1 (an IPv4 address) and class 1 (the Internet).
""",
    starter='''\
def dns_query(name, number):
    """The bytes that ask for the IPv4 address of name (RFC 1035, section 4.1)."""
    ...  # your code
''',
    check=check,
    hints=(
        'The six numbers at once: `struct.pack("!6H", …)`. `!` puts the byte that counts most '
        "first.",
        '`"www.example.test".split(".")` gives the labels. The byte that says the length of a '
        "label is `bytes([len(label)])`.",
        "In front of the four bytes of type and class stands the zero byte that ends the name: "
        r"`bytes(1)`.",
    ),
    solution="""\
import struct


def dns_query(name, number):
    header = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0)
    labels = [bytes([len(label)]) + label.encode() for label in name.split(".")]
    return header + b"".join(labels) + bytes(1) + struct.pack("!2H", 1, 1)
""",
    wrong={
        "little-endian": """\
import struct


def dns_query(name, number):
    header = struct.pack("<6H", number, 0x0100, 1, 0, 0, 0)
    labels = [bytes([len(label)]) + label.encode() for label in name.split(".")]
    return header + b"".join(labels) + b"\\0" + struct.pack("!2H", 1, 1)
""",
        "the name with its dots": """\
import struct


def dns_query(name, number):
    header = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0)
    return header + name.encode() + b"\\0" + struct.pack("!2H", 1, 1)
""",
        "the name does not end": """\
import struct


def dns_query(name, number):
    header = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0)
    labels = [bytes([len(label)]) + label.encode() for label in name.split(".")]
    return header + b"".join(labels) + struct.pack("!2H", 1, 1)
""",
        "does not count its question": """\
import struct


def dns_query(name, number):
    header = struct.pack("!6H", number, 0x0100, 0, 0, 0, 0)
    labels = [bytes([len(label)]) + label.encode() for label in name.split(".")]
    return header + b"".join(labels) + b"\\0" + struct.pack("!2H", 1, 1)
""",
        "no type and no class": """\
import struct


def dns_query(name, number):
    header = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0)
    labels = [bytes([len(label)]) + label.encode() for label in name.split(".")]
    return header + b"".join(labels) + b"\\0"
""",
        "one length for the whole name": """\
import struct


def dns_query(name, number):
    header = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0)
    whole = name.replace(".", "").encode()
    return header + bytes([len(whole)]) + whole + b"\\0" + struct.pack("!2H", 1, 1)
""",
    },
)
