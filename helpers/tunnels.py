"""Carry bytes both ways between two connections, and keep what passed: the inside of a proxy.

def proxy(conn):
    with socket.create_connection(address) as far:
        there, back = passed_on(conn, far)
"""

from __future__ import annotations

import contextlib
import selectors
import socket

_CHUNK = 1 << 16


def passed_on(
    near: socket.socket, far: socket.socket, *, keep: int = 1 << 20, patience: float = 60.0
) -> list[bytes]:
    """Carry bytes between two connected sockets until both ways have ended.

    The end of one way is passed on as such (shutdown), and the other way goes on. An error of
    either connection ends both ways.

    Parameters
    ----------
    near, far : socket
        Connected stream sockets. They are not closed.
    keep : int
        Of each way, at most so many bytes are kept.
    patience : float
        Seconds: when for so long nobody says anything, or one of them takes nothing, both ways
        end.

    Returns
    -------
    [bytes, bytes]
        The first bytes from near to far, and from far to near.
    """
    other, ways = {near: far, far: near}, {near: bytearray(), far: bytearray()}
    with contextlib.suppress(OSError), selectors.DefaultSelector() as alive:
        for sock in ways:
            sock.settimeout(patience)
            alive.register(sock, selectors.EVENT_READ, sock)
        while alive.get_map() and (ready := alive.select(patience)):
            for key, _ in ready:
                sock = key.data
                if data := sock.recv(_CHUNK):
                    other[sock].sendall(data)
                    ways[sock] += data[: keep - len(ways[sock])]
                else:
                    alive.unregister(sock)
                    other[sock].shutdown(socket.SHUT_WR)
    return [bytes(way) for way in ways.values()]
