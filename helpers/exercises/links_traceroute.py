"""A traceroute: which routers does a packet pass? One probe for each TTL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Finding, call
from . import Exercise

MOST = 30
ROUTERS = [f"10.0.{wire}.{wire + 2}" for wire in range(40)]
TARGET = "10.0.3.5"
Answer = tuple[str, str] | None
TOO_MANY = 200


class Path:
    """A path that can be asked: routers that answer or stay silent, and what is at its end."""

    def __init__(self, hops: list[str | None], end: Answer) -> None:
        self.hops = hops
        self.end = end
        self.asked: list[object] = []

    def __call__(self, ttl: object) -> Answer:
        self.asked.append(ttl)
        if len(self.asked) > TOO_MANY:
            raise RuntimeError(f"probe was asked more than {TOO_MANY} times: does your loop end?")
        if isinstance(ttl, bool) or not isinstance(ttl, int) or not 1 <= ttl <= 255:
            raise ValueError(f"A TTL is a whole number from 1 to 255, not {ttl!r}.")
        if ttl <= len(self.hops):
            router = self.hops[ttl - 1]
            return (router, "time exceeded") if router else None
        return self.end

    def expected(self) -> list[str | None]:
        found: list[str | None] = [*self.hops, self.end and self.end[0]]
        if self.end is None:  # nothing ever comes from there: it goes on until it gives up
            found += [None] * MOST
        return found[:MOST]

    def __repr__(self) -> str:
        routers = [hop or "(silent)" for hop in self.hops[:4]]
        more = [f"… {len(self.hops) - 4} more"] if len(self.hops) > 4 else []
        end = f"{self.end[0]}: {self.end[1]}" if self.end else "(nothing answers)"
        return " → ".join([*routers, *more, end])


def paths() -> list[tuple[Path, str]]:
    there = (TARGET, "port unreachable")
    return [
        (Path([], there), ""),
        (Path(list(ROUTERS[:3]), there), ""),
        (Path([ROUTERS[0], None, ROUTERS[2]], there), "silent"),
        (Path([None], there), "silent"),
        (Path([], (ROUTERS[0], "network unreachable")), "refused"),
        (Path(list(ROUTERS[:3]), (ROUTERS[2], "host unreachable")), "refused"),
        (Path(list(ROUTERS[:29]), there), "long"),
        (Path(list(ROUTERS[:35]), there), "too long"),
        (Path(list(ROUTERS[:2]), None), "nothing"),
    ]


def examine(traceroute: Callable[..., Any], path: Path, case: str) -> Finding | None:
    shown = f"traceroute(probe), where the way is {path!r}"
    expected = path.expected()
    got = call(traceroute, path, shown=shown)
    if got == expected and isinstance(got, list):
        return None
    message = wrong(path, case, expected, got)
    return Finding(message, shown, expected=expected, got=got)


def wrong(path: Path, case: str, expected: list[str | None], got: object) -> str:
    if not isinstance(got, list):
        return f"traceroute returns a list of addresses, not {type(got).__name__}."
    if not path.asked:
        return "probe was never called: each hop has to be asked, with probe(1), probe(2), …"
    if path.asked[0] != 1:
        return f"The first probe must have the TTL 1; yours has {path.asked[0]!r}."
    if any(isinstance(hop, tuple) for hop in got):
        return "The list holds addresses only: of what probe returns, the first part."
    if case == "refused" and len(got) != len(expected):
        return (
            f'Here the way ends with {path.end and path.end[1]!r}. Only a "time exceeded" says '
            "that the packet would have gone on; after any other answer no probe gets further."
        )
    if case == "silent" and got == expected[: len(got)] and expected[len(got) :][:1] == [None]:
        return "One router stays silent. It forwards all the same: go on with the next TTL."
    if None in expected and None not in got:
        return "A router that stays silent is a hop too: it stands in the list as None."
    if case in ("too long", "nothing") and len(got) != MOST:
        return f"When the end does not answer, traceroute gives up after the TTL {MOST}."
    if case == "long" and len(got) == MOST - 1:
        return f"The TTL {MOST} is still asked; yours ended with the TTL {MOST - 1}."
    if got == expected[:-1]:
        return "The last hop is missing: the receiver itself, whose answer ends the trace."
    return "The list must hold who answered, one entry for each TTL from 1 on, in that order."


def check(traceroute: Callable[..., Any]) -> Finding | None:
    return next((found for case in paths() if (found := examine(traceroute, *case))), None)


EXERCISE = Exercise(
    key="02-traceroute",
    name="traceroute",
    statement="""\
Write `traceroute(probe)`. It asks hop after hop who is there, and returns a list of addresses: that
of TTL 1 first, the receiver's last.

`probe(ttl)` is given to you. It sends one packet with this TTL and returns what came back:
`(address, kind)`, or `None` if nothing came in time. The kind `"time exceeded"` comes from a
router on the way; any other kind (`"port unreachable"`, `"network unreachable"`, …) means that
the trace has come to its end, and its sender is the last in the list. A router that stays silent
stands in the list as `None`. After the TTL 30 give up.
""",
    starter='''\
def traceroute(probe):
    """Who answers at TTL 1, 2, 3, …: addresses, None for who stays silent."""
    ...  # your code
''',
    check=check,
    hints=(
        "A loop over `range(1, 31)`. The first packet has the TTL 1: a TTL of 0 is never sent.",
        "`answer = probe(ttl)`; if `answer` is None, note None and go on. Else "
        "`address, kind = answer`.",
        'Leave the loop when the kind is not `"time exceeded"`, but note the address first.',
    ),
    solution="""\
def traceroute(probe):
    hops = []
    for ttl in range(1, 31):
        answer = probe(ttl)
        address, kind = answer or (None, "time exceeded")
        hops.append(address)
        if kind != "time exceeded":
            break
    return hops
""",
    wrong={
        "stops at a silent router": """\
def traceroute(probe):
    found = []
    for ttl in range(1, 31):
        got = probe(ttl)
        if got is None:
            break
        found.append(got[0])
        if got[1] != "time exceeded":
            break
    return found
""",
        "leaves silent routers out": """\
def traceroute(probe):
    found = []
    for ttl in range(1, 31):
        if got := probe(ttl):
            found.append(got[0])
            if got[1] != "time exceeded":
                break
    return found
""",
        "never gives up": """\
def traceroute(probe):
    found, ttl = [], 0
    while True:
        ttl += 1
        got = probe(ttl)
        found.append(got[0] if got else None)
        if got and got[1] != "time exceeded":
            return found
""",
        "starts at 0": """\
def traceroute(probe):
    found = []
    for ttl in range(30):
        got = probe(ttl)
        found.append(got[0] if got else None)
        if got and got[1] != "time exceeded":
            break
    return found
""",
        "knows one end only": """\
def traceroute(probe):
    found = []
    for ttl in range(1, 31):
        got = probe(ttl)
        found.append(got[0] if got else None)
        if got and got[1] == "port unreachable":
            break
    return found
""",
        "leaves out the receiver": """\
def traceroute(probe):
    found = []
    for ttl in range(1, 31):
        got = probe(ttl)
        if got and got[1] != "time exceeded":
            break
        found.append(got[0] if got else None)
    return found
""",
        "gives up after 29": """\
def traceroute(probe):
    found = []
    for ttl in range(1, 30):
        got = probe(ttl)
        found.append(got[0] if got else None)
        if got and got[1] != "time exceeded":
            break
    return found
""",
        "keeps the kinds": """\
def traceroute(probe):
    found = []
    for ttl in range(1, 31):
        found.append(probe(ttl))
        if found[-1] and found[-1][1] != "time exceeded":
            break
    return found
""",
        "one probe only": """\
def traceroute(probe):
    return probe(1)
""",
    },
)
