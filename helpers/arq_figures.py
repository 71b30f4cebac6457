"""A transfer of `helpers.arq` as a time-sequence graph: which piece went out when.

Alone, beside another, or with the kernel's TCP in the same picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .arq import Transfer
from .figures import new_figure, picture_of
from .packets import Packet
from .pictures import BLUE, GREEN, ORANGE, Picture
from .segments import conversations, steps


class Sent(NamedTuple):
    """What was put on the wire at once: when (ms), its first byte, how many, and whether again."""

    at: float
    first: int
    size: int
    again: bool


def sequence_figure(*transfers: Transfer, caption: str = "") -> Picture:
    """Piece numbers against time, at the sender: sent, sent again, acknowledged.

    The same picture as `time_sequence` draws of TCP, with pieces instead of bytes.

    Parameters
    ----------
    *transfers : Transfer
        One, or two to be compared; both get the same axes.
    caption : str
        Added to the numbers below the picture.

    Raises
    ------
    ValueError
        If there are no or too many transfers.
    """
    if not 1 <= len(transfers) <= 2:
        raise ValueError(f"sequence_figure draws one or two transfers, not {len(transfers)}.")
    figure, plots = new_figure(columns=len(transfers))
    longest = max(transfer.seconds for transfer in transfers) * 1e3
    highest = max(transfer.count for transfer in transfers)
    looks = (
        ("acknowledged", "ack", {"marker": "|", "color": GREEN, "markersize": 5}),
        ("sent", "send", {"marker": ".", "color": BLUE, "markersize": 4}),
        ("sent again", "again", {"marker": "x", "color": ORANGE, "markersize": 5}),
    )
    for transfer, axes in zip(transfers, plots, strict=True):
        for name, kind, look in looks:
            points = [(at * 1e3, n) for at, what, n in transfer.events if what == kind and n >= 0]
            if points:
                axes.plot(*zip(*points, strict=True), linestyle="none", label=name, **look)
        axes.set_title(transfer.label, loc="left", fontsize="medium")
        axes.set(xlabel="Time since the start (ms)", ylabel="Piece number")
        axes.set(xlim=(-0.02 * longest, 1.02 * longest), ylim=(-1, highest))
    # Of all that is drawn, each name once; above the plots, where it covers nothing.
    named: dict[str, object] = {}
    for axes in plots:
        handles, names = axes.get_legend_handles_labels()
        named.update(zip(names, handles, strict=True))
    figure.legend(list(named.values()), list(named), loc="outside upper left", ncols=3)
    told = "; ".join(repr(transfer) for transfer in transfers) + "."
    return picture_of(
        figure,
        kind="time-sequence",
        alt=f"Piece numbers against time, as the sender saw it. {told}",
        caption=f"{told} {caption}".strip(),
    )


def overlay_figure(
    transfer: Transfer, packets: Sequence[Packet], *, label: str, caption: str = ""
) -> Picture:
    """A transfer and one of the kernel's TCP in one picture: bytes sent against time.

    Both begin with their first data: a handshake before it is left out. What was sent again
    is joined to where it was sent first: the line is as long as the wait.

    Parameters
    ----------
    transfer : Transfer
        Its pieces are counted in bytes of data.
    packets : Packets
        What was captured of the TCP connection, at its sender: the end that sent more.
    label : str
        Whose the transfer is: "yours".

    Raises
    ------
    ValueError
        If one of them sent no data.
    """
    both = {label: pieces_sent(transfer), "the kernel's TCP": segments_sent(packets)}
    if not all(both.values()):
        raise ValueError("There must be data in both the transfer and the packets.")
    figure, (axes,) = new_figure()
    told = []
    for (name, sent), color, mark in zip(both.items(), (BLUE, ORANGE), ("o", "^"), strict=True):
        first = [(each.at, each.first / 1e3) for each in sent if not each.again]
        again = [(each.at, each.first / 1e3) for each in sent if each.again]
        axes.plot(*zip(*first, strict=True), mark, color=color, markersize=3, label=name)
        if again:
            look = {"color": color, "markersize": 7, "markeredgewidth": 2}
            axes.plot(*zip(*again, strict=True), "x" if mark == "o" else "+",
                      label=f"{name}, sent again", **look)  # fmt: skip
        waited = waits(sent)
        for each, wait in waited:
            height = each.first / 1e3
            axes.plot([each.at - wait, each.at], [height, height], "-", color=color, linewidth=0.8)
        ends = f"{max(each.at for each in sent):.0f} ms"
        median = sorted(wait for _, wait in waited)[len(waited) // 2] if waited else 0
        resent = f", {len(again)} sent again, typically after {median:.0f} ms" if waited else ""
        told.append(f"{name}: the last one sent after {ends}{resent}")
    axes.set(xlabel="Time since the first data (ms)", ylabel="Sequence (1,000 bytes)")
    figure.legend(loc="outside upper left", ncols=2)
    words = f"{'; '.join(told)}."
    return picture_of(
        figure,
        kind="time-sequence",
        alt=f"Bytes sent against time, two senders on the same axes. {words}",
        caption=f"{words} {caption}".strip(),
    )


def pieces_sent(transfer: Transfer) -> list[Sent]:
    """What a transfer put on the wire, from its first piece on."""
    sent = [(at, what, n) for at, what, n in transfer.events if what != "ack"]
    return [
        Sent(1e3 * (at - sent[0][0]), n * transfer.size, transfer.size, what == "again")
        for at, what, n in sent
    ]


def segments_sent(packets: Sequence[Packet]) -> list[Sent]:
    """The data segments of the first TCP connection, in the direction in which more went."""
    found = [c for c in conversations(packets) if c.protocol == "TCP"]
    data = [s for s in steps(found[0]) if s.segment.length] if found else []
    weight = sum(s.segment.length if s.from_left else -s.segment.length for s in data)
    data = [s for s in data if s.from_left is (weight >= 0)]
    # The SYN has the number 0: the first byte of data has 1.
    return [
        Sent(
            (s.segment.packet.time_ns - data[0].segment.packet.time_ns) / 1e6,
            s.seq - 1,
            s.segment.length,
            "retransmission" in s.notes,
        )
        for s in data
    ]


def waits(sent: Sequence[Sent]) -> list[tuple[Sent, float]]:
    """Of each that was sent again: how long since the same byte was sent before, in ms."""
    found = []
    for place, each in enumerate(sent):
        before = [b for b in sent[:place] if b.first <= each.first < b.first + b.size]
        if each.again and before:
            found.append((each, each.at - before[-1].at))
    return found
