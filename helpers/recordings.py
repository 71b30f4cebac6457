"""Packets recorded on one machine, to be played where none can be captured.

Each capture in a notebook has a name. `python -m helpers.record` runs every notebook and
records every named capture anew, into `helpers/data/`.
"""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from pathlib import Path

from .packets import RECORDING, Packet, Packets, scapy_ether

FOLDER = Path(__file__).with_name("data")
INDEX = "recordings.json"
ASKED = "COURSE_RECORD"  # set while recording: the folder to write to


def save(name: str, packets: Packets, folder: Path = FOLDER) -> None:
    """Keep the packets as `name`.pcap, and in the index where and when they were recorded."""
    folder.mkdir(exist_ok=True)
    packets.save(folder / f"{name}.pcap")
    index = _index(folder)
    index[name] = {
        "recorded": datetime.now(UTC).strftime("%Y-%m-%d"),
        "system": f"{platform.system()} {platform.release()}",
    }
    (folder / INDEX).write_text(json.dumps(dict(sorted(index.items())), indent=1) + "\n")


def load(name: str, folder: Path = FOLDER) -> Packets:
    """The packets recorded as `name`.

    Raises
    ------
    LookupError
        If there is no recording of that name.
    """
    about = _index(folder).get(name)
    if about is None:
        raise LookupError(f"There is no recording named {name!r}.")
    scapy_ether()
    from scapy.utils import RawPcapReader

    with RawPcapReader(str(folder / f"{name}.pcap")) as reader:
        packets = [
            # scapy gives the fraction of a second as it stands in the file: nanoseconds here.
            Packet(meta.sec * 1_000_000_000 + meta.usec, data, RECORDING)
            for data, meta in reader
        ]
    note = (
        f"A recording of this cell, made on {about['recorded']} on {about['system']}: "
        "real packets, but not yours. Ports, times and sequence numbers differ from your run."
    )
    return Packets(packets, source=RECORDING, note=note)


def _index(folder: Path) -> dict[str, dict[str, str]]:
    path = folder / INDEX
    return json.loads(path.read_text()) if path.exists() else {}
