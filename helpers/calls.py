"""The socket calls of a block, each with its time and its side: the margin of a ladder.

    with record_calls(server) as calls, capture(server) as packets:
        …
    ladder(packets, calls=calls)

While the block runs, the methods of `socket.socket` take a detour through this module.
The sockets stay plain sockets, and the methods do what they always do.

>>> import socket
>>> from helpers.servers import echo, serve_tcp
>>> with serve_tcp(echo) as server, record_calls(server) as calls:
...     with socket.create_connection(server.address) as client:
...         client.sendall(b"hello")
...         client.recv(100)
b'hello'
>>> [call.text for call in calls if call.side == "client"]
['connect()', "sendall(b'hello')", "recv() → b'hello'", 'close()']
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from .ladders import Call
from .servers import Server

SHOWN = 16  # bytes of data written beside a call

_HOW = {socket.SHUT_RD: "SHUT_RD", socket.SHUT_WR: "SHUT_WR", socket.SHUT_RDWR: "SHUT_RDWR"}
_CALLS = ("connect", "accept", "send", "sendall", "recv", "shutdown", "close")


@contextlib.contextmanager
def record_calls(server: Server) -> Iterator[list[Call]]:
    """Record the calls on the sockets of one TCP server and its clients in this process.

    Parameters
    ----------
    server : Server
        Its port tells which sockets are meant: those bound to it are the server's, those
        connected to it the client's.

    Yields
    ------
    list of Call
        Filled as calls return, except `connect` and those that send, which are recorded
        when they are called; sorted by time at the end of the block.
    """
    recorder = _Recorder(server.address[1])
    own = {name for name in _CALLS if name in vars(socket.socket)}
    originals = {name: getattr(socket.socket, name) for name in _CALLS}
    for name, original in originals.items():
        setattr(socket.socket, name, recorder.detour(name, original))
    try:
        yield recorder.calls
    finally:
        for name, original in originals.items():
            if name in own:
                setattr(socket.socket, name, original)
            else:
                delattr(socket.socket, name)  # it was inherited
        recorder.end()


class _Recorder:
    def __init__(self, port: int) -> None:
        self.calls: list[Call] = []
        self._port = port
        self._lock = threading.Lock()
        self._ended = False
        # A connection that has ended no longer tells who its peer was.
        self._sides: weakref.WeakKeyDictionary[socket.socket, str] = weakref.WeakKeyDictionary()
        self._inside = threading.local()  # one method may be built on another

    def detour(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def method(sock: socket.socket, *args: Any) -> Any:
            if getattr(self._inside, "call", False):
                return original(sock, *args)
            side = self._side(sock, args[0] if name == "connect" else None)
            called = time.time_ns()
            self._inside.call = True
            try:
                result = original(sock, *args)
            finally:
                self._inside.call = False
            if side:
                # What waits is told when it came back, what acts when it was called.
                at = time.time_ns() if name in ("recv", "accept") else called
                self._keep(Call(at, side, _text(name, args, result)))
            return result

        return method

    def _keep(self, call: Call) -> None:
        with self._lock:
            if not self._ended:
                self.calls.append(call)

    def end(self) -> None:
        """Put the calls in order. A thread that is still within a call comes too late."""
        with self._lock:
            self._ended = True
            self.calls.sort()

    def _side(self, sock: socket.socket, target: Any) -> str:
        if sock not in self._sides and sock.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError):  # neither bound nor connected
                if sock.getsockname()[1] == self._port:
                    self._sides[sock] = "server"
                elif (target or sock.getpeername())[1] == self._port:
                    self._sides[sock] = "client"
        return self._sides.get(sock, "")


def _text(name: str, args: tuple[Any, ...], result: Any) -> str:
    if name in ("send", "sendall"):
        return f"{name}({_data(args[0])})"
    if name == "recv":
        return f"recv() → {_data(result)}"
    return f"shutdown({_HOW[args[0]]})" if name == "shutdown" else f"{name}()"


def _data(data: bytes) -> str:
    shown = bytes(data[:SHOWN])
    return repr(shown) if len(data) <= SHOWN else f"{shown!r}… {len(data):,} bytes"
