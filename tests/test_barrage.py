"""Hostile clients for every server: garbage, half-closes, resets, slow readers, floods.

Afterwards an honest client is served, the server ends in time, and nothing of it is left. And
hostile servers for the clients that strangers' bytes reach.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import os
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fuzz_solutions import solution
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from mutations import captured
from servers_under_attack import DATAGRAMS, LINE, OTHERWISE, SERVERS, Attacked
from tls_contexts import NAME, client

import helpers
from helpers import Network, crowd, echo, serve_loop, serve_tcp, this_machine
from helpers.chat_behaviours import a_message_reaches_everyone_in_the_room_and_nobody_else
from helpers.chat_judge import failure
from helpers.chat_load import members
from helpers.chat_trials import Limits
from helpers.exercises import exercise
from helpers.nat import Nat
from helpers.process_server import ServerProcess
from helpers.quic import MAX_CONNECTIONS, QuicServer, upload
from helpers.routers import Router

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


def attacks(question: bytes) -> SearchStrategy[list[Any]]:
    """Clients and what they send: anything, or something that begins as it should."""
    begun = st.tuples(st.integers(0, 2), st.integers(0, len(question)), st.binary(max_size=50)).map(
        lambda drawn: question * drawn[0] + question[: drawn[1]] + drawn[2]
    )
    data = st.one_of(st.binary(max_size=200), begun)
    return st.lists(st.tuples(st.sampled_from(HOSTILE), data), min_size=3, max_size=8)


def attack(
    ways: list[Connect], clients: list[tuple[Callable[[Connect, bytes], None], bytes]]
) -> None:
    for number, (hostile, data) in enumerate(clients):
        with contextlib.suppress(OSError):  # it was shown the door
            hostile(ways[number % len(ways)], data)


def many(thorough: bool) -> Any:
    """How many barrages: they are quick, and each has up to eight clients."""
    return settings(
        max_examples=100 if thorough else 8,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


# ------------------------------------------------------------------ servers


def connecting(server: Any) -> Connect:
    """How to reach a server, whatever its family."""

    def connect() -> socket.socket:
        make = getattr(server, "socket_of", None)
        unix = isinstance(server.address, str)
        sock = make() if make else socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        sock.settimeout(PATIENCE)
        try:
            sock.connect(server.address)
        except BaseException:
            sock.close()
            raise
        return sock

    return connect


def served(connect: Connect, what: Attacked) -> None:
    """An honest client gets what it asks for."""
    question, answer = what.ask() if what.ask else (what.question, what.answer)
    with connect() as honest:
        honest.sendall(question)
        got = b""
        while not got.endswith(answer) and (part := honest.recv(1000)):
            got += part
    assert got.endswith(answer) if what.after else got == answer


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


@contextlib.contextmanager
def leaving_nothing() -> Iterator[None]:
    """No thread and no descriptor is left by what happens in the block."""
    before, descriptors_before = set(threading.enumerate()), descriptors()
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)  # of a client that is still leaving
    assert set(threading.enumerate()) - before == set()
    assert descriptors() <= descriptors_before  # an earlier client may have left meanwhile


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_outlives_its_clients(
    name: str, thorough: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    what = SERVERS[name]
    with what.start() as server:  # once before: what is imported at the first use
        served(lambda: what.dressed(connecting(server)()), what)
    with leaving_nothing(), contextlib.ExitStack() as stack:
        with what.start() as server:
            plain = connecting(server)

            def dressed() -> socket.socket:
                return what.dressed(plain())

            @many(thorough)
            @given(attacks(what.question))
            def barrage(clients: list[Any]) -> None:
                attack([plain, dressed], clients)
                served(dressed, what)

            for way in (plain, dressed):  # each of them, once at least
                attack([way], [(hostile, what.question[:-1]) for hostile in HOSTILE])
            barrage()
            attack([plain], [(flood, b"x")])
            served(dressed, what)
            assert getattr(server, "errors", []) == []
            if not getattr(server, "waits", False):
                stack.enter_context(dressed())  # somebody is there to the last
            stopping = time.monotonic()
        assert time.monotonic() - stopping < PATIENCE / 2
    told = capfd.readouterr().err
    assert "Exception in thread" not in told
    assert "did not end" not in told


def test_broadcast_outlives_its_clients(thorough: bool) -> None:
    with serve_loop(solution("09-broadcast")) as server:
        connect = connecting(server)

        @many(thorough)
        @given(attacks(LINE))
        def barrage(clients: list[Any]) -> None:
            attack([connect], clients)
            broadcast_works(connect)

        barrage()
        attack([connect], [(flood, b"x")])
        broadcast_works(connect)
        assert server.errors == []


def broadcast_works(connect: Connect) -> None:
    with connect() as one, connect() as other:
        got = b""
        while LINE not in got:  # the other is known only when it is accepted
            one.sendall(LINE)
            other.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                got += other.recv(65536)


FEW_DESCRIPTORS = """
import resource
import socket

def serve(listener):
    listener.setblocking(False)
    never, _other = socket.socketpair()
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    broadcast(listener, never)
"""


def test_broadcast_outlives_a_flood_that_takes_all_descriptors() -> None:
    pytest.importorskip("resource")
    with ServerProcess("serve", exercise("09-broadcast").solution + FEW_DESCRIPTORS) as server:
        connect = connecting(server)
        with contextlib.ExitStack() as stack:
            crowded = [stack.enter_context(connect()) for _ in range(60)]
            first, other = crowded[:2]
            other.settimeout(0.05)
            heard = b""
            while len(heard) < 100:  # each of its rounds accepts one, or fails to
                first.sendall(b"x")
                with contextlib.suppress(TimeoutError):
                    heard += other.recv(1)
        broadcast_works(connect)


# ------------------------------------------------------------------ datagrams


def asked(server: Any, question: bytes) -> bytes:
    """Ask until there is an answer: a flood fills buffers."""
    with datagram_socket(server) as asking:
        asking.settimeout(0.1)
        asking.connect(server.address)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                asking.send(question)
                return asking.recv(2048)
    return b""


def datagram_socket(server: Any) -> socket.socket:
    make: Callable[[], socket.socket] | None = getattr(server, "socket_of", None)
    return make() if make else socket.socket(type=socket.SOCK_DGRAM)


@pytest.mark.parametrize("name", DATAGRAMS)
def test_a_udp_server_outlives_its_clients(name: str, thorough: bool) -> None:
    with DATAGRAMS[name]() as server:

        @many(thorough)
        @given(st.lists(st.binary(max_size=3000), max_size=50))
        def barrage(datagrams: list[bytes]) -> None:
            with datagram_socket(server) as hostile:
                for data in datagrams:
                    hostile.sendto(data, server.address)
            assert asked(server, LINE) == LINE.upper()

        barrage()
        with datagram_socket(server) as hostile:
            for _ in range(20_000 if thorough else 5_000):
                hostile.sendto(b"x", server.address)
        assert asked(server, LINE) == LINE.upper()
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


def test_a_quic_server_outlives_its_clients(thorough: bool) -> None:
    first = initials(3)
    mutated = st.tuples(st.sampled_from(first), st.integers(0, 60), st.integers(0, 255)).map(
        lambda drawn: drawn[0][: drawn[1]] + bytes([drawn[2]]) + drawn[0][drawn[1] + 1 :]
    )
    with QuicServer() as server:

        @many(thorough)
        @given(st.lists(st.one_of(st.binary(max_size=1500), mutated), max_size=20))
        def barrage(datagrams: list[bytes]) -> None:
            for data in datagrams:
                with socket.socket(type=socket.SOCK_DGRAM) as client:
                    client.sendto(data, server.address)
            assert server._thread.is_alive()

        barrage()
        for data in initials(300 if thorough else 100):
            with socket.socket(type=socket.SOCK_DGRAM) as client:
                client.sendto(data, server.address)
        assert upload(server.address, seconds=0.1).samples
        assert server._thread.is_alive()
        assert len(server._connections) <= MAX_CONNECTIONS


# ------------------------------------------------------------------ routers


def passes(packet: bytes, interface: str) -> list[bytes]:
    return [packet]


@pytest.mark.parametrize("rule", [passes, Nat("203.0.113.1", outside="eth1")])
def test_a_router_outlives_what_it_carries(rule: Any, thorough: bool) -> None:
    if not this_machine().private_networks.here:
        pytest.skip("no private networks")
    chance = random.Random(1)
    packets = [frame[14:] for frame in captured() if frame[12:14] == b"\x08\x00"]
    with (
        Network.chain("a", "router", "b", by_program=["router"]) as net,
        Router(net, "router", rule) as router,
        net.b.serve_tcp(echo) as server,
        net.a.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire,
    ):
        wire.bind(("eth0", 0))
        # To the router; b is whom the packets are for.
        header = bytes.fromhex(net.router.interfaces[0].mac.replace(":", "")) + bytes(6)
        for _ in range(5_000 if thorough else 500):
            packet = bytearray(chance.choice(packets)[:1000])
            packet[16:20] = socket.inet_aton(net.b.ipv4)
            for _ in range(chance.randrange(4)):
                place = chance.randrange(chance.choice((20, len(packet))))  # most in the header
                packet[place] = chance.choice((0, 1, 255, chance.randrange(256)))
            del packet[chance.randrange(len(packet) + 1) or None :]
            wire.send(header + b"\x08\x00" + packet)
            wire.send(header + chance.randbytes(chance.randrange(2, 60)))
        with net.a.socket() as honest:
            honest.settimeout(PATIENCE)
            honest.connect(server.address)
            honest.sendall(LINE)
            assert honest.recv(100) == LINE
        assert router.errors == []


# ------------------------------------------------------------------ hostile servers


def nonsense(conn: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while conn.recv(16):
            conn.sendall(os.urandom(7))


def speechless(conn: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while conn.recv(65536):
            pass


def dripping(conn: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for _ in range(100):
            conn.sendall(b"\x16")
            time.sleep(0.01)


def slamming(conn: socket.socket) -> None:
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def talkative(conn: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for _ in range(100):
            conn.sendall(os.urandom(100_000))


BAD_SERVERS = (nonsense, speechless, dripping, slamming, talkative)


@pytest.mark.parametrize("handler", BAD_SERVERS)
def test_a_client_outlives_its_server(handler: Callable[[socket.socket], None]) -> None:
    with serve_tcp(handler) as server:
        begun = time.monotonic()
        came_of_it = solution("13-reason")(
            server.address, NAME, client(ssl.TLSVersion.TLSv1_3), 0.3
        )
        assert came_of_it in ("not TLS", "too late", "no connection")
        with contextlib.suppress(ConnectionError):
            assert isinstance(solution("04-client")(server.address, b"?"), bytes)
        assert time.monotonic() - begun < PATIENCE / 2


@pytest.mark.parametrize("handler", BAD_SERVERS)
def test_a_crowd_outlives_its_server(handler: Callable[[socket.socket], None]) -> None:
    with serve_tcp(handler) as server, contextlib.suppress(ValueError, OSError):
        with crowd(server.address, 10) as clients:  # not one is answered, or they are cut off
            clients.ask(rate=200, seconds=0.1, label="nonsense")


@pytest.mark.parametrize("handler", BAD_SERVERS)
def test_members_outlive_their_service(
    handler: Callable[[socket.socket], None], capfd: pytest.CaptureFixture[str], thorough: bool
) -> None:
    if handler not in (slamming, talkative) and not thorough:
        pytest.skip("they wait ten seconds for an answer: pytest --thorough")
    with serve_tcp(handler) as server, contextlib.suppress(ValueError, OSError):
        with members(server.address, 5) as load:  # nobody joins, or hears anything
            load.talk(rate=100, seconds=0.1, label="nonsense")
    assert "Traceback" not in capfd.readouterr().err


class Bad:
    """A chat service that is none: it says or does one thing, whatever comes."""

    def __init__(self, limits: Limits, does: Callable[[Any, Any], Any]) -> None:
        self.does = does

    async def serve(self, reader: Any, writer: Any) -> None:
        with contextlib.suppress(OSError):  # its client has gone
            while await reader.read(100):
                self.does(reader, writer)

    async def close(self) -> None: ...


BAD_SERVICES: dict[str, Callable[[Any, Any], Any]] = {
    "half a message": lambda reader, writer: writer.write(b"\xff\xffSAID"),
    "no UTF-8": lambda reader, writer: writer.write(b"\0\2\xff\xff" * 9),
    "hangs up": lambda reader, writer: writer.close(),
    "aborts": lambda reader, writer: writer.transport.abort(),
    "raises": lambda reader, writer: 1 / 0,
    "floods": lambda reader, writer: writer.write(b"\0\5SAID " * 100_000),
}


@pytest.mark.parametrize("name", BAD_SERVICES)
def test_the_judge_outlives_the_service(name: str) -> None:
    with leaving_nothing():
        found = failure(
            functools.partial(Bad, does=BAD_SERVICES[name]),
            a_message_reaches_everyone_in_the_room_and_nobody_else,
            Limits(),
            ["127.0.0.1"],
        )
    assert found is not None
    assert ("must not raise" in found.message) == (name == "raises")


# ------------------------------------------------------------------ nothing is left out

# Modules of helpers that accept connections or take datagrams: as which of SERVERS they are
# attacked, or why they are not.
ACCEPTING = {
    "arq": "from the other end of its own transfer",
    "asyncio_server": "serve_asyncio",
    "chat_clients": "serve_asyncio",
    "chat_trials": "for the judge's own peers",
    "exhibits": "for one client of its own, which fails",
    "eyeballs": "accepts nobody",
    "flows": "for its own load, between private hosts",
    "library_servers": "serve_library, socketserver",
    "link": "Link",
    "link_relays": "Link",
    "loop_servers": "serve_loop",
    "network": "Host.serve_tcp",
    "own_server": "04-server",
    "quic": "QuicServer",
    "selector_server": "serve_loop, selector_server",
    "server_process": "serve_process",
    "server_threads": "serve_tcp",
    "servers": "serve_tcp",
    "visitors": "Service",
}
ACCEPT = {"accept", "sock_accept", "listen", "create_server", "start_server", "recvfrom"}


@functools.cache
def nodes() -> dict[str, list[ast.AST]]:
    """The syntax trees of all modules of helpers."""
    paths = Path(helpers.__path__[0]).glob("*.py")
    return {path.stem: list(ast.walk(ast.parse(path.read_text()))) for path in paths}


def test_every_module_that_accepts_is_attacked_or_excused() -> None:
    found = {
        name
        for name, tree in nodes().items()
        for node in tree
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ACCEPT
    }
    assert ACCEPTING.keys() == found
    attacked = {*SERVERS, *DATAGRAMS, *OTHERWISE}
    assert all(why in attacked or " " in why for why in ACCEPTING.values())


def test_every_serve_function_is_attacked() -> None:
    served_by = {name.partition(",")[0].rpartition(".")[2] for name in (*SERVERS, *DATAGRAMS)}
    found = {
        node.name
        for tree in nodes().values()
        for node in tree
        if isinstance(node, ast.FunctionDef) and node.name.startswith("serve_")
    }
    assert found <= served_by
    assert all(test in globals() for test in OTHERWISE.values())
