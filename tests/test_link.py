"""The slow link delays each direction, carries every byte, and ends with its ends."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest

from helpers import Link, echo, latency, serve_tcp


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


def test_a_negative_delay_gets_a_sentence() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        Link(("127.0.0.1", 1), delay=-1)
