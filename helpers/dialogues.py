"""What two programs said to each other, over one connection or several: a row for each packet.

    with serve_ftp(folder) as server, capture(server, server.data_port) as packets:
        ...
    dialogue(packets)

A `ladder` shows TCP's side of one conversation. Here acknowledgments are left out, what was said
is written out, and all connections between the two programs share the picture: so one sees who
connects to whom, and what travels on which connection.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .drawing import DASHED, WIDTH, arrow_head, count, drawing, fitted, line, nothing, table, text
from .packets import Packet
from .pictures import BLUE, GREEN, ORANGE, PINK, Picture
from .segments import conversations, read_segment

MOST_LINES = 9  # of one packet
LEFT, RIGHT = 20.0, WIDTH - 20.0  # px
_LINE = 14.0  # px
_LOOKS = ((BLUE, None), (ORANGE, DASHED), (GREEN, None), (PINK, DASHED))
# Where an end of an FTP session says it listens (RFC 959, section 4.1.2; RFC 2428).
_BY_CLIENT = re.compile(rb"PORT [\d,]*?(\d+),(\d+)\r\n|EPRT \|\d\|[^|]*\|(\d+)\|")
_BY_SERVER = re.compile(rb"227 [^(]*\([\d,]*?(\d+),(\d+)\)|229 [^(]*\(\|\|\|(\d+)\|\)")


class Said(NamedTuple):
    """One packet of a dialogue.

    Attributes
    ----------
    connection : int
        1 for the first connection, 2 for the second.
    from_client : bool
        Who sent it. The client is who opened the first connection.
    data : bytes
        What it said; b"" for a SYN, which opens the connection.
    seen : bool
        False for a SYN that was not captured, of a connection that was agreed upon in another.
    """

    connection: int
    from_client: bool
    data: bytes
    seen: bool = True

    @property
    def lines(self) -> list[str]:
        """The data as text, line by line, or what it is, if it is no text."""
        if not self.data:
            note = "" if self.seen else " (not seen by this capture)"
            return [f"SYN: opens connection {self.connection}{note}"]
        if not all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in self.data):
            return [f"{count(len(self.data), 'byte')}: {self.data[:16].hex(' ')} …"]
        lines = self.data.decode().removesuffix("\n").replace("\r", "").split("\n")
        kept = lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], "…"]
        return [kept_line or " " for kept_line in kept]


def payloads(packets: Iterable[Packet]) -> list[bytes]:
    """What the packets carried for the programs: bytes, without packets that carried none."""
    segments = map(read_segment, packets)
    return [segment.payload for segment in segments if segment and segment.payload]


def said(packets: Iterable[Packet]) -> list[Said]:
    """Who said what, on which connection, in the order seen."""
    packets = list(packets)
    by_client, by_server = (
        {_port(*match) for data in payloads(packets) for match in pattern.findall(data)}
        for pattern in (_BY_CLIENT, _BY_SERVER)
    )
    order = {id(packet): place for place, packet in enumerate(packets)}
    rows = []
    found = [each for each in conversations(packets) if each.protocol == "TCP"]
    for number, conversation in enumerate(found, 1):
        ends = conversation.left, conversation.right
        listens = next((end for end in ends if end[1] in by_client | by_server), ends[1])
        server = listens if listens[1] not in by_client else ends[listens == ends[0]]
        first = conversation.segments[0]
        if not first.opens and listens[1] in by_client | by_server:
            opening = Said(number, listens == server, b"", seen=False)
            rows.append((order[id(first.packet)], opening))
        for segment in conversation.segments:
            if segment.payload or segment.opens:  # of one cut short, nothing may be left
                row = Said(number, segment.source != server, segment.payload)
                rows.append((order[id(segment.packet)], row))
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def _port(high: bytes, low: bytes, whole: bytes) -> int:
    return int(whole) if whole else 256 * int(high) + int(low)


def dialogue(
    packets: Sequence[Packet],
    *,
    client: str = "client",
    server: str = "server",
    connection: int | None = None,
) -> Picture:
    """Draw a dialogue: who said what, on which connection.

    Parameters
    ----------
    packets : Packets
        As captured. The client is who opened the first connection.
    client, server : str
        What to call the two.
    connection : int, optional
        Draw this one only; 1 is the first.
    """
    rows = [row for row in said(packets) if connection in (None, row.connection)]
    if not rows:
        return nothing("dialogue", "No packets of a TCP connection were captured.")
    numbers = sorted({row.connection for row in rows})
    pieces = [
        text(LEFT, 14, client, font_weight="bold", font_size=13),
        text(RIGHT, 14, server, font_weight="bold", font_size=13, text_anchor="end"),
    ]
    y = 26.0
    for row in rows:
        drawn, y = _drawn(row, y, numbered=len(numbers) > 1)
        pieces += drawn
    pieces += [line(x, 22, x, y + 6, stroke_width=1.5) for x in (LEFT, RIGHT)]
    told = _in_words(rows, numbers, client, server)
    caption = f"{told} {getattr(packets, 'note', '')}".strip()
    told_rows = [
        (str(row.connection), client if row.from_client else server, " / ".join(row.lines))
        for row in rows
    ]
    return drawing(
        "dialogue",
        y + 14,
        pieces,
        alt=f"A dialogue of {client} and {server}, packet by packet.",
        caption=caption,
        below=table(("connection", "who", "what"), told_rows, summary="The same in words"),
    )


def _drawn(row: Said, y: float, *, numbered: bool) -> tuple[list[str], float]:
    """One packet below `y`: its text, and an arrow under it; and where that ends."""
    colour, dashes = _LOOKS[(row.connection - 1) % len(_LOOKS)]
    start, end = (LEFT, RIGHT) if row.from_client else (RIGHT, LEFT)
    inwards = 1 if row.from_client else -1
    style: dict[str, Any] = {"font_size": 12, "mono": bool(row.data)}
    style["text_anchor"] = "start" if row.from_client else "end"
    pieces = []
    for words in row.lines:
        y += _LINE
        shown = fitted(words, RIGHT - LEFT - 60, 12, mono=bool(row.data))
        pieces.append(text(start + 14 * inwards, y, shown, **style))
    y += 8
    pieces.append(line(start, y, end, y, stroke=colour, stroke_width=2, stroke_dasharray=dashes))
    toward = 0.0 if row.from_client else math.pi
    pieces.append(arrow_head(end, y, toward=toward, colour=colour))
    if numbered:  # at the arrow's head, where its text does not reach
        bold: dict[str, Any] = {"font_size": 11, "font_weight": "bold", "text_anchor": "middle"}
        pieces.append(text(end - 20 * inwards, y - 5, str(row.connection), **bold))
    return pieces, y + 6


def _in_words(rows: Sequence[Said], numbers: Sequence[int], client: str, server: str) -> str:
    told = []
    for number in numbers:
        mine = [row for row in rows if row.connection == number]
        opener = next((row for row in mine if not row.data), None)
        who = f", opened by the {client if opener.from_client else server}" if opener else ""
        data = [row for row in mine if row.data]
        told.append(f"Connection {number}{who}: {count(len(data), 'packet')} with data.")
    return " ".join(told) if len(numbers) > 1 else f"{count(len(rows), 'packet')} shown."


__all__ = ["Said", "dialogue", "payloads", "said"]
