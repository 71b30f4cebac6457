"""Hostile clients for every server: garbage, half-closes, resets, slow readers, floods.

Afterwards an honest client is served, the server ends in time, and nothing of it is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fuzz_targets import solution
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import (
    Link,
    Network,
    crowd,
    echo,
    own_server,
    serve_asyncio,
    serve_loop,
    serve_process,
    serve_tcp,
    serve_udp,
    serve_unix,
    this_machine,
)
from helpers.quic import MAX_CONNECTIONS, QuicServer, upload

PATIENCE = 10.0  # seconds, for a machine that does much else
FLOOD = 100  # connections at once: more than a server's bound, and as many as a backlog
RESET = struct.pack("ii", 1, 0)

Connect = Callable[[], socket.socket]


# ------------------------------------------------------------------ hostile clients


def garbage(connect: Connect, data: bytes) -> None:
    """Send anything, and go."""
    with connect() as client:
        client.sendall(data)


def half_close(connect: Connect, data: bytes) -> None:
    """Send anything, end the stream, and read what comes, for a moment."""
    with connect() as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(0.05)
        client.recv(100)


def reset(connect: Connect, data: bytes) -> None:
    """Send anything, and reset."""
    with connect() as client:
        client.sendall(data)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def deaf(connect: Connect, data: bytes) -> None:
    """Send as much as is taken, and read nothing."""
    with connect() as client:
        client.settimeout(0.02)
        for _ in range(200):
            client.sendall(data * 100 + bytes(10_000))


def drip(connect: Connect, data: bytes) -> None:
    """A byte at a time."""
    with connect() as client:
        for byte in data[:20]:
            client.sendall(bytes([byte]))


def silent(connect: Connect, data: bytes) -> None:
    """Connect, say nothing, and go."""
    connect().close()


def flood(connect: Connect, data: bytes) -> None:
    """Very many at once."""
    with contextlib.ExitStack() as stack:
        for _ in range(FLOOD):
            stack.enter_context(connect()).send(data or b"x")


HOSTILE = (garbage, half_close, reset, deaf, drip, silent)
attacks = st.lists(st.tuples(st.sampled_from(HOSTILE), st.binary(max_size=200)), max_size=8)


def attack(connect: Connect, clients: list[tuple[Callable[[Connect, bytes], None], bytes]]) -> None:
    for client, data in clients:
        with contextlib.suppress(OSError):  # it was shown the door
            client(connect, data)


# ------------------------------------------------------------------ servers


async def echo_async(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


def patient(handler: Callable[[socket.socket], object]) -> Callable[[socket.socket], object]:
    """A handler whose clients may go in the midst of it: that is no error of the server's."""

    def serve(conn: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            handler(conn)

    return serve


def lines(conn: socket.socket) -> None:
    """The reference solution that reads lines, as a server: it sends each back."""
    with contextlib.suppress(ValueError, EOFError):
        for line in solution("05-lines")(conn, 1000):
            conn.sendall(line + b"\n")


def messages(conn: socket.socket) -> None:
    """The reference solution of the framer, as a server: it sends each message back."""
    made = solution("05-framer")()
    while data := conn.recv(4096):
        for message in made.feed(data):
            conn.sendall(made.encode(message))


def exactly(conn: socket.socket) -> None:
    """The reference solution that reads a number of bytes: it sends each sixteen back."""
    with contextlib.suppress(EOFError):
        while True:
            conn.sendall(solution("05-recv-exactly")(conn, 16))


def threads(listener: socket.socket) -> None:
    """A server of a process of its own: its clients may end as they like."""
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=talk, args=[conn], daemon=True).start()


def talk(conn: socket.socket) -> None:
    with conn:
        try:
            while data := conn.recv(65536):
                conn.sendall(data)
        except ConnectionError:
            return


def event_loop(listener: socket.socket, stop: socket.socket) -> None:
    """The smallest event loop that keeps no client waiting: who does not read is dropped."""
    with selectors.DefaultSelector() as selector:
        for sock in (listener, stop):
            selector.register(sock, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                sock = key.fileobj
                if sock is stop:
                    return
                if sock is listener:
                    with contextlib.suppress(OSError):
                        conn, _ = listener.accept()
                        conn.setblocking(False)
                        selector.register(conn, selectors.EVENT_READ)
                    continue
                try:
                    data = sock.recv(65536)
                    gone = not data or sock.send(data) < len(data)
                except OSError:
                    gone = True
                if gone:
                    selector.unregister(sock)
                    sock.close()


@contextlib.contextmanager
def linked(**parameters: Any) -> Iterator[Any]:
    with serve_tcp(patient(echo)) as server, Link(server.address, **parameters) as link:
        yield link


@contextlib.contextmanager
def own(key: str, *arguments: Any) -> Iterator[Any]:
    """A reference solution that is a whole server."""

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # not all return by themselves when it has ended
            solution(key)(listener, *arguments)

    with own_server(serve) as address:
        yield type("Server", (), {"address": address})


@contextlib.contextmanager
def private() -> Iterator[Any]:
    if not this_machine().private_networks.here:
        pytest.skip("no private networks")
    with Network(delay=0.0005) as net, net.b.serve_tcp(patient(echo)) as server:
        yield type("Server", (), {"address": server.address, "socket_of": net.a.socket})


LINE = b"hello, network!\n"
FRAMED = b"\x00\x0ehello, network"
# How each is started, what an honest client sends, what it gets back.
SERVERS: dict[str, tuple[Callable[[], Any], bytes, bytes]] = {
    "serve_tcp": (lambda: serve_tcp(patient(echo), max_connections=50), LINE, LINE),
    "serve_unix": (lambda: serve_unix(patient(echo), max_connections=50), LINE, LINE),
    "serve_asyncio": (lambda: serve_asyncio(echo_async, max_connections=50), LINE, LINE),
    "serve_loop": (lambda: serve_loop(event_loop), LINE, LINE),
    "serve_process": (lambda: serve_process(threads), LINE, LINE),
    "link": (lambda: linked(delay=0.001), LINE, LINE),
    "slow link": (lambda: linked(rate=50e6, queue_limit=4), LINE, LINE),
    "private host": (private, LINE, LINE),
    "00-echo-upper": (lambda: serve_tcp(patient(solution("00-echo-upper"))), LINE, LINE.upper()),
    "04-server": (lambda: own("04-server"), LINE, LINE.upper()),
    "04-survivor": (lambda: own("04-survivor", 10_000), LINE, LINE),
    "05-half-close": (lambda: serve_tcp(solution("05-half-close")), LINE, LINE),
    "05-lines": (lambda: serve_tcp(patient(lines)), LINE, LINE),
    "05-framer": (lambda: serve_tcp(patient(messages)), FRAMED, FRAMED),
    "05-recv-exactly": (lambda: serve_tcp(patient(exactly)), LINE, LINE),
    "08-bound": (lambda: own("08-bound", talk, 20, 10_000), LINE, LINE),
}


def connecting(server: Any) -> Connect:
    """How to reach a server, whatever its family."""

    def connect() -> socket.socket:
        make = getattr(server, "socket_of", None)
        if make:
            client = make()
        elif isinstance(server.address, str):
            client = socket.socket(socket.AF_UNIX)
        else:
            client = socket.socket()
        client.settimeout(PATIENCE)
        try:
            client.connect(server.address)
        except BaseException:
            client.close()
            raise
        return client

    return connect


def served(connect: Connect, question: bytes, answer: bytes) -> None:
    with connect() as client:
        client.sendall(question)
        got = b""
        while len(got) < len(answer) and (part := client.recv(100)):
            got += part
        assert got == answer


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_outlives_its_clients(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    start, question, answer = SERVERS[name]
    with start():  # once before: what is imported at the first use
        pass
    threads_before, descriptors_before = set(threading.enumerate()), descriptors()
    with start() as server:
        connect = connecting(server)

        @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
        @given(attacks)
        def barrage(clients: list[Any]) -> None:
            attack(connect, clients)
            served(connect, question, answer)

        barrage()
        attack(connect, [(flood, b"x")])
        served(connect, question, answer)
        stopping = time.monotonic()
    assert time.monotonic() - stopping < PATIENCE / 2
    for thread in set(threading.enumerate()) - threads_before:
        thread.join(PATIENCE)  # of a client that is still leaving
    assert set(threading.enumerate()) - threads_before == set()
    assert descriptors() == descriptors_before
    assert "Exception in thread" not in capfd.readouterr().err


def test_broadcast_outlives_its_clients() -> None:
    with serve_loop(solution("09-broadcast")) as server:
        connect = connecting(server)

        @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
        @given(attacks)
        def barrage(clients: list[Any]) -> None:
            attack(connect, clients)
            with connect() as one, connect() as other:
                got = b""
                while LINE not in got:  # the other is known only when it is accepted
                    one.sendall(LINE)
                    other.settimeout(0.05)
                    with contextlib.suppress(TimeoutError):
                        got += other.recv(65536)

        barrage()
        attack(connect, [(flood, b"x")])
        assert server.errors == []


# ------------------------------------------------------------------ datagrams


def shout(sock: socket.socket) -> None:
    data, address = sock.recvfrom(2048)
    with contextlib.suppress(OSError):  # it has gone, or it is told too much at once
        sock.sendto(data.upper(), address)


def picky(sock: socket.socket) -> None:
    """A handler that fails on most datagrams."""
    data, address = sock.recvfrom(2048)
    if data != LINE:
        raise ValueError(data)
    sock.sendto(data.upper(), address)


@contextlib.contextmanager
def udp_link() -> Iterator[Any]:
    with (
        serve_udp(shout) as server,
        Link(server.address, protocol="udp", delay=0.0005, loss=0.01, duplicate=0.01) as link,
    ):
        yield link


DATAGRAMS: dict[str, Callable[[], Any]] = {
    "serve_udp": lambda: serve_udp(shout),
    "serve_udp, picky": lambda: serve_udp(picky),
    "link": udp_link,
}


def asked(address: Any, question: bytes) -> bytes:
    """Ask until there is an answer: a flood fills buffers."""
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(0.1)
        client.connect(address)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                client.send(question)
                return client.recv(2048)
    return b""


@pytest.mark.parametrize("name", DATAGRAMS)
def test_a_udp_server_outlives_its_clients(name: str) -> None:
    with DATAGRAMS[name]() as server:

        @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(st.binary(max_size=3000), max_size=50))
        def barrage(datagrams: list[bytes]) -> None:
            with socket.socket(type=socket.SOCK_DGRAM) as client:
                for data in datagrams:
                    client.sendto(data, server.address)
            assert asked(server.address, LINE) == LINE.upper()

        barrage()
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            for _ in range(20_000):
                client.sendto(b"x", server.address)
        assert asked(server.address, LINE) == LINE.upper()
        stopping = time.monotonic()
    assert time.monotonic() - stopping < PATIENCE / 2


def initials(count: int) -> list[bytes]:
    """The first datagrams of QUIC clients that then go away."""
    from aioquic.quic.connection import QuicConnection

    from helpers.quic import _configuration

    found = []
    for _ in range(count):
        connection = QuicConnection(configuration=_configuration(is_client=True))
        connection.connect(("127.0.0.1", 1), now=0.0)
        found.append(connection.datagrams_to_send(now=0.0)[0][0])
    return found


def test_a_quic_server_outlives_its_clients() -> None:
    first = initials(3)
    mutated = st.tuples(st.sampled_from(first), st.integers(0, 60), st.integers(0, 255)).map(
        lambda drawn: drawn[0][: drawn[1]] + bytes([drawn[2]]) + drawn[0][drawn[1] + 1 :]
    )
    with QuicServer() as server:

        @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(st.one_of(st.binary(max_size=1500), mutated), max_size=20))
        def barrage(datagrams: list[bytes]) -> None:
            for data in datagrams:
                with socket.socket(type=socket.SOCK_DGRAM) as client:
                    client.sendto(data, server.address)
            assert server._thread.is_alive()

        barrage()
        for data in initials(300):
            with socket.socket(type=socket.SOCK_DGRAM) as client:
                client.sendto(data, server.address)
        assert upload(server.address, seconds=0.1).samples
        assert server._thread.is_alive()
        assert len(server._connections) <= MAX_CONNECTIONS


def test_a_crowds_server_that_talks_nonsense() -> None:
    def nonsense(conn: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            while conn.recv(16):
                conn.sendall(os.urandom(7))

    with serve_tcp(nonsense) as server, crowd(server.address, 10) as clients:
        with contextlib.suppress(ValueError):  # not one was answered
            clients.ask(rate=200, seconds=0.1, label="nonsense")
