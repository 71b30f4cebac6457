"""A server that goes on when a client resets its connection."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ..findings import Failed, Finding, call
from . import Exercise

PATIENCE = 1.0  # seconds a client waits for its answer
SECONDS = 3.0  # for all clients of one case
FULL = 0.1  # seconds without room: then all buffers between the two are full
MESSAGE = b"are you there?"
POLITE, EARLY, LATE, FLOOD = (
    "one that ends its stream",
    "one that resets at once",
    "one that resets after its answer",
    "one that sends much, reads nothing, and resets",
)
CASES: tuple[tuple[str, ...], ...] = (
    (POLITE,),
    (POLITE, POLITE),
    (LATE,),
    (LATE, POLITE),
    (EARLY, POLITE),
    (FLOOD, POLITE),
)


class Clients:
    """Clients, one after the other; stops at the first that is not served as it should be."""

    def __init__(self, address: tuple[str, int], kinds: Sequence[str]) -> None:
        self.trouble = ""
        self._address, self._kinds = address, kinds

    def run(self) -> None:
        for number, kind in enumerate(self._kinds, 1):
            try:
                trouble = self._visit(kind)
            except TimeoutError:
                trouble = f"got no answer for {PATIENCE:g} s"
            except OSError as error:
                trouble = f"was cut off: {error}"
            if trouble:
                self.trouble = f"Client {number} of {len(self._kinds)} ({kind}) {trouble}."
                return

    def _visit(self, kind: str) -> str:
        with socket.create_connection(self._address, PATIENCE) as client:
            if kind in (POLITE, LATE):
                client.sendall(MESSAGE)
                answer = client.recv(len(MESSAGE), socket.MSG_WAITALL)
                if answer != MESSAGE:
                    return f"sent {MESSAGE!r} and got {answer!r}"
            if kind == FLOOD:
                client.settimeout(FULL)
                with contextlib.suppress(TimeoutError):
                    while True:
                        client.send(bytes(1 << 16))
            if kind == POLITE:
                client.shutdown(socket.SHUT_WR)
                try:
                    return "got more than it sent" if client.recv(1) else ""
                except TimeoutError:
                    return "ended its stream, and the server did not close the connection"
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return ""


def examine(serve: Callable[[socket.socket, int], Any], kinds: Sequence[str]) -> Finding | None:
    shown = f"serve(listener, {len(kinds)}), clients: {'; '.join(kinds)}"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        clients = Clients(listener.getsockname(), kinds)
        thread = threading.Thread(target=clients.run, daemon=True)
        thread.start()
        failed: Failed | None = None
        got: Any = None
        try:
            got = call(serve, listener, len(kinds), shown=shown, seconds=SECONDS)
        except Failed as error:
            failed = error
        finally:
            listener.close()
            thread.join()
    if failed and not (failed.stopped and clients.trouble):
        raise failed
    if clients.trouble:
        return Finding(f"{clients.trouble} serve has to go on for all of them.", shown)
    resets = sum(kind != POLITE for kind in kinds)
    if got != resets:
        message = f"{resets} of {len(kinds)} clients reset, and serve did not return {resets}."
        return Finding(message, shown, expected=resets, got=got)
    return None


def check(serve: Callable[[socket.socket, int], Any]) -> Finding | None:
    return next((found for kinds in CASES if (found := examine(serve, kinds))), None)


EXERCISE = Exercise(
    key="04-survivor",
    name="serve",
    statement="""\
Write `serve(listener, clients)`. `listener` is listening already. Serve that many clients, one
after the other: accept, echo everything until the client has ended its stream, close. Some of
them reset their connection instead, at any moment. That must not end the server: the next
client is waiting. Return how many connections were reset.
""",
    starter='''\
def serve(listener, clients):
    """Echo for so many clients, one after the other; return how many of them reset."""
    ...  # your code
''',
    check=check,
    hints=(
        "Begin with the server that is never reset: a `for` loop over the clients, in it "
        "`conn, address = listener.accept()`, `with conn:`, and the echo loop.",
        "A reset raises `ConnectionResetError`. Where does the `try` have to stand, so that the "
        "loop over the *clients* goes on?",
        "It is not only `recv` that raises: the reset may come while `sendall` waits for room. "
        "So the `try` stands around the whole echo loop, within the loop over the clients. "
        "`except ConnectionError` also catches `BrokenPipeError`.",
    ),
    solution="""\
def serve(listener, clients):
    resets = 0
    for _ in range(clients):
        conn, _ = listener.accept()
        with conn:
            try:
                while received := conn.recv(65536):
                    conn.sendall(received)
            except ConnectionError:
                resets += 1
    return resets
""",
    wrong={
        "no try": """\
def serve(listener, clients):
    for _ in range(clients):
        conn, _ = listener.accept()
        with conn:
            while data := conn.recv(65536):
                conn.sendall(data)
    return 0
""",
        "the try is around all clients": """\
def serve(listener, clients):
    resets = 0
    try:
        for _ in range(clients):
            conn, _ = listener.accept()
            with conn:
                while data := conn.recv(65536):
                    conn.sendall(data)
    except ConnectionError:
        resets += 1
    return resets
""",
        "only recv is guarded": """\
def serve(listener, clients):
    resets = 0
    for _ in range(clients):
        conn, _ = listener.accept()
        with conn:
            while True:
                try:
                    data = conn.recv(65536)
                except ConnectionResetError:
                    resets += 1
                    break
                if not data:
                    break
                conn.sendall(data)
    return resets
""",
        "does not close": """\
def serve(listener, clients):
    resets = 0
    for _ in range(clients):
        conn, _ = listener.accept()
        try:
            while data := conn.recv(65536):
                conn.sendall(data)
        except ConnectionError:
            resets += 1
    return resets
""",
        "one recv for each client": """\
def serve(listener, clients):
    resets = 0
    for _ in range(clients):
        conn, _ = listener.accept()
        with conn:
            try:
                conn.sendall(conn.recv(65536))
            except ConnectionError:
                resets += 1
    return resets
""",
        "counts nothing": """\
def serve(listener, clients):
    for _ in range(clients):
        conn, _ = listener.accept()
        with conn:
            try:
                while data := conn.recv(65536):
                    conn.sendall(data)
            except ConnectionError:
                pass
""",
    },
)
