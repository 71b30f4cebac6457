"""A whole server: clients one after the other, whatever they do, until its listener ends."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ..findings import Failed, Finding, call
from ..own_server import end
from . import Exercise

PATIENCE = 1.0  # seconds a client waits for its answer
SECONDS = 3.0  # for all clients of one case
LINES = (b"hello\n", b"caf\xc3", b"\xa9\n", b"\xff and more\n")
TALKS, SENDS_ALL, LEAVES, RESETS = (
    "one that waits for each answer before it goes on",
    "one that sends all, ends its stream, then reads",
    "one that leaves without a word",
    "one that resets after its first answer",
)
CASES: tuple[tuple[str, ...], ...] = (
    (TALKS,),
    (SENDS_ALL, TALKS),
    (LEAVES, TALKS),
    (RESETS, TALKS),
)


class Clients:
    """Clients, one after the other, up to the first that is not served; then the listener ends."""

    def __init__(self, listener: socket.socket, kinds: Sequence[str]) -> None:
        self.current = self.trouble = ""
        self.done = False
        self._listener, self._kinds = listener, kinds
        self._address = listener.getsockname()

    def run(self) -> None:
        for number, kind in enumerate(self._kinds, 1):
            self.current = f"Client {number} of {len(self._kinds)} ({kind})"
            try:
                self.trouble = self._visit(kind)
            except TimeoutError:
                self.trouble = f"got no answer for {PATIENCE:g} s"
            except OSError as error:
                self.trouble = f"was cut off: {error}"
            if self.trouble:
                break
        self.done = True
        end(self._listener)

    def _visit(self, kind: str) -> str:
        with socket.create_connection(self._address, PATIENCE) as client:
            if kind == LEAVES:
                return ""
            lines = {SENDS_ALL: (b"".join(LINES),), RESETS: LINES[:1]}.get(kind, LINES)
            for line in lines:
                client.sendall(line)
                if kind == SENDS_ALL:
                    client.shutdown(socket.SHUT_WR)
                answer = client.recv(len(line), socket.MSG_WAITALL)
                if answer != line.upper():
                    return f"sent {line!r} and got {answer!r}"
            if kind == RESETS:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return ""
            if kind == TALKS:
                client.shutdown(socket.SHUT_WR)
            try:
                return "got more than it sent" if client.recv(1) else ""
            except TimeoutError:
                return "ended its stream, and the server did not close the connection"


def examine(serve_all: Callable[[socket.socket], Any], kinds: Sequence[str]) -> Finding | None:
    shown = f"serve_all(listener), clients: {'; '.join(kinds)}"
    failed: Failed | None = None
    with socket.create_server(("127.0.0.1", 0)) as listener:
        clients = Clients(listener, kinds)
        thread = threading.Thread(target=clients.run, daemon=True)
        thread.start()
        try:
            call(serve_all, listener, shown=shown, seconds=SECONDS)
        except Failed as error:
            failed = error
        early = not clients.done
        end(listener)
        listener.close()  # resets who still waits to be accepted
        thread.join()
    return _judged(clients, failed, early, shown)


def _judged(clients: Clients, failed: Failed | None, early: bool, shown: str) -> Finding | None:
    if failed and not failed.stopped:
        if early or clients.trouble or not isinstance(failed.__cause__, OSError):
            raise failed
        message = f"All clients were served, then the listener ended. {failed.finding.message}"
        return Finding(f"{message}. That is where serve_all has to return.", shown)
    if early and not failed and clients.trouble:
        return Finding(
            f"{clients.current} was not served: serve_all had returned. As long as accept() "
            "raises nothing, the next client may come.",
            shown,
        )
    if clients.trouble:
        return Finding(f"{clients.current} {clients.trouble}. serve_all has to serve each.", shown)
    if failed:
        return Finding(
            "All clients were served, then the listener ended, and serve_all did not return. "
            "From then on accept() raises an OSError, each time.",
            shown,
        )
    return None


def check(serve_all: Callable[[socket.socket], Any]) -> Finding | None:
    return next((found for kinds in CASES if (found := examine(serve_all, kinds))), None)


EXERCISE = Exercise(
    key="04-server",
    name="serve_all",
    statement="""\
Write a whole server in about twelve lines, `serve_all(listener)`. `listener` is listening already.
Serve client after client: answer each piece that arrives with the same bytes in upper case, at
once, until the client has ended its stream; then close that connection. A client that resets must
not end the server. When `accept()` raises an `OSError`, the listener has ended: return.
""",
    starter='''\
def serve_all(listener):
    """Answer client after client in upper case, until the listener ends."""
    ...  # your code
''',
    check=check,
    hints=(
        "Two loops: the outer one accepts, without end; the inner one receives and answers, until "
        "`recv` returns `b''`.",
        "Two errors, with two meanings. An `OSError` of `accept()` says that the listener has "
        "ended. A `ConnectionError` of `recv` or `sendall` says that this one client is gone.",
        "So there are two `try`: one holds the line with `accept()` alone, and its `except "
        "OSError` returns. The other is around the inner loop, within `with conn:`.",
    ),
    solution="""\
def serve_all(listener):
    while True:
        try:
            conn, _ = listener.accept()
        except OSError:
            return
        with conn:
            try:
                while chunk := conn.recv(4096):
                    conn.sendall(chunk.upper())
            except ConnectionError:
                pass  # this client is gone, and the next one is waiting
""",
    wrong={
        "serves one client": """\
def serve_all(listener):
    conn, _ = listener.accept()
    with conn:
        while chunk := conn.recv(4096):
            conn.sendall(chunk.upper())
""",
        "no try": """\
def serve_all(listener):
    while True:
        conn, _ = listener.accept()
        with conn:
            while chunk := conn.recv(4096):
                conn.sendall(chunk.upper())
""",
        "guards the clients, not accept": """\
def serve_all(listener):
    while True:
        conn, _ = listener.accept()
        with conn:
            try:
                while chunk := conn.recv(4096):
                    conn.sendall(chunk.upper())
            except ConnectionError:
                pass
""",
        "one try around everything": """\
def serve_all(listener):
    try:
        while True:
            conn, _ = listener.accept()
            with conn:
                while chunk := conn.recv(4096):
                    conn.sendall(chunk.upper())
    except OSError:
        return
""",
        "goes on whatever is raised": """\
def serve_all(listener):
    while True:
        try:
            conn, _ = listener.accept()
            with conn:
                while chunk := conn.recv(4096):
                    conn.sendall(chunk.upper())
        except OSError:
            continue
""",
        "answers at the end of the stream": """\
def serve_all(listener):
    while True:
        try:
            conn, _ = listener.accept()
        except OSError:
            return
        with conn:
            everything = b""
            while chunk := conn.recv(4096):
                everything += chunk
            conn.sendall(everything.upper())
""",
        "one recv for each client": """\
def serve_all(listener):
    while True:
        try:
            conn, _ = listener.accept()
        except OSError:
            return
        with conn:
            conn.sendall(conn.recv(4096).upper())
""",
        "never closes": """\
def serve_all(listener):
    while True:
        try:
            conn, _ = listener.accept()
        except OSError:
            return
        try:
            while chunk := conn.recv(4096):
                conn.sendall(chunk.upper())
        except ConnectionError:
            pass
""",
    },
)
