"""Write an IPv6 address in the one recommended way (RFC 5952, section 4)."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Any

from ..findings import Finding, call
from . import Exercise

Groups = tuple[int, ...]
CASES: tuple[Groups, ...] = (
    (1, 2, 3, 4, 5, 6, 7, 8),
    (0x2001, 0xDB8, 1, 2, 3, 4, 0xAB, 0xCDEF),
    (0xFD00, 0, 0, 0, 0, 0, 0, 2),
    (0, 0, 0, 0, 0, 0, 0, 1),
    (0x2001, 0xDB8, 0, 0, 0, 0, 0, 0),
    (0, 0, 0, 0, 0, 0, 0, 0),
    (0x2001, 0xDB8, 0, 1, 1, 1, 1, 1),
    (0x2001, 0, 0, 1, 0, 0, 0, 1),
    (0x2001, 0, 0, 0, 1, 0, 0, 1),
    (0x2001, 0xDB8, 0, 0, 1, 0, 0, 1),
    (0, 1, 0, 1, 0, 1, 0, 1),
    (0x2001, 0xDB8, 0x1000, 0x10, 0x100, 0, 0, 0x20),
)


def packed(groups: Groups) -> bytes:
    return b"".join(group.to_bytes(2, "big") for group in groups)


def examine(compress: Callable[[bytes], Any], groups: Groups) -> Finding | None:
    data = packed(groups)
    expected = str(IPv6Address(data))
    written = ":".join(f"{group:04x}" for group in groups)
    shown = f"compress_ipv6(bytes.fromhex({data.hex(' ', 2)!r}))"
    got = call(compress, data, shown=shown)
    if got == expected:
        return None
    message = wrong(data, expected, got) + f" In full the address is {written}."
    return Finding(message, shown, expected=expected, got=got)


def wrong(data: bytes, expected: str, got: object) -> str:
    if not isinstance(got, str):
        return f"compress_ipv6 returns text, not {type(got).__name__}."
    if got.count("::") > 1:
        return "There may be only one ::, or nobody knows how many zeros belong to which."
    try:
        same = IPv6Address(got).packed == data
    except ValueError:
        return "What you wrote is no IPv6 address, or not one that can be read."
    if not same:
        return f"What you wrote is another address: {IPv6Address(got).exploded}."
    return "The address is right, but RFC 5952 writes it differently. " + style(expected, got)


def style(expected: str, got: str) -> str:
    if got != got.lower():
        return "Section 4.3: digits a to f are small letters."
    if any(len(group) > 1 and group.startswith("0") for group in got.split(":")):
        return "Section 4.1: no zeros at the beginning of a group."
    if "::" in got and "::" not in expected:
        return "Section 4.2.2: a single group of zeros is written 0, not ::."
    if "::" in expected and "::" not in got:
        return "Section 4.2.1: two groups of zeros or more must be shortened to ::."
    if got.count(":") > expected.count(":"):
        return "Sections 4.2.1 and 4.2.3: :: stands for the longest row of zeros, all of it."
    return "Section 4.2.3: of two rows of zeros that are equally long, the first becomes ::."


def check(compress: Callable[[bytes], Any]) -> Finding | None:
    return next((found for case in CASES if (found := examine(compress, case))), None)


EXERCISE = Exercise(
    key="11-compress",
    name="compress_ipv6",
    statement="""\
Write `compress_ipv6(data)`: it turns 16 bytes into text, as
[RFC 5952](https://www.rfc-editor.org/rfc/rfc5952), section 4, asks:

- eight groups of hexadecimal digits, small letters, without zeros at their beginning;
- the longest row of two or more groups of zeros becomes `::`, the first of them if two are equally
  long;
- a single group of zeros stays `0`.

(Without `ipaddress` and `socket.inet_ntop`.)
""",
    starter='''\
def compress_ipv6(data):
    """The text of an IPv6 address: compress_ipv6(bytes(16)) is "::"."""
    ...  # your code
''',
    check=check,
    hints=(
        'The groups: `f"{int.from_bytes(data[at : at + 2], "big"):x}"` for at in 0, 2, 4, …',
        "Try row lengths from 8 down to 2, and for each the starts from the left. The first row "
        "that is all zeros is the one.",
        '`":".join(before) + "::" + ":".join(after)` is right in all cases, also where one '
        "side, or both, are empty.",
    ),
    solution="""\
def compress_ipv6(data):
    groups = [f"{int.from_bytes(data[at : at + 2], 'big'):x}" for at in range(0, 16, 2)]
    for length in range(8, 1, -1):
        for start in range(9 - length):
            if groups[start : start + length] == ["0"] * length:
                before, after = groups[:start], groups[start + length :]
                return ":".join(before) + "::" + ":".join(after)
    return ":".join(groups)
""",
    wrong={
        "keeps zeros at the beginning": """\
def compress_ipv6(data):
    text = data.hex()
    return ":".join(text[at : at + 4] for at in range(0, 32, 4))
""",
        "no ::": """\
def compress_ipv6(data):
    return ":".join(f"{int.from_bytes(data[at : at + 2], 'big'):x}" for at in range(0, 16, 2))
""",
        "also a single zero": """\
def compress_ipv6(data):
    groups = [f"{int.from_bytes(data[at : at + 2], 'big'):x}" for at in range(0, 16, 2)]
    for length in range(8, 0, -1):
        for start in range(9 - length):
            if groups[start : start + length] == ["0"] * length:
                return ":".join(groups[:start]) + "::" + ":".join(groups[start + length :])
    return ":".join(groups)
""",
        "the last of two rows": """\
def compress_ipv6(data):
    groups = [f"{int.from_bytes(data[at : at + 2], 'big'):x}" for at in range(0, 16, 2)]
    for length in range(8, 1, -1):
        for start in reversed(range(9 - length)):
            if groups[start : start + length] == ["0"] * length:
                return ":".join(groups[:start]) + "::" + ":".join(groups[start + length :])
    return ":".join(groups)
""",
        "the first row, however short": """\
import re


def compress_ipv6(data):
    text = ":".join(f"{int.from_bytes(data[at : at + 2], 'big'):x}" for at in range(0, 16, 2))
    return re.sub(r"(^|:)0(:0)+(:|$)", "::", text, count=1)
""",
        "capital letters": """\
import ipaddress


def compress_ipv6(data):
    return str(ipaddress.IPv6Address(data)).upper()
""",
    },
)
