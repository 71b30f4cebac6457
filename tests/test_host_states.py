"""The TCP states of private hosts, told by their own kernels."""

from __future__ import annotations

import socket
import threading

import pytest

from helpers import Network, sample_host_states
from helpers.host_states import host_states
from helpers.machine import this_machine

pytestmark = pytest.mark.skipif(
    not this_machine().private_networks.here, reason="no private networks here"
)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_both_ends_go_through_all_states_in_their_order(family: int) -> None:
    closed = threading.Event()

    def until_told(conn: socket.socket) -> None:
        conn.recv(1)
        closed.wait(5)

    with Network(delay=0.02) as net, net.b.serve_tcp(until_told, family=family) as server:
        port = server.address[1]
        with sample_host_states(net.a, net.b, port) as samples:
            with net.a.socket(family) as client:
                client.connect(server.address)
                until(samples, "ESTABLISHED", "ESTABLISHED")
            until(samples, "FIN_WAIT2", "CLOSE_WAIT")
            closed.set()
            until(samples, "TIME_WAIT", "CLOSED")
        assert [row.state for row in host_states(net.a, port)] == ["TIME_WAIT"]
        assert [row.state for row in host_states(net.b, port)] == ["LISTEN"]
    client_states = list(dict.fromkeys(value.client for _, value in samples if value))
    # The first two may be missed, or begin before the sampling does, on a busy machine.
    assert client_states[-3:] == ["FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT"]
    server_states = list(dict.fromkeys(value.server for _, value in samples if value))
    assert [state for state in server_states if state != "CLOSED"][-2:] == [
        "CLOSE_WAIT",
        "LAST_ACK",
    ]


def until(samples: list, client: str, server: str) -> None:  # type: ignore[type-arg]
    """Wait until both ends are in these states; at most 10 s."""
    ticks = threading.Event()
    for _ in range(10_000):
        if samples[-1].value == (client, server):
            return
        ticks.wait(0.001)
    raise AssertionError(f"stayed in {samples[-1].value}")


def test_nothing_there_is_closed() -> None:
    with Network() as net, sample_host_states(net.a, net.b, 9) as samples:
        pass
    assert {tuple(value) for _, value in samples if value} == {("CLOSED", "CLOSED")}
