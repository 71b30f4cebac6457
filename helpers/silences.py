"""A wire is cut: what each client's kernel still sends, and when its program is told.

`CutOff` connects the clients, cuts their wire and watches; `silence_figure` draws what came of it,
a row for each client, time on a logarithmic axis.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from .figures import new_figure, picture_of
from .network import Network
from .pictures import COLOURS, Picture
from .progress_bars import PERCENT, progress_bar
from .segments import read_segment

STEP = 0.25  # seconds between two steps of the progress bar


@dataclass(frozen=True)
class Silence:
    """One client after the cut. All times in seconds since then.

    Attributes
    ----------
    label : str
        Which client.
    sent : list of float
        When its kernel sent a packet into the cut wire.
    told : float, optional
        When its socket had an error; None: not while it was watched.
    error : OSError, optional
        That error.
    watched : float
        How long it was watched.
    """

    label: str
    sent: list[float]
    told: float | None
    error: OSError | None
    watched: float

    def __repr__(self) -> str:
        end = (
            f"{type(self.error).__name__} after {self.told:.2f} s"
            if self.told is not None
            else f"nothing in {self.watched:.1f} s"
        )
        return f"{self.label}: {len(self.sent)} packets sent; the program is told {end}"


class CutOff:
    """Connected clients whose wire is cut. Use it in a `with` block.

        with CutOff(net, server.address, "listens", "sends") as clients:
            clients.cut()
            clients["sends"].sendall(b"hello")
            rows = clients.silences(3)

    Parameters
    ----------
    network : Network
        With the clients' host `a`, and one wire.
    address : (host, port)
        Where all of them connect.
    *names : str
        What the clients are called.
    """

    def __init__(self, network: Network, address: tuple[str, int], *names: str) -> None:
        self._network, self._address, self._names = network, address, names
        self._closing = ExitStack()
        self._clients: dict[str, socket.socket] = {}
        self._cut_ns = 0

    def __enter__(self) -> Self:
        with ExitStack() as closing:
            for name in self._names:
                client = closing.enter_context(self._network.a.socket())
                client.connect(self._address)
                self._clients[name] = client
            self._capture = closing.enter_context(self._network.a.capture())
            self._closing = closing.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._closing.close()

    def __getitem__(self, name: str) -> socket.socket:
        return self._clients[name]

    def cut(self) -> None:
        """Cut the wire, and note when."""
        self._network.wire.cut = True
        self._cut_ns = time.time_ns()

    def silences(self, seconds: float) -> list[Silence]:
        """Watch until so many seconds after the cut: one `Silence` for each client."""
        ports = {name: client.getsockname()[1] for name, client in self._clients.items()}
        told = self._errors(seconds)
        self._closing.close()
        read = [segment for packet in self._capture if (segment := read_segment(packet))]
        found = []
        for name, port in ports.items():
            times = [
                (each.packet.time_ns - self._cut_ns) / 1e9
                for each in read
                if each.protocol == "TCP" and each.source[1] == port
            ]
            after, error = told.get(name, (None, None))
            sent = [at for at in times if 0 < at < (after or seconds)]
            found.append(Silence(name, sent, after, error, seconds))
        return found

    def _errors(self, seconds: float) -> dict[str, tuple[float, OSError]]:
        """When, after the cut, which error came to whom. Nothing is read or sent."""
        poll = select.poll()
        names = {client.fileno(): name for name, client in self._clients.items()}
        for client in self._clients.values():
            poll.register(client, 0)  # errors are told without being asked for
        found: dict[str, tuple[float, OSError]] = {}
        with progress_bar(seconds, "waiting", 0.3, PERCENT) as bar:
            while (after := (time.time_ns() - self._cut_ns) / 1e9) < seconds:
                bar.update(after - bar.n)
                ready = poll.poll(1000 * min(seconds - after, STEP))
                after = (time.time_ns() - self._cut_ns) / 1e9
                for descriptor, _ in ready:
                    name = names[descriptor]
                    number = self._clients[name].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    found[name] = after, OSError(number, os.strerror(number))
                    poll.unregister(descriptor)
        return found


def silence_figure(rows: Sequence[Silence], *, caption: str) -> Picture:
    """A row for each client: a dot for each packet, a cross where its program is told."""
    figure, (axes,) = new_figure(height=90 + 60 * len(rows))
    first = 0.01
    for row, each in enumerate(reversed(rows)):
        end = each.watched if each.told is None else each.told
        axes.plot([first, end], [row, row], color=COLOURS[4], linewidth=1)
        axes.plot(
            [max(at, first) for at in each.sent], [row] * len(each.sent), "o", color=COLOURS[0]
        )
        if each.told is not None:
            axes.plot([each.told], [row], "X", color=COLOURS[1], markersize=10)
    axes.set(xscale="log", xlim=(first / 1.2, max(each.watched for each in rows) * 1.3))
    axes.set_xticks([0.01, 0.1, 0.2, 0.5, 1, 2, 3], ["10 ms", "0.1", "0.2", "0.5", "1", "2", "3 s"])
    axes.minorticks_off()
    axes.set_yticks(range(len(rows)), [each.label for each in reversed(rows)])
    axes.set(
        xlabel="Time since the cut (logarithmic)", ylabel="Client", ylim=(-0.6, len(rows) - 0.4)
    )
    told = "; ".join(map(repr, rows))
    alt = f"What each client's kernel sent into a cut wire, and when its program was told. {told}."
    legend = (
        "Dot: a packet. Cross: the program is told. What was sent within 10 ms stands at 10 ms."
    )
    return picture_of(
        figure, kind="silence", alt=alt, caption=f"{told}. {legend} {caption}".strip()
    )
