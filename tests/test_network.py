"""Private hosts: they reach each other, their wire obeys, and nothing of them stays behind."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from helpers import discard, echo, lifetimes, this_machine
from helpers import network as network_module
from helpers.network import Host, Network, NoPrivateNetwork
from helpers.packets import Packet
from helpers.wire import Parameters

if not this_machine().private_networks.here:
    pytest.skip(this_machine().private_networks.why_not, allow_module_level=True)

FAMILIES = [socket.AF_INET, socket.AF_INET6]


@pytest.fixture(autouse=True)
def leaves_nothing() -> Iterator[None]:
    threads, running = threading.active_count(), lifetimes.running()
    descriptors = sorted(os.listdir("/proc/self/fd"))
    yield
    assert threading.active_count() == threads
    assert sorted(os.listdir("/proc/self/fd")) == descriptors
    assert lifetimes.running() == running


@pytest.fixture(scope="module")
def shared() -> Iterator[Network]:
    with Network() as net:
        yield net


@pytest.fixture
def net(shared: Network) -> Network:
    """Two hosts, and a wire that does nothing to the frames."""
    shared.wire.change(**asdict(Parameters()))
    return shared


def connect(host: Host, address: tuple[Any, ...]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = host.socket(family)
    sock.settimeout(20)
    sock.connect(address)
    return sock


def answer(sock: socket.socket) -> None:
    data, address = sock.recvfrom(2048)
    sock.sendto(data, address)


def round_trips(client: socket.socket, address: tuple[Any, ...], count: int = 10) -> list[float]:
    client.settimeout(20)
    client.sendto(b"who has", address)  # the first one has to find the MAC address
    client.recv(100)
    times = []
    for _ in range(count):
        began = time.perf_counter()
        client.sendto(b"ping", address)
        client.recv(100)
        times.append(time.perf_counter() - began)
    return times


@pytest.mark.parametrize("family", FAMILIES)
def test_hosts_reach_each_other(net: Network, family: int) -> None:
    with net.b.serve_tcp(echo, family=family) as server:
        with connect(net.a, server.address) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"hello"
            six = family == socket.AF_INET6
            assert client.getsockname()[0] == (net.a.ipv6 if six else net.a.ipv4)
            assert server.address[0] == (net.b.ipv6 if six else net.b.ipv4)


def test_sockets_are_plain_sockets_of_their_host(net: Network) -> None:
    with net.a.socket() as sock, net.a.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
        assert type(sock) is socket.socket
        assert (sock.family, sock.type) == (socket.AF_INET, socket.SOCK_STREAM)
        assert (other.family, other.type) == (socket.AF_INET6, socket.SOCK_DGRAM)
        sock.bind((net.a.ipv4, 0))
        with pytest.raises(OSError, match="Cannot assign"):
            other.bind((net.b.ipv6, 0))


def test_a_socket_that_cannot_be_made_says_why_and_the_next_can(net: Network) -> None:
    with pytest.raises(OSError, match="not supported"):
        net.a.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_UDP)
    net.a.socket().close()


def test_a_host_may_ping_with_a_raw_socket(net: Network) -> None:
    echo_request = bytes.fromhex("0800f7fd00010001")  # RFC 792: type 8, identifier 1, sequence 1
    with net.a.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
        sock.settimeout(20)
        sock.sendto(echo_request, (net.b.ipv4, 0))
        reply, address = sock.recvfrom(100)
    assert address[0] == net.b.ipv4
    assert reply[20:] == bytes.fromhex("0000fffd00010001")


def test_hosts_are_closed_to_this_machine_and_to_each_other(net: Network) -> None:
    with net.b.serve_tcp(echo) as server, net.a.socket() as stranger:
        with pytest.raises(ConnectionRefusedError):
            stranger.connect(("127.0.0.1", server.address[1]))


def test_frames_carry_the_hosts_own_addresses() -> None:
    with Network() as net, net.b.serve_tcp(echo) as server, net.b.capture() as packets:
        with connect(net.a, server.address) as client:
            client.sendall(b"hello")
            client.recv(100)
    frames = [packet.scapy for packet in packets]
    assert {frame.src for frame in frames} == {net.a.mac, net.b.mac}
    assert any(frame.haslayer("ARP") for frame in frames)
    assert any(packet.data.endswith(b"hello") for packet in packets)
    assert "b's eth0" in packets.note


@pytest.mark.parametrize("family", FAMILIES)
def test_segments_fit_the_wire_and_their_checksums_are_right(net: Network, family: int) -> None:
    with net.b.serve_tcp(discard, family=family) as server, net.a.capture() as packets:
        with connect(net.a, server.address) as client:
            client.sendall(bytes(1 << 18))
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""
    segments = [packet for packet in packets if packet.scapy.haslayer("TCP")]
    assert max(len(packet) for packet in packets) == 1514
    assert len(segments) > (1 << 18) // 1448
    for packet in segments:
        assert checksums(packet) == checksums(packet, anew=True)


def checksums(packet: Packet, anew: bool = False) -> list[int]:
    """Those of IPv4 and TCP: as they came, or as scapy computes them."""
    frame = packet.scapy.copy()
    found = [layer for layer in ("IP", "TCP") if frame.haslayer(layer)]
    if anew:
        for layer in found:
            del frame[layer].chksum
        frame = type(frame)(bytes(frame))
    return [frame[layer].chksum for layer in found]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_round_trip_takes_twice_the_delay_also_when_it_is_changed(
    net: Network, family: int
) -> None:
    with net.b.serve_udp(answer, family=family) as server:
        with net.a.socket(family, socket.SOCK_DGRAM) as client:
            for delay in (0.010, 0.040):
                net.wire.delay = delay
                times = round_trips(client, server.address)
                assert min(times) >= 2 * delay
                assert min(times) < 3 * delay


def test_each_direction_obeys_on_its_own(net: Network) -> None:
    net.wire.a_to_b.delay = 0.030
    with net.b.serve_udp(answer) as server, net.a.socket(type=socket.SOCK_DGRAM) as client:
        assert 0.030 <= min(round_trips(client, server.address)) < 0.045
        net.wire.a_to_b.loss = 1.0
        seen = len(net.wire.drops)
        client.sendto(b"lost", server.address)
        wait_for(lambda: len(net.wire.drops) > seen)
    drop = net.wire.drops[-1]
    assert (drop.direction, drop.reason) == ("a to b", "loss")
    assert abs(drop.time_ns - time.time_ns()) < 60e9
    assert not [drop for drop in net.wire.b_to_a.drops if drop.reason == "loss"]
    with pytest.raises(ValueError, match=r"0\.03 in one direction and 0\.0 in the other"):
        net.wire.delay  # noqa: B018
    net.wire.delay = 0.001
    assert (net.wire.a_to_b.delay, net.wire.b_to_a.delay, net.wire.delay) == (0.001,) * 3


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_cut_cable_carries_nothing_until_it_is_mended(net: Network) -> None:
    with net.b.serve_tcp(echo) as server, connect(net.a, server.address) as client:
        seen = len(net.wire.drops)
        net.wire.cut = True
        client.sendall(b"hello")
        wait_for(lambda: len(net.wire.drops) > seen)
        net.wire.cut = False
        assert client.recv(100) == b"hello"  # TCP has sent it again
    assert {drop.reason for drop in net.wire.drops[seen:]} == {"cut"}


def test_a_value_that_makes_no_sense_changes_nothing(net: Network) -> None:
    net.wire.change(delay=0.001, rate=1e6)
    for wrong in ({"delay": -1}, {"rate": 5e6, "loss": 2}, {"lag": 1}):
        with pytest.raises(ValueError, match=r"\.$"):
            net.wire.change(**wrong)
    with pytest.raises(AttributeError, match="no 'lag'"):
        net.wire.lag = 1
    assert (net.wire.delay, net.wire.rate, net.wire.loss) == (0.001, 1e6, 0.0)
    with net.b.serve_tcp(echo) as server:
        connect(net.a, server.address).close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"delay": -1},
        {"lag": 1},
        {"mtu": 1000},
        {"mtu": [1500, 1500]},
        {"names": ["a", "stop"]},
        {"names": ["a", "x y"]},
    ],
)
def test_a_network_that_makes_no_sense_is_not_begun(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        Network(**wrong)


@pytest.mark.parametrize("family", FAMILIES)
def test_in_a_chain_each_router_takes_one_from_the_ttl(family: int) -> None:
    with Network.chain("a", "r1", "r2", "b", delay=0.002) as net:
        with net.b.serve_udp(answer, family=family) as server, net.b.capture() as packets:
            with net.a.socket(family, socket.SOCK_DGRAM) as client:
                times = round_trips(client, server.address)
        assert len(net.wires) == 3
    # Six crossings; each at least as long as its delay.
    assert 0.012 <= min(times) < 0.030
    layer, name = ("IP", "ttl") if family == socket.AF_INET else ("IPv6", "hlim")
    pings = [p.scapy for p in packets if p.data.endswith(b"ping")]
    sent = {getattr(p[layer], name) for p in pings if p.src == net.b.mac}
    arrived = {getattr(p[layer], name) for p in pings if p.dst == net.b.mac}
    assert sent == {64}
    assert arrived == {62}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_router_tells_when_a_packet_is_too_long_for_the_next_wire(family: int) -> None:
    with Network.chain("a", "r1", "r2", "b", mtu=[1500, 1300, 1500]) as net:
        with net.b.serve_tcp(discard, family=family) as server, net.a.capture() as packets:
            with connect(net.a, server.address) as client:
                client.sendall(bytes(1 << 16))
                client.shutdown(socket.SHUT_WR)
                assert client.recv(1) == b""
    message = "ICMPv6PacketTooBig" if family == socket.AF_INET6 else "ICMP"
    told = next(at for at, packet in enumerate(packets) if packet.scapy.haslayer(message))
    full = [at for at, packet in enumerate(packets) if len(packet) == 1514]
    shorter = [at for at, packet in enumerate(packets) if len(packet) == 1314]
    assert full
    assert max(full) < told < min(shorter)


def test_in_a_star_each_host_reaches_each_other() -> None:
    with Network.star("a", "b", "c") as net:
        assert len(net.router.interfaces) == 3
        for here in (net.a, net.b, net.c):
            for there in (net.a, net.b, net.c):
                with there.serve_tcp(echo) as server, connect(here, server.address) as client:
                    client.sendall(b"x")
                    assert client.recv(1) == b"x"
        with pytest.raises(AttributeError, match="3 wires"):
            net.wire  # noqa: B018


def test_a_network_tells_its_addresses_and_what_its_wires_do(net: Network) -> None:
    net.wire.a_to_b.change(delay=0.01, rate=1e6)
    assert repr(net).splitlines()[1:] == [
        "a: eth0 02:00:00:00:00:01, 10.0.0.1, fd00::1",
        "b: eth0 02:00:00:00:00:02, 10.0.0.2, fd00::2",
        "a to b: delay=0.01, rate=1000000.0",
        "b to a: carries every frame, at once",
    ]


def test_an_unknown_host_or_interface_is_named(net: Network) -> None:
    with pytest.raises(AttributeError, match="no host 'c'; there are a, b"):
        net.c  # noqa: B018
    with pytest.raises(ValueError, match="a has no 'eth1'; it has eth0"):
        net.a.capture("eth1")


def test_what_was_recorded_stays_after_the_end() -> None:
    with Network(rate=1e6, queue_limit=2) as net:
        with net.a.socket(type=socket.SOCK_DGRAM) as client:
            for _ in range(30):
                client.sendto(bytes(1000), (net.b.ipv4, 9))
            wait_for(lambda: len(net.wire.queue) > 2)
    drops, queue, lateness = net.wire.drops, net.wire.queue, net.wire.lateness()
    assert {drop.reason for drop in drops} == {"queue full"}
    assert max(length.frames for length in queue) == 2
    assert statistics.median(lateness) >= 0
    assert len(lateness) + len(drops) > 2
    with pytest.raises(OSError, match="ended"):
        net.a.socket()
    with pytest.raises(OSError, match="ended"):
        net.wire.delay = 1
    net.stop()


def test_the_end_takes_servers_along_also_after_an_exception() -> None:
    with pytest.raises(ZeroDivisionError):
        with Network() as net:
            net.b.serve_tcp(echo)
            process = os.pidfd_open(net._process._process.pid)
            1 / 0  # noqa: B018
    assert "course" not in str(threading.enumerate())
    with os.fdopen(process):
        assert select.select([process], [], [], 0)[0]


def test_an_interrupt_is_not_for_the_hosts(net: Network) -> None:
    os.kill(net._process._process.pid, signal.SIGINT)
    with net.b.serve_tcp(echo) as server:
        connect(net.a, server.address).close()


def test_a_lost_process_is_told_and_leaves_nothing() -> None:
    with Network() as net:
        net._process._process.kill()
        with pytest.raises(OSError, match="ended"):
            net.a.socket()


KILLED = """
import os, sys, time
from helpers.network import Network
net = Network()
if os.fork() == 0:  # one that inherits the socket, and lives on
    os.close(1)
    time.sleep(30)
print(net._process._process.pid, flush=True)
time.sleep(30)
"""


def test_hosts_end_with_their_notebook_even_if_it_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        hosts = os.pidfd_open(int(parent.stdout.readline()))
        children = f"/proc/{parent.pid}/task/{parent.pid}/children"
        with open(children) as listed:
            others = [int(pid) for pid in listed.read().split()]
        parent.kill()
        ended = select.select([hosts], [], [], 20)[0]
        for pid in others:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        os.close(hosts)
    assert ended


ORDINARY = """
from helpers import echo, this_machine
from helpers.network import Network
if not this_machine().private_networks.here:
    print("not allowed")
    raise SystemExit
with Network.chain("a", "r", "b") as net, net.b.serve_tcp(echo) as server:
    with net.a.capture() as packets, net.a.socket() as client:
        client.connect(server.address)
        client.sendall(b"hello")
        answer = client.recv(100).decode()
    print(answer, len(packets) > 5)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="we are an ordinary user anyway")
def test_an_ordinary_user_has_it_too() -> None:
    nobody = 65534
    try:
        run = subprocess.run(
            [sys.executable, "-c", ORDINARY],
            user=nobody,
            group=nobody,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
        )
    except PermissionError:
        pytest.skip("an ordinary user may not run this Python")
    if "not allowed" in run.stdout:
        pytest.skip("ordinary users may not have namespaces here")
    assert run.stdout == "hello True\n", run.stderr


def test_where_it_is_not_allowed_one_sentence_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "unshare: Operation not permitted")

    monkeypatch.setattr(network_module, "NamespaceProcess", refused)
    with pytest.raises(NoPrivateNetwork, match=r"could not be built: .*not permitted"):
        Network()


def test_an_earlier_run_of_the_same_cell_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = iter([("cell", "1"), ("cell", "2")])
    monkeypatch.setattr(lifetimes, "this_cell", lambda: next(runs))
    first = Network()
    second = Network()
    monkeypatch.undo()
    with pytest.raises(OSError, match="ended"):
        first.a.socket()
    second.stop()


def advertise(router: Host) -> None:
    """One router advertisement for 2001:db8::/64 (RFC 4861, section 4.2)."""
    prefix = struct.pack(
        "!BBBBIII16s", 3, 4, 64, 0xC0, 600, 600, 0, b"\x20\x01\x0d\xb8" + bytes(12)
    )
    message = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix
    with router.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        raw.bind((router.interfaces[0].link_local, 0, 0, router.zone()))
        raw.sendto(message, ("ff02::1", 0, 0, router.zone()))


def test_a_host_takes_its_address_and_its_route_from_a_router() -> None:
    with Network(["a", "router"], [("a", "router")], autoconf=["a"]) as net:
        assert net.a.ipv6 == net.a.interfaces[0].link_local
        far = ("2001:db8:5::1", 9)

        def own_address() -> str:
            with net.a.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
                sock.connect(far)
                return str(sock.getsockname()[0])

        with pytest.raises(OSError, match="unreachable"):
            own_address()
        advertise(net.router)
        latest = time.monotonic() + 10
        own = ""
        while not own.startswith("2001:db8::"):
            assert time.monotonic() < latest
            with contextlib.suppress(OSError):
                own = own_address()


def test_autoconf_names_hosts() -> None:
    with pytest.raises(ValueError, match="nobody"):
        Network(autoconf=["nobody"])


def test_the_zone_of_an_interface_leads_to_a_neighbour(net: Network) -> None:
    there = net.b.interfaces[0].link_local
    with net.b.serve_tcp(echo, family=socket.AF_INET6) as server:
        assert server.address[0] == net.b.ipv6
    with net.a.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        with pytest.raises(OSError, match="Invalid argument"):
            sock.connect((there, 9, 0, 0))
        sock.connect((there, 9, 0, net.a.zone()))
        assert sock.getsockname()[3] == net.a.zone()
    with pytest.raises(OSError, match="No such device"):
        net.a.zone("eth7")


def test_a_network_waits_for_hosts_that_come_up_late() -> None:
    from helpers.namespaces import swallow_reports

    far, near = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    reports = [threading.Timer(seconds, far.send, [b"report"]) for seconds in (0.05, 0.15, 0.16)]
    with far, near:
        for report in reports:
            report.start()
        swallow_reports([near])
        assert not select.select([near], [], [], 0.2)[0]
        for report in reports:
            report.join()


def test_a_network_does_not_wait_for_hosts_without_ipv6() -> None:
    from helpers.namespaces import swallow_reports

    far, near = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with far, near:
        swallow_reports([near])
