"""When does connect() return, if the accept queue was full at first?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from ..findings import Finding, call, called, smallest_finding
from . import Exercise


def examine(
    connect_takes: Callable[[list[int], int, int], Any],
    pauses: Sequence[int],
    room_after: int,
    round_trip: int,
) -> Finding | None:
    sent = [0, *accumulate(pauses[:-1])]
    arrivals = [when + round_trip // 2 for when in sent]
    inside = [when for when, there in zip(sent, arrivals, strict=True) if there >= room_after]
    expected = inside[0] + round_trip if inside else None
    got = call(connect_takes, list(pauses), room_after, round_trip)
    if got == expected:
        return None
    came = ", ".join(map(str, arrivals))
    message = f"A SYN reaches the server at {came} ms; there is room from {room_after} ms on. "
    if inside:
        message += (
            f"The first that finds room was sent at {inside[0]} ms, and its answer comes one "
            f"round trip later, {round_trip} ms."
        )
    else:
        message += (
            f"None of them finds room. After the last pause, at {sum(pauses)} ms, the client "
            "sends no other SYN: it gives up."
        )
    return Finding(
        message,
        called(connect_takes, list(pauses), room_after, round_trip),
        expected=expected,
        got=got,
    )


def check(connect_takes: Callable[[list[int], int, int], Any]) -> Finding | None:
    from hypothesis import strategies as st

    def around(pauses: list[int], number: int, offset: int, half: int) -> tuple[Any, ...]:
        """Room a moment before, at, or after the arrival of one of the SYNs, or of none."""
        when = sum(pauses[:number]) + half
        return pauses, max(when + offset, 0), 2 * half

    cases = st.builds(
        around,
        st.lists(st.sampled_from([1000, 2000, 4000]), min_size=1, max_size=6),
        st.integers(0, 6),
        st.sampled_from([0, 1, -1, 300, -300]),
        st.sampled_from([0, 10, 50, 150]),
    )
    return smallest_finding(cases, lambda case: examine(connect_takes, *case))


EXERCISE = Exercise(
    key="04-knock",
    name="connect_takes",
    statement="""\
Write `connect_takes(pauses, room_after, round_trip)`: how long does `connect()` take, if the
accept queue is full at first? All times are whole milliseconds, counted from the first SYN.

- `pauses`: how long the client waits after its first, second, … SYN. `[1000, 2000]` means: one SYN
  at 0, one at 1000, and at 3000 it gives up.
- `room_after`: from then on there is room in the queue. A SYN that arrives before is dropped.
- `round_trip`: half of it is the way of a SYN, the other half the way of its answer. It is even,
  and shorter than every pause.

Return `None` if the client gives up.
""",
    starter='''\
def connect_takes(pauses, room_after, round_trip):
    """Milliseconds until connect() returns, or None if the client gives up."""
    ...  # your code
''',
    check=check,
    hints=(
        "Walk through the pauses, and keep in a variable when the next SYN is sent: at 0 at first.",
        "A SYN that is sent at `sent` is at the server half a round trip later. That moment is to "
        "be compared with `room_after`.",
        "The first SYN that finds room decides: `connect()` returns one whole round trip after "
        "that SYN was sent. If the loop ends without one, the answer is `None`.",
    ),
    solution="""\
def connect_takes(pauses, room_after, round_trip):
    sent = 0
    for pause in pauses:
        if sent + round_trip // 2 >= room_after:
            return sent + round_trip
        sent += pause
    return None
""",
    wrong={
        "is let in as soon as there is room": """\
def connect_takes(pauses, room_after, round_trip):
    return max(room_after, round_trip // 2) + round_trip // 2
""",
        "takes a SYN to arrive when it is sent": """\
def connect_takes(pauses, room_after, round_trip):
    sent = 0
    for pause in pauses:
        if sent >= room_after:
            return sent + round_trip
        sent += pause
""",
        "forgets the way back": """\
def connect_takes(pauses, room_after, round_trip):
    sent = 0
    for pause in pauses:
        if sent + round_trip // 2 >= room_after:
            return sent + round_trip // 2
        sent += pause
""",
        "sends one SYN more after the last pause": """\
def connect_takes(pauses, room_after, round_trip):
    sent = 0
    for pause in [*pauses, 0]:
        if sent + round_trip // 2 >= room_after:
            return sent + round_trip
        sent += pause
""",
        "forgets the first SYN": """\
def connect_takes(pauses, room_after, round_trip):
    sent = 0
    for pause in pauses:
        sent += pause
        if sent + round_trip // 2 >= room_after:
            return sent + round_trip
""",
        "drops the SYN that comes just when there is room": """\
def connect_takes(pauses, room_after, round_trip):
    sent = 0
    for pause in pauses:
        if sent + round_trip // 2 > room_after:
            return sent + round_trip
        sent += pause
""",
        "takes a pause for a time": """\
def connect_takes(pauses, room_after, round_trip):
    for sent in [0, *pauses[:-1]]:
        if sent + round_trip // 2 >= room_after:
            return sent + round_trip
""",
    },
)
