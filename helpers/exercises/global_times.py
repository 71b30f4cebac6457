"""Read a timestamp of RFC 3339, and give it back in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ..findings import Finding, call, called
from . import Exercise, changed

# (text, what it is in UTC; None: no timestamp of RFC 3339; why)
CASES: tuple[tuple[str, str | None, str], ...] = (
    ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00", "Z means UTC."),
    ("2026-03-01T12:00:00+01:00", "2026-03-01T11:00:00", "At +01:00 it is later than in UTC."),
    ("2026-03-01T12:00:00-05:00", "2026-03-01T17:00:00", "At -05:00 it is earlier than in UTC."),
    ("2026-03-01T05:00:00+05:45", "2026-02-28T23:15:00", "The day changes, too."),
    ("2026-12-31T23:30:00-03:30", "2027-01-01T03:00:00", "The year changes, too."),
    ("2026-03-01T12:00:00.25Z", "2026-03-01T12:00:00.250000", "The fraction is part of it."),
    ("2026-03-01T12:00:00", None, "Without an offset nobody knows which moment this is."),
    ("2026-03-01", None, "A day is no moment."),
    ("2026-03-01 12:00:00+01:00", None, "Between day and time stands a T."),
    ("2026-03-01T12:00+01:00", None, "The seconds are missing."),
    ("2026-03-01T12:00:00+0100", None, "The offset is written +01:00."),
    ("20260301T120000Z", None, "Day and time are written with - and :."),
    ("2026-W09-7T12:00:00Z", None, "Weeks are ISO 8601, but not RFC 3339."),
    ("2026-03-01T12:00:00Z\n", None, "There is something behind the timestamp."),
    ("2026-02-29T12:00:00Z", None, "There is no such day."),
    ("noon", None, "This is no timestamp."),
    (
        "0001-01-01T00:00:00+01:00",
        None,
        "In UTC this is in the year 0, which a datetime cannot be: the conversion raises "
        "OverflowError.",
    ),
)


def check(utc_of: Callable[..., Any]) -> Finding | None:
    def caught(text: str) -> Any:
        try:
            return utc_of(text)
        except ValueError:
            return ValueError

    for text, utc, why in CASES:
        shown = called(utc_of, text)
        got = call(caught, text, shown=shown)
        if utc is None:
            if got is not ValueError:
                message = (
                    f"In utc_of: RFC 3339 does not allow this: it has to raise ValueError. {why}"
                )
                return Finding(message, shown, expected="ValueError", got=got)
            continue
        expected = datetime.fromisoformat(utc).replace(tzinfo=UTC)
        if got is ValueError:
            return Finding(f"In utc_of: this is a good timestamp. {why}", shown, expected, got)
        if not isinstance(got, datetime):
            return Finding("utc_of returns a datetime.", shown, expected, got)
        if got.tzinfo is None:
            message = (
                "In utc_of: the result is naive: whoever gets it does not know that it is UTC."
            )
            return Finding(message, shown, expected, got)
        if got.utcoffset() != timedelta(0):
            message = "In utc_of: the moment may be right, but it is not given in UTC."
            return Finding(message, shown, expected, got)
        if got != expected:
            return Finding(f"In utc_of: that is another moment. {why}", shown, expected, got)
    return None


SOLUTION = """\
import re
from datetime import UTC, datetime

FORM = r"\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)"

def utc_of(text):
    if not re.fullmatch(FORM, text):
        raise ValueError(f"no timestamp of RFC 3339: {text!r}")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"in UTC, the year is not 1 to 9999: {text!r}") from None
"""

EXERCISE = Exercise(
    key="14-utc",
    name="utc_of",
    statement="""\
Write `utc_of(text)`: it reads a timestamp of [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339),
section 5.6, and returns the moment as a `datetime` in UTC. Day and time stand there in full,
`2026-03-01T12:00:00`, then perhaps a fraction, `.25`; then `Z`, or the offset from UTC, `+01:00`.
Anything else raises `ValueError`, above all a time without an offset. (`datetime.fromisoformat`
helps, and allows more than this. Leave out leap seconds and small letters `t` and `z`.)
""",
    starter='''\
def utc_of(text):
    """The moment that a timestamp of RFC 3339 tells, as a datetime in UTC."""
    ...  # your code
''',
    check=check,
    hints=(
        "Two steps: is the text of that form? And which moment is it?",
        "For the form, a regular expression and `re.fullmatch`. `re.match` with `$` lets a newline "
        "pass.",
        "`datetime.fromisoformat(text)` gives a datetime with the offset in it, and "
        "`.astimezone(UTC)` the same moment in UTC. `.replace(tzinfo=UTC)` gives another moment.",
    ),
    solution=SOLUTION,
    wrong={
        "takes local times for its own": changed(
            SOLUTION, ("    if not re.fullmatch(FORM, text):\n", "    if not text:\n")
        ),
        "takes local times for UTC": """\
from datetime import UTC, datetime

def utc_of(text):
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
""",
        "forgets the offset": changed(SOLUTION, (".astimezone(UTC)", ".replace(tzinfo=UTC)")),
        "keeps the offset": changed(SOLUTION, (".astimezone(UTC)", "")),
        "gives it naive": changed(
            SOLUTION, (".astimezone(UTC)", ".astimezone(UTC).replace(tzinfo=None)")
        ),
        "asks only for an offset": """\
from datetime import UTC, datetime

def utc_of(text):
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no offset")
    return moment.astimezone(UTC)
""",
        "lets a newline pass": changed(
            SOLUTION,
            ("re.fullmatch(FORM, text)", 're.match(FORM + "$", text)'),
            ("fromisoformat(text)", "fromisoformat(text.strip())"),
        ),
        "does not expect the first year": changed(
            SOLUTION, ("except OverflowError:", "except ZeroDivisionError:")
        ),
        "drops the fraction": changed(
            SOLUTION, (".astimezone(UTC)", ".astimezone(UTC).replace(microsecond=0)")
        ),
    },
)
