"""Packets rewritten on their way: every checksum fits, and what is broken stays broken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption

from helpers.rewriting import mended, prohibited, read_flow, reset_for, rewritten

ADDRESSES = st.integers(0, 2**32 - 1).map(lambda n: ".".join(map(str, n.to_bytes(4, "big"))))
PORTS = st.integers(0, 65535)
LAYERS = st.sampled_from([TCP, UDP])


def fresh(packet: Any) -> bytes:
    """The packet as scapy writes it, with all checksums computed anew."""
    read = IP(bytes(packet))
    del read.chksum
    del read[read.layers()[1]].chksum
    return bytes(read)


@settings(max_examples=150, deadline=None)
@given(LAYERS, ADDRESSES, ADDRESSES, PORTS, PORTS, ADDRESSES, PORTS, st.binary(max_size=9))
def test_it_is_what_scapy_would_have_sent(
    layer: Any, a: str, b: str, sport: int, dport: int, new: str, port: int, data: bytes
) -> None:
    packet = bytes(IP(src=a, dst=b, ttl=64) / layer(sport=sport, dport=dport) / data)
    by_source = rewritten(packet, source=(new, port), ttl=63)
    assert by_source == fresh(by_source)
    assert by_source == bytes(IP(src=new, dst=b, ttl=63) / layer(sport=port, dport=dport) / data)
    by_destination = rewritten(packet, destination=(new, port))
    assert by_destination == bytes(IP(src=a, dst=new) / layer(sport=sport, dport=port) / data)
    assert rewritten(by_source, source=(a, sport), ttl=64) == packet


def test_options_do_not_hide_the_ports() -> None:
    packet = IP(src="10.0.0.1", dst="10.0.0.2", options=[IPOption(b"\x01" * 4)]) / UDP(
        sport=1, dport=2
    )
    assert read_flow(bytes(packet)) == ("UDP", ("10.0.0.1", 1), ("10.0.0.2", 2))
    changed = rewritten(bytes(packet), source=("10.9.9.9", 9))
    assert changed == fresh(changed)


def test_a_broken_checksum_stays_broken() -> None:
    packet = bytearray(bytes(IP(src="10.0.0.1", dst="10.0.0.2") / TCP() / b"hello"))
    packet[-1] ^= 1  # damaged on the way
    changed = rewritten(bytes(packet), source=("203.0.113.1", 40000))
    assert changed != fresh(changed)


def test_a_datagram_without_checksum_gets_none() -> None:
    packet = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / UDP(chksum=0) / b"hello")
    changed = rewritten(packet, source=("203.0.113.1", 40000))
    assert changed[26:28] == b"\0\0"


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"garbage" * 9,
        bytes(IP() / ICMP()),
        bytes(IP(frag=100) / UDP()),
        bytes(IP() / TCP())[:30],
        b"\x40" + bytes(IP() / UDP())[1:],
        b"\x60" + bytes(50),
    ],
)
def test_what_has_no_ports_cannot_get_others(packet: bytes) -> None:
    assert read_flow(packet) is None
    with pytest.raises(ValueError, match="carries ports"):
        rewritten(packet, source=("10.0.0.1", 1))


def test_a_checksum_mended_is_the_one_computed() -> None:
    assert mended(0xDD2F, bytes.fromhex("5555"), bytes.fromhex("3285")) == 0  # RFC 1624, section 4


@pytest.mark.parametrize(
    ("flags", "data", "expected"),
    [
        ("S", b"", ("RA", 0, 1001)),  # a SYN counts as one
        ("SF", b"ab", ("RA", 0, 1004)),
        ("A", b"hello", ("R", 500, 0)),
        ("PA", b"", ("R", 500, 0)),
    ],
)
def test_a_reset_is_that_of_a_closed_port(
    flags: str, data: bytes, expected: tuple[str, int, int]
) -> None:
    tcp = TCP(sport=5000, dport=80, seq=1000, ack=500, flags=flags)
    answer = reset_for(bytes(IP(src="10.0.0.1", dst="10.0.0.2") / tcp / data))
    assert answer == fresh(answer)
    read = IP(answer)
    assert (read.src, read.dst, read.sport, read.dport) == ("10.0.0.2", "10.0.0.1", 80, 5000)
    assert (str(read[TCP].flags), read.seq, read.ack) == expected


def test_no_reset_answers_a_reset_or_a_datagram() -> None:
    with pytest.raises(ValueError, match="never answered"):
        reset_for(bytes(IP() / TCP(flags="R")))
    with pytest.raises(ValueError, match="Only TCP"):
        reset_for(bytes(IP() / UDP()))


def test_a_prohibition_quotes_the_header_and_eight_bytes() -> None:
    packet = bytes(IP(src="10.0.0.1", dst="10.0.1.3") / TCP(sport=5000, dport=80))
    answer = prohibited(packet, "10.0.0.2")
    read = IP(answer)
    assert (read.src, read.dst, read[ICMP].type, read[ICMP].code) == ("10.0.0.2", "10.0.0.1", 3, 13)
    assert answer.endswith(packet[:28])
    del read.chksum, read[ICMP].chksum
    assert bytes(read)[:28] == answer[:28]
