"""Every server of helpers, and every solution that serves: what `test_barrage` attacks."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import selectors
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fuzz_solutions import solution
from test_library_servers import (
    EchoSocketserver,
    EchoTornado,
    EchoTwisted,
    HelloHTTPServer,
    HelloTornado,
    HelloTwisted,
    Mailbox,
    echo_asyncio,
)
from tls_contexts import NAME, client, server_for

from helpers import (
    Link,
    Network,
    Service,
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
from helpers.chat_service import ChatService
from helpers.chat_trials import Limits, framed
from helpers.library_servers import serve_ftp, serve_http, serve_library, serve_smtp
from helpers.selector_server import selector_server
from helpers.tunnels import passed_on

THEIRS = server_for()  # a certificate takes a while to make


def patient(handler: Callable[[socket.socket], object]) -> Callable[[socket.socket], object]:
    """A handler whose clients may go in the midst of it: that is no error of the server's."""

    def serve(conn: socket.socket) -> None:
        with contextlib.suppress(OSError):
            handler(conn)

    return serve


def secured(handler: Callable[[socket.socket], object]) -> Callable[[socket.socket], object]:
    """The same, over TLS."""

    def serve(conn: socket.socket) -> None:
        with THEIRS.wrap_socket(conn, server_side=True) as tls:
            handler(tls)

    return patient(serve)


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


def bodies(conn: socket.socket) -> None:
    """The reference solution that decodes a chunked body, as a server: it sends the body back."""
    made = solution("12-chunks")()
    with contextlib.suppress(ValueError):
        while not made.done and (data := conn.recv(4096)):
            conn.sendall(made.feed(data))


def pages(conn: socket.socket) -> None:
    solution("12-server")(conn, {"/": b"hello"})


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


class Server:
    """What is attacked, if it is not one of the course's own kinds of server."""

    def __init__(self, address: Any, socket_of: Callable[[], socket.socket] | None = None) -> None:
        self.address = address
        self.socket_of = socket_of or socket.socket
        self.errors: list[BaseException] = []
        self.waits = False  # at its end for the clients that are still there


@contextlib.contextmanager
def linked(**parameters: Any) -> Iterator[Any]:
    with serve_tcp(patient(echo)) as server, Link(server.address, **parameters) as link:
        yield link


@contextlib.contextmanager
def tunnel(far_end: Callable[[socket.socket], object]) -> Iterator[Any]:
    """A proxy in front of another server."""
    with serve_tcp(patient(far_end)) as far:

        def carry(conn: socket.socket) -> None:
            with socket.create_connection(far.address) as other:
                passed_on(conn, other, keep=8, patience=0.5)

        with serve_tcp(carry) as server:
            yield server


@contextlib.contextmanager
def own(key: str, *arguments: Any) -> Iterator[Any]:
    """A reference solution that is a whole server."""

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # not all return by themselves when it has ended
            solution(key)(listener, *arguments)

    with own_server(serve) as address:
        server = Server(address)
        server.waits = True
        yield server


@contextlib.contextmanager
def visited() -> Iterator[Any]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        service = Service(listener)
        try:
            yield Server(listener.getsockname())
        finally:
            service.abort()


@contextlib.contextmanager
def private() -> Iterator[Any]:
    if not this_machine().private_networks.here:
        pytest.skip("no private networks")
    with Network(delay=0.0005) as net, net.b.serve_tcp(patient(echo)) as server:
        yield Server(server.address, net.a.socket)


async def echo_async(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # of TLS
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


def chat() -> Any:
    return serve_asyncio(solution("15-service")(HASTY).serve)


def finished_chat() -> Any:
    return serve_asyncio(ChatService(HASTY).serve)


LINE = b"hello, network!\n"
HASTY = Limits(patience=0.3, silence=0.5, queue=20)
FRAMED = b"\x00\x0ehello, network"
GET = b"GET / HTTP/1.1\r\nHost: x.example\r\n\r\n"
CHUNKED = b"5\r\nhello\r\n0\r\n\r\n"
_rooms = itertools.count()


def entering() -> tuple[bytes, bytes]:
    """A room that nobody else is in."""
    return framed(f"JOIN r{next(_rooms)} ann"), framed("JOINED 1 ann")


@dataclass(frozen=True)
class Attacked:
    """A server that is attacked.

    Attributes
    ----------
    start : callable
        Makes it, as a context manager of something with an `address`.
    question, answer : bytes
        What an honest client sends, and what it gets back.
    after : bool
        The answer is only the end of what it gets.
    tls : bool
        Honest clients speak TLS; of the hostile ones, every other.
    ask : callable, optional
        Makes another question and its answer, each time.
    """

    start: Callable[[], Any]
    question: bytes = LINE
    answer: bytes = LINE
    after: bool = False
    tls: bool = False
    ask: Callable[[], tuple[bytes, bytes]] | None = None

    def dressed(self, sock: socket.socket) -> socket.socket:
        """The connection as an honest client has it."""
        if not self.tls:
            return sock
        try:
            return client(ssl.TLSVersion.TLSv1_3).wrap_socket(sock, server_hostname=NAME)
        except BaseException:
            sock.close()
            raise


def http(start: Callable[[], Any]) -> Attacked:
    return Attacked(start, GET, b"hello", after=True)


SERVERS: dict[str, Attacked] = {
    "serve_tcp": Attacked(lambda: serve_tcp(patient(echo), max_connections=50)),
    "serve_tcp, TLS": Attacked(lambda: serve_tcp(secured(echo), max_connections=50), tls=True),
    "serve_unix": Attacked(lambda: serve_unix(patient(echo), max_connections=50)),
    "serve_asyncio": Attacked(lambda: serve_asyncio(echo_async, max_connections=50)),
    "serve_asyncio, TLS": Attacked(lambda: serve_asyncio(echo_async, tls=THEIRS), tls=True),
    "serve_loop": Attacked(lambda: serve_loop(event_loop)),
    "serve_loop, selector_server": Attacked(
        lambda: serve_loop(selector_server, bytes.upper), answer=LINE.upper()
    ),
    "serve_process": Attacked(lambda: serve_process(threads)),
    "serve_library, socketserver": Attacked(lambda: serve_library(EchoSocketserver)),
    "serve_library, asyncio": Attacked(lambda: serve_library(echo_asyncio)),
    "serve_library, Tornado": Attacked(lambda: serve_library(EchoTornado)),
    "serve_library, Tornado's pages": http(lambda: serve_library(HelloTornado)),
    "serve_library, Twisted": Attacked(lambda: serve_library(EchoTwisted)),
    "serve_library, Twisted's pages": http(lambda: serve_library(HelloTwisted)),
    "serve_library, apart": Attacked(lambda: serve_library(EchoSocketserver, apart=True)),
    "serve_http": http(lambda: serve_http(HelloHTTPServer)),
    "serve_smtp": Attacked(lambda: serve_smtp(Mailbox()), b"NOOP\r\n", b"250 OK\r\n", after=True),
    "serve_ftp": Attacked(lambda: serve_ftp({"a": b"b"}), b"QUIT\r\n", b"221 Goodbye.\r\n", True),
    "Link": Attacked(lambda: linked(delay=0.001)),
    "Link, slow": Attacked(lambda: linked(rate=50e6, queue_limit=4)),
    "Host.serve_tcp": Attacked(private),
    "Service": Attacked(visited, answer=LINE.upper()),
    "passed_on": Attacked(lambda: tunnel(echo)),
    "00-echo-upper": Attacked(
        lambda: serve_tcp(patient(solution("00-echo-upper"))), answer=LINE.upper()
    ),
    "04-server": Attacked(lambda: own("04-server"), answer=LINE.upper()),
    "04-survivor": Attacked(lambda: own("04-survivor", 10_000)),
    "05-half-close": Attacked(lambda: serve_tcp(solution("05-half-close"))),
    "05-lines": Attacked(lambda: serve_tcp(patient(lines))),
    "05-framer": Attacked(lambda: serve_tcp(patient(messages)), FRAMED, FRAMED),
    "05-recv-exactly": Attacked(lambda: serve_tcp(patient(exactly))),
    "08-bound": Attacked(lambda: own("08-bound", talk, 20, 10_000)),
    "12-chunks": Attacked(lambda: serve_tcp(patient(bodies)), CHUNKED, b"hello"),
    "12-server": http(lambda: serve_tcp(patient(pages))),
    "serve_asyncio, ChatService": Attacked(finished_chat, *entering(), ask=entering),
    "15-service": Attacked(chat, *entering(), ask=entering),
}

# Attacked by tests of their own.
OTHERWISE = {
    "09-broadcast": "test_broadcast_outlives_its_clients",
    "serve_udp": "test_a_udp_server_outlives_its_clients",
    "QuicServer": "test_a_quic_server_outlives_its_clients",
    "Host.serve_udp": "test_a_udp_server_outlives_its_clients",
    "Router": "test_a_router_outlives_what_it_carries",
    "04-client": "test_a_client_outlives_its_server",
    "13-reason": "test_a_client_outlives_its_server",
}
ATTACKED_SOLUTIONS = {key for key in (*SERVERS, *OTHERWISE) if key[:2].isdigit()}

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


@contextlib.contextmanager
def private_udp() -> Iterator[Any]:
    if not this_machine().private_networks.here:
        pytest.skip("no private networks")
    with Network(delay=0.0005) as net, net.b.serve_udp(shout) as server:
        yield Server(server.address, lambda: net.a.socket(type=socket.SOCK_DGRAM))


DATAGRAMS: dict[str, Callable[[], Any]] = {
    "serve_udp": lambda: serve_udp(shout),
    "serve_udp, picky": lambda: serve_udp(picky),
    "Link": udp_link,
    "Host.serve_udp": private_udp,
}
