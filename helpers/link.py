"""A link in user space: what goes through it is late, slow or lost. No privilege needed.

It stands between clients and a server on loopback. It has the parameters of the wire of a
private network (`helpers.network`), for machines on which there can be none:

>>> import socket
>>> from helpers.servers import echo, serve_tcp
>>> with serve_tcp(echo) as server, Link(server.address, delay=0.01) as link:
...     with socket.create_connection(link.address) as client:
...         client.sendall(b"far away")
...         client.recv(100)  # 20 ms later
b'far away'

With `protocol="udp"` it carries datagrams and does to them all that a wire does to frames.
With TCP it carries a stream: each side has a connection of its own with the link. So it
delays bytes, but it cannot lose a segment.
"""

from __future__ import annotations

import mmap
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from . import lifetimes
from .link_relays import (
    CHUNK,
    MAX_CLIENTS,
    MAX_FRAMES,
    READ,
    WRITE,
    Address,
    DatagramRelay,
    Lane,
    Relay,
)
from .network_wires import Wire
from .plain_errors import explained
from .undisturbed import undisturbed
from .wire import NAMES, Parameters
from .wire_records import Records

MAX_UNSENT = 4_000_000  # bytes of one stream; then its sender is made to wait
SEGMENT = 1448
_STREAM_CANNOT = ("loss", "burst", "reorder", "duplicate", "aqm")
_ABILITIES = {
    "tcp": "it carries a stream of bytes, so it cannot lose a TCP segment",
    "udp": "it carries datagrams, and no TCP: it can lose a datagram, but not a TCP segment",
}


class Link(Wire):
    """Carries what clients send to a server, and back, as a wire with these parameters would.

    It runs from the moment it is made, until `stop()` or the end of its `with` block. A cell
    that runs again first stops the links that it had made.

    Parameters
    ----------
    to : tuple
        The server's address: (host, port).
    protocol : str
        "tcp" or "udp".
    seed : int
        The same seed and the same datagrams in the same order: the same ones are lost.
    **parameters
        Of both directions to begin with: `delay` (seconds from one end to the other; a round
        trip takes twice as long), `jitter`, `rate`, `queue_limit`, `aqm`, `loss`, `burst`,
        `reorder`, `duplicate`, `cut`. See `helpers.wire.Parameters`. The link sees no
        headers: `rate` counts the bits that programs send, `queue_limit` whole datagrams.

        TCP has no `loss`, `burst`, `reorder`, `duplicate` and `aqm`. What a wire would drop
        waits: a full queue makes the sender wait, and a cut holds bytes until it is mended.

    Attributes
    ----------
    address : tuple
        Connect, or send, here instead of to the server.
    a_to_b, b_to_a : WireDirection
        From the clients to the server, and back: each with parameters of its own.
    drops, queue
        What it saw, as with the wire of a private network.

    Raises
    ------
    ValueError
        In one sentence, if a parameter makes no sense, or the protocol cannot have it.
    OSError
        If no socket can be had.
    """

    def __init__(
        self, to: Address, *, protocol: str = "tcp", seed: int = 0, **parameters: Any
    ) -> None:
        if protocol not in _ABILITIES:
            raise ValueError(f'protocol is "tcp" or "udp", not {protocol!r}.')
        is_address = isinstance(to, tuple) and [*map(type, to[:2])] == [str, int]
        if not is_address or not 0 < to[1] < 65536:
            raise ValueError(f"A link leads to an address (host, port), not to {to!r}.")
        unknown = parameters.keys() - set(NAMES)
        if unknown:
            raise ValueError(f"A link has no {min(unknown)!r}; it has {', '.join(NAMES)}.")
        start = Parameters(**parameters)
        memory = mmap.mmap(-1, 2 * Records.SIZE)  # takes no room until it is written to
        self.protocol = protocol
        self.to = to
        relay = _StreamRelay if protocol == "tcp" else DatagramRelay
        with explained(f"a link to {_text(to)}"):
            self._relay: Relay = relay(to, start, memory, seed)
        self.address = self._relay.address
        self._running = True
        super().__init__(self._relay, 0, ("client", "server"), start, memory)
        try:
            with undisturbed():
                self._relay.start()
                lifetimes.remember(self, self.stop, repr(self))
        except BaseException:  # an interrupt
            self.stop()
            raise

    @undisturbed()
    def stop(self) -> None:
        """End the link: within a second no thread and no socket of it is left.

        What it has recorded stays readable. May be called again.
        """
        if not self._running:
            return
        self._running = False
        self._relay.stop()
        lifetimes.forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        here, there = (_text(address) for address in (self.address, self.to))
        state = "running on a thread of this process" if self._running else "stopped"
        return (
            f"{self.protocol.upper()} link on {here} to {there}, {state}: "
            f"{_ABILITIES[self.protocol]}"
        )


def _text(address: Address) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(eq=False)
class _Flow:
    """One direction of one connection."""

    lane: Lane
    source: socket.socket
    sink: socket.socket
    unsent: int = 0  # bytes read and not yet sent
    due: bytearray = field(default_factory=bytearray)  # the sink has no room for them yet
    read_to_end: bool = False
    end_is_due: bool = False
    ended: bool = False


@dataclass(eq=False)
class _Connection:
    """A client's connection with the link, and the link's with the server."""

    out: _Flow
    back: _Flow
    connected: bool = False
    closed: bool = False


class _Chunk(bytes):
    """Bytes of a stream that know whose they are; none at all: the stream's end."""

    connection: _Connection
    flow: _Flow


class _StreamRelay(Relay):
    """Carries the bytes of TCP connections, in order and without loss."""

    kind = socket.SOCK_STREAM

    def __init__(self, *args: Any) -> None:
        self._queue_limits: dict[Lane, int] = {}
        super().__init__(*args)
        self._connections: list[_Connection] = []
        self._socket.listen(MAX_CLIENTS)

    def check(self, parameters: Parameters) -> None:
        usual = Parameters()
        for name in _STREAM_CANNOT:
            value = getattr(parameters, name)
            if value != getattr(usual, name):
                raise ValueError(
                    f"A TCP link cannot do {name}={value!r}: each side has a TCP connection of its "
                    "own with the link, so the link sees a stream, not segments, and TCP never "
                    "loses, doubles or swaps bytes of a stream. "
                    "Use a private network (Network) or protocol='udp'."
                )

    def _set(self, lane: Lane, parameters: Parameters) -> None:
        # What a wire would drop is kept waiting here: at a cut, or at a full queue.
        lane.held = parameters.cut
        self._queue_limits[lane] = max(1, parameters.queue_limit)
        super()._set(lane, replace(parameters, cut=False, queue_limit=1_000_000))

    def _watch(self) -> None:
        room = len(self._connections) < MAX_CLIENTS
        self._wait_for(self._socket, READ if room else 0, self._accept)
        for c in self._connections:
            for sock, reading, writing in (
                (c.out.source, c.out, c.back),
                (c.out.sink, c.back, c.out),
            ):
                events = WRITE if writing.due and not writing.lane.held else 0
                if c.connected:
                    events |= READ if self._may_read(reading) else 0
                elif sock is c.out.sink:
                    events = WRITE  # when it is connected, or has failed to
                self._wait_for(sock, events, self._ready(c, reading, writing))

    def _may_read(self, flow: _Flow) -> bool:
        lane = flow.lane
        free = (
            flow.unsent < MAX_UNSENT
            and lane.waiting() < self._queue_limits[lane]
            and lane.under_way() < MAX_FRAMES
        )
        return free and not flow.read_to_end and not lane.held

    def _wait_for(self, sock: socket.socket, events: int, then: Callable[[int], None]) -> None:
        key = self._selector.get_map().get(sock)
        if key is None:
            if events:
                self._selector.register(sock, events, then)
        elif not events:
            self._selector.unregister(sock)
        elif key.events != events:
            self._selector.modify(sock, events, then)

    def _ready(
        self, connection: _Connection, reading: _Flow, writing: _Flow
    ) -> Callable[[int], None]:
        def ready(events: int) -> None:
            if connection.closed:
                return
            if not connection.connected:
                connection.connected = True
                if writing.sink.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    self._close(connection)
                return
            if events & WRITE:
                self._send(connection, writing)
            if events & READ and not connection.closed and self._may_read(reading):
                self._read(connection, reading)

        return ready

    def _accept(self, events: int) -> None:
        try:
            near, _ = self._socket.accept()
        except BlockingIOError:  # the client gave up before we came to accept it
            return
        except OSError:  # no descriptor is left; the socket stays readable: do not spin
            self._stopping.wait(0.05)
            return
        try:
            far = socket.socket(self._family, socket.SOCK_STREAM)
        except OSError:
            near.close()
            return
        for sock in (near, far):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the delay is ours
        there, back = self._lanes
        connection = _Connection(_Flow(there, near, far), _Flow(back, far, near))
        self._connections.append(connection)
        try:
            far.connect(self._to)
        except BlockingIOError:  # it is on its way
            pass
        except OSError:
            self._close(connection)

    def _read(self, connection: _Connection, flow: _Flow) -> None:
        try:
            data = flow.source.recv(_chunk_size(flow.lane.parameters.rate))
        except BlockingIOError:
            return
        except OSError:  # reset: for the other side, too, this is the end
            data = b""
        flow.read_to_end = not data
        flow.unsent += len(data)
        chunk = _Chunk(data)
        chunk.connection, chunk.flow = connection, flow
        flow.lane.arrive(self._now(), chunk)

    def _hand_over(self, lane: Lane, frame: _Chunk) -> None:
        if not frame.connection.closed:
            frame.flow.due += frame
            frame.flow.end_is_due = not frame
            self._send(frame.connection, frame.flow)

    def _send(self, connection: _Connection, flow: _Flow) -> None:
        try:
            while flow.due:
                sent = flow.sink.send(flow.due)
                del flow.due[:sent]
                flow.unsent -= sent
            if flow.end_is_due:
                flow.sink.shutdown(socket.SHUT_WR)
                flow.ended = True
        except BlockingIOError:
            return
        except OSError:  # nobody listens any more
            self._close(connection)
        if connection.out.ended and connection.back.ended:
            self._close(connection)

    def _close(self, connection: _Connection) -> None:
        if connection.closed:
            return
        connection.closed = True
        self._connections.remove(connection)
        for sock in (connection.out.source, connection.out.sink):
            self._wait_for(sock, 0, self._accept)
            sock.close()

    def _close_all(self) -> None:
        for connection in [*self._connections]:
            self._close(connection)


def _chunk_size(rate: float | None) -> int:
    """As a segment; at high rates what takes a millisecond, or Python could not keep up."""
    return CHUNK if rate is None else min(CHUNK, max(SEGMENT, int(rate / 8000)))
