"""The professional tools that the course's numbers stand beside."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time

from placement import Cores, placed
from rows import Absent


def iperf3(server_cores: Cores, client_cores: Cores, size: int) -> dict[str, float]:
    """Goodput of writes of `size` bytes over loopback, in bit/s, as the receiver counted it.

    And the processor time of both programs, in seconds a GB.
    """
    before = _spent_by_children()
    port = _free_port()
    server = ["iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", port]
    client = ["iperf3", "-c", "127.0.0.1", "-p", port, "-l", str(size), "-t", "1", "-J"]
    report = _ask(server, server_cores, client, client_cores, sign="sum_received")
    received = json.loads(report)["end"]["sum_received"]
    cpu = (_spent_by_children() - before) / (received["bytes"] / 1e9)
    return {"rate": received["bits_per_second"], "cpu": cpu}


def sockperf(server_cores: Cores, client_cores: Cores) -> dict[str, float]:
    """Ping-pong of 64 bytes over TCP on loopback: p50 and p99 of the round trip, in seconds."""
    to = ["--tcp", "-i", "127.0.0.1", "-p", _free_port()]
    client = ["sockperf", "ping-pong", *to, "-t", "1", "-m", "64"]
    report = _ask(["sockperf", "server", *to], server_cores, client, client_cores, "percentile")
    return round_trips(report)


def round_trips(report: str) -> dict[str, float]:
    """The percentiles of sockperf's report, which gives half round trips in µs: times 2."""
    halves = dict(re.findall(r"percentile (\d+)\.000 = +([\d.]+)", report))
    return {f"p{p}": 2 * float(halves[p]) / 1e6 for p in ("50", "99")}


def _spent_by_children() -> float:
    """Seconds of processor time of all processes that this one has started and awaited."""
    spent = os.times()
    return spent.children_user + spent.children_system


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


def _ask(
    server: list[str], server_cores: Cores, client: list[str], client_cores: Cores, sign: str
) -> str:
    """What the client prints: asked again until the server is there and `sign` is printed."""
    quiet = subprocess.DEVNULL
    try:
        with placed(server_cores):
            process = subprocess.Popen(server, stdout=quiet, stderr=quiet)
    except (FileNotFoundError, PermissionError):  # a folder of PATH may be closed to this user
        raise Absent(f"{server[0]} is not installed") from None
    try:
        deadline = time.monotonic() + 5
        while True:
            with placed(client_cores):
                run = subprocess.run(client, capture_output=True, text=True, timeout=60)
            if sign in run.stdout:  # not the exit status: sockperf's is 0 without a server, too
                return run.stdout
            if time.monotonic() > deadline:
                raise Absent(f"{client[0]} says: {(run.stdout + run.stderr).strip()[-200:]}")
            time.sleep(0.05)
    finally:
        process.terminate()
        process.wait()
