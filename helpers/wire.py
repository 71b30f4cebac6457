"""What a wire does to frames: loss, a queue, a rate, a delay. Nothing here touches a socket.

A `Direction` is told when frames arrive and asked which are due. All times are whole
nanoseconds of any one clock, so a test can make up its own:

>>> wire = Direction(Parameters(delay=0.010, rate=1e6), Records())
>>> wire.arrive(0, bytes(1250))  # 10,000 bits: 10 ms to put them on the wire
>>> wire.next_event()
20000000
>>> [(due, len(frame)) for due, frame in wire.advance(20_000_000)]
[(20000000, 1250)]

The order is that of a real link. A frame may be lost. It waits in a queue while others
are sent; a full queue drops it. Putting it on the wire takes length / rate. Then it
travels for `delay`, and so it can be overtaken only where `reorder` says so.
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass, fields
from heapq import heappop, heappush

from .codel import CoDel
from .wire_records import Records

SECOND = 1_000_000_000
MAX_SECONDS = 3600


@dataclass(frozen=True)
class Parameters:
    """What one direction of a wire does. Source of the names: tc-netem(8).

    Attributes
    ----------
    delay : float
        Seconds that a frame travels.
    jitter : float
        Up to so many seconds more, drawn for each frame. The order is kept.
    rate : float, optional
        Bits a second, of whole Ethernet frames, at least 1000. None is no limit.
    queue_limit : int
        Frames that may wait for their turn; one more is dropped (drop-tail). In frames, as
        the queues of Linux count (txqueuelen): an ACK takes as much room as a full segment.
    aqm : str, optional
        How the queue is managed: None for drop-tail, "codel" for CoDel (RFC 8289).
    loss : float
        Probability that a frame is lost.
    burst : float, optional
        Mean number of frames lost in a row (the Gilbert-Elliott model), at the same share of
        loss overall. None: each frame is lost or not on its own.
    reorder : float
        Probability that a frame skips the delay, and so overtakes those under way.
    duplicate : float
        Probability that a frame arrives twice.
    cut : bool
        The cable is cut: everything on it is lost, and all that is sent.

    Raises
    ------
    ValueError
        In one sentence, if a value makes no sense.
    """

    delay: float = 0.0
    jitter: float = 0.0
    rate: float | None = None
    queue_limit: int = 100
    aqm: str | None = None
    loss: float = 0.0
    burst: float | None = None
    reorder: float = 0.0
    duplicate: float = 0.0
    cut: bool = False

    def __post_init__(self) -> None:
        for name in ("delay", "jitter"):
            _check(self, name, f"seconds from 0 to {MAX_SECONDS}", 0, MAX_SECONDS)
        for name in ("loss", "reorder", "duplicate"):
            _check(self, name, "a probability from 0 to 1", 0, 1)
        if self.rate is not None:
            _check(self, "rate", "bits a second, 1000 or more, or None", 1000, math.inf)
        _check(self, "queue_limit", "a number of frames, 0 or more", 0, 1_000_000)
        if int(self.queue_limit) != self.queue_limit:
            raise ValueError(f"queue_limit is a whole number of frames, not {self.queue_limit!r}.")
        if self.aqm not in (None, "codel"):
            raise ValueError(f'aqm is "codel" or None, not {self.aqm!r}.')
        if not isinstance(self.cut, bool):
            raise ValueError(f"cut is True or False, not {self.cut!r}.")
        if self.burst is not None:
            _check(self, "burst", "a mean number of frames, at least 1, or None", 1, math.inf)
            if self.loss > self.burst / (self.burst + 1):
                raise ValueError(
                    f"A loss of {self.loss:g} cannot come in bursts of only {self.burst:g} frames "
                    "on average: between two bursts at least one frame arrives."
                )


NAMES = tuple(field.name for field in fields(Parameters))


def _check(parameters: Parameters, name: str, what: str, low: float, high: float) -> None:
    value = getattr(parameters, name)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not low <= value <= high or value == math.inf:
        raise ValueError(f"{name} is {what}, not {value!r}.")


class Direction:
    """One direction of a wire, and the frames that wait in it or travel.

    Parameters
    ----------
    parameters : Parameters
        Changed later by `change`.
    records : Records
        Where drops and the length of the queue are written.
    seed : int or str
        The same seed and the same frames in the same order: the same frames are lost.
    """

    def __init__(self, parameters: Parameters, records: Records, seed: int | str = 0) -> None:
        self.parameters = parameters
        self.records = records
        self._random = random.Random(seed).random
        self._in_burst = False
        self._queue: deque[_Waiting] = deque()
        self._codel: CoDel[_Waiting] = CoDel()
        self._sending_until = 0  # when the transmitter has put its frame on the wire
        self._last_due = 0
        self._flight: list[tuple[int, int, bytes]] = []  # a heap: due, number, frame
        self._number = 0

    def change(self, now: int, parameters: Parameters) -> None:
        """Use other parameters from now on, also for the frames that still wait."""
        self._transmit(now)
        self.parameters = parameters
        if parameters.cut:
            for frame in [waiting.frame for waiting in self._queue] + [f[2] for f in self._flight]:
                self.records.drop(now, "cut", len(frame))
            if self._queue:
                self.records.queue_is(now, 0)
            self._queue.clear()
            self._flight.clear()
            self._sending_until = self._last_due = now

    def arrive(self, now: int, frame: bytes) -> None:
        """Take a frame that comes in at one end at the time `now`."""
        parameters = self.parameters
        if parameters.cut:
            self.records.drop(now, "cut", len(frame))
            return
        if self._is_lost():
            self.records.drop(now, "loss", len(frame))
            return
        waiting = self._draw(now, frame)
        if parameters.rate is None and not self._queue:
            self._launch(now, waiting)
            return
        self._transmit(now)
        if not self._queue and self._sending_until <= now:
            self._send(now, waiting)
        elif len(self._queue) >= parameters.queue_limit:
            self.records.drop(now, "queue full", len(frame))
        else:
            self._queue.append(waiting)
            self.records.queue_is(now, len(self._queue))

    def advance(self, now: int) -> list[tuple[int, bytes]]:
        """Let the time come to `now`. Gives the frames to be delivered, each with its due time."""
        self._transmit(now)
        flight, due = self._flight, []
        while flight and flight[0][0] <= now:
            at, _, frame = heappop(flight)
            due.append((at, frame))
        return due

    def next_event(self) -> int | None:
        """When `advance` will have something to do; None if nothing is under way."""
        due = self._flight[0][0] if self._flight else None
        if not self._queue:
            return due
        return self._sending_until if due is None else min(due, self._sending_until)

    def _is_lost(self) -> bool:
        loss, burst = self.parameters.loss, self.parameters.burst
        if not loss:
            return False
        if burst is None:
            return self._random() < loss
        # Two states, good and bad. The mean stay in the bad one is `burst`, its share `loss`.
        leave = 1 / burst
        enter = leave * loss / (1 - loss)
        draw = self._random()
        self._in_burst = draw >= leave if self._in_burst else draw < enter
        return self._in_burst

    def _draw(self, now: int, frame: bytes) -> _Waiting:
        # All is drawn on arrival: what is lost or late then depends on the seed and on the
        # order of the frames, not on how full the queue happens to be.
        p = self.parameters
        return _Waiting(
            frame,
            since=now,
            extra=int(p.jitter * self._random() * SECOND) if p.jitter else 0,
            overtakes=bool(p.reorder) and self._random() < p.reorder,
            twice=bool(p.duplicate) and self._random() < p.duplicate,
        )

    def _transmit(self, now: int) -> None:
        """Put the waiting frames on the wire whose turn has come."""
        while self._queue and self._sending_until <= now:
            # At the very time when the one before it was done, however late we are to see it.
            start = self._sending_until
            waiting, dropped = self._take(start)
            for frame in dropped:
                self.records.drop(start, "CoDel", len(frame.frame))
            self.records.queue_is(start, len(self._queue))
            if waiting is not None:
                self._send(start, waiting)

    def _take(self, now: int) -> tuple[_Waiting | None, list[_Waiting]]:
        if self.parameters.aqm == "codel":
            return self._codel.take(now, self._queue)
        return self._queue.popleft(), []

    def _send(self, start: int, waiting: _Waiting) -> None:
        rate = self.parameters.rate
        took = round(len(waiting.frame) * 8 * SECOND / rate) if rate else 0
        self._sending_until = start + took
        self._launch(self._sending_until, waiting)

    def _launch(self, sent: int, waiting: _Waiting) -> None:
        if waiting.overtakes:
            due = sent
        else:
            due = sent + round(self.parameters.delay * SECOND) + waiting.extra
            # A cable keeps the order, also when it has just become shorter.
            due = self._last_due = max(due, self._last_due)
        for _ in range(2 if waiting.twice else 1):
            self._number += 1
            heappush(self._flight, (due, self._number, waiting.frame))


@dataclass(slots=True)
class _Waiting:
    """A frame that is to be sent, and what was drawn for it."""

    frame: bytes
    since: int
    extra: int
    overtakes: bool
    twice: bool
