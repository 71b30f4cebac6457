"""The machinery of a server: its threads, its connections, its end.

`helpers.servers` is the door to it. A server is one of these kinds: a thread for each
connection, one thread for all datagrams, or an event loop on one thread (`asyncio_server`,
`loop_servers`).
"""

from __future__ import annotations

import contextlib
import inspect
import os
import selectors
import shutil
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from . import lifetimes
from .open_sockets import Connection, connection_of, heirs
from .tracebacks import traceback_without
from .undisturbed import undisturbed

STOP_SECONDS = 1.0
KEPT_ERRORS = 100
_MACHINERY = ("server_threads", "asyncio_server")


class Server:
    """A running server: an address, its connections, what its handlers raised, and `stop()`.

    Attributes
    ----------
    name : str
        The handler's name.
    kind : str
        "TCP", "UDP", "Unix" or "asyncio TCP".
    address : tuple or str
        What a client connects to: (host, port), or the path of a Unix socket.
    errors : list of BaseException
        What handlers raised, oldest first; the first 100 of them.
    """

    kind = "TCP"

    def __init__(self, handler: Callable[..., Any], sock: socket.socket) -> None:
        self.name = getattr(handler, "__name__", type(handler).__name__)
        self.handler = handler
        self.socket = sock
        self.address: Any = connectable(sock.getsockname())
        self.errors: list[BaseException] = []
        self._errors_seen = 0
        self._connections: set[socket.socket] = set()
        self._workers: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._stopped = False
        self.paths: list[str] = []
        self._closing = contextlib.ExitStack()
        self._closing.callback(sock.close)
        try:
            self._waker, self._wakened = map(self._closing.enter_context, socket.socketpair())
            self._prepare()
        except BaseException:  # no descriptor is left, most likely
            self._closing.close()
            raise
        self._waker.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=f"{self.name} server", daemon=True)

    @property
    def connections(self) -> list[socket.socket]:
        """The sockets that handlers hold at this moment (for UDP, the one socket)."""
        with self._lock:
            return list(self._connections)

    @undisturbed()
    def stop(self) -> None:
        """End the server: within a second no thread, connection or socket of it is left.

        Connections still open are shut down, so that a handler that waits for its client
        sees the end of the stream. Then the exceptions of handlers, if any, are shown.
        May be called again.
        """
        if self._stopped:
            return
        self._stopped = True
        self._stopping.set()
        deadline = time.monotonic() + STOP_SECONDS
        self._wake()
        self._end_connections()
        # The server's own thread first: after its end no connection is added.
        _joined(self._thread, deadline)
        self._end_connections()
        threads = [self._thread, *self._workers]
        lingering = [thread for thread in threads if not _joined(thread, deadline)]
        for sock in self.connections:
            sock.close()
        self._closing.close()
        for path in self.paths:
            shutil.rmtree(path) if os.path.isdir(path) else Path(path).unlink(missing_ok=True)
        lifetimes.forget(self)
        self._show_errors()
        if lingering:
            print(
                f"{self!r}: a handler did not end within {STOP_SECONDS:g} s of stop(). It waits "
                "for something other than its connection; its thread is left behind.",
                file=sys.stderr,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        where = self.address
        if isinstance(where, tuple):
            where = f"[{where[0]}]:{where[1]}" if ":" in where[0] else f"{where[0]}:{where[1]}"
        state = "stopped" if self._stopped else "running on a thread of this process"
        return f"{self.name}: {self.kind} server on {where}, {state}"

    # What the kinds of server have in common.

    def _prepare(self) -> None:
        """Take the descriptors that the thread will need: where there are none, nothing starts."""

    def _run(self) -> None:
        raise NotImplementedError

    def start(self) -> Self:
        """Start the thread; done already for what the `serve_` functions return."""
        try:
            with undisturbed():
                self._thread.start()
                lifetimes.remember(self, self.stop, repr(self))
        except RuntimeError:  # the system has no more threads
            self._closing.close()
            raise
        except BaseException:  # an interrupt
            self.stop()
            raise
        return self

    def _end_connections(self) -> None:
        for conn in self.connections:
            with contextlib.suppress(OSError):  # it may have ended by itself meanwhile
                conn.shutdown(socket.SHUT_RDWR)

    def _wake(self) -> None:
        # A full pipe wakes just as well; a closed one belongs to a server that has ended.
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def _keep_error(self, error: BaseException) -> None:
        """Keep what a handler raised, unless it is only the echo of our own stop()."""
        if self._stopping.is_set() and isinstance(error, OSError):
            return
        with self._lock:
            self._errors_seen += 1
            if len(self.errors) < KEPT_ERRORS:
                self.errors.append(error)

    def _show_errors(self) -> None:
        ours = inspect.getfile(type(self))
        kinds = Counter(traceback_without(ours, error) for error in self.errors)
        for text, count in kinds.items():
            times = "once" if count == 1 else f"{count} times"
            print(
                f"{self.name} ({self.kind} server): its handler raised, {times}:", file=sys.stderr
            )
            print(text, file=sys.stderr)
        if self._errors_seen > len(self.errors):
            print(f"… and {self._errors_seen - len(self.errors)} more.", file=sys.stderr)


class StreamServer(Server):
    """A thread that accepts, and a thread for each connection."""

    def __init__(
        self, handler: Callable[..., Any], listener: socket.socket, max_connections: int
    ) -> None:
        check_handler(handler, listener, wants_coroutine=False)
        check_bound(max_connections, listener)
        listener.setblocking(False)  # a client may be gone again before we accept it
        self.max_connections = max_connections
        if not isinstance(listener.getsockname(), tuple):
            self.kind = "Unix"
        self._accepted: dict[socket.socket, Connection | None] = {}
        super().__init__(handler, listener)

    def _prepare(self) -> None:
        self._full, self._free = (
            self._closing.enter_context(selectors.DefaultSelector()) for _ in range(2)
        )
        self._full.register(self._wakened, selectors.EVENT_READ)
        self._free.register(self._wakened, selectors.EVENT_READ)
        self._free.register(self.socket, selectors.EVENT_READ)

    def _run(self) -> None:
        while not self._stopping.is_set():
            at_bound = len(self.connections) >= self.max_connections
            for key, _ in (self._full if at_bound else self._free).select():
                if key.fileobj is self.socket:
                    self._accept()
                else:
                    self._wakened.recv(4096)

    def _accept(self) -> None:
        try:
            conn, _ = self.socket.accept()
        except BlockingIOError:  # the client gave up before we came to accept it
            return
        except OSError as error:  # most likely no descriptor is left (EMFILE)
            self._keep_error(error)
            self._stopping.wait(0.05)  # the listener stays readable: do not spin
            return
        conn.setblocking(True)  # not every platform resets what the listener had
        worker = threading.Thread(
            target=self._serve, args=(conn,), name=f"{self.name} connection", daemon=True
        )
        with self._lock:
            self._connections.add(conn)
            self._accepted[conn] = connection_of(conn)
        try:
            worker.start()
        except RuntimeError as error:  # the system has no more threads: this client has to go
            self._keep_error(error)
            self._forget(conn)
            conn.close()
            self._stopping.wait(0.05)
            return
        self._workers = [*filter(threading.Thread.is_alive, self._workers), worker]

    def _serve(self, conn: socket.socket) -> None:
        try:
            with conn:
                self.handler(conn)
        except BaseException as error:  # exit() in a handler must not pass unseen either
            self._keep_error(error)
        finally:
            self._forget(conn)
            self._wake()

    def _forget(self, conn: socket.socket) -> None:
        with self._lock:
            self._connections.remove(conn)
            del self._accepted[conn]

    def _end_connections(self) -> None:
        """As all servers; and where a handler speaks TLS, it has the connection in a new socket."""
        super()._end_connections()
        with self._lock:
            gone = [known for conn, known in self._accepted.items() if conn.fileno() < 0]
        for sock in heirs(gone):
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown(), which would take TLS from under its reader.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


class DatagramServer(Server):
    """One thread, which calls the handler for each datagram."""

    kind = "UDP"

    def __init__(self, handler: Callable[..., Any], sock: socket.socket) -> None:
        check_handler(handler, sock, wants_coroutine=False)
        super().__init__(handler, sock)
        self._connections.add(sock)

    def _prepare(self) -> None:
        self._selector = self._closing.enter_context(selectors.DefaultSelector())
        self._selector.register(self.socket, selectors.EVENT_READ)
        self._selector.register(self._wakened, selectors.EVENT_READ)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():  # a handler may have stopped its own server
            self._selector.select()
            if self._stopping.is_set():
                return
            try:
                self.handler(self.socket)
                failures = 0
            except BaseException as error:
                # stop() may wake a handler inside recvfrom(), which then has no address.
                if not self._stopping.is_set():
                    self._keep_error(error)
                failures += 1
                if failures > 1:
                    self._drop_one()

    def _drop_one(self) -> None:
        """Throw away the waiting datagram.

        A handler that fails before it has read would otherwise meet the same datagram for ever.
        """
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            self.socket.recv(1)
        self.socket.setblocking(True)


def check_handler(handler: object, sock: socket.socket, *, wants_coroutine: bool) -> None:
    """TypeError if this handler is not of the kind that this server needs."""
    problem = ""
    if not callable(handler):
        problem = f"A handler is a function of one connection, not {handler!r}."
    elif inspect.iscoroutinefunction(handler) != wants_coroutine:
        problem = (
            "serve_asyncio needs a coroutine function: async def handler(reader, writer)."
            if wants_coroutine
            else "This handler is a coroutine function: serve it with serve_asyncio."
        )
    if problem:
        sock.close()
        raise TypeError(problem)


def check_bound(max_connections: int, listener: socket.socket) -> None:
    """ValueError if nobody could ever be served."""
    if max_connections < 1:
        listener.close()
        raise ValueError(f"max_connections must be at least 1, got {max_connections}")


def _joined(thread: threading.Thread, deadline: float) -> bool:
    if thread is threading.current_thread():  # a handler that stops its own server
        return True
    thread.join(max(0.0, deadline - time.monotonic()))
    return not thread.is_alive()


def connectable(name: Any) -> Any:
    """IPv6 names have four parts, of which `create_connection` takes only two."""
    return name[:2] if isinstance(name, tuple) else name
