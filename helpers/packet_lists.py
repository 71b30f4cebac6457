"""The packets of a capture as a table: when, from where, to where, what, how long.

>>> frame = bytes.fromhex("ffffffffffff02000000000108060001080006040001")
>>> packet_list(Packets([Packet(0, frame, "raw")], note="Made by hand.")).kind
'packet list'
"""

from __future__ import annotations

import html
from typing import Any

from .field_names import PROTOCOLS
from .packets import Packet, Packets
from .pictures import Picture

MOST = 40
IGMP = 2  # of IPv4's protocol field; scapy's own layer for it is not loaded

# The types of ICMPv6 that a private network sees: RFC 4443, RFC 4861, RFC 3810.
_ICMPV6 = {
    1: "destination unreachable",
    2: "packet too big",
    3: "time exceeded",
    128: "echo request",
    129: "echo reply",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbor solicitation",
    136: "neighbor advertisement",
    143: "multicast listener report",
}
_FLAGS = {"F": "FIN", "S": "SYN", "R": "RST", "P": "PSH", "A": "ACK", "U": "URG"}
_HEADS = ("no.", "since the first", "from", "to", "what", "on the wire")


def packet_list(packets: Packets, *, most: int = MOST) -> Picture:
    """A table of the packets, a row each, and the line that says where they come from.

    Parameters
    ----------
    packets : Packets
        As a capture gives them.
    most : int
        Draw at most so many rows; the caption says how many are left out.
    """
    rows = [_row(number, packet, packets[0]) for number, packet in enumerate(packets[:most], 1)]
    head = "".join(f'<th scope="col" style="text-align:left">{text}</th>' for text in _HEADS)
    body = "".join(
        "<tr>"
        + "".join(f'<td style="text-align:left">{html.escape(cell)}</td>' for cell in row)
        + "</tr>"
        for row in rows
    )
    left_out = len(packets) - len(rows)
    caption = packets.note
    if left_out:
        caption = f"{left_out:,} more packets are not drawn. {caption}"
    return Picture(
        "packet list",
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>",
        alt=f"A table of {len(rows)} packets, oldest first: "
        + "; ".join(f"{row[2]} to {row[3]}, {row[4]}" for row in rows[:4]),
        caption=caption,
    )


def describe(packet: Packet) -> str:
    """What a packet is, in a few words: its flags, and how much data it carries."""
    layers = packet.scapy
    data = f"{payload_length(layers)} bytes of data"
    ip = layers.getlayer("IP")
    if ip is not None and (ip.frag or ip.flags.MF):
        return _fragment(ip)
    if layers.haslayer("IPv6ExtHdrFragment"):
        part = layers["IPv6ExtHdrFragment"]
        more = "more follow" if part.m else "the last"
        return f"IPv6 fragment: from byte {8 * part.offset:,} on, {more}"
    icmpv6 = next((layer for layer in layers.iterpayloads() if "ICMPv6" in layer.name), None)
    if icmpv6 is not None and getattr(icmpv6, "type", None) in _ICMPV6:
        return f"ICMPv6 {_ICMPV6[icmpv6.type]}"  # and not the packet that an error quotes
    if layers.haslayer("TCP"):
        flags = ", ".join(_FLAGS.get(letter, letter) for letter in str(layers["TCP"].flags))
        return f"TCP {flags}; {data}" if payload_length(layers) else f"TCP {flags}"
    if layers.haslayer("UDP"):
        return f"UDP; {data}"
    if layers.haslayer("ICMP"):
        return _icmp(layers["ICMP"])
    if ip is not None and ip.proto == IGMP:
        return "IGMP"
    return str(layers.summary().split(" / ", 1)[-1])


def _fragment(ip: Any) -> str:
    """Which bytes of the datagram, as numbers in what IPv4 carries: RFC 791, section 3.2."""
    first = 8 * ip.frag
    end = first + ip.len - 4 * ip.ihl
    more = "more follow" if ip.flags.MF else "the last"
    name = PROTOCOLS.get(ip.proto, f"protocol {ip.proto}")
    return f"{name} fragment: bytes {first:,} to {end - 1:,}, {more}"


def _icmp(icmp: Any) -> str:
    """Such as "ICMP time-exceeded, ttl-zero-during-transit"; without the packet it quotes."""
    names = [icmp.sprintf("%ICMP.type%"), icmp.sprintf("%ICMP.code%")]
    return "ICMP " + ", ".join(name for name in names if not name.isdigit())


def payload_length(layers: Any) -> int:
    """Bytes of application data in a dissected TCP or UDP packet."""
    transport = layers["TCP"] if layers.haslayer("TCP") else layers.getlayer("UDP")
    return len(transport.payload) if transport is not None else 0


def _row(number: int, packet: Packet, first: Packet) -> tuple[str, ...]:
    microseconds = (packet.time_ns - first.time_ns) / 1000
    layers = packet.scapy
    ip = layers.getlayer("IP") or layers.getlayer("IPv6") or layers
    transport = layers["TCP"] if layers.haslayer("TCP") else layers.getlayer("UDP")
    ends = [str(getattr(ip, end, "")) for end in ("src", "dst")]  # "": it was cut short
    if transport is not None:
        ends = [
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            for host, port in zip(ends, (transport.sport, transport.dport), strict=True)
        ]
    what = describe(packet)
    return str(number), f"{microseconds:,.0f} µs", *ends, what, f"{len(packet)} bytes"
