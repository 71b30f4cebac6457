"""A crowd of clients for a server: from a process of their own, in an open loop.

    with crowd(server.address, 1000) as clients:
        samples = clients.ask(rate=2000, seconds=1, label="1,000 clients")

An open loop asks at its own times, whether or not the last answer has come: as users do, who
do not know of each other. Each answer is timed from the moment when its request was due, so
a server that stands still for a second has a thousand slow answers, and not one.
"""

from __future__ import annotations

import base64
import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from . import lifetimes
from .child_process import ChildProcess
from .file_limit import room_for
from .measure import Latency
from .progress_bars import PERCENT, progress_bar
from .units import format_time

RATE = 2000  # requests a second: well below what any of the course's servers can do
SECONDS = 0.2
LONG = 0.5  # seconds: from so long on, an open loop shows its progress
OPENING = 60.0  # seconds that clients may take to connect
AT_ONCE = 100  # clients that ask without a pause, to find the most that a server can answer


@dataclass(frozen=True)
class Responses(Latency):
    """The answers of one open loop. As `Latency`, and what else there is to know.

    Attributes
    ----------
    rate : float
        Requests a second, on average.
    unanswered : int
        Requests without an answer. They are in no percentile of `Latency`.
    late : float
        p99 of how late, in seconds, the load generator itself sent a request. It is part of
        the samples.
    """

    rate: float = 0
    unanswered: int = 0
    late: float = 0

    def within(self, p: float) -> float:
        """The time, in seconds, within which `p` percent of all requests were answered.

        Infinite if so many were not.
        """
        total = len(self.nanoseconds) + self.unanswered
        rank = max(1, math.ceil(round(p / 100 * total, 6)))
        return self.ordered[rank - 1] / 1e9 if rank <= len(self.ordered) else math.inf

    def _loop(self) -> str:
        count = len(self.nanoseconds) + self.unanswered
        told = f"{count:,} requests in an open loop, {self.rate:,.0f} a second"
        if self.unanswered:
            told += f", {self.unanswered:,} of them not answered"
        return f"{told}; sent up to {format_time(self.late)} late (p99)"


class Crowd:
    """Many open connections to one server, held by another process. Made by `crowd`.

    Attributes
    ----------
    clients : int
        How many there are.
    open : int
        How many of them have a connection. Fewer than there are if the backlog of a server that
        does not accept them is full.
    served : int
        Clients that had an answer to their first request.
    seconds : float
        How long the last of them took to connect and to be answered once.
    failed : str
        Why there are no more clients; "" if there are as many as were asked for.
    """

    def __init__(self, address: Any) -> None:
        self.clients = self.open = self.served = 0
        self.seconds = 0.0
        self.failed = ""
        self._address = list(address)
        self._child = ChildProcess("load_process")
        lifetimes.remember(self, self.end, repr(self))

    def grow(
        self, clients: int, told: Callable[[int], object] = bool, *, seconds: float = OPENING
    ) -> None:
        """Have so many clients, each of which has connected and asked once.

        Fewer if that takes longer than `seconds`. `told` is called with how many there are.
        """
        result = self._order("grow", clients, seconds, told=told)
        self.clients, self.open = result["clients"], result["open"]
        self.served, self.seconds = result["served"], result["seconds"]

    def ask(
        self,
        *,
        rate: float = RATE,
        seconds: float = SECONDS,
        label: str,
        beside: str = "",
        seed: int = 1,
    ) -> Responses:
        """Let the clients ask at random times, each time another of them.

        Parameters
        ----------
        rate : float
            Requests a second, on average.
        seconds : float
            How long.
        label : str
            What is measured, in a few words.
        beside : str
            What one more client asks meanwhile, again and again, in a closed loop; its
            answers end with a newline and are not timed.
        seed : int
            The same seed gives the same times and the same clients.

        Raises
        ------
        ValueError
            If not one request was answered.
        """
        order = ("open_loop", rate, seconds, seed, beside)
        if seconds < LONG:
            result = self._order(*order)
        else:
            with progress_bar(rate * seconds, label, 0.3, PERCENT) as bar:
                result = self._order(*order, told=lambda done: bar.update(done - bar.n))
                bar.update(bar.total - bar.n)
        times = tuple(array("q", base64.b64decode(result["times"])))
        if not times:
            raise ValueError(f"{label}: not one of {result['asked']} requests was answered.")
        return Responses(
            label,
            times,
            rate=rate,
            unanswered=result["asked"] - len(times),
            late=result["late"] / 1e9,
        )

    def flood(self, at_once: int = AT_ONCE, seconds: float = 0.1) -> float:
        """Answers a second when `at_once` clients ask again as soon as they are answered."""
        result = self._order("flood", at_once, seconds)
        return float(result["answers"] / result["seconds"])

    def turns(self, at: Sequence[float]) -> list[dict[str, Any]]:
        """One request for work of each of some further clients: see `helpers.timelines`."""
        return list(self._order("turns", list(at)))

    def leave(self) -> None:
        """End all connections, and wait until the server has seen their ends."""
        try:
            self._order("leave")
        finally:
            self.end()

    def end(self) -> None:
        """End the process of the clients. May be called again."""
        lifetimes.forget(self)
        self._child.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        self.end() if kind else self.leave()

    def __repr__(self) -> str:
        return f"{self.open:,} clients, in process {self._child.process.pid}"

    def _order(self, what: str, *arguments: Any, told: Callable[[int], object] = bool) -> Any:
        self._child.tell(do=what, address=self._address, **{"with": arguments})
        while "result" not in (line := self._child.hear()):
            told(line["done"])
        self.failed = line["failed"]
        return line["result"]


def crowd(address: Any, connections: int) -> Crowd:
    """Connect so many clients to a server, from a process of their own.

    Each asks once (16 bytes) and awaits its answer (16 bytes), as far as it is answered. They
    stay connected until the end of the `with` block.

    Parameters
    ----------
    address : (host, port)
        Where a server listens that answers 16 bytes with 16 bytes.
    connections : int
        How many. See `room_for`.
    """
    room_for(connections)
    clients = Crowd(address)
    try:
        with progress_bar(connections, "clients", 0.3, PERCENT) as bar:
            clients.grow(connections, lambda done: bar.update(done - bar.n))
            bar.update(clients.open - bar.n)
    except BaseException:
        clients.end()
        raise
    return clients
