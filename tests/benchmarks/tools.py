"""The professional tools that the course's numbers stand beside."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from placement import Cores, placed
from rows import Absent


def iperf3(server_cores: Cores, client_cores: Cores) -> dict[str, float]:
    """Goodput of 1 MiB writes over loopback, in bit/s, as the receiver counted it."""
    port = _free_port()
    with _running(["iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", port], server_cores):
        command = ["iperf3", "-c", "127.0.0.1", "-p", port, "-l", "1M", "-t", "1", "-J"]
        report = json.loads(_ask(command, client_cores))
    return {"rate": report["end"]["sum_received"]["bits_per_second"]}


def sockperf(server_cores: Cores, client_cores: Cores) -> dict[str, float]:
    """Ping-pong of 64 bytes over TCP on loopback: p50 and p99 of the round trip in seconds."""
    to = ["--tcp", "-i", "127.0.0.1", "-p", _free_port()]
    with _running(["sockperf", "server", *to], server_cores):
        return round_trips(
            _ask(["sockperf", "ping-pong", *to, "-t", "1", "-m", "64"], client_cores)
        )


def round_trips(report: str) -> dict[str, float]:
    """The percentiles of sockperf's report, which gives half round trips in µs: times 2."""
    halves = dict(re.findall(r"percentile (\d+)\.000 = +([\d.]+)", report))
    return {f"p{p}": 2 * float(halves[p]) / 1e6 for p in ("50", "99")}


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


@contextmanager
def _running(command: list[str], cores: Cores) -> Iterator[None]:
    quiet = subprocess.DEVNULL
    try:
        with placed(cores):
            server = subprocess.Popen(command, stdout=quiet, stderr=quiet)
    except FileNotFoundError:
        raise Absent(f"{command[0]} is not installed") from None
    try:
        yield
    finally:
        server.terminate()
        server.wait()


def _ask(command: list[str], cores: Cores) -> str:
    """What the client prints; asked again while its server is still starting."""
    deadline = time.monotonic() + 5
    while True:
        with placed(cores):
            client = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if client.returncode == 0:
            return client.stdout
        if time.monotonic() > deadline:
            raise Absent(f"{command[0]} says: {(client.stderr or client.stdout).strip()[-200:]}")
        time.sleep(0.05)
