"""One connection over time: its sequence numbers, and its congestion window.

    time_sequence(packets)      # what was sent when, and when it was acknowledged
    window_chart(samples)       # samples of tcp_info(sock)

Both have one axis of time, from the first packet or sample on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from .drawing import (
    DASHED,
    DOTTED,
    WIDTH,
    Scale,
    count,
    drawing,
    duration,
    legend,
    line,
    nothing,
    polyline,
    scale,
    tag,
    text,
    time_axis,
    time_unit,
    value_axis,
)
from .kernel_state import NOT_SET_YET, TcpInfo
from .packets import Packet
from .pictures import BLUE, GREEN, ORANGE, PINK, Picture
from .segments import Conversation, Step, conversations, steps

LEFT, RIGHT = 84.0, WIDTH - 24.0  # px: where the plots begin and end
_FAR = 2.0  # a window further above the data than this is not drawn to scale

Line = list[tuple[float, float]]


def time_sequence(
    packets: Sequence[Packet], *, sender: str | None = None, connection: int = 0
) -> Picture:
    """Sequence numbers against time for one direction of a TCP connection.

    Each data segment is a bar from its first byte to its last. Below the bars runs the line of
    what the other end acknowledged, above them the limit of what it has room for: the space
    between the lines is its window, and what lies between the ACK line and the bars is in
    flight. After W. R. Stevens, TCP/IP Illustrated, and S. Ostermann's tcptrace.

    Parameters
    ----------
    packets : Packets
        What was captured.
    sender : str, optional
        "client" (who sent the SYN, or else the first packet) or "server". If not given, the
        end that sent more bytes.
    connection : int
        Which TCP connection to draw, where there are several; 0 is the first.

    Raises
    ------
    ValueError
        If `sender` is neither, or there is no such connection.
    """
    if sender not in (None, "client", "server"):
        raise ValueError(f"sender is 'client' or 'server', not {sender!r}.")
    found = [c for c in conversations(packets) if c.protocol == "TCP"]
    if not found and connection == 0:
        return nothing("time-sequence", "No TCP packets were captured: there is nothing to draw.")
    if not 0 <= connection < len(found):
        raise ValueError(f"connection={connection!r}, but there are {len(found)}, from 0 on.")
    chosen = found[connection]
    every = [s for s in steps(chosen) if s.segment.protocol == "TCP"]  # not ICMP errors about it
    sent = {
        side: sum(s.segment.length for s in every if s.from_left is side) for side in (True, False)
    }
    from_left = sent[True] >= sent[False] if sender is None else sender == "client"
    data = [s for s in every if s.from_left is from_left and s.segment.length]
    if not data:
        return nothing("time-sequence", "The packets carry no data in this direction.")
    replies = [
        s for s in every if s.from_left is not from_left and s.ack is not None
        and "RST" not in s.segment.flags
    ]  # fmt: skip
    return _draw_sequence(packets, chosen, from_left, data, replies)


def _draw_sequence(
    packets: Sequence[Packet],
    conversation: Conversation,
    from_left: bool,
    data: list[Step],
    replies: list[Step],
) -> Picture:
    times = [s.segment.packet.time_ns for s in data + replies]
    start, span = min(times), max(times) - min(times)
    unit, size = time_unit(span)
    x = scale(0, span / size, LEFT, RIGHT)
    top = max([s.end for s in data] + [s.ack or 0 for s in replies])

    def at(step: Step) -> float:
        return x((step.segment.packet.time_ns - start) / size)

    shift = _window_shift(conversation, from_left)
    limits = [
        (s, (s.ack or 0) + (s.segment.window << (0 if "SYN" in s.segment.flags else shift)))
        for s in replies
        if shift is not None
    ]
    highest = max([limit for _, limit in limits], default=0)
    if highest <= _FAR * top:
        top = max(top, highest)
    lowest = min([s.seq for s in data] + [s.ack for s in replies if s.ack is not None])
    y = scale(min(lowest, 0) if lowest < top / 10 else lowest, top * 1.05, 340, 56)

    again = [s for s in data if "retransmission" in s.notes]
    first = [s for s in data if "retransmission" not in s.notes]
    acks = [(at(s), y(s.ack or 0)) for s in replies]
    window = [(at(s), max(y(limit), y.end)) for s, limit in limits]
    entries = [("data segment", {"stroke": BLUE, "stroke_width": 3})]
    if again:
        entries.append(("R: sent again", {"stroke": ORANGE, "stroke_width": 3}))
    if acks:
        entries.append(("acknowledged up to", {"stroke": GREEN, "stroke_width": 1.6}))
    if window:
        room = {"stroke": PINK, "stroke_width": 1.6, "stroke_dasharray": DASHED}
        entries.append(("room up to (window)", room))
    pieces = [
        legend(LEFT, 14, entries),
        value_axis(y, LEFT, RIGHT, label="sequence number (0 is the SYN)", show="{:,.0f}".format),
        time_axis(x, 340, unit=unit),
        polyline(acks, step=True, stroke=GREEN, class_="acks"),
        polyline(window, step=True, stroke=PINK, stroke_dasharray=DASHED, class_="window"),
        _bars(first, at, y, BLUE, "data"),
        _bars(again, at, y, ORANGE, "again"),
        *_marks([(at(s), y(s.end) - 4) for s in again], "R"),
    ]  # fmt: skip
    who = "client" if from_left else "server"
    alt, caption = _sequence_words(who, data, again, replies, span)
    if shift is None and replies:
        caption += (
            " The window is not drawn: its scale is agreed on in the SYNs, which were not seen."
        )
    elif window and highest > top:
        caption += f" The window reaches up to {highest:,}, above the picture."
    note = getattr(packets, "note", "")
    return drawing("time-sequence", 380, pieces, alt=alt, caption=f"{caption} {note}".strip())


def _window_shift(conversation: Conversation, from_left: bool) -> int | None:
    """The scale of the receiver's window; None if the SYNs do not tell (RFC 7323, 2.2).

    It applies only if both ends offered one. A SYN-ACK offers it only in answer to an offer.
    """
    sender = conversation.syn(from_left=from_left)
    receiver = conversation.syn(from_left=not from_left)
    if receiver is None:
        return 0 if sender is not None and sender.window_scale is None else None
    if receiver.window_scale is None:
        return 0
    if sender is None:
        return None if receiver.opens else receiver.window_scale
    return receiver.window_scale if sender.window_scale is not None else 0


def _bars(data: list[Step], at: Callable[[Step], float], y: Scale, colour: str, name: str) -> str:
    """Vertical bars as one path; bars that fall on the same pixels are drawn once."""
    bars = dict.fromkeys(
        f"M{at(s):.1f} {y(s.seq):.1f}V{min(y(s.end), y(s.seq) - 2):.1f}" for s in data
    )
    if not bars:
        return ""
    return tag("path", d="".join(bars), stroke=colour, stroke_width=3, fill="none", class_=name)


def _marks(points: Line, mark: str) -> list[str]:
    """A letter at each point, where it does not cover the one before."""
    pieces: list[str] = []
    free = 0.0
    for x, y in points:
        if x >= free:
            style: dict[str, Any] = {"font_weight": "bold", "font_size": 11}
            pieces.append(text(x, y, mark, text_anchor="middle", **style))
            free = x + 9
    return pieces


def _sequence_words(
    who: str, data: list[Step], again: list[Step], replies: list[Step], span: int
) -> tuple[str, str]:
    new = max(s.end for s in data) - min(s.seq for s in data)
    told = (
        f"{count(new, 'byte')} from the {who} in {count(len(data), 'segment')} "
        f"within {duration(span)}; {len(again) or 'none'} of them sent again."
    )
    if replies:
        told += f" Acknowledged up to {max(s.ack or 0 for s in replies):,}."
    else:
        told += " No acknowledgments were seen, so only the data is drawn."
    return f"Time-sequence graph: {told}", told


def window_chart(
    samples: Sequence[tuple[int, TcpInfo | None]],
    *,
    queue: Sequence[tuple[int, float | None]] = (),
) -> Picture:
    """Congestion window, round-trip time and queue of a sender, one above the other.

    Parameters
    ----------
    samples : sequence of (time_ns, TcpInfo)
        As recorded by `sample(lambda: tcp_info(sock))`. None, for a closed socket, is skipped.
    queue : sequence of (time_ns, bytes), optional
        The queue at the bottleneck, if it was measured. Without it the third panel shows what
        waits in the sender's own send queue.
    """
    known = [(time, info) for time, info in samples if info is not None]
    if not known:
        return nothing("window", "No sample of an open connection: there is nothing to draw.")
    waiting = [(time, value) for time, value in queue if value is not None]
    start = known[0][0]
    span = max([known[-1][0], *(time for time, _ in waiting)]) - start
    unit, size = time_unit(span)
    x = scale(0, span / size, LEFT, RIGHT)

    def curve(read: Callable[[TcpInfo], float | None]) -> Line:
        points = [(x((time - start) / size), read(info)) for time, info in known]
        return [(at, value) for at, value in points if value is not None]

    cwnd = curve(lambda info: info.snd_cwnd)
    threshold = curve(lambda info: None if info.snd_ssthresh == NOT_SET_YET else info.snd_ssthresh)
    rtt = curve(lambda info: info.rtt and info.rtt * 1e3)
    least = curve(lambda info: info.min_rtt and info.min_rtt * 1e3)
    own = curve(lambda info: info.notsent_bytes)
    queued = (
        [(x((time - start) / size), float(value)) for time, value in waiting] if waiting else own
    )
    losses = [
        (x((time - start) / size), 0.0)
        for (_, before), (time, info) in pairwise(known)
        if (info.total_retrans or 0) > (before.total_retrans or 0)
    ]
    solid: dict[str, Any] = {"stroke": BLUE}
    ssthresh = "ssthresh" if threshold else "ssthresh: not set yet"
    where = "queue at the bottleneck, bytes" if waiting else "send queue, not sent, bytes"
    pieces = [
        _panel(x, 0, "window, segments", [
            ("cwnd", cwnd, solid),
            (ssthresh, threshold, {"stroke": ORANGE, "stroke_dasharray": DASHED}),
        ]),
        *_marks([(at, 40.0) for at, _ in losses], "R"),
        _panel(x, 140, "round-trip time, ms", [
            ("RTT, smoothed", rtt, solid),
            ("least RTT", least, {"stroke": GREEN, "stroke_dasharray": DOTTED}),
        ]),
        _panel(x, 280, where, [("", queued, solid)]),
        time_axis(x, 404, unit=unit),
    ]  # fmt: skip
    told = _window_words(known, threshold, len(losses), span)
    caption = f"{told} R marks where segments were sent again." if losses else told
    caption = f"{caption} {getattr(samples, 'note', '')}".strip()
    return drawing(
        "window", 444, pieces, alt=f"Congestion window over time. {told}", caption=caption
    )


def _panel(x: Scale, top: float, label: str, curves: list[tuple[str, Line, dict[str, Any]]]) -> str:
    """One of several plots that share the axis of time: 140 px high, its label above it."""
    highest = max((value for _, points, _ in curves for _, value in points), default=0)
    y = scale(0, highest * 1.15, top + 124, top + 30)
    pieces = [
        value_axis(y, LEFT, RIGHT, label=label, show="{:,.6g}".format, most=4, at=top + 14),
        legend(LEFT + 190, top + 14, [(name, style) for name, _, style in curves if name]),
        line(x.start, y.start, x.end, y.start, stroke_opacity=0.5),
    ]
    for _, points, style in curves:
        pieces.append(polyline([(at, y(value)) for at, value in points], step=True, **style))
    return "".join(pieces)


def _window_words(known: list[tuple[int, TcpInfo]], threshold: Line, losses: int, span: int) -> str:
    windows = [info.snd_cwnd for _, info in known if info.snd_cwnd is not None]
    trips = [info.rtt for _, info in known if info.rtt]
    words = f"Within {duration(span)}"
    if windows:
        words += (
            f" cwnd went from {windows[0]} to {windows[-1]} segments "
            f"(lowest {min(windows)}, highest {max(windows)})"
        )
    if trips:
        words += f", the RTT from {duration(trips[0] * 1e9)} to {duration(trips[-1] * 1e9)}"
    words += (
        f"; ssthresh ended at {threshold[-1][1]:,.0f}" if threshold else "; ssthresh was not set"
    )
    again = (
        f"segments were sent again at {count(losses, 'moment')}"
        if losses
        else "none was sent again"
    )
    return f"{words}; {again}."
