"""One server with more and more connections open, each step with the same load.

    climb(threads, [1, 10, 100, 1000])

The server runs in a process of its own, the clients in another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .child_process import Ended
from .file_limit import room_for
from .load import RATE, SECONDS, Crowd, Responses
from .process_server import ServerProcess, serve_process
from .progress_bars import PERCENT, progress_bar
from .units import format_size, format_time

RUNGS = (1, 10, 100, 1_000, 10_000)


@dataclass(frozen=True)
class Rung:
    """What was measured of a server with so many connections open.

    Attributes
    ----------
    connections : int
        How many were open.
    served : int
        Clients that had an answer to their first request.
    responses : Responses or None
        The open loop; None if nothing was answered.
    answers_per_second : float
        The most: with up to 100 clients that ask without a pause.
    memory : int
        Bytes that the server has taken since it started. See `ServerProcess.memory`.
    threads, processes : int
        What it runs.
    """

    connections: int
    served: int
    responses: Responses | None
    answers_per_second: float
    memory: int
    threads: int
    processes: int

    def within(self, p: float) -> float:
        """As `Responses.within`; infinite if nothing was answered."""
        return self.responses.within(p) if self.responses else math.inf

    @property
    def unanswered(self) -> float:
        """The share of requests of the open loop that had no answer, from 0 to 1."""
        if self.responses is None:
            return 1.0
        return self.responses.unanswered / (
            self.responses.unanswered + len(self.responses.nanoseconds)
        )


@dataclass(frozen=True)
class Climb:
    """The rungs that one server has climbed.

    Attributes
    ----------
    name : str
        The server's name.
    rungs : tuple of Rung
        From the fewest connections to the most.
    end : str
        Why it went no further than it did; "" if it reached all that was asked.
    """

    name: str
    rungs: tuple[Rung, ...]
    end: str = ""

    def at(self, connections: int) -> Rung:
        """The highest rung with at most so many connections."""
        return max(
            (rung for rung in self.rungs if rung.connections <= connections),
            key=lambda rung: rung.connections,
        )

    def memory_per_connection(self, rung: Rung) -> float:
        """Bytes for each connection more than on the first rung; NaN for the first."""
        first = self.rungs[0]
        more = rung.connections - first.connections
        return max(rung.memory - first.memory, 0) / more if more else math.nan

    def __repr__(self) -> str:
        heads = ("open", "p50", "p99", "not answered", "most answers/s", "memory each", "threads")
        rows = [
            (
                f"{rung.connections:,}",
                time_in_words(rung.within(50)),
                time_in_words(rung.within(99)),
                f"{rung.unanswered:.0%}",
                f"{rung.answers_per_second:,.0f}",
                size_in_words(self.memory_per_connection(rung)),
                f"{rung.threads:,}",
            )
            for rung in self.rungs
        ]
        table = [heads, *rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in table
        ]
        return "\n".join([self.name, *lines, *([self.end] if self.end else [])])


def climb(
    model: Callable[..., Any],
    rungs: Sequence[int] = RUNGS,
    *,
    name: str = "",
    rate: float = RATE,
    seconds: float = SECONDS,
) -> Climb:
    """Measure a server with more and more connections open, each step with the same load.

    `model(listener)` runs in a process of its own (`serve_process`), the clients in another
    (`crowd`). On each rung: an open loop over all connections, then up to 100 clients at
    once that ask without a pause. Connections once open stay open.

    Parameters
    ----------
    model : callable
        As for `serve_process`; it answers 16 bytes with 16 bytes.
    rungs : sequence of int
        How many connections; as many as the limit of open files allows.
    name : str
        How to call it; by default the function's name.
    rate, seconds : float
        The open loop: requests a second, and for how long.
    """
    room = room_for(max(rungs))
    planned = sorted({min(rung, room) for rung in rungs})
    end = ""
    if room < max(rungs):
        end = f"The limit of open files allows {room:,} connections, not {max(rungs):,}."
    name = name or model.__name__
    done: list[Rung] = []
    work = sum(map(_work, planned))
    with progress_bar(work, name, 0.3, PERCENT) as bar, serve_process(model) as server:
        clients = Crowd(server.address)
        try:
            for rung in planned:
                clients.grow(rung)
                if not server.alive():
                    break
                done.append(_measured(server, clients, name, rate, seconds))
                bar.update(_work(rung))
                if clients.failed:
                    break
            died = "" if server.alive() else server.last_words() or "the server has ended"
            if why := died or clients.failed:
                end = f"{name} went no further: {why}"
            # First the server: the clients that leave would be errors to it. If it died when it
            # had served some, that is a result, and told as such.
            server.stop(quiet=bool(died and done))
        finally:
            clients.end()
    if not done:
        raise Ended(f"{name} answered nothing. {end}")
    return Climb(name, tuple(done), end)


def _measured(
    server: ServerProcess, clients: Crowd, name: str, rate: float, seconds: float
) -> Rung:
    label = f"{name}, {clients.open:,} open"
    try:
        responses = clients.ask(rate=rate, seconds=seconds, label=label)
    except ValueError:
        responses = None
    return Rung(
        clients.open,
        clients.served,
        responses,
        clients.flood(),
        server.memory(),
        server.threads(),
        server.processes(),
    )


def _work(rung: int) -> float:
    """About how long a rung takes, for the bar: its requests, and its connections."""
    return 1 + rung / 5000


def time_in_words(seconds: float) -> str:
    """A time with its unit, or "never"."""
    return "never" if math.isinf(seconds) else format_time(seconds)


def size_in_words(size: float) -> str:
    """A size with its unit, or nothing where there is none."""
    return "" if math.isnan(size) else format_size(size)
