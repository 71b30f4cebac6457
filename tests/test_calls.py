"""The socket calls of a block are recorded with their side and in their order."""

from __future__ import annotations

import socket

import pytest

from helpers import capture, echo, record_calls, serve_tcp
from helpers.server_threads import Server


def talk(server: Server) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""


def test_both_sides_in_their_order() -> None:
    with serve_tcp(echo) as server, record_calls(server) as calls:
        talk(server)
    sides = {
        side: [call.text for call in calls if call.side == side] for side in ("client", "server")
    }
    assert sides["client"] == [
        "connect()",
        "sendall(b'hello')",
        "recv() → b'hello'",
        "shutdown(SHUT_WR)",
        "recv() → b''",
        "close()",
    ]
    assert sides["server"][:4] == [
        "accept()",
        "recv() → b'hello'",
        "sendall(b'hello')",
        "recv() → b''",
    ]
    times = [call.time_ns for call in calls]
    assert times == sorted(times)


def test_other_connections_are_not_in_it() -> None:
    with serve_tcp(echo) as other, serve_tcp(echo) as server, record_calls(server) as calls:
        talk(other)
    assert calls == []


def test_together_with_a_capture_and_gone_afterwards(source: str) -> None:
    before = dict(vars(socket.socket))
    with serve_tcp(echo) as server, record_calls(server) as calls:
        with capture(server, source=source) as packets:
            talk(server)
    assert dict(vars(socket.socket)) == before
    assert calls[0].text == "connect()"
    assert calls[0].time_ns <= packets[0].time_ns, "the SYN comes after the call that sends it"
    sent = next(call for call in calls if call.text.startswith("sendall"))
    data = next(packet for packet in packets if b"hello" in packet.data)
    got = next(call for call in calls if call.side == "client" and "recv" in call.text)
    assert sent.time_ns <= data.time_ns <= got.time_ns, "call, packet, answer, on one clock"


def test_gone_after_an_error_too() -> None:
    before = dict(vars(socket.socket))
    with serve_tcp(echo) as server, pytest.raises(ZeroDivisionError), record_calls(server):
        raise ZeroDivisionError
    assert dict(vars(socket.socket)) == before


def test_long_data_is_cut() -> None:
    with serve_tcp(echo) as server, record_calls(server) as calls:
        with socket.create_connection(server.address) as client:
            client.sendall(bytes(1000))
    assert any(call.text.endswith("… 1,000 bytes)") for call in calls)


def test_a_port_is_enough() -> None:
    with serve_tcp(echo) as server, record_calls(server.address[1]) as calls:
        talk(server)
    assert "connect()" in [call.text for call in calls]
