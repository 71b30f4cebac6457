"""Both ends of one connection, watched while it runs: their states, and where the bytes are.

    with sample_states(port, client=sock) as samples:
        ...
    state_strip(samples)                      # helpers.state_charts

A state that lasts less than the time between two samples is missed: SYN_SENT on loopback
lasts some microseconds. What was seen is true; what was not seen may have been.
"""

from __future__ import annotations

import errno
import socket
from typing import NamedTuple

from .kernel_state import SocketRow, queues, sample, tcp_info, tcp_states

# The receiver has had the FIN, which takes a place in the sequence numbers like a byte does.
_AFTER_FIN = ("CLOSE_WAIT", "LAST_ACK", "CLOSING", "TIME_WAIT")


class Ends(NamedTuple):
    """The TCP state at both ends; "CLOSED" where the kernel has no such socket."""

    client: str
    server: str


class Whereabouts(NamedTuple):
    """Where the bytes of one direction are. No byte is in two places: the five add up."""

    application: int  # not yet given to the kernel
    unsent: int  # in the send queue, not sent (SIOCOUTQNSD)
    in_flight: int  # sent, not yet in the receiver's queue: on the wire, or lost
    receive_queue: int  # in the receiving kernel, not read (FIONREAD)
    read: int  # read by the receiving application


def sample_states(
    port: int,
    *,
    client: socket.socket | None = None,
    server: socket.socket | None = None,
    every: float = 0.001,
) -> sample[Ends]:
    """Record the TCP states of both ends of a connection to `port`, on this machine.

    An open socket that is given is asked itself (TCP_INFO: microseconds). For an end that is
    not given, or that is closed by now, /proc/net/tcp is read (milliseconds): there the kernel
    shows what it keeps after `close()`. Of several connections the first one seen is followed
    that is not in TIME_WAIT: that may be what is left of another server on the same port.

    Parameters
    ----------
    port : int
        The server's port.
    client, server : socket.socket, optional
        The two connected sockets, as far as you have them. Not the listening one.
    every : float
        Seconds between two samples.
    """
    client_port = 0

    def ends() -> Ends:
        nonlocal client_port
        own = [_state(sock) for sock in (client, server)]
        client_port = client_port or _client_port(client, server)
        if own[0] and own[1]:
            return Ends(own[0], own[1])
        rows = [row for row in tcp_states(port) if row.state != "LISTEN"]
        client_port = client_port or _first_alive(port, rows)
        found = {(row.local[1], row.remote[1]): row.state for row in rows}
        return Ends(
            own[0] or found.get((client_port, port), "CLOSED"),
            own[1] or found.get((port, client_port), "CLOSED"),
        )

    return sample(ends, every)


def _state(sock: socket.socket | None) -> str | None:
    return tcp_info(sock).state if sock is not None and sock.fileno() >= 0 else None


def _client_port(client: socket.socket | None, server: socket.socket | None) -> int:
    """The client's port number as the open sockets tell it; 0 while they do not."""
    try:
        if client is not None:
            return client.getsockname()[1]
        return server.getpeername()[1] if server is not None else 0
    except OSError as error:
        if error.errno not in (errno.EBADF, errno.ENOTCONN):
            raise
        return 0


def _first_alive(port: int, rows: list[SocketRow]) -> int:
    """The client's port number of the first connection that has not ended; 0 if there is none."""
    alive = [row for row in rows if row.state != "TIME_WAIT"]
    if not alive:
        return 0
    return alive[0].local[1] if alive[0].remote[1] == port else alive[0].remote[1]


def sample_queues(
    sender: socket.socket,
    receiver: socket.socket,
    *,
    total: int,
    every: float = 0.001,
) -> sample[Whereabouts]:
    """Record where the bytes of one transfer are, from `sender.send` to `receiver.recv`.

    All is read from the two kernels' counters, so the calls need not be changed. The queues are
    read one after the other while the bytes move on: a sample may put some bytes one place too
    early, but never loses or doubles one. `SIOCOUTQ` minus `SIOCOUTQNSD` would be the bytes not
    yet *acknowledged*; bytes in the receive queue whose ACK is still on its way would then be
    counted twice, so `in_flight` ends where the receive queue begins.

    Parameters
    ----------
    sender, receiver : socket.socket
        The two ends of one TCP connection. Bytes read before the sampling began do not count.
        A socket that is closed meanwhile keeps its last numbers.
    total : int
        How many bytes the application will hand over.
    every : float
        Seconds between two samples.

    Raises
    ------
    ValueError
        If `total` is negative.
    NotImplementedError
        On a kernel before Linux 4.19, or another system.
    """
    if total < 0:
        raise ValueError(f"total is a number of bytes; it cannot be {total}.")
    before = None
    last = (0, 0, 0, 0)

    def whereabouts() -> Whereabouts:
        nonlocal before, last
        # Downstream first: what arrives meanwhile is counted as in flight, never twice.
        handed, sent, arrived, was_read = last
        if receiver.fileno() >= 0:
            arrived = _arrived(receiver)
            was_read = max(arrived - queues(receiver).readable, was_read)
        if sender.fileno() >= 0:
            handed, sent = _handed_and_sent(sender)
            if receiver.fileno() < 0 and _all_was_read(sender):
                arrived = was_read = sent
        last = (handed, sent, arrived, was_read)
        if before is None:
            before = was_read
        return _split(total, *(max(count - before, 0) for count in last))

    return sample(whereabouts, every)


def _arrived(receiver: socket.socket) -> int:
    """How many bytes this socket has received in order since its connection began."""
    info = tcp_info(receiver)
    if info.bytes_received is None:
        raise NotImplementedError("This kernel does not count the bytes of a connection.")
    return info.bytes_received - (info.state in _AFTER_FIN)


def _all_was_read(sender: socket.socket) -> bool:
    """Whether the receiver, which was closed, had read all: its kernel sent a FIN.

    With unread bytes it would have reset the connection (RFC 2525, section 2.17).
    """
    info = tcp_info(sender)
    return info.state in _AFTER_FIN and not info.unacked


def _handed_and_sent(sender: socket.socket) -> tuple[int, int]:
    """How many bytes were given to this socket, and how many of them it sent at least once."""
    info = tcp_info(sender)
    if info.bytes_sent is None or info.bytes_retrans is None or info.notsent_bytes is None:
        raise NotImplementedError("Where bytes are can be told on Linux 4.19 or later only.")
    sent = info.bytes_sent - info.bytes_retrans
    return sent + info.notsent_bytes, sent


def _split(total: int, handed: int, sent: int, arrived: int, was_read: int) -> Whereabouts:
    """Turn four counters, each a little older than the one before, into places that add up."""
    was_read = min(was_read, total)
    arrived = min(max(arrived, was_read), total)
    sent = min(max(sent, arrived), total)
    handed = min(max(handed, sent), total)
    return Whereabouts(total - handed, handed - sent, sent - arrived, arrived - was_read, was_read)
