"""QUIC through a link in user space: a real congestion window, streams that do not wait."""

from __future__ import annotations

import socket
import threading

import pytest

from helpers import Link, quic


def test_its_window_grows_and_falls_and_the_queue_shows_in_the_round_trips() -> None:
    with quic.QuicServer() as server:
        with Link(server.address, protocol="udp", rate=4e6, delay=0.010, queue_limit=20) as link:
            flow = quic.upload(link.address, seconds=1.5)
    windows = [info.snd_cwnd or 0 for _, info in flow.samples]
    top = windows.index(max(windows))
    assert 10 <= windows[0] <= 12  # of a slow handshake some datagrams are acknowledged already
    assert max(windows) >= 20
    assert min(windows[top:]) <= 0.6 * max(windows)
    trips = [info.rtt for _, info in flow.samples if info.rtt]
    assert max(trips) > 1.5 * min(trips)
    assert 0.5e6 < flow.goodput < 4e6
    assert (flow.samples[-1][1].total_retrans or 0) > 0


@pytest.mark.parametrize("one_stream", [True, False])
def test_only_in_streams_of_their_own_messages_overtake_a_lost_one(one_stream: bool) -> None:
    with quic.QuicServer() as server:
        with Link(server.address, protocol="udp", delay=0.010, loss=0.05, seed=4) as link:
            run = quic.messages(server, link.address, 100, one_stream=one_stream, label="messages")
    assert len(run.nanoseconds) == 100
    streams = [stream for _, stream, _ in server.arrived]
    if one_stream:
        assert len(set(streams)) == 1
    else:
        assert len(set(streams)) == 100
        assert streams != sorted(streams)


def test_nothing_is_left_behind() -> None:
    before = threading.active_count()
    server = quic.QuicServer()
    assert "running" in repr(server)
    server.stop()
    server.stop()
    assert threading.active_count() == before


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quic, "_SAYS_NO", 0.2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        with pytest.raises(TimeoutError, match="No QUIC server answers"):
            quic.upload(deaf.getsockname(), seconds=0.1)
