"""Where every field of a packet lies, in bits: its name, its value and what it means.

scapy knows the shape of each header. `fields` asks it for one field after another, the
way scapy dissects, and notes how many bits each one took. So no header's layout is
written here. The names are the RFCs' (`helpers.field_names`).

>>> frame = bytes.fromhex("ffffffffffff 020000000001 0806".replace(" ", ""))
>>> for field in fields(frame):
...     print(field)
Ethernet Destination Address, bits 0 to 47: ff:ff:ff:ff:ff:ff (broadcast: everyone on the link)
Ethernet Source Address, bits 48 to 95: 02:00:00:00:00:01
Ethernet EtherType, bits 96 to 111: 0x0806 (ARP)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import Any

from . import field_names
from .packets import Packet, scapy_ether

UNDISSECTED = "Undissected"
QUOTED = " (quoted)"  # in the names of the headers that an ICMP error hands back
MAX_LAYERS = 32  # a packet inside a packet inside a packet… What is deeper is payload.


@dataclass(frozen=True)
class Field:
    """One field of a packet.

    Attributes
    ----------
    layer : str
        The header it belongs to: "Ethernet", "IPv4", "TCP", "IPv4 (quoted)", "Payload".
    name : str
        Its name in the RFC, "Destination Port"; for a field of an option, "MSS: Kind".
    start, bits : int
        Its first bit, counted from the packet's first bit, and its length, in bits.
    value : str
        Its value, for people: "443", "127.0.0.1", "0xfe30".
    meaning : str
        What the value says, in plain English, where that helps: "10 words = 40 bytes".
    scapy : str
        Its name in scapy: "dport". Empty if scapy has no name for it.
    """

    layer: str
    name: str
    start: int
    bits: int
    value: str
    meaning: str = ""
    scapy: str = ""

    @property
    def end(self) -> int:
        """The first bit after the field."""
        return self.start + self.bits

    def number(self, data: bytes) -> int:
        """The field's bits in the packet `data`, read as one number, highest bit first."""
        last = (self.end + 7) // 8
        around = int.from_bytes(data[self.start // 8 : last], "big")
        return around >> (8 * last - self.end) & ((1 << self.bits) - 1)

    def __str__(self) -> str:
        where = f"bit {self.start}" if self.bits == 1 else f"bits {self.start} to {self.end - 1}"
        meaning = f" ({self.meaning})" if self.meaning else ""
        return f"{self.layer} {self.name}, {where}: {self.value}{meaning}"


def fields(packet: Any) -> list[Field]:
    """All fields of a packet, first to last: they tile it, without a gap or an overlap.

    Parameters
    ----------
    packet : helpers.Packet, scapy packet, or bytes
        Bytes are taken for an Ethernet frame. Any bytes will do: what is cut short or
        makes no sense becomes a field named "Undissected", or payload.

    Raises
    ------
    TypeError
        If `packet` is none of these.
    """
    data = packet_bytes(packet)
    first = scapy_ether()
    if hasattr(packet, "fields_desc"):
        first = type(packet)
    found, left = _Walk().packet(first, data, 0)
    if left:
        note = "after the end of what the headers announce"
        found.append(_rest("Padding", "Padding", data[-left:], 8 * (len(data) - left), note))
    return found


def packet_bytes(packet: Any) -> bytes:
    """The bytes of a helpers.Packet, a scapy packet or a bytes object; else TypeError."""
    if isinstance(packet, Packet):
        return packet.data
    if isinstance(packet, (bytes, bytearray, memoryview)) or hasattr(packet, "fields_desc"):
        return bytes(packet)
    raise TypeError(
        "A packet is a helpers.Packet, a scapy packet or the bytes of an Ethernet frame; "
        f"got {type(packet).__name__}."
    )


@dataclass
class _Layer:
    """One header being taken apart: scapy's view of it, and where it lies."""

    scapy: Any  # an instance of its class, filled field by field
    name: str
    family: str  # the name without "(quoted)" or a number
    option: str  # "Router Alert: " inside an option, else ""
    data: bytes  # the header and all it carries
    start: int  # bits
    whole: bool  # the data are all there, so a checksum over them can be verified
    header_bits: int = 0
    parts: list[tuple[Any, int, int, Any]] = dataclass_field(default_factory=list)

    @property
    def quoted(self) -> bool:
        return self.name.endswith(QUOTED) or type(self.scapy).__name__ in ("IPerror", "IPerror6")


def _rest(layer: str, name: str, data: bytes, start: int, note: str = "", bits: int = 0) -> Field:
    bits = bits or 8 * len(data)
    return Field(layer, name, start, bits, field_names.text(data), note)


class _Walk:
    """One walk through a packet. It remembers the headers' names, to keep them distinct."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def packet(
        self, cls: Any, data: bytes, start: int, below: _Layer | None = None, owner: str = ""
    ) -> tuple[list[Field], int]:
        """The fields of one packet, layer after layer, and how many bytes it left over."""
        found: list[Field] = []
        left = 0
        while data:
            if not _known(cls) or len(self.names) >= MAX_LAYERS:
                name = "Payload" + (QUOTED if below and below.quoted else "")
                found.append(_rest(name, "Data", data, start, f"{len(data):,} bytes carried"))
                break
            layer = self.layer(cls, data, start, below, owner)
            found += self.header(layer)
            payload, beyond = _split(layer)
            left += len(beyond)
            start += layer.header_bits
            data, below, cls, owner = payload, layer, _next_class(layer, payload), ""
        return found, left

    def layer(self, cls: Any, data: bytes, start: int, below: _Layer | None, owner: str) -> _Layer:
        """An empty scapy layer for these bytes, with the name we give it."""
        scapy = cls()
        scapy.original = data
        scapy.underlayer = below.scapy if below else None
        layer = _Layer(
            scapy, field_names.family(cls), "", "", data, start, not below or below.whole
        )
        layer.family = layer.name
        if owner or (below and cls.__name__.startswith("ICMPv6NDOpt")):
            # An option belongs to the header that holds it: its own name is only a prefix.
            layer.name = owner or (below.name if below else "")
            layer.family, layer.option = "Option", field_names.option(scapy) + ": "
            return layer
        if layer.quoted or (below and below.quoted):
            layer.name += QUOTED
        self.names.append(layer.name)
        times = self.names.count(layer.name)
        if times > 1:
            layer.name = f"{layer.family} {times}" + (QUOTED if QUOTED in layer.name else "")
        return layer

    def header(self, layer: _Layer) -> list[Field]:
        """Take one header apart: the loop of scapy's `Packet.do_dissect`, with a ruler."""
        from scapy.fields import TrailerField

        remain: Any = layer.data
        total, done, missing = 8 * len(layer.data), 0, ""
        for field in layer.scapy.fields_desc:
            plain = _unwrapped(field, layer.scapy)
            if isinstance(plain, TrailerField):
                continue  # read from the far end of the packet: not a part of this header
            try:
                if getattr(plain, "length_from", None) and plain.length_from(layer.scapy) < 0:
                    raise ValueError("a negative length")
                remain, value = field.getfield(layer.scapy, remain)
            except Exception:  # scapy raises anything at all on malformed bytes
                missing = field_names.name(layer.family, type(layer.scapy).__name__, plain.name)
                break
            before, done = done, total - _bits_in(remain)
            if done > before:
                layer.parts.append((plain, layer.start + before, done - before, value))
            if value is not None:
                layer.scapy.fields[plain.name] = value
            if not remain and getattr(field, "ismayend", False):
                break
        missing = missing or ("whole byte" if done % 8 else "")
        layer.header_bits = total if missing else done
        layer.whole = not missing and _is_whole(layer)
        found = [field for part in layer.parts for field in self.split(layer, *part)]
        if done < layer.header_bits:
            note = f"too short or malformed: there should be a {missing} here"
            rest, start, bits = layer.data[done // 8 :], layer.start + done, total - done
            found.append(_rest(layer.name, layer.option + UNDISSECTED, rest, start, note, bits))
        return found

    def split(
        self, layer: _Layer, field: Any, start: int, bits: int, value: Any
    ) -> Iterator[Field]:
        """What one of scapy's fields becomes: itself, or the smaller fields it is made of."""
        offset = (start - layer.start) // 8
        data = layer.data[offset : offset + bits // 8]
        kind = type(field).__name__
        pieces = field_names.PIECES.get(f"{layer.family}.{field.name}", ())
        name = layer.option + field_names.name(layer.family, type(layer.scapy).__name__, field.name)
        if kind == "TCPOptionsField":
            yield from _tcp_options(layer.name, data, start)
        elif sum(width for _, width, _ in pieces) == bits:
            for piece, width, says in pieces:
                bits -= width
                number = int(value) >> bits & ((1 << width) - 1)
                meaning = says.get(number, "not set" if width == 1 else "")
                yield Field(layer.name, piece, start, width, str(number), meaning, field.name)
                start += width
        elif field.holds_packets and value is not None:
            yield from self.inner(layer, field, data, start, value)
        elif kind in ("IP6ListField", "FieldListField") and value and not bits % len(value):
            bits //= len(value)
            for number, item in enumerate(value, 1):
                place = start + (number - 1) * bits
                yield Field(layer.name, f"{name} {number}", place, bits, str(item), "", field.name)
        else:
            meaning = field_names.meaning(layer.family, field, layer.scapy, value)
            if field.name in ("chksum", "cksum") and bits == 16:
                covered = layer.header_bits // 8 if layer.family == "IPv4" else len(layer.data)
                message = layer.data[:covered]
                meaning = field_names.checksum(
                    layer.family, layer.scapy, message, offset, layer.whole
                )
            shown = field_names.value(field, value, bits)
            yield Field(layer.name, name, start, bits, shown, meaning, field.name)

    def inner(
        self, layer: _Layer, field: Any, data: bytes, start: int, value: Any
    ) -> Iterator[Field]:
        """The fields of the packets that a field holds: options, or one quoted packet."""
        owner, below = layer.name, layer
        if not field.islist:
            owner, below = "", replace(layer, name=layer.name + QUOTED)
        ended = False
        for element in value if field.islist else [value]:
            if not data or ended or (field.islist and not _known(type(element))):
                break
            found, left = self.packet(type(element), data, start, below, owner)
            yield from found
            start += 8 * (len(data) - left)
            data = data[len(data) - left :]
            ended = type(element).__name__ == "IPOption_EOL"
        if data:
            padding = ended or not field.islist
            yield _rest(layer.name, "Padding" if padding else UNDISSECTED, data, start)


def _tcp_options(layer: str, data: bytes, start: int) -> Iterator[Field]:
    """The options of a TCP header, one field for each kind, length and part of a value.

    RFC 9293, section 3.1: a kind, and, but for kinds 0 and 1, a length that counts both.
    """
    at = 0
    while at < len(data):
        kind = data[at]
        option, parts = field_names.TCP_OPTIONS.get(kind, (f"Option {kind}", (("Data", 0),)))
        where = start + 8 * at
        says = field_names.TCP_OPTION_SAYS.get(kind, "")
        yield Field(layer, f"{option}: Kind", where, 8, str(kind), says, "options")
        at += 1
        if kind == 0:
            if data[at:]:
                note = "after the end of the option list"
                yield _rest(layer, "Padding", data[at:], start + 8 * at, note)
            return
        if kind == 1:
            continue
        length = data[at] if at < len(data) else 0
        if length < 2 or at + length - 1 > len(data):
            if data[at:]:
                note = "too short or malformed: the option's length does not fit"
                yield _rest(layer, f"{option}: {UNDISSECTED}", data[at:], start + 8 * at, note)
            return
        yield Field(
            *(layer, f"{option}: Length", start + 8 * at, 8, str(length)),
            *(field_names.OPTION_LENGTH, "options"),
        )
        body = data[at + 1 : at + length - 1]
        yield from _tcp_option_value(layer, option, parts, body, start + 8 * (at + 1))
        at += length - 1


def _tcp_option_value(
    layer: str, option: str, parts: tuple[tuple[str, int], ...], data: bytes, start: int
) -> Iterator[Field]:
    """The fields of one TCP option's value; as one field if its length is not the RFC's."""
    bits = 8 * len(data)
    if option == "SACK":
        blocks = range(1, len(data) // 8 + 1)
        parts = tuple((f"{edge} Edge {n}", 32) for n in blocks for edge in ("Left", "Right"))
    known = sum(width for _, width in parts)
    if bits != known and not (parts and parts[-1][1] == 0 and bits >= known):
        parts = (("Data", 0),)
    whole = int.from_bytes(data, "big")
    for name, width in parts:
        width = width or bits  # 0: all the rest
        bits -= width
        number = whole >> bits & ((1 << width) - 1)
        says = field_names.TCP_OPTION_VALUES.get(name.rstrip(" 0123456789"))
        value = str(number) if says else field_names.text(number.to_bytes((width + 7) // 8, "big"))
        meaning = says(number) if says else ""
        if width:
            yield Field(layer, f"{option}: {name}", start, width, value, meaning, "options")
        start += width


def _unwrapped(field: Any, layer: Any) -> Any:
    """The field itself, out of scapy's wrappers (Emph, ConditionalField, MultipleTypeField)."""
    from scapy.fields import TrailerField

    while not isinstance(field, TrailerField):
        if hasattr(field, "_find_fld_pkt"):
            field = field._find_fld_pkt(layer)
        elif "fld" in getattr(type(field), "__slots__", ()):
            field = field.fld
        else:
            break
    return field


def _bits_in(remain: Any) -> int:
    """How many bits scapy has left: bytes, or in the midst of a byte (bytes, bits used)."""
    return 8 * len(remain[0]) - int(remain[1]) if isinstance(remain, tuple) else 8 * len(remain)


def _known(cls: Any) -> bool:
    """Whether this is a header we explain. What is above TCP and UDP is payload."""
    return getattr(cls, "__module__", "") in (
        "scapy.layers.l2",
        "scapy.layers.inet",
        "scapy.layers.inet6",
    )


def _split(layer: _Layer) -> tuple[bytes, bytes]:
    """What follows the header: its payload, and what lies beyond the length it announces."""
    rest = layer.data[layer.header_bits // 8 :]
    try:
        payload, beyond = layer.scapy.extract_padding(rest)
    except Exception:  # a length field that was cut off
        return rest, b""
    return payload, beyond or b""


def _next_class(layer: _Layer, payload: bytes) -> Any:
    """The scapy class of the next header, or None."""
    try:
        cls = layer.scapy.guess_payload_class(payload)
        return cls.dispatch_hook(payload) if hasattr(cls, "dispatch_hook") else cls
    except Exception:  # too few bytes to tell
        return None


def _is_whole(layer: _Layer) -> bool:
    """Whether the data after this header are complete: not cut, and not one fragment of many."""
    scapy, payload = layer.scapy, _split(layer)[0]
    if layer.family == "IPv4":
        return not scapy.frag and not scapy.flags.MF and len(payload) == scapy.len - 4 * scapy.ihl
    if layer.family == "IPv6":
        return len(payload) == scapy.plen
    if layer.family == "Fragment Header":
        return layer.whole and not scapy.offset and not scapy.m
    return layer.whole
