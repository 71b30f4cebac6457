"""The retransmission timeout of RFC 6298, and Karn's rule."""

from __future__ import annotations

from typing import Any

from .. import arq
from ..findings import Finding, call, smallest_finding
from . import Exercise

Event = tuple[float, bool] | None  # an ACK: its time, whether the piece was resent; or a timeout


def examine(make: Any, events: list[Event]) -> Finding | None:
    trace = ["timer = Timer()"]
    theirs, ours = call(make, shown=trace[0]), arq.Timer()
    steps: list[Event | str] = ["", *events]
    for number, event in enumerate(steps):
        before = ours.rto
        if event is None:
            trace.append("timer.on_timeout()")
            ours.on_timeout()
            call(theirs.on_timeout, shown="\n          ".join(trace))
        elif isinstance(event, tuple):
            trace.append(f"timer.on_ack({event[0]}, {event[1]})")
            ours.on_ack(*event)
            call(theirs.on_ack, *event, shown="\n          ".join(trace))
        got = getattr(theirs, "rto", None)
        if not isinstance(got, (int, float)) or abs(got - ours.rto) > 1e-6 * ours.rto:
            samples = sum(isinstance(e, tuple) and not e[1] for e in events[:number])
            return Finding(
                _wrong(event, samples, got, before, ours.rto),
                "\n          ".join(trace) + "; timer.rto",
                expected=round(ours.rto, 6),
                got=round(got, 6) if isinstance(got, float) else got,
            )
    return None


def _wrong(event: Event | str, samples: int, got: object, before: float, right: float) -> str:
    if not isinstance(got, (int, float)):
        return "Timer needs an attribute `rto`, a number of seconds."
    if event == "":
        return "starts_at_one_second: before the first sample the Timer's rto is 1 (section 2.1)."
    if event is None:
        if right == arq.Timer.MOST:
            return "at_most_60_seconds: the Timer's rto doubles, but not beyond 60 (section 2.5)."
        return f"doubles_after_timeout: the Timer's rto was {before:g} (section 5.5)."
    if isinstance(event, tuple) and event[1]:
        return (
            "ignores_resent: the piece was sent twice, so nobody knows which of the two was "
            "acknowledged. The Timer must not learn from it (Karn, section 3)."
        )
    if right == 1.0:
        return "at_least_one_second: what comes out below 1 is rounded up to 1 (section 2.4)."
    if samples <= 1:
        return "first_sample: SRTT = R, RTTVAR = R / 2, rto = SRTT + 4 · RTTVAR in Timer (2.2)."
    return (
        "later_samples: first RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R| with the SRTT of before, then "
        "SRTT = 7/8 SRTT + 1/8 R (section 2.3). The Timer has something else."
    )


def check(make: Any) -> Finding | None:
    from hypothesis import strategies as st

    rtts = st.sampled_from([0.01, 0.1, 0.4, 1.0, 2.0, 5.0, 30.0])
    event = st.one_of(st.tuples(rtts, st.booleans()), st.none())
    fixed: tuple[list[Event], ...] = ([], [(1.0, False)], [None], [None] * 8)
    for events in fixed:
        if finding := examine(make, events):
            return finding
    stories = st.lists(event, max_size=6)
    return smallest_finding(stories, lambda case: examine(make, case), examples=400)


EXERCISE = Exercise(
    key="07-timer",
    name="Timer",
    statement="""\
Write `Timer()` as RFC 6298 has it (section 2, with K = 4, α = 1/8, β = 1/4). Its attribute `rto`
is the timeout in seconds, at first 1.

- `on_ack(rtt, resent)`: a piece was acknowledged `rtt` seconds after it was last sent. `resent`
  says whether it had been sent more than once. If so, learn nothing from it, and leave `rto` as
  it is: that is Karn's rule (section 3).
- `on_timeout()`: the time was up. Double `rto`.

Keep `rto` between 1 and 60 seconds. Leave out the clock granularity G.
""",
    starter='''\
class Timer:
    """How long to wait for an acknowledgment: RFC 6298."""

    def __init__(self):
        self.rto = 1.0

    def on_ack(self, rtt, resent): ...
    def on_timeout(self):
        ...  # your code
''',
    check=check,
    hints=(
        "The first sample is special (2.2): nothing is known of the variation yet, so RTTVAR is "
        "half the sample. `None` can stand for *no sample yet*.",
        "The order matters (2.3): RTTVAR is computed with the SRTT of before this sample.",
        "`min(max(value, 1), 60)` keeps a value between 1 and 60.",
    ),
    solution="""\
class Timer:
    def __init__(self):
        self.rto = 1.0
        self.srtt = None

    def on_ack(self, rtt, resent):
        if resent:
            return
        if self.srtt is None:
            self.srtt, self.rttvar = rtt, rtt / 2
        else:
            self.rttvar = 3 / 4 * self.rttvar + 1 / 4 * abs(self.srtt - rtt)
            self.srtt = 7 / 8 * self.srtt + 1 / 8 * rtt
        self.rto = min(max(self.srtt + 4 * self.rttvar, 1), 60)

    def on_timeout(self):
        self.rto = min(2 * self.rto, 60)
""",
    wrong={
        "SRTT before RTTVAR": """\
class Timer:
    def __init__(self):
        self.rto, self.srtt = 1.0, None

    def on_ack(self, rtt, resent):
        if resent:
            return
        if self.srtt is None:
            self.srtt, self.rttvar = rtt, rtt / 2
        else:
            self.srtt = 7 / 8 * self.srtt + 1 / 8 * rtt
            self.rttvar = 3 / 4 * self.rttvar + 1 / 4 * abs(self.srtt - rtt)
        self.rto = min(max(self.srtt + 4 * self.rttvar, 1), 60)

    def on_timeout(self):
        self.rto = min(2 * self.rto, 60)
""",
        "forgets Karn": """\
class Timer:
    def __init__(self):
        self.rto, self.srtt = 1.0, None

    def on_ack(self, rtt, resent):
        if self.srtt is None:
            self.srtt, self.rttvar = rtt, rtt / 2
        else:
            self.rttvar = 3 / 4 * self.rttvar + 1 / 4 * abs(self.srtt - rtt)
            self.srtt = 7 / 8 * self.srtt + 1 / 8 * rtt
        self.rto = min(max(self.srtt + 4 * self.rttvar, 1), 60)

    def on_timeout(self):
        self.rto = min(2 * self.rto, 60)
""",
        "no floor": """\
class Timer:
    def __init__(self):
        self.rto, self.srtt = 1.0, None

    def on_ack(self, rtt, resent):
        if resent:
            return
        if self.srtt is None:
            self.srtt, self.rttvar = rtt, rtt / 2
        else:
            self.rttvar = 3 / 4 * self.rttvar + 1 / 4 * abs(self.srtt - rtt)
            self.srtt = 7 / 8 * self.srtt + 1 / 8 * rtt
        self.rto = min(self.srtt + 4 * self.rttvar, 60)

    def on_timeout(self):
        self.rto = min(2 * self.rto, 60)
""",
        "twice the mean": """\
class Timer:
    def __init__(self):
        self.rto, self.srtt = 1.0, None

    def on_ack(self, rtt, resent):
        if resent:
            return
        self.srtt = rtt if self.srtt is None else 7 / 8 * self.srtt + 1 / 8 * rtt
        self.rto = min(max(2 * self.srtt, 1), 60)

    def on_timeout(self):
        self.rto = min(2 * self.rto, 60)
""",
        "doubles without end": """\
class Timer:
    def __init__(self):
        self.rto, self.srtt = 1.0, None

    def on_ack(self, rtt, resent):
        if resent:
            return
        if self.srtt is None:
            self.srtt, self.rttvar = rtt, rtt / 2
        else:
            self.rttvar = 3 / 4 * self.rttvar + 1 / 4 * abs(self.srtt - rtt)
            self.srtt = 7 / 8 * self.srtt + 1 / 8 * rtt
        self.rto = min(max(self.srtt + 4 * self.rttvar, 1), 60)

    def on_timeout(self):
        self.rto *= 2
""",
    },
)
