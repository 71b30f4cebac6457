"""Follow one end of a connection through its states, to the end (RFC 9293, section 3.3.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..findings import Finding, call, called
from . import Exercise

START = "ESTABLISHED"
NEXT = {
    ("ESTABLISHED", "close"): "FIN_WAIT1",
    ("ESTABLISHED", "FIN"): "CLOSE_WAIT",
    ("FIN_WAIT1", "ACK"): "FIN_WAIT2",
    ("FIN_WAIT1", "FIN"): "CLOSING",
    ("FIN_WAIT2", "FIN"): "TIME_WAIT",
    ("CLOSING", "ACK"): "TIME_WAIT",
    ("CLOSE_WAIT", "close"): "LAST_ACK",
    ("LAST_ACK", "ACK"): "CLOSED",
    **{
        (state, "RST"): "CLOSED"
        for state in (
            "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "CLOSING", "CLOSE_WAIT", "LAST_ACK",
        )
    },
}  # fmt: skip


def paths() -> Iterator[tuple[list[str], list[str]]]:
    """Every way there is, the shortest first: its events, and the states it goes through."""
    ways: list[tuple[list[str], list[str]]] = [([], [START])]
    while ways:
        yield from ways
        ways = [
            ([*events, event], [*states, after])
            for events, states in ways
            for (before, event), after in NEXT.items()
            if before == states[-1]
        ]


def examine(state_after: Callable[[list[str]], Any], events: list[str], states: list[str]) -> Any:
    got = call(state_after, list(events))
    if got == states[-1]:
        return None
    way = " → ".join(states)
    message = f"It begins and stays {START}." if not events else f"The way is {way}."
    if states[-1] == "CLOSING":
        message += " A FIN that comes before the ACK of one's own: both closed at the same time."
    elif states[-1] == "CLOSED" and events[-1] == "RST":
        message += " A RST ends the connection at once: nobody waits."
    elif states[-1] == "CLOSED":
        message += " Who closes second has nothing to wait for once its FIN is acknowledged."
    return Finding(message, called(state_after, events), expected=states[-1], got=got)


def check(state_after: Callable[[list[str]], Any]) -> Finding | None:
    return next((found for way in paths() if (found := examine(state_after, *way))), None)


EXERCISE = Exercise(
    key="04-states",
    name="state_after",
    statement="""\
Write `state_after(events)`: one end of a connection is ESTABLISHED; in which state is it after
these events? `events` is a list of

- `"close"`: its program calls `close()`, so it sends a FIN,
- `"FIN"`: the other end's FIN arrives,
- `"ACK"`: the ACK of its own FIN arrives,
- `"RST"`: a RST arrives.

Answer with the name as the kernel writes it: `"ESTABLISHED"`, `"FIN_WAIT1"`, `"FIN_WAIT2"`,
`"CLOSING"`, `"TIME_WAIT"`, `"CLOSE_WAIT"`, `"LAST_ACK"` or `"CLOSED"`. Only events that can
happen are asked for.
""",
    starter='''\
def state_after(events):
    """The TCP state of one end after these events; it begins ESTABLISHED."""
    ...  # your code
''',
    check=check,
    hints=(
        "A dict with pairs as keys makes a table: `NEXT = {(state, event): state, …}`. Start with "
        '`state = "ESTABLISHED"` and walk through the events.',
        "Who calls close first goes through FIN_WAIT1; whom a FIN reaches first is in CLOSE_WAIT "
        "until its own program closes. Both ways are in the strips above.",
        "From FIN_WAIT1 there are two ways: the ACK comes first, or the FIN does. A RST leads to "
        "CLOSED from everywhere.",
    ),
    solution="""\
NEXT = {
    ("ESTABLISHED", "close"): "FIN_WAIT1",
    ("FIN_WAIT1", "ACK"): "FIN_WAIT2",
    ("FIN_WAIT2", "FIN"): "TIME_WAIT",
    ("FIN_WAIT1", "FIN"): "CLOSING",
    ("CLOSING", "ACK"): "TIME_WAIT",
    ("ESTABLISHED", "FIN"): "CLOSE_WAIT",
    ("CLOSE_WAIT", "close"): "LAST_ACK",
    ("LAST_ACK", "ACK"): "CLOSED",
}


def state_after(events):
    state = "ESTABLISHED"
    for event in events:
        state = "CLOSED" if event == "RST" else NEXT[state, event]
    return state
""",
    wrong={
        "no simultaneous close": """\
def state_after(events):
    state = "ESTABLISHED"
    for event in events:
        if event == "RST":
            state = "CLOSED"
        elif event == "close":
            state = "FIN_WAIT1" if state == "ESTABLISHED" else "LAST_ACK"
        elif event == "FIN":
            state = "CLOSE_WAIT" if state == "ESTABLISHED" else "TIME_WAIT"
        elif event == "ACK":
            state = "FIN_WAIT2" if state == "FIN_WAIT1" else "CLOSED"
    return state
""",
        "whoever closes waits": """\
def state_after(events):
    state = "ESTABLISHED"
    table = {
        ("ESTABLISHED", "close"): "FIN_WAIT1", ("FIN_WAIT1", "ACK"): "FIN_WAIT2",
        ("FIN_WAIT2", "FIN"): "TIME_WAIT", ("FIN_WAIT1", "FIN"): "CLOSING",
        ("CLOSING", "ACK"): "TIME_WAIT", ("ESTABLISHED", "FIN"): "CLOSE_WAIT",
        ("CLOSE_WAIT", "close"): "LAST_ACK", ("LAST_ACK", "ACK"): "TIME_WAIT",
    }
    for event in events:
        state = "CLOSED" if event == "RST" else table[state, event]
    return state
""",
        "a reset leads to TIME_WAIT": """\
def state_after(events):
    if "RST" in events:
        return "TIME_WAIT"
    return {0: "ESTABLISHED"}.get(len(events), "CLOSE_WAIT")
""",
        "names with hyphens, as in the RFC": """\
def state_after(events):
    return "FIN-WAIT-1" if events else "ESTABLISHED"
""",
    },
)
