"""What UDP's sockets lose, and how much gets through them.

>>> sent, received = datagram_throughput(sizes=[1000], seconds=0.01, label="UDP")
>>> sent.label, received.label
('UDP, sent', 'UDP, received')
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterable

from .linux import LINUX, SO_MEMINFO
from .measure import Throughput, check_label, whole
from .progress_bars import progress_bar

_DROPS = 8  # SK_MEMINFO_DROPS of linux/sock_diag.h: an index into an array of 32-bit numbers
_TOO_LONG = "Each of these sizes is refused by this system as too long for a datagram."


def udp_drops(sock: socket.socket) -> int:
    """How many datagrams the kernel has thrown away that were for this socket.

    It had no room for them in the receive buffer, or their checksum was wrong. The same number
    is in the last column, `drops`, of /proc/net/udp. Source: socket option SO_MEMINFO.

    Raises
    ------
    NotImplementedError
        On any system but Linux, which tells nothing of a single socket.
    """
    if not LINUX:
        raise NotImplementedError("Only Linux counts the datagrams that a socket lost.")
    numbers = sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 4 * (_DROPS + 1))
    return int(struct.unpack_from("=I", numbers, 4 * _DROPS)[0])


def datagram_throughput(
    *, sizes: Iterable[int], seconds: float = 0.25, label: str
) -> tuple[Throughput, Throughput]:
    """Send datagrams over loopback as fast as they go: what was sent, and what was received.

    For each size, a connected socket calls send() for `seconds`, and a thread of this process
    reads into one buffer: the same conditions as for `throughput` with `serve_tcp(discard)`. A
    shorter run warms up each size, unmeasured. UDP has no end of a stream, so empty datagrams
    follow until one has arrived; the receiver's clock stops there. Sizes that this system
    refuses as too long are left out (macOS: those above 9,216 bytes, unless it was changed).

    Parameters
    ----------
    sizes : iterable of int
        Bytes of payload in each datagram.
    seconds : float
        How long to send datagrams of each size.
    label : str
        What is measured, in a few words.

    Raises
    ------
    ValueError
        If a parameter makes no sense, or no size can be sent.
    """
    check_label(label)
    ordered = sorted({whole("size", size, 1) for size in sizes})
    if not seconds > 0:
        raise ValueError(f"seconds must be above 0; got {seconds!r}.")
    measured: dict[int, tuple[float, float]] = {}
    with progress_bar(len(ordered), label, delay=1) as bar:
        for size in ordered:
            for duration in (seconds / 5, seconds):  # the first to warm up
                with contextlib.suppress(_TooLong):
                    measured[size] = _rates(size, duration)
            bar.update()
    if not measured:
        raise ValueError(_TOO_LONG)
    sent, received = zip(*measured.values(), strict=True)
    kept = tuple(measured)
    return (
        Throughput(f"{label}, sent", kept, sent, seconds),
        Throughput(f"{label}, received", kept, received, seconds),
    )


class _TooLong(Exception):
    """The system refuses datagrams of this size."""


def _rates(size: int, seconds: float) -> tuple[float, float]:
    """Bits a second that were sent, and that were received."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        sender.connect(receiver.getsockname())
        counted: list[int] = []
        reader = threading.Thread(target=_count, args=(receiver, counted), daemon=True)
        reader.start()
        start = time.perf_counter_ns()
        try:
            sent = _send(sender, b"x" * size, start + int(seconds * 1e9))
            stopped = time.perf_counter_ns()
        finally:
            while reader.is_alive():
                sender.send(b"")  # the buffer may be full: until one gets in
                reader.join(0.001)
    received, ended = counted
    return 8e9 * size * sent / (stopped - start), 8e9 * received / (ended - start)


def _send(sender: socket.socket, message: bytes, stop: int) -> int:
    """Send the message until the clock says `stop`; how often it was accepted."""
    clock, send, count = time.perf_counter_ns, sender.send, 0
    try:
        send(message)
    except OSError as error:
        raise _TooLong from error
    while clock() < stop:
        try:
            send(message)
        except OSError:  # ENOBUFS, on systems that do not wait: not sent
            continue
        count += 1
    return count + 1


def _count(receiver: socket.socket, counted: list[int]) -> None:
    """Read until an empty datagram comes; then the bytes and the time of the end."""
    buffer, total = bytearray(65536), 0
    while length := receiver.recv_into(buffer):
        total += length
    counted += [total, time.perf_counter_ns()]
