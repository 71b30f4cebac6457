"""A packet as the course keeps it: when, which bytes, and how we came to see them.

Bytes first, meaning later: scapy takes about 0.2 ms to dissect one packet, so
nothing here dissects until `packet.scapy` is asked for.

>>> frame = bytes.fromhex("ffffffffffff 020000000001 0800".replace(" ", ""))
>>> Packet(time_ns=0, data=frame, source="raw").scapy.summary()
'02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff (IPv4)'
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .plain_errors import replace_file

# How a packet came to be seen. Every picture says which of these it is.
RAW = "raw"  # copied by the kernel as it went by
OWN_FRAME = "own frame"  # handed back by the kernel to the socket that sent it
RECORDING = "recording"  # seen on another machine, played here
RECONSTRUCTED = "reconstructed"  # not seen: it must have been there

_IN_WORDS = {
    RAW: "from a raw capture: copied by the kernel as it went by",
    OWN_FRAME: "an own frame, handed back by the kernel to the socket that sent it",
    RECORDING: "from a recording made on another machine",
    RECONSTRUCTED: "reconstructed: not seen, but it must have been there",
}


@dataclass(frozen=True)
class Packet:
    """One packet.

    Attributes
    ----------
    time_ns : int
        When the kernel saw it: nanoseconds since 1970-01-01 UTC.
    data : bytes
        The whole Ethernet frame, from the destination address on, without the
        frame check sequence (which no computer shows to programs).
    source : str
        "raw", "own frame", "recording" or "reconstructed".
    """

    time_ns: int
    data: bytes
    source: str

    @cached_property
    def scapy(self) -> Any:
        """The packet dissected by scapy: a `scapy.layers.l2.Ether`; `Raw` if it is too short."""
        ether = scapy_ether()
        try:
            return ether(self.data)
        except Exception:  # scapy raises anything at all on malformed bytes
            from scapy.packet import Raw

            return Raw(self.data)

    def show(self) -> None:
        """Print every field, layer by layer, as scapy sees it."""
        self.scapy.show()

    def __len__(self) -> int:
        return len(self.data)


class Packets(list[Packet]):
    """The packets of one capture, oldest first, and a sentence on where they come from.

    Attributes
    ----------
    source : str
        "raw", "own frame" or "recording".
    note : str
        One line, in words: which source this is, and what it cannot show.
    """

    def __init__(
        self, packets: Iterable[Packet] = (), *, source: str = RAW, note: str = ""
    ) -> None:
        super().__init__(packets)
        self.source = source
        self.note = note

    def save(self, path: str | Path) -> Path:
        """Write a pcap file with nanosecond times, for Wireshark, tshark or tcpdump.

        Returns the path. An existing file is replaced. Raises OSError, and leaves that file as
        it was, if the new one cannot be written: the disk is full, say.
        """
        scapy_ether()  # quietens scapy, whichever part of it is imported first
        from scapy.utils import PcapWriter

        path = Path(path)
        file = io.BytesIO()
        writer = PcapWriter(file, linktype=1, nano=True)
        writer.write_header(None)
        for packet in self:
            seconds, nanoseconds = divmod(packet.time_ns, 1_000_000_000)
            writer.write_packet(packet.data, sec=seconds, usec=nanoseconds)
        replace_file(path, file.getvalue())
        return path

    def _repr_html_(self) -> str:
        from .packet_lists import packet_list  # above this module: only needed to be shown

        return packet_list(self)._repr_html_()

    def __repr__(self) -> str:
        from .packet_lists import describe

        return "\n".join([*map(describe, self), self.note])


def provenance(packet: object) -> str:
    """How we came to see this packet, in words, for the line below its picture."""
    source = packet.source if isinstance(packet, Packet) else ""
    return _IN_WORDS.get(source, "built here, never sent")


def scapy_ether() -> Any:
    """scapy's Ethernet class, imported at the first use, with every layer the course needs.

    scapy warns about the network at import ("No IPv4 address found"): not the learner's
    concern, so it is asked to speak of errors only.
    """
    logging.getLogger("scapy").setLevel(logging.ERROR)
    import scapy.layers.inet6  # noqa: F401  (it tells Ether of IPv6, IPv4, TCP and UDP)
    from scapy.layers.l2 import Ether

    return Ether
