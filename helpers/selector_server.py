"""A server with one thread and a selector that never waits for one client: to compare with.

It is the one that notebook 09 builds and mends, without its limit. It never calls sendall; it
asks for room while its outbox is not empty, and only then; a client's reset is its own affair.

>>> import socket
>>> from helpers import serve_loop
>>> with serve_loop(selector_server, bytes.upper) as server:
...     with socket.create_connection(server.address) as client:
...         client.sendall(b"hello")
...         client.recv(100)
b'HELLO'
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections.abc import Callable

MOST = 65536  # bytes that one recv takes


def selector_server(
    listener: socket.socket, stop: socket.socket, reply: Callable[[bytes], bytes]
) -> None:
    """Serve until `stop` is readable. To be run by `serve_loop(selector_server, reply)`.

    Parameters
    ----------
    listener : socket.socket
        Listens, and does not block.
    stop : socket.socket
        Is never read.
    reply : callable
        Takes the bytes that one recv brought (b"" at the end of the client's stream), returns
        those to send back.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(stop, selectors.EVENT_READ)
        while True:
            for key, events in selector.select():
                if key.fileobj is stop:
                    return
                if key.fileobj is listener:
                    with contextlib.suppress(BlockingIOError, ConnectionError):  # it left again
                        conn, _ = listener.accept()
                        conn.setblocking(False)
                        selector.register(conn, selectors.EVENT_READ, Client(conn, reply))
                elif wanted := key.data.turn(events):
                    selector.modify(key.fileobj, wanted, key.data)
                else:
                    selector.unregister(key.fileobj)
                    key.data.conn.close()


class Client:
    """One client, and what is still to be sent to it."""

    def __init__(self, conn: socket.socket, reply: Callable[[bytes], bytes]) -> None:
        self.conn = conn
        self.reply = reply
        self.outbox = bytearray()
        self.ended = False

    def turn(self, events: int) -> int:
        """Receive and send what can be now; return the events to wait for, 0 at the end."""
        try:
            if events & selectors.EVENT_READ:
                with contextlib.suppress(BlockingIOError):
                    data = self.conn.recv(MOST)
                    self.ended = not data
                    self.outbox += self.reply(data)
            with contextlib.suppress(BlockingIOError):
                del self.outbox[: self.conn.send(self.outbox)]
        except ConnectionError:  # reset, or broken pipe
            return 0
        read = 0 if self.ended else selectors.EVENT_READ
        return read | (selectors.EVENT_WRITE if self.outbox else 0)
