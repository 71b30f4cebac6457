"""Replies of SMTP and FTP: a number, a text, and perhaps more lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..findings import Finding, call
from . import Exercise, changed

Wanted = tuple[int, list[str]] | str

CASES: tuple[tuple[list[bytes], list[Wanted], str], ...] = (
    ([b"250 OK\r\n"], [(250, ["OK"])], ""),
    (
        [b"250-mail.example\r\n", b"250-SIZE 1000\r\n", b"250 HELP\r\n"],
        [(250, ["mail.example", "SIZE 1000", "HELP"])],
        "A hyphen behind the number: more lines follow. A space: this is the last one.",
    ),
    (
        [b"220 hello\r\n", b"331 password\r\n"],
        [(220, ["hello"]), (331, ["password"])],
        "Each call reads one reply, and not a line more.",
    ),
    (
        [b"211-Features:\r\n", b" UTF8\r\n", b" EPSV\r\n", b"211 End\r\n"],
        [(211, ["Features:", " UTF8", " EPSV", "End"])],
        "FTP's lines in between need not begin with the number (RFC 959, section 4.2).",
    ),
    (
        [b"214-About codes:\r\n", b"250 means OK\r\n", b"214 End\r\n"],
        [(214, ["About codes:", "250 means OK", "End"])],
        "The last line has the same number as the first; another number ends nothing.",
    ),
    (
        [b"250\r\n"],
        [(250, [""])],
        "The text may be missing, and the space with it (RFC 5321, section 4.2).",
    ),
    (
        [b"250-one\r\n", b"250\r\n"],
        [(250, ["one", ""])],
        "The last line, too, may consist of the number alone.",
    ),
    ([b"221 good-bye - and thanks\r\n"], [(221, ["good-bye - and thanks"])], ""),
    ([b"hello\r\n"], ["ValueError"], "A reply begins with three digits."),
    ([b"25\r\n"], ["ValueError"], "A reply begins with three digits."),
    ([b"250_OK\r\n"], ["ValueError"], "Behind the number comes a space, a hyphen or the end."),
    ([], ["EOFError"], "The stream ended before a reply began."),
    ([b"250-one\r\n"], ["EOFError"], "The stream ended within a reply."),
)


def replies(read_reply: Callable[..., Any], lines: Sequence[bytes], number: int) -> list[Any]:
    """So many replies, or the name of the exception."""
    coming = iter(lines)
    found: list[Any] = []
    for _ in range(number):
        try:
            found.append(read_reply(lambda: next(coming, b"")))
        except (ValueError, EOFError) as error:
            found.append(type(error).__name__)
    return found


def examine(
    read_reply: Callable[..., Any], lines: list[bytes], wanted: list[Wanted], why: str
) -> Finding | None:
    shown = f"read_reply(readline), where the lines are {lines!r}"
    if len(wanted) > 1:
        shown = f"{len(wanted)} times {shown}"
    got = call(replies, read_reply, lines, len(wanted), shown=shown)
    if got == wanted:
        return None
    if isinstance(wanted[0], str) and got != wanted:
        message = f"{why} That has to raise {wanted[0]}."
    else:
        message = f"Not the number and the list of its texts, without CR LF. {why}"
    return Finding(message.strip(), shown, expected=wanted, got=got)


def check(read_reply: Callable[..., Any]) -> Finding | None:
    return next((found for case in CASES if (found := examine(read_reply, *case))), None)


SOLUTION = """\
def read_reply(readline):
    texts, number = [], None
    while True:
        line = readline()
        if not line:
            raise EOFError("the stream ended within a reply")
        line = line.decode("latin-1").rstrip("\\r\\n")
        if number is None:
            number = line[:3]
            if len(number) < 3 or not number.isdecimal() or line[3:4] not in ("", " ", "-"):
                raise ValueError(f"not a reply: {line}")
        mine = line[:3] == number
        texts.append(line[4:] if mine and line[3:4] in ("", " ", "-") else line)
        if mine and line[3:4] in ("", " "):
            return int(number), texts
"""

EXERCISE = Exercise(
    key="12-reply",
    name="read_reply",
    statement="""\
Write `read_reply(readline)`. Each call of `readline()` gives the next line from an SMTP or FTP
server, as bytes with its CR LF; `b""` at the end of the stream. Read one reply, and return its
number and the list of its texts: `(250, ["OK"])`. If a hyphen follows the number, the reply goes on
up to the line that begins with the same number and has a space, or nothing, behind it. Lines in
between may begin with anything; if they begin with the number and a hyphen, that is left out of the
text. Raise `ValueError` if the first line does not begin with three digits and then a space, a
hyphen or its end, and `EOFError` if the stream ends before the reply does.
""",
    starter='''\
def read_reply(readline):
    """One reply of an SMTP or FTP server: its number, and the list of its texts."""
    ...  # your code
''',
    check=check,
    hints=(
        "The first line gives the number. Keep it: only that number ends the reply.",
        "`line[3:4]` is a space, a hyphen or `''`, without an IndexError for short lines.",
        "A line is the last one if it begins with the number *and* the character behind it is a "
        "space or missing. That holds for the first line, too.",
    ),
    solution=SOLUTION,
    wrong={
        "one line": """\
def read_reply(readline):
    line = readline().decode().rstrip()
    return int(line[:3]), [line[4:]]
""",
        "any number ends it": changed(
            SOLUTION, ("mine = line[:3] == number", "mine = line[:3].isdecimal()")
        ),
        "each line has the number": """\
def read_reply(readline):
    texts = []
    while True:
        line = readline().decode().rstrip("\\r\\n")
        if not line:
            raise EOFError
        if line[3:4] not in ("", " ", "-"):
            raise ValueError
        texts.append(line[4:])
        if line[3:4] != "-":
            return int(line[:3]), texts
""",
        "waits for ever": """\
def read_reply(readline):
    texts = []
    line = readline().decode().rstrip("\\r\\n")
    number = int(line[:3])
    while line[:4] != f"{number} ":
        texts.append(line[4:])
        line = readline().decode().rstrip("\\r\\n")
    return number, [*texts, line[4:]]
""",
        "reads all there is": """\
def read_reply(readline):
    lines = []
    while line := readline():
        lines.append(line.decode().rstrip("\\r\\n"))
    if not lines:
        raise EOFError
    return int(lines[0][:3]), [line[4:] for line in lines]
""",
    },
)
