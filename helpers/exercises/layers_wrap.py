"""Wrap a payload in a UDP header (RFC 768)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from ..findings import Finding, call, called, smallest_finding
from . import Exercise

FIELDS = ("source port", "destination port", "length", "checksum")
HEADER = 8


def examine(
    wrap: Callable[[bytes, int, int], Any], payload: bytes, source: int, destination: int
) -> Finding | None:
    numbers = (source, destination, HEADER + len(payload), 0)
    expected = struct.pack("!HHHH", *numbers) + payload
    shown = called(wrap, payload, source, destination)
    got = call(wrap, payload, source, destination, shown=shown)
    if got == expected:
        return None
    return Finding(wrong(expected, got, payload), shown, expected=expected, got=got)


def wrong(expected: bytes, got: object, payload: bytes) -> str:
    if not isinstance(got, bytes):
        return f"The datagram must be bytes, not {type(got).__name__}."
    if len(got) < HEADER:
        return f"A UDP header takes 8 bytes; the whole answer takes {len(got)}."
    for place, name in enumerate(FIELDS):
        start = 2 * place
        wanted, given = expected[start : start + 2], got[start : start + 2]
        if wanted != given:
            message = (
                f"The {name} is wrong: bytes {start} and {start + 1} must be "
                f"{wanted.hex(' ')}, and are {given.hex(' ')}."
            )
            if wanted + given == expected[:4]:
                return message + " That is the destination port."
            return message + reason(name, wanted, given, payload)
    return "The header is right. What follows it must be the payload, byte for byte."


def reason(name: str, wanted: bytes, given: bytes, payload: bytes) -> str:
    if given == wanted[::-1]:
        return " The byte that counts most must come first."
    if name == "length" and int.from_bytes(given, "big") == len(payload):
        return " The length counts the 8 bytes of the header too."
    if name == "checksum":
        return " Zero says that there is no checksum."
    return ""


def check(wrap: Callable[[bytes, int, int], Any]) -> Finding | None:
    from hypothesis import strategies as st

    port = st.integers(1, 65535)
    datagrams = st.tuples(st.binary(max_size=300), port, port)
    # First with text, so that who counts its characters learns so, and not of bad UTF-8.
    texts = st.tuples(st.text(max_size=20).map(str.encode), port, port)
    return smallest_finding(texts, lambda case: examine(wrap, *case)) or smallest_finding(
        datagrams, lambda case: examine(wrap, *case)
    )


EXERCISE = Exercise(
    key="01-wrap",
    name="wrap",
    statement="""\
Write `wrap(payload, source_port, destination_port)`: it puts a UDP header in front of the
bytes `payload` and returns both as bytes. The header is four numbers of two bytes each:
source port, destination port, length, checksum. The length counts header and payload. Let
the checksum be 0, which over IPv4 says that there is none (RFC 768; over IPv6 it is normally
not allowed: RFC 8200, section 8.1). Use `struct.pack`.
""",
    starter='''\
def wrap(payload, source_port, destination_port):
    """A UDP datagram: the header, without a checksum, and the payload."""
    ...  # your code
''',
    check=check,
    hints=(
        'In `struct.pack`, `H` is a number of two bytes, so "HHHH" is four of them.',
        "Without a sign in front, struct uses the byte order of this machine. `!` is network "
        "byte order: the byte that counts most comes first.",
        "The header takes 8 bytes. The length is that of the header and the payload together.",
    ),
    solution="""\
import struct


def wrap(payload, source_port, destination_port):
    length = 8 + len(payload)
    return struct.pack("!HHHH", source_port, destination_port, length, 0) + payload
""",
    wrong={
        "little-endian": """\
import struct


def wrap(payload, source_port, destination_port):
    return struct.pack("<HHHH", source_port, destination_port, 8 + len(payload), 0) + payload
""",
        "the length leaves out the header": """\
import struct


def wrap(payload, source_port, destination_port):
    return struct.pack("!HHHH", source_port, destination_port, len(payload), 0) + payload
""",
        "counts characters": """\
import struct


def wrap(payload, source_port, destination_port):
    length = 8 + len(payload.decode())
    return struct.pack("!HHHH", source_port, destination_port, length, 0) + payload
""",
        "ports swapped": """\
import struct


def wrap(payload, source_port, destination_port):
    length = 8 + len(payload)
    return struct.pack("!HHHH", destination_port, source_port, length, 0) + payload
""",
        "header behind": """\
import struct


def wrap(payload, source_port, destination_port):
    length = 8 + len(payload)
    return payload + struct.pack("!HHHH", source_port, destination_port, length, 0)
""",
        "no bytes": """\
def wrap(payload, source_port, destination_port):
    return f"{source_port}{destination_port}{8 + len(payload)}0{payload}"
""",
    },
)
