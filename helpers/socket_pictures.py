"""Both ends of a connection at one moment: the sockets, their states, and the packets between.

>>> from helpers.packets import Packets
>>> rows = [SocketLook("client", "client", "CLOSED", ("0.0.0.0", 0), ("0.0.0.0", 0), 0, 0)]
>>> socket_picture("client: socket()", rows, Packets(), []).kind
'sockets'
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from .drawing import (
    DASHED,
    DOTTED,
    WIDTH,
    arrow_head,
    count,
    drawing,
    fitted,
    line,
    tag,
    text,
)
from .ladder_words import above, endpoint
from .packets import Packet
from .pictures import BLUE, GREEN, GREY, ORANGE, PINK, Picture
from .segments import Step, conversations, steps

SERVER = "server"
_BOX, _ROOM, _GAP = 206, 86, 12  # px: width and height of a socket, and between two of them
_RIGHT = WIDTH - _BOX - 2
_TOP = 26
_ROW = 34  # px, from one arrow to the next
_COLOURS = {
    "ESTABLISHED": GREEN,
    "TIME_WAIT": ORANGE,
    "CLOSE_WAIT": PINK,
    "CLOSED": GREY,
}  # as in a state strip; all others blue


class SocketLook(NamedTuple):
    """One socket, as the kernel tells of it.

    `variable` is the notebook's name for it, "" if no program has it (or not yet). `waiting` is
    in bytes to be read; of a listening socket, in connections to be accepted. `unacked` is in
    bytes.
    """

    side: str
    variable: str
    state: str
    local: tuple[str, int]
    remote: tuple[str, int]
    waiting: int
    unacked: int


def socket_picture(
    step: str,
    looks: Sequence[SocketLook],
    packets: Sequence[Packet],
    fresh: Sequence[int],
    *,
    caption: str = "",
) -> Picture:
    """The client's socket on the left, the server's on the right, new packets in between.

    Parameters
    ----------
    step : str
        What was done: "server: bind()".
    looks : sequence of SocketLook
        The sockets that there are now.
    packets : sequence of Packet
        All packets so far.
    fresh : sequence of int
        Which of them are new since the last picture: places in `packets`.
    caption : str
        Where this comes from.
    """
    left = [look for look in looks if look.side != SERVER]
    right = [look for look in looks if look.side == SERVER]
    new = _new_steps(packets, fresh)
    pieces = [
        text(2, 14, "client", font_weight="bold", font_size=13),
        text(_RIGHT, 14, "server", font_weight="bold", font_size=13),
        text(WIDTH / 2, 14, f"after {step}", text_anchor="middle", font_style="italic"),
    ]
    for x, column in ((2.0, left), (float(_RIGHT), right)):
        for place, look in enumerate(column):
            pieces += _box(x, _TOP + place * (_ROOM + _GAP), look)
    for place, one in enumerate(new):
        pieces += _arrow(_TOP + 22 + place * _ROW, one)
    rows = max(len(left), len(right), 1)
    height = _TOP + max(rows * (_ROOM + _GAP), 10 + len(new) * _ROW)
    told = "; ".join(_words(look) for look in looks) or "no sockets any more"
    sent = ", ".join(f"{'client' if s.from_left else 'server'}: {above(s)}" for s in new)
    alt = f"After {step}. {told}. New packets: {sent or 'none'}."
    return drawing("sockets", height, pieces, alt=alt, caption=caption)


def _new_steps(packets: Sequence[Packet], fresh: Sequence[int]) -> list[Step]:
    found = conversations(packets)
    new = {id(packets[at]) for at in fresh}
    return [one for one in steps(found[0]) if id(one.segment.packet) in new] if found else []


def _box(x: float, y: float, look: SocketLook) -> list[str]:
    """One socket; dashed if no variable of the notebook has it."""
    colour = _COLOURS.get(look.state, BLUE)
    gone = look.state == "CLOSED"
    pieces = [
        tag("rect", x=x, y=y, width=_BOX, height=_ROOM, rx=4, class_="socket",
            data_state=look.state, fill=colour, fill_opacity=0.1 if gone else 0.3,
            stroke="currentColor", stroke_dasharray=None if look.variable else DASHED),
        text(x + 10, y + 19, look.variable or "in no variable", mono=bool(look.variable),
             font_style=None if look.variable else "italic"),
        text(x + _BOX - 10, y + 19, look.state, text_anchor="end", font_weight="bold"),
        line(x, y + 28, x + _BOX, y + 28, stroke_opacity=0.4),
    ]  # fmt: skip
    for place, words in enumerate(_facts(look)):
        pieces.append(text(x + 10, y + 43 + 17 * place, fitted(words, _BOX - 16, 11), font_size=11))
    return pieces


def _facts(look: SocketLook) -> list[str]:
    here = endpoint(look.local) if look.local[1] else "no address yet"
    if look.state == "LISTEN":
        return [f"at {here}", f"{count(look.waiting, 'connection')} to accept"]
    there = f"to {endpoint(look.remote)}" if look.remote[1] else "to nobody"
    return [f"from {here}", there, _bytes(look)]


def _bytes(look: SocketLook) -> str:
    parts = [f"{count(look.waiting, 'byte')} to read"]
    if look.unacked:
        parts.append(f"{count(look.unacked, 'byte')} not acknowledged")
    return ", ".join(parts)


def _words(look: SocketLook) -> str:
    name = look.variable or "in no variable"
    return f"{look.side}, {name}: {look.state}, {', '.join(_facts(look))}"


def _arrow(y: float, step: Step) -> list[str]:
    left, right = 2 + _BOX + 14, _RIGHT - 14
    x1, x2 = (left, right) if step.from_left else (right, left)
    colour = BLUE if step.from_left else ORANGE
    words = fitted(above(step), right - left, 11)
    return [
        line(x1, y, x2, y, stroke=colour, stroke_width=2,
             stroke_dasharray=DOTTED if "retransmission" in step.notes else None),
        arrow_head(x2, y, toward=0 if step.from_left else math.pi, colour=colour),
        text((left + right) / 2, y - 6, words, text_anchor="middle", font_size=11),
    ]  # fmt: skip
