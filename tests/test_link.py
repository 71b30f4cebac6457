"""The link does to datagrams what a wire does to frames, delays streams, and ends with its ends."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from helpers import Link, echo, latency, lifetimes, serve_tcp, serve_udp
from helpers.link_relays import MAX_CLIENTS
from helpers.wire import Direction, Parameters
from helpers.wire_records import Records


def shout(sock: socket.socket) -> None:
    data, address = sock.recvfrom(65535)
    sock.sendto(data.upper(), address)


def udp_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(10)
    sock.bind(("127.0.0.1", 0))
    return sock


def ask(client: socket.socket, link: Link, data: bytes) -> bytes:
    client.sendto(data, link.address)
    return client.recv(65535)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.001)


@pytest.fixture(autouse=True)
def _leaves_nothing() -> Iterator[None]:
    folder = "/proc/self/fd"
    threads = threading.active_count()
    descriptors = len(os.listdir(folder)) if os.path.isdir(folder) else 0
    yield
    assert threading.active_count() == threads
    if descriptors:
        assert len(os.listdir(folder)) <= descriptors
    assert lifetimes.running() == []


def test_a_round_trip_takes_twice_the_delay() -> None:
    with serve_tcp(echo) as server, Link(server.address, delay=0.02) as link:
        with socket.create_connection(link.address) as client:

            def ask() -> None:
                client.sendall(b"x")
                client.recv(1)

            found = latency(ask, rounds=10, warmup=1, label="link")
    assert min(found.nanoseconds) >= 40_000_000, "never early"
    assert found.percentile(50) < 4 * 0.040


def test_every_byte_arrives_in_order_and_the_end_too() -> None:
    data = os.urandom(3_000_000)
    with serve_tcp(echo) as server, Link(server.address, delay=0.005) as link:
        with socket.create_connection(link.address) as client:
            sender = threading.Thread(
                target=lambda: (client.sendall(data), client.shutdown(socket.SHUT_WR))
            )
            sender.start()
            received = b"".join(iter(lambda: client.recv(65536), b""))
            sender.join()
    assert received == data


def test_idle_connections_end_with_the_link_and_nothing_is_left() -> None:
    before = set(threading.enumerate())
    with serve_tcp(echo) as server, Link(server.address, delay=0.01) as link:
        clients = [socket.create_connection(link.address) for _ in range(5)]
        for client in clients:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        began = time.monotonic()
    assert time.monotonic() - began < 2
    for client in clients:
        assert client.recv(1) == b""
        client.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    assert set(threading.enumerate()) == before


def test_a_reset_on_one_side_ends_the_other() -> None:
    with serve_tcp(echo) as server, Link(server.address, delay=0.001) as link:
        client = socket.create_connection(link.address)
        client.sendall(b"x")
        client.recv(1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        deadline = time.monotonic() + 10
        while server.connections and time.monotonic() < deadline:
            time.sleep(0.001)
        assert server.connections == []


def test_udp_loses_exactly_what_the_logic_of_a_wire_loses() -> None:
    logic = Direction(Parameters(loss=0.3, burst=2), Records(), "7 0")
    for number in range(200):
        logic.arrive(0, b"%d" % number)
    expected = [frame for _, frame in logic.advance(0)]
    assert 0 < len(expected) < 200
    with udp_socket() as server, udp_socket() as client:
        with Link(
            server.getsockname(), protocol="udp", seed=7, delay=0.001, loss=0.3, burst=2
        ) as link:
            for number in range(200):
                client.sendto(b"%d" % number, link.address)
            assert [server.recv(100) for _ in expected] == expected
            drops = link.drops
    assert len(drops) == 200 - len(expected)
    assert {(drop.direction, drop.reason) for drop in drops} == {("client to server", "loss")}


def test_udp_duplicates_arrive_twice() -> None:
    with udp_socket() as server, udp_socket() as client:
        with Link(server.getsockname(), protocol="udp", duplicate=1) as link:
            client.sendto(b"one", link.address)
            client.sendto(b"", link.address)
            assert [server.recv(100) for _ in range(4)] == [b"one", b"one", b"", b""]


def test_udp_a_longer_delay_takes_longer_also_when_it_is_set_while_running() -> None:
    def fastest(delay: float) -> float:
        link.delay = delay
        found = latency(lambda: ask(client, link, b"x"), rounds=5, warmup=1, label="link")
        return min(found.nanoseconds) / 1e9

    with serve_udp(shout) as server, udp_socket() as client:
        with Link(server.address, protocol="udp") as link:
            near, far = fastest(0.005), fastest(0.03)
            late = link.lateness()
    assert near >= 2 * 0.005
    assert far >= 2 * 0.03
    assert len(late) == 2 * 12
    assert min(late) >= 0


def test_udp_a_cut_loses_all_and_a_mended_link_carries_again() -> None:
    with serve_udp(shout) as server, udp_socket() as client:
        with Link(server.address, protocol="udp") as link:
            assert ask(client, link, b"before") == b"BEFORE"
            link.cut = True
            for _ in range(3):
                client.sendto(b"lost", link.address)
            until(lambda: len(link.drops) == 3)
            link.cut = False
            assert ask(client, link, b"after") == b"AFTER"
            assert {drop.reason for drop in link.drops} == {"cut"}


def test_udp_directions_are_independent() -> None:
    with udp_socket() as server, udp_socket() as client:
        with Link(server.getsockname(), protocol="udp") as link:
            client.sendto(b"hello", link.address)
            _, back = server.recvfrom(100)
            link.a_to_b.loss = 1
            client.sendto(b"lost", link.address)
            until(lambda: len(link.a_to_b.drops) == 1)
            server.sendto(b"not lost", back)
            assert client.recv(100) == b"not lost"
            assert link.b_to_a.drops == []
            assert link.b_to_a.loss == 0
            with pytest.raises(ValueError, match="in one direction"):
                print(link.loss)


def test_udp_a_slow_link_has_a_queue_that_overflows() -> None:
    with udp_socket() as server, udp_socket() as client:
        with Link(server.getsockname(), protocol="udp", rate=1000, queue_limit=2) as link:
            for _ in range(5):  # one of them takes 8 s
                client.sendto(bytes(1000), link.address)
            until(lambda: len(link.drops) == 2)
            assert {drop.reason for drop in link.drops} == {"queue full"}
            assert max(length.frames for length in link.queue) == 2


def test_udp_clients_get_their_own_answers() -> None:
    with serve_udp(shout) as server, udp_socket() as one, udp_socket() as two:
        with Link(server.address, protocol="udp", delay=0.002) as link:
            for client, text in ((one, b"one"), (two, b"two"), (one, b"three")):
                client.sendto(text, link.address)
            assert [one.recv(100), one.recv(100)] == [b"ONE", b"THREE"]
            assert two.recv(100) == b"TWO"


def test_udp_survives_more_clients_than_it_has_room_for() -> None:
    with serve_udp(shout) as server, udp_socket() as client:
        with Link(server.address, protocol="udp") as link:
            for number in range(MAX_CLIENTS + 20):
                with udp_socket() as other:
                    assert ask(other, link, b"a" * number * 400) == b"A" * number * 400
            assert ask(client, link, b"still here") == b"STILL HERE"


def test_udp_a_flood_cannot_fill_the_memory_and_the_link_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("helpers.link_relays.MAX_FRAMES", 20)
    with udp_socket() as server, udp_socket() as client:
        with Link(server.getsockname(), protocol="udp", delay=3600) as link:
            until(lambda: client.sendto(b"flood", link.address) > 0 and len(link.drops) > 20)
            assert {drop.reason for drop in link.drops} == {"overrun"}
            link.cut = True  # loses all that was under way
            link.change(cut=False, delay=0)
            server.settimeout(0.1)

            def arrives() -> bool:  # the flood may still fill the kernel's buffers
                client.sendto(b"still here", link.address)
                try:
                    return server.recv(65535) == b"still here"
                except TimeoutError:
                    return False

            until(arrives)


def test_udp_a_server_that_is_gone_may_come_back() -> None:
    with udp_socket() as client, serve_udp(shout) as server:
        with Link(server.address, protocol="udp") as link:
            server.stop()
            for number in range(1, 4):
                client.sendto(b"nobody there", link.address)
                until(lambda number=number: len(link.lateness()) == number)  # type: ignore[misc]
            with serve_udp(shout, port=server.address[1]):
                assert ask(client, link, b"back") == b"BACK"


def test_tcp_a_rate_takes_its_time() -> None:
    rate, size = 8e6, 200_000
    with serve_tcp(echo) as server, Link(server.address) as link:
        link.a_to_b.rate = rate
        with socket.create_connection(link.address, timeout=10) as client:
            began = time.monotonic()
            client.sendall(bytes(size))
            client.shutdown(socket.SHUT_WR)
            received = sum(map(len, iter(lambda: client.recv(65536), b"")))
            took = time.monotonic() - began
        assert link.drops == []
    assert received == size
    assert took >= size * 8 / rate


def test_tcp_the_delay_changes_while_it_runs_and_jitter_keeps_the_order() -> None:
    with serve_tcp(echo) as server, Link(server.address, delay=0.001) as link:
        with socket.create_connection(link.address, timeout=10) as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            link.a_to_b.delay = 0.05
            began = time.monotonic()
            client.sendall(b"y")
            assert client.recv(1) == b"y"
            assert time.monotonic() - began >= 0.051
            link.change(delay=0, jitter=0.01)
            sent = b"".join(b"%04d" % number for number in range(50))
            for at in range(0, len(sent), 4):
                client.sendall(sent[at : at + 4])
            client.shutdown(socket.SHUT_WR)
            assert b"".join(iter(lambda: client.recv(65536), b"")) == sent


def test_tcp_a_cut_holds_bytes_back_and_mending_delivers_all_of_them() -> None:
    received = bytearray()

    def keep(conn: socket.socket) -> None:
        while data := conn.recv(65536):
            received.extend(data)
        conn.sendall(b"done")

    data = os.urandom(100_000)
    with serve_tcp(keep) as server, Link(server.address) as link:
        with socket.create_connection(link.address, timeout=10) as client:
            client.sendall(b"before")
            until(lambda: received == b"before")
            link.a_to_b.cut = True
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            for _ in range(5):  # each is a turn of the link's loop, in which it could read
                link.b_to_a.delay = 0.0
            assert received == b"before"
            link.a_to_b.cut = False
            assert client.recv(4) == b"done"
    assert received == b"before" + data


def test_tcp_a_slow_reader_makes_the_sender_wait() -> None:
    done = threading.Event()
    with serve_tcp(lambda conn: done.wait(10)) as server, Link(server.address) as link:
        with socket.create_connection(link.address) as client:
            client.settimeout(0.3)
            with pytest.raises(TimeoutError):
                for _ in range(1000):
                    client.sendall(bytes(1 << 20))
        done.set()


def test_tcp_a_server_that_is_gone_ends_the_connection() -> None:
    with serve_tcp(echo) as server:
        pass
    with Link(server.address) as link, socket.create_connection(link.address) as client:
        client.settimeout(10)
        assert client.recv(1) == b""


@pytest.mark.parametrize("wish", [{"loss": 0.1}, {"duplicate": 1}, {"reorder": 0.5}, {"burst": 3}])
def test_tcp_says_why_it_cannot_lose_double_or_reorder(wish: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a stream, not segments") as made:
        Link(("127.0.0.1", 9), **wish)
    assert "use a private network (network) or protocol='udp'" in str(made.value).lower()
    with serve_tcp(echo) as server, Link(server.address) as link:
        for adjustable in (link, link.a_to_b):
            with pytest.raises(ValueError, match="a stream, not segments"):
                adjustable.change(delay=5, **wish)
        assert (link.delay, link.loss) == (0, 0)
        assert "cannot lose a TCP segment" in repr(link)
        assert "\n" not in repr(link)
        with socket.create_connection(link.address, timeout=10) as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_bad_values_get_a_sentence_and_the_link_goes_on(protocol: str) -> None:
    for bad in ({"delay": -1}, {"rate": 1}, {"cut": 1}, {"dely": 1}, {"loss": 2}):
        with pytest.raises(ValueError, match=min(bad)):
            Link(("127.0.0.1", 9), protocol=protocol, **bad)
    for to in ("127.0.0.1", ("127.0.0.1", 70000), (1, 2), None):
        with pytest.raises(ValueError, match="host, port"):
            Link(to, protocol=protocol)  # type: ignore[arg-type]
    with serve_udp(shout) as server, udp_socket() as client:
        with Link(server.address, protocol="udp") as link:
            for bad in ({"delay": -1}, {"loss": 2}, {"dely": 1}):
                with pytest.raises(ValueError, match=min(bad)):
                    link.change(**bad)
            with pytest.raises(AttributeError, match="dely"):
                link.dely = 1
            assert ask(client, link, b"x") == b"X"
    with pytest.raises(ValueError, match="protocol"):
        Link(("127.0.0.1", 9), protocol="sctp")


def test_without_a_with_block_it_runs_until_it_is_stopped_and_its_records_stay() -> None:
    with serve_udp(shout) as server, udp_socket() as client:
        link = Link(server.address, protocol="udp", cut=True)
        assert [running.description for running in lifetimes.running()][-1] == repr(link)
        client.sendto(b"x", link.address)
        until(lambda: len(link.drops) == 1)
        link.stop()
        link.stop()
        assert "stopped" in repr(link)
        assert len(link.drops) == 1
