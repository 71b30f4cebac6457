"""What a wire writes down: each drop, the length of its queue, how late each frame was.

The records lie in shared memory. The wire's process writes them and the notebook reads
them, so that reading never makes the wire wait. Each kind has a bounded number of places;
the oldest are overwritten.

>>> records = Records("a to b")
>>> records.drop(5, "loss", 1514)
>>> records.drops()
[Drop(time_ns=5, direction='a to b', reason='loss', length=1514)]
"""

from __future__ import annotations

import mmap
import struct
from typing import Any, NamedTuple

REASONS = ("loss", "queue full", "CoDel", "cut", "overrun")
DROPS, QUEUES, LATES = 1 << 15, 1 << 18, 1 << 17  # how many are kept
_DROP, _QUEUE, _LATE = "=QIB", "=QI", "=Q"
_COUNT = struct.Struct("=Q")


class Drop(NamedTuple):
    """A frame that did not arrive.

    `time_ns` is in nanoseconds since 1970, the clock of the packets. `direction` is such as
    "a to b". `reason` is "loss" (by chance), "queue full", "cut", or "overrun": this machine
    was too slow to carry it, which is no property of the wire. `length` is in bytes, 0 where
    it is not known.
    """

    time_ns: int
    direction: str
    reason: str
    length: int


class QueueLength(NamedTuple):
    """From `time_ns` on (nanoseconds since 1970), so many frames waited to be sent."""

    time_ns: int
    direction: str
    frames: int


Buffer = mmap.mmap | bytearray


class _Ring:
    """The last records of one kind: a count of all ever written, then the places."""

    def __init__(self, buffer: Buffer, start: int, layout: str, places: int) -> None:
        self._layout = struct.Struct(layout)
        self._buffer, self._start, self._places = buffer, start, places
        self._first = start + _COUNT.size
        self._count = 0

    def write(self, *values: int) -> None:
        layout = self._layout
        place = self._first + self._count % self._places * layout.size
        layout.pack_into(self._buffer, place, *values)
        self._count += 1
        # Last: a reader never sees a place counted that is not yet written.
        _COUNT.pack_into(self._buffer, self._start, self._count)

    def read(self) -> list[tuple[Any, ...]]:
        """All that are kept, oldest first. What is overwritten meanwhile is left out."""
        before = self._written()
        used = min(before, self._places) * self._layout.size
        copy = bytes(self._buffer[self._first : self._first + used])
        after = self._written()
        records = list(self._layout.iter_unpack(copy))
        # Once the ring is full, one place more may be half written at this moment.
        oldest = max(0, after - self._places + 1) if after >= self._places else 0
        return [records[number % self._places] for number in range(oldest, before)]

    def copy_from(self, other: _Ring) -> None:
        """Take over what another ring, of the same layout, holds."""
        self._count = other._written()
        used = min(self._count, self._places) * self._layout.size
        self._buffer[self._first : self._first + used] = other._buffer[
            other._first : other._first + used
        ]
        _COUNT.pack_into(self._buffer, self._start, self._count)

    def _written(self) -> int:
        return int(_COUNT.unpack_from(self._buffer, self._start)[0])


class Records:
    """The records of one direction of a wire.

    Parameters
    ----------
    direction : str
        Its name in the records.
    buffer : mmap or bytearray, optional
        Where they lie: `Records.SIZE` bytes from `start` on. Without it, in memory of its own.
    """

    SIZE = sum(
        _COUNT.size + struct.calcsize(layout) * places
        for layout, places in ((_DROP, DROPS), (_QUEUE, QUEUES), (_LATE, LATES))
    )

    def __init__(self, direction: str = "", buffer: Buffer | None = None, start: int = 0) -> None:
        self._direction = direction
        if buffer is None:  # takes no room until it is written to
            buffer = mmap.mmap(-1, self.SIZE)
        rings = []
        for layout, places in ((_DROP, DROPS), (_QUEUE, QUEUES), (_LATE, LATES)):
            rings.append(_Ring(buffer, start, layout, places))
            start += _COUNT.size + struct.calcsize(layout) * places
        self._drops, self._queue, self._late = rings

    # The wire writes.

    def drop(self, time_ns: int, reason: str, length: int) -> None:
        """A frame was dropped."""
        self._drops.write(time_ns, length, REASONS.index(reason))

    def queue_is(self, time_ns: int, frames: int) -> None:
        """So many frames wait from now on."""
        self._queue.write(time_ns, frames)

    def late(self, nanoseconds: int) -> None:
        """A frame was delivered so much later than it was due."""
        self._late.write(nanoseconds)

    def copy_from(self, other: Records) -> None:
        """Take over all records of another direction, which has come to its end."""
        self._drops.copy_from(other._drops)
        self._queue.copy_from(other._queue)
        self._late.copy_from(other._late)

    # The notebook reads.

    def drops(self) -> list[Drop]:
        """The frames dropped, oldest first; the last 32,768 of them."""
        return [
            Drop(at, self._direction, REASONS[reason], length)
            for at, length, reason in self._drops.read()
            if reason < len(REASONS)
        ]

    def queue_lengths(self) -> list[QueueLength]:
        """The length of the queue at each change, oldest first; the last 262,144 changes."""
        return [QueueLength(at, self._direction, frames) for at, frames in self._queue.read()]

    def lateness(self) -> list[float]:
        """How many seconds after its time each frame was delivered; the last 131,072."""
        return [late / 1e9 for (late,) in self._late.read()]
