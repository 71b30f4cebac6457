"""A router in Python, between private hosts: it carries what its rule says, and ends cleanly."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable, Iterator

import pytest

from helpers import Network, echo, lifetimes, this_machine
from helpers.nat import Nat
from helpers.network import Host
from helpers.rewriting import prohibited, reset_for
from helpers.routers import Router, Rule

if not this_machine().private_networks.here:
    pytest.skip(this_machine().private_networks.why_not, allow_module_level=True)


@pytest.fixture(autouse=True)
def leaves_nothing() -> Iterator[None]:
    threads, running = threading.active_count(), lifetimes.running()
    descriptors = sorted(os.listdir("/proc/self/fd"))
    yield
    assert threading.active_count() == threads
    assert sorted(os.listdir("/proc/self/fd")) == descriptors
    assert lifetimes.running() == running


def passes(packet: bytes, interface: str) -> Iterable[bytes]:
    return [packet]


def between(rule: Rule) -> tuple[Network, Router]:
    net = Network.chain("a", "router", "b", by_program=["router"])
    return net, Router(net, "router", rule)


def call(host: Host, address: tuple[str, int], port: int = 0) -> bytes:
    with host.socket() as client:
        client.settimeout(1)
        client.bind(("", port))
        client.connect(address)
        client.sendall(b"hello")
        return client.recv(100)


def test_what_the_rule_passes_arrives_once_with_a_lower_ttl() -> None:
    net, router = between(passes)
    with net, router, net.b.serve_tcp(echo) as server, net.b.capture() as frames:
        assert call(net.a, server.address) == b"hello"
    sent = [frame.data for frame in frames if b"hello" in frame.data]
    assert len([data for data in sent if data[22] == 63]) == 1  # from a; b's own have 64
    assert router.errors == []


def test_the_kernel_forwards_nothing() -> None:
    net, router = between(lambda packet, interface: [])
    with net, router, net.b.serve_tcp(echo) as server, net.b.capture() as frames:
        with pytest.raises(TimeoutError):
            call(net.a, server.address)
    assert not any(frame.data[12:14] == b"\x08\x00" for frame in frames)


def test_a_rule_can_answer() -> None:
    net, router = between(lambda packet, interface: [reset_for(packet)])
    with net, router:
        with pytest.raises(ConnectionRefusedError):
            call(net.a, (net.b.ipv4, 80))
        router.rule = lambda packet, interface: [prohibited(packet, net.router.ipv4)]
        with pytest.raises(OSError, match="No route to host"):
            call(net.a, (net.b.ipv4, 80))


def test_the_routers_own_addresses_are_its_kernels_business() -> None:
    net, router = between(passes)
    with net, router, net.router.serve_tcp(echo) as server:
        assert call(net.a, server.address) == b"hello"


def test_a_rule_that_raises_drops_the_packet_and_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    def broken(packet: bytes, interface: str) -> Iterable[bytes]:
        raise LookupError("no idea")

    net, router = between(broken)
    with net, router:
        with pytest.raises(TimeoutError):
            call(net.a, (net.b.ipv4, 80))
        assert router.errors
    told = capfd.readouterr().err
    assert "The rule of router raised" in told
    assert "LookupError: no idea" in told


def test_two_behind_one_address() -> None:
    wires = [("ana", "nat"), ("ben", "nat"), ("nat", "server")]
    with Network(["ana", "ben", "nat", "server"], wires, by_program=["nat"]) as net:
        nat = Nat("203.0.113.1", outside="eth2")

        def who(conn: socket.socket) -> None:
            conn.recv(100)
            conn.sendall("{}:{}".format(*conn.getpeername()).encode())

        with Router(net, "nat", nat), net.server.serve_tcp(who) as server:
            seen = [call(host, server.address, port=5000) for host in (net.ana, net.ben)]
            assert seen == [b"203.0.113.1:40000", b"203.0.113.1:40001"]
            with net.ana.serve_tcp(echo, port=80):
                with pytest.raises(TimeoutError):
                    call(net.server, ("203.0.113.1", 80))
                nat.forwards[80] = (net.ana.ipv4, 80)
                assert call(net.server, ("203.0.113.1", 80)) == b"hello"


def test_only_routers_can_forward_by_program() -> None:
    with pytest.raises(ValueError, match="by_program names routers, not a"):
        Network(by_program=["a"])


def test_it_may_be_stopped_twice_and_after_its_network() -> None:
    net, router = between(passes)
    net.stop()
    router.stop()
    router.stop()
