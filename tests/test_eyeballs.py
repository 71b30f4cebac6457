"""Addresses that stay silent, and a name that stands for several."""

from __future__ import annotations

import asyncio
import socket

import pytest

from helpers import dead_addresses, echo, one_name, serve_tcp
from helpers.coroutines import finished
from helpers.machine import NotHere


def test_a_dead_address_neither_accepts_nor_refuses() -> None:
    with dead_addresses(2, host="127.0.0.1") as silent:
        assert len(set(silent)) == 2
        for address in silent:
            with socket.socket() as client:
                client.settimeout(0.1)
                with pytest.raises(TimeoutError):
                    client.connect(address)


def test_an_address_that_this_machine_does_not_have() -> None:
    with pytest.raises(NotHere, match=r"192\.0\.2\.1"), dead_addresses(host="192.0.2.1"):
        pass


def test_one_name_stands_for_all_and_only_within_the_block() -> None:
    with serve_tcp(echo) as server:
        with one_name(server.address, ("::1", 9, 0, 0)) as name:
            entries = socket.getaddrinfo(name, 80)
            assert [entry[4] for entry in entries] == [server.address, ("::1", 9, 0, 0)]
            assert entries[1][0] == socket.AF_INET6
            assert socket.getaddrinfo("127.0.0.1", 80)[0][4] == ("127.0.0.1", 80)
            socket.create_connection((name, 80), timeout=5).close()

            async def connect() -> None:
                _, writer = await asyncio.open_connection(name, 80)
                writer.close()
                await writer.wait_closed()

            finished(connect())
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo("127.0.0.1", 80, socket.AF_INET6)
        assert socket.getaddrinfo.__name__ == "getaddrinfo"
