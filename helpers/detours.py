"""One detour around the methods of `socket.socket`, for all who want to watch the calls.

While anybody watches, the wanted methods pass through here: they do what they always do,
and the watchers are told before and after, with one time for all of them. The sockets stay
plain sockets. When the last watcher leaves, the class is as it was.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol


class SocketCall(NamedTuple):
    """One call of a method of a socket.

    `time_ns` is when it was called; `result` is what it returned, None before it has and
    if it raised; `done` tells whether it returned without raising.
    """

    name: str
    sock: socket.socket
    args: tuple[Any, ...]
    time_ns: int
    result: Any = None
    done: bool = False


class Watcher(Protocol):
    """Somebody who is told of calls, in the thread that makes them."""

    methods: frozenset[str]

    def before(self, call: SocketCall) -> None: ...

    def after(self, call: SocketCall) -> None: ...


_watchers: list[Watcher] = []
_installed: dict[str, tuple[bool, Any]] = {}
_lock = threading.Lock()


@contextlib.contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Tell `watcher` of the calls of its `methods`, on any socket, while the block runs."""
    with _lock:
        _watchers.append(watcher)
        for name in watcher.methods - _installed.keys():
            original = getattr(socket.socket, name)
            _installed[name] = (name in vars(socket.socket), original)
            setattr(socket.socket, name, _detour(name, original))
    try:
        yield
    finally:
        with _lock:
            _watchers.remove(watcher)
            wanted = frozenset().union(*(other.methods for other in _watchers))
            for name in _installed.keys() - wanted:
                own, original = _installed.pop(name)
                if own:
                    setattr(socket.socket, name, original)
                else:
                    delattr(socket.socket, name)  # it was inherited


def _detour(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def method(sock: socket.socket, *args: Any, **options: Any) -> Any:
        told = [watcher for watcher in _watchers if name in watcher.methods]
        call = SocketCall(name, sock, args, time.time_ns())
        for watcher in told:
            watcher.before(call)
        try:
            result = original(sock, *args, **options)
            call = call._replace(result=result, done=True)
            return result
        finally:
            for watcher in told:
                watcher.after(call)

    return method
