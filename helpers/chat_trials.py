"""What a chat service has to do, told by the names of behaviours, and tried on any service.

A service is whatever `make(limits)` returns, if it has two coroutine functions:
`serve(reader, writer)`, called for each connection, and `close()`. It speaks the protocol of
notebook 15: two bytes of length in network byte order, then so many bytes of UTF-8.

Here is what a behaviour is tried with: a `Trial`, which is a fresh service on a fresh loop, and
its peers, who talk to it over loopback. The behaviours stand in `chat_behaviours`, and
`chat_judge` tries them:

>>> async def it_answers(trial):
...     ann = await trial.join("tea", "ann")
...     await ann.is_well()
"""

from __future__ import annotations

import asyncio
import inspect
import socket
import struct
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from .findings import short

PATIENCE = 3.0  # seconds that a peer waits for what should come at once
SMALL = 4096  # bytes: the receive buffer of a peer that is to be slow


@dataclass(frozen=True)
class Limits:
    """The limits that a trial gives to the service.

    Attributes
    ----------
    message, queue : int
        Bytes of a message that a member sends; messages that may wait for one member.
    patience, silence : float
        Seconds: for the rest of a message that has begun, for JOIN, and for a goodbye; and
        without any message of a member.
    """

    message: int = 500
    queue: int = 50
    patience: float = 5.0
    silence: float = 30.0


class Unmet(Exception):
    """A behaviour is not there: what was wrong, and, if they tell more, the two messages."""

    def __init__(self, problem: str, expected: Any = None, got: Any = None) -> None:
        super().__init__(problem)
        self.problem, self.expected, self.got = problem, expected, got


def framed(text: str) -> bytes:
    """One message as the protocol wants it.

    >>> framed("PING 1")
    b'\\x00\\x06PING 1'
    """
    body = text.encode()
    return struct.pack("!H", len(body)) + body


class Peer:
    """One connection to the service. `expect` and the like raise `Unmet`."""

    def __init__(self, trial: Trial, name: str) -> None:
        self.trial, self.name = trial, name
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter
        self.sock: socket.socket | None = None

    async def connect(self, host: str = "127.0.0.1", reads: bool = True) -> None:
        """Connect; one that does not read yet does so from `begin_to_read` on."""
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.sock.setblocking(False)
        if not reads:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self.sock, self.trial.address[host])
        if reads:
            await self.begin_to_read()

    async def begin_to_read(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(sock=self.sock)

    async def send(self, what: str | bytes) -> None:
        """A message, or bytes as they are."""
        data = framed(what) if isinstance(what, str) else what
        self.trial.tell(f"{self.name} sent {short(data)}")
        try:
            if hasattr(self, "writer"):
                self.writer.write(data)
                await self.writer.drain()
            elif self.sock is not None:
                await asyncio.get_running_loop().sock_sendall(self.sock, data)
        except OSError as error:
            raise Unmet(f"{self.name}'s connection broke while it sent: {error}") from None

    async def hear(self) -> str | None:
        """The next message; None at the end of the stream, however it ended."""
        try:
            async with asyncio.timeout(PATIENCE):
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
                body = await self.reader.readexactly(size)
        except TimeoutError:
            raise Unmet(f"{self.name} heard nothing for {PATIENCE:g} s") from None
        except (EOFError, OSError):
            self.trial.tell(f"{self.name}'s connection was ended")
            return None
        self.trial.tell(f"{self.name} received {short(struct.pack('!H', size) + body)}")
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise Unmet(f"{self.name} received what is not UTF-8: {body!r}") from None

    async def expect(self, text: str) -> None:
        """The next message is this one."""
        try:
            got = await self.hear()
        except Unmet as unmet:
            problem = f"{unmet.problem}; it should have heard {text!r}"
            raise Unmet(problem, framed(text), b"") from None
        if got != text:
            problem = f"{self.name} should have received {text!r}"
            wrong = b"" if got is None else framed(got)
            raise Unmet(problem if wrong else f"{problem}, and was cut off", framed(text), wrong)

    async def expect_end(self, reason: str) -> None:
        """The next message is a BYE with this reason, and then the stream ends."""
        await self.expect(f"BYE {reason}")
        if (more := await self.hear()) is not None:
            raise Unmet(f"{self.name} received something after its BYE", b"", framed(more))

    async def collect(self, kind: str, count: int) -> list[str]:
        """The next `count` messages of a kind, whatever else comes between."""
        found: list[str] = []
        while len(found) < count:
            text = await self.hear()
            if text is None:
                problem = f"{self.name} was cut off after {len(found)} of {count} {kind}"
                raise Unmet(f"{problem}, though it read all the time")
            if text.startswith(f"{kind} "):
                found.append(text)
        return found

    async def is_well(self) -> None:
        """It is still served, and has received nothing that it should not have."""
        self.trial.pings += 1
        await self.send(f"PING {self.trial.pings}")
        await self.expect(f"PONG {self.trial.pings}")

    def reset(self) -> None:
        """End the connection by a RST."""
        assert self.sock is not None
        self.trial.tell(f"{self.name} resets its connection")
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def close(self) -> None:
        self.trial.tell(f"{self.name} closes its connection")
        self.writer.close()


class Trial:
    """A fresh service, listening on loopback, and what has happened so far."""

    def __init__(self, make: Callable[[Limits], Any], limits: Limits, hosts: list[str]) -> None:
        self.limits, self.hosts = limits, hosts
        self.history: list[str] = []
        self.errors: list[Exception] = []
        self.present: dict[str, list[Peer]] = defaultdict(list)
        self.pings = 0
        self.address: dict[str, Any] = {}
        self._made: list[Peer] = []
        self._numbers: dict[str, int] = defaultdict(int)
        self._tasks: set[asyncio.Task[Any]] = set()
        self.service = make(limits)
        for name in ("serve", "close"):
            if not inspect.iscoroutinefunction(getattr(self.service, name, None)):
                raise Unmet(f"The service needs a coroutine function {name}")

    def tell(self, step: str) -> None:
        self.history.append(step)

    async def __aenter__(self) -> Trial:
        self._servers = []
        for host in self.hosts:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listener = socket.create_server((host, 0), family=family, backlog=256)
            # Small, and inherited by what is accepted: a slow member is noticed soon.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * SMALL)
            self.address[host] = listener.getsockname()
            self._servers.append(await asyncio.start_server(self._serve, sock=listener))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for server in self._servers:
            server.close()
        for peer in self._made:
            if hasattr(peer, "writer"):
                peer.writer.transport.abort()
            elif peer.sock is not None:
                peer.sock.close()
        tasks = list(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=0.2)
        for task in tasks:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self.service.serve(reader, writer)
        except Exception as error:
            self.errors.append(error)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def connect(self, name: str, host: str = "127.0.0.1", reads: bool = True) -> Peer:
        peer = Peer(self, name)
        self._made.append(peer)
        await peer.connect(host, reads)
        return peer

    async def join(self, room: str, name: str, *, reads: bool = True, **where: str) -> Peer:
        """A new member; all members of the room hear of it, and it does, too."""
        peer = await self.connect(name, reads=reads, **where)
        await peer.send(f"JOIN {room} {name}")
        self.present[room].append(peer)
        told = self.event(room, "JOINED", name)
        for other in self.present[room]:
            if hasattr(other, "writer"):
                await other.expect(told)
        return peer

    def event(self, room: str, kind: str, rest: str) -> str:
        """What the members of the room should hear next."""
        self._numbers[room] += 1
        return f"{kind} {self._numbers[room]} {rest}"


Behaviour = Callable[[Trial], Awaitable[None]]


def named(behaviour: Behaviour) -> str:
    """Its name in words.

    >>> async def one_slow_member_delays_nobody(trial): ...
    >>> named(one_slow_member_delays_nobody)
    'one slow member delays nobody'
    """
    words = getattr(behaviour, "__name__", "").replace("_", " ")
    return words.replace("utf 8", "UTF-8").replace("ipv4", "IPv4").replace("ipv6", "IPv6")
