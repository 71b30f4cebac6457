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

import contextlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from . import lifetimes
from .child_process import ChildProcess, Ended
from .shipping import source_of

BACKLOG = 4096  # the most that Linux grants by default: net.core.somaxconn
OUR_THREADS = 1  # in the server's process: it waits for the notebook to end
SAMPLE = 100  # child processes whose memory is measured, or up to twice as many
END_SECONDS = 12.0  # that all processes of a large family may take to end

_ERROR = re.compile(r"^(?:\w+\.)*(\w+(?:Error|Exception|Interrupt))\b.*", re.MULTILINE)
# A client that left before it had its answer is no fault of the server's.
_CLIENTS_THAT_LEFT = ("ConnectionResetError", "BrokenPipeError", "ConnectionAbortedError")


@dataclass(frozen=True)
class Footprint:
    """What a server takes.

    Attributes
    ----------
    memory : int
        Bytes that the server and its processes have taken since it started: what is private to
        them (psutil's USS), or all that is resident where the system does not tell. Of very many
        processes it is measured in every nth, for at least 100 of them, and multiplied. What the
        kernel keeps for sockets, threads and processes is not in it.
    threads, processes : int
        What runs.
    """

    memory: int
    threads: int
    processes: int


class ServerProcess:
    """A running server in a process of its own. Made by `serve_process`.

    Attributes
    ----------
    name : str
        The name of the function or class that serves.
    address : tuple
        (host, port): what a client connects to.
    pid : int
        The number of its process.
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
            self.pid = self._child.process.pid
            self._process = psutil.Process(self.pid)
            self._memory_before, *_ = self._taken()  # this much any Python takes
        except BaseException:
            self._child.stop()
            raise
        lifetimes.remember(self, self.stop, repr(self))

    def footprint(self) -> Footprint:
        """What the server takes now."""
        memory, threads, processes = self._taken()
        return Footprint(max(0, memory - self._memory_before), threads - OUR_THREADS, processes)

    def alive(self) -> bool:
        """Whether it has not ended by itself."""
        return self._child.running()

    def last_error(self) -> str:
        """The last line of the last traceback that it wrote; "" if there is none."""
        lines = [match.group() for match in _ERROR.finditer(self._child.said())]
        return lines[-1] if lines else ""

    def stop(self, quiet: bool = False) -> None:
        """End the process and all it has started; show what it complained of, unless `quiet`.

        May be called again.
        """
        lifetimes.forget(self)
        if self.alive():
            self._child.end(END_SECONDS)
        said = self._child.stop()
        errors = [match[1] for match in _ERROR.finditer(said)]
        if said and not quiet and not (errors and set(errors) <= set(_CLIENTS_THAT_LEFT)):
            print(f"{self.name}, in a process of its own, wrote:\n{said}", file=sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        host, port = self.address
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return f"{self.name}: a server on {where}, in process {self.pid}"

    def _taken(self) -> tuple[int, int, int]:
        """Bytes, threads and processes, of the server and all that it has forked."""
        import psutil

        try:
            children = self._process.children(recursive=True)
            memory, threads = _private(self._process), self._process.num_threads()
        except psutil.Error:  # it has ended
            return 0, OUR_THREADS, 0
        # To ask each of thousands takes seconds; forks of one process hardly differ.
        sample = children[:: max(1, len(children) // SAMPLE)]
        told = []
        for child in sample:
            with contextlib.suppress(psutil.NoSuchProcess):
                told.append((_private(child), child.num_threads()))
        scale = len(children) / max(1, len(told))
        memory += round(scale * sum(size for size, _ in told))
        threads += round(scale * sum(many for _, many in told))
        return memory, threads, 1 + len(children)


def _private(process: Any) -> int:
    """Bytes that a process shares with no other; all it has where the system does not tell."""
    import psutil

    try:
        return int(process.memory_full_info().uss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)


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


__all__ = ["Ended", "Footprint", "ServerProcess", "serve_process"]
