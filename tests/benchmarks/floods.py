"""Captures while more and more packets come: how many does each of them keep?"""

from __future__ import annotations

import socket
import subprocess
import sys

from watchers import Watcher

from helpers.capture import PacketsLost

# Sends numbered datagrams at a steady pace, as far as it can, from a process of its own.
SENDER = """
import socket, sys, time
port, rate, count = map(int, sys.argv[1:])
sock = socket.socket(type=socket.SOCK_DGRAM)
sock.connect(("127.0.0.1", port))
body = bytes(60)
start = time.perf_counter()
for number in range(count):
    while time.perf_counter() < start + number / rate:
        pass
    sock.send(number.to_bytes(4, "big") + body)
print(count / (time.perf_counter() - start))
"""


def flood(watch: Watcher, rate: int, seconds: float) -> dict[str, float]:
    """Packets sent and kept by a capture, at so many packets a second."""
    frames: list[bytes] = []
    lost, count = 0, int(rate * seconds)
    with socket.socket(type=socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        port = sink.getsockname()[1]
        try:
            with watch(port, frames):
                command = [sys.executable, "-c", SENDER, str(port), str(rate), str(count)]
                said = subprocess.run(command, check=True, capture_output=True, text=True)
        except PacketsLost as error:
            lost = error.count
    numbers = {frame[42:46] for frame in frames if len(frame) >= 106}
    return {
        "sent": count,
        "kept": min(len(numbers), count - lost),
        "rate": float(said.stdout),
    }
