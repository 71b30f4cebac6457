"""The window that fills a wire, and the window scale that can announce it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Finding, call, called
from . import Exercise

MOST = 65_535  # bytes that the window field of 16 bits can say (RFC 9293, section 3.1)
MOST_SCALE = 14  # RFC 7323, section 2.3
# Rates in bit/s and delays one way in seconds; easy to compute by head first.
CASES = (
    (8_000_000, 0.005),
    (10_000_000, 0.020),
    (1_000_000, 0.001),
    (2_621_400, 0.1),  # 65,535 bytes exactly
    (2_621_440, 0.1),  # one more
    (20_000_000, 0.020),
    (1_000_000, 0.0000125),  # 3.125 bytes
    (100_000_000, 0.050),
    (10_000_000_000, 0.075),
    (1_000_000_000_000, 0.050),  # more than any scale can say
)


def right(rate: int, delay: float) -> tuple[int, int]:
    """Bytes in flight (rounded up) and the smallest scale; 14 where none is large enough."""
    # In whole microseconds: the product of two floats may lie above a whole number by a trifle.
    half_microseconds = round(delay * 2 * 1e7)
    window = -(-rate * half_microseconds // (8 * 10**7))
    return window, scale_for(window)


def scale_for(window: int) -> int:
    scale = 0
    while MOST << scale < window and scale < MOST_SCALE:
        scale += 1
    return scale


def examine(buffers: Callable[..., Any], rate: int, delay: float) -> Finding | None:
    expected = right(rate, delay)
    shown = called(buffers, rate, delay)
    got = call(buffers, rate, delay)
    if not isinstance(got, tuple) or len(got) != 2 or any(type(n) not in (int, float) for n in got):
        return Finding(
            "buffers must return two numbers: the window and the scale.", shown, expected, got
        )
    if abs(got[0] - expected[0]) > 1 or type(got[0]) is not int or got[0] < expected[0]:
        return Finding(wrong_window(rate, delay, got[0]), shown, expected=expected, got=got)
    # One byte more is a float rounded up: then its own scale is right too.
    if got[1] not in (expected[1], scale_for(got[0])):
        return Finding(wrong_scale(got[0], expected[1], got[1]), shown, expected, got)
    return None


def wrong_window(rate: int, delay: float, got: float) -> str:
    window = right(rate, delay)[0]

    def near(other: float) -> bool:
        return abs(got - other) <= 2 and abs(got - window) > 2

    if near(window / 2):
        return (
            f"{got:,} bytes leave in {delay:g} s. But the acknowledgment of the first comes "
            "only after the way there and back: take the round-trip time."
        )
    if near(window * 8) or near(window * 4):
        return "That number is in bits. A window counts bytes."
    if near(window * 1000) or near(window / 1000):
        return f"Wrong by a factor of 1,000: the delay is in seconds, {delay:g} here."
    if type(got) is not int:
        return f"A window is a whole number of bytes, an int; yours is {got!r}."
    if 0 < window - got <= 1:
        return "Rounded down, the window is a little too small to fill the wire: round up."
    return f"{rate:,} bit/s during a round trip of {2 * delay:g} s is another number of bytes."


def wrong_scale(window: int, expected: int, got: float) -> str:
    if got > MOST_SCALE:
        return f"No scale over {MOST_SCALE} is allowed (RFC 7323, section 2.3). Take 14 then."
    if got < expected:
        most = MOST << int(max(got, 0))
        return f"With the scale {got} the largest window is {most:,} bytes; {window:,} are wanted."
    return (
        f"The scale {got} is larger than it need be: {MOST:,} << {expected} is "
        f"{MOST << expected:,} already."
    )


def check(buffers: Callable[..., Any]) -> Finding | None:
    found = (examine(buffers, rate, delay) for rate, delay in CASES)
    return next(filter(None, found), None)


EXERCISE = Exercise(
    key="05-bdp",
    name="buffers",
    statement="""\
Write `buffers(rate, delay)` for a wire of `rate` bit/s with a delay of `delay` seconds *each
way*. It returns two whole numbers. First, the window in bytes that fills the wire: the
bandwidth-delay product, rounded up. Second, the window scale that TCP needs for it
(RFC 7323, section 2): the smallest number of bits by which 65,535 must be shifted left to
reach that window, from 0 to 14. If 14 is not enough, 14 all the same.
""",
    starter='''\
def buffers(rate, delay):
    """The window (bytes) that fills the wire, and the smallest window scale for it."""
    ...  # your code
''',
    check=check,
    hints=(
        "An acknowledgment comes back after twice the delay. In that time `rate * 2 * delay` bits "
        "can leave.",
        "Eight bits are a byte, and `math.ceil` rounds up.",
        "`65_535 << scale` is the largest window with that scale. Begin with 0, and raise it while "
        "that is less than the window and the scale is below 14.",
    ),
    solution="""\
import math


def buffers(rate, delay):
    window = math.ceil(rate * 2 * delay / 8)
    scale = 0
    while 65_535 << scale < window and scale < 14:
        scale += 1
    return window, scale
""",
    wrong={
        "one way only": """\
import math


def buffers(rate, delay):
    window = math.ceil(rate * delay / 8)
    scale = 0
    while 65_535 << scale < window and scale < 14:
        scale += 1
    return window, scale
""",
        "bits": """\
def buffers(rate, delay):
    return round(rate * 2 * delay), 7
""",
        "a float": """\
def buffers(rate, delay):
    return rate * 2 * delay / 8, 0
""",
        "rounds down": """\
def buffers(rate, delay):
    window = int(rate * 2 * delay / 8 + 1e-6)
    scale = 0
    while 65_535 << scale < window and scale < 14:
        scale += 1
    return window, scale
""",
        "takes 65,536 for the largest window": """\
import math


def buffers(rate, delay):
    window = math.ceil(rate * 2 * delay / 8)
    scale = 0
    while 65_536 << scale < window and scale < 14:
        scale += 1
    return window, scale
""",
        "always a scale of 7": """\
import math


def buffers(rate, delay):
    return math.ceil(rate * 2 * delay / 8), 7
""",
        "no end of the scale": """\
import math


def buffers(rate, delay):
    window = math.ceil(rate * 2 * delay / 8)
    scale = 0
    while 65_535 << scale < window:
        scale += 1
    return window, scale
""",
    },
)
