"""A first handler: it answers all that arrives, in upper case, until the stream ends."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..findings import Failed, Finding, call
from . import Exercise

PATIENCE = 1.0  # seconds the other side waits for an answer
CASES: tuple[list[bytes], ...] = (
    [],
    [b"hello"],
    [b"one", b"two"],
    [b"caf\xc3", b"\xa9"],  # cut inside a character
    [bytes([byte]) for byte in b"byte by byte"],
    [b"all work and no play\n" * 300],  # more than one recv brings
)


@dataclass
class OtherSide:
    """Sends the chunks, each when the one before it is answered; then ends its stream."""

    chunks: list[bytes]
    replies: list[bytes] = field(default_factory=list)
    ended: bool = False

    def talk(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        with connection, contextlib.suppress(ConnectionError):
            for chunk in self.chunks:
                connection.sendall(chunk)
                self.replies.append(receive(connection, len(chunk)))
                if self.replies[-1] != chunk.upper():
                    return
            self.ended = True
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(None)
            self.replies.append(receive(connection, 1))


def receive(connection: socket.socket, size: int) -> bytes:
    """So many bytes, or fewer if no more come."""
    received = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        while len(received) < size and (chunk := connection.recv(size - len(received))):
            received += chunk
    return received


def examine(shout: Callable[[socket.socket], Any], chunks: list[bytes]) -> Finding | None:
    ours, theirs = socket.socketpair()
    other = OtherSide(chunks)
    thread = threading.Thread(target=other.talk, args=(theirs,), daemon=True)
    thread.start()
    shown = "shout(conn), while the other side sends " + (
        ", then ".join(repr(chunk[:24]) for chunk in chunks[:4]) or "nothing and ends its stream"
    )
    returned: Any = None
    try:
        with ours:
            returned = call(shout, ours, shown=shown)
    except Failed as failed:
        if not (failed.stopped and other.ended):
            raise
        return Finding(
            "Everything was answered, then the other side ended its stream, and shout did not "
            "return. At the end of a stream recv does not wait: it returns b'', again and again.",
            shown,
        )
    finally:
        thread.join()
    return compare(chunks, other.replies, returned, shown)


def compare(
    chunks: list[bytes], replies: list[bytes], returned: object, shown: str
) -> Finding | None:
    for number, chunk in enumerate(chunks):
        reply = replies[number] if number < len(replies) else b""
        if reply == chunk.upper():
            continue
        sides: dict[str, Any] = {"expected": chunk.upper(), "got": reply}
        if reply:
            return Finding(f"The answer to chunk {number + 1} is not right.", shown, **sides)
        if returned is not None:
            return Finding(
                "shout returned its answer, and sent nothing. Nobody looks at what a handler "
                "returns: the answer must go through conn, as bytes.",
                shown,
                expected=chunk.upper(),
                got=returned,
            )
        if number:
            return Finding(
                f"shout answered {number} of {len(chunks)} chunks and stopped. One recv brings "
                "one piece of the stream, and the stream goes on.",
                shown,
                **sides,
            )
        return Finding("No answer came to the first chunk.", shown, **sides)
    if any(replies[len(chunks) :]):
        return Finding("More came back than was sent.", shown)
    return None


def check(shout: Callable[[socket.socket], Any]) -> Finding | None:
    return next((found for chunks in CASES if (found := examine(shout, chunks))), None)


EXERCISE = Exercise(
    key="00-echo-upper",
    name="shout",
    statement="""\
Write a handler, `shout(conn)`. It answers every chunk of bytes that arrives on the
socket `conn` with the same bytes in upper case, at once, and returns when the other
side has ended its stream. The bytes may be cut anywhere, even inside a character:
`bytes.upper()` changes only the letters a to z, and that is what is wanted.
""",
    starter='''\
def shout(conn):
    """Answer all that arrives on conn in upper case, until the stream ends."""
    ...  # your code
''',
    check=check,
    hints=(
        "`conn.recv(4096)` waits for bytes and returns those that are there: one piece of the "
        "stream, from 1 to 4,096 bytes. `conn.sendall(…)` sends all the bytes you give it.",
        "The stream may come in any number of pieces, so receive and answer in a loop.",
        "`recv` returns the empty bytes `b''` once the other side has ended its stream, and "
        "only then. `b''` is false in a condition.",
    ),
    solution="""\
def shout(conn):
    while chunk := conn.recv(4096):
        conn.sendall(chunk.upper())
""",
    wrong={
        "stops after the first chunk": """\
def shout(conn):
    conn.sendall(conn.recv(4096).upper())
""",
        "never returns at the end of the stream": """\
def shout(conn):
    while True:
        conn.sendall(conn.recv(4096).upper())
""",
        "returns a str": """\
def shout(conn):
    return conn.recv(4096).decode().upper()
""",
        "decodes every chunk": """\
def shout(conn):
    while chunk := conn.recv(4096):
        conn.sendall(chunk.decode().upper().encode())
""",
        "echoes": """\
def shout(conn):
    while chunk := conn.recv(4096):
        conn.sendall(chunk)
""",
        "sends a str": """\
def shout(conn):
    while chunk := conn.recv(4096):
        conn.sendall(str(chunk).upper())
""",
    },
)
