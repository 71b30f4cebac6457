"""What the Linux kernel says of a socket: its TCP state, its timers, its windows, its queues.

Packets show what went over the wire. The rest of a connection lives in the kernel at each
end, and the kernel tells it to any program that owns the socket, without privilege.

>>> import socket
>>> with socket.create_server(("127.0.0.1", 0)) as server:
...     with socket.create_connection(server.getsockname()) as client:
...         tcp_info(client).state
'ESTABLISHED'
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

# include/net/tcp_states.h, with the names that `ss` and `netstat` print.
STATES = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RECV",
    4: "FIN_WAIT1",
    5: "FIN_WAIT2",
    6: "TIME_WAIT",
    7: "CLOSED",
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "SYN_RECV",  # TCP_NEW_SYN_RECV: the same state, kept in a smaller structure
}

NOT_SET_YET = 0x7FFFFFFF  # TCP_INFINITE_SSTHRESH: no loss has set the threshold

_FIONREAD = 0x541B  # SIOCINQ, ioctl_list(2)
_SIOCOUTQ = 0x5411
_SIOCOUTQNSD = 0x894B

# struct tcp_info of include/uapi/linux/tcp.h, in order. It only ever grows at its end, so
# an older kernel gives a shorter one. "=": every member is already on its natural boundary.
_LAYOUT = (
    ("BBBBBBBB", "state ca_state retransmits probes backoff options wscale flags"),
    ("IIII", "rto ato snd_mss rcv_mss"),
    ("IIIII", "unacked sacked lost retrans fackets"),
    ("IIII", "last_data_sent last_ack_sent last_data_recv last_ack_recv"),
    ("IIIIIIII", "pmtu rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss reordering"),
    ("III", "rcv_rtt rcv_space total_retrans"),
    ("QQQQ", "pacing_rate max_pacing_rate bytes_acked bytes_received"),
    ("IIIIII", "segs_out segs_in notsent_bytes min_rtt data_segs_in data_segs_out"),
    ("QQQQ", "delivery_rate busy_time rwnd_limited sndbuf_limited"),
    ("II", "delivered delivered_ce"),
    ("QQ", "bytes_sent bytes_retrans"),
    ("IIIIII", "dsack_dups reord_seen rcv_ooopack snd_wnd rcv_wnd rehash"),
)
_MEMBERS = [pair for formats, names in _LAYOUT for pair in zip(names.split(), formats, strict=True)]
_MICROSECONDS = ("rto", "rtt", "rttvar", "rcv_rtt", "min_rtt")


@dataclass(frozen=True)
class TcpInfo:
    """What `getsockopt(TCP_INFO)` says: the members of `struct tcp_info` that teach something.

    Times are in seconds, rates in bytes a second, `snd_cwnd`, `snd_ssthresh`, `unacked`,
    `lost` and `retrans` in segments, the rest in bytes or counts. A member that this kernel
    is too old to know is None. `snd_ssthresh` is `NOT_SET_YET` until a first loss sets it.
    `retransmits` counts timeouts in a row, `total_retrans` segments since the beginning.
    """

    state: str
    retransmits: int | None = None
    probes: int | None = None
    backoff: int | None = None
    rto: float | None = None
    snd_mss: int | None = None
    rcv_mss: int | None = None
    unacked: int | None = None
    sacked: int | None = None
    lost: int | None = None
    retrans: int | None = None
    pmtu: int | None = None
    rcv_ssthresh: int | None = None
    rtt: float | None = None
    rttvar: float | None = None
    snd_ssthresh: int | None = None
    snd_cwnd: int | None = None
    advmss: int | None = None
    reordering: int | None = None
    rcv_rtt: float | None = None
    rcv_space: int | None = None
    total_retrans: int | None = None
    pacing_rate: int | None = None
    bytes_acked: int | None = None
    bytes_received: int | None = None
    segs_out: int | None = None
    segs_in: int | None = None
    notsent_bytes: int | None = None
    min_rtt: float | None = None
    data_segs_in: int | None = None
    data_segs_out: int | None = None
    delivery_rate: int | None = None
    delivered: int | None = None
    bytes_sent: int | None = None
    bytes_retrans: int | None = None
    snd_wnd: int | None = None
    rcv_wnd: int | None = None


class Queues(NamedTuple):
    """The bytes in the queues of one socket."""

    unacked: int  # written and not acknowledged yet, sent or not (SIOCOUTQ)
    unsent: int  # the part of them that was not even sent yet (SIOCOUTQNSD)
    readable: int  # received, in order, and not read yet (FIONREAD)


class SocketRow(NamedTuple):
    """One line of /proc/net/tcp or /proc/net/tcp6."""

    local: tuple[str, int]
    remote: tuple[str, int]
    state: str
    rx_queue: int  # bytes not read yet; on a listening socket, connections not accepted yet
    tx_queue: int  # bytes not acknowledged yet


def tcp_info(sock: socket.socket) -> TcpInfo:
    """What the kernel knows of this TCP connection, at this moment (tcp(7), TCP_INFO).

    Raises
    ------
    NotImplementedError
        On a system other than Linux.
    TypeError
        If `sock` is not a TCP socket.
    OSError
        If `sock` is closed (EBADF).
    """
    _need_linux("TCP_INFO")
    _need_tcp(sock)
    return _parse_tcp_info(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 512))


def _parse_tcp_info(data: bytes) -> TcpInfo:
    values: dict[str, Any] = {}
    offset = 0
    for name, code in _MEMBERS:
        size = struct.calcsize("=" + code)
        if offset + size > len(data):
            break
        values[name] = struct.unpack_from("=" + code, data, offset)[0]
        offset += size
    values["state"] = STATES.get(values["state"], f"state {values['state']}")
    for name in _MICROSECONDS:
        if name in values:
            values[name] /= 1e6
    # The kernel says "no measurement yet" with all ones.
    if values.get("min_rtt") == 0xFFFFFFFF / 1e6:
        values["min_rtt"] = None
    wanted = {field.name for field in fields(TcpInfo)}
    return TcpInfo(**{name: value for name, value in values.items() if name in wanted})


def queues(sock: socket.socket) -> Queues:
    """How many bytes wait in this TCP socket, on their way out and on their way in (tcp(7)).

    Raises as `tcp_info` does.
    """
    _need_linux("The queues of a socket")
    _need_tcp(sock)
    return Queues(*(_ioctl(sock, code) for code in (_SIOCOUTQ, _SIOCOUTQNSD, _FIONREAD)))


def _ioctl(sock: socket.socket, code: int) -> int:
    import fcntl  # which Windows does not have

    if sock.fileno() < 0:
        raise OSError(errno.EBADF, "this socket is closed")
    return struct.unpack("=i", fcntl.ioctl(sock.fileno(), code, bytes(4)))[0]


def tcp_states(port: int) -> list[SocketRow]:
    """Every TCP socket of this machine that has `port` at either end (proc_net(5)).

    Unlike TCP_INFO this also shows the sockets no program has any more: those in FIN_WAIT2,
    LAST_ACK or TIME_WAIT. The kernel walks all its sockets for it, which takes milliseconds.

    Raises
    ------
    NotImplementedError
        On a system other than Linux.
    """
    _need_linux("/proc/net/tcp")
    rows = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        path = Path(table)
        # A kernel without IPv6 has no tcp6.
        lines = path.read_text().splitlines()[1:] if path.exists() else []
        # The port first: most lines are about others, and need not be taken apart.
        rows += [_row(line) for line in lines if f":{port:04X} " in line]
    return [row for row in rows if port in (row.local[1], row.remote[1])]


def _row(line: str) -> SocketRow:
    _, local, remote, state, tx_rx, *_ = line.split()
    tx_queue, rx_queue = (int(part, 16) for part in tx_rx.split(":"))
    name = STATES.get(int(state, 16), f"state {state}")
    return SocketRow(_address(local), _address(remote), name, rx_queue, tx_queue)


def _address(text: str) -> tuple[str, int]:
    """'0100007F:1F90' → ('127.0.0.1', 8080): 32-bit words in this machine's byte order."""
    words, port = text.split(":")
    packed = b"".join(
        struct.pack("=I", int(words[at : at + 8], 16)) for at in range(0, len(words), 8)
    )
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed), int(port, 16)


def _need_linux(what: str) -> None:
    if not sys.platform.startswith("linux"):
        raise NotImplementedError(f"{what} can only be read on Linux; this is {sys.platform}.")


def _need_tcp(sock: socket.socket) -> None:
    inet = (socket.AF_INET, socket.AF_INET6)
    if not isinstance(sock, socket.socket):
        raise TypeError(f"This needs a TCP socket, not {type(sock).__name__}.")
    if sock.family not in inet or sock.type != socket.SOCK_STREAM:
        raise TypeError("This needs a TCP socket; it got one of another family or type.")


T = TypeVar("T")


class Sample(NamedTuple, Generic[T]):
    """What was read, and when: nanoseconds since 1970, the clock of the packets.

    `value` is None where the socket that was asked had been closed.
    """

    time_ns: int
    value: T | None


class sample(Generic[T]):  # a verb, as it reads in `with sample(…) as samples`
    """Call `function` again and again on a background thread, as long as a `with` block runs.

    The first sample is taken before the block begins and the last one after it ended, so there
    are always two. A socket that is closed meanwhile is recorded, as a value of None.

    Parameters
    ----------
    function : callable
        Takes nothing, returns what to record: `lambda: tcp_info(sock)`.
    every : float
        Seconds between two calls; more if the call itself takes longer.

    Raises
    ------
    ValueError
        If `every` is not positive.
    Exception
        What `function` raised, at the end of the block; sampling stopped there.

    >>> with sample(lambda: 5, every=0.01) as samples:
    ...     pass
    >>> [value for time_ns, value in samples]
    [5, 5]
    """

    def __init__(self, function: Callable[[], T], every: float = 0.001) -> None:
        if not every > 0:
            raise ValueError(f"every is the time between two samples, in seconds; not {every!r}.")
        self.samples: list[Sample[T]] = []
        self._function = function
        self._every = every
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> list[Sample[T]]:
        self._take()
        self._thread.start()
        return self.samples

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._error is None:
            self._run_once()
        # An error of the block itself is the more interesting one: it goes through.
        if self._error is not None and kind is None:
            raise self._error

    def _run(self) -> None:
        while not self._stop.wait(self._every) and self._run_once():
            pass

    def _run_once(self) -> bool:
        try:
            self._take()
        except Exception as error:
            self._error = error
        return self._error is None

    def _take(self) -> None:
        try:
            value = self._function()
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            value = None
        self.samples.append(Sample(time.time_ns(), value))
