"""The museum: what is caught, what is told of it, and what it leaves behind."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from helpers import lifetimes
from helpers.exhibits import Caught, Museum, Stage, arrows, number_name
from helpers.machine import this_machine
from helpers.packets import RAW, Packet, Packets, scapy_ether

needs_hosts = pytest.mark.skipif(
    not this_machine().private_networks.here, reason="no private networks here"
)


def museum() -> Museum:
    made: Museum
    made = Museum(lambda name: made.run(name))
    return made


def test_a_failure_of_this_machine_is_caught_and_kept() -> None:
    built = museum()

    @built.exhibit("Send less.")
    def too_long() -> None:
        """A large datagram."""
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.sendto(bytes(65_508), ("127.0.0.1", 9))

    assert too_long.error is not None
    assert too_long.error.errno == errno.EMSGSIZE
    assert "cause: A large datagram." in repr(too_long)
    assert "EMSGSIZE" in too_long._repr_html_()
    assert [row[0] for row in built.rows] == ["too long"]
    assert 'data-picture="museum"' in built._repr_html_()


def test_what_does_not_fail_is_said_so() -> None:
    @museum().exhibit("Nothing.")
    def fine() -> None: ...

    assert fine.error is None
    assert fine.number == "none"
    assert "nothing was raised" in repr(fine)


def test_pythons_own_timeout_has_no_number() -> None:
    @museum().exhibit("Close.")
    def slow() -> None:
        near, far = socket.socketpair()
        with near, far:
            near.settimeout(0.01)
            near.recv(1)

    assert slow.number == "none: Python's own clock"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_apart_hurts_only_the_child() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    @museum().exhibit("Close.", apart=True)
    def too_many() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        opened = [socket.socket() for _ in range(100)]
        assert opened

    assert too_many.number.startswith("EMFILE")
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


@needs_hosts
def test_packets_until_the_exception_and_nothing_left() -> None:
    running = lifetimes.running()

    @museum().exhibit("Close.")
    def silent(net: Stage) -> None:
        client, _ = net.connected()
        client.settimeout(0.05)
        client.recv(1)

    assert arrows(silent.packets) == "handshake"  # not the FINs of the end
    assert lifetimes.running() == running


def test_played_where_it_cannot_run() -> None:
    kept: Caught = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), Packets()

    @Museum(lambda _: kept).exhibit("Later.")
    def refused(net: Stage) -> None:
        raise AssertionError

    assert refused.error is kept[0]


def test_arrows_count_what_is_alike() -> None:
    ether = scapy_ether()
    from scapy.layers.inet import IP, TCP, UDP

    def sent(layer: object, back: bool = False) -> Packet:
        ip = IP(src="10.0.0.2", dst="10.0.0.1") if back else IP(src="10.0.0.1", dst="10.0.0.2")
        return Packet(0, bytes(ether() / ip / layer), RAW)

    packets = [
        sent(TCP(flags="S")),
        sent(TCP(flags="SA"), back=True),
        sent(TCP(flags="A")),
        *[sent(TCP(flags="PA") / b"hello")] * 2,
        sent(TCP(flags="A", window=0), back=True),
        sent(UDP() / b"abc"),
    ]
    assert arrows(Packets(packets)) == ("handshake · 5 bytes → (×2) · ← ACK, window 0 · 3 bytes →")
    assert arrows(Packets()) == "none"


def test_numbers_have_names() -> None:
    assert number_name(socket.gaierror(socket.EAI_NONAME, "?")) == "EAI_NONAME"
    assert number_name(OSError(99_999, "?")) == "unknown"
