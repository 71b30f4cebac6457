"""Run your own server in a process of its own, where it has a GIL of its own.

    def sequential(listener):
        while True:
            conn, _ = listener.accept()
            with conn:
                echo(conn)

    with serve_process(sequential) as server:
        with socket.create_connection(server.address) as client:
            ...

A server on a thread of the notebook shares the kernel's GIL with all that runs there. That
is good for looking at it, and wrong for measuring how it does under load.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any, Self

from . import lifetimes
from .child_process import ChildProcess, Ended
from .shipping import source_of

BACKLOG = 4096  # the most that Linux grants by default: net.core.somaxconn

# A client that left before it had its answer is no fault of the server's.
_CLIENTS_THAT_LEFT = ("ConnectionResetError", "BrokenPipeError", "ConnectionAbortedError")


class ServerProcess:
    """A running server in a process of its own. Made by `serve_process`.

    Attributes
    ----------
    name : str
        The name of the function or class that serves.
    address : tuple
        (host, port): what a client connects to.
    """

    def __init__(
        self,
        function: str,
        source: str,
        *,
        name: str = "",
        host: str = "127.0.0.1",
        backlog: int = BACKLOG,
    ) -> None:
        """Start `function`, which `source` defines; `name` is what the server is called."""
        import psutil

        self.name = name or function
        self._child = ChildProcess("server_process")
        try:
            self._child.tell(source=source, name=function, host=host, backlog=backlog)
            self.address: tuple[str, int] = tuple(self._child.hear()["address"])
            self._process = psutil.Process(self._child.process.pid)
            # Before its first client: this much any Python takes, and two threads, of which
            # one waits for the notebook to end.
            self._memory_before, self._threads_before = self._memory(), self._threads() - 1
        except BaseException:
            self._child.stop()
            raise
        lifetimes.remember(self, self.stop, repr(self))

    def memory(self) -> int:
        """Bytes of memory that the server and its processes have taken since it started.

        What is private to them (psutil's USS), or all that is resident where the system does
        not tell. What the kernel keeps for sockets, threads and processes is not in it.
        """
        return max(0, self._memory() - self._memory_before)

    def threads(self) -> int:
        """How many threads run in the server and its processes."""
        return self._threads() - self._threads_before

    def processes(self) -> int:
        """How many processes serve."""
        return len(self._family())

    def alive(self) -> bool:
        """Whether it has not ended by itself."""
        return self._child.process.poll() is None

    def last_words(self) -> str:
        """The last line that it wrote to its standard error; "" if there is none."""
        return (self._child.said().splitlines() or [""])[-1]

    def stop(self, quiet: bool = False) -> None:
        """End the process and all it has started; show what it complained of, unless `quiet`.

        May be called again.
        """
        lifetimes.forget(self)
        said = self._child.stop()
        errors = re.findall(r"^(\w+(?:Error|Exception|Interrupt))\b", said, re.MULTILINE)
        if said and not quiet and not (errors and set(errors) <= set(_CLIENTS_THAT_LEFT)):
            print(f"{self.name}, in a process of its own, wrote:\n{said}", file=sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        host, port = self.address
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return f"{self.name}: a server on {where}, in process {self._child.process.pid}"

    def _family(self) -> list[Any]:
        import psutil

        try:
            return [self._process, *self._process.children(recursive=True)]
        except psutil.Error:  # it has ended
            return []

    def _memory(self) -> int:
        import psutil

        total = 0
        for process in self._family():
            try:
                total += process.memory_full_info().uss
            except psutil.NoSuchProcess:
                continue
            except psutil.AccessDenied:
                total += process.memory_info().rss
        return total

    def _threads(self) -> int:
        import psutil

        total = 0
        for process in self._family():
            try:
                total += process.num_threads()
            except psutil.NoSuchProcess:
                continue
        return total


def serve_process(
    model: Callable[..., Any], *, host: str = "127.0.0.1", backlog: int = BACKLOG
) -> ServerProcess:
    """Start `model(listener)` in a process of its own, and give it a listening TCP socket.

    The function is sent there as source, with the functions, values and imports of the
    notebook that it uses. Sockets that it accepts have Nagle's algorithm switched off.

    Parameters
    ----------
    model : callable
        Takes a listening `socket.socket`, accepts its clients and serves them, for ever.
    host : str
        The address to listen on.
    backlog : int
        Connections that the kernel keeps until they are accepted: listen(2).

    Raises
    ------
    TypeError
        If the function cannot be sent.
    OSError
        If it did not start; the message is the last line of its traceback.
    """
    return ServerProcess(model.__name__, source_of(model), host=host, backlog=backlog)


__all__ = ["Ended", "ServerProcess", "serve_process"]
