"""Reliable transfer over datagrams: protocols without I/O, and what drives them over a link.

A sender of this module knows nothing of sockets and clocks. It is told what happened, and
answers with the numbers of the pieces that are to be sent now:

>>> sender = GoBackN(count=5, window=3)
>>> sender.start()
[0, 1, 2]
>>> sender.on_ack(1)  # all before piece 1 has arrived: one more may go
[3]
>>> sender.on_timeout(1)  # piece 1 was sent some time ago, and nobody acknowledged it
[1, 2, 3]

So it can be tested without a network (`helpers.arq_checks`), simulated in no time
(`simulate`), and run over a real socket (`send`, with `handler` at the other end). Style:
h11 and "sans I/O" (https://sans-io.readthedocs.io).

On the wire each datagram begins with five bytes, `HEADER`: a kind and a number. A piece has
its number and then its data; an acknowledgment ends there.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from .wire import SECOND, Direction, Parameters
from .wire_records import Records

HEADER = struct.Struct("!BI")
PIECE, ALL_BEFORE, THIS_ONE = 0, 1, 2  # the kinds: data, and what the number of an ACK means


class Sender(Protocol):
    """What a sender must have. Each method returns the pieces to send now, by number."""

    count: int

    def start(self) -> list[int]: ...
    def on_ack(self, n: int) -> list[int]: ...
    def on_timeout(self, n: int) -> list[int]: ...


class Receiver(Protocol):
    """What a receiver must have. `on_piece` returns the number to acknowledge."""

    cumulative: bool  # whether that number means "all before n" or "piece n"
    delivered: list[bytes]

    def on_piece(self, n: int, data: bytes) -> int: ...


# ------------------------------------------------------------------ senders


class GoBackN:
    """At most `window` pieces under way; after a timeout all of them are sent again."""

    def __init__(self, count: int, window: int) -> None:
        self.count, self.window = count, window
        self.base = self.next = 0  # the oldest not acknowledged; the next never sent

    def start(self) -> list[int]:
        return self._new()

    def on_ack(self, n: int) -> list[int]:
        self.base = max(self.base, n)
        return self._new()

    def on_timeout(self, n: int) -> list[int]:
        return list(range(self.base, self.next))

    def _new(self) -> list[int]:
        first, self.next = self.next, min(self.base + self.window, self.count)
        return list(range(first, self.next))


class StopAndWait(GoBackN):
    """One piece at a time: go-back-N with a window of one."""

    def __init__(self, count: int) -> None:
        super().__init__(count, 1)


class SelectiveRepeat:
    """At most `window` pieces from the oldest missing one on; only what is missing is resent."""

    def __init__(self, count: int, window: int) -> None:
        self.count, self.window = count, window
        self.base = self.next = 0
        self.acked: set[int] = set()

    def start(self) -> list[int]:
        return self._new()

    def on_ack(self, n: int) -> list[int]:
        self.acked.add(n)
        while self.base in self.acked:
            self.base += 1
        return self._new()

    def on_timeout(self, n: int) -> list[int]:
        return [] if n in self.acked else [n]

    def _new(self) -> list[int]:
        first, self.next = self.next, min(self.base + self.window, self.count)
        return list(range(first, self.next))


# ------------------------------------------------------------------ receivers


class InOrder:
    """Takes only the piece it waits for, and says which one that is."""

    cumulative = True

    def __init__(self) -> None:
        self.delivered: list[bytes] = []

    def on_piece(self, n: int, data: bytes) -> int:
        if n == len(self.delivered):
            self.delivered.append(data)
        return len(self.delivered)


class Buffering:
    """Keeps what comes early until what is missing has come; acknowledges each piece."""

    cumulative = False

    def __init__(self) -> None:
        self.delivered: list[bytes] = []
        self._early: dict[int, bytes] = {}

    def on_piece(self, n: int, data: bytes) -> int:
        if n >= len(self.delivered):
            self._early[n] = data
        while len(self.delivered) in self._early:
            self.delivered.append(self._early.pop(len(self.delivered)))
        return n


class Timer:
    """The retransmission timeout of RFC 6298, with Karn's rule; times in seconds.

    `least` is the floor under it: the RFC wants one second (2.4), Linux has 0.2 (tcp(7),
    and there it lies under the variance only).
    """

    MOST = 60.0

    def __init__(self, least: float = 1.0) -> None:
        self.least = least
        self.rto = 1.0  # before the first sample (2.1)
        self.srtt: float | None = None
        self.rttvar = 0.0

    def on_ack(self, rtt: float, resent: bool = False) -> None:
        """A piece was acknowledged `rtt` after it was sent; `resent`: it was sent twice."""
        if resent:  # of which of the two does the ACK speak? Nobody knows (section 3)
            return
        if self.srtt is None:
            self.srtt, self.rttvar = rtt, rtt / 2
        else:
            self.rttvar = 0.75 * self.rttvar + 0.25 * abs(self.srtt - rtt)
            self.srtt = 0.875 * self.srtt + 0.125 * rtt
        self.rto = min(max(self.srtt + 4 * self.rttvar, self.least), self.MOST)

    def on_timeout(self) -> None:
        """The time was up: wait twice as long for the next one (5.5)."""
        self.rto = min(2 * self.rto, self.MOST)


# ------------------------------------------------------------------ one transfer


@dataclass
class Transfer:
    """What happened in one transfer.

    Attributes
    ----------
    label : str
    count, size : int
        How many pieces, and the bytes of data in each.
    events : list of (seconds, what, number)
        At the sender, from its start on. `what` is "send", "again" or "ack"; the number of an
        ACK is a piece that it acknowledged for the first time, or -1 if it said nothing new.
    seconds : float
        Until the last acknowledgment, or until it was given up.
    complete : bool
        Whether all pieces were acknowledged.
    """

    label: str
    count: int
    size: int
    events: list[tuple[float, str, int]] = field(default_factory=list)
    seconds: float = 0.0
    complete: bool = False

    @property
    def goodput(self) -> float:
        """Bits of data that were acknowledged, per second. What was sent twice counts once."""
        acked = sum(what == "ack" and n >= 0 for _, what, n in self.events)
        return 8 * self.size * acked / self.seconds if self.seconds else 0.0

    @property
    def sent(self) -> int:
        """How many pieces were put on the wire, those sent again included."""
        return sum(what != "ack" for _, what, _ in self.events)

    def __repr__(self) -> str:
        state = "" if self.complete else " (not complete)"
        return (
            f"{self.label}: {self.count} pieces of {self.size} bytes in {self.seconds:.2f} s"
            f"{state}, {self.sent} sent, {self.goodput / 1e3:,.0f} kbit/s"
        )


class _Engine:
    """What a sender needs besides its own wits: timers, and its turn on the wire.

    Each piece has a timer, which starts when the piece is sent and stops when it is
    acknowledged. One piece goes out every `interval`. All times are seconds of any clock.
    """

    def __init__(self, sender: Sender, size: int, timeout: float, interval: float) -> None:
        self.sender, self.timeout, self.interval = sender, timeout, interval
        self.transfer = Transfer(type(sender).__name__, sender.count, size)
        self._outbox = deque(self._asked(sender.start(), "start()"))
        self._deadlines: dict[int, float] = {}
        self._acked: set[int] = set()
        self._sent: set[int] = set()
        self._free_at = 0.0

    @property
    def done(self) -> bool:
        return len(self._acked) == self.sender.count

    def next_event(self) -> float | None:
        """When there is something to do; None if nothing will happen without an ACK."""
        times = [min(self._deadlines.values())] if self._deadlines else []
        return min([*times, self._free_at] if self._outbox else times, default=None)

    def transmit(self, now: float) -> int | None:
        """The piece to put on the wire now, if there is one."""
        while self._deadlines and min(self._deadlines.values()) <= now:
            n = min(self._deadlines, key=lambda n: (self._deadlines[n], n))
            del self._deadlines[n]
            again = self._asked(self.sender.on_timeout(n), f"on_timeout({n})")
            for m in again:
                self._deadlines.pop(m, None)
            # Before what is new and still waits for its turn; and each of them only once.
            self._outbox = deque([*again, *(m for m in self._outbox if m not in again)])
        if not self._outbox or now < self._free_at:
            return None
        n = self._outbox.popleft()
        self._free_at = max(self._free_at, now - self.interval) + self.interval
        if n not in self._acked:
            self._deadlines[n] = now + self.timeout
        self.transfer.events.append((now, "again" if n in self._sent else "send", n))
        self._sent.add(n)
        return n

    def on_ack(self, now: float, kind: int, n: int) -> None:
        told = range(n) if kind == ALL_BEFORE else [n]
        new = [m for m in told if m not in self._acked]
        self._acked.update(new)
        for m in new:
            self._deadlines.pop(m, None)
        self.transfer.events.extend((now, "ack", m) for m in new or [-1])
        self._outbox.extend(self._asked(self.sender.on_ack(n), f"on_ack({n})"))

    def finish(self, now: float) -> Transfer:
        self.transfer.seconds, self.transfer.complete = now, self.done
        return self.transfer

    def _asked(self, numbers: Any, call: str) -> list[int]:
        who = type(self.sender).__name__
        known = isinstance(numbers, Sequence) and all(
            isinstance(n, int) and 0 <= n < self.sender.count for n in numbers
        )
        if not known:
            raise ValueError(
                f"{who}.{call} must return a list of numbers from 0 to {self.sender.count - 1}; "
                f"it returned {numbers!r}."
            )
        return list(numbers)


def handler(receiver: Receiver) -> Callable[[socket.socket], None]:
    """The receiver as a handler for `serve_udp`: takes a piece, sends its acknowledgment."""
    kind = ALL_BEFORE if receiver.cumulative else THIS_ONE

    def acknowledge(sock: socket.socket) -> None:
        datagram, address = sock.recvfrom(65536)
        _, n = HEADER.unpack_from(datagram)
        ack = receiver.on_piece(n, datagram[HEADER.size :])
        sock.sendto(HEADER.pack(kind, ack), address)

    return acknowledge


def send(
    sender: Sender,
    address: tuple[str, int],
    *,
    size: int = 1000,
    timeout: float = 0.06,
    interval: float = 0.002,
    seconds: float = 5.0,
) -> Transfer:
    """Send `sender.count` pieces to `address` by UDP, as the sender says.

    Parameters
    ----------
    sender : Sender
        Fresh: it has not sent anything yet.
    address : (host, port)
        Where a `handler` answers, or a link that leads there.
    size : int
        Bytes of data in each piece; 5 bytes of `HEADER` come on top.
    timeout : float
        Seconds after which a piece that was not acknowledged is given to `on_timeout`.
    interval : float
        Seconds between two pieces on the wire.
    seconds : float
        After so long it gives up, and the transfer is not `complete`.

    Raises
    ------
    ValueError
        If the sender asks for a piece that there is not.
    OSError
        If nobody listens at `address`.
    """
    engine = _Engine(sender, size, timeout, interval)
    data = bytes(size)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        sock.setblocking(False)
        began = time.perf_counter()
        while not engine.done and (now := time.perf_counter() - began) < seconds:
            while (n := engine.transmit(now)) is not None:
                sock.send(HEADER.pack(PIECE, n) + data)
            event = engine.next_event()
            wait = seconds - now if event is None else min(event, seconds) - now
            if select.select([sock], [], [], max(wait, 0))[0]:
                kind, n = HEADER.unpack_from(sock.recv(65536))
                engine.on_ack(time.perf_counter() - began, kind, n)
        return engine.finish(time.perf_counter() - began)


def simulate(
    sender: Sender,
    receiver: Receiver,
    *,
    size: int = 1000,
    timeout: float = 0.06,
    interval: float = 0.002,
    seed: int = 0,
    **link: Any,
) -> Transfer:
    """The same transfer with a clock that is only a number: no socket, no waiting.

    Parameters
    ----------
    link
        What the link does in both directions: see `helpers.wire.Parameters`.
    """
    engine = _Engine(sender, size, timeout, interval)
    kind = ALL_BEFORE if receiver.cumulative else THIS_ONE
    ways = [Direction(Parameters(**link), Records(), f"{seed} {n}")
            for n in range(2)]  # fmt: skip
    now = 0
    while not engine.done:
        while (n := engine.transmit(now / SECOND)) is not None:
            ways[0].arrive(now, HEADER.pack(PIECE, n) + bytes(size))
        for due, frame in ways[0].advance(now):
            ack = receiver.on_piece(HEADER.unpack_from(frame)[1], frame[HEADER.size :])
            ways[1].arrive(due, HEADER.pack(kind, ack))
        for due, frame in ways[1].advance(now):
            engine.on_ack(due / SECOND, *HEADER.unpack(frame))
        event = engine.next_event()
        times = [] if event is None else [round(event * SECOND)]
        times += [at for way in ways if (at := way.next_event()) is not None]
        if not times or engine.done:
            break
        now = max(now + 1, min(times))
    return engine.finish(now / SECOND)
