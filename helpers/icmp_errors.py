"""ICMP errors that came back to a UDP socket: read from its error queue, without privilege.

A router or a host that cannot deliver a datagram may say so, by an ICMP message to its sender.
Linux keeps the gist of it, and the datagram concerned, for the socket that asks (ip(7),
IP_RECVERR). Python's `recvmsg` with MSG_ERRQUEUE fetches it; what it gives is bytes.

>>> import struct
>>> header = struct.pack("=IBBBBII", 111, 2, 3, 3, 0, 0, 0)
>>> offender = struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton("127.0.0.1"))
>>> icmp_error([(socket.IPPROTO_IP, 11, header + offender)])
ECONNREFUSED: ICMP type 3, code 3 (port unreachable), from 127.0.0.1
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from .linux import IP_RECVERR, IPV6_RECVERR, LINUX

_OPTIONS = {
    socket.AF_INET: (socket.IPPROTO_IP, IP_RECVERR),
    socket.AF_INET6: (socket.IPPROTO_IPV6, IPV6_RECVERR),
}
# linux/errqueue.h
_ORIGINS = {1: "this host", 2: "ICMP", 3: "ICMPv6"}
_FIXED = struct.Struct("=IBBBBII")  # errno, origin, type, code, padding, info, data
# RFC 792 and RFC 1191 for ICMP, RFC 4443 for ICMPv6. What this course meets, no more.
_WORDS = {
    ("ICMP", 3, 0): "network unreachable",
    ("ICMP", 3, 1): "host unreachable",
    ("ICMP", 3, 2): "protocol unreachable",
    ("ICMP", 3, 3): "port unreachable",
    ("ICMP", 3, 4): "fragmentation needed, and not allowed",
    ("ICMP", 3, 13): "prohibited",
    ("ICMP", 11, 0): "time to live exceeded",
    ("ICMP", 11, 1): "reassembly took too long",
    ("ICMPv6", 1, 0): "no route",
    ("ICMPv6", 1, 1): "prohibited",
    ("ICMPv6", 1, 3): "address unreachable",
    ("ICMPv6", 1, 4): "port unreachable",
    ("ICMPv6", 2, 0): "packet too big",
    ("ICMPv6", 3, 0): "hop limit exceeded",
}


@dataclass(frozen=True)
class IcmpError:
    """What the kernel kept of one error: `struct sock_extended_err` of ip(7).

    Attributes
    ----------
    error : str
        The name of the error that a socket call raises for it: "ECONNREFUSED".
    origin : str
        "ICMP", "ICMPv6", or "this host": then no message came, the kernel itself refused.
    type, code : int
        Of the ICMP message.
    mtu : int
        If the datagram was too large: the bytes that a packet may have. Otherwise 0.
    offender : str
        The address of the machine that sent the message; empty if there was none.
    """

    error: str
    origin: str
    type: int
    code: int
    mtu: int
    offender: str

    def __repr__(self) -> str:
        if self.origin == "this host":
            said = "said by this host's own kernel"
        else:
            words = _WORDS.get((self.origin, self.type, self.code))
            said = f"{self.origin} type {self.type}, code {self.code}"
            said += (f" ({words})" if words else "") + f", from {self.offender or 'nobody known'}"
        return f"{self.error}: {said}" + (f"; at most {self.mtu:,} bytes" if self.mtu else "")


def report_errors(sock: socket.socket) -> None:
    """Ask the kernel to keep ICMP errors for this UDP socket, connected or not.

    That is `setsockopt(IPPROTO_IP, IP_RECVERR, 1)`; Python before 3.14 has no name for it.

    Raises
    ------
    NotImplementedError
        Where there is no error queue: on any system but Linux.
    """
    if not LINUX:
        raise NotImplementedError("Only Linux keeps ICMP errors on a queue for the socket.")
    level, option = _OPTIONS[socket.AddressFamily(sock.family)]
    sock.setsockopt(level, option, 1)


def icmp_error(ancillary: Sequence[tuple[int, int, bytes]]) -> IcmpError | None:
    """The error in what `recvmsg(…, …, MSG_ERRQUEUE)` gave as its second part; None if none."""
    for level, option, value in ancillary:
        if (level, option) not in _OPTIONS.values() or len(value) < _FIXED.size:
            continue
        number, origin, kind, code, _, info, _ = _FIXED.unpack_from(value)
        return IcmpError(
            error=errno.errorcode.get(number, f"error {number}"),
            origin=_ORIGINS.get(origin, f"origin {origin}"),
            type=kind,
            code=code,
            mtu=info if number == errno.EMSGSIZE else 0,
            offender=_address(value[_FIXED.size :]),
        )
    return None


def _address(sockaddr: bytes) -> str:
    """The address in a `struct sockaddr_in` or `sockaddr_in6`; empty if it holds none."""
    if len(sockaddr) < 2:
        return ""
    (family,) = struct.unpack_from("=H", sockaddr)
    if family == socket.AF_INET and len(sockaddr) >= 8:
        return socket.inet_ntop(socket.AF_INET, sockaddr[4:8])
    if family == socket.AF_INET6 and len(sockaddr) >= 24:
        return socket.inet_ntop(socket.AF_INET6, sockaddr[8:24])
    return ""
