"""A chunked body, decoded as it arrives, cut anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..findings import Finding, call, chunkings, smallest_finding
from . import Exercise, changed

Outcome = tuple[bytes, bool, bytes] | str


def feed_all(kind: Callable[[], Any], pieces: Sequence[bytes]) -> Outcome:
    """The body, whether it is done, and what came after it; or "ValueError"."""
    decoder = kind()
    try:
        body = b"".join([decoder.feed(piece) for piece in pieces])
    except ValueError:
        return "ValueError"
    return body, decoder.done, bytes(decoder.rest) if decoder.done else b""


def shown(pieces: Sequence[bytes]) -> str:
    return f"Dechunker(), fed {list(pieces)!r}"


def examine(
    kind: Callable[[], Any], pieces: Sequence[bytes], wanted: Outcome, why: str
) -> Finding | None:
    told = shown(pieces)
    got = call(feed_all, kind, pieces, shown=told)
    if got == wanted:
        return None
    if wanted == "ValueError":
        return Finding(f"{why} That has to raise ValueError.", told, expected=wanted, got=got)
    if got == "ValueError":
        return Finding(f"It raised ValueError, but all is well. {why}", told, wanted, got)
    names = ("the body", "done", "rest")
    places = [name for name, a, b in zip(names, got, wanted, strict=True) if a != b]
    message = f"Not right: {' and '.join(places)} (shown are body, done and rest). {why}"
    return Finding(message, told, expected=wanted, got=got)


WHOLE = b"5\r\nhello\r\nb\r\n\r\nin a body\r\n0\r\nA: b\r\n\r\n"
BODY = b"hello\r\nin a body"
CASES: tuple[tuple[bytes, Outcome, str], ...] = (
    (b"5\r\nhello\r\n0\r\n\r\n", (b"hello", True, b""), ""),
    (
        b"a\r\n0123456789\r\n0\r\n\r\n",
        (b"0123456789", True, b""),
        "The size is written in hexadecimal.",
    ),
    (
        b"5\r\na\r\nbc\r\n0\r\n\r\n",
        (b"a\r\nbc", True, b""),
        "A chunk may contain anything, CR LF too: its end is known from its size alone.",
    ),
    (
        b"5;name=value\r\nhello\r\n0\r\n\r\n",
        (b"hello", True, b""),
        "After the size may come an extension, behind a semicolon. Who does not know it ignores "
        "it (RFC 9112, section 7.1.1).",
    ),
    (
        b"5\r\nhello\r\n0\r\nDigest: x\r\nA: b\r\n\r\n",
        (b"hello", True, b""),
        "Behind the last chunk may come fields, the trailer section, up to an empty line (RFC "
        "9112, section 7.1.2). They are no part of the body.",
    ),
    (
        b"1\r\na\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n",
        (b"a", True, b"HTTP/1.1 200 OK\r\n"),
        "What follows belongs to the next message: keep it in rest.",
    ),
    (b"5\r\nhello\r\n0\r\n", (b"hello", False, b""), "The last empty line is still missing."),
    (
        b"5\r\nhel",
        (b"hel", False, b""),
        "What is known to be body is returned at once: a chunk may be a gigabyte.",
    ),
)
BAD: tuple[tuple[bytes, str], ...] = (
    (b"x\r\nhello\r\n", "The size is no number."),
    (b"\r\nhello\r\n", "The size is missing."),
    (b"4\r\nhello\r\n", "After the 4 bytes of the chunk comes 'o', not CR LF."),
    (
        b"-1\r\nhello\r\n",
        "A size has hexadecimal digits and nothing else; int() also takes a sign.",
    ),
    (
        b"0x5\r\nhello\r\n",
        "A size has hexadecimal digits and nothing else; int() also takes 0x, + and _. Programs "
        "that read different sizes can be played off against each other.",
    ),
)


def check(kind: Callable[[], Any]) -> Finding | None:
    plain = (examine(kind, [data], wanted, why) for data, wanted, why in CASES[:-2])
    found = next((each for each in plain if each), None)
    cut = "The stream may be cut anywhere: within a size, within CR LF, within a chunk."
    return (
        found
        or smallest_finding(chunkings(WHOLE), lambda p: examine(kind, p, (BODY, True, b""), cut))
        or next(
            (each for data, w, why in CASES[-2:] if (each := examine(kind, [data], w, why))), None
        )
        or next((each for d, why in BAD if (each := examine(kind, [d], "ValueError", why))), None)
    )


SOLUTION = """\
class Dechunker:
    def __init__(self):
        self.rest, self.left, self.done = b"", 0, False
        self.state = "size"

    def feed(self, data):
        self.rest += data
        body = b""
        while not self.done:
            if self.state == "chunk":
                part, self.rest = self.rest[:self.left], self.rest[self.left:]
                body, self.left = body + part, self.left - len(part)
                if self.left:
                    return body
                self.state = "end of chunk"
            line, end, rest = self.rest.partition(b"\\r\\n")
            if self.state == "end of chunk" and not b"\\r\\n".startswith(self.rest[:2]):
                raise ValueError("the chunk is longer than its size")
            if not end:
                if len(self.rest) > 8192:
                    raise ValueError("a line without an end")
                return body
            self.rest = rest
            if self.state == "end of chunk":
                self.state = "size"
            elif self.state == "trailer":
                self.done = not line
            else:
                size = line.partition(b";")[0]
                if not size or size.strip(b"0123456789abcdefABCDEF"):
                    raise ValueError(f"not a size: {size}")
                self.left = int(size, 16)
                self.state = "chunk" if self.left else "trailer"
        return body
"""

EXERCISE = Exercise(
    key="12-chunks",
    name="Dechunker",
    statement="""\
Write a class `Dechunker`. Its method `feed(data)` takes the next bytes of a chunked body, cut
anywhere, and returns the bytes of the content that can be told from them. `done` is False until
the empty line at the very end has come; then it is True, and `rest` has the bytes behind it, which
belong to the next message. Ignore extensions (`5;name=value`) and the fields of the trailer
section. Raise `ValueError` if a size is anything but hexadecimal digits, or if something else than
CR LF follows a chunk.
""",
    starter='''\
class Dechunker:
    """Decodes a chunked body, whatever the pieces in which it comes."""

    def __init__(self):
        self.done, self.rest = False, b""

    def feed(self, data):
        """The bytes of the content that are known now."""
        ...  # your code
''',
    check=check,
    hints=(
        "Keep what you could not use yet, and put the new bytes behind it. Then go on as long as "
        "that gets you further.",
        "There are four states: you expect a line with a size, bytes of a chunk (how many are "
        "left?), the CR LF behind a chunk, or lines of the trailer. Keep the state in `self`.",
        "`int(size, 16)` accepts `-1`, `0x5`, ` 5` and `1_0`. Look at the characters first: "
        "`size.strip(b'0123456789abcdefABCDEF')` must leave nothing, and `size` must not be empty.",
    ),
    solution=SOLUTION,
    wrong={
        "decimal": changed(SOLUTION, ("int(size, 16)", "int(size)")),
        "extensions are not known": changed(SOLUTION, ('line.partition(b";")[0]', "line")),
        "done at the last chunk": changed(
            SOLUTION,
            (
                '                self.state = "chunk" if self.left else "trailer"',
                '                self.state, self.done = "chunk", not self.left',
            ),
        ),
        "whole pieces only": """\
class Dechunker:
    def __init__(self):
        self.done, self.rest = False, b""

    def feed(self, data):
        body = b""
        while data:
            size, _, data = data.partition(b"\\r\\n")
            length = int(size.partition(b";")[0], 16)
            if not length:
                self.done = True
                self.rest = data.partition(b"\\r\\n")[2]
                while data and not data.startswith(b"\\r\\n"):
                    data = data.partition(b"\\r\\n")[2]
                self.rest = data[2:]
                return body
            body, data = body + data[:length], data[length + 2:]
        return body
""",
        "believes what int takes": changed(
            SOLUTION,
            (
                '                if not size or size.strip(b"0123456789abcdefABCDEF"):\n'
                '                    raise ValueError(f"not a size: {size}")\n',
                "",
            ),
        ),
        "does not look behind the chunk": changed(
            SOLUTION,
            (
                '            if self.state == "end of chunk" and not '
                'b"\\r\\n".startswith(self.rest[:2]):\n'
                '                raise ValueError("the chunk is longer than its size")\n',
                "",
            ),
        ),
    },
)
