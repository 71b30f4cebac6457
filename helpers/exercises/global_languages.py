"""Choose the language of an answer by the Accept-Language header."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..findings import Finding, call, called
from . import Exercise, changed

OFFERED = ["en", "pl", "pt-BR", "de"]

CASES: tuple[tuple[str, Sequence[str], str, str], ...] = (
    ("pl", OFFERED, "pl", "It asks for one language, and there it is."),
    ("fr", OFFERED, "en", "Nothing fits: then the default."),
    ("fr, pl, de", OFFERED, "pl", "Without a weight each counts 1; then the first in the header."),
    ("de;q=0.5, pl;q=0.8", OFFERED, "pl", "The greater weight comes first."),
    ("de;q=0.9, pl", OFFERED, "pl", "Without a weight it counts 1."),
    ("pl, de;q=1.0", OFFERED, "pl", "1 and 1.0 are the same weight: compare numbers, not text."),
    ("*, en;q=0.000", OFFERED, "pl", "0.000 is 0 as well: not this one, not by * either."),
    ("PL", OFFERED, "pl", "Capital and small letters mean the same."),
    ("PT-br", OFFERED, "pt-BR", "The answer is written as it was offered."),
    ("de-AT", OFFERED, "de", "There is no de-AT; its last part may go."),
    ("zh-Hant-TW", ["en", "zh-Hant", "zh"], "zh-Hant", "Only as much goes as must."),
    ("de-AT, pl;q=0.9", OFFERED, "de", "First all that de-AT can become, then the next range."),
    ("pt", OFFERED, "en", "pt-BR is not pt: a range gets shorter, never longer (lookup)."),
    ("fr;q=0.9, *;q=0.1", OFFERED, "en", "* is anything: the first that is offered."),
    ("*, en;q=0", OFFERED, "pl", "q=0 means: not this one, not by * either."),
    ("de;q=0", ["de"], "en", "q=0 means: not this one."),
    ("de ; q=0.5 , pl ; q=0.8", OFFERED, "pl", "There may be spaces around ; and ,."),
    ("", OFFERED, "en", "An empty header: then the default."),
)


def check(best_language: Callable[..., Any]) -> Finding | None:
    for header, offered, expected, why in CASES:
        arguments = header, list(offered), "en"
        got = call(best_language, *arguments)
        if got != expected:
            shown = called(best_language, header, list(offered), "en")
            return Finding(f"In best_language: {why}", shown, expected=expected, got=got)
    return None


SOLUTION = """\
def best_language(header, offered, default):
    known = {tag.lower(): tag for tag in offered}
    weights = {}
    for part in header.lower().replace(" ", "").split(","):
        tag, _, weight = part.partition(";q=")
        weights[tag] = float(weight or 1)
    allowed = [tag for tag in known if weights.get(tag) != 0]
    for tag in sorted(weights, key=weights.get, reverse=True):
        if tag == "*" and allowed:
            return known[allowed[0]]
        while tag and weights:
            if tag in allowed:
                return known[tag]
            tag = tag.rpartition("-")[0]
    return default
""".replace("while tag and weights:", "while tag:")

EXERCISE = Exercise(
    key="14-language",
    name="best_language",
    statement="""\
Write `best_language(header, offered, default)`. `header` is the value of `Accept-Language` (RFC
9110, section 12.5.4), such as `"de-AT, pl;q=0.8, *;q=0.1"`: ranges with weights, 1 where there is
none. `offered` lists the languages that there are. Try the ranges, the greatest weight first, and
of equal ones the first in the header. A range that is not offered loses its last part, again and
again: `de-AT`, then `de` (*lookup*, RFC 4647, section 3.4). `*` takes the first that is offered.
What has weight 0 is never chosen. Capitals do not matter; return the tag as it was offered. If
nothing fits, `default`. (The header is well-formed.)
""",
    starter='''\
def best_language(header, offered, default):
    """The offered language that this reader likes best; default if none fits."""
    ...  # your code
''',
    check=check,
    hints=(
        'Split at ",", and each part at ";q=". First make it all small letters and take out the '
        "spaces.",
        "`sorted` with `reverse=True` keeps the order of equal ones: that is the header's order.",
        '`"zh-hant-tw".rpartition("-")[0]` is `"zh-hant"`; of what has no "-" it is empty.',
        "Collect the offered tags that have not the weight 0, before you begin to look.",
    ),
    solution=SOLUTION,
    wrong={
        "the header's order, without weights": changed(
            SOLUTION, ("sorted(weights, key=weights.get, reverse=True)", "weights")
        ),
        "sorts weights as text": changed(
            SOLUTION, ("= float(weight or 1)", '= weight or "1"'), ("!= 0]", '!= "0"]')
        ),
        "does not shorten": changed(SOLUTION, ('tag = tag.rpartition("-")[0]', 'tag = ""')),
        "shortens to the first part at once": changed(
            SOLUTION, ('rpartition("-")[0]', 'rpartition("-")[0].partition("-")[0]')
        ),
        "answers in small letters": changed(SOLUTION, ("return known[tag]", "return tag")),
        "takes 0 for very little": changed(
            SOLUTION, ("[tag for tag in known if weights.get(tag) != 0]", "list(known)")
        ),
        "takes longer ones too": """\
def best_language(header, offered, default):
    for part in header.lower().replace(" ", "").split(","):
        tag = part.partition(";q=")[0]
        for known in offered:
            if known.lower().startswith(tag):
                return known
    return default
""",
    },
)
