"""QUIC over a link: a TCP-like sender that lives in this program, where its window can be read.

    with QuicServer() as server:
        with Link(server.address, protocol="udp", rate=4e6, delay=0.010, queue_limit=20) as link:
            flow = upload(link.address, seconds=2)
    window_chart(flow.samples)

QUIC (RFC 9000) is a transport over UDP. aioquic, in Python, does its loss recovery and its
congestion control (RFC 9002). No privilege is needed to look into it. aioquic is "sans I/O":
it is given datagrams and times, and gives datagrams; the loops around it are here.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from . import lifetimes
from .flows import EVERY, Flow, Paced
from .kernel_state import NOT_SET_YET, TcpInfo
from .measure import Latency

Address = tuple[str, int]
DATAGRAM = 1200  # bytes of QUIC in a datagram, at most (RFC 9000, section 14)
_ROOM = 1 << 28  # so that flow control never limits what is sent
_PROTOCOL = "course"
MAX_CONNECTIONS = 128  # at once; a client that says one word and leaves is kept for a minute
AT_ONCE = 256  # datagrams read before there is an answer to the first of them
_SAYS_NO = 5.0  # seconds to wait for a handshake, or for the last message


class QuicServer:
    """A QUIC server on loopback, on a background thread: it reads everything.

    Attributes
    ----------
    address : (host, port)
    arrived : list of (time_ns, stream, bytes)
        When data could be read, by `time.perf_counter_ns`; of which stream; and how many of
        its bytes could be read by then.
    """

    def __init__(self) -> None:
        self._configuration = _configuration(is_client=False)
        self._configuration.certificate, self._configuration.private_key = _certificate()
        self._socket = _udp_socket()
        self.address: Address = self._socket.getsockname()
        self.arrived: list[tuple[int, int, int]] = []
        self._totals: dict[tuple[Any, int], int] = {}
        self._connections: dict[Any, Any] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="QUIC server", daemon=True)
        self._thread.start()
        lifetimes.remember(self, self.stop, repr(self))

    def stop(self) -> None:
        """End the server. May be called again."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._thread.join()
            self._socket.close()
            lifetimes.forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "stopped" if self._stopping.is_set() else "running on a thread of this process"
        return f"QUIC server on {self.address[0]}:{self.address[1]}, {state}"

    def _run(self) -> None:
        while not self._stopping.is_set():
            timers = [c.get_timer() for c in self._connections.values()]
            due = min((t for t in timers if t is not None), default=None)
            now = time.monotonic()
            wait = 0.05 if due is None else min(0.05, max(0.0, due - now))
            select.select([self._socket], [], [], wait)
            for data, peer in _datagrams(self._socket):
                connection = self._connections.pop(peer, None) or self._accept(data)
                if connection is not None:
                    self._connections[peer] = connection  # the one silent for longest comes first
                    self._guarded(peer, connection.receive_datagram, data, peer, time.monotonic())
            for peer, connection in [*self._connections.items()]:
                self._guarded(peer, _go_on, connection, self._socket)
                if not self._take_events(peer, connection):
                    self._connections.pop(peer, None)

    def _guarded(self, peer: Any, function: Callable[..., object], *arguments: Any) -> None:
        """Call it; a connection that raises is forgotten, and the others go on."""
        try:
            function(*arguments)
        except Exception:  # aioquic raises many things where a client's first datagram is garbage
            self._connections.pop(peer, None)

    def _accept(self, data: bytes) -> Any:
        from aioquic.buffer import Buffer
        from aioquic.quic.connection import QuicConnection
        from aioquic.quic.packet import QuicPacketType, pull_quic_header

        if len(data) < DATAGRAM:  # RFC 9000, section 14.1
            return None
        try:
            header = pull_quic_header(Buffer(data=data), host_cid_length=8)
        except ValueError:
            return None
        if header.packet_type != QuicPacketType.INITIAL:  # the rest of a connection that ended
            return None
        if len(self._connections) >= MAX_CONNECTIONS:
            del self._connections[next(iter(self._connections))]
        return QuicConnection(
            configuration=self._configuration,
            original_destination_connection_id=header.destination_cid,
        )

    def _take_events(self, peer: Any, connection: Any) -> bool:
        """Note what arrived. False if the connection has ended."""
        from aioquic.quic.events import ConnectionTerminated, StreamDataReceived

        while (event := connection.next_event()) is not None:
            if isinstance(event, ConnectionTerminated):
                return False
            if isinstance(event, StreamDataReceived):
                key = (peer, event.stream_id)
                total = self._totals[key] = self._totals.get(key, 0) + len(event.data)
                self.arrived.append((time.perf_counter_ns(), event.stream_id, total))
        return True


class _Client:
    """A connection to a QUIC server, driven by whoever calls `run`."""

    def __init__(self, address: Address, algorithm: str) -> None:
        from aioquic.quic.connection import QuicConnection

        configuration = _configuration(is_client=True)
        configuration.congestion_control_algorithm = algorithm
        self.connection = QuicConnection(configuration=configuration)
        self.lost = 0
        recovery = self.connection._loss._cc
        told = recovery.on_packets_lost

        def count(*, now: float, packets: Any) -> None:
            packets = list(packets)
            self.lost += len(packets)
            told(now=now, packets=packets)

        recovery.on_packets_lost = count
        self._socket = _udp_socket()
        self._address = address
        self.connected = False
        self.connection.connect(address, now=time.monotonic())

    def __enter__(self) -> Self:
        deadline = time.monotonic() + _SAYS_NO
        while not self.connected:
            if time.monotonic() > deadline:
                self._socket.close()
                raise TimeoutError(f"No QUIC server answers at {self._address}.")
            self.run(0.05)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.connection.close()
        _go_on(self.connection, self._socket)
        self._socket.close()

    def run(self, seconds: float) -> None:
        """Send, receive and mind the timers for so long."""
        from aioquic.quic.events import HandshakeCompleted

        end = time.monotonic() + seconds
        while True:
            _go_on(self.connection, self._socket)
            while (event := self.connection.next_event()) is not None:
                self.connected |= isinstance(event, HandshakeCompleted)
            now = time.monotonic()
            if now >= end:
                return
            due = self.connection.get_timer()
            until = end if due is None else min(end, due)
            select.select([self._socket], [], [], max(0.0, until - now))
            for data, peer in _datagrams(self._socket):
                self.connection.receive_datagram(data, peer, now=time.monotonic())

    def info(self) -> TcpInfo:
        """What the sender knows, in the terms of TCP; segments are datagrams of 1,200 bytes."""
        recovery = self.connection._loss
        control = recovery._cc
        known = recovery._rtt_initialized
        threshold = control.ssthresh
        return TcpInfo(
            state="QUIC",
            rto=recovery.get_probe_timeout(),
            snd_mss=DATAGRAM,
            rtt=recovery._rtt_smoothed if known else None,
            min_rtt=recovery._rtt_min if known else None,
            snd_ssthresh=NOT_SET_YET if threshold is None else threshold // DATAGRAM,
            snd_cwnd=control.congestion_window // DATAGRAM,
            total_retrans=self.lost,
        )


def upload(address: Address, seconds: float = 2.0, algorithm: str = "reno") -> Flow:
    """Send one stream as fast as QUIC allows, and look into the sender every 10 ms.

    Parameters
    ----------
    address : (host, port)
        A `QuicServer`, or a link that leads to one.
    algorithm : str
        The congestion control: "reno" or "cubic".

    Returns
    -------
    Flow
        Its samples are as those of a TCP connection; `total_retrans` counts datagrams that
        were found to be lost. (QUIC sends their data again, never the same packet.)

    Raises
    ------
    TimeoutError
        If nobody answers.
    """
    with _Client(address, algorithm) as client:
        stream = client.connection.get_next_available_stream_id()
        written = 0
        samples = [(time.time_ns(), client.info())]
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            unsent = _unsent(client.connection, stream)
            if unsent < 500_000:
                client.connection.send_stream_data(stream, bytes(500_000))
                written += 500_000
            client.run(EVERY)
            samples.append((time.time_ns(), client.info()))
        acked = written - _unsent(client.connection, stream)
        took = time.monotonic() - began
    return Flow(f"QUIC, {algorithm}", 8 * acked / took, samples)


def messages(
    server: QuicServer,
    address: Address,
    count: int,
    *,
    size: int = 1000,
    interval: float = 0.005,
    one_stream: bool,
    label: str,
) -> Latency:
    """Send a message every `interval`: how long until each can be read at the server.

    Parameters
    ----------
    address : (host, port)
        Of the link that leads to the server.
    one_stream : bool
        All messages one after the other in one stream; or each in a stream of its own.
    """
    before = len(server.arrived)
    with _Client(address, "reno") as client:
        connection, sent, streams = client.connection, [], []
        stream = connection.get_next_available_stream_id(is_unidirectional=True)
        start = time.perf_counter()
        for number in range(count):
            client.run(max(0.0, start + number * interval - time.perf_counter()))
            sent.append(time.perf_counter_ns())
            if not one_stream:
                stream = connection.get_next_available_stream_id(is_unidirectional=True)
            streams.append(stream)
            connection.send_stream_data(stream, bytes(size), end_stream=not one_stream)
        deadline = time.monotonic() + _SAYS_NO
        needed = [(s, (k + 1) * size if one_stream else size) for k, s in enumerate(streams)]
        while time.monotonic() < deadline:
            client.run(0.02)
            totals = {s: total for _, s, total in server.arrived[before:]}
            if all(totals.get(s, 0) >= least for s, least in needed):
                break
    taken = []
    for began, (stream, least) in zip(sent, needed, strict=True):
        there = [t for t, s, total in server.arrived[before:] if s == stream and total >= least]
        if there:
            taken.append(there[0] - began)
    return Paced(label, tuple(taken))


# ------------------------------------------------------------------ around aioquic


def _go_on(connection: Any, sock: socket.socket) -> None:
    """Let timers run out that are due, and send what is to be sent."""
    now = time.monotonic()
    due = connection.get_timer()
    if due is not None and due <= now:
        connection.handle_timer(now=now)
    for data, peer in connection.datagrams_to_send(now=now):
        with contextlib.suppress(OSError):  # as if it had been lost on the way
            sock.sendto(data, peer)


def _datagrams(sock: socket.socket) -> list[tuple[bytes, Any]]:
    found: list[tuple[bytes, Any]] = []
    with contextlib.suppress(OSError):  # nothing more; or the echo of a peer that has gone
        while len(found) < AT_ONCE:
            found.append(sock.recvfrom(65536))
    return found


def _unsent(connection: Any, stream: int) -> int:
    """Bytes written to a stream that were not acknowledged yet."""
    sender = connection._streams[stream].sender if stream in connection._streams else None
    return 0 if sender is None else sender._buffer_stop - sender._buffer_start


def _udp_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    return sock


def _configuration(*, is_client: bool) -> Any:
    from aioquic.quic.configuration import QuicConfiguration

    return QuicConfiguration(
        is_client=is_client,
        alpn_protocols=[_PROTOCOL],
        server_name="localhost",
        max_data=_ROOM,
        max_stream_data=_ROOM,
        # The certificate was made a moment ago, in this process, and proves nothing.
        verify_mode=ssl.CERT_NONE,
    )


def _certificate() -> tuple[Any, Any]:
    """A certificate for localhost and its key, signed by itself; kept in memory only."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate, key
