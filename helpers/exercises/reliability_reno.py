"""Reno's congestion window: slow start, congestion avoidance, the two answers to a loss."""

from __future__ import annotations

from typing import Any

from ..findings import Finding, call, smallest_finding
from . import Exercise

FIRST = 10  # segments: RFC 6928


class Right:
    """RFC 5681 with a window in segments, of which all is always in flight."""

    def __init__(self) -> None:
        self.cwnd: float = FIRST
        self.ssthresh = float("inf")

    def on_ack(self) -> None:
        self.cwnd += 1 if self.cwnd < self.ssthresh else 1 / self.cwnd

    def on_duplicates(self) -> None:
        self.ssthresh = self.cwnd = max(self.cwnd / 2, 2)

    def on_timeout(self) -> None:
        self.ssthresh = max(self.cwnd / 2, 2)
        self.cwnd = 1


def examine(make: Any, events: list[str]) -> Finding | None:
    trace = ["reno = Reno()"]
    theirs, ours = call(make, shown=trace[0]), Right()
    for event in ["", *events]:
        before, threshold = ours.cwnd, ours.ssthresh
        if event:
            trace.append(f"reno.{event}()")
            getattr(ours, event)()
            call(getattr(theirs, event), shown="\n          ".join(trace))
        for name in ("cwnd", "ssthresh"):
            wanted, got = getattr(ours, name), getattr(theirs, name, None)
            right = isinstance(got, (int, float)) and (
                got == wanted or abs(got - wanted) < 1e-6 * wanted
            )
            if not right:
                return Finding(
                    _wrong(event, name, before, threshold),
                    "\n          ".join(trace) + f"; reno.{name}",
                    expected=wanted,
                    got=got,
                )
    return None


def _wrong(event: str, name: str, before: float, threshold: float) -> str:
    was = f"cwnd was {before:.4g}, ssthresh {threshold:g}"
    if not event:
        return f"starts: a new Reno has cwnd {FIRST} and ssthresh infinity."
    if event == "on_ack":
        if name == "ssthresh":
            return f"ack_leaves_ssthresh: an ACK does not change Reno's ssthresh ({was})."
        if before < threshold:
            return f"slow_start: below ssthresh each ACK adds one segment to Reno's cwnd ({was})."
        return (
            "congestion_avoidance: from ssthresh on, a whole window of ACKs adds one segment, so "
            f"each ACK adds 1 / cwnd to Reno's cwnd ({was})."
        )
    rule = f"ssthresh becomes half of cwnd, but not less than 2 ({was})"
    if event == "on_duplicates":
        return f"halves_on_loss: after duplicate ACKs {rule}; Reno's cwnd becomes the same."
    return f"starts_anew_after_timeout: {rule}; Reno's cwnd becomes 1."


def check(make: Any) -> Finding | None:
    from hypothesis import strategies as st

    event = st.sampled_from(["on_ack", "on_duplicates", "on_timeout"])
    stories = st.lists(event, max_size=12)
    return smallest_finding(stories, lambda case: examine(make, case), examples=400)


EXERCISE = Exercise(
    key="07-reno",
    name="Reno",
    statement="""\
Write Reno's window, counted in segments: `Reno()` with the attributes `cwnd`, at first 10, and
`ssthresh`, at first `float("inf")`.

- `on_ack()`: a segment was acknowledged. Below `ssthresh` (slow start) `cwnd` grows by 1. From
  `ssthresh` on (congestion avoidance) it grows by 1 / `cwnd`.
- `on_duplicates()`: three duplicate ACKs. `ssthresh` becomes half of `cwnd`, but not less than 2;
  `cwnd` becomes `ssthresh`.
- `on_timeout()`: nothing came for a whole RTO. `ssthresh` as before; `cwnd` becomes 1.

(RFC 5681 halves what is *in flight*. Here the whole window is always in flight.)
""",
    starter='''\
class Reno:
    """A congestion window in segments: RFC 5681."""

    def __init__(self):
        self.cwnd, self.ssthresh = 10, float("inf")

    def on_ack(self): ...
    def on_duplicates(self): ...
    def on_timeout(self):
        ...  # your code
''',
    check=check,
    hints=(
        "Slow start doubles the window in each round trip, because every segment of a window "
        "brings one ACK, and each ACK adds one.",
        "`max(self.cwnd / 2, 2)` is half, but not less than 2.",
        "After a timeout use the old `cwnd` for `ssthresh` before you set it to 1.",
    ),
    solution="""\
class Reno:
    def __init__(self):
        self.cwnd, self.ssthresh = 10, float("inf")

    def on_ack(self):
        if self.cwnd < self.ssthresh:
            self.cwnd += 1
        else:
            self.cwnd += 1 / self.cwnd

    def on_duplicates(self):
        self.ssthresh = max(self.cwnd / 2, 2)
        self.cwnd = self.ssthresh

    def on_timeout(self):
        self.ssthresh = max(self.cwnd / 2, 2)
        self.cwnd = 1
""",
    wrong={
        "adds one segment for each ACK, always": """\
class Reno:
    def __init__(self):
        self.cwnd, self.ssthresh = 10, float("inf")

    def on_ack(self):
        self.cwnd += 1

    def on_duplicates(self):
        self.cwnd = self.ssthresh = max(self.cwnd / 2, 2)

    def on_timeout(self):
        self.ssthresh = max(self.cwnd / 2, 2)
        self.cwnd = 1
""",
        "a timeout halves too": """\
class Reno:
    def __init__(self):
        self.cwnd, self.ssthresh = 10, float("inf")

    def on_ack(self):
        self.cwnd += 1 if self.cwnd < self.ssthresh else 1 / self.cwnd

    def on_duplicates(self):
        self.cwnd = self.ssthresh = max(self.cwnd / 2, 2)

    def on_timeout(self):
        self.cwnd = self.ssthresh = max(self.cwnd / 2, 2)
""",
        "ssthresh of the new cwnd": """\
class Reno:
    def __init__(self):
        self.cwnd, self.ssthresh = 10, float("inf")

    def on_ack(self):
        self.cwnd += 1 if self.cwnd < self.ssthresh else 1 / self.cwnd

    def on_duplicates(self):
        self.cwnd = self.ssthresh = max(self.cwnd / 2, 2)

    def on_timeout(self):
        self.cwnd = 1
        self.ssthresh = max(self.cwnd / 2, 2)
""",
        "slow start up to and with ssthresh": """\
class Reno:
    def __init__(self):
        self.cwnd, self.ssthresh = 10, float("inf")

    def on_ack(self):
        self.cwnd += 1 if self.cwnd <= self.ssthresh else 1 / self.cwnd

    def on_duplicates(self):
        self.cwnd = self.ssthresh = max(self.cwnd / 2, 2)

    def on_timeout(self):
        self.ssthresh = max(self.cwnd / 2, 2)
        self.cwnd = 1
""",
        "no least ssthresh": """\
class Reno:
    def __init__(self):
        self.cwnd, self.ssthresh = 10, float("inf")

    def on_ack(self):
        self.cwnd += 1 if self.cwnd < self.ssthresh else 1 / self.cwnd

    def on_duplicates(self):
        self.cwnd = self.ssthresh = self.cwnd / 2

    def on_timeout(self):
        self.ssthresh = self.cwnd / 2
        self.cwnd = 1
""",
    },
)
