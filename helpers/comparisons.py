"""Two packets side by side, field by field: what has someone on the way changed?

>>> from helpers.packets import scapy_ether
>>> from scapy.layers.inet import IP, UDP
>>> before = scapy_ether()(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(ttl=64) / UDP()
>>> after = scapy_ether()(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(ttl=63) / UDP()
>>> side_by_side(before, after).alt
'Two packets side by side, 22 fields. 2 differ: IPv4 Time to Live, 64 and 63; \
IPv4 Header Checksum, 0x7cce and 0x7dce.'
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from .fields import Field, fields
from .packets import provenance
from .pictures import BLUE, Picture

_CELL = "text-align:left;padding:1px 12px 1px 6px"


def side_by_side(
    before: Any,
    after: Any,
    *,
    labels: tuple[str, str] = ("before", "after"),
    layers: Sequence[str] | None = None,
) -> Picture:
    """A table of all header fields of two packets; those that differ say so.

    Parameters
    ----------
    before, after : helpers.Packet, scapy packet, or bytes of an Ethernet frame
        Fields are matched by header and name. One that only one packet has is shown too.
    labels : (str, str)
        What the two columns are called.
    layers : sequence of str, optional
        The headers to compare, such as ("IPv4",); all by default, without the payload.

    Raises
    ------
    TypeError
        If one of them is no packet.
    ValueError
        If neither packet has any of the headers in `layers`.
    """
    both = [_by_name(before, layers), _by_name(after, layers)]
    names = list(dict.fromkeys([*both[0], *both[1]]))
    if not names:
        raise ValueError(f"Neither packet has a header named {', '.join(layers or ['at all'])}.")
    rows, told, layer = [], [], ""
    for name in names:
        sides = [found.get(name) for found in both]
        values = [side.value if side else "not there" for side in sides]
        differs = values[0] != values[1]
        if differs:
            told.append(f"{name[0]} {name[1]}, {values[0]} and {values[1]}")
        rows.append(_row(name, "" if name[0] == layer else name[0], values, differs))
        layer = name[0]
    differ = f"{len(told)} differ: {'; '.join(told)}." if told else "None differs."
    head = "".join(
        f'<th scope="col" style="{_CELL}">{escape(text)}</th>'
        for text in ("header", "field", *labels, "changed?")
    )
    return Picture(
        "comparison",
        f'<div style="overflow-x:auto"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>",
        alt=f"Two packets side by side, {len(names)} fields. {differ}",
        caption=f"{len(told)} of {len(names)} fields differ. {_origins(labels, before, after)}",
    )


def _by_name(packet: Any, layers: Sequence[str] | None) -> dict[tuple[str, str], Field]:
    wanted = [layers] if isinstance(layers, str) else layers
    return {
        (field.layer, field.name): field
        for field in fields(packet)
        if (field.layer in wanted if wanted else not field.layer.startswith("Payload"))
    }


def _origins(labels: tuple[str, str], before: Any, after: Any) -> str:
    first, second = provenance(before), provenance(after)
    if first == second:
        return f"Both packets: {first}."
    return f"{labels[0]}: {first}. {labels[1]}: {second}."


def _row(name: tuple[str, str], layer: str, values: Sequence[str], differs: bool) -> str:
    style = f"{_CELL};background:{BLUE}2a;font-weight:650" if differs else _CELL
    cells = [layer, name[1], *values, "changed" if differs else ""]
    return "<tr>" + "".join(f'<td style="{style}">{escape(cell)}</td>' for cell in cells) + "</tr>"
