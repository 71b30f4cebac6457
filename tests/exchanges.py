"""Scripted TCP exchanges for the tests of the pictures: packets with known times and numbers."""

from __future__ import annotations

from typing import Any

from helpers.packets import RAW, Packet

CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 80)
CLIENT_ISN, SERVER_ISN = 1000, 5000
MS = 1_000_000


def packet(layers: Any, time_ns: int, source: str = RAW) -> Packet:
    from scapy.layers.l2 import Ether

    return Packet(time_ns, bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / layers),
                  source)  # fmt: skip


def tcp(
    time_ms: float,
    sender: str,
    flags: str,
    seq: int,
    ack: int = 0,
    payload: bytes = b"",
    *,
    source: str = RAW,
    client_isn: int = CLIENT_ISN,
    server_isn: int = SERVER_ISN,
    port: int = CLIENT[1],
    window: int = 1000,
    options: tuple[tuple[str, Any], ...] = (),
) -> Packet:
    """One segment; `seq` and `ack` are relative to the two initial sequence numbers."""
    from scapy.layers.inet import IP, TCP

    client = (CLIENT[0], port)
    ends = (client, SERVER) if sender == "client" else (SERVER, client)
    isn = (client_isn, server_isn) if sender == "client" else (server_isn, client_isn)
    layers = (
        IP(src=ends[0][0], dst=ends[1][0])
        / TCP(
            sport=ends[0][1],
            dport=ends[1][1],
            flags=flags,
            seq=(isn[0] + seq) % 2**32,
            ack=(isn[1] + ack) % 2**32 if "A" in flags else 0,
            window=window,
            options=list(options),
        )
        / payload
    )
    return packet(layers, round(time_ms * MS), source)


def echo_exchange(**given: Any) -> list[Packet]:
    """Handshake, five bytes and their echo, and a close by the client first."""
    return [
        tcp(0, "client", "S", 0, options=(("MSS", 1460), ("WScale", 7)), **given),
        tcp(1, "server", "SA", 0, 1, options=(("MSS", 1460), ("WScale", 2)), **given),
        tcp(2, "client", "A", 1, 1, **given),
        tcp(3, "client", "PA", 1, 1, b"hello", **given),
        tcp(4, "server", "A", 1, 6, **given),
        tcp(5, "server", "PA", 1, 6, b"HELLO", **given),
        tcp(6, "client", "A", 6, 6, **given),
        tcp(7, "client", "FA", 6, 6, **given),
        tcp(8, "server", "FA", 6, 7, **given),
        tcp(9, "client", "A", 7, 7, **given),
    ]
