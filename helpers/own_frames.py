"""The frames that this process's own sockets send, handed back by the kernel: no privilege.

Linux can return each packet that a socket sent, with all its headers, on that socket's
error queue (SO_TIMESTAMPING, Documentation/networking/timestamping.rst), and keeps the
SYN of a connection for whoever accepts it (TCP_SAVE_SYN, tcp(7)). Both are meant for
other uses, and both are open to everyone.

To find the sockets, the calls of `connect`, `accept`, `sendto`, `detach` and `close` are watched
while a capture is open (`helpers.detours`).
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
import weakref
from collections.abc import Iterable
from typing import Any

from .detours import SocketCall, watching
from .linux import (
    OPT_ID,
    SO_TIMESTAMPING,
    SOFTWARE,
    TCP_SAVE_SYN,
    TCP_SAVED_SYN,
    TX_SOFTWARE,
    read_looped_frames,
)
from .open_sockets import sockets_of_this_process
from .packets import OWN_FRAME, Packet

_IP_FAMILIES = (socket.AF_INET, socket.AF_INET6)


class OwnFrames:
    """Collects the frames sent by this process's sockets that use one of `ports`.

    As for `RawCapture`: a context manager; `packets()` gives what came so far. `lost` is
    how many frames the kernel had no room to hand back, as far as can be known.
    """

    def __init__(self, ports: Iterable[int]) -> None:
        self._ports = frozenset(ports)
        self._packets: list[Packet] = []
        self._syns: dict[tuple[Any, ...], tuple[int, bytes]] = {}
        self._called: dict[tuple[Any, ...], int] = {}
        self._watched: dict[int, _Watched] = {}
        self._lock = threading.RLock()
        self.lost = 0

    def __enter__(self) -> OwnFrames:
        self._epoll = select.epoll()
        try:
            self._wakened, self._waker = os.pipe()
        except OSError:  # no descriptor is left
            self._epoll.close()
            raise
        try:
            self._epoll.register(self._wakened, select.EPOLLIN)
            self._begin_watching()
        except BaseException:
            self._close_descriptors()
            raise
        self._thread = threading.Thread(target=self._drain_forever, name="own frames", daemon=True)
        self._thread.start()
        for sock in sockets_of_this_process():
            self._watch(sock)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop_watching.close()
        os.write(self._waker, b"!")
        self._thread.join()
        with self._lock:
            for watched in list(self._watched.values()):
                self._release(watched)
        self._close_descriptors()

    def abandon(self) -> None:
        """End at once."""
        self.__exit__()

    def packets(self) -> list[Packet]:
        """What has been seen so far, oldest first."""
        with self._lock:
            for watched in self._watched.values():
                self._drain(watched)
            syns = [
                # The kernel keeps no time with a SYN: connect() was called then.
                Packet(self._called.get(client, accepted), data, OWN_FRAME)
                for client, (accepted, data) in self._syns.items()
            ]
            return sorted(syns + self._packets, key=lambda packet: packet.time_ns)

    # What `helpers.detours` tells.

    methods = frozenset({"connect", "connect_ex", "accept", "sendto", "close", "detach"})

    def before(self, call: SocketCall) -> None:
        if call.name == "close":
            with self._lock:
                watched = self._watched.get(call.sock.fileno())
                if watched is not None:
                    self._release(watched, for_good=True)
        elif call.name not in ("accept", "detach") and _is_ip(call.sock):
            address = call.args[-1]
            if isinstance(address, tuple) and address[1] in self._ports:
                self._watch(call.sock, sure=True)

    def after(self, call: SocketCall) -> None:
        if call.name == "accept" and call.done:
            self._accepted(call.result[0])
        elif call.name == "detach" and call.done:
            self._wrapped(call.sock, call.result)
        elif call.name.startswith("connect") and call.sock.fileno() in self._watched:
            with contextlib.suppress(OSError):  # refused: there is no connection to name
                self._called[call.sock.getsockname()[:2]] = call.time_ns

    def _accepted(self, conn: socket.socket) -> None:
        if not self._watch(conn):
            return
        with contextlib.suppress(OSError):  # the listener did not keep this one's SYN
            syn = conn.getsockopt(socket.IPPROTO_TCP, TCP_SAVED_SYN, 512)
            if syn:
                self._syns[conn.getpeername()[:2]] = (time.time_ns(), syn)

    def _wrapped(self, sock: socket.socket, fd: int) -> None:
        """Follow a descriptor to the object that has taken it over, as an `ssl.SSLSocket` does."""
        with self._lock:
            watched = self._watched.get(fd)
            if watched is None or watched.socket() is not sock:
                return
            heirs = (other for other in sockets_of_this_process() if other.fileno() == fd)
            watched.socket = weakref.ref(next(heirs, sock))

    def _begin_watching(self) -> None:
        with _open_lock:
            if any(self._ports & other._ports for other in _open):
                raise RuntimeError(
                    "These packets are being captured already. The kernel hands each frame back "
                    "only once: end the other capture first."
                )
            _open.append(self)
        self._stop_watching = contextlib.ExitStack()
        self._stop_watching.callback(_open.remove, self)
        self._stop_watching.enter_context(watching(self))

    # The sockets watched.

    def _close_descriptors(self) -> None:
        self._epoll.close()
        os.close(self._waker)
        os.close(self._wakened)

    def _watch(self, sock: socket.socket, *, sure: bool = False) -> bool:
        fd = sock.fileno()
        with self._lock, contextlib.suppress(OSError):  # it may be closed at any moment
            if fd < 0 or not _is_ip(sock) or not (sure or self._concerns(sock)):
                return False
            old = self._watched.get(fd)
            if old is not None and old.socket() is sock:
                return True
            flags = TX_SOFTWARE | SOFTWARE
            if sock.type == socket.SOCK_DGRAM:
                flags |= OPT_ID  # counts the datagrams, so that a missing one is noticed
            else:
                sock.setsockopt(socket.IPPROTO_TCP, TCP_SAVE_SYN, 2)  # 2: with its MAC header
            # Sockets accepted from a listener inherit this.
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, flags)
            self._watched[fd] = _Watched(sock)
            # The error queue is always reported; edge-triggered, once for each new frame.
            self._epoll.register(fd, select.EPOLLET)
            return True
        return False

    def _concerns(self, sock: socket.socket) -> bool:
        ports = {sock.getsockname()[1]}
        with contextlib.suppress(OSError):  # not connected
            ports.add(sock.getpeername()[1])
        return bool(ports & self._ports)

    def _release(self, watched: _Watched, *, for_good: bool = False) -> None:
        """Take the last frames of a socket and set it back to what it was.

        `for_good` if it is about to be closed: what it still has to send will not be seen.
        """
        self._drain(watched)
        del self._watched[watched.fd]
        sock = watched.socket()
        if sock is None or sock.fileno() != watched.fd:
            return
        self.lost += watched.missing(for_good)
        with contextlib.suppress(OSError):
            self._epoll.unregister(watched.fd)
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, 0)
            if sock.type == socket.SOCK_STREAM:
                sock.setsockopt(socket.IPPROTO_TCP, TCP_SAVE_SYN, 0)

    def _drain(self, watched: _Watched) -> None:
        sock = watched.socket()
        if sock is None or sock.fileno() != watched.fd:
            return
        with contextlib.suppress(OSError):
            for frame in read_looped_frames(sock):
                watched.seen(frame.data, frame.counter)
                self._packets.append(Packet(frame.time_ns, frame.data, OWN_FRAME))

    def _drain_forever(self) -> None:
        # A full error queue would take the room of data to be received, and a filled one
        # wakes selectors and event loops. So it is emptied as soon as anything is in it.
        while True:
            for fd, _ in self._epoll.poll():
                if fd == self._wakened:
                    return
                with self._lock:
                    if fd in self._watched:
                        self._drain(self._watched[fd])


class _Watched:
    """One socket, and the count by which a frame that is missing is noticed."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = weakref.ref(sock)
        self.fd = sock.fileno()
        self._sent_before, _ = _bytes_sent(sock)
        self._payload = 0
        self._largest = 0
        self._frames = 0
        self._last_counter = -1

    def seen(self, frame: bytes, counter: int) -> None:
        self._frames += 1
        self._last_counter = max(self._last_counter, counter)
        length = tcp_payload_length(frame)
        self._payload += length
        self._largest = max(self._largest, length)

    def missing(self, for_good: bool) -> int:
        """Frames known to be missing; for TCP, the least that can have held the missing bytes."""
        sock = self.socket()
        if sock is None:
            return 0
        if sock.type == socket.SOCK_DGRAM:
            return self._last_counter + 1 - self._frames if self._frames else 0
        sent, unsent = _bytes_sent(sock)
        missing = sent - self._sent_before + unsent * for_good - self._payload
        if missing <= 0:
            return 0
        return -(-missing // self._largest) if self._largest else 1


def tcp_payload_length(frame: bytes) -> int:
    """Bytes of data in an Ethernet frame that holds TCP over IPv4 or IPv6; else 0."""
    is_tcp = bytes([socket.IPPROTO_TCP])
    if frame[12:14] == b"\x08\x00" and frame[23:24] == is_tcp:
        tcp = 14 + (frame[14] & 0x0F) * 4
    elif frame[12:14] == b"\x86\xdd" and frame[20:21] == is_tcp:
        tcp = 54
    else:
        return 0
    if len(frame) <= tcp + 12:  # cut short
        return 0
    return max(0, len(frame) - tcp - (frame[tcp + 12] >> 4) * 4)


def _bytes_sent(sock: socket.socket) -> tuple[int, int]:
    """Bytes of data that TCP has sent so far, each counted once, and bytes it has still to send."""
    if sock.type != socket.SOCK_STREAM:
        return 0, 0
    from .kernel_state import tcp_info

    try:
        info = tcp_info(sock)
    except OSError:
        return 0, 0
    return (info.bytes_sent or 0) - (info.bytes_retrans or 0), info.notsent_bytes or 0


def _is_ip(sock: socket.socket) -> bool:
    return sock.family in _IP_FAMILIES and sock.type in (socket.SOCK_STREAM, socket.SOCK_DGRAM)


_open: list[OwnFrames] = []
_open_lock = threading.Lock()
