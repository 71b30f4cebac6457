"""A crowd of clients: who is served, what is timed, and what is not hidden."""

from __future__ import annotations

import asyncio
import math
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers import load_process
from helpers.file_limit import SPARE, room_for
from helpers.load import Crowd, Responses, crowd
from helpers.servers import serve_asyncio, serve_tcp
from helpers.work import busy


def shout(conn: socket.socket) -> None:
    while data := conn.recv(4096):
        conn.sendall(busy(0.02) if data == b"work" else data.upper())


async def chat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()


def test_all_are_connected_and_answered_and_leave() -> None:
    with serve_asyncio(chat) as server:
        with crowd(server.address, 300) as clients:
            assert (clients.open, clients.served) == (300, 300)
            assert len(server.connections) == 300
            samples = clients.ask(rate=500, seconds=0.2, label="300 open")
            assert len(samples.nanoseconds) == 100
            assert samples.unanswered == 0
            assert samples.late >= 0
            assert clients.flood(10, 0.05) > 100
        deadline = time.monotonic() + 10  # the server's own thread has to come to it
        while server.connections and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.connections == []


def test_over_ipv6(host: str) -> None:
    with serve_tcp(shout, host=host) as server, crowd(server.address, 3) as clients:
        assert clients.served == 3


def test_who_is_never_served_is_counted() -> None:
    with serve_tcp(shout, max_connections=1) as server:
        clients = crowd(server.address, 10)
        try:
            assert (clients.open, clients.served) == (10, 1)
            samples = clients.ask(rate=1000, seconds=0.2, label="one at a time")
            share = samples.unanswered / (samples.unanswered + len(samples.nanoseconds))
            assert 0.75 < share < 1
            assert math.isinf(samples.within(50))
            assert samples.within(1) < 5
            assert "of them not answered" in samples.summary()
        finally:
            clients.end()


def test_a_client_without_a_connection_is_counted_and_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=8) as silent:
        clients = Crowd(silent.getsockname())
        try:
            clients.grow(300)
            assert (clients.clients, clients.served, clients.failed) == (300, 0, "")
            assert 8 <= clients.open < 300, "the backlog is full"
            assert clients.seconds < 10, "not a wait for each of them"
            with pytest.raises(ValueError, match="not one of 50 requests"):
                clients.ask(rate=500, seconds=0.1, label="outside")
        finally:
            clients.end()


def test_it_takes_no_longer_when_nobody_answers() -> None:
    count = room_for(2_000)
    with socket.create_server(("127.0.0.1", 0), backlog=4_096) as silent:
        clients = Crowd(silent.getsockname())
        try:
            clients.grow(count)
            assert (clients.clients, clients.served) == (count, 0)
            each_batch_waited_for = count / load_process.AT_ONCE * load_process.SILENT_SECONDS
            assert clients.seconds < each_batch_waited_for / 2
        finally:
            clients.end()


def test_as_many_as_can_connect_in_time() -> None:
    with serve_asyncio(chat) as server, crowd(server.address, 5) as clients:
        clients.grow(100_000, seconds=0.05)
        assert 5 <= clients.clients < 100_000
        assert clients.served == clients.open == clients.clients


def test_who_is_served_late_is_served() -> None:
    def slow(conn: socket.socket) -> None:
        time.sleep(0.6)  # longer than the crowd waits for those who came first
        shout(conn)

    with serve_tcp(slow, max_connections=200) as server, crowd(server.address, 100) as clients:
        deadline = time.monotonic() + 20
        while clients.served < 100 and time.monotonic() < deadline:
            clients.grow(clients.clients + 1)
        assert clients.served >= 100


def test_a_server_that_answers_nothing_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        clients = crowd(silent.getsockname(), 2)
        try:
            assert clients.served == 0
            with pytest.raises(ValueError, match="not one of 10 requests was answered"):
                clients.ask(rate=100, seconds=0.1, label="silence")
        finally:
            clients.end()


def test_a_stall_counts_for_all_who_would_have_met_it() -> None:
    stalled = []

    def stalls(conn: socket.socket) -> None:
        while data := conn.recv(16):
            if len(stalled) == 20:
                time.sleep(0.2)
            stalled.append(1)
            conn.sendall(data)

    with serve_tcp(stalls) as server, crowd(server.address, 1) as clients:
        samples = clients.ask(rate=500, seconds=0.4, label="one stall")
    slow = [ns for ns in samples.nanoseconds if ns > 50_000_000]
    assert len(slow) > 40, "a closed loop would have one"


def test_the_same_seed_asks_in_the_same_way() -> None:
    with serve_tcp(shout) as server, crowd(server.address, 4) as clients:
        first, again = (clients.ask(rate=500, seconds=0.1, label="x", seed=7) for _ in "ab")
    assert len(first.nanoseconds) == len(again.nanoseconds) == 50


def test_one_may_ask_for_work_meanwhile_and_is_not_timed() -> None:
    with serve_asyncio(chat) as server, crowd(server.address, 2) as clients:
        samples = clients.ask(rate=100, seconds=0.2, label="beside", beside="again and again\n")
    assert len(samples.nanoseconds) == 20


def test_nobody_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = closed.getsockname()
    clients = crowd(address, 3)
    try:
        assert clients.open == 0
        assert "refused" in clients.failed
    finally:
        clients.end()


def test_requests_of_before_are_not_timed_with_those_of_now() -> None:
    # Three clients were not answered when they came; their answers come during the open loop.
    with serve_tcp(shout, max_connections=1) as server:
        clients = Crowd(server.address)
        try:
            clients.grow(4)
            server.connections[0].shutdown(socket.SHUT_RDWR)
            samples = clients.ask(rate=200, seconds=0.2, label="late")
            assert len(samples.nanoseconds) + samples.unanswered == 40
            assert samples.unanswered >= 0
        finally:
            clients.end()


def test_the_percentiles_of_all_requests() -> None:
    samples = Responses("x", tuple(range(1, 91)), unanswered=10)
    assert samples.within(50) == 50e-9
    assert samples.within(90) == 90e-9
    assert math.isinf(samples.within(91))
    assert samples.percentile(100) == 90e-9


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (256, {hard}))
sys.path.insert(0, {root!r})
from helpers.file_limit import room_for
print(room_for(10_000), room_for(50), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize("hard", [1024, 256])
def test_the_soft_limit_is_raised_as_far_as_the_hard_one_allows(hard: int) -> None:
    pytest.importorskip("resource")
    code = LIMITED.format(hard=hard, root=str(Path(__file__).parents[1]))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == [str(hard - SPARE), "50", str(hard), str(hard)], done.stderr


def test_what_fits_is_left_alone() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert room_for(10) == 10
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before
