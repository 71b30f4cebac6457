"""Servers of libraries: they serve, they survive bad clients, and nothing of them is left."""

from __future__ import annotations

import contextlib
import ftplib
import gc
import http.client
import io
import smtplib
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import psutil
import pytest
from tornado.tcpserver import TCPServer
from tornado.web import RequestHandler
from twisted.internet.protocol import Protocol
from twisted.web.resource import Resource

from helpers import lifetimes
from helpers.library_servers import (
    lines_of_code,
    serve_ftp,
    serve_http,
    serve_library,
    serve_smtp,
)

GET = b"GET / HTTP/1.1\r\nHost: x.example\r\n\r\n"


class EchoSocketserver(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data)


async def echo_asyncio(reader: Any, writer: Any) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


class EchoTornado(TCPServer):
    async def handle_stream(self, stream: Any, address: Any) -> None:
        with contextlib.suppress(OSError):
            while data := await stream.read_bytes(65536, partial=True):
                await stream.write(data)


class EchoTwisted(Protocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


class HelloHTTPServer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    # A comment is no line of code.

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")


class HelloTornado(RequestHandler):
    def get(self) -> None:
        self.write("hello")


class HelloTwisted(Resource):
    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return b"hello"


class Fails(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        raise ZeroDivisionError("on purpose")


class Lingers(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(100):
            self.request.sendall(data)
        time.sleep(0.2)


class Mailbox:
    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope.content)
        return "250 kept"


ECHOES = [EchoSocketserver, echo_asyncio, EchoTornado, EchoTwisted]
PAGES = [HelloHTTPServer, HelloTornado, HelloTwisted]
NAME = {"ids": lambda service: service.__name__}


def sockets() -> set[Any]:
    gc.collect()
    found = psutil.Process().net_connections("inet")
    return {(c.laddr, c.raddr) for c in found if c.status not in ("TIME_WAIT", "NONE")}


@pytest.fixture(autouse=True)
def nothing_is_left(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    before = set(threading.enumerate()), sockets(), list(lifetimes.running())
    yield
    assert (set(threading.enumerate()), sockets(), list(lifetimes.running())) == before
    assert capfd.readouterr().err == ""


def connected(address: Any) -> socket.socket:
    return socket.create_connection(address, 10)


def read(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (part := client.recv(size)):
        data += part
    return data


def page_of(client: socket.socket) -> bytes:
    answer = http.client.HTTPResponse(client)
    with contextlib.closing(answer):
        answer.begin()
        return answer.read()


@pytest.mark.parametrize("apart", [False, True], ids=["in this process", "apart"])
@pytest.mark.parametrize("service", ECHOES, **NAME)
def test_an_echo_serves_several_clients_at_once(service: Any, apart: bool) -> None:
    with serve_library(service, apart=apart) as server:
        with connected(server.address) as one, connected(server.address) as other:
            for client, data in ((one, b"a" * 100_000), (other, b"b"), (one, b"c")):
                client.sendall(data)
                assert read(client, len(data)) == data


@pytest.mark.parametrize("apart", [False, True], ids=["in this process", "apart"])
@pytest.mark.parametrize("service", PAGES, **NAME)
def test_a_page_is_served_again_on_a_kept_connection(service: Any, apart: bool) -> None:
    with serve_library(service, apart=apart) as server, connected(server.address) as client:
        for _ in range(3):
            client.sendall(GET)
            assert page_of(client) == b"hello"


@pytest.mark.parametrize("service", [*ECHOES, *PAGES], **NAME)
def test_stop_takes_less_than_a_second_whatever_the_clients_do(service: Any) -> None:
    server = serve_library(service)
    assert f"{service.__name__}: " in repr(server)
    assert " server on 127.0.0.1:" in repr(server)
    assert repr(server).endswith("of this process")
    with connected(server.address) as silent, connected(server.address) as half:
        half.sendall(GET[:10])
        with connected(server.address) as gone:
            gone.sendall(b"\xff\xfe\x00 garbage\r\n\r\n")
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 1.0
        server.stop()  # once more does no harm
        with contextlib.suppress(ConnectionError):
            while silent.recv(100):  # ends: the server has closed it
                pass
        with pytest.raises(ConnectionRefusedError):
            connected(server.address)


@pytest.mark.parametrize("service", [*ECHOES, *PAGES], **NAME)
def test_garbage_and_a_reset_end_one_connection_not_the_server(service: Any) -> None:
    linger = socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
    with serve_library(service) as server:
        with connected(server.address) as rude:
            rude.sendall(b"\x00\xff\r\n\r\n")
            rude.setsockopt(*linger)
        with connected(server.address) as client:
            client.sendall(GET)
            assert client.recv(100)


@pytest.mark.parametrize("service", [EchoTornado, EchoTwisted], **NAME)
def test_two_servers_of_one_library_run_at_once_and_again(service: Any) -> None:
    for _ in range(2):
        with serve_library(service) as one, serve_library(service) as other:
            for server in (one, other):
                with connected(server.address) as client:
                    client.sendall(b"hello")
                    assert read(client, 5) == b"hello"


def test_stop_waits_for_the_threads_that_the_library_started() -> None:
    server = serve_library(Lingers)
    with connected(server.address) as client:
        client.sendall(b"hello")
        assert read(client, 5) == b"hello"
        server.stop()


@pytest.mark.skipif(not hasattr(psutil.Process, "num_fds"), reason="only Unix counts descriptors")
@pytest.mark.parametrize("service", [*ECHOES, *PAGES], **NAME)
def test_no_descriptor_is_left(service: Any) -> None:
    counts = []
    for _ in range(3):  # the first time a library may keep one for good
        with serve_library(service) as server, connected(server.address) as client:
            client.sendall(GET)
            client.recv(100)
        gc.collect()
        counts.append(psutil.Process().num_fds())
    assert counts[1] == counts[2]


def test_a_listener_made_elsewhere_is_served() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    with serve_http(HelloHTTPServer, listener=listener) as server:
        assert server.address == address


def test_what_a_handler_raises_is_kept_and_the_server_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    with serve_library(Fails) as server:
        for _ in range(2):
            with connected(server.address) as client:
                assert client.recv(10) == b""
    assert "on purpose" in said.getvalue()


def test_mail_arrives_with_its_dots() -> None:
    mailbox = Mailbox()
    with serve_smtp(mailbox) as server:
        with smtplib.SMTP(*server.address, local_hostname="client.example", timeout=10) as client:
            client.sendmail("a@a.example", ["b@b.example"], "Subject: x\n\n.hidden\n")
    assert mailbox.mails == [b"Subject: x\r\n\r\n.hidden\r\n"]


def test_a_file_comes_in_both_modes_and_the_folder_is_removed() -> None:
    with serve_ftp({"notes.txt": b"one\ntwo\n"}) as server:
        folder = Path(server.paths[0])
        assert folder.exists()
        for passive in (True, False, True):
            with ftplib.FTP(timeout=10) as client:
                client.connect(*server.address)
                client.login()
                client.set_pasv(passive)
                got: list[str] = []
                client.retrlines("RETR notes.txt", got.append)
                assert got == ["one", "two"]
                if passive:
                    assert client.makepasv()[1] == server.data_port
                with pytest.raises(ftplib.error_perm):
                    client.mkd("new")
    assert not folder.exists()


def test_lines_of_code_leave_out_comments_and_empty_lines() -> None:
    assert [lines_of_code(each) for each in (EchoTwisted, HelloHTTPServer)] == [3, 7]


@pytest.mark.parametrize(
    ("start", "thing"),
    [
        (serve_library, print),
        (serve_library, Mailbox),
        (serve_http, EchoTwisted),
        (serve_http, print),
        (serve_smtp, 5),
    ],
)
def test_what_no_library_can_serve_is_refused(start: Callable[..., Any], thing: Any) -> None:
    with pytest.raises(TypeError, match=r"not|needs"):
        start(thing)
