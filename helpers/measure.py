"""How long does a call take, and how much gets through?

`latency` times one call again and again; `throughput` fills a connection with
messages of several sizes. Both give back every number they measured, with the
label of what was measured, ready for `helpers.figures`.

>>> quick = latency(lambda: None, rounds=100, warmup=10, label="an empty call")
>>> quick.percentile(50) <= quick.percentile(99) <= quick.percentile(100)
True
"""

from __future__ import annotations

import gc
import inspect
import math
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from numbers import Integral
from typing import Any

from .progress_bars import progress_bar
from .units import format_rate, format_size, format_time

Address = tuple[str, int] | tuple[str, int, int, int] | str
Call = Callable[[], object]
_SINK = "a sink reads until recv() returns b'', sends nothing, then closes"


@dataclass(frozen=True)
class Latency:
    """Every sample of one `latency` run.

    Attributes
    ----------
    label : str
        What was timed.
    nanoseconds : tuple of int
        How long each call took, in the order of the calls.
    warmup : int
        How many calls came before these and were not kept.
    note : str
        Where they were measured, if not just now on this machine.
    """

    label: str
    nanoseconds: tuple[int, ...]
    warmup: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        if not self.nanoseconds:
            raise ValueError(f"There is no sample of {self.label!r}: measure at least one call.")

    @cached_property
    def ordered(self) -> tuple[int, ...]:
        """The samples in nanoseconds, shortest first."""
        return tuple(sorted(self.nanoseconds))

    def percentile(self, p: float) -> float:
        """The time, in seconds, within which `p` percent of the calls returned.

        By nearest rank: the smallest sample that at least `p` percent of the samples
        do not exceed. It is always a sample, never a mean of two. (numpy calls this
        method "inverted_cdf".) ValueError if `p` is not between 0 and 100.
        """
        if not 0 <= p <= 100:
            raise ValueError(f"A percentile lies between 0 and 100; got {p!r}.")
        # Rounded first: in binary, 55 % of 100 is a hair above 55.
        rank = math.ceil(round(p / 100 * len(self.ordered), 6))
        return self.ordered[max(rank, 1) - 1] / 1e9

    def summary(self) -> str:
        """The measured numbers as one sentence.

        A percentile that so few samples cannot tell from the longest is left out.
        """
        count = len(self.nanoseconds)
        told = [p for p in (50, 90, 99) if count * (100 - p) >= 100]
        parts = [f"p{p} {format_time(self.percentile(p))}" for p in told]
        parts.append(f"max {format_time(self.percentile(100))}")
        return f"{self.label}: {', '.join(parts)} ({self._loop()})."

    def circumstances(self) -> str:
        """How it was measured, as one sentence, without the numbers."""
        return f"{self.label}: {self._loop()}."

    def _loop(self) -> str:
        count = len(self.nanoseconds)
        return f"{count:,} calls in a closed loop, after {self.warmup:,} to warm up"

    def __repr__(self) -> str:
        median = format_time(self.percentile(50))
        return f"<Latency {self.label!r}: {len(self.nanoseconds):,} samples, p50 {median}>"


def latency(call: Call, *, rounds: int = 2000, warmup: int = 200, label: str) -> Latency:
    """Time `call()` again and again, one call after another.

    This is a closed loop: each call starts when the last has returned. A stall
    delays the calls behind it without being counted against them. One second of
    silence is one slow sample, where users arriving at their own pace would have met
    a thousand. So the tail seen here is shorter than the one that users meet. This
    is called coordinated omission.

    Each sample includes one reading of the clock: see `timer_resolution`.

    Parameters
    ----------
    call : callable
        Takes no argument. What it returns is ignored.
    rounds, warmup : int
        How many calls to keep, and how many to make first and discard: those fill
        caches, resolve names and open TCP's window.
    label : str
        What is timed, in a few words.

    Raises
    ------
    ValueError
        If `rounds` is below 1, `warmup` below 0, or `label` empty.
    TypeError
        If `call` cannot be called, or is a coroutine function (to call one does no work).
    Exception
        Whatever `call` raises, with a note that says in which round.
    """
    if not callable(call) or inspect.iscoroutinefunction(call):
        raise TypeError(f"latency() times a plain function without arguments; got {call!r}.")
    check_label(label)
    rounds, warmup = whole("rounds", rounds, 1), whole("warmup", warmup, 0)
    samples = [0] * (warmup + rounds)
    clock = time.perf_counter_ns
    bar: Any = None
    done = 0
    # No garbage collection meanwhile, as in timeit: one collection walks through
    # all that the notebook ever made, and would be charged to a chance round.
    # Reference counting still frees what the calls leave behind.
    collecting = gc.isenabled()
    gc.disable()
    try:
        begun = clock()
        pause = begun + 1_000_000_000
        while (done := _time_calls(call, samples, done, pause, warmup)) < len(samples):
            if bar is None:
                bar = progress_bar(len(samples), label)
            bar.update(done - bar.n)
            # In a notebook another thread sends the bar's messages. Unless it is let
            # finish, the next rounds take up to 1 ms longer.
            time.sleep(0.01)
            # The pauses come further and further apart: 7 in 5 s, about 20 in 100 s.
            pause = clock() + (clock() - begun) // 4
        if bar is not None:
            bar.update(len(samples) - bar.n)  # a bar closed before its end stays, in red
    finally:
        if collecting:
            gc.enable()
        if bar is not None:
            bar.close()
    return Latency(label, tuple(samples[warmup:]), warmup)


def _time_calls(call: Call, samples: list[int], first: int, pause: int, warmup: int) -> int:
    """Fill `samples` from `first` on, until full or until the clock says `pause`.

    Returns the index of the first sample not yet taken. Between the two readings of
    the clock there is nothing but the call, and all names are local, hence quick.
    """
    clock = time.perf_counter_ns
    index = first
    try:
        for index in range(first, len(samples)):
            start = clock()
            call()
            end = clock()
            samples[index] = end - start
            if end >= pause:
                break
    except Exception as error:
        if index < warmup:
            where = f"warm-up round {index + 1} of {warmup}"
        else:
            where = f"round {index - warmup + 1} of {len(samples) - warmup}"
        error.add_note(f"latency(): the call raised this in {where}.")
        raise
    return index + 1


def timer_resolution() -> float:
    """The shortest time, in seconds, between two readings of the clock.

    The clock's tick or the cost of reading it, whichever is longer.
    """
    clock = time.perf_counter_ns
    readings = [clock() for _ in range(100_000)]
    return min(end - start for start, end in pairwise(readings) if end > start) / 1e9


@dataclass(frozen=True)
class Throughput:
    """What one `throughput` run measured.

    Attributes
    ----------
    label : str
        What was measured.
    sizes : tuple of int
        Message sizes in bytes, smallest first.
    bits_per_second : tuple of float
        Goodput at each size: what the receiver read. Headers do not count.
    seconds : float
        How long messages of each size were sent.
    note : str
        Where this was measured, if not just now on this machine.
    """

    label: str
    sizes: tuple[int, ...]
    bits_per_second: tuple[float, ...]
    seconds: float
    note: str = ""

    @property
    def messages_per_second(self) -> tuple[float, ...]:
        """Messages sent and read in a second, at each size."""
        pairs = zip(self.bits_per_second, self.sizes, strict=True)
        return tuple(rate / (8 * size) for rate, size in pairs)

    def summary(self) -> str:
        """The measured numbers as one sentence."""
        points = list(zip(self.sizes, self.bits_per_second, strict=True))
        best = max(points, key=lambda point: point[1])
        parts = [
            f"{format_rate(point[1])} in messages of {format_size(point[0])}"
            + (" (the most)" if point == best != points[0] else "")
            for point in sorted({points[0], best, points[-1]})
        ]
        return f"{self.label}: {', '.join(parts)}; each size sent for {format_time(self.seconds)}."

    def __repr__(self) -> str:
        most = format_rate(max(self.bits_per_second))
        return f"<Throughput {self.label!r}: {len(self.sizes)} sizes, up to {most}>"


def throughput(
    address: Address,
    *,
    sizes: Iterable[int],
    seconds: float = 0.25,
    label: str,
    connect: Callable[[Address], socket.socket] | None = None,
    timeout: float = 10.0,
) -> Throughput:
    """Measure the goodput of a connection to a sink, for messages of several sizes.

    A sink reads until the end of the stream and then closes (RFC 863, the discard
    protocol). For each size this opens a connection, calls sendall() for `seconds`,
    ends the stream, and waits for the server to close. Only then does the clock
    stop: when a send returns, its bytes are merely in the kernel's queue.

    A shorter run on its own connection warms up each size, unmeasured; the measured
    connection still begins with TCP's slow start. TCP_NODELAY is not set, so Nagle's
    algorithm may join small messages into one segment. Small messages measure mainly
    the system call that each one costs and, if the sink is a thread of this process,
    its share of the GIL.

    Parameters
    ----------
    address : (host, port), (host, port, flowinfo, scope_id) or str
        Where the sink listens; a str is the path of a Unix socket.
    sizes : iterable of int
        Message sizes in bytes. Each is sent for `seconds`.
    label : str
        What is measured, in a few words.
    connect : callable, optional
        Given the address, returns a connected stream socket. Default: a plain one.
    timeout : float
        Seconds to wait for the sink to read on, or to close at the end.

    Raises
    ------
    ValueError
        If a parameter makes no sense, or the server sends bytes back.
    TimeoutError
        If the server stops reading, or does not close after the end of the stream.
    ConnectionError
        If there is no server, or it closes before the end of the stream.
    """
    check_label(label)
    ordered = tuple(sorted({whole("size", size, 1) for size in sizes}))
    if not ordered:
        raise ValueError("throughput() needs at least one message size in bytes; sizes is empty.")
    if not (seconds > 0 and timeout > 0):
        raise ValueError(f"seconds and timeout must be above 0; got {seconds!r} and {timeout!r}.")
    open_connection = connect or (lambda where: _connect(where, timeout))
    rates = []
    with progress_bar(len(ordered), label, delay=1) as bar:
        for size in ordered:
            message = b"x" * size  # not bytes(size): the kernel may keep zeros as one shared page
            for duration in (seconds / 5, seconds):  # the first to warm up
                with open_connection(address) as connection:
                    rate = _goodput(connection, message, duration, timeout)
            rates.append(rate)
            bar.update()
    return Throughput(label, ordered, tuple(rates), seconds)


def _goodput(connection: socket.socket, message: bytes, seconds: float, timeout: float) -> float:
    """Bits per second that the sink read of copies of `message` sent for `seconds`."""
    _limit_sending(connection, timeout)
    sendall, clock, count = connection.sendall, time.perf_counter_ns, 0
    start = clock()
    stop = start + int(seconds * 1e9)
    try:
        while clock() < stop:
            sendall(message)
            count += 1
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(timeout)
        answer = connection.recv(1)
        end = clock()
    except (BlockingIOError, TimeoutError):  # in a send, in the last wait
        raise TimeoutError(
            f"For {timeout:g} s the server did not read on, or did not close after the end of "
            f"the stream: {_SINK}. If the path is slow, pass a longer timeout=…"
        ) from None
    except ConnectionError as error:
        raise ConnectionError(
            f"The server closed the connection before the end of the stream: {_SINK}."
        ) from error
    if answer:
        raise ValueError(f"The server sent bytes back: {_SINK}.")
    return 8 * count * len(message) / (end - start) * 1e9


def _limit_sending(connection: socket.socket, timeout: float) -> None:
    """Make a send fail once it has waited `timeout` seconds (SO_SNDTIMEO, socket(7)).

    Not by settimeout(): with it Python calls poll() before every send, which would
    double the system calls that are measured.
    """
    connection.settimeout(None)
    if sys.platform == "win32":
        limit = struct.pack("L", math.ceil(timeout * 1000))
    else:
        limit = struct.pack("ll", int(timeout), int(timeout % 1 * 1e6))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def _connect(address: Address, timeout: float) -> socket.socket:
    """A plain stream connection to `address`, of the family its form implies."""
    if len(address) == 2 and not isinstance(address, str):
        return socket.create_connection(address, timeout)
    if isinstance(address, str) and not hasattr(socket, "AF_UNIX"):
        raise ValueError(f"Python has no Unix sockets on this system; got the path {address!r}.")
    connection = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6)
    try:
        connection.settimeout(timeout)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def check_label(label: str) -> None:
    """ValueError if the label says nothing."""
    if not isinstance(label, str) or not label.strip():
        raise ValueError(f"label must say in a few words what is measured; got {label!r}.")


def whole(name: str, value: int, least: int) -> int:
    """The value as an int; ValueError, by its name, if it is not a whole number, or too small."""
    if not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be a whole number, at least {least}; got {value!r}.")
    return int(value)
