"""The head of an HTTP request: complete or not, well-formed or not, and what comes after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Finding, call
from . import Exercise, changed

GET = b"GET /a?b=c HTTP/1.1\r\nHost: x.example\r\n\r\n"
MANY = b"POST / HTTP/1.1\r\nHost: x\r\nACCEPT:text/html\r\nX-Time:  12:30 \r\n\r\n"
TWICE = b"GET / HTTP/1.1\r\nHost: x\r\nAccept: a\r\naccept: b\r\n\r\n"
GOOD: tuple[tuple[str, bytes, tuple[Any, ...]], ...] = (
    (
        "The first line has the method and the target; the fields have names in lower case.",
        GET,
        ("GET", "/a?b=c", {"host": "x.example"}, b""),
    ),
    (
        "Names of fields are the same in upper and lower case; spaces and tabs around a value do "
        "not belong to it; a value may contain colons.",
        MANY,
        ("POST", "/", {"host": "x", "accept": "text/html", "x-time": "12:30"}, b""),
    ),
    (
        "What follows the empty line is not the head, and need not be text.",
        GET + b"\xff\r\n\r\nmore: bytes",
        ("GET", "/a?b=c", {"host": "x.example"}, b"\xff\r\n\r\nmore: bytes"),
    ),
    (
        "A field that comes twice is one list (RFC 9110, section 5.3).",
        TWICE,
        ("GET", "/", {"host": "x", "accept": "a, b"}, b""),
    ),
)
BAD: tuple[tuple[str, bytes], ...] = (
    ("The first line has two parts: no version.", b"GET /\r\nHost: x\r\n\r\n"),
    ("The first line has four parts.", b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("The version is not HTTP/1 and a digit.", b"GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
    ("A field line has no colon.", b"GET / HTTP/1.1\r\nHost x\r\n\r\n"),
    ("A field has no name.", b"GET / HTTP/1.1\r\n: x\r\n\r\n"),
    (
        "There is a space between a name and its colon. Programs that disagree about such a line "
        "can be played off against each other, so it has to be refused (RFC 9112, section 5.1).",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\n",
    ),
    (
        "A line begins with a space: a continued line of old, which is refused (RFC 9112, "
        "section 5.2).",
        b"GET / HTTP/1.1\r\nHost: x\r\n continued: y\r\n\r\n",
    ),
)


def examine_part(parse_head: Callable[..., Any], data: bytes) -> Finding | None:
    got = call(parse_head, data)
    if got is None:
        return None
    return Finding(
        f"Only {len(data)} bytes have come, and the empty line that ends the head (CR LF CR LF) "
        "is not yet complete. Return None: the rest may still come.",
        call=f"parse_head({data!r})",
        expected=None,
        got=got,
    )


def examine(
    parse_head: Callable[..., Any], why: str, data: bytes, wanted: tuple[Any, ...]
) -> Finding | None:
    shown = f"parse_head({data!r})"
    got = call(parse_head, data, shown=shown)
    if got == wanted:
        return None
    if not isinstance(got, tuple) or len(got) != 4:
        message = "It has to return a tuple of four: method, target, fields and rest."
    else:
        names = ("method", "target", "fields", "rest")
        places = [name for name, a, b in zip(names, got, wanted, strict=True) if a != b]
        message = f"Not right: {', '.join(places)}. {why}"
    return Finding(message.strip(), shown, expected=wanted, got=got)


def examine_bad(parse_head: Callable[..., Any], why: str, data: bytes) -> Finding | None:
    def attempt(data: bytes) -> Any:
        try:
            return parse_head(data)
        except ValueError:
            return ValueError

    shown = f"parse_head({data!r})"
    got = call(attempt, data, shown=shown)
    if got is ValueError:
        return None
    return Finding(
        f"{why} That has to raise ValueError.", shown, expected="ValueError", got=repr(got)
    )


def check(parse_head: Callable[..., Any]) -> Finding | None:
    parts = (examine_part(parse_head, GET[:end]) for end in (0, 3, 19, len(GET) - 2, len(GET) - 1))
    cut = next((found for found in parts if found), None)
    good = (examine(parse_head, *case) for case in GOOD)
    bad = (examine_bad(parse_head, *case) for case in BAD)
    return (
        examine(parse_head, *GOOD[0])
        or cut
        or next((found for found in good if found), None)
        or next((found for found in bad if found), None)
    )


SOLUTION = """\
def parse_head(data):
    head, end, rest = data.partition(b"\\r\\n\\r\\n")
    if not end:
        return None
    first, *lines = head.decode("latin-1").split("\\r\\n")
    method, target, version = first.split(" ")
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise ValueError(f"not HTTP/1: {version}")
    fields = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or " " in name or "\\t" in name:
            raise ValueError(f"not a field: {line}")
        name, value = name.lower(), value.strip(" \\t")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return method, target, fields, rest
"""

EXERCISE = Exercise(
    key="12-head",
    name="parse_head",
    statement="""\
Write `parse_head(data)`. `data` is all that has come from a client so far. Return None as long as
the head is not complete. Then return `(method, target, fields, rest)`: two texts; a dictionary of
the fields, with names in lower case and without the spaces around their values; and the bytes after
the empty line. If a field comes again, join its values with `", "`. Raise `ValueError` if the first
line does not consist of three parts with one space between them, if the version is neither
`HTTP/1.0` nor `HTTP/1.1`, or if a field line has no colon, an empty name, or a space or tab in its
name.
""",
    starter='''\
def parse_head(data):
    """(method, target, fields, rest), or None as long as the head is not complete."""
    ...  # your code
''',
    check=check,
    hints=(
        "First find the end of the head: `data.partition(b'\\r\\n\\r\\n')`. Work on bytes until "
        "you have it; what comes after may be no text at all.",
        "`a, b, c = text.split(' ')` raises ValueError by itself if there are not exactly three "
        "parts. `split()` without an argument would accept several spaces.",
        "For a field: `name, colon, value = line.partition(':')`. Look at `colon` and `name` "
        "before you strip anything: a space in the name is the error that you look for.",
    ),
    solution=SOLUTION,
    wrong={
        "takes an unfinished head": changed(
            SOLUTION, ("    if not end:\n        return None\n", "")
        ),
        "splits at every colon": changed(
            SOLUTION,
            ('name, colon, value = line.partition(":")', 'name, value, *_ = line.split(":")'),
            ("not colon or ", ""),
        ),
        "keeps the case of names": changed(SOLUTION, ("name.lower()", "name")),
        "strips the name": changed(
            SOLUTION,
            ("        if not colon", "        name = name.strip()\n        if not colon"),
        ),
        "the last field wins": changed(
            SOLUTION, ('f"{fields[name]}, {value}" if name in fields else value', "value")
        ),
        "decodes all": changed(
            SOLUTION,
            (
                '    head, end, rest = data.partition(b"\\r\\n\\r\\n")\n',
                '    head, end, rest = data.decode().partition("\\r\\n\\r\\n")\n',
            ),
            ('head.decode("latin-1")', "head"),
        ),
        "any version": changed(
            SOLUTION,
            (
                '    if version not in ("HTTP/1.0", "HTTP/1.1"):\n'
                '        raise ValueError(f"not HTTP/1: {version}")\n',
                "",
            ),
        ),
    },
)
