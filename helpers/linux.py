"""Names of Linux socket options that Python's `socket` module does not have.

The numbers are the kernel's interface to programs and do not change.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from dataclasses import dataclass

LINUX = sys.platform == "linux"

# asm-generic/socket.h, socket(7)
SO_ATTACH_FILTER = 26
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
SO_TIMESTAMPING = 37
SO_MEMINFO = 55

# linux/net_tstamp.h, and Documentation/networking/timestamping.rst
TX_SOFTWARE = 1 << 1
SOFTWARE = 1 << 4
OPT_ID = 1 << 7

# linux/tcp.h, tcp(7)
TCP_SAVE_SYN = 27
TCP_SAVED_SYN = 28

# linux/if_packet.h, packet(7)
SOL_PACKET = 263
PACKET_STATISTICS = 6
PACKET_OUTGOING = 4
ETH_P_ALL = 0x0003

# linux/errqueue.h, ip(7)
MSG_ERRQUEUE = 0x2000
IP_RECVERR = 11
IPV6_RECVERR = 25
SO_EE_ORIGIN_TIMESTAMPING = 4


@dataclass(frozen=True)
class LoopedFrame:
    """A frame that came back on the error queue of the socket that sent it.

    `time_ns` is when the kernel handed the frame to the device; `counter` counts a
    socket's datagrams when it was opened with OPT_ID.
    """

    time_ns: int
    data: bytes
    counter: int


def read_looped_frames(sock: socket.socket) -> list[LoopedFrame]:
    """Take all sent frames that have come back from the socket's error queue, oldest first.

    Errors of other origins (an ICMP message, say) are taken from the queue too, and skipped.
    Never waits. Source: Documentation/networking/timestamping.rst, sections 1.3.2 and 2.1.
    """
    # A socket with a timeout would wait for it, even with MSG_DONTWAIT: Python asks poll(2)
    # first. A second Python socket on the same descriptor has no timeout.
    alias = socket.socket(sock.family, sock.type, sock.proto, fileno=sock.fileno())
    if alias.gettimeout() is not None:  # socket.setdefaulttimeout() holds for it, too
        # Either way the descriptor, which is shared, waits or does not wait as it did before.
        alias.settimeout(None if sock.gettimeout() is None else 0.0)
    frames: list[LoopedFrame] = []
    begun = time.time_ns()
    try:
        # Who sends without a pause must not keep us for ever.
        while not frames or frames[-1].time_ns <= begun:
            data, ancillary, _, _ = alias.recvmsg(70_000, 512, MSG_ERRQUEUE | socket.MSG_DONTWAIT)
            frame = _looped_frame(data, ancillary)
            if frame is not None:
                frames.append(frame)
        return frames
    except BlockingIOError:
        return frames
    finally:
        alias.detach()


def _looped_frame(data: bytes, ancillary: list[tuple[int, int, bytes]]) -> LoopedFrame | None:
    time_ns, counter, origin = 0, -1, None
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPING):
            seconds, nanoseconds = struct.unpack_from("@ll", value)
            time_ns = seconds * 1_000_000_000 + nanoseconds
        elif (level, kind) in (
            (socket.IPPROTO_IP, IP_RECVERR),
            (socket.IPPROTO_IPV6, IPV6_RECVERR),
        ):
            # struct sock_extended_err: errno, origin, type, code, pad, info, data
            _, origin, _, _, _, _, counter = struct.unpack_from("=IBBBBII", value)
    if origin != SO_EE_ORIGIN_TIMESTAMPING:
        return None
    return LoopedFrame(time_ns, data, counter)
