"""A retry storm, simulated: many clients that have lost their server at the same moment.

At time 0 a server has restarted and every client asks again. The server answers in turn, so many
a second. A bounded number may wait; others are refused at once, which takes the server a
hundredth of an answer's time. Who is refused waits for `delay(attempt)` seconds, attempt 0 first,
and asks again. Nothing here takes real time or touches
a socket, and the same delays give the same storm.

>>> storm(lambda attempt: 1.0, clients=3, label="calm").attempts
3
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from .figures import new_figure, picture_of
from .pictures import Picture

RATE = 200  # answers a second
ROOM = 50  # requests that may wait
REFUSAL = 1 / RATE / 100  # seconds of the server's time
TRIP = 0.02  # seconds from a refusal to the earliest next attempt
MOST = 200_000  # attempts: then the storm is left to itself
BIN = 0.1  # seconds


@dataclass(frozen=True)
class Storm:
    """What became of it.

    Attributes
    ----------
    label : str
        How the clients waited.
    clients : int
        How many there were.
    times : list of float
        When each attempt reached the server, in seconds.
    served : list of float
        When each client had its answer.
    """

    label: str
    clients: int
    times: list[float]
    served: list[float]

    @property
    def attempts(self) -> int:
        return len(self.times)

    @property
    def end(self) -> float:
        """When the last answer came, in seconds."""
        return max(self.served, default=0.0)

    def __repr__(self) -> str:
        each = self.attempts / self.clients
        return (
            f"{self.label}: {self.attempts:,} attempts of {self.clients:,} clients "
            f"({each:.1f} each), all answered after {self.end:.1f} s"
            if len(self.served) == self.clients
            else f"{self.label}: after {self.attempts:,} attempts and {self.times[-1]:.1f} s "
            f"{len(self.served):,} of {self.clients:,} clients are answered: given up"
        )


def storm(delay: Callable[[int], float], *, clients: int = 400, label: str) -> Storm:
    """Let so many clients ask at once, and retry after `delay(attempt)` seconds.

    ValueError if `delay` gives something that is no time.
    """
    times: list[float] = []
    served: list[float] = []
    coming = [(0.0, number, 0) for number in range(clients)]
    free_at = 0.0  # when the server will have answered all that wait
    while coming and len(times) < MOST:
        now, number, attempt = heapq.heappop(coming)
        times.append(now)
        if (free_at - now) * RATE < ROOM:
            free_at = max(free_at, now) + 1 / RATE
            served.append(free_at)
            continue
        free_at += REFUSAL
        wait = delay(attempt)
        if not wait >= 0:
            raise ValueError(f"delay({attempt}) is {wait!r}: not a time in seconds.")
        heapq.heappush(coming, (now + TRIP + wait, number, attempt + 1))
    return Storm(label, clients, times, served)


def storm_figure(*storms: Storm) -> Picture:
    """Attempts over time, a row for each storm, with the rate that the server can answer."""
    figure, rows = new_figure(rows=len(storms), height=130 * len(storms) + 40)
    longest = max(each.times[-1] for each in storms) + 2 * BIN
    for axes, each in zip(rows, storms, strict=True):
        bins = Counter(int(at / BIN) for at in each.times)
        steps = range(int(longest / BIN) + 1)
        heights = [max(bins[step] / BIN, 1) for step in steps]
        axes.stairs(
            heights, [step * BIN for step in (*steps, steps[-1] + 1)], baseline=1, fill=True
        )
        axes.axhline(RATE, color="black", linestyle="--", linewidth=1)
        axes.set(yscale="log", ylim=(8, 1e5), xlim=(0, longest), ylabel="Attempts/s")
        axes.set_yticks([10, 100, 1000, 10_000], ["10", "100", "1 k", "10 k"])
        axes.minorticks_off()
        axes.set_title(repr(each), loc="left", fontsize="small")
        axes.set_xlabel("Time (s)")
        axes.xaxis.set_visible(axes is rows[-1])
    told = "; ".join(map(repr, storms))
    alt = f"Attempts a second over time, one row for each way to retry. {told}."
    caption = (
        f"Dashed: the {RATE} a second that the server can answer. A simulation: {ROOM} requests "
        "may wait, others are refused, at a hundredth of the cost of an answer."
    )
    return picture_of(figure, kind="storm", alt=alt, caption=caption)
