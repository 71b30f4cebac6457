"""A slow link in user space: whatever goes through it arrives later. No privilege needed.

It stands between a client and a server on loopback and carries the bytes of their TCP
connections. It delays a stream, as distance does. It does not carry packets: each side
has a connection of its own with the link, so it cannot lose a segment.

>>> from helpers.servers import echo, serve_tcp
>>> with serve_tcp(echo) as server, Link(server.address, delay=0.01) as link:
...     with socket.create_connection(link.address) as client:
...         client.sendall(b"far away")
...         client.recv(100)  # 20 ms later
b'far away'
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from typing import Any, Self

from .servers import serve_tcp

CHUNK = 65536
QUEUE_CHUNKS = 64  # then the sender is made to wait, as by any full buffer


class Link:
    """Carries TCP connections to a server and delays both directions.

    Parameters
    ----------
    to : tuple
        The server's address: (host, port).
    delay : float
        Seconds from one end to the other. A round trip takes twice as long.

    Attributes
    ----------
    address : tuple
        Connect here instead of to the server.

    Raises
    ------
    ValueError
        If the delay is negative.
    """

    def __init__(self, to: tuple[Any, ...], *, delay: float) -> None:
        if delay < 0:
            raise ValueError(f"A delay cannot be negative; got {delay} s.")
        self._to = to
        self.delay = delay

    def __enter__(self) -> Self:
        self._server = serve_tcp(self._carry)
        self.address = self._server.address
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.stop()

    def _carry(self, near: socket.socket) -> None:
        with socket.create_connection(self._to) as far:
            for sock in (near, far):  # the link itself must not wait for more to send
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=self._forward, args=(far, near), daemon=True)
            back.start()
            self._forward(near, far)
            back.join()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        """Carry one direction until its end, then end it at the other side too."""
        on_the_way: queue.Queue[tuple[float, bytes]] = queue.Queue(QUEUE_CHUNKS)
        deliver = threading.Thread(target=_deliver, args=(on_the_way, sink), daemon=True)
        deliver.start()
        data = b"?"
        while data:
            try:
                data = source.recv(CHUNK)
            except OSError:  # reset: for the other side, too, this is the end
                data = b""
            on_the_way.put((time.monotonic() + self.delay, data))
        deliver.join()


def _deliver(on_the_way: queue.Queue[tuple[float, bytes]], sink: socket.socket) -> None:
    broken = False
    while True:
        due, data = on_the_way.get()
        time.sleep(max(0.0, due - time.monotonic()))
        try:
            if not data:
                sink.shutdown(socket.SHUT_WR)
            elif not broken:
                sink.sendall(data)
        except OSError:  # nobody listens any more: keep emptying the queue until the end
            broken = True
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR)
        if not data:
            return
