"""Services that are replaced or held up; what is asserted are outcomes, never times."""

from __future__ import annotations

import socket
import threading

import pytest

from helpers.visitors import Service, fifth_client, read_line, visited


def test_handing_over_loses_nothing_and_leaves_nothing() -> None:
    before = threading.active_count()

    def hand_over(old: Service) -> Service:
        new = Service(old.listener)
        old.finish()
        return new

    assert list(visited(hand_over)) == ["answered"]
    assert threading.active_count() == before


def test_aborting_is_noticed() -> None:
    def abrupt(old: Service) -> Service:
        address = old.listener.getsockname()
        old.abort()
        old.listener.close()
        return Service(socket.create_server(address))

    assert set(visited(abrupt)) > {"answered"}


def test_a_client_beside_slow_ones() -> None:
    def closes(conn: socket.socket) -> None:
        conn.settimeout(0.1)
        conn.sendall(b"welcome\n")

    assert fifth_client(closes, patience=10) is not None
    assert fifth_client(lambda conn: read_line(conn, lambda: 5.0), patience=0.3) is None


def test_a_line_is_read_whole_or_not_at_all() -> None:
    near, far = socket.socketpair()
    with near, far:
        far.sendall(b"a line\n")
        assert read_line(near, lambda: 1) == b"a line\n"
        with pytest.raises(TimeoutError):
            read_line(near, lambda: -1)
        far.sendall(b"half")
        far.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionError, match="within a line"):
            read_line(near, lambda: 1)
