"""One server with more and more clients that stay connected, each step with the same load.

    climb(threads, [1, 10, 100, 1000])

The server runs in a process of its own, the clients in another.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from .child_process import Ended
from .file_limit import room_for
from .load import RATE, SECONDS, Crowd, Responses
from .memory_limit import free_memory
from .process_server import ServerProcess, serve_process
from .progress_bars import PERCENT, progress_bar
from .units import format_size, format_time

RUNGS = (1, 10, 100, 1_000, 10_000)
OPENING = 8.0  # seconds that the clients of one rung may take to connect
SHARE = 0.5  # of the free memory: the other half is for what the kernel takes, and for others
FLOOD = 0.08  # seconds
PACE = 2000  # clients that connect in the time of the rest of a rung, or about so many


@dataclass(frozen=True)
class Rung:
    """What was measured of a server that so many clients had come to, and none had left.

    Attributes
    ----------
    clients : int
        How many there were. The load is spread over all of them.
    open : int
        Those that had a connection. The others found the backlog full.
    served : int
        Those that had an answer to their first request.
    responses : Responses or None
        The open loop; None if nothing was answered.
    answers_per_second : float
        The most: with up to 100 clients that ask without a pause. NaN if it was not measured,
        because no more are served than on the rung before.
    memory : int
        Bytes that the server has taken since it started. See `Footprint`.
    threads, processes : int
        What it runs.
    """

    clients: int
    open: int
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
        From the fewest clients to the most.
    end : str
        Why it went no further than it did; "" if it reached all that was asked.
    """

    name: str
    rungs: tuple[Rung, ...]
    end: str = ""

    def at(self, clients: int) -> Rung:
        """The highest rung with at most so many clients."""
        return max(
            (rung for rung in self.rungs if rung.clients <= clients),
            key=lambda rung: rung.clients,
        )

    def memory_per_connection(self, rung: Rung) -> float:
        """Bytes for each connection more than on the first rung; NaN for the first."""
        first = self.rungs[0]
        more = rung.open - first.open
        return max(rung.memory - first.memory, 0) / more if more else math.nan

    @property
    def story(self) -> str:
        """Who was left outside, and why it went no further; "" if all went as asked."""
        last = self.rungs[-1]
        full = f"{self.name}: {last.open:,} of {last.clients:,} clients have a connection: " * (
            last.open < last.clients
        )
        return " ".join(filter(None, (full and f"{full}the backlog is full.", self.end)))

    def __repr__(self) -> str:
        heads = (
            "clients", "open", "served", "p50", "p99", "not answered", "most answers/s",
            "memory each", "threads",
        )  # fmt: skip
        rows = [
            (
                f"{rung.clients:,}",
                f"{rung.open:,}",
                f"{rung.served:,}",
                time_in_words(rung.within(50)),
                time_in_words(rung.within(99)),
                f"{rung.unanswered:.0%}",
                rate_in_words(rung.answers_per_second),
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
        return "\n".join([self.name, *lines, *([self.story] if self.story else [])])


def climb(
    model: Callable[..., Any],
    rungs: Sequence[int] = RUNGS,
    *,
    name: str = "",
    rate: float = RATE,
    seconds: float = SECONDS,
    opening: float = OPENING,
    share: float = SHARE,
) -> Climb:
    """Measure a server with more and more clients, each step with the same load.

    `model(listener)` runs in a process of its own (`serve_process`), the clients in another
    (`crowd`). On each rung: an open loop over all clients, then up to 100 of them at once that
    ask without a pause. Who has come stays.

    A climb ends below its last rung, and says so, where the limit of open files, the memory or
    the time do not allow more, and where the server gives up.

    Parameters
    ----------
    model : callable
        As for `serve_process`; it answers 16 bytes with 16 bytes.
    rungs : sequence of int
        How many clients.
    name : str
        How to call it; by default the function's name.
    rate, seconds : float
        The open loop: requests a second, and for how long.
    opening : float
        The most seconds that the clients of one rung may take to connect.
    share : float
        The most of the free memory that the server may take, by what a client took on the rung
        before. From 0 to 1.
    """
    room = room_for(max(rungs))
    planned = sorted({min(rung, room) for rung in rungs})
    name = name or model.__name__
    allowed = share * free_memory()
    done: list[Rung] = []
    end = ""
    work = sum(map(_work, planned))
    with progress_bar(work, name, 0.3, PERCENT) as bar, serve_process(model) as server:
        clients = Crowd(server.address)
        try:
            for rung in planned:
                most = _fitting(Climb(name, tuple(done)), allowed) if done else rung
                if most > clients.clients:
                    before = bar.n
                    clients.grow(
                        min(rung, most),
                        partial(_show, bar, before),
                        seconds=opening,
                    )
                    if not server.alive():
                        break
                    done.append(_measured(server, clients, done[-1:], name, rate, seconds))
                    bar.update(before + _work(rung) - bar.n)
                if end := _why_here(clients, rung, most, room, max(rungs), opening, allowed):
                    end = f"{name} went no further than {clients.clients:,} clients: {end}"
                    break
                if _gave_up(server, clients):
                    break
            if gave_up := _gave_up(server, clients):
                end = f"{name} served {clients.served:,} clients and no more: {gave_up}"
            # First the server: the clients that leave would be errors to it. If it gave up when
            # it had served some, that is a result, and told as such.
            server.stop(quiet=bool(gave_up and done))
        finally:
            clients.end()
    if not done:
        raise Ended(f"{name} answered nothing. {end}")
    return Climb(name, tuple(done), end)


def _gave_up(server: ServerProcess, clients: Crowd) -> str:
    """The error with which the server stopped to serve new clients; "" if it did not."""
    if not server.alive():
        return server.last_error() or "the server has ended"
    # Threads that were started before may live on, without the one that accepts.
    return server.last_error() if clients.served < clients.clients else ""


def _fitting(so_far: Climb, allowed: float) -> int:
    """How many clients fit into so many bytes, if the next ones take what the last ones took."""
    last = so_far.rungs[-1]
    each = so_far.memory_per_connection(last)
    if not each > 0:
        return sys.maxsize
    return last.clients + max(0, int((allowed - last.memory) / each))


def _why_here(
    clients: Crowd, rung: int, most: int, room: int, last: int, opening: float, allowed: float
) -> str:
    """Why the climb ends on this rung; "" if it goes on, or there is no more to climb."""
    if clients.failed:
        return clients.failed
    if clients.clients < min(rung, most):
        return f"in {opening:g} s no more could connect."
    if most < rung:
        return f"more would take more memory than it may have here, {format_size(allowed)}."
    if rung == room < last:
        return f"the limit of open files allows no more, of {last:,}."
    return ""


def _measured(
    server: ServerProcess,
    clients: Crowd,
    before: Sequence[Rung],
    name: str,
    rate: float,
    seconds: float,
) -> Rung:
    label = f"{name}, {clients.open:,} open"
    try:
        responses = clients.ask(rate=rate, seconds=seconds, label=label)
    except ValueError:
        responses = None
    more_served = all(clients.served > rung.served for rung in before)
    most = clients.flood(seconds=FLOOD) if more_served else math.nan
    taken = server.footprint()
    return Rung(
        clients.clients,
        clients.open,
        clients.served,
        responses,
        most,
        taken.memory,
        taken.threads,
        taken.processes,
    )


def _show(bar: Any, before: float, clients: int) -> None:
    """How far the bar is when so many clients have come to a rung."""
    bar.update(before + clients / PACE - bar.n)


def _work(rung: int) -> float:
    """About how long a rung takes, for the bar: its requests, and its clients."""
    return 1 + rung / PACE


def time_in_words(seconds: float) -> str:
    """A time with its unit, or "never"."""
    return "never" if math.isinf(seconds) else format_time(seconds)


def rate_in_words(rate: float) -> str:
    """A number for each second, or nothing where there is none."""
    return "" if math.isnan(rate) else f"{rate:,.0f}"


def size_in_words(size: float) -> str:
    """A size with its unit, or nothing where there is none."""
    return "" if math.isnan(size) else format_size(size)
