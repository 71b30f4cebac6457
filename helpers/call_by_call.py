"""A connection made one call at a time, a cell a call, with a look at the kernel after each.

    talk = call_by_call(globals(), name="04-call-by-call")

    with talk.server("socket()"):
        listener = socket.socket()

    with talk.server("bind()"):
        listener.bind(("127.0.0.1", 0))

    ladder(talk.packets(), calls=talk.calls)

The sockets are the notebook's own, in three variables: `listener` and `conn` at the server,
`client` at the client. After each block a picture shows them, what else the kernel has of
this connection, and the packets of this call.
"""

from __future__ import annotations

import contextlib
import io
import socket
import time
from collections.abc import Iterator, MutableMapping
from typing import Any

from . import lifetimes
from .calls import record_calls
from .capture import Capture, capture
from .experiments import recorded
from .kernel_state import queues, tcp_info, tcp_states
from .ladders import Call
from .packets import OWN_FRAME, RAW, RECORDING, Packet, Packets
from .socket_pictures import SERVER, SocketLook, socket_picture

SIDES = {"client": "client", "listener": SERVER, "conn": SERVER}
PATIENCE = 1.0  # seconds: an accept() that nobody answers must not hold the notebook
LINGER = 0.05  # seconds: for an ACK that is delayed
_SOURCES = {
    RAW: "Packets from a raw capture: none is missing.",
    OWN_FRAME: "Packets from own frames: data, and the SYN, which is seen at accept().",
    RECORDING: "A recording of this step, made on another machine: ports differ from yours.",
}
_NOWHERE = ("0.0.0.0", 0)
_WITH_FIN = ("CLOSE_WAIT", "LAST_ACK", "CLOSING")  # the FIN counts as a byte not read


class CallByCall:
    """One connection, and what was seen of it after each call. Made by `call_by_call`.

    Attributes
    ----------
    looks : dict
        By the step, such as "client: connect()": the sockets as they were after it. First those
        of the variables, then those that only the kernel has.
    calls : list of Call
        What `record_calls` noted, for the margin of a ladder.
    """

    def __init__(self, variables: MutableMapping[str, Any], name: str) -> None:
        self.calls: list[Call] = []
        self.looks: dict[str, list[SocketLook]] = {}
        self._variables = variables
        self._seen: set[Packet] = set()
        self._left: set[tuple[Any, ...]] = set()
        self._done: set[str] = set()
        self._port = 0
        self._watch: Capture | None = None
        self._ending = contextlib.ExitStack()
        self._look = recorded(name)(self._live_look)
        self._whole = recorded(f"{name}-whole")(self._live_whole)
        for earlier in list(variables.values()):
            if isinstance(earlier, CallByCall):
                earlier.stop()
        self._close_sockets()
        lifetimes.remember(self, self.stop, f"call by call: {name}")

    def server(self, call: str) -> contextlib.AbstractContextManager[None]:
        """A `with` block of one call at the server; `call` is its name, once each."""
        return self._step(SERVER, call)

    def client(self, call: str) -> contextlib.AbstractContextManager[None]:
        """A `with` block of one call at the client."""
        return self._step("client", call)

    def packets(self) -> Packets:
        """Close what is still open, end the capture, and give all packets of the connection."""
        self.stop()
        packets, self.calls = _quietly(self._whole)
        return packets

    def stop(self) -> None:
        """Close the three sockets and end the capture. May be called again."""
        self._close_sockets()
        self._ending.close()
        lifetimes.forget(self)

    @contextlib.contextmanager
    def _step(self, side: str, call: str) -> Iterator[None]:
        step = f"{side}: {call}"
        again, refused = step in self._done, ""
        try:
            yield
        except OSError as error:
            if not again:
                raise
            refused = f"A second time, the kernel says: {error}."
        self._done.add(step)
        for sock in self._open().values():
            sock.settimeout(PATIENCE)
        self._follow()
        rows, packets, fresh = _quietly(self._look, step)
        self.looks[step] = rows
        played = packets.source == RECORDING
        source = _SOURCES[packets.source] if played or self._watch else ""
        caption = f"{refused} {source}".strip()
        from IPython.display import display

        display(socket_picture(step, rows, packets, fresh, caption=caption))

    def _follow(self) -> None:
        """Capture the packets of the listener's port, as soon as it has one."""
        listener = self._open().get("listener")
        port = listener.getsockname()[1] if listener else 0
        if port in (0, self._port):
            return
        self._ending.close()
        self._port, self._seen = port, set()
        with contextlib.suppress(NotImplementedError):  # not Linux: all looks are recorded
            # A port that is new to us may have been another server's, a minute ago.
            self._left = {row[:2] for row in tcp_states(port) if row.state == "TIME_WAIT"}
        self._watch = capture(port)
        self._watch.start()
        self._ending.callback(self._watch.stop)
        self.calls = self._ending.enter_context(record_calls(port))

    def _open(self) -> dict[str, socket.socket]:
        found = {name: self._variables.get(name) for name in SIDES}
        return {
            name: sock
            for name, sock in found.items()
            if isinstance(sock, socket.socket) and sock.fileno() >= 0
        }

    def _close_sockets(self) -> None:
        for sock in self._open().values():
            sock.close()

    def _live_look(self, step: str) -> tuple[list[SocketLook], Packets, list[int]]:
        if self._watch is None:
            return self._rows(), Packets(), []
        time.sleep(LINGER)
        rows, packets = self._rows(), self._watch.so_far()
        fresh = [at for at, packet in enumerate(packets) if packet not in self._seen]
        self._seen.update(packets)
        return rows, packets, fresh

    def _live_whole(self) -> tuple[Packets, list[Call]]:
        return self._watch.stop() if self._watch else Packets(), sorted(self.calls)

    def _rows(self) -> list[SocketLook]:
        """The sockets of the three variables, and those that only the kernel has."""
        rows = tcp_states(self._port) if self._port else []
        kernel = {row[:2]: row for row in rows if row[:2] not in self._left}
        looks = []
        for name, sock in self._open().items():
            local = sock.getsockname()
            row = kernel.pop((local, _peer(sock)), None)
            state = tcp_info(sock).state
            if state == "LISTEN":
                waiting, unacked = (row.rx_queue if row else 0), 0
            else:
                waiting, unacked = (queues(sock).readable, queues(sock).unacked) if row else (0, 0)
            looks.append(SocketLook(SIDES[name], name, state, local, _peer(sock), waiting, unacked))
        for row in kernel.values():
            side = SERVER if row.local[1] == self._port else "client"
            waiting = max(row.rx_queue - (row.state in _WITH_FIN), 0)
            looks.append(
                SocketLook(side, "", row.state, row.local, row.remote, waiting, row.tx_queue)
            )
        return looks


def call_by_call(variables: MutableMapping[str, Any], *, name: str) -> CallByCall:
    """Watch a connection that the notebook makes one call at a time, on loopback.

    Parameters
    ----------
    variables : dict
        `globals()` of the notebook. Open sockets that an earlier run has left in `listener`,
        `conn` and `client` are closed.
    name : str
        Of the recording that is played where the kernel does not tell, as for `recorded`.
        The connection is made there too; the pictures are of the recorded one.

    A call that fails raises as ever. Only a block that is run a second time, where the kernel
    refuses, says so in its picture: a socket can be bound once.
    """
    return CallByCall(variables, name)


def _peer(sock: socket.socket) -> tuple[str, int]:
    try:
        host, port = sock.getpeername()[:2]
    except OSError:  # not connected, or not any more
        return _NOWHERE
    return host, port


def _quietly(experiment: Any, *arguments: str) -> Any:
    """Its result; that it was played is said below the picture, not above each."""
    with contextlib.redirect_stdout(io.StringIO()):
        return experiment(*arguments)
