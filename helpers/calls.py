"""The socket calls of a block, each with its time and its side: the margin of a ladder.

    with record_calls(server) as calls, capture(server) as packets:
        …
    ladder(packets, calls=calls)

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
from collections.abc import Iterator

from .detours import SocketCall, watching
from .ladders import Call
from .servers import Server

SHOWN = 16  # bytes of data written beside a call

_HOW = {socket.SHUT_RD: "SHUT_RD", socket.SHUT_WR: "SHUT_WR", socket.SHUT_RDWR: "SHUT_RDWR"}


@contextlib.contextmanager
def record_calls(server: Server | int) -> Iterator[list[Call]]:
    """Record the calls on the sockets of one TCP server and its clients in this process.

    Parameters
    ----------
    server : Server or int
        Its port, or the port itself, tells which sockets are meant: those bound to it are the
        server's, those connected to it the client's.

    Yields
    ------
    list of Call
        Filled as calls return, except `connect` and those that send, which are recorded
        when they are called; sorted by time at the end of the block.
    """
    recorder = _Recorder(server if isinstance(server, int) else server.address[1])
    try:
        with watching(recorder):
            yield recorder.calls
    finally:
        recorder.end()


class _Recorder:
    methods = frozenset({"connect", "accept", "send", "sendall", "recv", "shutdown", "close"})

    def __init__(self, port: int) -> None:
        self.calls: list[Call] = []
        self._port = port
        self._lock = threading.Lock()
        self._ended = False
        # A connection that has ended no longer tells who its peer was.
        self._sides: weakref.WeakKeyDictionary[socket.socket, str] = weakref.WeakKeyDictionary()

    def before(self, call: SocketCall) -> None:
        self._find_side(call)  # a closed socket could not be asked any more

    def after(self, call: SocketCall) -> None:
        side = self._sides.get(call.sock)
        if side and call.done:
            # What waits is told when it came back, what acts when it was called.
            waits = call.name in ("recv", "accept")
            told = Call(time.time_ns() if waits else call.time_ns, side, _text(call))
            with self._lock:
                if not self._ended:
                    self.calls.append(told)

    def end(self) -> None:
        """Put the calls in order. A thread that is still within a call comes too late."""
        with self._lock:
            self._ended = True
            self.calls.sort()

    def _find_side(self, call: SocketCall) -> None:
        sock = call.sock
        if sock in self._sides or sock.family not in (socket.AF_INET, socket.AF_INET6):
            return
        with contextlib.suppress(OSError):  # neither bound nor connected
            if sock.getsockname()[1] == self._port:
                self._sides[sock] = "server"
                return
            peer = call.args[0] if call.name == "connect" else sock.getpeername()
            if peer[1] == self._port:
                self._sides[sock] = "client"


def _text(call: SocketCall) -> str:
    if call.name in ("send", "sendall"):
        return f"{call.name}({_data(call.args[0])})"
    if call.name == "recv":
        return f"recv() → {_data(call.result)}"
    return f"shutdown({_HOW[call.args[0]]})" if call.name == "shutdown" else f"{call.name}()"


def _data(data: bytes) -> str:
    shown = bytes(data[:SHOWN])
    return repr(shown) if len(data) <= SHOWN else f"{shown!r}… {len(data):,} bytes"
