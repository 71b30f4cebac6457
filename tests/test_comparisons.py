"""Two packets side by side: what differs is named, what does not is not."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether

from helpers import side_by_side

MAC = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}


def udp(ttl: int, payload: bytes = b"hello") -> Ether:
    return Ether(bytes(Ether(**MAC) / IP(dst="10.0.1.3", ttl=ttl) / UDP() / payload))


def test_what_a_router_changes_is_named() -> None:
    picture = side_by_side(udp(64), udp(63), labels=("first wire", "second wire"))
    assert "2 differ: IPv4 Time to Live, 64 and 63; IPv4 Header Checksum" in picture.alt
    assert picture.html.count(">changed<") == 2
    assert "first wire" in picture.html
    assert "2 of 22 fields differ." in picture.caption


def test_equal_packets_differ_in_nothing() -> None:
    picture = side_by_side(udp(64), udp(64))
    assert "None differs." in picture.alt
    assert ">changed<" not in picture.html


def test_the_payload_is_compared_only_when_asked_for() -> None:
    other = udp(64, b"HELLO")
    assert "Payload" not in side_by_side(udp(64), other).alt
    assert "Payload Data" in side_by_side(udp(64), other, layers=["Payload"]).alt


def test_a_header_that_only_one_has_is_shown() -> None:
    picture = side_by_side(udp(64), Ether(**MAC) / IP(dst="10.0.1.3") / TCP())
    assert "not there" in picture.html


def test_an_unknown_header_is_refused() -> None:
    with pytest.raises(ValueError, match="Neither packet has a header named ARP"):
        side_by_side(udp(64), udp(63), layers=["ARP"])
