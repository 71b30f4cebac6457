"""The server with a selector that others are compared with: it waits for nobody."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
from typing import Any

import pytest

from helpers import serve_loop
from helpers.selector_server import selector_server

LARGE = bytes(range(256)) * 40_000  # more than the kernel's buffers hold
RESET = struct.pack("ii", 1, 0)


def read(client: socket.socket) -> bytes:
    with client.makefile("rb") as stream:
        return stream.read(len(LARGE))


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
        assert read(bystander) == LARGE
        lazy.shutdown(socket.SHUT_WR)
        assert read(lazy) == LARGE
        assert lazy.recv(1) == b""
        assert server.errors == []


def test_it_sleeps_while_nothing_is_left_to_send(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = []

    class Counted(selectors.DefaultSelector):
        def select(self, timeout: float | None = None) -> list[Any]:
            turns.append(timeout)
            return super().select(timeout)

    monkeypatch.setattr(selectors, "DefaultSelector", Counted)
    with (
        serve_loop(selector_server, bytes.upper) as server,
        socket.create_connection(server.address, 5) as client,
    ):
        client.sendall(b"hello")
        assert client.recv(100) == b"HELLO"
        client.settimeout(0.05)
        with contextlib.suppress(TimeoutError):
            client.recv(100)
    assert len(turns) < 10  # who connects, the question, the end; not one turn after another
