"""What was sampled at both ends of a connection: TCP states, and where the bytes are.

with sample_queues(sender, receiver, total=1_000_000) as samples:
    ...
where_are_my_bytes(samples)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .charts import LEFT, RIGHT
from .drawing import (
    DOTTED,
    SANS,
    Scale,
    count,
    drawing,
    duration,
    line,
    nothing,
    scale,
    table,
    tag,
    text,
    thin,
    time_axis,
    time_unit,
    value_axis,
)
from .kernel_samples import Ends, Whereabouts
from .pictures import BLUE, GREEN, GREY, ORANGE, PINK, Picture

# From the top of the stack to the bottom: the way the bytes go.
_PLACES = (
    ("application", "not yet given to the kernel", GREY, 0.25),
    ("unsent", "in the send queue, not sent", ORANGE, 0.4),
    ("in_flight", "in flight", PINK, 0.5),
    ("receive_queue", "in the receive queue", BLUE, 0.55),
    ("read", "read by the application", GREEN, 0.3),
)
_STATE_COLOURS = {
    "ESTABLISHED": GREEN,
    "TIME_WAIT": ORANGE,
    "CLOSE_WAIT": PINK,
    "CLOSED": GREY,
}  # all others are on their way from one to the next: blue


def where_are_my_bytes(samples: Sequence[tuple[int, Whereabouts | None]]) -> Picture:
    """All bytes of a transfer over time, stacked by where they are.

    A byte enters at the top, in the sending application, and ends at the bottom, read by the
    receiving one. The height of the stack is the same at all times: no byte is ever lost.

    Parameters
    ----------
    samples : sequence of (time_ns, Whereabouts)
        As recorded by `sample_queues`. None is skipped.
    """
    known = [(time, value) for time, value in samples if value is not None]
    if not known:
        return nothing("bytes in flight", "No samples were taken: there is nothing to draw.")
    start, span = known[0][0], known[-1][0] - known[0][0]
    unit, size = time_unit(span)
    x = scale(0, span / size, LEFT, RIGHT)
    total = max(sum(value) for _, value in known)
    y = scale(0, total, 400, 116)
    xs = [x((time - start) / size) for time, _ in known]
    pieces = _stack_legend()
    below = [0] * len(known)
    for name, label, colour, opacity in reversed(_PLACES):
        heights = [getattr(value, name) for _, value in known]
        above = [low + height for low, height in zip(below, heights, strict=True)]
        edges = [[(at, y(v)) for at, v in zip(xs, edge, strict=True)] for edge in (above, below)]
        style = {"fill": colour, "fill_opacity": opacity, "data_place": name}
        pieces.append(tag("path", d=_area(*edges), **style))
        pieces.append(_area_label(edges[0], edges[1], label))
        below = above
    pieces.append(value_axis(y, LEFT, RIGHT, label="bytes", show="{:,.0f}".format))
    pieces.append(time_axis(x, 400, unit=unit))
    told = f"{_bytes_words(known, total, span)} {getattr(samples, 'note', '')}".strip()
    return drawing(
        "bytes in flight", 440, pieces, alt=f"Where the bytes are, over time. {told}", caption=told
    )


def _stack_legend() -> list[str]:
    """The places in the order in which they lie on each other."""
    pieces = []
    for row, (_, label, colour, opacity) in enumerate(_PLACES):
        y = 4 + 16 * row
        pieces.append(
            tag("rect", x=LEFT, y=y, width=22, height=12, fill=colour, fill_opacity=opacity,
                stroke="currentColor", stroke_opacity=0.6)
        )  # fmt: skip
        pieces.append(text(LEFT + 30, y + 11, label))
    return pieces


def _area(above: list[tuple[float, float]], below: list[tuple[float, float]]) -> str:
    """The path of an area between two edges, each of which holds its value until the next."""
    upper, lower = thin(above), thin(below)
    path = f"M{upper[0][0]:.1f} {upper[0][1]:.1f}"
    path += "".join(f"H{at:.1f}V{value:.1f}" for at, value in upper[1:])
    path += f"V{lower[-1][1]:.1f}"
    for (at, _), (_, value) in zip(lower[::-1], lower[-2::-1], strict=False):
        path += f"H{at:.1f}V{value:.1f}"
    return path + f"H{lower[0][0]:.1f}Z"


def _area_label(
    above: list[tuple[float, float]], below: list[tuple[float, float]], label: str
) -> str:
    """The name of an area inside it, where it has room."""
    half = len(label) * 12 * SANS / 2 + 4
    room: list[tuple[float, float, float]] = []
    for at, _ in thin(above):
        if not LEFT + half <= at <= RIGHT - half:
            continue
        inside = [i for i, (x, _) in enumerate(above) if at - half <= x <= at + half]
        # A step line keeps its value up to the next sample, so the one before counts too.
        inside.insert(0, max(inside[0] - 1, 0))
        lowest, highest = min(below[i][1] for i in inside), max(above[i][1] for i in inside)
        room.append((lowest - highest, at, (lowest + highest) / 2))
    height, at, middle = max(room, default=(0.0, 0.0, 0.0))
    return text(at, middle + 4, label, text_anchor="middle") if height >= 18 else ""


def _bytes_words(known: list[tuple[int, Whereabouts]], total: int, span: int) -> str:
    most = {name: max(getattr(value, name) for _, value in known) for name, *_ in _PLACES}
    read = known[-1][1].read
    return (
        f"{count(total, 'byte')} in {duration(span)}, {len(known):,} samples. At most "
        f"{most['unsent']:,} waited in the send queue, {most['in_flight']:,} were in flight and "
        f"{most['receive_queue']:,} waited in the receive queue; {read:,} were read in the end."
    )


class Run(NamedTuple):
    """A state, from the sample that first saw it to the first that saw another."""

    state: str
    start_ns: int
    end_ns: int


def state_strip(
    samples: Sequence[tuple[int, Ends | None]], *, names: tuple[str, str] = ("client", "server")
) -> Picture:
    """The TCP states of both ends over time, as two strips.

    Parameters
    ----------
    samples : sequence of (time_ns, Ends)
        As recorded by `sample_states`. None is skipped.
    names : pair of str
        How to call the two ends.
    """
    known = [(time, value) for time, value in samples if value is not None]
    if not known:
        return nothing("states", "No samples were taken: there is nothing to draw.")
    start, span = known[0][0], known[-1][0] - known[0][0]
    unit, size = time_unit(span)
    x = scale(0, span / size, LEFT, RIGHT)
    both = [_runs([(time, value[end]) for time, value in known]) for end in (0, 1)]
    pieces, y = [], 14.0
    for name, runs in zip(names, both, strict=True):
        pieces.append(text(LEFT - 10, y + 21, name, text_anchor="end", font_weight="bold"))
        drawn, y = _strip(runs, start, size, x, y)
        pieces += drawn
    pieces.append(time_axis(x, y, unit=unit))
    told = "; ".join(
        f"{name}: " + ", ".join(run.state for run in runs)
        for name, runs in zip(names, both, strict=True)
    )
    gaps = len(known) - 1
    caption = (
        f"{told}. Sampled every {duration(span / gaps) if gaps else 'once'} on average: a state "
        f"that lasted less may have been missed. {getattr(samples, 'note', '')}"
    ).strip()
    rows = [
        (name, run.state, duration(run.start_ns - start), duration(run.end_ns - run.start_ns))
        for name, runs in zip(names, both, strict=True)
        for run in runs
    ]
    words = table(("end", "state", "from", "for"), rows, summary="The same in words")
    return drawing(
        "states", y + 40, pieces, alt=f"TCP states over time. {told}.", caption=caption, below=words
    )


def _runs(states: list[tuple[int, str]]) -> list[Run]:
    runs = [Run(states[0][1], states[0][0], states[0][0])]
    for time, state in states[1:]:
        runs[-1] = runs[-1]._replace(end_ns=time)
        if state != runs[-1].state:
            runs.append(Run(state, time, time))
    return runs


def _strip(runs: list[Run], start: int, size: float, x: Scale, y: float) -> tuple[list[str], float]:
    """One end's states as boxes; the name of a narrow one stands below it. And where it ends."""
    pieces = []
    starts: list[float] = []  # of the leftmost name on each line below the strip
    # From right to left, so that no line down to a name crosses the name of another.
    for run in reversed(runs):
        left, right = (x((time - start) / size) for time in (run.start_ns, run.end_ns))
        width = max(right - left, 1.5)
        gone = run.state == "CLOSED"
        pieces.append(
            tag("rect", x=left, y=y, width=width, height=34, class_="state",
                data_state=run.state, stroke="currentColor",
                stroke_dasharray=DOTTED if gone else None,
                fill=_STATE_COLOURS.get(run.state, BLUE), fill_opacity=0.1 if gone else 0.35)
        )  # fmt: skip
        needed = len(run.state) * 12 * 0.66 + 6
        if width >= needed:
            pieces.append(text(left + width / 2, y + 21, run.state, text_anchor="middle"))
            continue
        foot = left + width / 2
        at = min(foot, RIGHT - needed)
        # Clear of the names on its own line, and of the lines that go down to deeper ones.
        levels = range(len(starts))
        level = next((i for i in levels if at + needed < min(starts[i:])), len(starts))
        starts[level : level + 1] = [at]
        under = y + 50 + 16 * level
        pieces.append(line(foot, y + 34, foot, under - 12 if at < foot else under - 3))
        pieces.append(text(at + 4, under, run.state))
    return pieces, y + 34 + 16 * len(starts) + 24
