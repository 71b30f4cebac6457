"""A name in a DNS message, with compression pointers; a loop of them must not hang (RFC 9267)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Failed, Finding, call
from . import Exercise

HEADER = bytes.fromhex("1234 8180 0001 0001 0000 0000")
LOOP_SECONDS = 1.0
PLAIN = HEADER + b"\7example\4test\0\0\1\0\1"
# What it shows, the message, where the name begins, the name, the place after it.
GOOD: tuple[tuple[str, bytes, int, str, int], ...] = (
    ("a name without any pointer", PLAIN, 12, "example.test", 26),
    ("a pointer alone", PLAIN + b"\xc0\x0c\0\1", 30, "example.test", 32),
    ("letters, then a pointer", PLAIN + b"\3www\xc0\x0c\0\1", 30, "www.example.test", 36),
    ("a pointer into the middle of a name", PLAIN + b"\4mail\xc0\x14", 30, "mail.test", 37),
    ("a pointer to a pointer", PLAIN + b"\3www\xc0\x0c\1a\xc0\x1e", 36, "a.www.example.test", 40),
    (
        "a pointer to a place beyond 255",
        HEADER + bytes(288) + b"\3far\0\1a\xc1\x2c",
        305,
        "a.far",
        309,
    ),
)
LOOPS: tuple[tuple[str, bytes, int], ...] = (
    ("a pointer to itself", HEADER + b"\xc0\x0c", 12),
    ("two pointers to each other", HEADER + b"\xc0\x0e\xc0\x0c", 12),
    ("a label and a pointer back to it", HEADER + b"\1a\xc0\x0c", 12),
)


def examine(
    read_name: Callable[[bytes, int], Any],
    what: str,
    message: bytes,
    place: int,
    name: str,
    end: int,
) -> Finding | None:
    shown = f"read_name(message, {place}), message[{place}:] being {message[place:]!r}"
    words = f"{what[0].upper()}{what[1:]}. "
    try:
        got = call(read_name, message, place, shown=shown)
    except Failed as failed:
        return Finding(words + failed.finding.message, shown, expected=(name, end))
    if got == (name, end):
        return None
    if not isinstance(got, tuple) or len(got) != 2:
        words += "A tuple of two is wanted: the name, and the place after it."
    elif got[0] != name:
        words += "The name is wrong." + hint_at(got[0], name)
    elif "pointer" in what and "without" not in what:
        words += (
            f"The name is right; the place after it is not. A pointer takes two bytes and ends "
            f"the name, so the message goes on at byte {end}, wherever the pointer led."
        )
    else:
        words += f"The zero byte belongs to the name: the message goes on at byte {end}."
    return Finding(words, shown, expected=(name, end), got=got)


def hint_at(got: object, name: str) -> str:
    if not isinstance(got, str):
        return f" It must be text, not {type(got).__name__}."
    if got.strip(".") == name:
        return " Dots stand between labels only."
    if name.startswith(got):
        return " A byte of 192 or more is no length: it begins a pointer."
    return ""


def examine_loop(
    read_name: Callable[[bytes, int], Any], what: str, message: bytes, place: int
) -> Finding | None:
    shown = f"read_name(message, {place}), message[{place}:] being {message[place:]!r}"
    asked = f"{what[0].upper()}{what[1:]}: such a name has no end. Raise ValueError. "
    try:
        got = call(read_name, message, place, shown=shown, seconds=LOOP_SECONDS)
    except Failed as failed:
        if isinstance(failed.__cause__, ValueError):
            return None
        return Finding(
            asked + failed.finding.message,
            shown,
            expected="ValueError",
            got=type(failed.__cause__).__name__,
        )
    return Finding(asked + "read_name returned.", shown, expected="ValueError", got=got)


def check(read_name: Callable[[bytes, int], Any]) -> Finding | None:
    found = next((f for case in GOOD if (f := examine(read_name, *case))), None)
    return found or next((f for case in LOOPS if (f := examine_loop(read_name, *case))), None)


EXERCISE = Exercise(
    key="06-dns-name",
    name="read_name",
    statement="""\
Write `read_name(message, place)`. It reads the name that begins at byte `place` of a DNS message,
and returns the name as text with dots, and the place of the first byte after it:
`("example.test", 26)`.

- A byte from 1 to 63 is the length of a label; its letters follow.
- A zero byte ends the name.
- A byte from 192 (`0xC0`) on begins a **pointer** of two bytes: its lower 14 bits are a place in
  the message, where the rest of the name stands (RFC 1035, section 4.1.4). A pointer ends the
  name: the message goes on after these two bytes.

The message comes from a stranger. If its pointers run in a circle, raise `ValueError`.
""",
    starter='''\
def read_name(message, place):
    """The name at a place of a DNS message, and the place after it."""
    ...  # your code
''',
    check=check,
    hints=(
        "Go from label to label in a loop, and collect the labels in a list. "
        '`".".join(labels)` puts the dots between them.',
        "The 14 bits of a pointer: `(message[place] & 0x3F) * 256 + message[place + 1]`.",
        "Remember the place after the *first* pointer: that is where the message goes on. "
        "Without a pointer it is the place after the zero byte.",
        "A circle comes back to a place where it has been. So keep the places that pointers led "
        "to, and raise ValueError at the second visit.",
    ),
    solution="""\
def read_name(message, place):
    labels, after, visited = [], None, set()
    while length := message[place]:
        if length < 0xC0:
            labels.append(message[place + 1 : place + 1 + length].decode())
            place += 1 + length
            continue
        after = after or place + 2
        place = (length & 0x3F) * 256 + message[place + 1]
        if place in visited:
            raise ValueError("the pointers run in a circle")
        visited.add(place)
    return ".".join(labels), after or place + 1
""",
    wrong={
        "knows no pointers": """\
def read_name(message, place):
    labels = []
    while length := message[place]:
        labels.append(message[place + 1 : place + 1 + length].decode("latin-1"))
        place += 1 + length
    return ".".join(labels), place + 1
""",
        "goes on where the pointer led": """\
def read_name(message, place):
    labels, visited = [], set()
    while length := message[place]:
        if length < 0xC0:
            labels.append(message[place + 1 : place + 1 + length].decode())
            place += 1 + length
            continue
        place = (length & 0x3F) * 256 + message[place + 1]
        if place in visited:
            raise ValueError("circle")
        visited.add(place)
    return ".".join(labels), place + 1
""",
        "hangs in a loop": """\
def read_name(message, place):
    labels, after = [], None
    while length := message[place]:
        if length < 0xC0:
            labels.append(message[place + 1 : place + 1 + length].decode())
            place += 1 + length
            continue
        after = after or place + 2
        place = (length & 0x3F) * 256 + message[place + 1]
    return ".".join(labels), after or place + 1
""",
        "calls itself without an end": """\
def read_name(message, place):
    length = message[place]
    if length == 0:
        return "", place + 1
    if length >= 0xC0:
        return read_name(message, (length & 0x3F) * 256 + message[place + 1])[0], place + 2
    label = message[place + 1 : place + 1 + length].decode()
    rest, after = read_name(message, place + 1 + length)
    return label + ("." if rest else "") + rest, after
""",
        "takes one byte for the pointer": """\
def read_name(message, place):
    labels, after, visited = [], None, set()
    while length := message[place]:
        if length < 0xC0:
            labels.append(message[place + 1 : place + 1 + length].decode())
            place += 1 + length
            continue
        after = after or place + 2
        place = message[place + 1]
        if place in visited:
            raise ValueError("circle")
        visited.add(place)
    return ".".join(labels), after or place + 1
""",
        "a dot at the end": """\
def read_name(message, place):
    name = ""
    while length := message[place]:
        name += message[place + 1 : place + 1 + length].decode("latin-1") + "."
        place += 1 + length
    return name, place + 1
""",
        "allows one pointer only": """\
def read_name(message, place):
    labels, after = [], None
    while length := message[place]:
        if length < 0xC0:
            labels.append(message[place + 1 : place + 1 + length].decode())
            place += 1 + length
            continue
        if after:
            raise ValueError("circle")
        after = place + 2
        place = (length & 0x3F) * 256 + message[place + 1]
    return ".".join(labels), after or place + 1
""",
    },
)
