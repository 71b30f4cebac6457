"""A server that accepts by itself ends with its block."""

from __future__ import annotations

import socket
import threading

import pytest

from helpers import own_server


def serve_all(listener: socket.socket) -> None:
    while True:
        try:
            conn, _ = listener.accept()
        except OSError:
            return
        with conn:
            conn.sendall(conn.recv(100))


def test_it_serves_during_the_block_and_leaves_no_thread() -> None:
    before = threading.enumerate()
    with own_server(serve_all) as address:
        for _ in range(3):
            with socket.create_connection(address, 10) as client:
                client.sendall(b"hello")
                assert client.recv(100) == b"hello"
    assert threading.enumerate() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, 10)


def test_it_ends_when_nobody_came_and_when_the_block_raises() -> None:
    before = threading.enumerate()
    with own_server(serve_all):
        pass
    with pytest.raises(ZeroDivisionError), own_server(serve_all):
        _ = 1 / 0
    assert threading.enumerate() == before
