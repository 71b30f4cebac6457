"""Which share of the bytes on the wire is payload."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..findings import Finding, call, called, smallest_finding
from . import Exercise

Share = Callable[[int, int, int], Any]


def examine(goodput_share: Share, payload: int, headers: int, mss: int) -> Finding | None:
    segments = math.ceil(payload / mss)
    wire = payload + segments * headers
    expected = payload / wire if payload else 0.0
    shown = called(goodput_share, payload, headers, mss)
    got = call(goodput_share, payload, headers, mss, shown=shown)
    if isinstance(got, int | float) and math.isclose(got, expected, rel_tol=1e-9):
        return None
    message = (
        f"Payload: {payload:,}. Segments: {segments}. "
        f"Bytes on the wire: {payload:,} + {segments} × {headers} = {wire:,}."
    )
    if not isinstance(got, int | float):
        message += f" The answer must be a number, not {type(got).__name__}."
    elif payload and math.isclose(got, 100 * expected):
        message += " You gave a percentage: a share lies between 0 and 1."
    elif payload and math.isclose(got, 1 - expected):
        message += " You gave the share of the headers, not of the payload."
    return Finding(message, shown, expected=expected, got=got)


def check(goodput_share: Share) -> Finding | None:
    from hypothesis import strategies as st

    def ask(case: tuple[int, int, int]) -> Finding | None:
        return examine(goodput_share, *case)

    payloads = st.integers(1, 10_000) | st.sampled_from([1448, 2896])  # whole segments too
    usual = st.tuples(payloads, st.just(66), st.just(1448))
    others = st.tuples(st.integers(1, 10_000), st.integers(20, 120), st.integers(500, 9000))
    return smallest_finding(usual, ask) or smallest_finding(others, ask) or ask((0, 66, 1448))


EXERCISE = Exercise(
    key="01-goodput",
    name="goodput_share",
    statement="""\
Write `goodput_share(payload, headers=66, mss=1448)`: which share of the bytes on the wire
is payload, as a number from 0 to 1. TCP cuts `payload` bytes into segments of at most
`mss` bytes (the maximum segment size), and each segment carries `headers` bytes of
headers. Without payload nothing travels, and the share is `0.0`.
""",
    starter='''\
def goodput_share(payload, headers=66, mss=1448):
    """The share of the bytes on the wire that is payload, from 0 to 1."""
    ...  # your code
''',
    check=check,
    hints=(
        "Count all the bytes that travel first: payload and headers together.",
        "How many segments do 1,448 bytes need, and how many 1,449? The last one may be "
        "nearly empty, but has its headers: round up (`math.ceil`).",
        "With no payload, payload and wire are both 0: answer before you divide.",
    ),
    solution="""\
import math


def goodput_share(payload, headers=66, mss=1448):
    segments = math.ceil(payload / mss)
    wire = payload + segments * headers
    return payload / wire if wire else 0.0
""",
    wrong={
        "one header for all": """\
def goodput_share(payload, headers=66, mss=1448):
    return payload / (payload + headers)
""",
        "rounds the segments down": """\
def goodput_share(payload, headers=66, mss=1448):
    return payload / (payload + payload // mss * headers) if payload else 0.0
""",
        "one segment too many when they are full": """\
def goodput_share(payload, headers=66, mss=1448):
    return payload / (payload + (payload // mss + 1) * headers)
""",
        "a percentage": """\
import math


def goodput_share(payload, headers=66, mss=1448):
    return 100 * payload / (payload + math.ceil(payload / mss) * headers) if payload else 0.0
""",
        "divides by zero": """\
import math


def goodput_share(payload, headers=66, mss=1448):
    return payload / (payload + math.ceil(payload / mss) * headers)
""",
    },
)
