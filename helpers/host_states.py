"""The TCP states at both ends of a connection between private hosts.

/proc/net/tcp shows the sockets of one network stack: the notebook's own. Each private host has
a stack of its own, and tells of its sockets over netlink (sock_diag(7)), also of those that no
program has any more: in TIME_WAIT, say.

    with Network(delay=0.020) as net, net.b.serve_tcp(echo) as server:
        with sample_host_states(net.a, net.b, server.address[1]) as samples:
            ...
    state_strip(samples)
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Iterator

from .kernel_samples import Ends
from .kernel_state import STATES, Sample, SocketRow, sample
from .network import Host

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
_NETLINK, _SOCK_DIAG = 16, 4
_BY_FAMILY, _REQUEST, _DUMP = 20, 0x1, 0x300
_ERROR, _DONE = 2, 3
_ALL_STATES = 0xFFFFFFFF
_ANY_COOKIE = b"\xff" * 8
_HEADER = struct.Struct("=IHHII")  # length, type, flags, number, port: netlink(7)


def host_states(host: Host, port: int) -> list[SocketRow]:
    """Every TCP socket of a private host that has `port` at either end.

    As `tcp_states`, which tells of this machine's own stack.
    """
    with _asking(host) as netlink:
        return _rows(netlink, port)


@contextlib.contextmanager
def sample_host_states(
    client: Host, server: Host, port: int, *, every: float = 0.001
) -> Iterator[list[Sample[Ends]]]:
    """Record the TCP states of both ends of a connection, each as its own host tells it.

    What is not there is "CLOSED"; the listening socket is left out. Of several connections the
    first one that the client's host names is followed.

    Parameters
    ----------
    client, server : Host
        Private hosts of one network.
    port : int
        The server's port.
    every : float
        Seconds between two samples.
    """
    followed: list[SocketRow] = []
    with _asking(client) as left, _asking(server) as right:

        def ends() -> Ends:
            if not followed:
                # The kernel walks all its sockets for it. Once the ports are known, it need not.
                followed.extend(row for row in _rows(left, port) if row.remote[1] == port)
            if not followed:
                return Ends("CLOSED", "CLOSED")
            local, remote = followed[0][:2]
            return Ends(_state(left, local, remote), _state(right, remote, local))

        with sample(ends, every) as samples:
            yield samples


def _asking(host: Host) -> socket.socket:
    return host.socket(_NETLINK, socket.SOCK_RAW, _SOCK_DIAG)


def _rows(netlink: socket.socket, port: int) -> list[SocketRow]:
    """All sockets of a host with that port."""
    rows = []
    for family in (socket.AF_INET, socket.AF_INET6):
        netlink.send(_question(family, _DUMP, bytes(48)))
        rows += [_row(family, message) for message in _dumped(netlink)]
    return [row for row in rows if port in (row.local[1], row.remote[1])]


def _state(netlink: socket.socket, local: tuple[str, int], remote: tuple[str, int]) -> str:
    """The state of one socket; "CLOSED" if there is none."""
    family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
    ports = struct.pack("!HH", local[1], remote[1])
    addresses = [socket.inet_pton(family, end[0]).ljust(16, b"\0") for end in (local, remote)]
    netlink.send(_question(family, 0, ports + b"".join(addresses) + bytes(4) + _ANY_COOKIE))
    data = netlink.recv(1 << 16)
    if _HEADER.unpack_from(data)[1] == _ERROR:
        _check(data, none=errno.ENOENT)
        return "CLOSED"
    row = _row(family, data[_HEADER.size :])
    return "CLOSED" if row.state == "LISTEN" else row.state  # it takes what has no socket yet


def _question(family: int, flags: int, which: bytes) -> bytes:
    """struct inet_diag_req_v2: TCP sockets of one family, in any state."""
    request = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, _ALL_STATES) + which
    length = _HEADER.size + len(request)
    return _HEADER.pack(length, _BY_FAMILY, _REQUEST | flags, 1, 0) + request


def _dumped(netlink: socket.socket) -> Iterator[bytes]:
    """The messages of one answer, each a struct inet_diag_msg."""
    while True:
        data = netlink.recv(1 << 16)
        while data:
            length, kind, *_ = _HEADER.unpack_from(data)
            if kind == _DONE:
                return
            if kind == _ERROR:
                _check(data)
            yield data[_HEADER.size : length]
            data = data[(length + 3) & ~3 :]


def _check(data: bytes, none: int = 0) -> None:
    """Raise what an error message says; but `none` says only that there is no such socket."""
    code = -struct.unpack_from("=i", data, _HEADER.size)[0]
    if code != none:
        raise OSError(code, f"sock_diag: {os.strerror(code)}")


def _row(family: int, message: bytes) -> SocketRow:
    size = 4 if family == socket.AF_INET else 16
    ports = struct.unpack_from("!HH", message, 4)
    hosts = [socket.inet_ntop(family, message[at : at + size]) for at in (8, 24)]
    rx_queue, tx_queue = struct.unpack_from("=II", message, 56)
    state = STATES.get(message[1], f"state {message[1]}")
    return SocketRow((hosts[0], ports[0]), (hosts[1], ports[1]), state, rx_queue, tx_queue)
