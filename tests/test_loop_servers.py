"""A learner's own loop as a server: it serves, it fails in sight, it always ends."""

from __future__ import annotations

import selectors
import socket
import threading
import time

import pytest

from helpers import serve_loop
from helpers.loop_servers import LoopServer


def one_at_a_time(listener: socket.socket, stop: socket.socket, answer: bytes = b"hello") -> None:
    """A polite loop: it looks at `stop`."""
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(stop, selectors.EVENT_READ)
        while stop not in [key.fileobj for key, _ in selector.select()]:
            conn, _ = listener.accept()
            conn.setblocking(False)
            conn.send(answer)


def fails_at_once(listener: socket.socket, stop: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.select()
        listener.accept()
        raise ZeroDivisionError("on purpose")


def deaf_to_stop(listener: socket.socket, _stop: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while True:
            selector.select()
            listener.accept()


def ask(server: LoopServer) -> bytes:
    with socket.create_connection(server.address, timeout=10) as client:
        return client.recv(100)


def test_the_function_serves_all_clients_on_one_thread() -> None:
    with serve_loop(one_at_a_time) as server:
        assert [ask(server) for _ in range(3)] == [b"hello"] * 3
        threads = [each for each in threading.enumerate() if "one_at_a_time" in each.name]
        assert len(threads) == 1
    assert not threads[0].is_alive()


def test_further_arguments_reach_the_function() -> None:
    with serve_loop(one_at_a_time, b"bye") as server:
        assert ask(server) == b"bye"


def test_a_listener_made_elsewhere_is_served_and_closed() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    with serve_loop(one_at_a_time, listener=listener) as server:
        assert server.address == address
        assert ask(server) == b"hello"
    assert listener.fileno() == -1


def test_the_listener_does_not_block() -> None:
    seen = []
    with serve_loop(lambda listener, stop: seen.append(listener.getblocking())) as server:
        server.failure()
    assert seen == [False]


def test_connections_left_open_are_known_and_closed_at_stop() -> None:
    with serve_loop(one_at_a_time) as server:
        with socket.create_connection(server.address, timeout=10) as client:
            assert client.recv(100) == b"hello"
            (left,) = server.connections
            server.stop()
            assert left.fileno() == -1
            assert client.recv(100) == b""


@pytest.mark.parametrize("function", [one_at_a_time, deaf_to_stop])
def test_stop_ends_it_within_a_second(function: object, capsys: pytest.CaptureFixture[str]) -> None:
    server = serve_loop(function)  # type: ignore[arg-type]
    start = time.monotonic()
    server.stop()
    server.stop()
    assert time.monotonic() - start < 2
    assert not server._thread.is_alive()
    assert capsys.readouterr().err == ""


def test_what_it_raises_is_shown_at_stop(capsys: pytest.CaptureFixture[str]) -> None:
    with serve_loop(fails_at_once) as server:
        assert ask(server) == b""
    told = capsys.readouterr().err
    assert "fails_at_once" in told
    assert "ZeroDivisionError: on purpose" in told
    assert "in _run" not in told


def test_a_failure_that_was_asked_for_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with serve_loop(fails_at_once) as server:
        ask(server)
        assert isinstance(server.failure(), ZeroDivisionError)
        assert server.failure() is None
    assert capsys.readouterr().err == ""


def test_a_loop_that_goes_on_has_no_failure_yet() -> None:
    with serve_loop(one_at_a_time) as server, pytest.raises(TimeoutError, match="still runs"):
        server.failure(timeout=0.01)


def test_a_loop_that_has_ended_refuses_new_clients() -> None:
    with serve_loop(lambda listener, stop: None) as server:
        assert server.failure() is None
        with pytest.raises(ConnectionRefusedError):
            ask(server)


@pytest.mark.parametrize("wrong", [None, "run"])
def test_what_is_no_function_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="ordinary function"):
        serve_loop(wrong)  # type: ignore[arg-type]


def test_a_coroutine_function_is_refused() -> None:
    async def loop(listener: socket.socket, stop: socket.socket) -> None: ...

    with pytest.raises(TypeError, match="ordinary function"):
        serve_loop(loop)
