"""The charts of a connection show what packets and samples say."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from exchanges import MS, echo_exchange, packet, tcp
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP

from helpers.charts import time_sequence, window_chart
from helpers.kernel_samples import Ends, Whereabouts
from helpers.kernel_state import NOT_SET_YET, TcpInfo
from helpers.packets import OWN_FRAME
from helpers.sample_charts import state_strip, where_are_my_bytes

SVG = "{http://www.w3.org/2000/svg}"


def svg_of(picture):
    return ET.fromstring(re.search(r"<svg.*</svg>", picture.html, re.S)[0])


def paths(picture):
    """The `d` of each path of the drawing that has a class, by class."""
    return {p.get("class"): p.get("d") for p in svg_of(picture).iter(SVG + "path")}


def texts(picture):
    return [t.text for t in svg_of(picture).iter(SVG + "text")]


def transfer(segments=5, *, client_isn=1000, scale=2, first=0):
    """A handshake, then `segments` of 100 bytes, each acknowledged 5 ms later."""
    packets = echo_exchange(client_isn=client_isn)[first:3]
    for i in range(segments):
        packets.append(tcp(10 + 10 * i, "client", "A", 1 + 100 * i, 1, b"x" * 100,
                           client_isn=client_isn))  # fmt: skip
        packets.append(tcp(15 + 10 * i, "server", "A", 1, 101 + 100 * i, window=25,
                           client_isn=client_isn))  # fmt: skip
    return packets


def test_each_data_segment_is_a_bar_and_each_ack_a_step():
    picture = time_sequence(transfer(5))
    found = paths(picture)
    assert found["data"].count("M") == 5
    assert found["acks"].count("V") == 5  # the first point is that of the SYN-ACK
    assert "500 bytes from the client in 5 segments" in picture.alt
    assert "none of them sent again" in picture.alt
    assert "Acknowledged up to 501." in picture.alt


def test_bars_rise_and_acks_reach_them():
    found = paths(time_sequence(transfer(5)))
    bars = re.findall(r"M([\d.]+) ([\d.]+)V([\d.]+)", found["data"])
    tops = [float(top) for *_, top in bars]
    assert tops == sorted(tops, reverse=True)
    assert abs(float(re.findall(r"V([\d.]+)", found["acks"])[-1]) - tops[-1]) < 0.2


def test_it_looks_the_same_where_the_numbers_wrap_around():
    wrapped = transfer(5, client_isn=2**32 - 150)
    assert time_sequence(wrapped).html == time_sequence(transfer(5)).html


def test_the_window_is_scaled_as_the_syns_agreed():
    # The last reply: ack 501, window 25 << 2.
    found = paths(time_sequence(transfer(5)))
    heights = [float(v) for v in re.findall(r"V([\d.]+)", found["window"])]
    acks = [float(v) for v in re.findall(r"V([\d.]+)", found["acks"])]
    per_byte = (acks[0] - acks[-1]) / 400
    assert (acks[-1] - heights[-1]) / per_byte == pytest.approx(100, abs=2)


def test_a_window_far_above_the_data_is_said_and_not_drawn_to_scale():
    packets = [*transfer(5), tcp(70, "server", "A", 1, 501, window=60000)]
    picture = time_sequence(packets)
    assert "The window reaches up to 240,501, above the picture." in picture.caption
    assert paths(picture)["data"].count("M") == 5


def test_without_the_syns_no_window_is_drawn_and_that_is_said():
    picture = time_sequence(transfer(5, first=2))
    assert "window" not in paths(picture)
    assert "SYNs, which were not seen" in picture.caption


def test_what_was_sent_again_is_marked():
    packets = [*transfer(3), tcp(90, "client", "A", 101, 1, b"x" * 100)]
    picture = time_sequence(packets)
    assert paths(picture)["again"].count("M") == 1
    assert texts(picture).count("R") == 1
    assert "R: sent again" in texts(picture)
    assert "1 of them sent again" in picture.alt


def test_the_direction_with_more_bytes_is_drawn_unless_told():
    packets = [*transfer(2), tcp(99, "server", "PA", 1, 201, b"ok")]
    assert "200 bytes from the client" in time_sequence(packets).alt
    assert "2 bytes from the server" in time_sequence(packets, sender="server").alt
    with pytest.raises(ValueError, match="'client' or 'server'"):
        time_sequence(packets, sender="left")
    with pytest.raises(ValueError, match="connection=1"):
        time_sequence(packets, connection=1)


def test_own_frames_show_data_alone_and_say_so():
    own = [tcp(i, "client", "PA", 1 + i, 1, b"x", source=OWN_FRAME) for i in range(3)]
    picture = time_sequence(own)
    assert set(paths(picture)) == {"data"}
    assert "No acknowledgments were seen" in picture.caption


def test_without_tcp_data_the_picture_says_so():
    udp = packet(IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2) / b"x", 0)
    assert "No TCP packets" in time_sequence([udp]).alt
    assert "carry no data" in time_sequence(echo_exchange()[:3]).alt


def test_thousands_of_segments_make_a_small_picture():
    one = transfer(1)
    many = [tcp(i / 1000, "client", "A", 1 + i, 1, b"x") for i in range(2000)]
    assert len(time_sequence([*one, *many]).html) < 60_000


@settings(deadline=None)
@given(st.lists(st.sampled_from(range(16)), max_size=40))
def test_any_selection_of_packets_can_be_drawn(chosen):
    every = [*transfer(5), tcp(90, "client", "A", 101, 1, b"x" * 50),
             tcp(91, "server", "R", 3), tcp(92, "client", "FA", 2**31, 2**31, b"z")]  # fmt: skip
    picture = time_sequence([every[at] for at in chosen])
    svg_of(picture)


# Samples


def strip_states(picture):
    """The states in each of the two strips, from left to right."""
    rows: dict[float, list[tuple[float, str]]] = {}
    for box in svg_of(picture).iter(SVG + "rect"):
        if box.get("class") == "state":
            rows.setdefault(float(box.get("y")), []).append(
                (float(box.get("x")), box.get("data-state"))
            )
    return [[state for _, state in sorted(rows[y])] for y in sorted(rows)]


STATES = [
    (0, Ends("ESTABLISHED", "ESTABLISHED")),
    (100 * MS, Ends("FIN_WAIT2", "CLOSE_WAIT")),
    (101 * MS, Ends("FIN_WAIT2", "CLOSE_WAIT")),
    (102 * MS, Ends("TIME_WAIT", "LAST_ACK")),
    (103 * MS, Ends("TIME_WAIT", "CLOSED")),
    (300 * MS, Ends("TIME_WAIT", "CLOSED")),
]


def test_both_strips_show_the_states_in_order():
    picture = state_strip(STATES)
    assert strip_states(picture) == [
        ["ESTABLISHED", "FIN_WAIT2", "TIME_WAIT"],
        ["ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"],
    ]
    assert "client: ESTABLISHED, FIN_WAIT2, TIME_WAIT;" in picture.alt


def test_the_name_of_each_state_is_written_once_and_inside_the_picture():
    picture = state_strip(STATES)
    for name in ("FIN_WAIT2", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT"):
        assert texts(picture).count(name) == 1
    for element in svg_of(picture).iter(SVG + "text"):
        if element.text in ("LAST_ACK", "CLOSE_WAIT", "FIN_WAIT2"):
            assert 0 <= float(element.get("x")) <= 700 - 6 * len(element.text)


def test_states_are_told_in_a_table_with_their_durations():
    table = re.search(r"<table>.*</table>", state_strip(STATES).html)[0]
    assert "<td>client</td><td>FIN_WAIT2</td><td>100 ms</td><td>2 ms</td>" in table


@pytest.mark.parametrize("draw", [state_strip, where_are_my_bytes, window_chart])
def test_without_samples_the_picture_says_so(draw):
    assert "there is nothing to draw" in draw([]).alt
    assert "there is nothing to draw" in draw([(0, None)]).alt


def test_areas_lie_on_each_other_without_gap_and_fill_the_stack():
    samples = [
        (0, Whereabouts(100, 0, 0, 0, 0)),
        (MS, Whereabouts(40, 30, 10, 20, 0)),
        (2 * MS, Whereabouts(0, 0, 0, 0, 100)),
    ]
    picture = where_are_my_bytes(samples)
    areas = {p.get("data-place"): p.get("d") for p in svg_of(picture).iter(SVG + "path")}
    assert set(areas) == set(Whereabouts._fields)
    # Each value at 1 ms is the upper edge of one area and the lower edge of the next.
    upper = {name: float(re.findall(r"V([\d.]+)", d)[0]) for name, d in areas.items()}
    bottom, top = 400.0, 116.0
    filled = 0
    for name in reversed(Whereabouts._fields):
        filled += getattr(samples[1][1], name)
        assert upper[name] == pytest.approx(bottom - (bottom - top) * filled / 100, abs=0.1)
    assert "100 bytes" in picture.alt
    assert "30 waited in the send queue, 10 were in flight and 20 waited" in picture.alt


def info(cwnd, ssthresh=NOT_SET_YET, again=0):
    return TcpInfo("ESTABLISHED", rtt=0.02, min_rtt=0.01, snd_cwnd=cwnd, snd_ssthresh=ssthresh,
                   total_retrans=again, notsent_bytes=10)  # fmt: skip


def test_an_infinite_threshold_is_not_set_yet():
    picture = window_chart([(0, info(10)), (MS, info(20))])
    assert "ssthresh: not set yet" in texts(picture)
    assert "2147483647" not in picture.html
    assert "cwnd went from 10 to 20 segments" in picture.alt


def test_losses_are_marked_and_the_threshold_drawn():
    picture = window_chart([(0, info(20)), (MS, None), (2 * MS, info(10, 10, 1))])
    assert texts(picture).count("R") == 1
    assert "ssthresh ended at 10" in picture.alt


def test_a_measured_queue_replaces_the_send_queue():
    samples = [(0, info(10)), (MS, info(20))]
    picture = window_chart(samples, queue=[(0, 0.0), (MS, 3000.0)])
    assert "queue at the bottleneck, bytes" in texts(picture)
    assert "send queue, not sent, bytes" in texts(window_chart(samples))


def test_members_an_old_kernel_does_not_know_are_left_out():
    assert window_chart([(0, TcpInfo("ESTABLISHED")), (MS, TcpInfo("ESTABLISHED"))]).alt
