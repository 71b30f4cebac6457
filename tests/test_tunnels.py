"""Bytes carried both ways, and the certificates of a moment."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator

import pytest

from helpers import echo, serve_tcp
from helpers.private_tls import tls_pair
from helpers.tunnels import passed_on


@contextlib.contextmanager
def tunnel(address: tuple[str, int]) -> Iterator[tuple[socket.socket, list[list[bytes]]]]:
    kept: list[list[bytes]] = []

    def carry(conn: socket.socket) -> None:
        with socket.create_connection(address) as far:
            kept.append(passed_on(conn, far, keep=8))

    with serve_tcp(carry) as server, socket.create_connection(server.address, timeout=5) as client:
        yield client, kept
        for thread in server._workers:
            thread.join(5)


def test_both_ways_and_the_end_of_each() -> None:
    with serve_tcp(echo) as server, tunnel(server.address) as (client, kept):
        client.sendall(b"hello, ")
        assert client.recv(100) == b"hello, "
        client.sendall(b"world")
        client.shutdown(socket.SHUT_WR)
        assert client.makefile("rb").read() == b"world"
    assert kept == [[b"hello, w", b"hello, w"]]  # 8 bytes of each way are kept


def test_a_client_that_resets_ends_the_tunnel() -> None:
    with serve_tcp(echo) as server, tunnel(server.address) as (client, kept):
        client.sendall(b"x")
        assert client.recv(1) == b"x"  # so it has been accepted
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    assert kept == [[b"x", b"x"]]


def test_an_end_that_takes_nothing_and_one_that_says_nothing_are_given_up() -> None:
    for begins in (b"x" * 100_000, b""):
        near, client = socket.socketpair()
        far, deaf = socket.socketpair()
        with near, client, far, deaf:
            client.setblocking(False)
            far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the least: soon full
            if begins:
                client.send(begins)
            kept = passed_on(near, far, keep=1, patience=0.1)
            assert kept[1] == b""


def talk(server_side: ssl.SSLContext, client_side: ssl.SSLContext, name: str) -> str | None:
    def secret(conn: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError, OSError):
            with server_side.wrap_socket(conn, server_side=True) as secured:
                secured.sendall(b"secret")

    with serve_tcp(secret) as server, socket.create_connection(server.address) as client:
        with client_side.wrap_socket(client, server_hostname=name) as secured:
            assert secured.recv(100) == b"secret"
            return secured.version()


def test_the_pair_trusts_each_other_and_nobody_else() -> None:
    server_side, client_side = tls_pair("server.test")
    assert talk(server_side, client_side, "server.test") == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        talk(server_side, client_side, "other.test")
    with pytest.raises(ssl.SSLCertVerificationError):
        talk(tls_pair("server.test")[0], client_side, "server.test")


def test_a_version_can_be_chosen() -> None:
    assert talk(*tls_pair("server.test", ssl.TLSVersion.TLSv1_2), "server.test") == "TLSv1.2"
