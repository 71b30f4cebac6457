"""What a capture did not see but proves: handshake segments, and when packets arrived."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from .packets import OWN_FRAME, RECONSTRUCTED, Packet, Packets, scapy_ether
from .segments import MODULUS, Conversation, Segment, conversations, read_segment, unwrap


def reconstruct(packets: Sequence[Packet]) -> Packets:
    """Add the handshake segments that a capture of own frames cannot see but proves.

    A socket is handed back its data segments and its SYN, nothing else. If data followed, the
    handshake was completed (RFC 9293, 3.5), so two segments are certain, and their numbers too:

    - the SYN-ACK. It acknowledged the SYN: ack = client's ISN + 1. The server's ISN is one less
      than the number of its own first data byte, or than the ack number of the client's first
      data segment, whichever is lower: the server may have spoken first.
    - the ACK of it, with both numbers one above the two ISNs.

    Not provable, so not added: ACKs without data (data going the other way can carry them), FIN
    and RST, windows, options. Nor is the time: both are put just after the SYN.

    Returns new `Packets`; packets from other sources come back as they were.
    """
    result = Packets(
        packets, source=getattr(packets, "source", OWN_FRAME), note=getattr(packets, "note", "")
    )
    for conversation in conversations(p for p in packets if p.source == OWN_FRAME):
        syn = conversation.syn(from_left=True)
        data = [s for s in conversation.segments if s.length and "ACK" in s.flags]
        if syn is None or not data or conversation.syn(from_left=False) is not None:
            continue
        number = _server_isn(conversation, data)
        at = next(i for i, packet in enumerate(result) if packet is syn.packet)
        result[at + 1 : at + 1] = [
            _handshake(syn, "SA", number, syn.seq + 1, 1),
            _handshake(syn, "A", syn.seq + 1, number + 1, 2),
        ]
    return result


def _server_isn(conversation: Conversation, data: list[Segment]) -> int:
    numbers = [s.ack if s.source == conversation.left else s.seq for s in data]
    return min(unwrap(number, numbers[0]) for number in numbers) - 1


def _handshake(syn: Segment, flags: str, seq: int, ack: int, after: int) -> Packet:
    """A bare segment between the two ends of a SYN."""
    ether = scapy_ether()
    from scapy.layers.inet import IP, TCP
    from scapy.layers.inet6 import IPv6

    (client, cport), (server, sport) = syn.source, syn.destination
    layer = IPv6 if ":" in client else IP
    macs = syn.packet.data[6:12].hex(":"), syn.packet.data[:6].hex(":")
    if flags == "SA":
        client, cport, server, sport = server, sport, client, cport
        macs = macs[1], macs[0]
    frame = (
        ether(src=macs[0], dst=macs[1])
        / layer(src=client, dst=server)
        / TCP(sport=cport, dport=sport, flags=flags, seq=seq % MODULUS, ack=ack % MODULUS)
    )
    return Packet(syn.packet.time_ns + after, bytes(frame), RECONSTRUCTED)


def travel_times(
    conversation: Conversation, delay: float | None, arrived: Sequence[Packet] | None
) -> tuple[list[int], list[int], set[int]]:
    """When each segment of a conversation left and arrived; and the places of those that did not.

    With `delay` they were all seen at the left end: those from the right as they arrived. For a
    lost one the time is when it would have arrived, after the median delay of the others.
    """
    left = [segment.packet.time_ns for segment in conversation.segments]
    if arrived is None:
        way = round((delay or 0) * 1e9)
        for at, segment in enumerate(conversation.segments):
            if segment.source == conversation.right:
                left[at] -= way
        return left, [time + way for time in left], set()
    seen: dict[bytes, list[int]] = {}
    for packet in sorted(arrived, key=lambda packet: packet.time_ns):
        if read_segment(packet) is not None:
            seen.setdefault(_identity(packet), []).append(packet.time_ns)
    found: dict[int, int] = {}
    # The last first: of equal packets, of which one arrived, the earlier was lost and sent again.
    for at in sorted(range(len(left)), key=lambda at: left[at], reverse=True):
        packet = conversation.segments[at].packet
        times = seen.get(_identity(packet), [])
        if times and times[-1] >= left[at]:
            found[at] = times.pop()
        elif packet.source == RECONSTRUCTED:
            found[at] = left[at]
    usual = round(median([found[at] - left[at] for at in found])) if found else 0
    lost = set(range(len(left))) - set(found)
    return left, [found.get(at, time + usual) for at, time in enumerate(left)], lost


def _identity(packet: Packet) -> bytes:
    """The packet without what routers change: Ethernet header, TTL or hop limit, IPv4 checksum."""
    ip = bytearray(packet.data[14:])
    if ip[0] >> 4 == 4:
        ip[8] = ip[10] = ip[11] = 0
    elif ip[0] >> 4 == 6:
        ip[7] = 0
    return bytes(ip)
