"""The byte map: a packet drawn as its headers, field by field, over its bytes.

Each header is drawn in rows of 32 bits, as in the RFCs, with every field's name, value and
bytes; below is the whole packet in hexadecimal. Pointing at a field lights its digits, and
pointing at digits lights their field: in HTML and CSS alone, so that it also works in a
page exported from the notebook.

>>> frame = bytes.fromhex("ffffffffffff 020000000001 88b5 6869".replace(" ", ""))
>>> byte_map(frame)
Byte map of 16 bytes from 02:00:00:00:00:01 to ff:ff:ff:ff:ff:ff: Ethernet, Payload. 16 bytes, \
built here, never sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import Any, NamedTuple

from . import field_names
from .fields import Field, fields, packet_bytes
from .packets import provenance
from .pictures import BLUE, GREY, ORANGE, Picture

ROW = 32  # bits in one row of a header's drawing
LINE = 8  # bytes in one line of the hex dump: narrow enough to stand beside the headers
NARROW = 6  # bits; a box narrower than this has room for a short name and a value only
LONG = 64  # bytes of one field that are drawn for sure; what is beyond may be left out

# Lengths in em where they must follow the text, in bits (1fr) where they must follow the packet.
_STYLE = f"""
.bm{{font:12px/1.35 system-ui,sans-serif;display:flex;flex-wrap:wrap;gap:0 28px;margin-bottom:8px}}
.bm *{{box-sizing:border-box}}
.bm .hd{{flex:1 1 600px;max-width:900px;min-width:0}}
.bm .h{{margin:10px 0 2px;padding-left:30px}}
.bm .g{{display:grid;grid-template-columns:30px repeat(32,minmax(0,1fr))}}
.bm .g>*{{min-width:0}}
.bm .r{{display:contents}}
.bm .r i{{font:9px/12px system-ui,sans-serif;text-align:center;opacity:.75}}
.bm .o{{font-size:10px;text-align:right;padding:3px 6px 0 0;opacity:.75;grid-column:1}}
.bm .c{{position:relative;padding:2px 5px;border:1px solid {GREY};margin:0 -1px -1px 0;\
overflow-wrap:anywhere;grid-column:span var(--w)}}
.bm .c>span:first-child{{display:flex;flex-wrap:wrap;gap:0 8px;justify-content:space-between}}
.bm .c s,.bm .m{{text-decoration:none;font-size:11px;line-height:16px}}
.bm .m{{font-family:ui-monospace,monospace}}
.bm .c s{{max-width:calc(100% - 24px)}}
.bm .n s{{max-width:none}}
.bm .v{{flex:1 0 100%}}
.bm .v b{{font-weight:650;margin-right:4px}}
.bm .v em{{font-style:normal;font-size:11px}}
.bm .n{{padding:2px 0;text-align:center}}
.bm .n>span:first-child{{display:block}}
.bm .n s{{display:block;white-space:nowrap;font-size:8.5px;letter-spacing:-.2px}}
.bm .n b{{margin:0}}
.bm .u s{{writing-mode:vertical-rl;text-orientation:upright;letter-spacing:-2px;height:38px;\
margin:0 auto;line-height:1}}
.bm .t0{{background:{BLUE}2a}}
.bm .t1{{background:{ORANGE}2a}}
.bm .d{{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);\
pointer-events:none}}
.bm .c:is(:hover,:focus){{z-index:2;outline:2px solid {GREY}}}
.bm .c:is(:hover,:focus)>.d{{width:max-content;max-width:320px;height:auto;clip-path:none;\
top:100%;left:-1px;padding:5px 8px;background:#222;color:#fff;border:1px solid {GREY};\
border-radius:4px;overflow-wrap:anywhere;text-align:left}}
.bm .c.e:is(:hover,:focus)>.d{{left:auto;right:-1px}}
.bm .x{{font:12px/1.7 ui-monospace,monospace;white-space:pre;margin:10px 0 0;overflow-x:auto;\
flex:0 1 auto;align-self:flex-start;position:sticky;top:8px}}
.bm .x i{{font-style:normal;opacity:.75}}
.bm .x .z{{opacity:.7}}
"""
_LIT = f"{{background:{BLUE};color:#fff}}"


class _Header(NamedTuple):
    """One layer of the packet: its fields, with their numbers in the packet."""

    name: str
    fields: list[tuple[int, Field]]
    tint: int

    @property
    def start(self) -> int:
        return self.fields[0][1].start

    @property
    def size(self) -> str:
        bits = self.fields[-1][1].end - self.start
        return f"{bits // 8:,} byte" + ("" if bits == 8 else "s")


class _Piece(NamedTuple):
    """The part of a field that is drawn in one box: some columns of one row, or whole rows."""

    start: int
    bits: int


def byte_map(packet: Any, *, layers: Sequence[str] | None = None, title: str = "") -> Picture:
    """Draw a packet: its headers field by field, and its bytes.

    Parameters
    ----------
    packet : helpers.Packet, scapy packet, or bytes
        Bytes are taken for an Ethernet frame.
    layers : sequence of str, optional
        The headers to draw, such as ("IPv4", "TCP"); all by default. The hex dump shows
        the whole packet in any case, with the other headers dimmed.
    title : str
        A line above the picture.

    Returns
    -------
    Picture
        Of kind "byte map".

    Raises
    ------
    TypeError
        If `packet` is none of these.
    ValueError
        If the packet is empty or has no header of a name in `layers`.
    """
    data = packet_bytes(packet)
    if not data:
        raise ValueError("There is nothing to draw: the packet has no bytes.")
    found = fields(packet)
    alt, caption = _alt(data, _headers(found)), _caption(packet, data)
    return field_map(data, found, alt=alt, caption=caption, layers=layers, title=title)


def field_map(
    data: bytes,
    found: Sequence[Field],
    *,
    alt: str,
    caption: str,
    layers: Sequence[str] | None = None,
    title: str = "",
) -> Picture:
    """Draw bytes that are no packet, by the fields that somebody found in them.

    Parameters
    ----------
    data : bytes
        What is drawn.
    found : sequence of Field
        First to last; they must tile `data`, without a gap or an overlap.
    alt, caption : str
        As for `Picture`.
    layers, title
        As for `byte_map`.

    Raises
    ------
    ValueError
        If there is no header of a name in `layers`.
    """
    headers = _headers(found)
    names = [header.name for header in headers]
    wanted = names if layers is None else [layers] if isinstance(layers, str) else list(layers)
    if unknown := [name for name in wanted if name not in names]:
        raise ValueError(f"This packet has no {unknown[0]!r} header; it has {', '.join(names)}.")
    drawn = [header for header in headers if header.name in wanted]
    lit = ",".join(
        f".bm:has(.f{number}:is(:hover,:focus)) .f{number}"
        for header in drawn
        for number, _ in header.fields
    )
    heading = f'<div class="h"><b>{escape(title)}</b></div>' if title else ""
    sections = "".join(_section(header, data) for header in drawn)
    html = (
        f"<style>{_STYLE}{lit}{_LIT}</style>"
        # Without the attribute, a key pressed on a field would be one of JupyterLab's shortcuts.
        f'<div class="bm" data-lm-suppress-shortcuts="true">'
        f'<div class="hd">{heading}{sections}</div>'
        f'<div class="x" aria-hidden="true">{_hex_dump(data, headers, wanted)}</div></div>'
    )
    return Picture("byte map", html, alt=alt, caption=caption)


def _headers(found: Sequence[Field]) -> list[_Header]:
    groups = groupby(enumerate(found), key=lambda numbered: numbered[1].layer)
    return [_Header(name, list(group), tint % 2) for tint, (name, group) in enumerate(groups)]


def _cut(field: Field) -> int:
    """The first byte of a field that is not drawn: its end, unless it is long."""
    first, end = field.start // 8, (field.end + 7) // 8
    cut = -(-(first + LONG) // LINE) * LINE
    return cut if end - cut >= LINE else end


def _section(header: _Header, data: bytes) -> str:
    """One header: its name and size, the bit ruler, and its fields in rows of 32 bits."""
    bits = "".join(f"<i>{bit}</i>" for bit in range(ROW))
    ruler = f'<div class="r" aria-hidden="true"><i></i>{bits}</div>'
    boxes = "".join(_field(header, number, field, data) for number, field in header.fields)
    flags = _flags(header)
    about = f"{header.size}, {flags}" if flags else header.size
    return (
        f'<div class="h" aria-hidden="true"><b>{escape(header.name)}</b> · {about}</div>'
        f'<div class="g" role="list" aria-label="{escape(header.name)}, {about}">'
        f"{ruler if len(header.fields) > 1 else ''}{boxes}</div>"
    )


def _pieces(field: Field, origin: int, last: bool) -> list[_Piece]:
    """Cut a field at the ends of its rows; whole rows stay together.

    What is left of the last field after its whole rows joins them, for no other field
    needs the room.
    """
    starts = [field.start]
    column = (field.start - origin) % ROW
    if column and column + field.bits > ROW:
        starts.append(field.start + ROW - column)
    rows, rest = divmod(field.end - starts[-1], ROW)
    if rows and rest and not last:
        starts.append(field.end - rest)
    ends = [*starts[1:], field.end]
    return [_Piece(start, end - start) for start, end in zip(starts, ends, strict=True)]


def _field(header: _Header, number: int, field: Field, data: bytes) -> str:
    """The boxes of one field: the widest has its name and value, the others their bytes."""
    pieces = _pieces(field, header.start, last=field is header.fields[-1][1])
    main = max(pieces, key=lambda piece: min(piece.bits, ROW))
    boxes = []
    for piece in pieces:
        column = (piece.start - header.start) % ROW
        width = min(piece.bits, ROW - column)
        mark = "" if column else f'<span class="o" aria-hidden="true">{piece.start // 8}</span>'
        classes = (
            f"c f{number} t{header.tint}"
            + " n" * (width < NARROW)
            + " u" * (width == 1)  # as in the RFCs: the letters of a flag stand on one another
            + " e" * (column >= ROW // 2)
        )
        style = f'style="--w:{width}"'
        if piece is main:
            inside = _label(field, data, width, _bytes(piece, field, data))
            boxes.append(
                f'{mark}<div class="{classes}" {style} role="listitem" tabindex="0">{inside}'
                f'<span class="d">{escape(_words(header, field, data))}</span></div>'
            )
        else:
            digits = _bytes(piece, field, data)
            boxes.append(
                f'{mark}<div class="{classes}" {style} aria-hidden="true"><span>'
                f'<s>… {escape(field.name)}</s><span class="m">{digits}</span></span></div>'
            )
    return "".join(boxes)


def _label(field: Field, data: bytes, width: int, digits: str) -> str:
    """What is seen in a field's main box; as much as its width in bits lets in."""
    name = field.name
    narrow = width < NARROW
    if narrow and len(name := name.split(": ")[-1]) > 4.6 * width:
        initials = "".join(word[0] for word in name.replace("-", " ").split())
        name = field.scapy if field.scapy.isupper() else initials
    parts = [f"<s>{escape(name)}</s>"]
    value = _value(field, data)
    twice = value == digits or (value.endswith(" …") and not value.startswith('"'))
    if not twice and not narrow:
        parts.append(f'<span class="m">{digits}</span>')
    meaning = "" if narrow or not field.meaning else f"<em>{escape(field.meaning)}</em>"
    parts.append(f'<span class="v"><b>{escape(value)}</b>{meaning}</span>')
    if left := (field.end + 7) // 8 - _cut(field):
        parts.append(f'<span class="v"><em>{left:,} more bytes are not drawn.</em></span>')
    return f'<span aria-hidden="true">{"".join(parts)}</span>'


def _value(field: Field, data: bytes) -> str:
    end = _cut(field)
    cut = 8 * end < field.end
    return field_names.text(data[field.start // 8 : end]) + " …" if cut else field.value


def _bytes(piece: _Piece | Field, field: Field, data: bytes) -> str:
    """The bytes of a piece in hexadecimal; its bits if it is not made of whole bytes."""
    if piece.start % 8 or piece.bits % 8:
        number = Field("", "", piece.start, piece.bits, "").number(data)
        return f"{number:0{piece.bits}b}"
    end = min(piece.start + piece.bits, 8 * _cut(field))
    return data[piece.start // 8 : end // 8].hex(" ")


def _words(header: _Header, field: Field, data: bytes) -> str:
    """A field in words: for a screen reader, and beside the pointer."""
    first = field.start - header.start
    bits = f"bit {first}" if field.bits == 1 else f"bits {first} to {first + field.bits - 1}"
    whole = not (field.start % 8 or field.bits % 8)
    digits = f"{'bytes' if whole else 'binary'} {_bytes(field, field, data)}"
    left = (field.end + 7) // 8 - _cut(field)
    more = f" and {left:,} more that are not drawn" if left else ""
    meaning = f" ({field.meaning})" if field.meaning else ""
    known = f" In scapy: {field.scapy}." if field.scapy else ""
    value = f"{_value(field, data)}{meaning}"
    return f"{header.name} {field.name}, {bits}: {value}, {digits}{more}.{known}"


class _Digit(NamedTuple):
    """One hexadecimal digit of the dump: four bits, of one field or of several."""

    text: str
    classes: str
    words: str


def _digits(data: bytes, headers: Sequence[_Header], wanted: Sequence[str]) -> list[_Digit | None]:
    """Two digits for each byte of the packet; None for those that are not drawn."""
    texts = data.hex()
    digits: list[_Digit | None] = [None] * len(texts)
    for header in headers:
        dim = header.name not in wanted
        for number, field in header.fields:
            mark, words = " z" if dim else f" f{number}", f"{field.layer} {field.name}"
            for place in range(field.start // 4, min((field.end + 3) // 4, 2 * _cut(field))):
                before = digits[place] or _Digit(texts[place], f"t{header.tint}", "")
                said = f"{before.words}; {words}" if before.words else words
                digits[place] = _Digit(texts[place], before.classes.removesuffix(" z") + mark, said)
    return digits


def _hex_dump(data: bytes, headers: Sequence[_Header], wanted: Sequence[str]) -> str:
    """The packet's bytes in hexadecimal, each digit tied to the fields that it shows."""
    digits = _digits(data, headers, wanted)
    rows = [(at, digits[2 * at : 2 * (at + LINE)]) for at in range(0, len(data), LINE)]
    lines: list[str] = []
    for drawn, group in groupby(rows, key=lambda row: any(row[1])):
        if drawn:
            lines += [f"<i>{at:5}</i>  {_line(row)}" for at, row in group]
        else:
            count = sum(len(row) for _, row in group) // 2
            lines.append(f"<i>       … {count:,} bytes are not drawn …</i>")
    return "\n".join(lines)


def _line(row: Sequence[_Digit | None]) -> str:
    """One line of the dump: neighbouring digits of the same fields share an element."""
    runs = []
    for known, group in groupby(enumerate(row), key=lambda at: at[1] and at[1][1:]):
        text = "".join(_gap(place) + (digit.text if digit else "·") for place, digit in group)
        blank = text[: len(text) - len(text.lstrip())]
        text = text.lstrip()
        if known:
            classes, words = known
            text = f'<span class="{classes}" title="{escape(words)}">{text}</span>'
        runs.append(blank + text)
    return "".join(runs)


def _gap(place: int) -> str:
    """The space before a digit: between bytes, and a wider one in the middle of the line."""
    if place == LINE:
        return "  "
    return " " if place and place % 2 == 0 else ""


def _flags(header: _Header) -> str:
    """The flags that are set in a TCP header: "SYN, ACK"."""
    flags = (field for _, field in header.fields if field.scapy == "flags" and field.value == "1")
    return ", ".join(field.name for field in flags)


def _alt(data: bytes, headers: Sequence[_Header]) -> str:
    """Who sends the packet to whom, and what it is made of."""
    known = [field for header in headers for _, field in header.fields]
    ends = []
    for address, port in (("src psrc", "sport"), ("dst pdst", "dport")):
        # The last address before a quoted packet: IP's rather than Ethernet's.
        own = [field for field in known if "(quoted)" not in field.layer]
        where = [field.value for field in own if field.scapy in address.split()][-1:]
        where += [f"port {field.value}" for field in own if field.scapy == port]
        ends.append(" ".join(where))
    who = f" from {ends[0]} to {ends[1]}" if all(ends) else ""
    parts = [
        f"{header.name} ({flags})" if (flags := _flags(header)) else header.name
        for header in headers
    ]
    return f"Byte map of {len(data):,} bytes{who}: {', '.join(parts)}."


def _caption(packet: Any, data: bytes) -> str:
    return f"{len(data):,} bytes, {provenance(packet)}."
