"""The sockets that are open in this process, and which of them took over another's descriptor.

`ssl` wraps a socket by making a new object of the same descriptor; the one that was wrapped is
as if closed (`socket.detach`). Who keeps the old one, and wants the connection, looks here:

>>> import socket
>>> old, other = socket.socketpair()
>>> known = connection_of(old)
>>> new = socket.socket(fileno=old.detach())
>>> heirs([known]) == [new]
True
>>> new.close(), other.close()
(None, None)
"""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterable
from typing import Any, NamedTuple


class Connection(NamedTuple):
    """What a connection is known by: its descriptor alone may be that of another one by now."""

    descriptor: int
    local: Any
    remote: Any


def connection_of(sock: socket.socket) -> Connection | None:
    """What a socket's connection is known by; None if it has none (any more)."""
    try:
        return Connection(sock.fileno(), sock.getsockname(), sock.getpeername())
    except OSError:
        return None


def heirs(known: Iterable[Connection | None]) -> list[socket.socket]:
    """The sockets that hold these connections now, whatever object held them before."""
    wanted = {each for each in known if each is not None}
    if not wanted:
        return []
    return [sock for sock in sockets_of_this_process() if connection_of(sock) in wanted]


def sockets_of_this_process() -> list[socket.socket]:
    """Every socket object there is, open or closed."""
    # type(), not isinstance(): that would wake lazy objects that pretend to be something else.
    return [thing for thing in gc.get_objects() if issubclass(type(thing), socket.socket)]
