"""One stream of bytes, cut into pieces in several ways, one below the other.

>>> byte_axis({"sent": [b"one", b"two"], "received": [b"onetwo"]}, alt="Two become one.")
Two become one. sent: 2 pieces, 6 bytes; received: 1 piece, 6 bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from .drawing import (
    DOTTED,
    MONO,
    SANS,
    WIDTH,
    count,
    drawing,
    line,
    nothing,
    printable,
    scale,
    table,
    tag,
    text,
    ticks,
)
from .pictures import BLUE, ORANGE, Picture

Piece = bytes | int | tuple[bytes | int, str]

LEFT, RIGHT = 112.0, WIDTH - 26.0  # px: where the bytes begin and end
_ROW, _BOX = 54, 28  # px: from row to row, and the height of a box
_LISTED = 30  # pieces of a row that are listed in words
_GUIDED = 60  # cuts of the first row that are drawn through all rows


def byte_axis(rows: Mapping[str, Sequence[Piece]], *, alt: str, caption: str = "") -> Picture:
    """Draw where one stream of bytes was cut: by `sendall`, on the wire, by `recv`.

    All rows share one axis of bytes. Dotted lines go down from the cuts of the first row, so
    that one sees which of them are still there further down.

    Parameters
    ----------
    rows : mapping of str to sequence
        For each row its pieces in order: bytes, or only their number. A pair (piece, what it
        is) stands for bytes that are no part of the message, such as a length; they are orange.
    alt : str
        What the picture shows. The numbers of pieces are added to it.
    caption : str
        What is to be said below, such as the note of a capture.
    """
    sizes = {name: [_size(piece) for piece in pieces] for name, pieces in rows.items()}
    longest = max((sum(row) for row in sizes.values()), default=0)
    if not longest:
        return nothing("byte axis", "There are no bytes to draw.")
    x = scale(0, longest, LEFT, RIGHT)
    bottom = 8 + _ROW * len(rows)
    drawn: list[str] = []
    for number, (name, pieces) in enumerate(rows.items()):
        top = 8 + _ROW * number
        cuts = [x(cut) for cut in accumulate(sizes[name])]
        if number == 0 and len(cuts) <= _GUIDED:
            guide = {"stroke_dasharray": DOTTED, "stroke_opacity": 0.6}
            gaps = [(8 + _ROW * row + _BOX, 8 + _ROW * (row + 1)) for row in range(len(rows))]
            drawn += [line(cut, low, cut, high, **guide) for cut in cuts for low, high in gaps]
        drawn.append(text(4, top + 13, name, font_weight="bold"))
        drawn.append(text(4, top + 28, count(len(pieces), "piece"), font_size=11))
        edges = zip([LEFT, *cuts], cuts, pieces, strict=False)
        seen: set[tuple[float, float]] = set()
        for place, (start, end, piece) in enumerate(edges):
            pixels = round(start * 2) / 2, round(end * 2) / 2
            if pixels not in seen:  # of pieces too narrow to be told apart, one is enough
                seen.add(pixels)
                drawn.append(_box(start, end, top, piece, place))
    drawn.append(line(LEFT, bottom, RIGHT, bottom))
    for value in ticks(0, longest):
        drawn.append(line(x(value), bottom, x(value), bottom + 5))
        if value == int(value):
            label = f"{value:,.0f}"
            drawn.append(text(x(value), bottom + 18, label, text_anchor="middle", font_size=11))
    middle = (LEFT + RIGHT) / 2
    drawn.append(text(middle, bottom + 34, "place in the stream, bytes", text_anchor="middle"))
    told = "; ".join(
        f"{name}: {count(len(row), 'piece')}, {count(sum(row), 'byte')}"
        for name, row in sizes.items()
    )
    words = [
        (name, ", ".join(map(_words, pieces[:_LISTED])) + (" …" if len(pieces) > _LISTED else ""))
        for name, pieces in rows.items()
    ]
    return drawing(
        "byte axis",
        bottom + 40,
        drawn,
        alt=f"{alt} {told}.",
        caption=caption,
        below=table(("row", "its pieces"), words, summary="The same in words"),
    )


def _size(piece: Piece) -> int:
    bare = piece[0] if isinstance(piece, tuple) else piece
    return bare if isinstance(bare, int) else len(bare)


def _shown(piece: Piece) -> str:
    """A piece of text as text, other bytes as Python writes them, a number as a number."""
    bare = piece[0] if isinstance(piece, tuple) else piece
    if isinstance(bare, int):
        return f"{bare:,}"
    return repr(bytes(bare))[2:-1]


def _words(piece: Piece) -> str:
    name = f"{piece[1]} " if isinstance(piece, tuple) else ""
    return f"{name}{_shown(piece) or 'empty'} ({count(_size(piece), 'byte')})"


def _box(start: float, end: float, top: float, piece: Piece, place: int) -> str:
    """One piece, and what is in it, or its size, as far as there is room."""
    extra = isinstance(piece, tuple)
    width = end - start
    box = tag(
        "rect", x=start, y=top, width=max(width, 1.0), height=_BOX, class_="piece",
        fill=ORANGE if extra else BLUE, fill_opacity=0.4 if extra else (0.2, 0.4)[place % 2],
        stroke="currentColor", stroke_opacity=0.7 if width > 3 else 0.15,
    )  # fmt: skip
    for label, size, wide in ((_shown(piece), 11, MONO), (f"{_size(piece):,}", 10, SANS)):
        if label and len(printable(label)) * size * wide + 4 <= width:
            middle = start + width / 2
            anchor = {"text_anchor": "middle", "font_size": size}
            return box + text(middle, top + 18, label, mono=wide == MONO, **anchor)
    return box
