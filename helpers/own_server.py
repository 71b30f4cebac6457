"""Run a server that a learner wrote whole: a function that accepts by itself.

`servers` takes a handler and does the rest; here the function gets the listener. It runs
on a thread, and has to return when `accept()` raises an OSError.

>>> import socket
>>> def greet_all(listener):
...     while True:
...         try:
...             conn, _ = listener.accept()
...         except OSError:
...             return
...         with conn:
...             conn.sendall(b"hello")
>>> with own_server(greet_all) as address:
...     with socket.create_connection(address) as client:
...         client.recv(100)
b'hello'
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from .open_sockets import sockets_of_this_process

PATIENCE = 1.0  # seconds: for the function to return, and again when its clients have gone


@contextlib.contextmanager
def own_server(serve: Callable[[socket.socket], object]) -> Iterator[tuple[str, int]]:
    """Run `serve(listener)` on a thread during the block, which gets the listener's address.

    At the end of the block the listener ends, and the thread is waited for. If it still serves a
    client after a second, that connection is ended, too.

    Raises
    ------
    RuntimeError
        If the function does not return after that. Its thread goes on.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield address
        finally:
            end(listener)
            thread.join(PATIENCE)
            if thread.is_alive():
                _disconnect(address)
                thread.join(PATIENCE)
        if thread.is_alive():
            raise RuntimeError(
                f"{getattr(serve, '__name__', 'The server')} goes on, though its listener has "
                "ended: it has to return when accept() raises an OSError."
            )


def _disconnect(address: tuple[str, int]) -> None:
    """End the connections that were accepted at this address."""
    for sock in sockets_of_this_process():
        with contextlib.suppress(OSError):  # closed, or not connected
            if sock.getsockname() == address and sock.getpeername():
                sock.shutdown(socket.SHUT_RDWR)


def end(listener: socket.socket) -> None:
    """Make `accept()` raise an OSError from now on, in a thread that waits in it, too."""
    try:
        listener.shutdown(socket.SHUT_RDWR)  # on Linux, close() alone would not wake it
    except OSError:
        listener.close()  # systems that cannot shut down a listener: there this wakes it
