"""Run your own handler as a server, on background threads of this very kernel.

The handler gets a plain socket and does plain socket calls. Everything around it is
here: the listening socket, a thread for each connection, and an end that leaves
nothing behind.

>>> import socket
>>> def greet(conn):
...     conn.sendall(b"hello\\n")
>>> with serve_tcp(greet) as server:
...     with socket.create_connection(server.address) as client:
...         client.recv(100)
b'hello\\n'

Leave out the `with` to keep a server for the following cells, and call `server.stop()`
when it is no longer needed. Running a cell again stops what that cell had started.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .asyncio_server import AsyncHandler, AsyncioServer
from .own_folders import own_folder
from .plain_errors import explained
from .server_threads import DatagramServer, Server, StreamServer

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = [
    "Server",
    "discard",
    "echo",
    "serve_asyncio",
    "serve_tcp",
    "serve_udp",
    "serve_unix",
]


def serve_tcp(
    handler: Callable[[socket.socket], object],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    backlog: int = 128,
    max_connections: int = 128,
    listener: socket.socket | None = None,
) -> Server:
    """Start a TCP server that runs `handler(conn)` on a thread of its own for each connection.

    The connection is closed when the handler returns.

    Parameters
    ----------
    handler : callable
        Takes one connected `socket.socket`. What it raises is kept, shown with its
        traceback when the server stops, and does not end the server.
    host : str
        The address to listen on. Loopback unless told otherwise; "::1" for IPv6.
    port : int
        0 lets the kernel choose a free one: see `server.address`.
    backlog : int
        Connections that the kernel completes and keeps until they are accepted: listen(2).
    max_connections : int
        At most so many handlers at once. Further clients wait in the backlog.
    listener : socket.socket, optional
        An already listening socket to serve, instead of `host`, `port` and `backlog`.

    Returns
    -------
    Server
        Already running. Its `address` can be connected to.

    Raises
    ------
    OSError
        If the address cannot be bound, or there is no descriptor left; with a sentence that says
        what to do.
    RuntimeError
        If the system has no more threads.
    TypeError, ValueError
        If the handler cannot be called, or a number makes no sense.
    """
    with explained(_what(host, port)):
        if listener is None:
            listener = _listen(host, port, backlog)
        return StreamServer(handler, listener, max_connections).start()


def serve_unix(
    handler: Callable[[socket.socket], object],
    *,
    path: str | os.PathLike[str] | None = None,
    backlog: int = 128,
    max_connections: int = 128,
) -> Server:
    """Start a server on a Unix stream socket: as `serve_tcp`, its address is a path (unix(7)).

    Without `path`, a new private folder holds it and is removed at stop. A path must not
    exist yet; it is removed at stop.

    Raises OSError where the platform's Python has no Unix sockets (Windows).
    """
    if not hasattr(socket, "AF_UNIX"):
        raise OSError("This platform's Python has no Unix sockets (AF_UNIX).")
    with explained("a server on a Unix socket"), contextlib.ExitStack() as undo:
        folder = None if path else own_folder()
        undo.callback(shutil.rmtree, folder or "", ignore_errors=True)
        path = str(path or Path(str(folder), "server.sock"))
        listener = undo.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        listener.bind(path)
        undo.callback(Path(path).unlink, missing_ok=True)
        listener.listen(backlog)
        server = StreamServer(handler, listener, max_connections)
        server.paths = [folder or path]
        server.start()
        undo.pop_all()
        return server


def serve_udp(
    handler: Callable[[socket.socket], object],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
) -> Server:
    """Start a UDP server: `handler(sock)` is called whenever a datagram is waiting.

    The handler reads one datagram from the bound socket and may answer it:

    >>> def shout(sock):
    ...     data, address = sock.recvfrom(2048)
    ...     sock.sendto(data.upper(), address)

    One thread handles all datagrams, in the order in which they arrive. Parameters,
    result and errors as for `serve_tcp`.
    """
    with explained(_what(host, port)):
        sock = socket.socket(_family(host), socket.SOCK_DGRAM)
        try:
            sock.bind((host, port))
        except BaseException:
            sock.close()
            raise
        return DatagramServer(handler, sock).start()


def serve_asyncio(
    handler: AsyncHandler,
    *,
    host: str | Sequence[str] = "127.0.0.1",
    port: int = 0,
    backlog: int = 128,
    max_connections: int = 10_000,
    listener: socket.socket | None = None,
    tls: SSLContext | None = None,
) -> AsyncioServer:
    """Start a TCP server that runs the coroutine `handler(reader, writer)` for each connection.

    All of them share one event loop, on one background thread: the notebook's own loop is
    left alone. The writer is closed when the handler returns. Parameters, result and errors
    as for `serve_tcp`, and:

    Parameters
    ----------
    host : str or sequence of str
        One address to listen on, or several, at the same port: `server.addresses`.
    tls : ssl.SSLContext, optional
        Speak TLS, with this context of a server. Who fails in the handshake is dropped.
    """
    hosts = [host] if isinstance(host, str) else list(host)
    with explained(_what(", ".join(hosts), port)):
        listeners = [listener] if listener else _listen_on(hosts, port, backlog)
        return AsyncioServer(handler, listeners, max_connections, tls).start()


def echo(conn: socket.socket) -> None:
    """Send back whatever arrives, until the client has sent all (RFC 862)."""
    while data := conn.recv(65536):
        conn.sendall(data)


def discard(conn: socket.socket) -> None:
    """Read everything and throw it away (RFC 863).

    It takes 1 MiB of memory for each connection.
    """
    buffer = bytearray(1 << 20)
    # MSG_WAITALL, recv(2): come back when the buffer is full, or at the end of the stream, and not
    # for each piece that arrives. To come back a thread needs the GIL, and here the sender is
    # often another thread of the same Python. (A TLS socket takes no flags.)
    flags = socket.MSG_WAITALL if type(conn) is socket.socket else 0
    while conn.recv_into(buffer, 0, flags):
        pass


def _what(host: str, port: int) -> str:
    return f"a server on {host}, port {port or 'any'}"


def _listen(host: str, port: int, backlog: int) -> socket.socket:
    if backlog < 0:
        raise ValueError(f"backlog must not be negative, got {backlog}")
    return socket.create_server((host, port), family=_family(host), backlog=backlog)


def _listen_on(hosts: list[str], port: int, backlog: int) -> list[socket.socket]:
    """A listener for each host, all at one port; where the kernel chooses it, free on all."""
    for tries_left in reversed(range(20)):
        listeners: list[socket.socket] = []
        try:
            for host in hosts:
                same = listeners[0].getsockname()[1] if listeners else port
                listeners.append(_listen(host, same, backlog))
            return listeners
        except BaseException as error:
            for listener in listeners:
                listener.close()
            taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            if port or not taken or not tries_left:
                raise
    raise AssertionError("unreachable")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
