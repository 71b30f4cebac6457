"""Visitors of a service: while it is replaced, and while others are slow on purpose.

def restart(old):
    new = Service(old.listener)  # the same queue: both accept from it
    old.finish()
    return new

visited(restart)  # {'answered': 183}
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .servers import serve_tcp

WORK = 0.02  # seconds that a service needs for each request
VISITORS = 8
BEFORE, AFTER = 0.2, 0.3  # seconds of visits around a restart
TICK = 0.01  # seconds until a service that waits for clients notices that it is to end
SLOW = 4  # workers, and as many clients that keep them
PACE = 0.05  # seconds between two bytes of a slow client
PATIENCE = 5  # seconds that a visitor waits for a connection, and both for what the other says


class Service(threading.Thread):
    """Answers each client of a listener in upper case, after 20 ms of work.

    Attributes
    ----------
    listener : socket.socket
        Where it accepts. It stays open at the end: another service may go on with it.
    """

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(name="service")
        self.listener = listener
        listener.settimeout(TICK)
        self._accepting = True
        self._clients: list[socket.socket] = []
        self.start()

    def run(self) -> None:
        # The end of this block waits for the requests that have begun.
        with ThreadPoolExecutor(2 * VISITORS) as workers:
            while self._accepting:
                with contextlib.suppress(TimeoutError):
                    conn, _ = self.listener.accept()
                    self._clients.append(conn)
                    workers.submit(self._answer, conn)

    def finish(self) -> None:
        """Accept nobody more, answer the requests that have begun, and end."""
        self._accepting = False
        self.join()

    def abort(self) -> None:
        """End now: requests that have begun are cut off."""
        self._accepting = False
        while self.is_alive():  # one may have been accepted just now
            for conn in self._clients:
                with contextlib.suppress(OSError):
                    conn.shutdown(socket.SHUT_RDWR)
            self.join(TICK)

    def _answer(self, conn: socket.socket) -> None:
        with conn, contextlib.suppress(OSError):
            conn.settimeout(PATIENCE)
            request = conn.recv(1024)
            time.sleep(WORK)
            conn.sendall(request.upper())


def visited(restart: Callable[[Service], Service]) -> dict[str, int]:
    """What became of all requests while `restart(old)` replaced a service by another.

    Eight visitors ask again and again for half a second, each time on a new connection.

    Returns
    -------
    dict
        How often each outcome came: "answered", "no answer" (closed without one), or the name
        of an exception.
    """
    outcomes: list[str] = []
    service = Service(socket.create_server(("127.0.0.1", 0)))
    address, until = service.listener.getsockname(), time.monotonic() + BEFORE + AFTER
    visitors = [
        threading.Thread(target=_visit, args=(address, until, outcomes)) for _ in range(VISITORS)
    ]
    for visitor in visitors:
        visitor.start()
    time.sleep(BEFORE)
    try:
        service = restart(service)
    finally:
        for visitor in visitors:
            visitor.join()
        service.finish()
        service.listener.close()
    return dict(sorted(Counter(outcomes).items()))


def _visit(address: tuple[str, int], until: float, outcomes: list[str]) -> None:
    while time.monotonic() < until:
        try:
            with socket.create_connection(address, timeout=PATIENCE) as client:
                client.sendall(b"hello")
                outcomes.append("answered" if client.recv(100) else "no answer")
        except OSError as error:
            outcomes.append(type(error).__name__)
            time.sleep(WORK / 2)


def fifth_client(handler: Callable[[socket.socket], object], patience: float = 1.2) -> float | None:
    """How long, in seconds, a client waits for its answer beside four that are slow on purpose.

    A server of four workers runs `handler(conn)`. Four clients come first and send one byte
    each 50 ms, never the end of a line. The fifth sends a line.

    Returns None if there was no answer for `patience` seconds. An OSError of the handler ends
    its connection, nothing more.
    """

    def guarded(conn: socket.socket) -> None:
        with contextlib.suppress(OSError):
            handler(conn)

    with serve_tcp(guarded, max_connections=SLOW) as server, contextlib.ExitStack() as closing:
        *slow, fifth = (
            closing.enter_context(socket.create_connection(server.address)) for _ in range(SLOW + 1)
        )
        fifth.sendall(b"hello\n")
        began = time.perf_counter()
        while (waited := time.perf_counter() - began) < patience:
            for attacker in slow:
                with contextlib.suppress(OSError):
                    attacker.sendall(b"x")
            if select.select([fifth], [], [], PACE)[0]:
                return waited
    return None


def read_line(conn: socket.socket, limit: Callable[[], float]) -> bytes:
    """Read until the end of a line; before each `recv`, the timeout becomes `limit()` seconds.

    TimeoutError if that is not above 0. ConnectionError if the stream ends before the line.
    """
    data = b""
    while not data.endswith(b"\n"):
        seconds = limit()
        if seconds <= 0:
            raise TimeoutError("the deadline has passed")
        conn.settimeout(seconds)
        part = conn.recv(100)
        if not part:
            raise ConnectionError("the stream ended within a line")
        data += part
    return data
