"""The ladder says what the packets say, in their order, and marks what was not seen."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import pytest
from exchanges import MS, echo_exchange, packet, tcp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, UDP

from helpers import capture, echo, serve_tcp
from helpers.ladders import Call, ladder
from helpers.packets import OWN_FRAME, RECORDING, Packets
from helpers.plain_values import Noted

SVG = "{http://www.w3.org/2000/svg}"


def svg_of(picture):
    return ET.fromstring(re.search(r"<svg.*</svg>", picture.html, re.S)[0])


def arrows(picture):
    """(labels, what it is, where it starts, where it ends) of each arrow, top to bottom."""
    found = []
    for group in svg_of(picture).iter(SVG + "g"):
        if group.get("class") == "packet":
            stroke = group.find(SVG + "line")
            ends = [
                tuple(float(stroke.get(k)) for k in pair) for pair in (("x1", "y1"), ("x2", "y2"))
            ]
            found.append(
                ([t.text for t in group.iter(SVG + "text")], group.get("data-packet"), *ends)
            )
    return found  # fmt: skip


def labels(picture):
    return [" | ".join(texts) for texts, *_ in arrows(picture)]


def texts(picture):
    return [t.text for t in svg_of(picture).iter(SVG + "text")]


def test_a_whole_connection_is_told_in_words_and_numbers():
    picture = ladder(echo_exchange())
    assert labels(picture) == [
        "SYN · seq 0",
        "SYN, ACK · seq 0 · ack 1",
        "ACK · ack 1",
        "PSH, ACK · seq 1, 5 bytes · ack 1 | b'hello'",
        "ACK · ack 6",
        "PSH, ACK · seq 1, 5 bytes · ack 6 | b'HELLO'",
        "ACK · ack 6",
        "FIN, ACK · seq 6 · ack 6",
        "FIN, ACK · seq 6 · ack 7",
        "ACK · ack 7",
    ]
    assert "10 packets" in picture.alt
    assert "client: SYN · seq 0; server: SYN, ACK" in picture.alt


def test_arrows_point_from_sender_to_receiver_and_down():
    for at, (_, _, start, end) in enumerate(arrows(ladder(echo_exchange()))):
        from_client = at not in (1, 4, 5, 8)
        assert (start[0] < end[0]) == from_client
        assert start[1] < end[1]


def test_each_packet_starts_below_the_one_before():
    heights = [start[1] for _, _, start, _ in arrows(ladder(echo_exchange()))]
    assert all(below - above >= 20 for above, below in pairwise(heights))


def test_a_reset_is_told():
    packets = [*echo_exchange()[:4], tcp(4, "server", "R", 1)]
    assert labels(ladder(packets))[-1] == "RST · seq 1"


def test_a_retransmission_is_told():
    packets = [*echo_exchange()[:4], tcp(200, "client", "PA", 1, 1, b"hello")]
    assert labels(ladder(packets))[-1].endswith("retransmission · b'hello'")


def test_a_retransmission_across_the_wrap_is_told():
    wrap = {"client_isn": 2**32 - 3}
    packets = [*echo_exchange(**wrap)[:4], tcp(200, "client", "PA", 1, 1, b"hello", **wrap)]
    assert labels(ladder(packets))[-1] == (
        "PSH, ACK · seq 1, 5 bytes · ack 1 | retransmission · b'hello'"
    )


def own_frames():
    whole = echo_exchange(source=OWN_FRAME)
    return Packets([whole[0], whole[3], whole[5]], source=OWN_FRAME, note="Own frames only.")


def test_reconstructed_packets_are_dashed_labelled_and_without_a_time():
    picture = ladder(own_frames())
    assert [kind for _, kind, *_ in arrows(picture)] == [
        "seen", "reconstructed", "reconstructed", "seen", "seen",
    ]  # fmt: skip
    lines = [g.find(SVG + "line") for g in svg_of(picture).iter(SVG + "g")]
    assert [bool(one.get("stroke-dasharray")) for one in lines] == [False, True, True, False, False]
    assert labels(picture)[1] == "SYN, ACK · seq 0 · ack 1 | reconstructed"
    assert texts(picture).count("?") == 2
    assert "Dashed: 2 packets reconstructed" in picture.caption
    assert "Own frames only." in picture.caption


def test_reconstruction_can_be_switched_off():
    assert len(arrows(ladder(own_frames(), reconstruct=False))) == 3


def test_calls_stand_beside_the_lifeline_of_their_side():
    calls = [Call(0, "client", "connect()"), Call(4 * MS, "right", "recv() → b'hello'")]
    svg = svg_of(ladder(echo_exchange(), calls=calls))
    groups = [g for g in svg.iter(SVG + "g") if g.get("class") == "call"]
    assert [g.find(SVG + "text").text for g in groups] == ["connect()", "recv() → b'hello'"]
    dots = [float(g.find(SVG + "circle").get("cx")) for g in groups]
    assert dots[0] < 350 < dots[1]
    with pytest.raises(ValueError, match="side"):
        ladder(echo_exchange(), calls=[Call(0, "sender", "send()")])


def test_own_names_of_the_ends_are_used_for_calls_too():
    picture = ladder(echo_exchange(), left="Ann", right="Bob", calls=[Call(0, "Bob", "listen()")])
    assert {"Ann", "Bob", "listen()"} <= set(texts(picture))


def test_a_long_silence_is_a_break_with_its_duration():
    late = [tcp(9 + 2500, "client", "PA", 7, 7, b"x")]
    assert "⋮  2.5 s without a packet or call  ⋮" in texts(ladder(echo_exchange() + late))
    assert not any("without" in words for words in texts(ladder(echo_exchange())))


def test_no_break_cuts_the_arrow_of_a_packet_on_its_way():
    packets = [tcp(t, "client", "PA", 1 + t, 1, b"x") for t in (0, 1, 2, 3, 900)]
    pauses = [words for words in texts(ladder(packets, delay=0.3)) if "without" in words]
    assert pauses == ["⋮  597 ms without a packet or call  ⋮"]


def test_of_a_long_conversation_the_middle_is_left_out_and_counted():
    data = [tcp(10 + i, "client", "A", 1 + i, 1, b"x") for i in range(90)]
    picture = ladder([*echo_exchange()[:3], *data], calls=[Call(70 * MS, "left", "late()")])
    assert len(arrows(picture)) == 50
    assert "⋮  43 packets and 1 call left out  ⋮" in texts(picture)
    assert "93 packets" in picture.alt


def test_with_a_delay_arrows_end_when_packets_arrive():
    sent = [tcp(t, "client", "PA", 1 + i, 1, b"x") for i, t in enumerate((0, 1, 2))]
    answer = tcp(42, "server", "A", 1, 4)  # seen where it arrived: at the left end
    found = arrows(ladder([*sent, answer], delay=0.020))
    arrivals = [end[1] for *_, end in found]
    last_departure = found[2][2][1]
    assert last_departure < arrivals[0] < arrivals[1] < arrivals[2]
    assert found[3][2][1] >= arrivals[2]  # the answer leaves after all have arrived
    with pytest.raises(ValueError, match="delay"):
        ladder(sent, delay=-1)


def test_with_a_delay_packets_can_cross():
    both = [tcp(0, "client", "FA", 1, 1), tcp(21, "server", "FA", 1, 1)]  # it left at 1 ms
    found = arrows(ladder(both, delay=0.020))
    assert max(start[1] for *_, start, _ in found) < min(end[1] for *_, end in found)


def test_a_packet_that_did_not_arrive_is_drawn_as_lost():
    sent = [tcp(t, "client", "PA", 1 + t, 1, b"x") for t in range(3)]
    arrived = [tcp(20 + t, "client", "PA", 1 + t, 1, b"x") for t in (0, 2)]
    found = arrows(ladder(sent, arrived=arrived))
    assert [kind for _, kind, *_ in found] == ["seen", "lost", "seen"]
    assert "✕ lost" in found[1][0]
    assert found[1][3][0] < found[0][3][0]


def test_of_equal_packets_of_which_one_arrived_the_first_was_lost():
    sent = [tcp(0, "client", "PA", 1, 1, b"x"), tcp(200, "client", "PA", 1, 1, b"x")]
    found = arrows(ladder(sent, arrived=[tcp(210, "client", "PA", 1, 1, b"x")]))
    assert [kind for _, kind, *_ in found] == ["lost", "seen"]


def test_of_several_connections_one_is_drawn_and_the_others_counted():
    two = echo_exchange() + echo_exchange(port=40001)[:3]
    assert "1 other conversation is not drawn" in ladder(two).caption
    assert len(arrows(ladder(two, connection=1))) == 3
    with pytest.raises(ValueError, match="connection=2"):
        ladder(two, connection=2)


def test_udp_and_its_icmp_error_are_drawn():
    asked = IP(src="127.0.0.1", dst="127.0.0.1") / UDP(sport=5000, dport=9) / b"hi"
    error = IP(src="127.0.0.1", dst="127.0.0.1") / ICMP(type=3, code=3) / asked
    assert labels(ladder([packet(asked, 0), packet(error, 1000)])) == [
        "UDP · 2 bytes | b'hi'",
        "ICMP dest-unreach, port-unreachable",
    ]


@pytest.mark.parametrize("payload", [b"</svg><script>", b"&amp;\"'", bytes(range(32)), b"\xff\xfe"])
def test_any_payload_is_escaped(payload):
    picture = ladder(
        [tcp(0, "client", "PA", 1, 1, payload)], calls=[Call(0, "left", "</text>\x00")]
    )
    assert "<script>" not in picture.html
    shown = repr(payload)
    assert labels(picture)[0].split(" | ")[1][:20] == shown[:20]


def test_the_same_is_there_as_a_table_of_words():
    picture = ladder(own_frames(), calls=[Call(0, "client", "connect()")])
    table = ET.fromstring(re.search(r"<table>.*</table>", picture.html, re.S)[0])
    rows = [[cell.text for cell in row] for row in table.find("tbody")]
    assert len(rows) == 6
    assert ["0 µs", "client", "call: connect()"] in rows
    assert rows[2][0] == "not known"


def test_nothing_captured_is_said():
    assert "nothing to draw" in ladder([]).alt


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60, deadline=None)
@given(
    chosen=st.lists(st.sampled_from(range(14)), max_size=90),
    source=st.sampled_from(["raw", OWN_FRAME]),
    delay=st.sampled_from([None, 0, 0.02]),
    arrived=st.none() | st.lists(st.sampled_from(range(14))),
)
def test_any_selection_of_packets_can_be_drawn(chosen, source, delay, arrived):
    every = [*echo_exchange(source=source), tcp(20, "server", "R", 99, source=source),
             tcp(30, "client", "SFRPAU", 2**31, 2**31, b"\x00", source=source),
             *echo_exchange(source=source, port=1)[:2]]  # fmt: skip
    seen = None if arrived is None else [every[at] for at in arrived]
    picture = ladder([every[at] for at in chosen], delay=delay, arrived=seen)
    svg_of(picture)


def test_a_real_exchange_is_drawn_whole(source):
    with serve_tcp(echo) as server, capture(server, source=source) as packets:
        import socket

        with socket.create_connection(server.address) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"hello"
    picture = ladder(packets)
    said = labels(picture)
    assert said[:3] == [
        words + (" | reconstructed" if source == OWN_FRAME and at else "")
        for at, words in enumerate(["SYN · seq 0", "SYN, ACK · seq 0 · ack 1", "ACK · ack 1"])
    ]
    assert "PSH, ACK · seq 1, 5 bytes · ack 1 | b'hello'" in said
    assert "PSH, ACK · seq 1, 5 bytes · ack 6 | b'hello'" in said
    made = sum(kind == "reconstructed" for _, kind, *_ in arrows(picture))
    assert len(said) == len(packets) + made


def test_calls_of_this_run_are_not_drawn_beside_a_recording() -> None:
    played = [replace(packet, source=RECORDING) for packet in echo_exchange()]
    call = Call(played[0].time_ns, "client", "connect()")
    assert "connect()" in ladder(echo_exchange(), calls=[call]).html
    assert "connect()" not in ladder(played, calls=[call]).html


def test_calls_that_were_recorded_with_the_packets_are_drawn() -> None:
    played = [replace(packet, source=RECORDING) for packet in echo_exchange()]
    calls = Noted([Call(played[0].time_ns, "client", "connect()")], note="A recording.")
    assert "connect()" in ladder(played, calls=calls).html
