"""What frames say, read fast: conversations, and sequence numbers counted from zero.

A bulk transfer has thousands of packets, and scapy takes 0.2 ms for each. The pictures of a
connection need a dozen fields only, so these are read with `struct`.

>>> from helpers.packets import Packet, Packets
>>> conversations(Packets([Packet(0, b"not a frame", "raw")]))
[]
"""

from __future__ import annotations

import ipaddress
import struct
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from .packets import RECONSTRUCTED, Packet

FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")  # RFC 9293, 3.1: bit 0 first
_LABEL_ORDER = ("SYN", "FIN", "RST", "PSH", "URG", "ACK", "ECE", "CWR")

_ICMP_ERRORS = {1: (3, 4, 5, 11, 12), 58: (1, 2, 3, 4)}
_ECHO_REQUEST, _ECHO_REPLY = {1: 8, 58: 128}, {1: 0, 58: 129}
_EXTENSION_HEADERS = (0, 43, 60)  # hop-by-hop, routing, destination options: RFC 8200
_HALF = 1 << 31
MODULUS = 1 << 32

Endpoint = tuple[str, int]


@dataclass(frozen=True)
class Segment:
    """The fields of one packet that a picture of a conversation needs.

    `window_scale` is None unless the segment is a SYN with that option. `number` is an ICMP
    type and code. In an ICMP error the endpoints are those of the packet it is about.
    """

    packet: Packet
    protocol: str
    source: Endpoint
    destination: Endpoint
    payload: bytes = b""
    length: int = 0
    flags: frozenset[str] = frozenset()
    seq: int = 0
    ack: int = 0
    window: int = 0
    window_scale: int | None = None
    number: tuple[int, int] = (0, 0)

    @property
    def span(self) -> int:
        """How many sequence numbers it takes: SYN and FIN take one each (RFC 9293, 3.4)."""
        return self.length + ("SYN" in self.flags) + ("FIN" in self.flags)

    @property
    def opens(self) -> bool:
        """Whether this is the SYN of the end that opens the connection."""
        return "SYN" in self.flags and "ACK" not in self.flags

    @property
    def flag_words(self) -> str:
        return ", ".join(flag for flag in _LABEL_ORDER if flag in self.flags) or "no flags"


def read_segment(packet: Packet) -> Segment | None:
    """The fields of a packet; None if it is neither IP nor ARP, or is cut off too early."""
    data = packet.data
    try:
        (ethertype,) = struct.unpack_from("!H", data, 12)
        if ethertype == 0x0806:
            return _arp(packet, data[14:])
        return _ip(packet, data[14:]) if ethertype in (0x0800, 0x86DD) else None
    except (struct.error, IndexError, ValueError):
        return None


def _arp(packet: Packet, arp: bytes) -> Segment:
    _, _, _, _, operation = struct.unpack_from("!HHBBH", arp)
    sender, target = (str(ipaddress.IPv4Address(arp[at : at + 4])) for at in (14, 24))
    return Segment(packet, "ARP", (sender, 0), (target, 0), number=(operation, 0))


def _ip(packet: Packet, ip: bytes) -> Segment:
    if ip[0] >> 4 == 4:
        header = (ip[0] & 15) * 4
        total, fragment, protocol = struct.unpack_from("!2xH2xHxB", ip)
        later_fragment = bool(fragment & 0x1FFF)
        source, destination = (str(ipaddress.IPv4Address(ip[a : a + 4])) for a in (12, 16))
    else:
        length, protocol = struct.unpack_from("!4xHB", ip)
        header, total = 40, 40 + length if length else 0
        source, destination = (str(ipaddress.IPv6Address(ip[a : a + 16])) for a in (8, 24))
        while protocol in _EXTENSION_HEADERS:
            protocol, header = ip[header], header + (ip[header + 1] + 1) * 8
        later_fragment = False
        if protocol == 44:
            (offset,) = struct.unpack_from("!H", ip, header + 2)
            protocol, header, later_fragment = ip[header], header + 8, bool(offset >> 3)
    # Segmentation offload leaves a length of 0 for the card to fill in: take what is there.
    size = (total or len(ip)) - header
    body = ip[header : header + size]
    if later_fragment:
        return Segment(packet, "IP fragment", (source, 0), (destination, 0), body, size)
    if protocol == 6:
        return _tcp(packet, source, destination, body, size)
    if protocol == 17:
        ports = struct.unpack_from("!HH", body)
        ends = (source, ports[0]), (destination, ports[1])
        return Segment(packet, "UDP", *ends, body[8:], max(size - 8, 0))
    if protocol in _ICMP_ERRORS:
        return _icmp(packet, protocol, source, destination, body)
    return Segment(packet, f"IP protocol {protocol}", (source, 0), (destination, 0), body, size)


def _tcp(packet: Packet, source: str, destination: str, tcp: bytes, size: int) -> Segment:
    sport, dport, seq, ack, offset, bits, window = struct.unpack_from("!HHIIBBH", tcp)
    header = (offset >> 4) * 4
    flags = frozenset(name for bit, name in enumerate(FLAGS) if bits >> bit & 1)
    return Segment(
        packet, "TCP", (source, sport), (destination, dport),
        payload=tcp[header:], length=max(size - header, 0), flags=flags,
        seq=seq, ack=ack, window=window,
        window_scale=_window_scale(tcp[20:header]) if "SYN" in flags else None,
    )  # fmt: skip


def _window_scale(options: bytes) -> int | None:
    at = 0
    while at < len(options) and options[at] != 0:  # 0 ends the list
        if options[at] == 3:
            return options[at + 2]
        at += 1 if options[at] == 1 else max(options[at + 1], 2)
    return None


def _icmp(packet: Packet, protocol: int, source: str, destination: str, icmp: bytes) -> Segment:
    name = "ICMP" if protocol == 1 else "ICMPv6"
    kind, code = icmp[0], icmp[1]
    if kind in _ICMP_ERRORS[protocol]:
        about = _ip(packet, icmp[8:])
        # An error goes back to where the packet came from.
        ends: tuple[Endpoint, Endpoint] = (about.destination, about.source)
    elif kind in (_ECHO_REQUEST[protocol], _ECHO_REPLY[protocol]):
        (identifier,) = struct.unpack_from("!H", icmp, 4)
        asks = kind == _ECHO_REQUEST[protocol]
        ends = (source, identifier if asks else 0), (destination, 0 if asks else identifier)
    else:
        ends = (source, 0), (destination, 0)
    return Segment(packet, name, *ends, icmp[8:], max(len(icmp) - 8, 0), number=(kind, code))


@dataclass
class Conversation:
    """The packets between two endpoints; for TCP, those of one connection.

    `left` is who sent the SYN, or where that was not seen, the first packet.
    """

    protocol: str
    left: Endpoint
    right: Endpoint
    segments: list[Segment] = field(default_factory=list)

    def syn(self, *, from_left: bool) -> Segment | None:
        """The SYN that this end sent, or None if it was not seen."""
        sender = self.left if from_left else self.right
        found = (s for s in self.segments if "SYN" in s.flags and s.source == sender)
        return next(found, None)


def conversations(packets: Iterable[Packet]) -> list[Conversation]:
    """Sort packets into conversations, each in the order seen.

    What carries an application's data (TCP, UDP, ping) comes before what only prepares the way
    (ARP, neighbour discovery); within these, the order is that of the first packets. A new SYN
    between the same two ports begins a new connection.
    """
    current: dict[object, Conversation] = {}
    found: list[Conversation] = []
    for packet in packets:
        segment = read_segment(packet)
        if segment is None:
            continue
        key = frozenset((segment.source, segment.destination))
        conversation = current.get(key)
        if conversation is None or _reopens(segment, conversation):
            error = segment.protocol.startswith("ICMP") and _is_error(segment)
            backwards = error or {"SYN", "ACK"} <= segment.flags
            ends = segment.source, segment.destination
            conversation = Conversation(segment.protocol, *(reversed(ends) if backwards else ends))
            current[key] = conversation
            found.append(conversation)
        conversation.segments.append(segment)
    return sorted(found, key=_prepares)


def _reopens(segment: Segment, conversation: Conversation) -> bool:
    if not segment.opens:
        return False
    syn = conversation.syn(from_left=segment.source == conversation.left)
    return syn is not None and syn.seq != segment.seq


def _is_error(segment: Segment) -> bool:
    return segment.number[0] in _ICMP_ERRORS[1 if segment.protocol == "ICMP" else 58]


def _prepares(conversation: Conversation) -> bool:
    ports = conversation.left[1] or conversation.right[1]
    return not (ports and conversation.protocol in ("TCP", "UDP", "ICMP", "ICMPv6"))


class Step(NamedTuple):
    """One segment of a conversation, its numbers counted from the start of the conversation.

    `seq` is 0 for the SYN, and so 1 for the first byte of data; `ack` is None without the ACK
    flag. Both go on past 4 GiB, where the 32 bits of the header start again. `end` is the
    highest number in use after it, plus one.
    """

    segment: Segment
    from_left: bool
    seq: int
    ack: int | None
    notes: tuple[str, ...]

    @property
    def end(self) -> int:
        return self.seq + self.segment.span


def steps(conversation: Conversation) -> list[Step]:
    """Count the sequence numbers of a conversation from its start, and find what is sent again.

    "retransmission": some of its sequence numbers were sent before. "probe": an empty segment
    with the last number already used, by which TCP asks whether the other end is alive or has
    room again. "window 0": the sender of this segment has no room for more.
    """
    highest = {side: _first_number(conversation, from_left=side) for side in (True, False)}
    base = dict(highest)
    sent: dict[bool, _Ranges] = {True: _Ranges(), False: _Ranges()}
    result = []
    for segment in conversation.segments:
        side = segment.source == conversation.left
        if segment.protocol != "TCP":
            result.append(Step(segment, side, 0, None, _provenance(segment)))
            continue
        notes = list(_provenance(segment))
        seq = unwrap(segment.seq, highest[side])
        ack = None
        if "ACK" in segment.flags:
            ack = unwrap(segment.ack, highest[not side])
            highest[not side] = max(highest[not side], ack)
            ack -= base[not side]
        if segment.span and sent[side].add(seq, seq + segment.span):
            notes.append("retransmission")
        if not segment.span and "RST" not in segment.flags and sent[side].end_at(seq + 1):
            notes.append("probe")
        if segment.window == 0 and not segment.flags & {"SYN", "RST"}:
            notes.append("window 0")
        highest[side] = max(highest[side], seq + segment.span)
        result.append(Step(segment, side, seq - base[side], ack, tuple(notes)))
    return result


def _provenance(segment: Segment) -> tuple[str, ...]:
    return ("reconstructed",) if segment.packet.source == RECONSTRUCTED else ()


def _first_number(conversation: Conversation, *, from_left: bool) -> int:
    """What counts as 0: the SYN's number, or else one less than the lowest number seen."""
    syn = conversation.syn(from_left=from_left)
    if syn is not None:
        return syn.seq
    sender = conversation.left if from_left else conversation.right
    numbers = [
        s.seq if s.source == sender else s.ack
        for s in conversation.segments
        if s.protocol == "TCP" and (s.source == sender or "ACK" in s.flags)
    ]
    return min((unwrap(number, numbers[0]) for number in numbers), default=1) - 1


def unwrap(value: int, near: int) -> int:
    """The number closest to `near` that has these low 32 bits."""
    return near + (value - near + _HALF) % MODULUS - _HALF


class _Ranges:
    """The sequence numbers one end has sent, as sorted ranges that do not touch."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def end_at(self, number: int) -> bool:
        """Whether the highest number sent is the one before `number`."""
        return bool(self._ends) and self._ends[-1] == number

    def add(self, start: int, end: int) -> bool:
        """Add a range; whether part of it was there already."""
        first = bisect_left(self._ends, start)
        last = first
        overlap = False
        while last < len(self._starts) and self._starts[last] <= end:
            overlap |= self._starts[last] < end and self._ends[last] > start
            start, end = min(start, self._starts[last]), max(end, self._ends[last])
            last += 1
        self._starts[first:last], self._ends[first:last] = [start], [end]
        return overlap
