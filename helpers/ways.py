"""Many ways of carrying bytes side by side: a row for each, however far apart they are.

`latency_figure` and `throughput_figure` show the shape of a few measurements. Here each
measurement is one row on a logarithmic axis, so that a function call and a wire across an
ocean have room in one picture.

>>> from helpers.measure import latency
>>> runs = [latency(lambda: None, rounds=100, label="a call"),
...         latency(lambda: sum(range(999)), rounds=100, label="a sum")]
>>> compare_ways(*runs, alt="The times of two calls, a row for each.").kind
'latency of ways'
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .figures import new_figure, picture_of
from .measure import Latency, Throughput
from .pictures import BLUE, COLOURS, GREY, ORANGE, Picture
from .units import format_rate, format_size, format_time

_MARKERS = ("o", "s", "^", "D", "v")
_ROW = 0.36  # inches of height that a row adds
_MOST_TICKS = 7


def goodput(
    carry: Callable[[bytes], object], *, sizes: Iterable[int], seconds: float = 0.05, label: str
) -> Throughput:
    """Measure the goodput of messages that are carried one after the other.

    Unlike `throughput` this waits for each message before it begins the next, and needs no
    second thread: so it also measures what is no stream, and what is no socket at all. Of two
    measurements the better one counts.

    Parameters
    ----------
    carry : callable
        Takes a message as bytes, and returns once all of it has come out at the other end.
    sizes : iterable of int
        Message sizes in bytes.
    seconds : float
        How long, at least, to carry messages of each size; about as long again, to warm up.
    label : str
        How they are carried, in a few words.

    Raises
    ------
    ValueError
        If there is no size, a size is below 1, or `seconds` is not above 0.
    """
    ordered = tuple(sorted(set(sizes)))
    if not ordered or ordered[0] < 1 or not seconds > 0:
        raise ValueError(
            "goodput() needs sizes of at least 1 byte and a time above 0; "
            f"got {ordered} and {seconds!r}."
        )
    rates = []
    for size in ordered:
        message = b"x" * size  # not bytes(size): the kernel may keep zeros as one shared page
        count = 4
        # As timeit does: twice as many, until it takes long enough. All before that warm up.
        while (elapsed := _time(carry, message, count)) < seconds:
            count *= 2
        # And once more: what disturbs a measurement only ever makes it slower.
        elapsed = min(elapsed, _time(carry, message, count))
        rates.append(8 * size * count / elapsed)
    return Throughput(label, ordered, tuple(rates), seconds)


def _time(carry: Callable[[bytes], object], message: bytes, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        carry(message)
    return time.perf_counter() - start


def compare_ways(*runs: Latency | Throughput, alt: str) -> Picture:
    """A row for each measurement, on one logarithmic axis.

    Of a latency: the median and the 99th percentile. Of a throughput: a mark for each size.

    Parameters
    ----------
    *runs : Latency or Throughput
        All of one kind; throughputs all with the same sizes, at most five.
    alt : str
        What the figure shows. The measured numbers are added to it.

    Raises
    ------
    ValueError
        If the runs cannot share a picture, or `alt` describes nothing.
    """
    latencies = [run for run in runs if isinstance(run, Latency)]
    rates = [run for run in runs if isinstance(run, Throughput)]
    if latencies and not rates:
        return _latency_rows(latencies, alt)
    same = len({run.sizes for run in rates}) == 1 and len(rates[0].sizes) <= len(_MARKERS)
    if latencies or not same:
        raise ValueError(
            "compare_ways() draws latencies, or throughputs that all have the same sizes "
            f"(at most {len(_MARKERS)}); it got {[*runs]!r}."
        )
    return _throughput_rows(rates, alt)


def _latency_rows(runs: Sequence[Latency], alt: str) -> Picture:
    figure, axes = _rows([run.label for run in runs])
    medians, tails = ([run.percentile(p) for run in runs] for p in (50, 99))
    axes.hlines(range(len(runs)), medians, tails, color=GREY, linewidth=2)
    axes.plot(medians, range(len(runs)), "o", color=BLUE, label="p50, the median")
    axes.plot(tails, range(len(runs)), ">", color=ORANGE, label="p99")
    for row, median in enumerate(medians):
        place: dict[str, Any] = {"xytext": (-8, 0), "textcoords": "offset points"}
        axes.annotate(
            format_time(median), (median, row), ha="right", va="center", fontsize=9, **place
        )
    _spread(axes, [*medians, *tails], format_time)
    axes.set_xlabel("Latency (logarithmic)")
    figure.legend(loc="outside upper left", ncols=2)
    said = [
        f"{run.label}: p50 {format_time(run.percentile(50))}, p99 {format_time(run.percentile(99))}"
        for run in runs
    ]
    caption = f"{'; '.join(said)}. {_notes(runs)}".strip()
    return picture_of(figure, kind="latency of ways", alt=alt, caption=caption)


def _throughput_rows(runs: Sequence[Throughput], alt: str) -> Picture:
    figure, axes = _rows([run.label for run in runs])
    for row, run in enumerate(runs):
        ends = min(run.bits_per_second), max(run.bits_per_second)
        axes.hlines(row, *ends, color=GREY, linewidth=2)
    for place, size in enumerate(runs[0].sizes):
        axes.plot(
            [run.bits_per_second[place] for run in runs],
            range(len(runs)),
            linestyle="none",
            marker=_MARKERS[place],
            color=COLOURS[place],
            label=format_size(size),
        )
    _spread(axes, [rate for run in runs for rate in run.bits_per_second], format_rate)
    axes.set_xlabel("Goodput (logarithmic), a mark for each size of message")
    figure.legend(loc="outside upper left", ncols=len(runs[0].sizes))
    said = [
        f"{run.label}: {format_rate(run.bits_per_second[0])} and "
        f"{format_rate(run.bits_per_second[-1])}"
        for run in runs
    ]
    first, last = format_size(runs[0].sizes[0]), format_size(runs[0].sizes[-1])
    caption = f"With {first} and {last} a message: {'; '.join(said)}. {_notes(runs)}".strip()
    return picture_of(figure, kind="throughput of ways", alt=alt, caption=caption)


def _rows(labels: Sequence[str]) -> tuple[Any, Any]:
    figure, (axes,) = new_figure()
    figure.set_figheight(1.3 + _ROW * len(labels))
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_ylabel("Way")
    return figure, axes


def _spread(axes: Any, values: Sequence[float], show: Callable[[float], str]) -> None:
    """A logarithmic axis with room at its left for the numbers beside the marks."""
    low, high = min(values) / 15, max(values) * 2
    powers = [10.0**power for power in range(-12, 18) if low <= 10.0**power <= high]
    ticks = powers[:: 1 + (len(powers) - 1) // _MOST_TICKS]
    axes.set(xscale="log", xlim=(low, high))
    axes.xaxis.minorticks_off()
    axes.set_xticks(ticks, [show(tick) for tick in ticks])


def _notes(runs: Sequence[Latency | Throughput]) -> str:
    """Where these were measured, each note once, if not just now on this machine."""
    return " ".join(dict.fromkeys(run.note for run in runs if run.note))
