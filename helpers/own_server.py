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


@contextlib.contextmanager
def own_server(serve: Callable[[socket.socket], object]) -> Iterator[tuple[str, int]]:
    """Run `serve(listener)` on a thread during the block, which gets the listener's address.

    At the end of the block the listener ends, and the thread is waited for.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            end(listener)
            thread.join()


def end(listener: socket.socket) -> None:
    """Make `accept()` raise an OSError from now on, in a thread that waits in it, too."""
    try:
        listener.shutdown(socket.SHUT_RDWR)  # on Linux, close() alone would not wake it
    except OSError:
        listener.close()  # systems that cannot shut down a listener: there this wakes it
