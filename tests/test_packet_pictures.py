"""Lists of packets and bars of their layers say what the packets are, and where from."""

from __future__ import annotations

import pytest
from exchanges import echo_exchange
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, UDPerror
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether

from helpers import layer_bar, layer_sizes
from helpers.packet_lists import describe, packet_list
from helpers.packets import OWN_FRAME, Packet, Packets
from helpers.pictures import Picture


def packet(layers: object, source: str = "raw") -> Packet:
    return Packet(1_000, bytes(layers), source)  # type: ignore[call-overload]


def test_sizes_are_those_of_the_headers() -> None:
    datagram = packet(Ether() / IP() / UDP() / b"hello")
    assert layer_sizes(datagram) == [("Ethernet", 14), ("IPv4", 20), ("UDP", 8), ("Payload", 5)]


@pytest.mark.parametrize("layers", [IP() / TCP(), IPv6() / UDP() / bytes(1000), ARP()])
def test_sizes_add_up_to_the_frame(layers: object) -> None:
    one = packet(Ether() / layers)
    assert sum(size for _, size in layer_sizes(one)) == len(one)


def test_a_bar_is_described_and_says_where_its_packet_comes_from() -> None:
    bar = layer_bar(packet(Ether() / IP() / UDP() / b"hello", OWN_FRAME), labels=["question"])
    assert "47 bytes: Ethernet 14, IPv4 20, UDP 8, payload 5." in bar.alt
    assert "own frame" in bar.caption
    assert "question" in bar.html
    assert bar.html.count("Ethernet") >= 1


def test_bars_have_a_limit_that_is_told() -> None:
    with pytest.raises(ValueError, match="one to six"):
        layer_bar(*[packet(Ether() / IP())] * 7)


def test_a_list_has_a_row_for_each_packet_and_its_note() -> None:
    packets = Packets(echo_exchange(), note="Made by hand.")
    page = packet_list(packets)
    assert page.html.count("<tr>") == len(packets) + 1
    assert page.caption == "Made by hand."
    assert "TCP SYN" in page.html
    assert packets._repr_html_() == page._repr_html_()
    assert repr(packets).splitlines()[-1] == "Made by hand."


def test_a_long_list_says_how_many_are_left_out() -> None:
    packets = Packets(echo_exchange() * 20)
    page = packet_list(packets, most=5)
    assert page.html.count("<tr>") == 6
    assert f"{len(packets) - 5} more packets are not drawn" in page.caption


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (Ether() / IP() / TCP(flags="PA") / b"hello", "TCP PSH, ACK; 5 bytes of data"),
        (Ether() / IPv6() / UDP() / b"ab", "UDP; 2 bytes of data"),
        (Ether() / ARP(), "ARP who has"),
        (
            Ether() / IP(proto=17, flags="MF", frag=2) / bytes(24),
            "UDP fragment: bytes 16 to 39, more follow",
        ),
        (Ether() / IP(proto=17, frag=2) / bytes(24), "UDP fragment: bytes 16 to 39, the last"),
        (
            Ether() / IP() / ICMP(type=11) / IPerror() / UDPerror(),
            "ICMP time-exceeded, ttl-zero-during-transit",
        ),
        (Ether() / IP() / ICMP() / b"ab", "ICMP echo-request"),
    ],
)
def test_a_packet_in_a_few_words(layers: object, words: str) -> None:
    assert words in describe(packet(layers))


@pytest.mark.parametrize("alt", ["", "   ", "too short", None])
def test_a_picture_without_description_is_refused(alt: str) -> None:
    with pytest.raises(ValueError, match="alt="):
        Picture("kind", "<svg></svg>", alt=alt)


def test_a_picture_escapes_its_words() -> None:
    picture = Picture("kind", "<svg></svg>", alt='<script>"quoted"</script> words', caption="<b>")
    page = picture._repr_html_()
    assert "<script>" not in page
    assert "<b>" not in page
