"""CoDel, a queue that drops before it is full: RFC 8289.

It looks not at how long the queue is but at how long each frame had to wait in it. A queue
that comes and goes is good: it takes up bursts. One that stays does nothing but delay. So
when every frame of the last 100 ms has waited for more than 5 ms, CoDel drops one, and then
more and more often, until the senders have slowed down.

The names are those of the RFC's section 5; times are in nanoseconds.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Generic, Protocol, TypeVar

TARGET = 5_000_000
INTERVAL = 100_000_000


class Queued(Protocol):
    """What waits in the queue: it knows since when."""

    since: int


Q = TypeVar("Q", bound=Queued)


class CoDel(Generic[Q]):
    """Decides, whenever a frame may leave the queue, which ones are dropped instead."""

    def __init__(self) -> None:
        self._first_above_time = 0
        self._drop_next = 0
        self._count = self._last_count = 0
        self._dropping = False

    def take(self, now: int, queue: deque[Q]) -> tuple[Q | None, list[Q]]:
        """The frame to be sent at `now`, if any is left, and those dropped before it."""
        dropped: list[Q] = []
        frame, may_drop = self._next(now, queue)
        if self._dropping:
            self._dropping = may_drop
            while frame is not None and self._dropping and now >= self._drop_next:
                dropped.append(frame)
                self._count += 1
                frame, self._dropping = self._next(now, queue)
                if self._dropping:
                    self._drop_next = self._control_law(self._drop_next)
        elif frame is not None and may_drop:
            dropped.append(frame)
            frame, _ = self._next(now, queue)
            self._dropping = True
            # If it dropped until a short while ago, it goes on about as often as then.
            delta = self._count - self._last_count
            recent = now - self._drop_next < 16 * INTERVAL
            self._count = delta if delta > 1 and recent else 1
            self._drop_next = self._control_law(now)
            self._last_count = self._count
        return frame, dropped

    def _next(self, now: int, queue: deque[Q]) -> tuple[Q | None, bool]:
        """The oldest frame, and whether the queue has been standing for a whole interval."""
        frame = queue.popleft() if queue else None
        if frame is None or now - frame.since < TARGET or not queue:
            self._first_above_time = 0
            return frame, False
        if not self._first_above_time:
            self._first_above_time = now + INTERVAL
            return frame, False
        return frame, now >= self._first_above_time

    def _control_law(self, time: int) -> int:
        return time + round(INTERVAL / math.sqrt(self._count))
