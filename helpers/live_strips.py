"""Numbers of a service, drawn while they come: a strip for each, one above the other.

    live = LiveStrips("members", "messages/s")
    for …:
        live.add(seconds, len(members), rate)

The picture in the output of the cell is drawn anew with each `add`. It is a few lines of SVG,
made in about a millisecond: who draws must not disturb what is measured.

>>> live = LiveStrips("members", shown=False)
>>> live.add(0.0, 3)
>>> live.add(0.5, 4)
>>> live.picture()
members, over 0.5 s. members: 3 to 4, 4 at the end.
"""

from __future__ import annotations

from typing import Any

from .drawing import WIDTH, drawing, line, nothing, polyline, scale, text, time_axis
from .pictures import BLUE, GREEN, ORANGE, PINK, Picture

STRIP = 78.0  # px of height
LEFT, RIGHT = 60.0, WIDTH - 120.0
COLOURS = (BLUE, ORANGE, GREEN, PINK)


class LiveStrips:
    """Up to four numbers over time. Shown at once in the output of the cell that makes it.

    Parameters
    ----------
    *names : str
        What each number is, with its unit: "p99 (ms)".
    shown : bool
        Whether to show it, and to draw it anew with each `add`.
    """

    def __init__(self, *names: str, shown: bool = True) -> None:
        if not 1 <= len(names) <= len(COLOURS):
            raise ValueError(f"1 to {len(COLOURS)} strips can be drawn; got {len(names)} names.")
        self.names = names
        self._rows: list[tuple[float, tuple[float | None, ...]]] = []
        self._handle: Any = None
        if shown:
            from IPython.display import display

            self._handle = display(self.picture(), display_id=True)

    def add(self, at: float, *values: float | None) -> None:
        """The numbers at so many seconds; None where there is none."""
        if len(values) != len(self.names):
            raise ValueError(f"{len(self.names)} numbers are drawn; got {len(values)}.")
        self._rows.append((at, values))
        if self._handle is not None:
            self._handle.update(self.picture())

    def picture(self) -> Picture:
        """What has come so far."""
        if len(self._rows) < 2:
            return nothing("live", "Waiting for the first numbers …")
        times = [at for at, _ in self._rows]
        x = scale(min(0.0, times[0]), times[-1], LEFT, RIGHT)
        pieces, told = [], []
        for number, name in enumerate(self.names):
            points = [
                (at, value) for at, values in self._rows if (value := values[number]) is not None
            ]
            top = 18 + number * STRIP
            pieces += _strip(name, points, x, top, COLOURS[number])
            if points:
                low, high = min(v for _, v in points), max(v for _, v in points)
                told.append(f"{name}: {low:,.4g} to {high:,.4g}, {points[-1][1]:,.4g} at the end")
        bottom = 18 + len(self.names) * STRIP
        pieces.append(time_axis(x, bottom, unit="s"))
        alt = f"{', '.join(self.names)}, over {times[-1]:.3g} s."
        caption = f"{'; '.join(told)}." if told else ""
        return drawing("live", bottom + 42, pieces, alt=alt, caption=caption)


def _strip(
    name: str, points: list[tuple[float, float]], x: Any, top: float, colour: str
) -> list[str]:
    highest = max((value for _, value in points), default=1)
    y = scale(0, highest or 1, top + STRIP - 26, top + 12)
    pieces = [
        text(4, top, name),
        line(LEFT, y(0), RIGHT, y(0), stroke_opacity=0.3),
        text(LEFT - 6, y(0) + 4, "0", text_anchor="end", font_size=11),
        text(LEFT - 6, y(highest) + 4, f"{highest:,.4g}", text_anchor="end", font_size=11),
        polyline([(x(at), y(value)) for at, value in points], stroke=colour),
    ]
    if points:
        at, value = points[-1]
        pieces.append(text(x(at) + 6, y(value) + 4, f"{value:,.4g}", font_weight="bold"))
    return pieces
