"""Servers start, serve, survive their clients and their handlers, and end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from tls_contexts import NAME, server_for
from tls_contexts import client as tls_client

from helpers import discard, echo, lifetimes, serve_asyncio, serve_tcp, serve_udp, serve_unix
from helpers.server_threads import Server


def shout(sock: socket.socket) -> None:
    data, address = sock.recvfrom(2048)
    sock.sendto(data.upper(), address)


async def echo_async(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


STARTERS = {
    "tcp": lambda: serve_tcp(echo),
    "asyncio": lambda: serve_asyncio(echo_async),
    "unix": lambda: serve_unix(echo),
}


@pytest.fixture(params=list(STARTERS))
def stream_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with STARTERS[request.param]() as server:
        yield server


def connect(server: Server) -> socket.socket:
    sock = socket.socket(server.socket.family, socket.SOCK_STREAM)
    sock.settimeout(10)
    sock.connect(server.address)
    return sock


def ask(server: Server, data: bytes) -> bytes:
    with connect(server) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def course_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "server" in thread.name]


@pytest.fixture(autouse=True)
def leaves_nothing() -> Iterator[None]:
    threads = threading.active_count()
    descriptors = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    yield
    assert threading.active_count() == threads
    if descriptors:
        assert len(os.listdir("/proc/self/fd")) == descriptors


def test_address_is_ready_on_return_and_data_comes_back(stream_server: Server) -> None:
    assert ask(stream_server, b"hello") == b"hello"


def test_serves_over_both_families(host: str) -> None:
    with serve_tcp(echo, host=host) as server:
        assert server.address[0] == host
        assert socket.create_connection(server.address).close() is None


def test_udp_handler_answers_each_datagram(host: str) -> None:
    with (
        serve_udp(shout, host=host) as server,
        socket.socket(server.socket.family, socket.SOCK_DGRAM) as client,
    ):
        client.settimeout(10)
        client.sendto(b"one", server.address)
        client.sendto(b"two", server.address)
        assert [client.recv(100), client.recv(100)] == [b"ONE", b"TWO"]


def test_many_megabytes_come_back_unchanged(stream_server: Server) -> None:
    data = os.urandom(1 << 20)
    with connect(stream_server) as client:
        received = bytearray()
        reader = threading.Thread(
            target=lambda: [
                received.extend(client.recv(65536))
                for _ in iter(lambda: len(received) < len(data), False)
            ]
        )
        reader.start()
        client.sendall(data)
        reader.join()
    assert received == data


def test_stop_ends_idle_connections_within_a_second(stream_server: Server) -> None:
    clients = [connect(stream_server) for _ in range(20)]
    for client in clients:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
    began = time.monotonic()
    stream_server.stop()
    assert time.monotonic() - began < 1
    assert [client.recv(1) for client in clients] == [b""] * 20
    for client in clients:
        client.close()
    assert course_threads() == []


def test_stop_ends_a_handler_that_waits_for_a_slow_reader() -> None:
    def pour(conn: socket.socket) -> None:
        while True:
            conn.sendall(bytes(1 << 16))

    with serve_tcp(pour) as server, connect(server) as client:
        client.recv(1)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 1
        assert server.errors == []


def test_stop_twice_and_stop_from_the_handler() -> None:
    ended = threading.Event()

    def suicidal(conn: socket.socket) -> None:
        server.stop()
        ended.set()

    server = serve_tcp(suicidal)
    connect(server).close()
    assert ended.wait(10)
    server.stop()
    for thread in threading.enumerate():
        if "connection" in thread.name:
            thread.join(10)


def test_a_handler_that_does_not_end_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    release = threading.Event()

    def deaf(conn: socket.socket) -> None:
        conn.sendall(b"!")
        release.wait(30)

    with serve_tcp(deaf) as server, connect(server) as client:
        client.recv(1)
        server.stop()
    assert "deaf" in capsys.readouterr().err
    release.set()
    for thread in threading.enumerate():
        if "deaf" in thread.name:
            thread.join(10)


def test_an_exception_is_shown_at_stop_and_does_not_end_the_server(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fragile(conn: socket.socket) -> None:
        data = conn.recv(100)
        if data == b"bad":
            raise ValueError("no such word")
        conn.sendall(data)

    with serve_tcp(fragile) as server:
        assert ask(server, b"bad") == b""
        assert ask(server, b"good") == b"good"
        assert capsys.readouterr().err == ""
    shown = capsys.readouterr().err
    assert "ValueError: no such word" in shown
    assert 'raise ValueError("no such word")' in shown, "the learner's own line"
    assert "server_threads.py" not in shown, "not ours"
    assert isinstance(server.errors[0], ValueError)


def test_exceptions_in_asyncio_and_udp_handlers_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def fails(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise KeyError("async")

    def fails_first(sock: socket.socket) -> None:
        if len(server.errors) < 1:
            raise KeyError("udp")  # before it has read the datagram
        data, address = sock.recvfrom(100)
        sock.sendto(data, address)

    with serve_asyncio(fails) as server:
        assert ask(server, b"") == b""
    with (
        serve_udp(fails_first) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.settimeout(10)
        client.sendto(b"again", server.address)
        assert client.recv(100) == b"again"
    shown = capsys.readouterr().err
    assert "KeyError: 'async'" in shown
    assert "KeyError: 'udp'" in shown


def test_a_udp_handler_that_always_fails_does_not_spin_for_ever() -> None:
    def never_reads(sock: socket.socket) -> None:
        raise ValueError

    with (
        serve_udp(never_reads) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.sendto(b"x", server.address)
        server._thread.join(0.2)
        assert 1 <= server._errors_seen <= 3


def test_no_more_handlers_at_once_than_the_bound() -> None:
    running, most = [], []
    lock = threading.Lock()

    def counted(conn: socket.socket) -> None:
        with lock:
            running.append(conn)
            most.append(len(running))
        echo(conn)
        with lock:
            running.remove(conn)

    with serve_tcp(counted, max_connections=3) as server:
        clients = [connect(server) for _ in range(10)]
        for client in clients:
            client.sendall(b"x")
        assert [client.recv(1) for client in clients[:3]] == [b"x"] * 3
        for before, client in zip(clients, clients[3:], strict=False):
            before.close()  # now there is room for the next
            assert client.recv(1) == b"x"
        for client in clients[-3:]:
            client.close()
    assert max(most) == 3


def test_asyncio_bound_makes_clients_wait() -> None:
    with serve_asyncio(echo_async, max_connections=1) as server:
        first, second = connect(server), connect(server)
        with first, second:
            first.sendall(b"1")
            assert first.recv(1) == b"1"
            second.sendall(b"2")
            assert len(server.connections) == 1
            first.close()
            assert second.recv(1) == b"2"


def test_survives_garbage_resets_and_half_closed_clients(stream_server: Server) -> None:
    for number in range(50):
        with connect(stream_server) as client:
            client.sendall(os.urandom(number * 100))
            if number % 3 == 0 and stream_server.kind != "Unix":
                linger_zero = struct.pack("ii", 1, 0)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
            elif number % 3 == 1:
                client.shutdown(socket.SHUT_WR)
    assert ask(stream_server, b"still here") == b"still here"
    stream_server.errors.clear()  # resets are the handler's to see; here they are expected


def test_discard_reads_all() -> None:
    with serve_tcp(discard) as server:
        assert ask(server, bytes(10_000_000)) == b""


def test_discard_ends_with_the_stream_though_its_buffer_is_not_full() -> None:
    with serve_tcp(discard) as server, socket.create_connection(server.address) as client:
        client.settimeout(10)
        client.sendall(b"ten bytes.")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
        assert server.errors == []


def test_discard_in_the_middle_of_a_stream_does_not_hold_up_the_end_of_the_server() -> None:
    with serve_tcp(discard) as server, socket.create_connection(server.address) as client:
        client.settimeout(10)
        client.sendall(bytes(100_000))
        begun = time.monotonic()
        server.stop()
        assert time.monotonic() - begun < 5
        assert server.connections == []


def test_discard_heeds_a_timeout_though_its_buffer_is_not_full() -> None:
    def impatient(conn: socket.socket) -> None:
        conn.settimeout(0.1)
        with pytest.raises(TimeoutError):
            discard(conn)
        told.append("late")

    told: list[str] = []
    with serve_tcp(impatient) as server, socket.create_connection(server.address) as client:
        client.settimeout(10)
        client.sendall(b"and then silence")
        assert client.recv(1) == b""
    assert told == ["late"]


def test_discard_reads_tls() -> None:
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(theirs)
    authority.configure_trust(ours)
    ours.options |= ssl.OP_IGNORE_UNEXPECTED_EOF  # that the server says no goodbye is not the point

    def tls_discard(conn: socket.socket) -> None:
        with theirs.wrap_socket(conn, server_side=True) as tls:
            discard(tls)
            done.append("all")

    done: list[str] = []
    with serve_tcp(tls_discard) as server, socket.create_connection(server.address) as plain:
        with ours.wrap_socket(plain, server_hostname="localhost") as client:
            client.settimeout(10)
            client.sendall(bytes(100_000))
            client.unwrap().close()
    assert done == ["all"]


@pytest.mark.parametrize("reads", [echo, discard])
def test_stop_ends_a_connection_that_speaks_tls(
    reads: Callable[[socket.socket], None], capfd: pytest.CaptureFixture[str]
) -> None:
    def secret(conn: socket.socket) -> None:
        with context.wrap_socket(conn, server_side=True) as tls:  # takes the descriptor from conn
            tls.sendall(b"hello")
            reads(tls)

    context = server_for()
    with serve_tcp(secret) as server, socket.create_connection(server.address) as plain:
        with tls_client().wrap_socket(plain, server_hostname=NAME) as secured:
            assert secured.recv(100) == b"hello"
            with socket.create_connection(server.address):  # in the midst of its handshake
                began = time.monotonic()
                server.stop()
                assert time.monotonic() - began < 0.9
            with contextlib.suppress(ssl.SSLEOFError):
                assert secured.recv(100) == b""
    assert capfd.readouterr().err == ""


def test_unix_path_is_removed() -> None:
    with serve_unix(echo) as server:
        path = server.address
        assert os.path.exists(path)
    assert not os.path.exists(path)
    assert not os.path.exists(os.path.dirname(path))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: serve_tcp("echo"),  # type: ignore[arg-type]
        lambda: serve_tcp(echo_async),  # type: ignore[arg-type]
        lambda: serve_asyncio(echo),  # type: ignore[arg-type]
        lambda: serve_udp(None),  # type: ignore[arg-type]
    ],
)
def test_wrong_handlers_get_a_sentence(wrong: object) -> None:
    with pytest.raises(TypeError, match=r"handler|serve_asyncio"):
        wrong()  # type: ignore[operator]


def test_wrong_numbers_get_a_sentence() -> None:
    with pytest.raises(ValueError, match="max_connections"):
        serve_tcp(echo, max_connections=0)
    with pytest.raises(ValueError, match="backlog"):
        serve_tcp(echo, backlog=-1)
    with pytest.raises(OSError, match="assign requested address"):
        serve_tcp(echo, host="192.0.2.1")  # TEST-NET-1: never an address of ours


def test_running_a_cell_again_stops_what_it_had_started(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = [("cell 1", "run 1")]
    monkeypatch.setattr(lifetimes, "this_cell", lambda: cell[0])
    first = serve_tcp(echo)
    beside = serve_tcp(echo)
    cell[0] = ("cell 2", "run 1")
    other = serve_tcp(echo)
    cell[0] = ("cell 1", "run 2")
    again = serve_tcp(echo)
    with contextlib.ExitStack() as stack:
        for server in (first, beside, other, again):
            stack.callback(server.stop)
        for server, runs in ((first, False), (beside, False), (other, True), (again, True)):
            assert server._thread.is_alive() == runs


def test_a_server_left_running_does_not_keep_the_process_alive() -> None:
    code = "from helpers import serve_tcp, echo; server = serve_tcp(echo); print(server)"
    done = subprocess.run([sys.executable, "-c", code], timeout=20, capture_output=True, text=True)
    assert "running on a thread of this process" in done.stdout
    assert done.stderr == ""


# ------------------------------------------------------------------ asyncio: addresses, TLS, run


def test_an_asyncio_server_can_listen_on_several_addresses_at_one_port() -> None:
    hosts = ["127.0.0.1", "127.0.0.2"] if sys.platform == "linux" else ["127.0.0.1"]
    with serve_asyncio(echo_async, host=hosts) as server:
        assert [address[0] for address in server.addresses] == hosts
        assert len({address[1] for address in server.addresses}) == 1
        for address in server.addresses:
            with socket.create_connection(address) as client:
                client.sendall(b"hello")
                assert client.recv(100) == b"hello"
    for address in server.addresses:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, 1)


def test_of_several_addresses_none_is_left_bound_when_one_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(OSError, match="assign"):
        serve_asyncio(echo_async, host=["127.0.0.1", "192.0.2.1"], port=port)
    socket.create_server(("127.0.0.1", port)).close()


def test_an_asyncio_server_takes_over_a_listener() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with serve_asyncio(echo_async, listener=listener) as server:
        assert ask(server, b"hello") == b"hello"
    assert listener.fileno() < 0


def test_a_coroutine_runs_on_the_servers_own_loop() -> None:
    async def where() -> str:
        return threading.current_thread().name

    async def fails() -> None:
        raise ZeroDivisionError("on purpose")

    async def for_ever() -> None:
        await asyncio.get_running_loop().create_future()

    with serve_asyncio(echo_async) as server:
        assert server.run(where()) == "echo_async server"
        with pytest.raises(ZeroDivisionError, match="on purpose"):
            server.run(fails())
        with pytest.raises(TimeoutError):
            server.run(for_ever(), timeout=0.05)
    with pytest.raises(RuntimeError, match="its loop runs no more"):
        server.run(where())


def test_an_asyncio_server_speaks_tls_and_survives_who_does_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    import ssl

    import trustme

    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with serve_asyncio(echo_async, tls=tls) as server:
        with socket.create_connection(server.address) as garbage:
            garbage.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while garbage.recv(100):  # an alert, then the end
                continue
        with socket.create_connection(server.address):  # says nothing, and leaves
            pass
        with (
            socket.create_connection(server.address) as tcp,
            trusting.wrap_socket(tcp, server_hostname="localhost") as client,
        ):
            client.sendall(b"hello")
            assert client.recv(100) == b"hello"
        assert server.errors == []
    assert capsys.readouterr().err == ""


def test_an_error_of_a_handler_is_shown_without_the_machinery(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise ZeroDivisionError("on purpose")

    with serve_asyncio(breaks) as server:
        ask(server, b"")
    told = capsys.readouterr().err
    assert "ZeroDivisionError: on purpose" in told
    assert "asyncio_server.py" not in told
