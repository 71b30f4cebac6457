"""What servers do as more and more clients are connected: several climbs in one figure.

climb_figure(climb(threads), climb(selector), alt="…")
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .climbs import Climb, Rung, rate_in_words, size_in_words, time_in_words
from .drawing import table
from .figures import new_figure, picture_of
from .pictures import COLOURS, Picture
from .units import format_size, format_time

MOST = 7
_LINES = ("-", "--", "-.", ":", "-", "--", "-.")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
HEIGHT = 940  # px

Value = Callable[[Climb, Rung], float]


def climb_figure(*climbs: Climb, alt: str) -> Picture:
    """Six plots over the number of connected clients: p50 and p99 of the open loop, the share
    of requests without an answer, the most answers a second, memory for each connection, and
    threads. A table of all numbers is folded away below.

    Parameters
    ----------
    *climbs : Climb
        One to seven, as from `helpers.load.climb`.
    alt : str
        What the figure shows.

    Raises
    ------
    ValueError
        If `alt` describes nothing, or there are no or too many climbs.
    """
    if not 1 <= len(climbs) <= MOST:
        raise ValueError(f"climb_figure() draws 1 to {MOST} climbs; got {len(climbs)}.")
    figure, axes = new_figure(columns=2, rows=3, height=HEIGHT)
    for plot, (label, value, write) in zip(axes, _PLOTS, strict=True):
        _draw(plot, climbs, label, value, write)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=4, handlelength=3.5)
    picture = picture_of(figure, kind="climb", alt=alt, caption=_caption(climbs))
    picture.html += _all_numbers(climbs)
    return picture


def _unanswered(_climb: Climb, rung: Rung) -> float:
    return 100 * rung.unanswered


_PLOTS: tuple[tuple[str, Value, Callable[[float], str] | None], ...] = (
    ("p50 from the due time (log.)", lambda _, rung: rung.within(50), format_time),
    ("p99 from the due time (log.)", lambda _, rung: rung.within(99), format_time),
    ("Requests not answered (%)", _unanswered, None),
    ("Most answers a second", lambda _, rung: rung.answers_per_second, None),
    ("Memory a connection (log.)", Climb.memory_per_connection, format_size),
    ("Threads in all (log.)", lambda _, rung: rung.threads, "{:,.0f}".format),
)


def _draw(
    plot: Any,
    climbs: Sequence[Climb],
    label: str,
    value: Value,
    write: Callable[[float], str] | None,
) -> None:
    seen: list[float] = []
    for number, climb in enumerate(climbs):
        ys = [value(climb, rung) for rung in climb.rungs]
        # What is infinite was never answered, and has no place on the axis.
        ys = [y if math.isfinite(y) and (y > 0 or write is None) else math.nan for y in ys]
        seen += [y for y in ys if not math.isnan(y)]
        look = {"color": COLOURS[number % len(COLOURS)], "linestyle": _LINES[number]}
        xs = [rung.clients for rung in climb.rungs]
        plot.plot(xs, ys, label=climb.name, marker=_MARKERS[number], markersize=5, **look)
    plot.set(xlabel="Clients (log.)", xscale="log", ylabel=label)
    powers = [10**power for power in range(6)]
    most = max(rung.clients for climb in climbs for rung in climb.rungs)
    ticks = [power for power in powers if power <= max(most * 1.3, 10)]
    plot.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    plot.xaxis.minorticks_off()
    if write is None:
        plot.set_ylim(0, max([*seen, 1]) * 1.08)
        plot.yaxis.set_major_formatter("{x:,.0f}")
        return
    plot.set_yscale("log")
    low, high = min(seen, default=1.0), max(seen, default=10.0)
    if write is format_size:
        steps = [1.0, 10.0, 100.0, *(many * 1024.0 for many in (1, 10, 100, 1024, 10240))]
    else:
        steps = [digit * 10.0**power for power in range(-9, 10) for digit in (1, 2, 5)]
    around = 10.1 if write is format_size else 2.6
    inside = [step for step in steps if low / around < step < high * around]
    if len(inside) > 7 and write is not format_size:
        inside = [step for step in inside if f"{step:e}".startswith("1")]
    plot.set_ylim(min(low, inside[0]) / 1.2, max(high, inside[-1]) * 1.2)
    plot.set_yticks(inside, [write(step) for step in inside])
    plot.yaxis.minorticks_off()


def _caption(climbs: Sequence[Climb]) -> str:
    answered = [r.responses for c in climbs for r in c.rungs if r.responses]
    late = max((responses.late for responses in answered), default=0.0)
    rates = {round(responses.rate) for responses in answered}
    told = " or ".join(f"{rate:,}" for rate in sorted(rates))
    ends = " ".join(climb.story for climb in climbs if climb.story)
    return (
        f"Open loop: {told} requests a second over all clients, timed from when they were "
        f"due. The load generator itself sent up to {format_time(late)} late (p99, on the worst "
        "rung). No mark: not so many requests were answered at all. Most answers: up to 100 "
        "clients that ask without a pause; near the top it is the load generator that is "
        "measured. Memory: what the server's processes took for each further connection, without "
        f"the kernel's share. {ends}"
    ).strip()


def _all_numbers(climbs: Sequence[Climb]) -> str:
    rows = [
        (
            climb.name,
            f"{rung.clients:,}",
            f"{rung.open:,}",
            f"{rung.served:,}",
            time_in_words(rung.within(50)),
            time_in_words(rung.within(99)),
            f"{rung.unanswered:.0%}",
            rate_in_words(rung.answers_per_second),
            size_in_words(climb.memory_per_connection(rung)),
            f"{rung.threads:,}",
            f"{rung.processes:,}",
        )
        for climb in climbs
        for rung in climb.rungs
    ]
    heading = (
        "server", "clients", "open", "served", "p50", "p99", "not answered", "most answers/s",
        "memory a connection", "threads", "processes",
    )  # fmt: skip
    return table(heading, rows, summary="All numbers")
