"""A server in a process of its own: it answers, it is measured, it ends with all it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest

from helpers import lifetimes, process_server
from helpers.child_process import ChildProcess, Ended
from helpers.load import Crowd
from helpers.process_server import serve_process


def talk(conn):
    with conn:
        while data := conn.recv(100):
            conn.sendall(data.upper())


def threads(listener):
    while True:
        threading.Thread(target=talk, args=[listener.accept()[0]]).start()


def forks(listener):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        conn, _ = listener.accept()
        if os.fork() == 0:
            talk(conn)
            os._exit(0)
        conn.close()


def forks_once(listener):
    conn, _ = listener.accept()
    if os.fork() == 0:
        talk(conn)
        os._exit(0)
    listener.accept()
    raise ConnectionResetError("no more")


def fails(listener):
    listener.accept()
    raise RuntimeError("out of paper")


def broken(listener):
    return undefined_name  # type: ignore[name-defined]  # noqa: F821


def asked(address: tuple[str, int]) -> bytes:
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(b"hello")
        return client.recv(100)


def test_it_answers_from_another_process() -> None:
    with serve_process(threads) as server:
        assert asked(server.address) == b"HELLO"
        assert f"in process {server._child.process.pid}" in repr(server)
        assert id(server) in lifetimes._running
    assert not psutil.pid_exists(server._child.process.pid)
    assert id(server) not in lifetimes._running
    server.stop()


def test_over_ipv6(host: str) -> None:
    with serve_process(threads, host=host) as server:
        assert asked(server.address) == b"HELLO"


def test_its_threads_are_counted() -> None:
    with serve_process(threads) as server:
        assert server.footprint().threads == 1
        clients = [socket.create_connection(server.address) for _ in range(5)]
        for client in clients:
            client.sendall(b"x")
            client.recv(1)
        taken = server.footprint()
        assert (taken.threads, taken.processes) == (6, 1)
        assert 0 < taken.memory < 50_000_000
        for client in clients:
            client.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_processes_that_it_forked_are_counted_and_end_with_it() -> None:
    with serve_process(forks) as server, socket.create_connection(server.address) as client:
        client.sendall(b"x")
        client.recv(1)
        family = psutil.Process(server._child.process.pid).children()
        assert server.footprint().processes == 2
        assert len(family) == 1
    psutil.wait_procs(family, timeout=5)
    assert not any(child.is_running() for child in family)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_large_family_is_sampled_and_told_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_process(forks) as server, Crowd(server.address) as clients:
        clients.grow(30)
        whole = server.footprint()
        monkeypatch.setattr("helpers.process_server.SAMPLE", 5)
        asked: list[object] = []
        measure = process_server._private
        monkeypatch.setattr(
            process_server, "_private", lambda process: asked.append(1) or measure(process)
        )
        sampled = server.footprint()
    assert (whole.processes, sampled.processes) == (31, 31)
    assert (whole.threads, sampled.threads) == (31, 31)
    assert len(asked) < 10
    assert sampled.memory == pytest.approx(whole.memory, rel=0.3)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_no_zombie_is_left_to_process_1() -> None:
    with serve_process(forks) as server, Crowd(server.address) as clients:
        clients.grow(30)
        family = psutil.Process(server._child.process.pid).children()
        server.stop()
        assert not any(child.is_running() for child in family), "gone when stop() returns"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_what_a_server_has_forked_ends_though_it_died_before() -> None:
    with serve_process(forks) as server, Crowd(server.address) as clients:
        clients.grow(5)
        family = psutil.Process(server._child.process.pid).children()
        os.kill(server._child.process.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while server.alive():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert all(child.is_running() for child in family)
        server.stop()
        _, alive = psutil.wait_procs(family, timeout=10)
        assert alive == [], "though their clients are still there"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_its_children_end_when_it_gives_up() -> None:
    with serve_process(forks_once) as server:
        first = socket.create_connection(server.address)
        with first:
            first.sendall(b"x")
            first.recv(1)
            family = psutil.Process(server._child.process.pid).children()
            socket.create_connection(server.address).close()
            _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []


def test_what_it_raises_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with serve_process(fails) as server:
        with socket.create_connection(server.address) as client:
            assert client.recv(1) == b""
        server._child.process.wait(10)
        assert not server.alive()
        assert server.last_error() == "RuntimeError: out of paper"
    assert "fails, in a process of its own, wrote:" in capfd.readouterr().err


def test_one_that_does_not_serve_has_its_error_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with serve_process(broken) as server:
        server._child.process.wait(10)
    assert "NameError: name 'undefined_name' is not defined" in capfd.readouterr().err


def test_clients_that_leave_are_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    with serve_process(threads) as server:
        client = socket.create_connection(server.address)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
        client.sendall(b"x")
        client.recv(1)
        client.close()
        deadline = time.monotonic() + 10
        while "ConnectionResetError" not in server.last_error():  # the last line of a traceback
            assert time.monotonic() < deadline, server.last_error()
            time.sleep(0.01)
    assert capfd.readouterr().err == ""


def test_it_ends_with_the_process_that_started_it() -> None:
    code = """
import sys
sys.path.insert(0, {root!r})
from helpers.process_server import serve_process
sys.path.insert(0, {here!r})
from test_process_server import forks, asked
server = serve_process(forks)
asked(server.address)
print(server._child.process.pid, flush=True)
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""
    here = os.path.dirname(__file__)
    code = code.format(root=os.path.dirname(here), here=here)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip().isdigit(), done.stderr
    deadline = time.monotonic() + 10
    while psutil.pid_exists(int(done.stdout)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not psutil.pid_exists(int(done.stdout))


def test_a_process_that_ended_says_its_last_error() -> None:
    child = ChildProcess("load_process")
    child.tell(nonsense=1)
    with pytest.raises(Ended, match="KeyError: 'address'"):
        child.hear()
    assert "KeyError" in child.stop()
    assert child.stop() == ""
