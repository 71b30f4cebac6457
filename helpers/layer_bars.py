"""Packets drawn as bars, to scale: how many of their bytes each layer takes.

>>> from helpers.packets import scapy_ether
>>> from scapy.layers.inet import IP, UDP
>>> layer_bar(scapy_ether()() / IP() / UDP() / b"hello").alt
'One packet to scale. 47 bytes: Ethernet 14, IPv4 20, UDP 8, payload 5.'
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from .fields import fields
from .figures import new_figure, picture_of
from .packets import provenance
from .pictures import COLOURS, GREY, Picture

_HATCHES = ("", "///", "...", "xxx", "\\\\\\")


def layer_sizes(packet: Any) -> list[tuple[str, int]]:
    """The layers of a packet from the outside in, and the bytes that each takes."""
    return [
        (layer, sum(field.bits for field in found) // 8)
        for layer, found in groupby(fields(packet), key=lambda field: field.layer)
    ]


def layer_bar(*packets: Any, labels: Sequence[str] = ()) -> Picture:
    """Each packet as a bar, its layers side by side, in proportion to their bytes.

    Parameters
    ----------
    *packets : Packet, scapy packet or bytes of an Ethernet frame
        At most six, drawn one below the other on the same scale.
    labels : sequence of str, optional
        A name for each packet.
    """
    if not 1 <= len(packets) <= 6:
        raise ValueError(f"layer_bar draws one to six packets, not {len(packets)}.")
    figure, (axes,) = new_figure()
    figure.set_figheight(1.1 + 0.45 * len(packets))
    styles: dict[str, dict[str, str]] = {}
    sentences = []
    for row, packet in enumerate(packets):
        left = 0
        sizes = layer_sizes(packet)
        for layer, size in sizes:
            if layer not in styles:
                colour = GREY if layer.lower() == "payload" else COLOURS[len(styles) % 4]
                styles[layer] = {"color": colour, "hatch": _HATCHES[len(styles) % 5]}
            label = layer if layer not in axes.get_legend_handles_labels()[1] else None
            bar = axes.barh(row, size, left=left, label=label, edgecolor="black", **styles[layer])
            bar.patches[0].set_alpha(0.75)
            left += size
        told = ", ".join(f"{_spoken(layer)} {size:,}" for layer, size in sizes)
        sentences.append(f"{left:,} bytes: {told}.")
    names = list(labels) or [str(number) for number in range(1, len(packets) + 1)]
    axes.set_yticks(range(len(packets)), names)
    axes.invert_yaxis()
    axes.set(xlabel="Bytes of the frame", ylabel="Packet")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.35), ncols=5)
    many = "One packet" if len(packets) == 1 else f"{len(packets)} packets"
    return picture_of(
        figure,
        kind="layers",
        alt=f"{many} to scale. {' '.join(sentences)}",
        caption=f"{' '.join(sentences)} Each {_origins(packets)}.",
    )


def _origins(packets: Sequence[Any]) -> str:
    return "; or ".join(dict.fromkeys(map(provenance, packets)))


def _spoken(layer: str) -> str:
    return layer.lower() if layer == "Payload" else layer
