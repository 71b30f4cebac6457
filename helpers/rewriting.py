"""IPv4 packets, read and rewritten as routers do it: bytes in, bytes out, no sockets.

A packet begins with its IPv4 header, without the frame around it. What is changed takes its
checksums along: they are mended, not computed anew (RFC 1624), so that a packet that was
broken stays broken.

>>> from scapy.layers.inet import IP, UDP
>>> packet = bytes(IP(src="10.0.0.1", dst="10.0.1.2", ttl=64) / UDP(sport=5000, dport=53))
>>> read_flow(packet).source
('10.0.0.1', 5000)
>>> changed = rewritten(packet, source=("203.0.113.1", 40000), ttl=63)
>>> changed == bytes(IP(src="203.0.113.1", dst="10.0.1.2", ttl=63) / UDP(sport=40000, dport=53))
True
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

Address = tuple[str, int]

_TTL, _PROTOCOL, _SUM, _SOURCE, _DESTINATION = 8, 9, 10, 12, 16
_TCP, _UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
_NAMES = {_TCP: "TCP", _UDP: "UDP"}
_TRANSPORT_SUM = {_TCP: 16, _UDP: 6}  # where the checksum lies in the transport's header
_TRANSPORT_LENGTH = {_TCP: 20, _UDP: 8}
_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10
_FRAGMENT_OFFSET = 0x1FFF


class Flow(NamedTuple):
    """Who speaks with whom in a packet: `protocol` is "TCP" or "UDP", the ends (host, port)."""

    protocol: str
    source: Address
    destination: Address


def read_flow(packet: bytes) -> Flow | None:
    """The ends of an IPv4 packet; None if it carries no ports.

    There are none in other protocols, in later fragments (RFC 791, section 3.2), and in what
    is cut off or no IPv4 at all.
    """
    if len(packet) < 20 or packet[0] >> 4 != 4 or packet[_PROTOCOL] not in _NAMES:
        return None
    at, protocol = header_length(packet), packet[_PROTOCOL]
    fragment = int.from_bytes(packet[6:8], "big") & _FRAGMENT_OFFSET
    if at < 20 or fragment or len(packet) < at + _TRANSPORT_LENGTH[protocol]:
        return None
    ports = struct.unpack_from("!HH", packet, at)
    hosts = (socket.inet_ntoa(packet[place : place + 4]) for place in (_SOURCE, _DESTINATION))
    source, destination = zip(hosts, ports, strict=True)
    return Flow(_NAMES[protocol], source, destination)


def header_length(packet: bytes) -> int:
    """Bytes of the IPv4 header, with its options (RFC 791, section 3.1)."""
    return (packet[0] & 0x0F) * 4


def rewritten(
    packet: bytes,
    *,
    source: Address | None = None,
    destination: Address | None = None,
    ttl: int | None = None,
) -> bytes:
    """The packet with another source, destination or TTL, and its checksums mended.

    Parameters
    ----------
    packet : bytes
        An IPv4 packet; where an end is changed, one that `read_flow` can read.
    source, destination : (str, int), optional
        Address and port.
    ttl : int, optional
        0 to 255.

    Raises
    ------
    ValueError
        If an end is to be changed, and the packet carries no ports.
    """
    changed = bytearray(packet)
    if ttl is not None:
        _replace(changed, _TTL, bytes([ttl, changed[_PROTOCOL]]), [_SUM])
    ends = ((source, _SOURCE, 0), (destination, _DESTINATION, 2))
    if source is None and destination is None:
        return bytes(changed)
    if read_flow(packet) is None:
        raise ValueError("Only the first fragment of a TCP or UDP packet carries ports.")
    transport = header_length(packet)
    own_sum = transport + _TRANSPORT_SUM[packet[_PROTOCOL]]
    # A UDP checksum of 0 means that there is none (RFC 768).
    without = packet[_PROTOCOL] == _UDP and not any(packet[own_sum : own_sum + 2])
    transport_sums = [] if without else [own_sum]
    for end, address_at, port_at in ends:
        if end is not None:
            host, port = end
            # The addresses count in the transport's checksum too: in its pseudo-header.
            _replace(changed, address_at, socket.inet_aton(host), [_SUM, *transport_sums])
            _replace(changed, transport + port_at, port.to_bytes(2, "big"), transport_sums)
    if packet[_PROTOCOL] == _UDP and transport_sums and not any(changed[own_sum : own_sum + 2]):
        changed[own_sum : own_sum + 2] = b"\xff\xff"
    return bytes(changed)


def mended(checksum: int, old: bytes, new: bytes) -> int:
    """The Internet checksum after `old` has become `new`: RFC 1624, equation 3.

    Parameters
    ----------
    checksum : int
        The one that fitted before, 16 bits.
    old, new : bytes
        As long as each other, of even length, from an even place on.

    >>> hex(mended(0xDD2F, bytes.fromhex("5555"), bytes.fromhex("3285")))  # its section 4
    '0x0'
    """
    total = ~checksum & 0xFFFF
    for (before,), (after,) in zip(
        struct.iter_unpack("!H", old), struct.iter_unpack("!H", new), strict=True
    ):
        total += (~before & 0xFFFF) + after
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def internet_checksum(data: bytes) -> int:
    """The checksum of RFC 1071, of data that holds zeros where it will stand."""
    padded = data + bytes(len(data) % 2)
    return mended(0xFFFF, bytes(len(padded)), padded)


def reset_for(packet: bytes) -> bytes:
    """The RST that a closed port would answer this TCP packet with: RFC 9293, section 3.10.7.1.

    It says that it comes from the packet's destination. Raises ValueError if there is no such
    answer: to what is no TCP, and to a RST.
    """
    flow = read_flow(packet)
    if flow is None or flow.protocol != "TCP":
        raise ValueError("Only TCP knows a RST.")
    at = header_length(packet)
    sequence, acknowledged, offset, flags = struct.unpack_from("!IIBB", packet, at + 4)
    if flags & _RST:
        raise ValueError("A RST is never answered by a RST.")
    data = int.from_bytes(packet[2:4], "big") - at - (offset >> 4) * 4
    length = data + bool(flags & _SYN) + bool(flags & _FIN)
    numbers = (acknowledged, 0, _RST)
    if not flags & _ACK:
        numbers = (0, (sequence + length) % (1 << 32), _RST | _ACK)
    ports = flow.destination[1], flow.source[1]
    segment = struct.pack("!HHIIBBHHH", *ports, *numbers[:2], 5 << 4, numbers[2], 0, 0, 0)
    hosts = packet[_DESTINATION : _DESTINATION + 4] + packet[_SOURCE : _SOURCE + 4]
    pseudo_header = hosts + struct.pack("!BBH", 0, _TCP, len(segment))
    whole = internet_checksum(pseudo_header + segment)
    return _ipv4(hosts, _TCP, segment[:16] + whole.to_bytes(2, "big") + segment[18:])


def prohibited(packet: bytes, router: str) -> bytes:
    """The ICMP error *communication administratively prohibited* about a packet.

    Type 3, code 13 (RFC 1812, section 5.2.7.1), from `router` to the packet's source. It
    quotes the packet's header and 8 bytes more (RFC 792); those hold the ports.
    """
    quoted = packet[: header_length(packet) + 8]
    message = struct.pack("!BBHI", 3, 13, 0, 0) + quoted
    whole = internet_checksum(message).to_bytes(2, "big")
    hosts = socket.inet_aton(router) + packet[_SOURCE : _SOURCE + 4]
    return _ipv4(hosts, socket.IPPROTO_ICMP, message[:2] + whole + message[4:])


def _ipv4(hosts: bytes, protocol: int, payload: bytes) -> bytes:
    """An IPv4 packet; `hosts` are source and destination, 8 bytes."""
    start = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0)
    whole = internet_checksum(start + hosts)
    return start[:_SUM] + whole.to_bytes(2, "big") + hosts + payload


def _replace(packet: bytearray, at: int, new: bytes, sums: list[int]) -> None:
    """Put `new` at a place, and mend the checksums that lie at `sums`."""
    old = bytes(packet[at : at + len(new)])
    for place in sums:
        checksum = int.from_bytes(packet[place : place + 2], "big")
        packet[place : place + 2] = mended(checksum, old, new).to_bytes(2, "big")
    packet[at : at + len(new)] = new
