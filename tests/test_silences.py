"""A cut wire: what is sent, and who is told."""

from __future__ import annotations

import errno
import socket

import pytest

from helpers import lifetimes
from helpers.machine import this_machine
from helpers.network import Network
from helpers.servers import discard
from helpers.silences import CutOff, Silence, silence_figure


@pytest.mark.skipif(not this_machine().private_networks.here, reason="no private networks here")
def test_who_is_told_and_who_is_not() -> None:
    running = lifetimes.running()
    with Network(delay=0.001) as net, net.b.serve_tcp(discard) as server:
        with CutOff(net, server.address, "gives up", "listens") as clients:
            clients["gives up"].setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 300)
            clients.cut()
            clients["gives up"].sendall(b"hello")
            gives_up, listens = clients.silences(2)
    assert gives_up.error is not None
    assert gives_up.error.errno == errno.ETIMEDOUT
    assert gives_up.told is not None
    assert gives_up.told > 0.2
    assert len(gives_up.sent) >= 2
    assert (listens.sent, listens.told) == ([], None)
    assert lifetimes.running() == running


def test_the_figure_tells_each_row() -> None:
    rows = [
        Silence("sends", [0.001, 0.2, 0.6], None, None, 1.0),
        Silence("gives up", [0.001], 0.5, TimeoutError(errno.ETIMEDOUT, "timed out"), 1.0),
    ]
    picture = silence_figure(rows, caption="Made up.")
    assert "sends: 3 packets sent; the program is told nothing in 1.0 s" in picture.alt
    assert "TimeoutError after 0.50 s" in picture.alt
