"""A broadcast server with a selector: what one client says, all the others receive."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from ..findings import Failed, Finding, call
from . import Exercise, changed

PATIENCE = 1.0  # seconds a client waits for what it should receive
SHOWN = "broadcast(listener, stop)"
PIECE = b"0123456789abcdef" * 1024
PIECES = 400  # more in all than the kernel keeps for a client that does not read


class Wrong(Exception):
    """The script of the clients ends here, with a finding."""


class Clients:
    """A script of clients who come, talk and go. It runs on a thread of its own."""

    def __init__(self, address: tuple[str, int], stop: socket.socket) -> None:
        self.address = address
        self.stop = stop
        self.finding: Finding | None = None
        self.present: dict[str, socket.socket] = {}
        self.history: list[str] = []
        self.told_to_stop = threading.Event()

    def run(self) -> None:
        try:
            self.script()
        except (Wrong, OSError) as error:
            if self.finding is None:
                self.fail(f"A client's connection broke: {error}.")
        finally:
            self.told_to_stop.set()
            self.stop.send(b"!")

    def script(self) -> None:
        self.come("A")
        self.come("B")  # says who it is, so that all who were there know it is served
        self.say("A", b"hello from A\n")
        self.come("C")
        self.say("B", b"hello from B\n")
        self.present.pop("B").close()
        self.history.append("B ends")
        self.say("A", b"still there?\n")
        self.reset("C")
        self.come("D")
        self.say("D", b"hello from D\n")
        self.come("E", reads=False)
        for _ in range(PIECES):
            self.say("A", PIECE, deaf="E")
        self.come("F", deaf="E")

    def come(self, name: str, deaf: str = "", reads: bool = True) -> None:
        client = socket.socket()
        self.present[name] = client
        client.settimeout(PATIENCE)
        if not reads:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(self.address)
        self.history.append(f"{name} connects" + ("" if reads else " and never reads"))
        if len(self.present) > 1:
            self.say(name, f"{name} is here\n".encode(), deaf)

    def reset(self, name: str) -> None:
        client = self.present.pop(name)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        self.history.append(f"{name} resets")

    def say(self, name: str, data: bytes, deaf: str = "") -> None:
        told = f"{name} says {data!r}" if len(data) < 100 else f"{name} says {len(data):,} bytes"
        if self.history[-1] != told:
            self.history.append(told)
        self.present[name].sendall(data)
        for other, client in self.present.items():
            if other not in (name, deaf):
                self.expect(other, client, data)

    def expect(self, name: str, client: socket.socket, data: bytes) -> None:
        received = b""
        problem = ""
        try:
            while len(received) < len(data):
                piece = client.recv(len(data) - len(received))
                if not piece:
                    problem = f"{name} was disconnected"
                    break
                received += piece
        except TimeoutError:
            problem = f"{name} waited for {PATIENCE:g} s"
        except ConnectionError:
            problem = f"{name} was disconnected"
        if received != data:
            problem = problem or f"{name} received something else"
            message = f"{problem}. So far: {'; '.join(self.history)}."
            sides: tuple[Any, Any] = (data, received)
            if len(data) > 100:
                sides = f"{len(data):,} bytes", f"{len(received):,} bytes"
            self.fail(message, *sides)

    def fail(self, message: str, expected: Any = None, got: Any = None) -> None:
        self.finding = Finding(message, SHOWN, expected=expected, got=got)
        raise Wrong

    def left_over(self) -> Finding | None:
        """What a client received that nobody should have sent it."""
        for name, client in self.present.items():
            client.setblocking(False)
            with contextlib.suppress(OSError):
                if name != "E" and (more := client.recv(100)):
                    message = f"{name} received bytes that were not for it: its own, or twice."
                    return Finding(message, SHOWN, expected=b"", got=more)
        return None

    def leave(self) -> None:
        for client in self.present.values():
            client.close()


def check(broadcast: Callable[[socket.socket, socket.socket], Any]) -> Finding | None:
    stopper, stop = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as listener, stopper, stop:
        listener.setblocking(False)
        clients = Clients(listener.getsockname(), stopper)
        thread = threading.Thread(target=clients.run, daemon=True)
        thread.start()
        failed, too_early = None, False
        try:
            call(broadcast, listener, stop, shown=SHOWN, seconds=5)
            too_early = not clients.told_to_stop.is_set()
        except Failed as error:
            failed = error
        listener.close()  # whoever still comes is refused
        thread.join()
        finding = clients.finding or clients.left_over()
        clients.leave()
    if too_early:
        history = "; ".join(clients.history)
        return Finding(f"broadcast returned before stop was readable. So far: {history}.", SHOWN)
    if failed is None:
        return finding
    if not failed.stopped:  # it raised, and so all its clients broke
        history = "; ".join(clients.history)
        return Finding(f"{failed.finding.message}. So far: {history}.", SHOWN)
    return finding or Finding("stop was readable, and broadcast did not return.", SHOWN)


SOLUTION = """\
import selectors


def broadcast(listener, stop):
    clients = set()
    with selectors.DefaultSelector() as selector:

        def drop(conn):
            if conn in clients:
                clients.remove(conn)
                selector.unregister(conn)
                conn.close()

        for server_end in (listener, stop):
            selector.register(server_end, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                sock = key.fileobj
                if sock is stop:
                    for conn in list(clients):
                        drop(conn)
                    return
                if sock is listener:
                    try:
                        client, _ = listener.accept()
                    except OSError:  # it has gone, or no descriptor is left
                        continue
                    client.setblocking(False)
                    selector.register(client, selectors.EVENT_READ)
                    clients.add(client)
                elif sock in clients:
                    try:
                        data = sock.recv(65536)
                    except OSError:
                        data = b""
                    if not data:
                        drop(sock)
                        continue
                    for other in clients - {sock}:
                        try:
                            complete = other.send(data) == len(data)
                        except OSError:
                            complete = False
                        if not complete:
                            drop(other)
"""


but = partial(changed, SOLUTION)


EXERCISE = Exercise(
    key="09-broadcast",
    name="broadcast",
    statement="""\
Write `broadcast(listener, stop)`, a server with one thread and a selector. Whatever bytes a
client sends go to all *other* clients, at once, and not back to itself. Clients come, end and
reset at any time, and the others notice nothing. A client that does not read must not hold up the
others: when its buffer is full you may disconnect it. When `stop` becomes readable, close all
clients and return. `listener` is a listening socket that does not block.
""",
    starter='''\
def broadcast(listener, stop):
    """Send what each client says to all the others, until stop is readable."""
    ...  # your code
''',
    check=check,
    hints=(
        "Begin with `selector_loop` above. Keep a set of clients beside the selector, and make "
        "each non-blocking.",
        "A client is gone when `recv` returns `b''`, or when `recv` or `send` raises "
        "`ConnectionError`. Then take it out of the selector, out of the set, and close it.",
        "For one that does not read, `send` raises `BlockingIOError`, or takes fewer bytes than "
        "you gave it. Both mean: disconnect it. `OSError` is the family of all these exceptions.",
        "You may close a client that is still in the list that `select` gave you. When its turn "
        "comes, look whether it is still in the set.",
    ),
    solution=SOLUTION,
    wrong={
        "back to the sender, too": but(("clients - {sock}", "list(clients)")),
        "a reset ends the server": but(
            (f"except OSError:\n{24 * ' '}data", f"except BlockingIOError:\n{24 * ' '}data")
        ),
        "a full buffer ends the server": but(
            ("other.send(data) == len(data)", "other.send(data) > 0"),
            (
                f"except OSError:\n{28 * ' '}complete",
                f"except ConnectionError:\n{28 * ' '}complete",
            ),
        ),
        "waits for who does not read": but(
            (f"{20 * ' '}client.setblocking(False)\n", ""),
            ("other.send(data) == len(data)", "other.sendall(data) is None"),
        ),
        "does not look at stop": but(("if sock is stop:", "if sock is None:")),
        "only one other": but(("in clients - {sock}:", "in list(clients - {sock})[:1]:")),
        "returns after the first client": but(("clients.add(client)", "return")),
    },
)
