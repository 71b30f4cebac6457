"""The server's name in a ClientHello; no length in it may be believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Failed, Finding, call, smallest_finding
from . import Exercise, changed


def vector(size: int, data: bytes) -> bytes:
    return len(data).to_bytes(size, "big") + data


def extension(kind: int, data: bytes) -> bytes:
    return kind.to_bytes(2, "big") + vector(2, data)


def named(name: str) -> bytes:
    """The extension that asks for a name."""
    return extension(0, vector(2, b"\0" + vector(2, name.encode())))


def hello(extensions: bytes, *, session: int = 32, suites: int = 3) -> bytes:
    """A ClientHello message, with its type and its length."""
    body = b"\3\3" + bytes(range(32)) + vector(1, bytes(session))
    body += vector(2, b"\x13\1" * suites) + b"\1\0" + vector(2, extensions)
    return b"\1" + vector(3, body)


OTHER = extension(43, b"\2\3\4")
LOOKS_ALIKE = extension(35, named("evil.test"))  # inside another extension: not the name
GOOD: tuple[tuple[str, bytes, str | None], ...] = (
    ("The name is the only extension.", hello(named("shop.test")), "shop.test"),
    ("Another extension comes first.", hello(OTHER + named("shop.test")), "shop.test"),
    ("Another comes behind.", hello(named("a.test") + OTHER), "a.test"),
    ("The session ID is empty.", hello(named("shop.test"), session=0), "shop.test"),
    ("Many cipher suites are offered.", hello(named("shop.test"), suites=200), "shop.test"),
    ("No name is asked for: then None is wanted.", hello(OTHER), None),
    ("There is no extension at all.", hello(b""), None),
    (
        "What looks like the name is only the content of a ticket.",
        hello(LOOKS_ALIKE + named("shop.test")),
        "shop.test",
    ),
)


def lying(at_name: int) -> bytes:
    """A message that is whole, but in which one length is too large."""
    extensions = bytearray(named("shop.test") + OTHER)
    extensions[at_name] = 200
    return hello(bytes(extensions))


LYING = (
    ("The extension's length leads beyond the end of the message.", lying(3)),
    ("The name's length leads beyond the end of the message.", lying(8)),
)


def examine(
    server_name: Callable[[bytes], Any], what: str, message: bytes, wanted: str | None
) -> Finding | None:
    shown = f"server_name({message[:8]!r}… {len(message)} bytes)"
    try:
        got = call(server_name, message, shown=shown)
    except Failed as failed:
        text = f"{what} {failed.finding.message}"
        return Finding(f"In server_name: {text}", shown, expected=wanted, got="an exception")
    if got == wanted and type(got) is type(wanted):
        return None
    more = ""
    if isinstance(got, bytes) and got.decode("latin-1") == wanted:
        more = " The bytes are right: decode them."
    elif isinstance(got, str) and wanted and wanted in got:
        more = " The name is in it, with something around it: which of the three lengths is its?"
    elif got == "evil.test":
        more = " Go from extension to extension by their lengths; do not search for bytes."
    return Finding(f"{what}{more}", shown, expected=wanted, got=got)


def examine_bad(server_name: Callable[[bytes], Any], what: str, message: bytes) -> Finding | None:
    shown = f"server_name({message[:8]!r}… {len(message)} bytes)"
    try:
        got = call(server_name, message, shown=shown)
    except Failed as failed:
        if isinstance(failed.__cause__, ValueError):
            return None
        text = f"{what} server_name must raise ValueError. {failed.finding.message}"
        return Finding(text, shown, expected="ValueError", got=type(failed.__cause__).__name__)
    text = f"{what} server_name must raise ValueError, and returned."
    return Finding(text, shown, expected="ValueError", got=got)


def check(server_name: Callable[[bytes], Any]) -> Finding | None:
    from hypothesis import strategies as st

    found = next((f for case in GOOD if (f := examine(server_name, *case))), None)
    found = found or next((f for case in LYING if (f := examine_bad(server_name, *case))), None)
    whole = hello(OTHER + named("shop.test"))

    def cut(size: int) -> Finding | None:
        what = f"The message was cut after {size} of its {len(whole)} bytes."
        return examine_bad(server_name, what, whole[:size])

    return found or smallest_finding(st.integers(0, len(whole) - 1), cut)


_SOLUTION = """\
def server_name(hello):
    at = 38  # type 1, length 3, version 2, random 32

    def number(size):
        nonlocal at
        at += size
        if at > len(hello):
            raise ValueError("cut short")
        return int.from_bytes(hello[at - size : at], "big")

    for size in (1, 2, 1):  # session ID, cipher suites, compression methods
        length = number(size)
        at += length
    end = number(2) + at
    if end > len(hello):
        raise ValueError("cut short")
    while at < end:
        kind, length = number(2), number(2)
        if at + length > end:
            raise ValueError("an extension that is too long")
        if kind == 0:
            at += 3  # length of the list, type of the name
            size = number(2)
            if at + size > end:
                raise ValueError("a name that is too long")
            return hello[at : at + size].decode()
        at += length
"""

EXERCISE = Exercise(
    key="13-sni",
    name="server_name",
    statement="""\
Write what every watcher has: `server_name(hello)`. It takes a ClientHello message, without the
header of its record, and returns the name that the client asks for, as text; or None if it names
none. Each **vector** begins with its length:

| bytes | what |
|---|---|
| 1, 3 | message type, length |
| 2, 32 | version, random |
| 1 + n | session ID |
| 2 + n | cipher suites |
| 1 + n | compression methods |
| 2 + n | extensions; each of them: type (2), length (2), data |

The data of extension 0 are: length of the list (2), type of the name (1), length of the name (2),
the name. The message comes from a stranger: where a length leads beyond the end, raise
`ValueError`.
""",
    starter='''\
def server_name(hello):
    """The name in the server_name extension of a ClientHello; None if there is none."""
    ...  # your code
''',
    check=check,
    hints=(
        "Keep a place, `at`, and move it. What is before the session ID always has 38 bytes; then "
        "come three vectors that you skip by their lengths (of 1, 2 and 1 bytes).",
        "Slices of bytes never complain: `hello[500:502]` is empty, and as a number 0. So compare "
        "each place with the end before you read there.",
        "Walk over the extensions in a loop: type, length; if the type is not 0, add the length. "
        "Within extension 0 the name's own length is at its bytes 3 and 4.",
    ),
    solution=_SOLUTION,
    wrong={
        "searches for the bytes": """\
def server_name(hello):
    at = hello.find(b"\\x00\\x00", 80)
    if at < 0:
        return None
    size = int.from_bytes(hello[at + 7 : at + 9], "big")
    return hello[at + 9 : at + 9 + size].decode()
""",
        "believes every length": """\
def server_name(hello):
    at = 38
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 1 + hello[at]
    end = at + 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 2
    while at < end and at < len(hello):
        kind = int.from_bytes(hello[at : at + 2], "big")
        length = int.from_bytes(hello[at + 2 : at + 4], "big")
        if kind == 0:
            return hello[at + 9 : at + 4 + length].decode()
        at += 4 + length
""",
        "the session ID always has 32 bytes": changed(
            _SOLUTION, ("at = 38", "at = 71"), ("(1, 2, 1)", "(2, 1)")
        ),
        "only looks at the first extension": changed(
            _SOLUTION, (".decode()\n        at += length", ".decode()\n        return None")
        ),
        "the whole extension": changed(
            _SOLUTION,
            ("at += 3  # length of the list, type of the name", "at += 0"),
            ("size = number(2)", "size = length"),
        ),
        "bytes, not text": changed(_SOLUTION, (".decode()", "")),
        "an empty text where there is no name": _SOLUTION + '    return ""\n',
    },
)
