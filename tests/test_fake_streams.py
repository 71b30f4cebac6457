"""A connection whose pieces are chosen, and that may be answered."""

from __future__ import annotations

import socket

import pytest

from helpers.fake_streams import Conversing


def test_it_takes_an_echo_and_tells_what_was_done() -> None:
    conn = Conversing([b"hello"])
    conn.sendall(conn.recv(100))
    assert conn.recv(100) == b""
    conn.shutdown(socket.SHUT_WR)
    conn.close()
    assert conn.sent == b"hello"
    assert conn.did == ["recv", "send", "recv", "shutdown", "close"]
    assert not conn.behind


def test_a_send_takes_part_and_then_recv_is_too_early() -> None:
    conn = Conversing([b"hello"])
    assert conn.send(conn.recv(100)) == 3
    conn.recv(100)
    assert conn.sent == b"hel"
    assert conn.behind


def test_a_reset_comes_after_the_pieces() -> None:
    conn = Conversing([b"hello"], reset=True)
    assert conn.recv(100) == b"hello"
    with pytest.raises(ConnectionResetError):
        conn.recv(100)
    assert conn.did == ["recv", "reset"]


def test_a_peer_that_is_gone_takes_no_more() -> None:
    conn = Conversing([], takes=4)
    conn.sendall(b"four")
    with pytest.raises(BrokenPipeError):
        conn.sendall(b"!")


def test_nothing_is_sent_after_the_end() -> None:
    conn = Conversing([])
    conn.shutdown(socket.SHUT_WR)
    with pytest.raises(BrokenPipeError):
        conn.sendall(b"late")


def test_the_end_without_end_fills_no_memory() -> None:
    conn = Conversing([])
    for _ in range(1000):
        assert conn.recv(100) == b""
    assert conn.did == ["recv"]
