"""The wire of a private network beside what it was set to: rate, delay, loss."""

from __future__ import annotations

import socket
import time

from rows import Absent

from helpers import Network, latency
from helpers.network import NoPrivateNetwork

LOSS = 0.25  # so much that few datagrams suffice to see 3 % of it
DATAGRAMS = 60_000  # the loss comes out within 0.7 % of what was set, two times of three
BURST = 200  # datagrams in a row: fewer than the receive buffer holds
HEADERS = 14 + 20 + 8  # of a frame with UDP over IPv4


def kept_rate(rate: float, seconds: float = 1.5, size: int = 1400) -> dict[str, float]:
    """Bits a second of frames that arrive while more is sent than fits on the wire."""
    with _network(rate=rate, queue_limit=50) as net:
        with (
            net.b.socket(type=socket.SOCK_DGRAM) as sink,
            net.a.socket(type=socket.SOCK_DGRAM) as source,
        ):
            sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            sink.bind((net.b.ipv4, 0))
            sink.setblocking(False)
            source.connect(sink.getsockname())
            interval = 8 * (size + HEADERS) / rate / 1.2  # 20 % more than fits
            start = due = time.perf_counter()
            first = last = count = 0.0
            while due < start + seconds:
                now = time.perf_counter()
                if now >= due:
                    source.send(bytes(size))
                    due += interval
                try:
                    while True:
                        sink.recv(2048)
                        last = time.perf_counter()
                        first = first or last
                        count += 1
                except BlockingIOError:
                    time.sleep(max(0.0, min(due - now, 0.001)) * 0.5)
    return {"rate": (count - 1) * 8 * (size + HEADERS) / (last - first), "set": rate}


def kept_delay(delay: float, rounds: int = 60) -> dict[str, float]:
    """What a wire's delay adds to the round trip of a datagram, in seconds, and what was set.

    The rest of a round trip, some tenths of a millisecond, is the work of both ends.
    """
    with _network() as net, net.b.socket(type=socket.SOCK_DGRAM) as far:
        far.bind((net.b.ipv4, 0))
        with net.a.socket(type=socket.SOCK_DGRAM) as near:
            near.connect(far.getsockname())

            def round_trip() -> None:
                near.send(b"x")
                data, address = far.recvfrom(10)
                far.sendto(data, address)
                near.recv(10)

            def median() -> float:
                trips = latency(round_trip, rounds=rounds, warmup=3, label="round trip")
                return trips.percentile(50)

            without = median()
            net.wire.delay = delay
            return {"added": median() - without, "set": 2 * delay}


def kept_loss() -> dict[str, float]:
    """The share of datagrams that a wire loses, and what was set."""
    with _network() as net, net.b.socket(type=socket.SOCK_DGRAM) as sink:
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sink.bind((net.b.ipv4, 0))
        sink.settimeout(1)
        with net.a.socket(type=socket.SOCK_DGRAM) as source:
            source.connect(sink.getsockname())
            source.send(b"x")  # ARP comes first, without loss
            sink.recv(10)
            net.wire.a_to_b.loss = LOSS
            arrived = 0
            for number in range(DATAGRAMS // BURST):
                for _ in range(BURST):
                    source.send(b"x")
                arrived += _until(sink, source, b"that was burst %d" % number)
    return {"loss": 1 - arrived / DATAGRAMS, "set": LOSS}


def _until(sink: socket.socket, source: socket.socket, mark: bytes) -> int:
    """Send a mark until one arrives; return how many datagrams came before it."""
    came = 0
    sink.settimeout(0.1)
    while True:
        source.send(mark)
        try:
            while (data := sink.recv(100)) != mark:
                came += data == b"x"
            return came
        except TimeoutError:
            continue  # the mark was lost itself


def _network(**parameters: float) -> Network:
    try:
        return Network(**parameters)
    except NoPrivateNetwork as error:
        raise Absent(str(error)) from error
