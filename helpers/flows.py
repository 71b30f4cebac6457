"""TCP connections that send all they can through a private network, and what they did.

    with Network(rate=10e6, delay=0.010, queue_limit=15) as net:
        flow = bulk(net, seconds=2, algorithm="reno")
    flow.goodput                                    # bits a second
    window_chart(flow.samples, queue=flow.queue)

All that is returned can be recorded (`helpers.experiments`): samples are thinned, and hold
only the members of TCP_INFO that a picture of a window needs.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .kernel_state import TcpInfo, sample, tcp_info
from .machine import NotHere
from .measure import Latency
from .network import Host, Network
from .progress_bars import progress_bar
from .server_threads import Server
from .servers import discard, serve_tcp

FRAME = 1514  # bytes of a full Ethernet frame, without its check sequence
EVERY = 0.010  # seconds between two samples
_KEPT = (
    "state", "rto", "snd_mss", "rtt", "min_rtt", "snd_ssthresh", "snd_cwnd", "total_retrans",
    "bytes_acked", "notsent_bytes", "snd_wnd",
)  # fmt: skip


@dataclass(frozen=True)
class Paced(Latency):
    """Samples of messages that were sent at fixed times, however long the others took."""

    def _loop(self) -> str:
        return f"{len(self.nanoseconds):,} that arrived, sent at fixed times (an open loop)"


T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Flow:
    """One connection that sent for some time.

    Attributes
    ----------
    label : str
        Which one: by default its congestion control.
    goodput : float
        Bits a second that were acknowledged, without the warm-up.
    samples : list of (time_ns, TcpInfo)
        What the sender knew, every 10 ms.
    queue : list of (time_ns, bytes)
        What waited at the bottleneck, every 10 ms: counted in frames, as if all were full.
    note : str
        Where it was measured, if not just now on this machine.
    """

    label: str
    goodput: float
    samples: list[tuple[int, TcpInfo]] = field(default_factory=list)
    queue: list[tuple[int, int]] = field(default_factory=list)
    note: str = ""

    def rates(self, width: float = 0.1) -> tuple[list[int], list[float]]:
        """Goodput over time: the ends of intervals of `width` seconds (ns), and bits a second."""
        times, rates = [], []
        before_ns, before = self.samples[0][0], self.samples[0][1].bytes_acked or 0
        for time_ns, info in self.samples:
            if time_ns - before_ns >= width * 1e9:
                acked = info.bytes_acked or 0
                times.append(time_ns)
                rates.append(8e9 * (acked - before) / (time_ns - before_ns))
                before_ns, before = time_ns, acked
        return times, rates

    def __repr__(self) -> str:
        return f"{self.label}: {self.goodput / 1e6:.2f} Mbit/s"


def bulk(
    net: Network,
    seconds: float = 2.0,
    algorithm: str = "reno",
    *,
    warm_up: float = 0.3,
    after: float = 0.0,
    label: str = "",
    sndbuf: int = 0,
    rcvbuf: int = 0,
) -> Flow:
    """Send from host a to host b as fast as TCP allows; the receiver throws all away.

    Parameters
    ----------
    seconds : float
        How long, the warm-up included.
    algorithm : str
        The congestion control of the sender: "reno", "cubic", "bbr" (TCP_CONGESTION, tcp(7)).
    warm_up : float
        Seconds at the beginning that do not count for the goodput.
    after : float
        Seconds to wait before it connects.
    sndbuf, rcvbuf : int
        SO_SNDBUF of the sender and SO_RCVBUF of the receiver, in bytes, set before they connect
        (socket(7): Linux doubles both). 0: the kernel chooses, and adapts them.

    Raises
    ------
    NotHere
        If this machine's kernel does not have, or not allow, that congestion control.
    """
    time.sleep(after)
    with _sink(net.b, rcvbuf) as server, net.a.socket() as client:
        choose(client, algorithm)
        if sndbuf:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
        client.connect(server.address)
        client.settimeout(EVERY)
        with sample(lambda: _thin(tcp_info(client)), every=EVERY) as samples:
            end = time.monotonic() + seconds
            block = bytes(1 << 16)
            while time.monotonic() < end:
                try:
                    client.send(block)
                except TimeoutError:  # the socket's buffer is full: look at the clock
                    continue
            # What is still queued is of no interest, and would take long to arrive.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    seen = [(at, info) for at, info in samples if info is not None]
    first = next(s for s in seen if s[0] >= seen[0][0] + warm_up * 1e9)
    acked = (seen[-1][1].bytes_acked or 0) - (first[1].bytes_acked or 0)
    goodput = 8e9 * acked / max(seen[-1][0] - first[0], 1)
    return Flow(label or algorithm, goodput, seen, _queue(net, [at for at, _ in seen]))


@contextmanager
def _sink(host: Host, rcvbuf: int) -> Iterator[Server]:
    """A server that throws all away. The connections inherit the listener's SO_RCVBUF."""
    if not rcvbuf:
        with host.serve_tcp(_discard) as server:
            yield server
        return
    with host.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        listener.bind((host.ipv4, 0))
        listener.listen()
        with serve_tcp(_discard, listener=listener) as server:
            yield server


def _discard(conn: socket.socket) -> None:
    with suppress(ConnectionResetError):  # how `bulk` ends a connection
        discard(conn)


def choose(sock: socket.socket, algorithm: str) -> None:
    """Let a socket use this congestion control. NotHere if the kernel says no."""
    if not hasattr(socket, "TCP_CONGESTION"):
        raise NotHere("Only Linux lets a program choose its congestion control.")
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, algorithm.encode())
    except OSError as error:
        raise NotHere(f"No {algorithm} in this machine's kernel ({error.strerror}).") from None


def _thin(info: TcpInfo) -> TcpInfo:
    return TcpInfo(**{name: getattr(info, name) for name in _KEPT})


def _queue(net: Network, times: list[int]) -> list[tuple[int, int]]:
    """The queue from a to b at these times, in bytes."""
    lengths = net.wire.a_to_b.queue
    changes = [length.time_ns for length in lengths]
    found = []
    for at in times:
        place = bisect_right(changes, at) - 1
        found.append((at, lengths[place].frames * FRAME if place >= 0 else 0))
    return found


def at_once(function: Callable[[T], R], values: Iterable[T]) -> list[R]:
    """Call `function` with each value, all at the same time; give the results in that order.

    For experiments that wait more than they compute. A bar shows how many are done.
    """
    values = list(values)
    with ThreadPoolExecutor(len(values)) as pool, progress_bar(len(values), "runs", 1) as bar:
        futures = [pool.submit(function, value) for value in values]
        pending = set(futures)
        while pending:
            done, pending = wait(pending, timeout=0.2, return_when="FIRST_COMPLETED")
            bar.update(len(done))
        return [future.result() for future in futures]


# ------------------------------------------------------------------ small messages


def ping_under_load(
    net: Network, seconds: float, label: str, algorithm: str = "reno", every: float = 0.005
) -> Latency:
    """Round trips of a small datagram while a TCP connection fills the same wire.

    One is sent every 5 ms, whether or not the one before has come back (an open loop). Those
    that a full queue drops are left out, and so is the first half second.
    """
    load = threading.Thread(target=bulk, args=(net, seconds, algorithm))
    sent: list[int] = []
    took: list[int] = []
    with net.b.serve_udp(_echo) as server, net.a.socket(type=socket.SOCK_DGRAM) as client:
        choose_here(net.a, algorithm)
        client.connect(server.address)
        load.start()
        start = time.perf_counter() + 0.5
        time.sleep(0.5)
        while (now := time.perf_counter() - start) < seconds - 0.6:
            if now >= len(sent) * every:
                sent.append(time.perf_counter_ns())
                client.send((len(sent) - 1).to_bytes(4, "big"))
            wait = start + len(sent) * every - time.perf_counter()
            if select.select([client], [], [], max(0.0, wait))[0]:
                number = int.from_bytes(client.recv(100), "big")
                took.append(time.perf_counter_ns() - sent[number])
        load.join()
    return Paced(label, tuple(took))


def choose_here(host: Host, algorithm: str) -> None:
    """NotHere if sockets of this host cannot use this congestion control."""
    with host.socket() as probe:
        choose(probe, algorithm)


def _echo(sock: socket.socket) -> None:
    data, address = sock.recvfrom(2048)
    sock.sendto(data, address)


def messages(
    net: Network, count: int, *, size: int = 1000, interval: float = 0.005, label: str
) -> Latency:
    """Messages in one TCP stream, one every `interval`: how long until each is read.

    Both ends read the same clock. A message is there when its last byte can be read.
    """
    arrived: list[int] = []

    def read(conn: socket.socket) -> None:
        received = 0
        while data := conn.recv(65536):
            received += len(data)
            arrived.extend([time.perf_counter_ns()] * (received // size - len(arrived)))

    sent = []
    with net.b.serve_tcp(read) as server, net.a.socket() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.connect(server.address)
        for _ in paced(count, interval):
            sent.append(time.perf_counter_ns())
            client.sendall(bytes(size))
        client.shutdown(socket.SHUT_WR)
        client.settimeout(5)
        client.recv(1)  # the server has read all, and closed
    return Paced(label, tuple(b - a for a, b in zip(sent, arrived, strict=True)))


def paced(count: int, interval: float) -> Iterable[int]:
    """0 to count-1, one every `interval` seconds, however long the loop's body takes."""
    start = time.perf_counter()
    for number in range(count):
        time.sleep(max(0.0, start + number * interval - time.perf_counter()))
        yield number


def jain(rates: Iterable[float]) -> float:
    """Jain's index of fairness: 1 if all have the same, 1/n if one of n has all.

    R. Jain, D. Chiu, W. Hawe: A Quantitative Measure of Fairness, DEC-TR-301, 1984.
    """
    values: list[Any] = list(rates)
    squares = len(values) * sum(value * value for value in values)
    return sum(values) ** 2 / squares if squares else 1.0
