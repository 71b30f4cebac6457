"""The few SVG pieces that the pictures of a connection are made of.

Everything is text: no library, no JavaScript, and no fill that assumes a white page.

>>> line(0, 0, 10, 5)
'<line x1="0" y1="0" x2="10" y2="5" stroke="currentColor"/>'
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from .pictures import Picture

WIDTH = 700  # px: the narrowest output area that JupyterLab commonly gives a cell
DASHED = "6 4"
DOTTED = "2 3"

# How wide a character is, on average, as a part of the font's size. For what must fit.
SANS, MONO = 0.53, 0.61

Point = tuple[float, float]


def tag(name: str, content: str = "", /, **attributes: object) -> str:
    """One SVG element; `_` in an attribute's name stands for `-`, None leaves it out."""
    given = "".join(
        f' {key.strip("_").replace("_", "-")}="{_number(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{given}>{content}</{name}>" if content else f"<{name}{given}/>"


def _number(value: object) -> str:
    if isinstance(value, float):
        value = round(value, 1)
        value = int(value) if value == int(value) else value
    return html.escape(str(value))


def line(x1: float, y1: float, x2: float, y2: float, **style: object) -> str:
    given = {"stroke": "currentColor", **style}
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, **given)


def text(x: float, y: float, content: str, *, mono: bool = False, **style: object) -> str:
    """Text with its baseline at `y`; characters that no XML document may hold are shown as ·."""
    family = "ui-monospace, Menlo, Consolas, monospace" if mono else None
    given: dict[str, Any] = {
        "font_size": 12,
        "fill": "currentColor",
        "font_family": family,
        **style,
    }
    return tag("text", html.escape(printable(content)), x=x, y=y, **given)


def printable(content: str) -> str:
    return "".join(c if c.isprintable() else "·" for c in content)


def fitted(content: str, width: float, size: float, *, mono: bool = False) -> str:
    """The beginning of a text, with … where it does not fit into `width` px."""
    most = int(width / (size * (MONO if mono else SANS)))
    return content if len(content) <= most else content[: max(most - 1, 0)] + "…"


def arrow_head(x: float, y: float, *, toward: float, colour: str) -> str:
    """A filled arrow head with its tip at (x, y), pointing in the direction `toward` (radians)."""
    corners = [(x, y)] + [
        (x - 9 * math.cos(toward + turn), y - 9 * math.sin(toward + turn)) for turn in (0.4, -0.4)
    ]
    points = " ".join(f"{px:.1f},{py:.1f}" for px, py in corners)
    return tag("polygon", points=points, fill=colour)


def svg(height: float, pieces: Iterable[str], *, alt: str) -> str:
    """A drawing 700 px wide that shrinks with the page and carries its description."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {_number(float(height))}" '
        f'role="img" aria-label="{html.escape(alt)}" font-family="system-ui, sans-serif" '
        f'style="display:block;width:100%;max-width:{WIDTH}px;height:auto">{"".join(pieces)}</svg>'
    )


def drawing(
    kind: str, height: float, pieces: Iterable[str], *, alt: str, caption: str, below: str = ""
) -> Picture:
    """A `Picture` of one SVG, and of what HTML is put below it."""
    alt = printable(alt)
    return Picture(kind, svg(height, pieces, alt=alt) + below, alt=alt, caption=caption)


def nothing(kind: str, sentence: str) -> Picture:
    """A picture that says why there is nothing to draw."""
    return drawing(kind, 40, [text(10, 25, sentence)], alt=sentence, caption="")


def table(heading: Sequence[str], rows: Iterable[Sequence[str]], *, summary: str) -> str:
    """The picture in words, for a screen reader, folded away until asked for."""
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in heading)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(printable(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f"<details><summary>{html.escape(summary)}</summary>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></details>"
    )


class Scale(NamedTuple):
    """A linear map from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def scale(low: float, high: float, start: float, end: float) -> Scale:
    """A `Scale`, also where all values are the same."""
    return Scale(low, high if high > low else low + 1, start, end)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from `low` to `high`: steps of 1, 2 or 5 times a power of ten."""
    if high <= low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(power * by for by in (1, 2, 5, 10, 20) if (high - low) / (power * by) <= most)
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def thin(points: Sequence[Point]) -> list[Point]:
    """As few points as look the same: of each pixel column the first, lowest, highest, last."""
    columns: dict[int, list[Point]] = {}
    for point in points:
        columns.setdefault(round(point[0]), []).append(point)
    kept: list[Point] = []
    for column in columns.values():
        lowest, highest = min(column, key=_y), max(column, key=_y)
        chosen = {id(p): p for p in (column[0], lowest, highest, column[-1])}
        kept += [point for point in column if chosen.pop(id(point), None) is not None]
    return kept


def _y(point: Point) -> float:
    return point[1]


def polyline(points: Sequence[Point], *, step: bool = False, **style: object) -> str:
    """A line through points; with `step`, each value holds until the next."""
    if not points:
        return ""
    path = [f"M{_number(points[0][0])} {_number(points[0][1])}"]
    for x, y in thin(points)[1:]:
        path.append(f"H{_number(x)}V{_number(y)}" if step else f"L{_number(x)} {_number(y)}")
    given = {"fill": "none", "stroke_width": 1.6, **style}
    return tag("path", d="".join(path), **given)


def time_axis(at: Scale, y: float, *, unit: str, most: int = 7) -> str:
    """A horizontal axis of time below a chart: ticks, numbers and the unit."""
    pieces = [line(at.start, y, at.end, y)]
    for value in ticks(at.low, at.high, most):
        pieces.append(line(at(value), y, at(value), y + 5))
        pieces.append(text(at(value), y + 18, f"{value:,.6g}", text_anchor="middle", font_size=11))
    middle = (at.start + at.end) / 2
    pieces.append(text(middle, y + 34, f"time, {unit}", text_anchor="middle"))
    return "".join(pieces)


def value_axis(
    scale: Scale, x: float, to: float, *, label: str, show: Callable[[float], str],
    most: int = 5, at: float | None = None,
) -> str:  # fmt: skip
    """A vertical axis at `x` with faint grid lines to `to`; its label above, or at height `at`."""
    label_y = scale.end - 12 if at is None else at
    pieces = [line(x, scale.start, x, scale.end), text(4, label_y, label)]
    for value in ticks(scale.low, scale.high, most):
        y = scale(value)
        pieces.append(line(x, y, to, y, stroke_opacity=0.2))
        pieces.append(text(x - 6, y + 4, show(value), text_anchor="end", font_size=11))
    return "".join(pieces)


def legend(x: float, y: float, entries: Iterable[tuple[str, dict[str, Any]]]) -> str:
    """Samples of lines with their names, from left to right."""
    pieces = []
    for name, style in entries:
        pieces.append(line(x, y - 4, x + 24, y - 4, **{"stroke_width": 1.6, **style}))
        pieces.append(text(x + 30, y, name))
        x += 30 + len(name) * 12 * SANS + 18
    return "".join(pieces)


def time_unit(span_ns: float) -> tuple[str, float]:
    """The unit in which a span reads well, and how many nanoseconds it has."""
    if span_ns < 10_000_000:
        return "µs", 1e3
    return ("ms", 1e6) if span_ns < 10_000_000_000 else ("s", 1e9)


def duration(ns: float) -> str:
    """A span of time with three figures: '40.2 ms'."""
    for unit, size in (("s", 1e9), ("ms", 1e6)):
        if ns >= size:
            return f"{float(f'{ns / size:.3g}'):g} {unit}"
    return f"{float(f'{ns / 1e3:.3g}'):g} µs"


def count(number: int, noun: str) -> str:
    """'1 packet', '2 packets', '1,000 packets'."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
