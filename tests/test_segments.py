"""Fields of frames, sequence numbers, and what is reconstructed."""

from __future__ import annotations

import pytest
from exchanges import CLIENT, SERVER, echo_exchange, packet, tcp
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import ARP

from helpers.packets import OWN_FRAME, RECONSTRUCTED, Packet, Packets
from helpers.reconstruction import reconstruct
from helpers.segments import conversations, read_segment, steps


def told(packets):
    return [(s.seq, s.ack, s.notes) for s in steps(conversations(packets)[0])]


@pytest.mark.parametrize(
    "network",
    [
        lambda: IP(src="10.0.0.1", dst="10.0.0.2"),
        lambda: IP(src="10.0.0.1", dst="10.0.0.2", options=b"\x01" * 8),
        lambda: IPv6(src="fd00::1", dst="fd00::2"),
        lambda: IPv6(src="fd00::1", dst="fd00::2") / IPv6ExtHdrDestOpt(),
    ],
)
@given(
    flags=st.integers(0, 255),
    seq=st.integers(0, 2**32 - 1),
    ack=st.integers(0, 2**32 - 1),
    window=st.integers(0, 65535),
    payload=st.binary(max_size=40),
)
def test_fields_are_those_that_scapy_reads(network, flags, seq, ack, window, payload):
    options = [("MSS", 1460), ("NOP", None), ("WScale", 7)]
    header = TCP(sport=1, dport=2, flags=flags, seq=seq, ack=ack, window=window, options=options)
    captured = packet(network() / header / payload, 5)
    segment = read_segment(captured)
    ours = captured.scapy[TCP]
    assert segment is not None
    assert (segment.seq, segment.ack, segment.window) == (ours.seq, ours.ack, ours.window)
    assert (segment.source[1], segment.destination[1]) == (1, 2)
    assert segment.payload == payload
    assert segment.length == len(payload)
    letters = {"F": "FIN", "S": "SYN", "R": "RST", "P": "PSH", "A": "ACK", "U": "URG"}
    letters |= {"E": "ECE", "C": "CWR"}
    assert segment.flags == {letters[letter] for letter in str(ours.flags)}
    assert segment.window_scale == (7 if "S" in ours.flags else None)


@given(st.binary(max_size=80), st.sampled_from(["0800", "86dd", "0806"]))
def test_no_bytes_make_it_raise(data, ethertype):
    read_segment(Packet(0, bytes(12) + bytes.fromhex(ethertype) + data, "raw"))
    read_segment(Packet(0, data, "raw"))


@given(st.data())
def test_a_frame_cut_off_anywhere_does_not_raise(data):
    whole = data.draw(st.sampled_from(echo_exchange()))
    cut = data.draw(st.integers(0, len(whole.data)))
    read_segment(Packet(0, whole.data[:cut], "raw"))


def test_padding_of_a_short_frame_is_not_payload():
    short = tcp(0, "client", "A", 1, 1)
    padded = Packet(0, short.data + bytes(60 - len(short.data)), "raw")
    assert read_segment(padded).length == 0


def test_numbers_count_from_the_syn():
    assert told(echo_exchange()) == [
        (0, None, ()),
        (0, 1, ()),
        (1, 1, ()),
        (1, 1, ()),
        (1, 6, ()),
        (1, 6, ()),
        (6, 6, ()),
        (6, 6, ()),
        (6, 7, ()),
        (7, 7, ()),
    ]


def test_numbers_are_the_same_where_they_wrap_around():
    assert told(echo_exchange(client_isn=2**32 - 3, server_isn=2**32 - 1)) == told(echo_exchange())


def test_numbers_count_on_beyond_4_gib():
    jumps = [tcp(i, "client", "A", i * 2**30, 1, b"x") for i in range(1, 7)]
    assert [seq for seq, *_ in told([echo_exchange()[0], *jumps])][1:] == [
        i * 2**30 for i in range(1, 7)
    ]


def test_without_a_syn_the_first_byte_seen_is_number_1():
    assert told(echo_exchange()[3:6]) == [(1, 1, ()), (1, 6, ()), (1, 6, ())]


def test_what_was_sent_before_is_a_retransmission():
    packets = [
        tcp(0, "client", "S", 0),
        tcp(1, "client", "S", 0),
        tcp(2, "client", "PA", 1, 1, b"aaaa"),
        tcp(3, "client", "PA", 9, 1, b"cccc"),
        tcp(4, "client", "PA", 5, 1, b"bbbb"),  # fills a hole: only late, not again
        tcp(5, "client", "PA", 5, 1, b"bbbb"),
        tcp(6, "client", "PA", 11, 1, b"ccdd"),  # half of it is new
        tcp(7, "client", "PA", 15, 1, b"e"),
    ]
    again = ["retransmission" in notes for _, _, notes in told(packets)]
    assert again == [False, True, False, False, False, True, True, False]


def test_a_fin_sent_again_is_a_retransmission():
    again = tcp(300, "client", "FA", 6, 6)
    assert told([*echo_exchange()[:8], again])[-1] == (6, 6, ("retransmission",))


def test_probe_and_zero_window_are_told():
    packets = [*echo_exchange()[:4], tcp(4, "server", "A", 1, 6, window=0),
               tcp(5, "client", "A", 5, 1)]  # fmt: skip
    assert [notes for *_, notes in told(packets)][-2:] == [("window 0",), ("probe",)]


def test_a_new_syn_on_the_same_ports_is_a_new_connection():
    again = echo_exchange(client_isn=77777)
    assert [len(c.segments) for c in conversations(echo_exchange() + again)] == [10, 10]


def test_an_icmp_error_belongs_to_the_datagram_it_is_about():
    asked = IP(src="127.0.0.1", dst="127.0.0.1") / UDP(sport=5000, dport=9)
    error = IP(src="127.0.0.1", dst="127.0.0.1") / ICMP(type=3, code=3) / asked
    (conversation,) = conversations([packet(asked, 0), packet(error, 1)])
    assert [step.from_left for step in steps(conversation)] == [True, False]
    (alone,) = conversations([packet(error, 1)])
    assert alone.left == ("127.0.0.1", 5000)


def test_arp_comes_after_what_it_prepares():
    packets = [packet(ARP(psrc="10.0.0.1", pdst="10.0.0.2"), 0), *echo_exchange()]
    assert [c.protocol for c in conversations(packets)] == ["TCP", "ARP"]


def own_frames():
    whole = echo_exchange(source=OWN_FRAME)
    return Packets([whole[0], whole[3], whole[5]], source=OWN_FRAME, note="A note.")


def test_the_handshake_is_reconstructed_from_own_frames():
    result = reconstruct(own_frames())
    made = [(at, p.scapy[TCP]) for at, p in enumerate(result) if p.source == RECONSTRUCTED]
    real = [p.scapy[TCP] for p in echo_exchange()]
    assert [at for at, _ in made] == [1, 2]
    for (_, ours), theirs in zip(made, real[1:3], strict=True):
        for name in ("sport", "dport", "seq", "ack", "flags"):
            assert getattr(ours, name) == getattr(theirs, name)
    assert (result.source, result.note) == (OWN_FRAME, "A note.")
    assert [p.time_ns for p in result] == sorted(p.time_ns for p in result)


def test_the_servers_number_is_right_where_the_server_speaks_first():
    packets = [
        tcp(0, "client", "S", 0, source=OWN_FRAME, server_isn=2**32 - 2),
        tcp(3, "server", "PA", 1, 1, b"220 hi", source=OWN_FRAME, server_isn=2**32 - 2),
        tcp(4, "client", "PA", 1, 7, b"EHLO", source=OWN_FRAME, server_isn=2**32 - 2),
    ]
    assert reconstruct(packets)[1].scapy[TCP].seq == 2**32 - 2


@pytest.mark.parametrize("chosen", [[0], [3, 5], [0, 1, 3]])
def test_what_is_not_certain_is_not_reconstructed(chosen):
    whole = echo_exchange(source=OWN_FRAME)
    packets = [whole[at] for at in chosen]
    assert list(reconstruct(packets)) == packets


def test_nothing_is_added_to_a_raw_capture():
    raw = [p for at, p in enumerate(echo_exchange()) if at in (0, 3, 5)]
    assert list(reconstruct(raw)) == raw


def test_endpoints_are_addresses_and_ports():
    (conversation,) = conversations(echo_exchange())
    assert (conversation.left, conversation.right) == (CLIENT, SERVER)
