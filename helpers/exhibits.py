"""A museum of failures: each caused on purpose, caught, and shown with its packets.

    museum = Museum(on_a_wire)

    @museum.exhibit("Is the server running? Try again later.")
    def refused(net):
        '''Nobody listens at that port.'''
        net.a.socket().connect((net.b.ipv4, 9))

An exhibit that takes `net` runs between two private hosts, 5 ms apart, and what host a sent and
received until the exception is kept. One that takes nothing runs on this machine and sends
nothing. Sockets made by `net` are closed afterwards, when the packets have been counted.
"""

from __future__ import annotations

import errno
import inspect
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any

from . import plain_values, sandbox
from .network import Host, Network
from .packets import Packets
from .pictures import Picture
from .segments import Segment, read_segment

DELAY = 0.005  # seconds, one way
NO_NUMBER = "none: Python's own clock"
Caught = tuple[OSError | None, Packets]
_CELL = "text-align:left;vertical-align:top;padding:0.15em 0.8em;border:0"


class Stage:
    """Two private hosts for one exhibit.

    Attributes
    ----------
    a, b : StageHost
        The client's and the server's host: each has `ipv4` and `socket()`.
    wire : Wire
        Between them: `net.wire.cut = True` cuts it.
    """

    def __init__(self, network: Network, closing: ExitStack) -> None:
        self._closing = closing
        self.a, self.b = (StageHost(host, closing) for host in (network.a, network.b))
        self.wire = network.wire

    def connected(self) -> tuple[socket.socket, socket.socket]:
        """A connection from a to b: the client's end and the server's, of small buffers."""
        listener, client = self.b.socket(), self.a.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind((self.b.ipv4, 0))
        listener.listen()
        client.connect(listener.getsockname())
        return client, self._closing.enter_context(listener.accept()[0])


class StageHost:
    """A host whose sockets are closed when the exhibit has been seen."""

    def __init__(self, host: Host, closing: ExitStack) -> None:
        self._host, self._closing = host, closing
        self.ipv4 = host.ipv4

    def socket(self, type: int = socket.SOCK_STREAM) -> socket.socket:
        """A new socket of this host."""
        return self._closing.enter_context(self._host.socket(type=type))


@dataclass(frozen=True)
class Exhibit:
    """One failure, as it was caught.

    Attributes
    ----------
    name, cause : str
        The function that caused it, and its docstring.
    error : OSError, optional
        What it raised; None if nothing.
    packets : Packets
        What host a saw until then.
    advice : str
        What a program should do.
    """

    name: str
    cause: str
    error: OSError | None
    packets: Packets
    advice: str

    @property
    def number(self) -> str:
        """The error's number and its name: "ECONNREFUSED (111)"."""
        if self.error is None:
            return "none"
        if self.error.errno is None:
            return NO_NUMBER
        return f"{number_name(self.error)} ({self.error.errno})"

    @property
    def raised(self) -> str:
        """The type of the exception and its text."""
        if self.error is None:
            return "nothing was raised on this system"
        return f"{type(self.error).__name__}: {self.error.strerror or self.error}"

    @property
    def rows(self) -> list[tuple[str, str]]:
        return [
            ("cause", self.cause),
            ("exception", self.raised),
            ("errno", self.number),
            ("packets", arrows(self.packets)),
            ("what to do", self.advice),
        ]

    def __repr__(self) -> str:
        return "\n".join(f"{name:>10}: {value}" for name, value in self.rows)

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="{_CELL};font-weight:normal;opacity:0.75;'
            f'white-space:nowrap">{name}</th><td style="{_CELL}">'
            f"{f'<b>{escape(value)}</b>' if name == 'exception' else escape(value)}</td></tr>"
            for name, value in self.rows
        )
        return (
            f'<table aria-label="Exhibit: {escape(self.name)}" style="border-collapse:collapse;'
            f'border-left:4px solid #d55e00;margin:0.4em 0;max-width:50em">{rows}</table>'
        )


class Museum:
    """Exhibits, in the order in which they came. Shown by Jupyter as one table.

    Parameters
    ----------
    elsewhere : callable
        Given the name of an exhibit, what `run` gives for it: a recorded experiment, so that
        exhibits can be played where there are no private hosts, or where there is no fork.
    """

    def __init__(self, elsewhere: Callable[[str], Caught]) -> None:
        self._elsewhere = elsewhere
        self._causes: dict[str, tuple[Callable[..., object], bool]] = {}
        self.exhibits: dict[str, Exhibit] = {}

    def exhibit(
        self, advice: str, *, apart: bool = False
    ) -> Callable[[Callable[..., object]], Exhibit]:
        """Cause a failure now, show it, and keep it under the function's name.

        Parameters
        ----------
        advice : str
            What a program should do.
        apart : bool
            In a child process, because the failure would hurt this one.
        """

        def wrap(function: Callable[..., object]) -> Exhibit:
            name = function.__name__
            self._causes[name] = function, apart
            far = apart or bool(inspect.signature(function).parameters)
            error, packets = self._elsewhere(name) if far else (_caught(function), Packets())
            made = Exhibit(name, inspect.getdoc(function) or name, error, packets, advice)
            self.exhibits[name] = made
            _show(made)
            return made

        return wrap

    def run(self, name: str) -> Caught:
        """Run an exhibit: in a child process, or between two private hosts."""
        function, apart = self._causes[name]
        return (_apart(function), Packets()) if apart else _on_a_wire(function)

    @property
    def rows(self) -> list[tuple[str, ...]]:
        return [
            (
                each.name.replace("_", " "),
                type(each.error).__name__ if each.error else "none",
                "none" if each.number == NO_NUMBER else each.number,
                arrows(each.packets),
            )
            for each in self.exhibits.values()
        ]

    def __repr__(self) -> str:
        return "\n".join(" | ".join(row) for row in self.rows)

    def _repr_html_(self) -> str:
        titles = ("exhibit", "exception", "errno", "packets, as the client's host saw them")
        head = "".join(f'<th scope="col" style="{_CELL}">{title}</th>' for title in titles)
        body = "".join(
            "<tr>" + "".join(f'<td style="{_CELL}">{escape(cell)}</td>' for cell in row) + "</tr>"
            for row in self.rows
        )
        table = (
            '<div style="overflow-x:auto"><table style="border-collapse:collapse">'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )
        alt = f"Table of {len(self.rows)} failures: exception, error number and packets of each."
        return Picture("museum", table, alt=alt)._repr_html_()


def number_name(error: OSError) -> str:
    """The symbol of an error's number: "ECONNRESET"; for names that fail, "EAI_NONAME".

    >>> number_name(ConnectionResetError(errno.ECONNRESET, "reset"))
    'ECONNRESET'
    """
    if isinstance(error, socket.gaierror):
        known = (name for name in dir(socket) if name.startswith("EAI_"))
        return next((name for name in known if getattr(socket, name) == error.errno), "unknown")
    return errno.errorcode.get(error.errno or 0, "unknown")


def arrows(packets: Packets) -> str:
    """What was sent and received, on one line: "SYN → · ← RST, ACK".

    A handshake is one word. Packets alike, one after the other, are counted. The first packet
    is taken to go to the right. What is not TCP or UDP is left out.
    """
    read = (read_segment(packet) for packet in packets)
    segments = [one for one in read if one and one.protocol in ("TCP", "UDP")]
    if not segments:
        return "none"
    words = [_arrow(one, one.source[0] == segments[0].source[0]) for one in segments]
    parts: list[str] = []
    while words:
        if words[:3] == ["SYN →", "← SYN, ACK", "ACK →"]:
            parts.append("handshake")
            del words[:3]
        else:
            parts.append(words.pop(0))
    counted = [(word, len(list(alike))) for word, alike in groupby(parts)]
    return " · ".join(word if times == 1 else f"{word} (×{times})" for word, times in counted)


def _arrow(segment: Segment, to_the_right: bool) -> str:
    if segment.length:
        word = f"{segment.length:,} bytes"
    elif segment.protocol == "UDP":
        word = "empty datagram"
    else:
        word = segment.flag_words
        if segment.window == 0 and "RST" not in segment.flags:
            word += ", window 0"
    return f"{word} →" if to_the_right else f"← {word}"


def _caught(function: Callable[..., object], *arguments: object) -> OSError | None:
    try:
        function(*arguments)
    except OSError as error:
        # Its frames hold the sockets of the exhibit.
        return error.with_traceback(None)
    return None


def _on_a_wire(function: Callable[..., object]) -> Caught:
    with Network(delay=DELAY) as network, ExitStack() as closing:
        stage = Stage(network, closing)
        with network.a.capture() as frames:
            error = _caught(function, stage)
    return error, frames


def _apart(function: Callable[..., object]) -> OSError | None:
    if not hasattr(os, "fork"):
        raise NotImplementedError("This system has no fork.")
    outcome = sandbox.run(lambda: plain_values.pack(_caught(function)))
    if outcome.stopped:
        raise ChildProcessError(outcome.stopped)
    error: OSError | None = plain_values.unpack(outcome.value)
    return error


def _show(thing: Any) -> None:
    from IPython.display import display

    display(thing)
