"""Read an IPv6 address as people write it (RFC 4291, section 2.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Finding, call, called
from . import Exercise

GOOD = {
    "1:2:3:4:5:6:7:8": (1, 2, 3, 4, 5, 6, 7, 8),
    "2001:db8:0:0:0:0:0:1": (0x2001, 0xDB8, 0, 0, 0, 0, 0, 1),
    "2001:0DB8:0000:0000:0000:0000:00aB:000f": (0x2001, 0xDB8, 0, 0, 0, 0, 0xAB, 0xF),
    "fd00::2": (0xFD00, 0, 0, 0, 0, 0, 0, 2),
    "fe80::ff:fe00:1": (0xFE80, 0, 0, 0, 0, 0xFF, 0xFE00, 1),
    "2001:db8:0:0:1::": (0x2001, 0xDB8, 0, 0, 1, 0, 0, 0),
    "::1": (0, 0, 0, 0, 0, 0, 0, 1),
    "::": (0, 0, 0, 0, 0, 0, 0, 0),
    "1:2:3::5:6:7:8": (1, 2, 3, 0, 5, 6, 7, 8),
}
BAD = {
    "1:2:3:4:5:6:7": "It has seven groups and no ::, so one group is missing.",
    "1:2:3:4:5:6:7:8:9": "It has nine groups; there are eight.",
    "1::2::3": "It has :: twice: nobody could say how many zeros belong to which.",
    "1:2:3:4::5:6:7:8": "It has eight groups already, so :: has no zeros to stand for.",
    "1:2:3:4:5:6:7:12345": "Its last group has five digits; a group is 16 bits, four digits.",
    "1:2:3:4:5:6:7:g": "g is no hexadecimal digit.",
    "1:2:3:4:5:6:7:+8": "A sign is no hexadecimal digit, even if int() accepts it.",
    ":1:2:3:4:5:6:7": "It begins with one colon: a group is empty.",
    "1:::2": "It has three colons in a row.",
    "": "It is empty.",
}
ACCEPTS_AND_MORE = "Any other text is no address: raise ValueError."


def examine(parse: Callable[[str], Any], text: str, groups: tuple[int, ...]) -> Finding | None:
    expected = b"".join(group.to_bytes(2, "big") for group in groups)
    got = call(parse, text)
    if got == expected and isinstance(got, bytes):
        return None
    return Finding(wrong(expected, got), called(parse, text), expected=expected, got=got)


def wrong(expected: bytes, got: object) -> str:
    if not isinstance(got, bytes):
        return f"parse_ipv6 returns bytes, not {type(got).__name__}."
    if len(got) != 16:
        return f"An IPv6 address has 16 bytes; yours has {len(got)}."
    place = next(at for at in range(16) if got[at] != expected[at])
    message = f"Byte {place}, in group {place // 2 + 1} of 8, must be {expected[place]:02x}."
    swapped = b"".join(got[at : at + 2][::-1] for at in range(0, 16, 2))
    if swapped == expected:
        message += " The byte that counts most must come first in each group."
    elif sorted(got) == sorted(expected):
        message += " The zeros that :: stands for must go where the :: is."
    return message


def examine_bad(parse: Callable[[str], Any], text: str, why: str) -> Finding | None:
    shown = called(parse, text)
    try:
        got = parse(text)
    except ValueError:
        return None
    except Exception as error:
        got = error
    message = f"This is no IPv6 address. {why} {ACCEPTS_AND_MORE}"
    return Finding(message, shown, expected="ValueError, raised", got=got)


def check(parse: Callable[[str], Any]) -> Finding | None:
    for text, groups in GOOD.items():
        if wrong_bytes := examine(parse, text, groups):
            return wrong_bytes
    for text, why in BAD.items():
        # In `call`, for its time limit: it returns what the inner one found.
        found: Finding | None = call(examine_bad, parse, text, why, shown=called(parse, text))
        if found:
            return found
    return None


EXERCISE = Exercise(
    key="11-parse",
    name="parse_ipv6",
    statement="""\
Write `parse_ipv6(text)`: it turns the text of an IPv6 address into its 16 bytes. There are eight
groups of one to four hexadecimal digits, in either case; once, `::` may stand for one group of
zeros or more. Zones and the form that ends in an IPv4 address are left out. What is no
address raises `ValueError`. (Without `ipaddress` and `socket.inet_pton`: this is what they do.)
""",
    starter='''\
def parse_ipv6(text):
    """The 16 bytes of an IPv6 address: parse_ipv6("::1") is fifteen zeros and a one."""
    ...  # your code
''',
    check=check,
    hints=(
        'First cut at "::" (`text.split("::")`): one part means that there was none, two that '
        "there was one, more is an error.",
        'Cut each part at ":". An empty part has no groups; `"".split(":")` gives one, so ask '
        "first. With ::, put 8 - (groups on the left) - (groups on the right) zeros between; at "
        "least one.",
        "`int(group, 16)` is too kind: it also takes `+8`, ` 8 ` and `0x8`. Look at the length "
        "of each group and at each of its characters (`string.hexdigits`). "
        '`number.to_bytes(2, "big")` makes the two bytes.',
    ),
    solution="""\
import string


def parse_ipv6(text):
    def groups(part):
        return part.split(":") if part else []

    left, *rest = text.split("::")
    found = groups(left)
    if len(rest) > 1:
        raise ValueError("more than one ::")
    if rest:
        right = groups(rest[0])
        zeros = 8 - len(found) - len(right)
        if zeros < 1:
            raise ValueError("too many groups")
        found = found + ["0"] * zeros + right
    if len(found) != 8:
        raise ValueError("an address has eight groups")
    for group in found:
        if not 1 <= len(group) <= 4 or not set(group) <= set(string.hexdigits):
            raise ValueError(f"{group!r} is no group")
    return b"".join(int(group, 16).to_bytes(2, "big") for group in found)
""",
    wrong={
        "zeros at the end": """\
def parse_ipv6(text):
    found = [int(group or "0", 16) for group in text.replace("::", ":").split(":") if group]
    found += [0] * (8 - len(found))
    if len(found) != 8:
        raise ValueError(text)
    return b"".join(group.to_bytes(2, "big") for group in found)
""",
        "little-endian": """\
def parse_ipv6(text):
    left, _, right = text.partition("::")
    before = [int(group, 16) for group in left.split(":") if group]
    after = [int(group, 16) for group in right.split(":") if group]
    found = before + [0] * (8 - len(before) - len(after)) + after
    return b"".join(group.to_bytes(2, "little") for group in found)
""",
        "accepts what is no address": """\
def parse_ipv6(text):
    left, _, right = text.partition("::")
    before = [int(group, 16) for group in left.split(":") if group]
    after = [int(group, 16) for group in right.split(":") if group]
    found = before + [0] * (8 - len(before) - len(after)) + after
    return b"".join(group.to_bytes(2, "big") for group in found)
""",
        "int is too kind": """\
def parse_ipv6(text):
    def groups(part):
        return part.split(":") if part else []
    parts = text.split("::")
    if len(parts) > 2:
        raise ValueError(text)
    found = groups(parts[0])
    if len(parts) == 2:
        right = groups(parts[1])
        zeros = 8 - len(found) - len(right)
        if zeros < 1:
            raise ValueError(text)
        found += ["0"] * zeros + right
    if len(found) != 8 or any(len(group) > 4 for group in found):
        raise ValueError(text)
    return b"".join(int(group, 16).to_bytes(2, "big") for group in found)
""",
        "text": """\
def parse_ipv6(text):
    return text.replace(":", "").zfill(32)
""",
    },
)
