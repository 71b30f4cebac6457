"""What the course measures, as a notebook's cell would; called inside a Jupyter kernel.

Every function returns plain numbers by name, so that they can travel as text.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable

import floods
from crowds import answers, at_rate, holding, ladder  # noqa: F401 - called by name
from open_loops import queue_time, stalled_open, stalled_wrk  # noqa: F401
from placement import Cores, placed
from rows import Absent
from watchers import WATCHERS
from wires import kept_delay, kept_loss, kept_rate  # noqa: F401

from helpers import Network, discard, echo, latency, serve_tcp, throughput
from helpers.capture import PacketsLost
from helpers.flows import bulk as bulk_flow
from helpers.measure import Latency
from helpers.network import NoPrivateNetwork
from helpers.servers import Server

MESSAGE = b"x" * 64
CAPTURED_ROUNDS = 10_000


def bulk(server_cores: Cores, client_cores: Cores, size: int) -> dict[str, float]:
    """Goodput of messages of `size` bytes to a sink, in bit/s; and processor time, in seconds a GB.

    Both of sender and receiver, which are threads of this process.
    """
    begun: list[tuple[float, float]] = []

    def connect(address: tuple[str, int]) -> socket.socket:  # once to warm up, then to measure
        begun.append((time.perf_counter(), time.process_time()))
        return socket.create_connection(address)

    with placed(server_cores):
        server = serve_tcp(discard)
    with server, placed(client_cores):
        run = throughput(server.address, sizes=[size], seconds=1, label="bulk", connect=connect)
        (rate,), (wall, cpu) = run.bits_per_second, begun[-1]
        sent = rate / 8e9 * (time.perf_counter() - wall)
        return {"rate": rate, "cpu": (time.process_time() - cpu) / sent}


def round_trips(server_cores: Cores, client_cores: Cores) -> dict[str, float]:
    """Echo of 64 bytes: p50 and p99 in seconds."""
    with placed(server_cores):
        server = serve_tcp(echo)
    with server, placed(client_cores):
        run = _echo_rounds(server, rounds=20_000, warmup=1000)
    return {"p50": run.percentile(50), "p99": run.percentile(99)}


def watched(watcher: str, cores: Cores) -> dict[str, float]:
    """10,000 echo round trips while `watcher` captures: seconds, data packets sent and kept.

    Client and server share `cores`. Each waits for the other, so they need no second one.
    The watcher runs wherever the system puts it.
    """
    frames: list[bytes] = []
    sent, lost = 2 * CAPTURED_ROUNDS, 0
    with placed(cores):
        server = serve_tcp(echo)
    try:
        with server, WATCHERS[watcher](server.address[1], frames), placed(cores):
            run = _echo_rounds(server, rounds=CAPTURED_ROUNDS, warmup=0)
    except PacketsLost as error:  # raised at the end of the block
        lost = error.count
    kept = min(data_packets(frames), sent - lost)
    return {"seconds": sum(run.nanoseconds) / 1e9, "sent": sent, "kept": kept}


def flood(watcher: str, rate: int, seconds: float = 0.5) -> dict[str, float]:
    """Datagrams that `watcher` keeps at so many packets a second."""
    return floods.flood(WATCHERS[watcher], rate, seconds)


def _echo_rounds(server: Server, rounds: int, warmup: int) -> Latency:
    with socket.create_connection(server.address) as client:

        def call() -> None:
            client.sendall(MESSAGE)
            client.recv(64)

        return latency(call, rounds=rounds, warmup=warmup, label="echo")


def data_packets(frames: Iterable[bytes]) -> int:
    """How many different TCP segments with data are among these IPv4 Ethernet frames."""
    segments = set()
    for frame in frames:
        tcp = 14 + 4 * (frame[14] & 0x0F)
        end = 14 + int.from_bytes(frame[16:18])
        if end > tcp + 4 * (frame[tcp + 12] >> 4):
            segments.add(frame[tcp : tcp + 8])  # both ports, sequence number
    return len(segments)


def wire(rate: float, seconds: float = 1.5) -> dict[str, float]:
    """One TCP flow over a wire of 20 ms round trip while another thread of the kernel computes.

    The share of the rate (bit/s) that is goodput, and the p99 of the frames' lateness (s).
    """
    done = threading.Event()
    busy = threading.Thread(target=lambda: [sum(range(1000)) for _ in iter(done.is_set, True)])
    try:
        network = Network(delay=0.010, rate=rate, queue_limit=20_000)
    except NoPrivateNetwork as error:
        raise Absent(str(error)) from error
    with network as net:
        busy.start()
        try:
            flow = bulk_flow(net, 1.0 + seconds, warm_up=1.0, sndbuf=4 << 20)  # 1 s: slow start
        finally:
            done.set()
            busy.join()
    late = sorted(net.wire.lateness())
    return {"share": flow.goodput / rate, "late": late[len(late) * 99 // 100]}


def start_up(statement: str) -> dict[str, float]:
    """Seconds from the start to the end of a fresh interpreter that runs one statement."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return {"seconds": time.perf_counter() - begun}
