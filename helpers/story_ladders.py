"""The story of a failed check as a ladder: what sender and receiver sent, and what went wrong.

A check tells it step by step, and the verdict draws it:

>>> told = Telling()
>>> told.call("sender", "start() → [0]")
>>> lost = told.sends("sender", "piece 0", lost=True)
>>> told.waits_until(60)
>>> story = told.wrong_pieces("timeout: on_timeout(0) → []", wanted=[0], got=[])
>>> story_ladder(story).kind
'story'

Times are rows of the drawing: they tell the order, and where there was a pause.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .drawing import DASHED, MONO, WIDTH, arrow_head, drawing, fitted, line, table, tag, text
from .findings import Step
from .pictures import BLUE, GREEN, GREY, ORANGE, Picture

ROW = 19.0  # px
TOP = 46.0
_TRAVELS = ("piece", "ack")
_OTHER = {"sender": "receiver", "receiver": "sender"}


class Telling:
    """Writes a story down, a step at a time. `steps` is what was told so far."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._row = 0.0
        self._clock = 0

    def call(self, side: str, said: str) -> None:
        """One end was told something, and did something."""
        self._row += 1
        self.steps.append(Step("call", side, said, self._row))

    def sends(self, side: str, said: str, *, lost: bool = False) -> int:
        """One end sends; returns the place of this step, for `arrives`."""
        # The first thing sent leaves where its call is marked.
        follows = self.steps and self.steps[-1].what == "call"
        self._row += 0 if follows and self.steps[-1].side == side else 1
        what = "piece" if side == "sender" else "ack"
        fate = "lost" if lost else "on its way"
        self.steps.append(Step(what, side, said, self._row, fate=fate))
        return len(self.steps) - 1

    def arrives(self, place: int, later: float = 0.0) -> None:
        """What was sent at this place is there now, or `later`, in rows."""
        step = self.steps[place]
        # What an end does with it is told by the next call, in the row after this one.
        self.steps[place] = step._replace(ends=self._row + 1 + later, fate="")

    def loses(self, place: int) -> None:
        self.steps[place] = self.steps[place]._replace(fate="lost")

    def rest(self, rows: float) -> None:
        self._row += rows

    def waits_until(self, clock: int) -> None:
        """Time passes: a pause of up to two rows."""
        self._row += min((clock - self._clock) / 8, 2.0)
        self._clock = clock

    def wrong(self, side: str, said: str, expected: str) -> list[Step]:
        """The story, ending in an answer that is not the one expected."""
        self.call(side, said)
        last = self.steps.pop()
        return [
            *self.steps,
            last._replace(what="wrong"),
            Step("expected", side, expected, last.begins + 1),
        ]

    def wrong_pieces(self, said: str, wanted: Sequence[int], got: object) -> list[Step]:
        """The same, of a sender: with the pieces it sent, and those it should have sent."""
        story = self.wrong("sender", said, f"{list(wanted)}")
        row = story[-1].begins - 1
        sent = [n for n in got if isinstance(n, int)] if isinstance(got, list) else []
        for n in [*sent, *(n for n in wanted if n not in sent)]:
            fate = "missing" if n not in sent else "on its way" if n in wanted else "unwanted"
            if fate == "unwanted":
                row = max(row, story[-1].begins)
            story.append(Step("piece", "sender", f"piece {n}", row, fate=fate))
            row += 1
        return story


# ------------------------------------------------------------------ the picture


def story_ladder(story: Sequence[Step]) -> Picture:
    """Two lifelines; what was sent between them, and what was wrong at the end."""
    left, right = (_margin(story, side) for side in _OTHER)
    at = {"sender": left, "receiver": WIDTH - right}
    rows = [row for step in story for row in (step.begins, step.ends or 0)]
    # What should have been sent needs room for an arrow's slant.
    bottom = TOP + ROW * (max([*rows, *(s.begins + 1.6 for s in story if s.what == "piece")]) + 1)
    pieces = []
    for side, x in at.items():
        style: dict[str, Any] = {"text_anchor": "middle", "font_weight": "bold", "font_size": 13}
        pieces.append(text(x, 16, side.capitalize(), **style))
        pieces.append(line(x, 26, x, bottom, stroke_width=1.5))
    acked = {step.ends for step in story if step.what == "ack"}
    pieces += [_arrow(s, at, acked) if s.what in _TRAVELS else _note(s, at) for s in story]
    wrong = next((s for s in story if s.what == "wrong"), None)
    wanted = next((s for s in story if s.what == "expected"), None)
    ending = f" It ends wrong at the {wrong.side}: {wrong.text}." if wrong else ""
    ending += f" Expected: {wanted.text}." if wanted else ""
    return drawing(
        "story",
        bottom + 6,
        pieces,
        alt=f"Ladder of the shortest story that fails, sender and receiver.{ending}",
        caption="The shortest story that fails. ✕: lost. Dashed: expected, and not sent. An arrow "
        "that ends halfway: still on its way.",
        below=table(
            ("who", "what"),
            [(step.side, _in_words(step)) for step in story],
            summary="The same in words",
        ),
    )


def _margin(story: Sequence[Step], side: str) -> float:
    longest = max((len(_noted(s)) for s in story if s.side == side and s.what not in _TRAVELS),
                  default=0)  # fmt: skip
    return min(max(longest * 11 * MONO + 20, 60), 262)


def _noted(step: Step) -> str:
    return {"wrong": "✗ ", "expected": "expected: "}.get(step.what, "") + step.text


def _note(step: Step, at: dict[str, float]) -> str:
    """A mark on a lifeline, with what was called or done beside it."""
    x, y = at[step.side], TOP + ROW * step.begins
    colour = {"wrong": ORANGE, "expected": GREEN}.get(step.what, "currentColor")
    left = step.side == "sender"
    room = (x if left else WIDTH - x) - 14
    words = text(
        x - 10 if left else x + 10, y + 4, fitted(_noted(step), room, 11, mono=True), mono=True,
        font_size=11, text_anchor="end" if left else "start",
        font_weight=None if step.what == "call" else "bold",
    )  # fmt: skip
    if step.what == "expected":
        return words
    return tag("circle", cx=x, cy=y, r=3.5, fill=colour) + words


def _arrow(step: Step, at: dict[str, float], acked: set[float | None]) -> str:
    x1, x2 = at[step.side], at[_OTHER[step.side]]
    y1 = TOP + ROW * step.begins
    y2 = y1 + ROW * 1.6 if step.ends is None else TOP + ROW * step.ends
    colour = {"missing": GREEN, "unwanted": ORANGE}.get(
        step.fate, BLUE if step.what == "piece" else GREY
    )
    angle = math.atan2(y2 - y1, x2 - x1)
    if step.fate in ("lost", "on its way"):
        x2, y2 = (x1 + x2) / 2, (y1 + y2) / 2
    style = {"stroke": colour, "stroke_width": 2}
    if step.fate == "missing":
        style["stroke_dasharray"] = DASHED
    if step.fate == "lost":
        tip = text(x2, y2 + 5, "✕ lost", font_size=14, font_weight="bold",
                   text_anchor="start" if x2 > x1 else "end")  # fmt: skip
    else:
        tip = arrow_head(x2, y2, toward=angle, colour=colour)
    slope = math.degrees(angle if x2 > x1 else math.remainder(angle - math.pi, math.tau))
    # At the sender's end there is more room: an ACK's label stands where it arrives.
    x, y = (x2, y2) if step.what == "ack" and step.fate != "lost" else (x1, y1)
    right = x == at["sender"]
    # And a piece's behind it, where the two lines have parted.
    away = 110 if step.what == "piece" and step.begins in acked else 24
    room = abs(at["receiver"] - at["sender"]) - away - 10
    label = text(
        away if right else -away, -4, fitted(_label(step), room, 11), font_size=11,
        text_anchor="start" if right else "end",
        transform=f"translate({x:.1f} {y:.1f}) rotate({slope:.1f})",
    )  # fmt: skip
    drawn = line(x1, y1, x2, y2, **style) + tip + label
    return tag("g", drawn, class_="step", data_fate=step.fate or "arrives")


def _label(step: Step) -> str:
    said = {"missing": ": expected", "unwanted": ": not expected"}.get(step.fate, "")
    return step.text + said


def _in_words(step: Step) -> str:
    if step.what not in _TRAVELS:
        return _noted(step)
    if step.fate in ("missing", "unwanted"):
        return _label(step)
    return f"{step.text}, {step.fate or f'arrives at the {_OTHER[step.side]}'}"
