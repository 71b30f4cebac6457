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
            while data := conn.recv(100):
                conn.sendall(data)


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


def test_a_client_that_stays_does_not_keep_it_from_ending() -> None:
    with socket.socket() as client:
        with own_server(serve_all) as address:
            client.connect(address)
            client.sendall(b"hello")
            assert client.recv(100) == b"hello"
        assert client.recv(100) == b""


def test_a_server_that_does_not_return_is_named() -> None:
    allowed_to_end = threading.Event()

    def stubborn(listener: socket.socket) -> None:
        allowed_to_end.wait()

    with pytest.raises(RuntimeError, match="stubborn goes on"), own_server(stubborn):
        pass
    allowed_to_end.set()
