"""Who captures what passes a port of loopback: the course in two ways, scapy, tcpdump.

Each watcher appends the frames that it saw between its start and its end.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from rows import Absent

from helpers import capture
from helpers.packets import Packets

PATIENCE = 1.0  # seconds that scapy and tcpdump get, after the last packet, to catch up
Watcher = Callable[[int, list[bytes]], AbstractContextManager[None]]


def _capture(source: str) -> Watcher:
    @contextmanager
    def watch(port: int, frames: list[bytes]) -> Iterator[None]:
        try:
            opened = capture(port, source=source)
        except ValueError as error:
            raise Absent(str(error)) from error
        packets = Packets()
        try:
            with opened as packets:
                yield
        finally:
            frames += [packet.data for packet in packets]

    return watch


@contextmanager
def _scapy(port: int, frames: list[bytes]) -> Iterator[None]:
    from scapy.sendrecv import AsyncSniffer

    started = threading.Event()
    sniffer = AsyncSniffer(iface="lo", filter=f"port {port}", started_callback=started.set)
    sniffer.start()
    if not started.wait(5):
        raise Absent(f"scapy's AsyncSniffer does not start: {sniffer.exception}")
    yield
    time.sleep(PATIENCE)
    frames += [packet.original for packet in sniffer.stop()]


@contextmanager
def _tcpdump(port: int, frames: list[bytes]) -> Iterator[None]:
    from scapy.utils import RawPcapReader

    with tempfile.TemporaryDirectory() as folder, open(Path(folder, "pcap"), "wb") as file:
        command = ["tcpdump", "-i", "lo", "-w", "-", "port", str(port)]
        try:
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE, text=True)
        except FileNotFoundError as error:
            raise Absent("tcpdump is not installed") from error
        with process:
            assert process.stderr is not None
            said = ""
            while "listening" not in said:
                said = process.stderr.readline()
                if not said:
                    raise Absent("tcpdump may not capture")
            try:
                yield
                time.sleep(PATIENCE)
            finally:
                process.terminate()
        with RawPcapReader(file.name) as reader:
            frames += [data for data, _ in reader]


WATCHERS: dict[str, Watcher] = {
    "nothing": lambda port, frames: nullcontext(),
    "raw": _capture("raw"),
    "own frame": _capture("own frame"),
    "scapy": _scapy,
    "tcpdump": _tcpdump,
}
