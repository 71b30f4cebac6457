"""Are two names from the wire the same for a reader?"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

from ..findings import Finding, call
from . import Exercise, changed

CASES: tuple[tuple[bytes, bytes, str], ...] = (
    (b"ana", b"ana", ""),
    (b"ana", b"anna", ""),
    (b"ana", b"Ana", "They differ in a capital letter only."),
    ("é".encode(), b"e\xcc\x81", "One has é as one code point, the other as e and an accent."),
    (b"Zo\xc3\xab", b"ZOE\xcc\x88", "Other case, and another form of ë."),
    (
        "Straße".encode(),
        b"STRASSE",
        "ß has no capital that all systems use. casefold() makes it ss, lower() does not.",
    ),
    (
        "m²".encode(),
        b"m2",
        "They look different, so they are different. The forms with K (NFKC, NFKD) drop such "
        "differences.",
    ),
    (
        "ᾴ".encode(),
        "α\N{COMBINING GREEK YPOGEGRAMMENI}\N{COMBINING ACUTE ACCENT}".encode(),
        "The same accents in another order. Folding turns one of them into a letter, so "
        "normalise before you fold, not only afterwards.",
    ),
    (
        b"apple",
        "аpple".encode(),
        "The second begins with a Cyrillic а. It looks alike, and is another letter.",
    ),
    (b"Zo\xeb", b"Zo\xeb", "The byte eb is not valid here: this is Latin-1, not UTF-8."),
    (b"\xff", b"\xfe", "Neither is UTF-8. With errors='replace' both would become the same."),
)


def reference(a: bytes, b: bytes) -> bool:
    def key(data: bytes) -> str:
        folded = unicodedata.normalize("NFD", data.decode()).casefold()
        return unicodedata.normalize("NFD", folded)

    try:
        return key(a) == key(b)
    except UnicodeDecodeError:
        return False


def check(same_name: Callable[..., Any]) -> Finding | None:
    for a, b, why in CASES:
        for first, second in ((a, b), (b, a)):
            wanted = reference(first, second)
            got = call(same_name, first, second)
            if got is not wanted:
                shown = f"same_name({first!r}, {second!r})"
                words = " and ".join(data.decode(errors="replace") for data in (first, second))
                told = f"In same_name: {words}, as bytes {first.hex(' ')} and {second.hex(' ')}."
                return Finding(f"{told} {why}".strip(), shown, expected=wanted, got=got)
    return None


SOLUTION = """\
import unicodedata

def key(data):
    folded = unicodedata.normalize("NFD", data.decode()).casefold()
    return unicodedata.normalize("NFD", folded)

def same_name(a, b):
    try:
        return key(a) == key(b)
    except UnicodeDecodeError:
        return False
"""

EXERCISE = Exercise(
    key="14-same-name",
    name="same_name",
    statement="""\
Write `same_name(a, b)`. Both are bytes, as they came over the wire. Return True if they are UTF-8
and name the same person to a reader: in any Unicode form (é is `c3 a9` or `65 cc 81`), and in
capital or small letters. Bytes that are not UTF-8 are no name: False. Letters that merely look
alike are different, and so are ² and 2. (`unicodedata.normalize`; Unicode's rule D145: normalise,
fold the case, normalise again.)
""",
    starter='''\
def same_name(a, b):
    """Do these bytes, as UTF-8, name the same person?"""
    ...  # your code
''',
    check=check,
    hints=(
        "Make a key of each name, and compare the keys. Begin with `data.decode()`: the default "
        "is UTF-8, and what is none raises UnicodeDecodeError.",
        '`unicodedata.normalize("NFD", text)` takes é apart; `"NFC"` puts it together. Either '
        "will do, if both names get the same.",
        "`casefold()` is the caseless form that Unicode defines; `lower()` leaves ß alone.",
        "Normalise first, because folding looks at single code points; and again after it, "
        "because its result need not be normalised.",
    ),
    solution=SOLUTION,
    wrong={
        "compares bytes": """\
def same_name(a, b):
    return a == b
""",
        "no normalisation": """\
def same_name(a, b):
    try:
        return a.decode().casefold() == b.decode().casefold()
    except UnicodeDecodeError:
        return False
""",
        "lower() instead of casefold()": changed(SOLUTION, (".casefold()", ".lower()")),
        "the compatible forms": changed(SOLUTION, ("NFD", "NFKD")),
        "normalises only after folding": changed(
            SOLUTION,
            ('unicodedata.normalize("NFD", data.decode()).casefold()', "data.decode().casefold()"),
        ),
        "replaces what is no UTF-8": changed(SOLUTION, ("decode()", 'decode(errors="replace")')),
        "takes it for Latin-1": changed(SOLUTION, ("decode()", 'decode("latin-1")')),
    },
)
