"""A transfer of `helpers.arq` as a time-sequence graph: which piece went out when.

Alone, or beside another.
"""

from __future__ import annotations

from .arq import Transfer
from .figures import new_figure, picture_of
from .pictures import BLUE, GREEN, ORANGE, Picture


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
