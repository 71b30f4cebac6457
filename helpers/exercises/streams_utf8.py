"""Text from a stream whose pieces may end within a character."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Failed, Finding, broken_off, call, called, chunkings, smallest_finding
from . import Exercise

TEXT = "né 🐍€"
SHORT = "né"


def expected_texts(pieces: list[bytes]) -> list[str]:
    """For each piece the characters that it completes."""
    texts, before, seen = [], "", b""
    for piece in pieces:
        seen += piece
        now = seen.decode(errors="ignore")
        texts.append(now[len(before) :])
        before = now
    return texts


def examine(function: Callable[[list[bytes]], Any], pieces: list[bytes]) -> Finding | None:
    said = called(function, pieces)
    try:
        got = call(function, pieces, shown=said)
    except Failed as failed:
        if isinstance(failed.__cause__, UnicodeDecodeError):
            return Finding(
                f"It raised UnicodeDecodeError, but the whole is good UTF-8: "
                f"{b''.join(pieces).decode()!r}. {where(pieces)}",
                said,
                expected=expected_texts(pieces),
            )
        raise
    expected = expected_texts(pieces)
    if got == expected:
        return None
    return Finding(wrong(pieces, expected, got), said, expected=expected, got=got)


def where(pieces: list[bytes]) -> str:
    """Which piece ends within which character."""
    end = 0
    for number, piece in enumerate(pieces, start=1):
        end += len(piece)
        whole = b"".join(pieces)
        try:
            whole[:end].decode()
        except UnicodeDecodeError as error:
            character = TEXT[len(whole[: error.start].decode())]
            has, needs = end - error.start, len(character.encode())
            return (
                f"Piece {number}, {piece!r}, ends within {character!r}, after {has} of its "
                f"{needs} bytes. Keep them for the next piece."
            )
    return ""


def wrong(pieces: list[bytes], expected: list[str], got: object) -> str:
    if not isinstance(got, list) or any(not isinstance(text, str) for text in got):
        return "It must return a list of str."
    if "".join(got) == "".join(expected):
        if len(got) != len(expected):
            return f"The right text, but {len(got)} parts for {len(expected)} pieces."
        late = next(n for n, (a, b) in enumerate(zip(expected, got, strict=True), 1) if a != b)
        return f"The right text, but part {late} does not hold what piece {late} completes."
    if "�" in "".join(got):
        return f"Characters were replaced by �. {where(pieces)}"
    return f"Characters were lost or added. {where(pieces)}".strip()


def examine_end(function: Callable[[list[bytes]], Any], pieces: list[bytes]) -> Finding | None:
    try:
        b"".join(pieces).decode()
    except UnicodeDecodeError:
        said = called(function, pieces)
        try:
            got = call(function, pieces, shown=said)
        except Failed as failed:
            if isinstance(failed.__cause__, UnicodeDecodeError):
                return None
            raise
        return Finding(
            f"After the last piece a character is still incomplete, and no more will come. "
            f"That must raise UnicodeDecodeError. {where(pieces).rsplit(' Keep', 1)[0]}",
            said,
            got=got,
        )
    return examine(function, pieces)


def check(function: Callable[[list[bytes]], Any]) -> Finding | None:
    return (
        examine(function, [b"ab", b"c"])
        or smallest_finding(chunkings(SHORT.encode()), lambda p: examine(function, p))
        or smallest_finding(chunkings(TEXT.encode()), lambda p: examine(function, p))
        or smallest_finding(broken_off(TEXT.encode()), lambda p: examine_end(function, p))
    )


EXERCISE = Exercise(
    key="05-utf8",
    name="decode_pieces",
    statement="""\
Write `decode_pieces(pieces)`. It takes a list of bytes, the pieces of one UTF-8 stream
in order, cut anywhere, and returns a list of as many `str`: for each piece the
characters that it completes. If the stream ends within a character, it raises
`UnicodeDecodeError`. With `codecs.getincrementaldecoder`, or by hand.
""",
    starter='''\
def decode_pieces(pieces):
    """For each piece of a UTF-8 stream the characters that it completes."""
    ...  # your code
''',
    check=check,
    hints=(
        'A character takes 1 to 4 bytes in UTF-8. "né" is b"n\\xc3\\xa9": if a piece ends with '
        "\\xc3, that byte must wait for the next piece.",
        '`codecs.getincrementaldecoder("utf-8")()` makes a decoder that remembers such bytes. '
        "Its `decode(piece)` gives the characters that are complete. Use one for all pieces.",
        "`decode(b'', final=True)` after the last piece raises if bytes are left over.",
    ),
    solution="""\
import codecs


def decode_pieces(pieces):
    decoder = codecs.getincrementaldecoder("utf-8")()
    texts = [decoder.decode(piece) for piece in pieces]
    decoder.decode(b"", final=True)
    return texts
""",
    wrong={
        "decodes each piece": """\
def decode_pieces(pieces):
    return [piece.decode() for piece in pieces]
""",
        "ignores errors": """\
def decode_pieces(pieces):
    return [piece.decode(errors="ignore") for piece in pieces]
""",
        "replaces": """\
def decode_pieces(pieces):
    return [piece.decode(errors="replace") for piece in pieces]
""",
        "waits for the end": """\
def decode_pieces(pieces):
    whole = b"".join(pieces).decode()
    return [""] * (len(pieces) - 1) + [whole] if pieces else []
""",
        "a new decoder for each piece": """\
import codecs


def decode_pieces(pieces):
    return [codecs.getincrementaldecoder("utf-8")().decode(piece) for piece in pieces]
""",
        "does not look at the end": """\
import codecs


def decode_pieces(pieces):
    decoder = codecs.getincrementaldecoder("utf-8")()
    return [decoder.decode(piece) for piece in pieces]
""",
        "keeps one byte at most": """\
def decode_pieces(pieces):
    kept, texts = b"", []
    for piece in pieces:
        piece, kept = kept + piece, b""
        try:
            texts.append(piece.decode())
        except UnicodeDecodeError:
            piece, kept = piece[:-1], piece[-1:]
            texts.append(piece.decode())
    kept.decode()
    return texts
""",
    },
)
