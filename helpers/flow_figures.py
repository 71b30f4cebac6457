"""Several connections in one picture: their windows, their shares of a link.

For one connection with its queue there is `window_chart`.
"""

from __future__ import annotations

from .figures import new_figure, picture_of
from .flows import Flow, jain
from .pictures import Picture


def windows_figure(*flows: Flow) -> Picture:
    """Congestion window and smoothed round-trip time over time, side by side.

    Each flow begins at the left edge, whenever it ran. A handshake that had to be repeated,
    which for a moment counts as a long round trip, may lie above the picture.
    """
    _check(flows)
    longest = 0.0
    figure, (windows, trips) = new_figure(columns=2)
    for flow in flows:
        start = flow.samples[0][0]
        times = [(at - start) / 1e9 for at, _ in flow.samples]
        windows.plot(times, [info.snd_cwnd for _, info in flow.samples], label=repr(flow))
        settled = [info.rtt or 0 for _, info in flow.samples[len(flow.samples) // 8 :]]
        longest = max(longest, *settled)
        trips.plot(times, [1e3 * info.rtt if info.rtt else None for _, info in flow.samples])
    windows.set(xlabel="Time (s)", ylabel="Congestion window (segments)", ylim=(0, None))
    trips.set(xlabel="Time (s)", ylabel="Round trip, smoothed (ms)")
    trips.set_ylim(0, 1.1e3 * longest or None)
    figure.legend(loc="outside upper left", ncols=len(flows))
    told = "; ".join(map(repr, flows)) + "."
    alt = f"Congestion windows and round-trip times over time. {told}"
    return picture_of(figure, kind="windows", alt=alt, caption=_note(flows))


def rates_figure(*flows: Flow, width: float = 0.15) -> Picture:
    """Goodput over time of flows that shared a link, on one clock, and Jain's index.

    Parameters
    ----------
    width : float
        Seconds over which each point is averaged.
    """
    _check(flows)
    figure, (axes,) = new_figure()
    start = min(flow.samples[0][0] for flow in flows)
    for number, flow in enumerate(flows, 1):
        times, rates = flow.rates(width)
        axes.plot(
            [(at - start) / 1e9 - width / 2 for at in times],
            [rate / 1e6 for rate in rates],
            label=f"{number}. {flow!r}",
        )
    index = jain(flow.goodput for flow in flows)
    axes.set(xlabel="Time (s)", ylabel="Goodput (Mbit/s)", ylim=(0, None))
    axes.set_title(f"Jain's index {index:.2f}", loc="left", fontsize="medium")
    figure.legend(loc="outside upper left", ncols=len(flows))
    told = "; ".join(map(repr, flows))
    alt = f"Goodput over time on one link: {told}. Jain's index is {index:.2f}."
    caption = f"Mbit/s in the legend: without the first second. {_note(flows)}".strip()
    return picture_of(figure, kind="rates", alt=alt, caption=caption)


def _check(flows: tuple[Flow, ...]) -> None:
    if not 1 <= len(flows) <= 5:
        raise ValueError(f"One to five flows can be told apart in a picture; got {len(flows)}.")


def _note(flows: tuple[Flow, ...]) -> str:
    return " ".join(dict.fromkeys(flow.note for flow in flows if flow.note))
