"""The table of a NAT: who has which outside port, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Finding, call, smallest_finding
from ..nat import NatTable
from . import Exercise, changed

PORTS, TIMEOUT = (40000, 40001), 10
ANA, BEN, EVA = ("UDP", "10.0.0.1", 5000), ("UDP", "10.0.0.2", 5000), ("UDP", "10.0.0.3", 5000)
NAMES = {ANA: "ANA", BEN: "BEN", EVA: "EVA"}

Event = tuple[str, Any]  # ("outward", ANA), ("inward", 40000), ("wait", 6)

WORDS = {
    ("outward", "same"): "Whoever has a port keeps it: each packet of the same end leaves by it.",
    ("outward", "taken"): "That port belongs to somebody else, whose mapping still lives.",
    ("outward", "full"): "All ports are taken: None.",
    ("outward", "none"): "A port is free: the first free one of `ports` is for this end.",
    ("inward", "nobody"): "No mapping of this port lives: None, and the packet is dropped.",
    ("inward", "somebody"): "This port stands for an inside end.",
}


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def examine(table_class: Callable[..., Any], story: list[Event]) -> Finding | None:
    clock, said = Clock(), [f"clock() = 0; table = Table({PORTS}, {TIMEOUT}, clock)"]
    shown_class = "Table"
    table = call(table_class, PORTS, TIMEOUT, clock, shown=f"Table({PORTS}, {TIMEOUT}, clock)")
    reference = NatTable(PORTS, TIMEOUT, clock)
    for what, value in story:
        if what == "wait":
            clock.now += value
            said.append(f"{value} s later")
            continue
        known = reference.entries
        expected = getattr(reference, what)(value)
        step = f"table.{what}({NAMES.get(value, value)})"
        shown = "; ".join([*said, step])
        got = call(getattr(table, what), value, shown=shown)
        if got != expected:
            why = WORDS[what, _reason(what, value, known, expected, got)]
            return Finding(f"In {shown_class}: {why}", shown, expected=expected, got=got)
        said.append(step)
    return None


def _reason(what: str, value: Any, known: dict[int, Any], expected: Any, got: Any) -> str:
    if what == "inward":
        return "somebody" if expected else "nobody"
    if value in known.values():
        return "same"
    if expected is None:
        return "full"
    return "taken" if got in known else "none"


STORIES: tuple[list[Event], ...] = (
    [("outward", ANA)],
    [("inward", 40000)],
    [("outward", ANA), ("inward", 40000)],
    [("outward", ANA), ("inward", 40001)],
    [("outward", ANA), ("outward", ANA)],
    [("outward", ANA), ("outward", BEN)],
    [("outward", ANA), ("outward", BEN), ("outward", EVA)],
    [("outward", ANA), ("wait", 11), ("inward", 40000)],
    [("outward", ANA), ("wait", 10), ("inward", 40000)],
    [("outward", ANA), ("wait", 11), ("outward", BEN)],
    [("outward", ANA), ("wait", 6), ("outward", ANA), ("wait", 6), ("inward", 40000)],
    [("outward", ANA), ("wait", 6), ("inward", 40000), ("wait", 6), ("inward", 40000)],
)


def check(table_class: Callable[..., Any]) -> Finding | None:
    from hypothesis import strategies as st

    found = next((f for story in STORIES if (f := examine(table_class, story))), None)
    event = st.one_of(
        st.tuples(st.just("outward"), st.sampled_from([ANA, BEN, EVA])),
        st.tuples(st.just("inward"), st.sampled_from(PORTS)),
        st.tuples(st.just("wait"), st.sampled_from([6, 11])),
    )
    stories = st.lists(event, max_size=8)
    return found or smallest_finding(stories, lambda story: examine(table_class, story))


SOLUTION = """\
class Table:
    def __init__(self, ports, timeout, clock):
        self.ports, self.timeout, self.clock = ports, timeout, clock
        self.entries = {}

    def live(self):
        now = self.clock()
        kept = {port: e for port, e in self.entries.items() if now - e[1] < self.timeout}
        self.entries = kept
        return kept

    def outward(self, inside):
        live = self.live()
        own = [port for port in live if live[port][0] == inside]
        free = [port for port in self.ports if port not in live]
        for port in (own + free)[:1]:
            live[port] = (inside, self.clock())
            return port

    def inward(self, port):
        return self.live().get(port, (None,))[0]
"""

EXERCISE = Exercise(
    key="14-nat",
    name="Table",
    statement="""\
Write a class `Table(ports, timeout, clock)`. `ports` are the outside ports. `outward(inside)` is
asked for each packet that leaves. `inside` says who sent it, such as `("UDP", "10.0.0.1", 5000)`.
It returns the port that this end has, or gives it the first free one of `ports`; None if all are
taken.
`inward(port)` is asked for each packet that comes: it returns whom the port stands for, or None.
A mapping ends `timeout` seconds after the last packet that *left*; then its port is free again.
(`clock()` tells the time.)
""",
    starter='''\
class Table:
    """Which outside port stands for which inside end."""

    def __init__(self, ports, timeout, clock):
        self.ports, self.timeout, self.clock = ports, timeout, clock

    def outward(self, inside):
        ...  # your code

    def inward(self, port):
        ...  # your code
''',
    check=check,
    hints=(
        "One dict is enough: outside port → (inside end, time of its last packet outward).",
        "Both methods begin in the same way: throw out the entries whose time is up. Write a "
        "method for that.",
        "In `outward`: look whether the end has a port; else take the first of `ports` that is not "
        "in the dict. In both cases write down the time.",
        "`inward` does not touch the time: or strangers could keep a mapping open for ever.",
    ),
    solution=SOLUTION,
    wrong={
        "a new port for each packet": changed(SOLUTION, ("(own + free)", "free")),
        "one port for all": changed(
            SOLUTION, ("if port not in live]", "]"), ("(own + free)", "free")
        ),
        "never forgets": changed(SOLUTION, ("if now - e[1] < self.timeout", "if now")),
        "packets from outside keep it alive": changed(
            SOLUTION,
            (
                "        return self.live().get(port, (None,))[0]\n",
                "        if port in self.live():\n"
                "            inside = self.entries[port][0]\n"
                "            self.entries[port] = (inside, self.clock())\n"
                "            return inside\n",
            ),
        ),
        "counts from the first packet": changed(
            SOLUTION,
            (
                "live[port] = (inside, self.clock())",
                "live.setdefault(port, (inside, self.clock()))",
            ),
        ),
        "throws somebody out when all are taken": changed(
            SOLUTION, ("(own + free)", "(own + free + list(self.ports))")
        ),
        "forgets only when asked from inside": changed(
            SOLUTION, ("return self.live().get", "return self.entries.get")
        ),
    },
)
