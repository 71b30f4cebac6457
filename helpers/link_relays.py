"""What carries bytes through a link in user space: the thread of a relay, and a relay of UDP.

`helpers.link` is the door to it, and has the relay of TCP. A relay is one thread. It takes
what arrives at one side, hands it to the logic of a wire (`helpers.wire`), and sends it on
when it is due.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import select
import selectors
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from .wire import Direction, Parameters
from .wire_records import Records

STOP_SECONDS = 1.0
MAX_CLIENTS = 128  # as many connections, or clients of UDP, at once
MAX_FRAMES, MAX_BYTES = 10_000, 32_000_000  # under way in one direction
AT_ONCE = 32  # datagrams taken from one socket before the others have their turn
CHUNK = 65536
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_FD_SETSIZE = 1024

Address = tuple[Any, ...]


class Lane(Direction):
    """One direction of a link, which may also be held: then nothing in it is ever due."""

    held = False

    def next_event(self) -> int | None:
        return None if self.held else super().next_event()

    def waiting(self) -> int:
        """How many frames wait for their turn."""
        return len(self._queue)

    def under_way(self) -> int:
        """How many frames wait or travel."""
        return len(self._queue) + len(self._flight)


class Relay:
    """A thread that carries what arrives at `address` to the server, and back.

    Parameters
    ----------
    to : tuple
        The server's address: (host, port).
    parameters : Parameters
        Of both directions, to begin with.
    memory : mmap
        Where the records lie: twice `Records.SIZE` bytes.
    seed : int

    Raises
    ------
    ValueError
        If this kind of relay cannot do what the parameters ask for.
    OSError
        If the server's name means nothing, or no socket can be had.
    """

    kind = socket.SOCK_DGRAM

    def __init__(self, to: Address, parameters: Parameters, memory: mmap.mmap, seed: int) -> None:
        self.check(parameters)
        self._family = socket.AF_INET6 if ":" in to[0] else socket.AF_INET
        self._to: Address = socket.getaddrinfo(to[0], to[1], self._family, self.kind)[0][4]
        # Seeds as those of a private network's first wire: the same frames are lost.
        self._lanes = tuple(
            Lane(parameters, Records("", memory, number * Records.SIZE), f"{seed} {number}")
            for number in range(2)
        )
        # Times are those of packets; but by a clock that nobody sets while we run.
        self._origin = time.time_ns() - time.monotonic_ns()
        for lane in self._lanes:
            self._set(lane, parameters)
        with contextlib.ExitStack() as undo:  # if no descriptor is left for all of them
            self._socket = undo.enter_context(socket.socket(self._family, self.kind))
            self._socket.bind(("::1" if ":" in to[0] else "127.0.0.1", 0))
            self._socket.setblocking(False)
            self.address: Address = self._socket.getsockname()[:2]
            self._waker, self._wakened = map(undo.enter_context, socket.socketpair())
            for end in (self._waker, self._wakened):
                end.setblocking(False)
            self._selector = selectors.DefaultSelector()
            undo.pop_all()
        self._changes: deque[tuple[dict[int, Parameters], threading.Event]] = deque()
        self._stopping = threading.Event()
        self._selector.register(self._wakened, READ, self._wakened_up)
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        try:
            self._thread.start()
        except RuntimeError:  # the system has no more threads
            self._close_everything()
            raise

    def stop(self) -> None:
        """End the thread, and close every socket."""
        self._stopping.set()
        self._wake()
        self._thread.join(STOP_SECONDS)

    def _close_everything(self) -> None:
        self._close_all()
        self._selector.close()
        for sock in (self._socket, self._waker, self._wakened):
            sock.close()

    def check(self, parameters: Parameters) -> None:
        """Raise ValueError if this relay cannot do what is asked for."""

    def change(self, asked: dict[int, dict[str, Any]]) -> None:
        """Give directions other parameters, all at the same moment. Returns when it is done."""
        wanted = {number: Parameters(**values) for number, values in asked.items()}
        for parameters in wanted.values():
            self.check(parameters)
        done = threading.Event()
        self._changes.append((wanted, done))
        self._wake()
        while not done.wait(0.1) and self._thread.is_alive():
            continue

    # All that follows runs on the relay's own thread.

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                while self._changes:
                    wanted, done = self._changes.popleft()
                    for number, parameters in wanted.items():
                        self._set(self._lanes[number], parameters)
                    done.set()
                seconds = self._deliver()
                self._watch()
                for key, events in _wait(self._selector, seconds):
                    key.data(events)
        finally:
            self._close_everything()

    def _deliver(self) -> float | None:
        """Hand over what is due. Gives the seconds until there is more to do."""
        following = math.inf
        for lane in self._lanes:
            now = self._now()
            event = lane.next_event()
            if event is not None and event <= now:
                for due, frame in lane.advance(now):
                    lane.records.late(self._now() - due)
                    self._hand_over(lane, frame)
                event = lane.next_event()
            following = min(following, math.inf if event is None else event)
        return None if following == math.inf else max(0, following - self._now()) / 1e9

    def _now(self) -> int:
        return time.monotonic_ns() + self._origin

    def _wake(self) -> None:
        # A full pipe wakes just as well; a closed one belongs to a relay that has ended.
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def _wakened_up(self, events: int) -> None:
        self._wakened.recv(4096)

    def _watch(self) -> None:
        """Choose which sockets to wait for."""

    def _set(self, lane: Lane, parameters: Parameters) -> None:
        lane.change(self._now(), parameters)

    def _hand_over(self, lane: Lane, frame: Any) -> None:
        raise NotImplementedError

    def _close_all(self) -> None:
        raise NotImplementedError


def _wait(
    selector: selectors.BaseSelector, seconds: float | None
) -> list[tuple[selectors.SelectorKey, int]]:
    # epoll(7) counts in milliseconds, and Python rounds up; select(2) in microseconds.
    if seconds and isinstance(selector, getattr(selectors, "EpollSelector", ())):
        number = selector.fileno()  # type: ignore[attr-defined]
        if number < _FD_SETSIZE:
            select.select([number], [], [], seconds)
            seconds = 0
    return selector.select(seconds)


@dataclass(eq=False)
class _Client:
    """A client of UDP, and the socket by which its datagrams go on."""

    address: Address
    socket: socket.socket


class _Datagram(bytes):
    """A datagram that knows whose it is. A `Direction` gives back the very object it took."""

    client: _Client


class DatagramRelay(Relay):
    """Carries datagrams. Each client has an onward socket, so that answers find their way.

    With more than 128 clients, the one that was silent for longest loses its socket.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._clients: dict[Address, _Client] = {}  # the one silent for longest comes first
        with contextlib.suppress(OSError):  # the kernel gives less, or says no: it will do
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._selector.register(self._socket, READ, self._take_from_clients)

    def _take_from_clients(self, events: int) -> None:
        for _ in range(AT_ONCE):
            try:
                data, address = self._socket.recvfrom(CHUNK)
            except OSError:  # nothing more; or the echo of a client that has gone
                return
            try:
                client = self._client(address)
            except OSError:  # no descriptor is left
                self._lanes[0].records.drop(self._now(), "overrun", len(data))
                continue
            self._arrive(self._lanes[0], client, data)

    def _take_from_server(self, client: _Client) -> None:
        for _ in range(AT_ONCE):
            try:
                data = client.socket.recv(CHUNK)
            except OSError:  # nothing more; or nobody listens at the server's port
                return
            self._arrive(self._lanes[1], client, data)

    def _client(self, address: Address) -> _Client:
        client = self._clients.pop(address, None)
        if client is None:
            if len(self._clients) >= MAX_CLIENTS:
                self._close(self._clients.pop(next(iter(self._clients))))
            sock = socket.socket(self._family, socket.SOCK_DGRAM)
            sock.setblocking(False)
            try:
                sock.connect(self._to)
            except OSError:
                sock.close()
                raise
            client = new = _Client(address, sock)
            self._selector.register(sock, READ, lambda events: self._take_from_server(new))
        self._clients[address] = client
        return client

    def _arrive(self, lane: Lane, client: _Client, data: bytes) -> None:
        many = lane.under_way()
        if many >= MAX_FRAMES or many * len(data) >= MAX_BYTES:
            lane.records.drop(self._now(), "overrun", len(data))
            return
        datagram = _Datagram(data)
        datagram.client = client
        lane.arrive(self._now(), datagram)

    def _hand_over(self, lane: Lane, frame: _Datagram) -> None:
        client = frame.client
        try:
            if lane is self._lanes[1]:
                self._socket.sendto(frame, client.address)
                return
            try:
                client.socket.send(frame)
            except ConnectionRefusedError:  # said of an earlier one; this one was not sent yet
                client.socket.send(frame)
        except OSError:  # a buffer is full, or the client had to make room for another
            lane.records.drop(self._now(), "overrun", len(frame))

    def _close(self, client: _Client) -> None:
        self._selector.unregister(client.socket)
        client.socket.close()

    def _close_all(self) -> None:
        for client in self._clients.values():
            self._close(client)
