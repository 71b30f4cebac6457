"""The packets of a block of code, from the best source that this machine allows.

>>> import socket
>>> from helpers import capture, echo, serve_tcp
>>> with serve_tcp(echo) as server, capture(server) as packets:
...     with socket.create_connection(server.address) as client:
...         client.sendall(b"hello")
...         client.recv(100)
b'hello'
>>> b"hello" in packets[-1].data or len(packets) > 1
True

The list is empty inside the block and full after it. Its `note` says in one line where
the packets come from and what that source cannot show:

- raw: the kernel copies every packet that passes on loopback. Needs CAP_NET_RAW.
- own frames: the kernel hands back the packets that our own sockets sent. Needs Linux.
- recording: packets of the same cell, recorded on another machine.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import lifetimes, recordings
from .machine import this_machine
from .own_frames import OwnFrames
from .packets import OWN_FRAME, RAW, RECORDING, Packets
from .plain_errors import explained
from .raw_capture import RawCapture
from .servers import Server
from .undisturbed import undisturbed

Target = Server | socket.socket | int | tuple[Any, ...]

SOURCES = (RAW, OWN_FRAME, RECORDING)
CHOICE = "COURSE_CAPTURE"  # an environment variable that chooses the source for all captures

NOTES = {
    RAW: (
        "Raw capture: every packet of these ports that passed on loopback, both directions, "
        "as the kernel carried it. Nothing is missing."
    ),
    OWN_FRAME: (
        "Own frames, without privilege: the data packets that this notebook's sockets sent, and "
        "the SYN, with the headers that the kernel built. Not seen: SYN-ACK, ACKs without data, "
        "FIN, RST, retransmissions."
    ),
}
NOTHING = (
    "Nothing could be captured: this machine allows neither raw capture nor own frames, and "
    "there is no recording of this cell."
)


class PacketsLost(RuntimeError):
    """A capture could not keep up. `count` packets, at least, are missing; the rest is kept."""

    def __init__(self, count: int, kept: int, source: str = RAW) -> None:
        why = "more came than the capture's buffer holds"
        if source == OWN_FRAME:
            # Or, of a write that makes several packets, the kernel gave back the last one only.
            why = "own frames show one packet of each write, and not all of a flood"
        super().__init__(
            f"{count:,} packets or more were lost: {why}. {kept:,} were kept. "
            "Send less within the block, or capture only its beginning."
        )
        self.count = count


def capture(
    *targets: Target,
    name: str | None = None,
    source: str | None = None,
    linger: float = 0.05,
) -> Capture:
    """Capture the packets of a `with` block: it gives a `Packets` list, filled at its end.

    Parameters
    ----------
    *targets : Server, socket, port number or address
        Whose packets: all that are sent from or to these ports, by whoever sends them on
        loopback (raw) or by this notebook (own frames).
    name : str, optional
        The name of the recording that is played where nothing can be captured.
    source : str, optional
        "raw", "own frame" or "recording", instead of the best that this machine allows. The
        environment variable COURSE_CAPTURE does the same for all captures.
    linger : float
        Seconds to go on after the block. The last ACK is often delayed by some 40 ms, in
        the hope of data to ride on (RFC 9293, section 3.8.6.3).

    Raises
    ------
    PacketsLost
        At the end of the block, if packets were missed. Those that came are in the list.
    TypeError, ValueError
        If a target has no port, or the source is unknown or not allowed here.
    """
    if not targets:
        raise TypeError("capture() needs to know what to watch: a server, a socket or a port.")
    ports = sorted({_port(target) for target in targets})
    return Capture(ports, name, _choose(source or os.environ.get(CHOICE)), linger)


class Capture:
    """A capture that is open, or will be. As a context manager, or by `start` and `stop`.

    >>> watch = capture(9)
    >>> watch.start()
    >>> len(watch.so_far())
    0
    >>> len(watch.stop())
    0
    """

    def __init__(self, ports: Sequence[int], name: str | None, source: str, linger: float) -> None:
        self._name = name
        self._linger = linger
        self._source = source
        self._tap: RawCapture | OwnFrames | None = None
        self._packets = Packets(source=source, note=NOTES.get(source, NOTHING))
        if source == RAW:
            self._tap = RawCapture(ports)
        elif source == OWN_FRAME:
            self._tap = OwnFrames(ports)
        self._running = False

    @classmethod
    def by(cls, tap: RawCapture, note: str, linger: float) -> Capture:
        """A capture by a tap made elsewhere: on the interface of a private host, say."""
        capture = cls((), None, RAW, linger)
        capture._tap = tap
        capture._packets.note = note
        return capture

    def start(self) -> None:
        """Begin to capture. Running a cell again stops what it had started before."""
        try:
            with explained("a capture"), undisturbed():
                if self._tap is not None:
                    self._tap.__enter__()
                self._running = True
                lifetimes.remember(self, self._abandon, f"capture from {self._source}")
        except BaseException:  # an interrupt
            self._end()
            raise

    def so_far(self) -> Packets:
        """The packets until now, while the capture goes on."""
        seen = self._tap.packets() if self._tap is not None and self._running else self._packets
        return Packets(seen, source=self._source, note=self._packets.note)

    def stop(self) -> Packets:
        """End the capture and return its packets. Raises PacketsLost if some are missing."""
        if self._running:
            time.sleep(self._linger if self._tap is not None else 0)
            self._end()
            if self._tap is not None and self._tap.lost:
                raise PacketsLost(self._tap.lost, len(self._packets), self._source)
        return self._packets

    def __enter__(self) -> Packets:
        self.start()
        return self._packets

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        if kind is None:
            self.stop()
        else:
            self._end()  # the block's own error matters more than packets lost

    @undisturbed()
    def _end(self) -> None:
        if not self._running:
            return
        self._running = False
        lifetimes.forget(self)
        if self._tap is not None:
            self._tap.__exit__(None, None, None)
            self._packets.extend(self._tap.packets())
            folder = os.environ.get(recordings.ASKED)
            if folder and self._name:
                recordings.save(self._name, self._packets, Path(folder))
        elif self._name:
            self._play()

    @undisturbed()
    def _abandon(self) -> None:
        """The cell runs again, or the kernel ends: nobody asks for these packets any more."""
        if self._running:
            self._running = False
            lifetimes.forget(self)
            if self._tap is not None:
                self._tap.abandon()

    def _play(self) -> None:
        try:
            played = recordings.load_packets(str(self._name))
        except LookupError:
            return
        self._packets.extend(played)
        self._packets.note = played.note


def _port(target: Target) -> int:
    """The port whose packets are meant."""
    address: Any = target
    if isinstance(target, Server):
        address = target.address
    elif isinstance(target, socket.socket):
        address = target.getsockname() if target.family in _WITH_PORTS else None
    if isinstance(address, tuple) and len(address) >= 2:
        address = address[1]
    if isinstance(address, bool) or not isinstance(address, int):
        raise TypeError(f"{target!r} has no port, so it sends no packets that could be captured.")
    if not 0 < address < 65536:
        raise ValueError(
            f"{target!r} has no port yet: bind or connect it first, or name the server it talks to."
        )
    return address


_WITH_PORTS = (socket.AF_INET, socket.AF_INET6)


def _choose(wanted: str | None) -> str:
    machine = this_machine()
    allowed = {RAW: machine.raw_capture, OWN_FRAME: machine.own_frames}
    if wanted:
        if wanted not in SOURCES:
            raise ValueError(f"There is no source {wanted!r}; choose one of {', '.join(SOURCES)}.")
        if wanted in allowed and not allowed[wanted].here:
            raise ValueError(f"The source {wanted!r} is not to be had: {allowed[wanted].why_not}")
        return wanted
    return next((source for source, ability in allowed.items() if ability.here), RECORDING)
