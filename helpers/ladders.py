"""The ladder of a connection: time runs down, each packet is an arrow from its sender.

    with serve_tcp(echo) as server, capture(server) as packets:
        ...
    ladder(packets)

Solid arrows were seen. Dashed ones were not, but TCP must have sent them (`reconstruct`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .drawing import (
    DASHED,
    DOTTED,
    MONO,
    SANS,
    WIDTH,
    arrow_head,
    count,
    drawing,
    duration,
    fitted,
    line,
    nothing,
    table,
    tag,
    text,
    time_unit,
)
from .ladder_words import above, alt_text, below, caption_text, endpoint
from .packets import OWN_FRAME, RECONSTRUCTED, RECORDING, Packet
from .pictures import BLUE, ORANGE, Picture
from .reconstruction import reconstruct as add_reconstructed
from .reconstruction import travel_times
from .segments import Conversation, Step, conversations, steps

MOST, HEAD, TAIL = 60, 40, 10  # packets: more than 60, and the middle ones are left out
_SLANT = 12  # px, where the delay is not known
_LONG = 10  # times the median gap: then it is drawn as a break
_LONG_NS = 5_000_000


class Call(NamedTuple):
    """A socket call to be written beside the lifeline of the end that made it.

    `time_ns` is `time.time_ns()` at the call (or its return, for what it returns); `side` is
    "left" or "right", or the name that the ladder gives to that end.
    """

    time_ns: int
    side: str
    text: str


@dataclass
class _Event:
    """Something at one moment: a packet leaves, a packet arrives, a call, or what is left out."""

    time_ns: int
    step: Step | None = None
    arrival_of: _Event | None = None
    call: Call | None = None
    left_out: str = ""
    pause: int = 0  # ns of silence before it, if drawn as a break
    y: float = 0
    arrival_y: float = 0
    lost: bool = False


@dataclass
class _Layout:
    left: float
    right: float
    events: list[_Event] = field(default_factory=list)
    bottom: float = 0


def ladder(
    packets: Sequence[Packet],
    *,
    calls: Sequence[Call] = (),
    left: str = "client",
    right: str = "server",
    reconstruct: bool = True,
    connection: int = 0,
    delay: float | None = None,
    arrived: Sequence[Packet] | None = None,
) -> Picture:
    """Draw one conversation (TCP, UDP, ICMP) as a ladder.

    Parameters
    ----------
    packets : Packets
        What was captured, in the order seen; where they left, if `arrived` is given too.
    calls : sequence of Call
        The socket calls to write beside the lifelines. Not drawn beside a recording, unless they
        were recorded with it: they are of another run.
    left, right : str
        Names of the two ends. Left is who sent the SYN, or else the first packet.
    reconstruct : bool
        Add, dashed, the handshake segments that a capture of own frames cannot see.
    connection : int
        Which conversation to draw, where there are several; 0 is the first.
    delay : float, optional
        One-way delay in seconds, the same in both directions, where all packets were captured at
        the left end: each arrow begins when its packet left, and ends when it arrived.
    arrived : Packets, optional
        The same packets as seen where they arrived. Then each arrow has its measured delay, and
        one that is not among them is drawn as lost.

    Raises
    ------
    ValueError
        If there is no such connection, if a call's `side` is neither end, if `delay` is negative.
    """
    if delay is not None and delay < 0:
        raise ValueError(f"delay is in seconds and cannot be negative; got {delay!r}.")
    played = any(packet.source == RECORDING for packet in packets)
    if played and not getattr(calls, "note", ""):
        calls = []  # they are of this run, the packets of another
    calls = [_sided(call, left, right) for call in calls]
    own = reconstruct and any(packet.source == OWN_FRAME for packet in packets)
    found = conversations(add_reconstructed(packets) if own else packets)
    if not found and connection == 0:
        return nothing("ladder", "No packets of a conversation were captured: nothing to draw.")
    if not 0 <= connection < len(found):
        raise ValueError(
            f"connection={connection!r}, but there are {len(found)}: they count from 0."
        )
    chosen = found[connection]
    all_steps = steps(chosen)
    events = _events(all_steps, calls, *travel_times(chosen, delay, arrived))
    slanted = delay is None and arrived is None
    layout = _lay_out(events, calls, slanted=slanted)
    alt = alt_text(chosen, all_steps, left, right)
    caption = caption_text(packets, all_steps, slanted=slanted, others=len(found) - 1)
    start = events[0].time_ns
    return drawing(
        "ladder",
        layout.bottom + 8,
        _pieces(layout, chosen, (left, right), start, slanted=slanted),
        alt=alt,
        caption=caption,
        below=_words(layout.events, (left, right), start),
    )


def _sided(call: Call, left: str, right: str) -> Call:
    sides = {"left": "left", "right": "right", left: "left", right: "right"}
    if call.side not in sides:
        raise ValueError(f"The side of a call is {left!r} or {right!r}, not {call.side!r}.")
    return call._replace(side=sides[call.side])


# What happens, in order


def _events(
    all_steps: Sequence[Step],
    calls: Sequence[Call],
    departures: list[int],
    arrivals: list[int],
    lost: set[int],
) -> list[_Event]:
    """Everything in order of time; the middle of a long conversation left out."""
    shown = list(enumerate(all_steps))
    notice: list[_Event] = []
    if len(shown) > MOST:
        last, first = shown[HEAD - 1][1], shown[-TAIL][1]
        start, end = last.segment.packet.time_ns, first.segment.packet.time_ns
        kept = [call for call in calls if not start < call.time_ns < end]
        words = count(len(shown) - HEAD - TAIL, "packet")
        if len(kept) < len(calls):
            words += f" and {count(len(calls) - len(kept), 'call')}"
        notice = [_Event(start, left_out=f"{words} left out")]
        shown, calls = shown[:HEAD] + shown[-TAIL:], kept
    events = []
    for at, step in shown:
        event = _Event(departures[at], step=step, lost=at in lost)
        events += [event, _Event(arrivals[at], arrival_of=event)]
        if notice and at == HEAD - 1:
            events += notice
    events += [_Event(call.time_ns, call=call) for call in calls]
    # Sorting is stable: packets of one moment stay in the order in which they were seen. A call
    # comes before a packet of the same moment: an own frame's SYN has the time of connect().
    return sorted(events, key=lambda event: (event.time_ns, event.call is None))


# Where it is drawn


def _lay_out(events: list[_Event], calls: Sequence[Call], *, slanted: bool) -> _Layout:
    """Give each event its height: order and a least distance, not proportion to time."""
    layout = _Layout(72 + _margin(calls, "left"), WIDTH - 24 - _margin(calls, "right"), events)
    long = _long_gap([event.time_ns for event in events])
    y = 46.0
    free = y + 10  # below the last packet's labels
    on_its_way = 0  # packets
    last_call = {"left": y, "right": y}
    tips = dict(last_call)  # a call that comes after a packet is drawn below its arrow head
    for before, event in zip([events[0], *events], events, strict=False):
        # A break in the lifelines would cut the arrow of a packet that is on its way.
        if event.time_ns - before.time_ns > long and not before.left_out and not on_its_way:
            event.pause = event.time_ns - before.time_ns
            y = max(y, free - 14) + 34
            free = y + 22
        on_its_way += bool(event.step) - bool(event.arrival_of)
        if event.step:
            y = max(y + 14, free + 8)
            free = y + (46 if below(event.step) else 32)
            free -= 8
            if slanted:
                event.arrival_y = y + _SLANT
                tips["right" if event.step.from_left else "left"] = event.arrival_y
        elif event.arrival_of and not slanted:
            y = max(y + 10, event.arrival_of.y + _SLANT)
            event.arrival_of.arrival_y = y
        elif event.call:
            side = event.call.side
            y = max(y + 8, last_call[side] + 16, tips[side] + 9)
            last_call[side] = y
        elif event.left_out:
            y = max(y, free) + 24
            free = y + 22
        event.y = y
    layout.bottom = max(y + 22, free + 10)
    return layout


def _margin(calls: Sequence[Call], side: str) -> float:
    longest = max((len(call.text) for call in calls if call.side == side), default=0)
    most = 150 if len({call.side for call in calls}) == 2 else 214
    return min(longest * 11 * MONO + 16, most) if longest else 0


def _long_gap(times: list[int]) -> float:
    """From which length on a gap between two events is a break, in nanoseconds."""
    gaps = sorted(after - before for before, after in itertools.pairwise(times))
    gaps = [gap for gap in gaps if gap > 0]
    return max(_LONG * gaps[len(gaps) // 2], _LONG_NS) if len(gaps) > 1 else math.inf


# How it is drawn


def _pieces(
    layout: _Layout,
    conversation: Conversation,
    names: tuple[str, str],
    start: int,
    *,
    slanted: bool,
) -> list[str]:
    unit, size = time_unit(layout.events[-1].time_ns - start)
    pieces = [text(58, 30, f"time, {unit}", text_anchor="end", font_size=11)]
    ends = (conversation.left, conversation.right)
    for x, name, end in zip((layout.left, layout.right), names, ends, strict=True):
        half = max(len(name) * 13, len(endpoint(end)) * 11) * SANS / 2 + 6
        at = min(max(x, 66 + half), WIDTH - half)
        style: dict[str, Any] = {"text_anchor": "middle", "font_weight": "bold", "font_size": 13}
        pieces.append(text(at, 14, name, **style))
        pieces.append(text(at, 30, endpoint(end), text_anchor="middle", font_size=11))
    pieces += _lifelines(layout)
    for event in layout.events:
        if event.pause:
            middle = (layout.left + layout.right) / 2
            words = f"{duration(event.pause)} without a packet or call"
            pieces.append(_notice(middle, _break_y(event), words))
        if event.step:
            time = (event.time_ns - start) / size
            label = f"{time:,.{0 if unit == 'µs' else 2}f}" if _is_seen(event.step) else "?"
            pieces.append(text(58, event.y + 4, label, text_anchor="end", font_size=11))
            pieces.append(_arrow(event, layout, middle=slanted))
        elif event.call:
            pieces.append(_call(event, event.call, layout))
        elif event.left_out:
            middle = (layout.left + layout.right) / 2
            pieces.append(_notice(middle, event.y, event.left_out))
    return pieces


def _is_seen(step: Step) -> bool:
    return step.segment.packet.source != RECONSTRUCTED


def _break_y(event: _Event) -> float:
    return event.y - (32 if event.step else 22)


def _notice(x: float, y: float, words: str) -> str:
    return text(x, y + 4, f"⋮  {words}  ⋮", text_anchor="middle", font_style="italic")


def _lifelines(layout: _Layout) -> list[str]:
    """Two vertical lines, dotted where time is cut out."""
    cuts = [_break_y(event) for event in layout.events if event.pause]
    cuts += [event.y for event in layout.events if event.left_out]
    pieces = []
    for x in (layout.left, layout.right):
        y = 38.0
        for cut in sorted(cuts):
            pieces.append(line(x, y, x, cut - 10, stroke_width=1.5))
            pieces.append(line(x, cut - 8, x, cut + 10, stroke_dasharray=DOTTED))
            y = cut + 12
        pieces.append(line(x, y, x, layout.bottom, stroke_width=1.5))
    return pieces


def _arrow(event: _Event, layout: _Layout, *, middle: bool) -> str:
    step = event.step
    assert step is not None
    colour = BLUE if step.from_left else ORANGE
    x1, x2 = (layout.left, layout.right) if step.from_left else (layout.right, layout.left)
    y1, y2 = event.y, event.arrival_y
    angle = math.atan2(y2 - y1, x2 - x1)
    if event.lost:
        x2, y2 = x1 + 0.75 * (x2 - x1), y1 + 0.75 * (y2 - y1)
    dashed = None if _is_seen(step) else DASHED
    style = {"stroke": colour, "stroke_width": 2, "stroke_dasharray": dashed}
    kind = "reconstructed" if dashed else ("lost" if event.lost else "seen")
    tip = (
        text(x2, y2 + 5, "✕ lost", font_size=14, font_weight="bold")
        if event.lost
        else arrow_head(x2, y2, toward=angle, colour=colour)
    )
    pieces = line(x1, y1, x2, y2, **style) + tip + _labels(step, layout, (x1, y1), angle, middle)
    return tag("g", pieces, class_="packet", data_packet=kind)


def _labels(
    step: Step, layout: _Layout, origin: tuple[float, float], angle: float, middle: bool
) -> str:
    """What a packet says, above and below its arrow, turned as the arrow is."""
    room = layout.right - layout.left - 30
    turn = angle if step.from_left else angle - math.pi
    turn = math.degrees(math.remainder(turn, math.tau))
    along = (layout.right - layout.left) / 2 if middle else 14
    along *= 1 if step.from_left else -1
    anchor = "middle" if middle else ("start" if step.from_left else "end")
    place: dict[str, Any] = {
        "text_anchor": anchor,
        "transform": f"translate({origin[0]:.1f} {origin[1]:.1f}) rotate({turn:.1f})",
    }
    pieces = text(along, -6, fitted(above(step), room, 12), **place)
    under = below(step, 40 if middle else 12)
    if under:
        pieces += text(along, 14, fitted(under, room, 11, mono=True), mono=True,
                       font_size=11, **place)  # fmt: skip
    return pieces


def _call(event: _Event, call: Call, layout: _Layout) -> str:
    left = call.side == "left"
    x = layout.left if left else layout.right
    room = (layout.left - 62 if left else WIDTH - layout.right) - 14
    words = text(
        x - 10 if left else x + 10, event.y + 4, fitted(call.text, room, 11, mono=True),
        mono=True, font_size=11, text_anchor="end" if left else "start",
    )  # fmt: skip
    dot = tag("circle", cx=x, cy=event.y, r=3.5, fill="currentColor")
    return tag("g", dot + words, class_="call")


# What it says in words


def _words(events: Sequence[_Event], names: tuple[str, str], start: int) -> str:
    rows = []
    for event in events:
        since = duration(event.time_ns - start)
        if event.step:
            since = since if _is_seen(event.step) else "not known"
            sender, receiver = names if event.step.from_left else names[::-1]
            what = " · ".join(part for part in (above(event.step), below(event.step)) if part)
            lost = " · lost" if event.lost else ""
            rows.append((since, f"{sender} to {receiver}", what + lost))
        elif event.call:
            rows.append((since, names[event.call.side == "right"], f"call: {event.call.text}"))
        elif event.left_out:
            rows.append(("", "", event.left_out))
    return table(("since the first", "who", "what"), rows, summary="The same in words")
