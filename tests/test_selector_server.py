"""The server with a selector that others are compared with: it waits for nobody."""

from __future__ import annotations

import contextlib
import socket
import struct

from helpers import serve_loop
from helpers.selector_server import selector_server

LARGE = bytes(range(256)) * 40_000  # more than the kernel's buffers hold
RESET = struct.pack("ii", 1, 0)


def test_it_answers_two_clients_and_closes_at_their_end() -> None:
    with serve_loop(selector_server, bytes.upper) as server:
        with (
            socket.create_connection(server.address, 5) as one,
            socket.create_connection(server.address, 5) as other,
        ):
            one.sendall(b"one")
            other.sendall(b"other")
            assert (one.recv(100), other.recv(100)) == (b"ONE", b"OTHER")
            one.shutdown(socket.SHUT_WR)
            assert one.recv(100) == b""
        assert server.errors == []


def test_who_does_not_read_and_who_resets_disturb_nobody_and_lose_nothing() -> None:
    with (
        serve_loop(selector_server, lambda data: LARGE if data else b"") as server,
        socket.create_connection(server.address, 5) as lazy,
        socket.create_connection(server.address, 5) as bystander,
    ):
        lazy.sendall(b"large, please")
        with socket.create_connection(server.address, 5) as rude:
            rude.sendall(b"large, please")
            rude.recv(100)
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        bystander.sendall(b"x")
        assert bystander.recv(len(LARGE), socket.MSG_WAITALL) == LARGE
        lazy.shutdown(socket.SHUT_WR)
        assert lazy.recv(len(LARGE), socket.MSG_WAITALL) == LARGE
        assert lazy.recv(1) == b""
        assert server.errors == []


def test_it_sleeps_while_nothing_is_left_to_send() -> None:
    turns = []

    def counted(data: bytes) -> bytes:
        turns.append(len(data))
        return data

    with (
        serve_loop(selector_server, counted) as server,
        socket.create_connection(server.address, 5) as client,
    ):
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"
        client.settimeout(0.05)
        with contextlib.suppress(TimeoutError):
            client.recv(100)
    assert len(turns) <= 2  # the question, and perhaps the end
