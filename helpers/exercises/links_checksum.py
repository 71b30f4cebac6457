"""The Internet checksum (RFC 1071), as in the headers of IPv4, ICMP, UDP and TCP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Finding, call, called, smallest_finding
from . import Exercise

# A header that a private host has sent, checksum and all; and a sum that carries twice.
HEADER = bytes.fromhex("450000210b8e40004011185c0a0000010a000305")
CASES = (
    bytes.fromhex("0001"),
    bytes.fromhex("00010203"),
    bytes.fromhex("ffff0001"),
    HEADER[:10] + bytes(2) + HEADER[12:],
    bytes.fromhex("ffffffff0001ffff"),
    bytes.fromhex("ffffffff"),
    bytes.fromhex("010203"),
)


def total(data: bytes) -> int:
    padded = data + bytes(len(data) % 2)
    return sum(int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2))


def right(data: bytes) -> int:
    """The checksum, by another way than the solution's: arithmetic modulo 65,535."""
    whole = total(data)
    folded = whole % 0xFFFF
    return 0xFFFF - (0xFFFF if whole and not folded else folded)


def examine(checksum: Callable[[bytes], Any], data: bytes) -> Finding | None:
    shown = f'checksum(bytes.fromhex("{data.hex(" ", 2)}"))' if len(data) <= 40 else ""
    shown = shown or called(checksum, data)
    expected, got = right(data), call(checksum, data, shown=shown)
    if got == expected and not isinstance(got, bool):
        return None
    return Finding(wrong(data, expected, got), shown, expected=written(expected), got=written(got))


def written(value: object) -> object:
    return f"0x{value:04x}" if isinstance(value, int) and value >= 0 else value


def wrong(data: bytes, expected: int, got: object) -> str:
    if not isinstance(got, int):
        return f"The checksum must be a number from 0 to 65,535, not {type(got).__name__}."
    whole = total(data)
    once = (whole & 0xFFFF) + (whole >> 16)
    if got == 0xFFFF - expected and expected != got:
        return "The sum is right. Its complement is missing: turn over each of its 16 bits."
    if got == ~once or got == ~(0xFFFF - expected):
        return (
            "In Python ~ gives a negative number. Keep the lower 16 bits, or subtract from 0xffff."
        )
    if whole > 0xFFFF and got in (~whole & 0xFFFF, whole & 0xFFFF):
        return (
            f"The sum of the words is 0x{whole:x}, more than 16 bits hold. What is above them is "
            "not thrown away: it is added below."
        )
    if once > 0xFFFF and got in (~once & 0xFFFF, 0xFFFF - once):
        return (
            f"The sum of the words is 0x{whole:x}. Once folded it is 0x{once:x}, still more than "
            "16 bits: fold until nothing is left above them."
        )
    if got == int.from_bytes(expected.to_bytes(2, "big"), "little"):
        return "The two bytes are swapped: in each word, the byte that comes first counts more."
    if len(data) % 2:
        if got == right(data[:-1]):
            return "The last byte was left out. An odd one gets a zero byte behind it."
        if got == right(data[:-1] + b"\0" + data[-1:]):
            return (
                "The last byte stands alone: put the zero byte behind it, not in front of it. "
                "It is the upper half of its word."
            )
    if not 0 <= got <= 0xFFFF:
        return f"The checksum has 16 bits: from 0 to 65,535. {got:,} does not fit."
    return f"The words of two bytes sum up to 0x{whole:x}; folded and turned over, that is another."


def check(checksum: Callable[[bytes], Any]) -> Finding | None:
    from hypothesis import strategies as st

    for case in CASES:
        if found := examine(checksum, case):
            return found
    return smallest_finding(st.binary(min_size=1, max_size=2000), lambda d: examine(checksum, d))


EXERCISE = Exercise(
    key="02-checksum",
    name="checksum",
    statement="""\
Write `checksum(data)`, the Internet checksum of the bytes `data` as a number from 0 to 65,535
(RFC 1071, sections 1 and 2):

1. take the bytes two by two, as numbers in network byte order; if one byte is left at the end, a
   zero byte goes behind it;
2. add them all;
3. as long as the sum needs more than 16 bits, add what is above the lower 16 to the lower 16;
4. turn over each of the 16 bits.
""",
    starter='''\
def checksum(data):
    """The Internet checksum of these bytes: a number of 16 bits."""
    ...  # your code
''',
    check=check,
    hints=(
        '`int.from_bytes(data[at : at + 2], "big")` is the word that begins at the byte `at`.',
        "`total >> 16` is what is above the lower 16 bits, `total & 0xffff` is these bits. Their "
        "sum may again be more than 16 bits: use `while`, not `if`.",
        "`~total` turns over all bits of a Python number, of which there is no last. "
        "`0xffff - total` turns over 16.",
    ),
    solution="""\
def checksum(data):
    if len(data) % 2:
        data += bytes(1)
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total
""",
    wrong={
        "throws the carry away": """\
def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    return ~total & 0xFFFF
""",
        "folds once": """\
def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
""",
        "no complement": """\
def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total
""",
        "a negative number": """\
def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total
""",
        "little-endian": """\
def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total
""",
        "the odd byte counts as a small number": """\
def checksum(data):
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total
""",
        "adds bytes": """\
def checksum(data):
    return 0xFFFF - sum(data) % 0xFFFF
""",
    },
)
