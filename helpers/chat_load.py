"""Hundreds of members for a chat service, from a process of their own.

    with members(server.address, 300, rooms=10) as load:
        run = load.talk(rate=50, seconds=2, label="30 in each room")

It is an open loop: messages are said at their own times, whatever has come of the ones before.
Every member times every delivery, from the moment when the message was due.
"""

from __future__ import annotations

import base64
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

from . import lifetimes
from .child_process import ChildProcess
from .file_limit import room_for
from .measure import Latency, Throughput, whole
from .progress_bars import PERCENT, progress_bar
from .units import format_time

LONG = 1.5  # seconds: from so long on, a load shows its progress


@dataclass(frozen=True, repr=False)
class Deliveries(Latency):
    """Every delivery of one `talk`. As `Latency`, and what else there is to know.

    Attributes
    ----------
    said : int
        Messages that were said.
    rate : float
        Of them, a second, on average.
    missing : int
        Deliveries that did not come. They are in no percentile.
    late : float
        p99 of how late, in seconds, the load itself said a message. It is part of the samples.
    """

    said: int = 0
    rate: float = 0
    missing: int = 0
    late: float = 0

    def _loop(self) -> str:
        told = f"{self.said:,} messages in an open loop, {self.rate:,.0f} a second, delivered "
        told += f"{len(self.nanoseconds):,} times"
        if self.missing:
            told += f"; {self.missing:,} deliveries did not come"
        return f"{told}; said up to {format_time(self.late)} late (p99)"

    def __repr__(self) -> str:
        p50, p99 = (format_time(self.percentile(p)) for p in (50, 99))
        counts = f"{self.said:,} messages delivered {len(self.nanoseconds):,} times"
        return f"<Deliveries {self.label!r}: {counts}, p50 {p50}, p99 {p99}>"


class Members:
    """Members of a chat service, held by another process. Made by `members`.

    Attributes
    ----------
    count : int
        How many have joined.
    """

    def __init__(self) -> None:
        self.count = 0
        self._child = ChildProcess("chat_load_process")
        lifetimes.remember(self, self.end, repr(self))

    def join(
        self, address: Any, count: int, rooms: int = 1, ca: str = "", name: str = "localhost"
    ) -> None:
        """Let so many members more join."""
        self.count = self._order("join", list(address), count, rooms, ca, name)["members"]

    def talk(
        self,
        *,
        rate: float,
        seconds: float = 1.0,
        label: str,
        size: int = 32,
        flooders: int = 0,
        deaf: int = 0,
        told: Callable[[dict[str, Any]], object] | None = None,
        seed: int = 1,
    ) -> Deliveries:
        """Let the members talk at random times, each time another of them.

        Parameters
        ----------
        rate : float
            Messages a second, on average.
        seconds : float
            How long.
        label : str
            What is measured, in a few words.
        size : int
            Bytes of a message's text, at least 20.
        flooders : int
            So many of the members, the first ones, say all that their connections take. They are
            reset at the end.
        deaf : int
            So many of the members, the last ones, do not read meanwhile. Their deliveries are
            not expected.
        told : callable, optional
            Called four times a second with what goes on: {"at": seconds since the begin,
            "delivered": deliveries a second, "p99": seconds, or None}.
        seed : int
            The same seed gives the same times and the same members.

        Raises
        ------
        ValueError
            If nothing was delivered.
        """
        with progress_bar(seconds, label, LONG if told is None else 3600, PERCENT) as bar:

            def hear(line: dict[str, Any]) -> None:
                bar.update(min(line["at"], seconds) - bar.n)
                if told is not None:
                    told(line)

            order = ("talk", rate, seconds, size, seed, flooders, deaf)
            result = self._order(*order, told=hear)
        times = tuple(array("q", base64.b64decode(result["times"])))
        if not times:
            raise ValueError(f"{label}: nothing of {result['said']} messages was delivered.")
        return Deliveries(
            label,
            times,
            said=result["said"],
            rate=rate,
            missing=result["expected"] - len(times),
            late=result["late"] / 1e9,
        )

    def pour(self, *, sizes: Iterable[int], seconds: float = 0.2, label: str) -> Throughput:
        """One member says as much as is delivered again, in messages of several sizes.

        Returns the goodput of all deliveries together: the texts, without what is around them.
        """
        ordered = tuple(sorted({whole("size", size, 4) for size in sizes}))
        rates = []
        with progress_bar(len(ordered), label, delay=1) as bar:
            for size in ordered:
                self._order("pour", size, seconds / 5)  # to warm up
                found = self._order("pour", size, seconds)
                rates.append(8 * size * found["heard"] / found["seconds"])
                bar.update()
        return Throughput(label, ordered, tuple(rates), seconds)

    def leave(self) -> list[str]:
        """All leave; returns the BYEs that members heard, at most 100."""
        try:
            return list(self._order("leave")["byes"])
        finally:
            self.end()

    def end(self) -> None:
        """End the process of the members. May be called again."""
        lifetimes.forget(self)
        self._child.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind or self._child.process.returncode is not None:
            self.end()
        else:
            self.leave()

    def __repr__(self) -> str:
        return f"{self.count:,} members, in process {self._child.process.pid}"

    def _order(
        self, what: str, *arguments: Any, told: Callable[[dict[str, Any]], object] = bool
    ) -> Any:
        self._child.tell(do=what, **{"with": arguments})
        while "result" not in (line := self._child.hear()):
            if "error" in line:
                raise OSError(line["error"])
            told(line["told"])
        return line["result"]


def members(
    address: Any, count: int, *, rooms: int = 1, ca: str = "", name: str = "localhost"
) -> Members:
    """Let `count` members join a chat service, from a process of their own.

    They stay until the end of the `with` block, and then leave.

    Parameters
    ----------
    address : (host, port)
        Where the service listens.
    count, rooms : int
        How many members, and over how many rooms they are spread. See `room_for`.
    ca : str
        For TLS: the certificate of the authority that the members trust, in PEM.
    name : str
        The name that the service's certificate must have.

    Raises
    ------
    OSError
        If they cannot connect, or do not trust the service.
    """
    room_for(count)
    load = Members()
    try:
        load.join(address, count, rooms, ca, name)
    except BaseException:
        load.end()
        raise
    return load
