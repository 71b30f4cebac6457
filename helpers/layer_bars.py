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

_HATCHES = ("", "///", "...", "xxx", "++")


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
    sizes = [layer_sizes(packet) for packet in packets]
    names = list(dict.fromkeys(layer for found in sizes for layer, _ in found))
    names.sort(key=lambda layer: layer == "Payload")  # last, as in a packet
    figure, (axes,) = new_figure()
    figure.set_figheight(1.3 + 0.4 * len(packets))
    for number, name in enumerate(names):
        payload = name == "Payload"
        widths = [dict(found).get(name, 0) for found in sizes]
        lefts = [sum(size for _, size in found[: _place(found, name)]) for found in sizes]
        axes.barh(
            range(len(packets)),
            widths,
            left=lefts,
            label=name,
            color=GREY if payload else COLOURS[number % 4],
            hatch="" if payload else _HATCHES[number % len(_HATCHES)],
            edgecolor="black",
            alpha=0.75,
        )
    sentences = [
        f"{sum(dict(found).values()):,} bytes: "
        + ", ".join(f"{_spoken(layer)} {size:,}" for layer, size in found)
        + "."
        for found in sizes
    ]
    shown = list(labels) or [str(number) for number in range(1, len(packets) + 1)]
    axes.set_yticks(range(len(packets)), shown)
    axes.invert_yaxis()
    axes.set(xlabel="Bytes of the frame", ylabel="Packet")
    # Long names, such as "Fragment Header", would push the last one off the figure.
    figure.legend(loc="outside upper left", ncols=5 if len("".join(names)) < 32 else 3)
    many = "One packet" if len(packets) == 1 else f"{len(packets)} packets"
    return picture_of(
        figure,
        kind="layers",
        alt=f"{many} to scale. {' '.join(sentences)}",
        caption=f"{' '.join(sentences)} Each {_origins(packets)}.",
    )


def _origins(packets: Sequence[Any]) -> str:
    return "; or ".join(dict.fromkeys(map(provenance, packets)))


def _place(found: list[tuple[str, int]], name: str) -> int:
    """Where in its packet this layer stands; at the end, with no width, if it is not there."""
    layers = [layer for layer, _ in found]
    return layers.index(name) if name in layers else len(layers)


def _spoken(layer: str) -> str:
    return layer.lower() if layer == "Payload" else layer
