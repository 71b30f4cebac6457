"""Measurements as figures: one style, described in words, readable on any page.

A figure is drawn by matplotlib and becomes SVG inside a `Picture`: text, axes and
grid take the colour of the text around them. Your own figure has the same style:

>>> figure, (axes,) = new_figure()
>>> line = axes.plot([1, 2, 3], [10, 40, 90])
>>> axes.set(xlabel="Time (s)", ylabel="Bytes in the queue (B)")[0]
Text(0.5, 0, 'Time (s)')
>>> picture_of(figure, kind="queue", alt="The queue grows with every second.")
The queue grows with every second.

Nothing here touches pyplot, so no backend, no window and no state is left behind.
"""

from __future__ import annotations

import html
import io
import logging
import math
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from .measure import Latency, Throughput
from .pictures import COLOURS, Picture, checked_alt
from .units import format_rate, format_size, format_time

# Once for each account matplotlib looks for fonts. If it takes long it says so, as a warning: in
# a notebook that looks like an error.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

WIDTHS = {1: 560, 2: 760}  # CSS pixels, by number of plots side by side
HEIGHT = 340
# matplotlib's own sizes, enlarged by so much when shown: letters of 13 pixels.
ENLARGED = 1.3
DRAWN_POINTS = 200  # of each curve: more than a screen can show
BEYOND = 10  # samples that must lie beyond a percentile for it to be drawn

_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
_MARKERS = ("o", "s", "^", "D", "v")


def new_figure(columns: int = 1, rows: int = 1, height: float = HEIGHT) -> tuple[Any, list[Any]]:
    """An empty figure in the course's style, and its plots from left to right.

    Parameters
    ----------
    columns : int
        How many plots side by side, 1 or 2.
    rows : int
        How many such rows, one above the other.
    height : float
        Of the whole figure, in CSS pixels.

    Returns
    -------
    (matplotlib.figure.Figure, list of matplotlib.axes.Axes)
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    if columns not in WIDTHS:
        raise ValueError(f"A figure has 1 or 2 plots side by side; got columns={columns!r}.")
    with rc_context(_style()):
        figure = Figure(figsize=(_inches(WIDTHS[columns]), _inches(height)), layout="constrained")
        return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def picture_of(figure: Any, *, kind: str, alt: str, caption: str = "") -> Picture:
    """A matplotlib figure as a `Picture`: SVG in the colours of the page around it.

    Whatever is black in the figure takes the colour of the text around it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        As from `new_figure`. Both axes of each plot need a label, with the unit.
    kind, alt, caption : str
        As for `Picture`. The caption also goes into the picture's description.

    Raises
    ------
    ValueError
        If `alt` describes nothing, or an axis has no label.
    """
    from matplotlib import rc_context
    from matplotlib.legend import Legend

    alt = checked_alt(alt)
    for number, axes in enumerate(figure.axes, start=1):
        for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
            if axis.get_visible() and not axis.get_label_text().strip():
                raise ValueError(
                    f"The {name} axis of plot {number} has no label: say what it shows and in "
                    f"which unit, as in axes.set_{name}label('Goodput (bit/s)')."
                )
    for legend in figure.findobj(Legend):
        legend.set_frame_on(False)  # its white ground would cover a dark page
    file = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context(_style()):
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    svg = _inline(file.getvalue(), title=alt, description=caption)
    return Picture(kind, svg, alt=alt, caption=caption)


def latency_figure(*samples: Latency, alt: str) -> Picture:
    """The distribution of latencies, and its tail.

    Left: for each time, the share of calls that took no longer (the empirical
    cumulative distribution). Right: for each percentile, the time within which so
    many calls returned, on an axis that gives each further 9 the same room.
    Nothing is smoothed: the curves are steps between samples. A percentile is drawn
    only if at least 10 samples lie beyond it; fewer would make it a matter of chance.

    Parameters
    ----------
    *samples : Latency
        One to five runs, each of at least 20 calls.
    alt : str
        What the figure shows. The measured numbers are added to it.

    Raises
    ------
    ValueError
        If `alt` describes nothing, or there are too few or too many samples.
    """
    _check_curves("latency_figure", samples)
    for run in samples:
        if len(run.nanoseconds) < 2 * BEYOND:
            raise ValueError(
                f"A distribution needs at least {2 * BEYOND} samples; {run.label!r} has "
                f"{len(run.nanoseconds)}. Measure with more rounds."
            )
    figure, (shares, tail) = new_figure(columns=2)
    for run, style in zip(samples, _curve_styles(), strict=False):
        total = len(run.ordered)
        ranks = _ranks(total)
        times = [max(run.ordered[rank - 1], 1) / 1e9 for rank in ranks]
        marked = {p: ranks.index(_rank(p, total)) for p in (50, 99) if _is_drawn(p, total)}
        style["markevery"] = list(marked.values())
        told = ", ".join(f"p{p} {format_time(run.percentile(p))}" for p in marked)
        label = f"{run.label} ({told})"
        drawn = [rank for rank in ranks if total - rank >= BEYOND]
        shares.step(times, [100 * rank / total for rank in ranks], where="post", **style)
        tail.step(
            [total / (total - rank) for rank in drawn],
            times[: len(drawn)],
            where="pre",
            label=label,
            **style,
        )
        for p, index in marked.items() if len(samples) == 1 else ():
            text = f"p{p}: {format_time(run.percentile(p))}"
            shares.annotate(text, (times[index], p), (9, -4), textcoords="offset points", va="top")
    _log_axis(shares, "x", shares.dataLim.intervalx, format_time)
    _log_axis(tail, "y", tail.dataLim.intervaly, format_time)
    shares.set_yticks([0, 25, 50, 75, 99], ["0", "25", "50", "75", "99"])
    shares.set(xlabel="Latency (logarithmic)", ylabel="Calls that took no longer (%)")
    shares.set_ylim(0, 103)
    shown = [
        p
        for p in (0, 50, 90, 99, 99.9, 99.99, 99.999)
        if any(_is_drawn(p, len(run.ordered)) for run in samples)
    ]
    tail.set(xlabel="Percentile (%)", ylabel="Latency (logarithmic)", xscale="log")
    tail.xaxis.minorticks_off()
    tail.set_xticks([100 / (100 - p) for p in shown], [f"{p:g}" for p in shown])
    _add_legend(figure, tail)
    # With many curves the legend has told p50 and p99: the rest would be a wall of numbers.
    few = len(samples) <= 3
    caption = " ".join(run.summary() if few else run.circumstances() for run in samples)
    caption += f" The right curve ends where {BEYOND} samples are left beyond it."
    if max(len(run.ordered) for run in samples) > DRAWN_POINTS:
        caption += f" Each curve is drawn through about {DRAWN_POINTS} of its samples."
    caption = f"{caption} {_notes(samples)}".strip()
    return picture_of(figure, kind="latency", alt=alt, caption=caption)


def throughput_figure(*curves: Throughput, alt: str) -> Picture:
    """Goodput against message size, both logarithmic, with a mark at each measurement.

    Parameters
    ----------
    *curves : Throughput
        One to five runs.
    alt : str
        What the figure shows. The measured numbers are added to it.

    Raises
    ------
    ValueError
        If `alt` describes nothing, or there are no or too many curves.
    """
    _check_curves("throughput_figure", curves)
    figure, (axes,) = new_figure()
    for curve, style in zip(curves, _curve_styles(), strict=False):
        label = f"{curve.label} (up to {format_rate(max(curve.bits_per_second))})"
        axes.plot(curve.sizes, curve.bits_per_second, label=label, **style)
    sizes = sorted({size for curve in curves for size in curve.sizes})
    ticks = [16**power for power in range(9) if sizes[0] <= 16**power <= sizes[-1]]
    if len(ticks) < 2:
        ticks = sorted({sizes[0], sizes[-1]})
    axes.set(xlabel="Message size (logarithmic)", xscale="log")
    axes.xaxis.minorticks_off()
    axes.set_xticks(ticks, [format_size(size) for size in ticks])
    axes.set(ylabel="Goodput (logarithmic)")
    _log_axis(axes, "y", axes.dataLim.intervaly, format_rate)
    _add_legend(figure, axes)
    caption = f"{' '.join(curve.summary() for curve in curves)} {_notes(curves)}".strip()
    return picture_of(figure, kind="throughput", alt=alt, caption=caption)


def _style() -> dict[str, Any]:
    from matplotlib.rcsetup import cycler

    return {
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=_LINES),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "grid.alpha": 0.15,
        "grid.color": "black",
        "svg.fonttype": "none",  # text stays text: a tenth of the size of outlines
        "svg.hashsalt": None,  # a new salt for each file: no two figures share an id
    }


def _inches(pixels: float) -> float:
    return pixels / ENLARGED / 72


def _curve_styles() -> list[dict[str, Any]]:
    """How to tell curves apart: by colour, by line, and by mark."""
    looks = zip(COLOURS, _LINES, _MARKERS, strict=True)
    return [{"color": colour, "linestyle": line, "marker": mark} for colour, line, mark in looks]


def _check_curves(name: str, curves: Sequence[object]) -> None:
    if not 1 <= len(curves) <= len(COLOURS):
        raise ValueError(
            f"{name}() draws 1 to {len(COLOURS)} measurements, more could not be told apart; "
            f"got {len(curves)}."
        )


def _notes(runs: Sequence[Latency | Throughput]) -> str:
    """Where these were measured, each note once, if not just now on this machine."""
    return " ".join(dict.fromkeys(run.note for run in runs if run.note))


def _is_drawn(p: float, total: int) -> bool:
    return total - _rank(p, total) >= BEYOND


def _rank(p: float, total: int) -> int:
    """The nearest rank of a percentile: see `Latency.percentile`."""
    return max(1, math.ceil(round(p / 100 * total, 6)))


def _ranks(total: int) -> list[int]:
    """Which of `total` ordered samples to draw, from rank 1 to `total`.

    Half of them are spaced evenly, for the left plot. The others get closer and
    closer towards the longest: each further 9 has as many, for the right plot.
    """
    if total <= DRAWN_POINTS:
        return list(range(1, total + 1))
    half = DRAWN_POINTS // 2
    even = {1 + round(step * (total - 1) / half) for step in range(half + 1)}
    tail = {total - round(total ** (step / half)) for step in range(half)}
    return sorted(even | tail | {_rank(50, total), _rank(99, total), total - BEYOND})


def _log_axis(
    axes: Any, name: str, interval: Sequence[float], text: Callable[[float], str]
) -> None:
    """A logarithmic axis around an interval, with two to six ticks, written by `text`."""
    low, high = interval
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    first = max(step for step in steps if step <= low * 1.0001)
    last = min(step for step in steps if step >= high * 0.9999 and step > first)
    ticks = [step for step in steps if first <= step <= last]
    if len(ticks) > 6:
        tens = [10.0**power for power in powers if first <= 10.0**power <= last]
        ticks = tens[:: 1 + len(tens) // 7]
    margin = (last / first) ** 0.04  # room for a mark at the very edge
    axes.set(**{f"{name}scale": "log", f"{name}lim": (first / margin, last * margin)})
    axis = getattr(axes, f"{name}axis")
    axis.minorticks_off()
    axis.set_ticks(ticks, labels=[text(tick) for tick in ticks])


def _add_legend(figure: Any, axes: Any) -> None:
    """Name the curves above the plots, if there are several, without taking room from them."""
    handles, names = axes.get_legend_handles_labels()
    if len(handles) > 1:
        names = [textwrap.fill(name, 60) for name in names]
        lines = "\n".join(names).count("\n") + 1
        figure.set_figheight(_inches(HEIGHT + 24 * lines))
        figure.legend(handles, names, loc="outside upper left", handlelength=4)


def _inline(svg: str, *, title: str, description: str) -> str:
    """matplotlib's SVG file as a described element of a page that may hold many."""
    head, body = svg[svg.index("<svg") :].split(">", 1)
    # Its style sheet would apply to the whole page: the root's style says the same.
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, count=1, flags=re.DOTALL)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', body))
    body = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", body)
    body = re.sub(r'font-family: [^;"]*;? ?', "", body)
    body = re.sub(r"\n\s*", "\n", body).replace("#000000", "currentColor")
    found = re.search(r'viewBox="0 0 (\S+) (\S+)"', head)
    assert found is not None, "matplotlib writes a viewBox"
    label = html.escape(f"{title} {description}".strip())
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{found[0]} role="img" aria-label="{label}" style="display:block;width:100%;height:auto;'
        f"max-width:{float(found[1]) * ENLARGED:.0f}px;fill:currentColor;stroke-linejoin:round;"
        f'stroke-linecap:butt;font-family:sans-serif"><title>{html.escape(title)}</title>'
        f"<desc>{html.escape(description)}</desc>{body}"
    )
