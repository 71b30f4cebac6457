"""A whole client: it sends a message, ends its stream, and reads the answer to the end."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..findings import Failed, Finding, call, short
from . import Exercise

PATIENCE = 1.0  # seconds the server waits for the client
SECONDS = 3.0  # for one call


@dataclass(frozen=True)
class Case:
    """What is asked, what the server answers, and whether it then resets."""

    message: bytes
    answer: bytes
    resets: bool = False


CASES = (
    Case(b"hello", b"HELLO"),
    Case(b"say nothing", b""),
    Case(b"", b"you said nothing"),
    Case(b"\xff is no text", b"\xfe neither"),
    Case(b"many bytes, please", b"all work and no play\n" * 100_000),  # more than one recv brings
    Case(b"all work and no play\n" * 50_000, b"1050000 bytes"),
    Case(b"half an answer, please", b"this is only ha", resets=True),
)


class Peer:
    """The server: it reads to the end of the client's stream, then answers and closes."""

    def __init__(self, listener: socket.socket, case: Case) -> None:
        self.trouble = ""
        self.received = b""
        self.client = ("", 0)  # the first that came
        self._listener, self._case = listener, case

    def run(self) -> None:
        conn, self.client = self._listener.accept()
        with conn:
            conn.settimeout(PATIENCE)
            try:
                while chunk := conn.recv(65536):
                    self.received += chunk
            except TimeoutError:
                self.trouble = (
                    f"The server got {short(self.received)}, and then waited {PATIENCE:g} s for "
                    "the end of the stream. It answers when it has seen your FIN, and ask has to "
                    "read that answer on the same socket"
                )
                return
            except OSError as error:
                self.trouble = f"The server was cut off while it read what ask sent: {error}"
                return
            with contextlib.suppress(OSError):  # what ask returns will tell
                conn.sendall(self._case.answer)
            if self._case.resets:
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def examine(ask: Callable[..., Any], case: Case) -> Finding | None:
    what = f"a server that answers {short(case.answer)}{' and resets' if case.resets else ''}"
    shown = f"ask(address, {short(case.message)}), to {what}"
    failed: Failed | None = None
    got: Any = None
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = Peer(listener, case)
        thread = threading.Thread(target=peer.run, daemon=True)
        thread.start()
        try:
            got = call(ask, listener.getsockname(), case.message, shown=shown, seconds=SECONDS)
        except Failed as error:
            failed = error
        # If ask has not connected, the server meets this client instead, and goes home.
        with socket.create_connection(listener.getsockname()) as last:
            last_client = last.getsockname()
        thread.join()
    if failed and not failed.stopped:
        if case.resets and isinstance(failed.__cause__, ConnectionError):
            return None
        raise failed
    if peer.client == last_client:
        return Finding("ask returned, and had not connected to the address.", shown)
    if peer.trouble:
        return Finding(f"{peer.trouble}.", shown, expected=case.answer, got=got)
    if peer.received != case.message:
        message = "What the server received is not the message that ask was given."
        return Finding(message, shown, expected=case.message, got=peer.received)
    if failed:
        raise failed
    return compare(case, got, shown)


def compare(case: Case, got: object, shown: str) -> Finding | None:
    if case.resets:
        return Finding(
            "The connection was reset in the middle of the answer, and ask returned as if it had "
            "all of it. Let the ConnectionError out: only the caller knows what to do about it.",
            shown,
            expected=ConnectionResetError,
            got=got,
        )
    if got == case.answer:
        return None
    sides: dict[str, Any] = {"expected": case.answer, "got": got}
    if isinstance(got, bytes) and got and case.answer.startswith(got):
        return Finding(
            f"ask returned the first {len(got):,} of {len(case.answer):,} bytes. One recv brings "
            "one piece; the answer ends where the server's stream ends.",
            shown,
            expected=f"{len(case.answer):,} bytes",
            got=f"{len(got):,} bytes",
        )
    if not isinstance(got, bytes):
        return Finding("ask has to return the answer, as bytes.", shown, **sides)
    if not got:
        return Finding(
            "ask returned no byte of the answer. It has to end its own direction only, and to read "
            "until the server has ended the other.",
            shown,
            **sides,
        )
    return Finding("The answer is not what the server sent.", shown, **sides)


def check(ask: Callable[..., Any]) -> Finding | None:
    return next((found for case in CASES if (found := examine(ask, case))), None)


EXERCISE = Exercise(
    key="04-client",
    name="ask",
    statement="""\
And the client, `ask(address, message)`. Connect to `address`, a pair of host and port; send the
bytes `message`; end your stream, so that the server knows that this was all; read the answer, up
to the end of the server's stream; close; return the answer, as bytes. If the connection is reset,
let the error out: half an answer is none.
""",
    starter='''\
def ask(address, message):
    """Send message to address, and return all that the server answers, as bytes."""
    ...  # your code
''',
    check=check,
    hints=(
        "`socket.create_connection(address)` makes a connected socket. With `with` it is closed "
        "in every case.",
        "*I have finished, and I am listening* has a call of its own: look into *Half closed*.",
        "An answer may come in any number of pieces. Receive in a loop, put the pieces together, "
        "until `recv` returns `b''`. That needs no `try`.",
    ),
    solution="""\
import socket

def ask(address, message):
    answer = b""
    with socket.create_connection(address) as client:
        client.sendall(message)
        client.shutdown(socket.SHUT_WR)
        while chunk := client.recv(65536):
            answer += chunk
    return answer
""",
    wrong={
        "asks nobody": """\
def ask(address, message):
    return message.upper()
""",
        "does not end its stream": """\
import socket
def ask(address, message):
    answer = b""
    with socket.create_connection(address) as client:
        client.sendall(message)
        while chunk := client.recv(65536):
            answer += chunk
    return answer
""",
        "one recv": """\
import socket
def ask(address, message):
    with socket.create_connection(address) as client:
        client.sendall(message)
        client.shutdown(socket.SHUT_WR)
        return client.recv(65536)
""",
        "closes before it reads": """\
import socket
def ask(address, message):
    client = socket.create_connection(address)
    client.sendall(message)
    client.close()
    return client.recv(65536)
""",
        "shuts down both directions": """\
import socket
def ask(address, message):
    answer = b""
    with socket.create_connection(address) as client:
        client.sendall(message)
        client.shutdown(socket.SHUT_RDWR)
        while chunk := client.recv(65536):
            answer += chunk
    return answer
""",
        "takes a reset for the end": """\
import socket
def ask(address, message):
    answer = b""
    with socket.create_connection(address) as client:
        client.sendall(message)
        client.shutdown(socket.SHUT_WR)
        try:
            while chunk := client.recv(65536):
                answer += chunk
        except ConnectionError:
            pass
    return answer
""",
        "returns text": """\
import socket
def ask(address, message):
    answer = ""
    with socket.create_connection(address) as client:
        client.sendall(message)
        client.shutdown(socket.SHUT_WR)
        while chunk := client.recv(65536):
            answer += chunk.decode()
    return answer
""",
        "prints the answer": """\
import socket
def ask(address, message):
    with socket.create_connection(address) as client:
        client.sendall(message)
        client.shutdown(socket.SHUT_WR)
        while chunk := client.recv(65536):
            print(chunk)
""",
    },
)
