"""Run your own event loop as a server, on a background thread of this very kernel.

`serve_tcp` waits, accepts and gives each connection a thread. Here nobody does: the function
gets the listening socket, and everything else is its own.

>>> import selectors, socket
>>> def greet_all(listener, stop):
...     with selectors.DefaultSelector() as selector:
...         selector.register(listener, selectors.EVENT_READ)
...         selector.register(stop, selectors.EVENT_READ)
...         while stop not in [key.fileobj for key, _ in selector.select()]:
...             conn, _ = listener.accept()
...             conn.send(b"hello")
>>> with serve_loop(greet_all) as server:
...     with socket.create_connection(server.address) as client:
...         client.recv(100)
b'hello'
"""

from __future__ import annotations

import contextlib
import inspect
import socket
import threading
from collections.abc import Callable
from typing import Any

from .plain_errors import explained
from .server_threads import Server

POLITE_SECONDS = 0.3  # for a loop to end by itself before its listener is ended
FAILURE_SECONDS = 5.0

LoopFunction = Callable[..., object]


def serve_loop(
    function: LoopFunction,
    *arguments: object,
    host: str = "127.0.0.1",
    listener: socket.socket | None = None,
) -> LoopServer:
    """Start a TCP server that is `function(listener, stop, *arguments)`, on one thread.

    Parameters
    ----------
    function : callable
        Takes a listening socket, already non-blocking, and a socket on which it never reads
        or writes: `stop` becomes readable when it is time to return. What it raises is kept,
        and shown with its traceback when the server stops. When it ends, for whatever reason,
        the listener and the connections that it accepted are closed.
    *arguments : object
        Passed on to it.
    host : str
        The address to listen on, as for `serve_tcp`. The port is one that the kernel chooses.
    listener : socket.socket, optional
        An already listening socket to serve, instead of `host`: of a private host, say. The
        server takes it over; the object passed in is as if closed.

    Raises
    ------
    OSError
        If the address cannot be bound.
    TypeError
        If the function cannot be called, or is a coroutine function.
    """
    if not callable(function) or inspect.iscoroutinefunction(function):
        raise TypeError(
            f"serve_loop needs an ordinary function of (listener, stop), not {function!r}."
        )
    if listener is None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with explained(f"a server on {host}"):
            listener = socket.create_server((host, 0), family=family, backlog=128)
    with explained("an event loop's server"):
        return LoopServer(function, arguments, listener).start()


class LoopServer(Server):
    """One thread, and on it nothing but the learner's own loop. Made by `serve_loop`."""

    kind = "event-loop TCP"

    def __init__(
        self, function: LoopFunction, arguments: tuple[object, ...], listener: socket.socket
    ) -> None:
        remembering = _Listener(listener, self._remember)
        remembering.setblocking(False)
        super().__init__(function, remembering)
        self._arguments = arguments

    @property
    def connections(self) -> list[socket.socket]:
        """The sockets that the function has accepted and not closed."""
        return [conn for conn in super().connections if conn.fileno() >= 0]

    def failure(self, timeout: float = FAILURE_SECONDS) -> BaseException | None:
        """Wait until the function has ended by itself; return what it raised, None if nothing.

        The exception is the caller's from then on: `stop()` does not show it any more.

        Raises
        ------
        TimeoutError
            If the function still runs after `timeout` seconds.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError(f"{self.name} still runs: nothing has ended it in {timeout:g} s.")
        if not self.errors:
            return None
        self._errors_seen -= 1
        return self.errors.pop()

    def _remember(self, conn: socket.socket) -> None:
        with self._lock:
            self._connections = {old for old in self._connections if old.fileno() >= 0} | {conn}

    def _run(self) -> None:
        try:
            self.handler(self.socket, self._wakened, *self._arguments)
        except BaseException as error:
            frames = error.__traceback__
            self._keep_error(error.with_traceback(frames and frames.tb_next))  # without this one
        finally:  # who still waits for an answer learns that none will come
            self.socket.close()
            for conn in self.connections:
                conn.close()

    def _end_connections(self) -> None:
        """As all servers; and a loop that does not look at `stop` meets an error in accept()."""
        super()._end_connections()
        if self._thread is not threading.current_thread():
            self._thread.join(POLITE_SECONDS)
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


class _Listener(socket.socket):
    """A listening socket that tells whom it has accepted."""

    def __init__(self, sock: socket.socket, remember: Callable[[socket.socket], None]) -> None:
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self._tell = remember

    def accept(self) -> tuple[socket.socket, Any]:
        conn, address = super().accept()
        self._tell(conn)
        return conn, address
