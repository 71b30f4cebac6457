"""A client of the chat service of notebook 15, made of plain blocking sockets.

    with joined(server.address, "ann") as ann:
        say(ann, "SAY hello")
        hear(ann)                                # 'SAID 2 ann hello'

And members who make trouble: one who sleeps, and one who waits until another is gone.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .chat_trials import framed
from .servers import serve_asyncio

SECONDS = 5.0  # that a client waits for what should come at once
QUIET = 0.05  # without a message: time for a PING
STALLED = 0.5  # without a message: then the others are taken to hear nothing any more
SMALL = 4096  # bytes of a buffer that is to be full soon
ASLEEP = "SAY " + "x" * 400


def say(sock: socket.socket, text: str) -> None:
    """Send one message."""
    sock.sendall(framed(text))


def hear(sock: socket.socket) -> str:
    """The next message.

    Raises
    ------
    EOFError
        If the stream ends before or within it.
    """
    (size,) = struct.unpack("!H", _exactly(sock, 2))
    return _exactly(sock, size).decode()


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise EOFError("The service has ended this connection.")
        data += part
    return data


def until(kind: str, sock: socket.socket) -> str:
    """The next message of this kind; what comes before is thrown away."""
    while not (heard := hear(sock)).startswith(f"{kind} "):
        pass
    return heard


def enter(sock: socket.socket, address: Any, nick: str, room: str = "tea") -> None:
    """Connect an unconnected socket, and join."""
    sock.settimeout(SECONDS)
    sock.connect(address)
    say(sock, f"JOIN {room} {nick}")
    while not until("JOINED", sock).endswith(f" {nick}"):
        pass


def joined(address: Any, nick: str, room: str = "tea") -> socket.socket:
    """A new member. You close it."""
    sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    try:
        enter(sock, address, nick, room)
    except BaseException:
        sock.close()
        raise
    return sock


def until_left(sock: socket.socket) -> float:
    """Seconds until this member hears that another has left; it pings meanwhile."""
    begun = time.perf_counter()
    while True:
        if not select.select([sock], [], [], QUIET)[0]:
            say(sock, "PING")
        elif hear(sock).startswith("LEFT "):
            return time.perf_counter() - begun


@dataclass(frozen=True)
class Beside:
    """What happened beside a member who sleeps.

    Attributes
    ----------
    milliseconds : list of float
        For each message, until both others had it.
    cut_off : bool
        Whether the service has ended the sleeper's connection.
    """

    milliseconds: list[float]
    cut_off: bool


def beside_a_sleeper(serve: Callable[..., Any], messages: int = 800) -> Beside:
    """ann talks, carl listens, and bob, who joined before him, reads nothing.

    ann says the next message when both have the last. It ends early if one of them hears
    nothing for half a second. The buffers of the kernel are small, so that they are full soon.

    Parameters
    ----------
    serve : coroutine function
        The service: a handler for `serve_asyncio`.
    messages : int
        How many, of 404 bytes each.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * SMALL)  # accepted ones inherit it
    times: list[float] = []
    with serve_asyncio(serve, listener=listener) as server, socket.socket() as bob:
        bob.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        with joined(server.address, "ann") as ann:
            enter(bob, server.address, "bob")
            with joined(server.address, "carl") as carl:
                ann.settimeout(STALLED)
                carl.settimeout(STALLED)
                with contextlib.suppress(TimeoutError):
                    for _ in range(messages):
                        begun = time.perf_counter()
                        say(ann, ASLEEP)
                        until("SAID", ann)
                        until("SAID", carl)
                        times.append(1e3 * (time.perf_counter() - begun))
                return Beside(times, _is_cut_off(bob))


def _is_cut_off(sleeper: socket.socket) -> bool:
    """Let it read at last; whether its stream ends."""
    sleeper.settimeout(STALLED)
    try:
        while sleeper.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:  # a reset
        return True
    return True
