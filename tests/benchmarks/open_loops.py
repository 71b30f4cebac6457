"""The course's open loop, held against queueing theory and beside a closed loop.

A server that works exactly as long on each request, one after the other, with requests at
random times, is the queue M/D/1. Its mean response time is known (Pollaczek and Khinchine):
work + load * work / (2 * (1 - load)). So an open loop that measures from when a request was due
can be checked without any other tool. wrk comes to its percentiles in another way: it asks in a
closed loop, and adds the requests that it would have sent while it waited. On a server that
stands still now and then the two ways must agree.
"""

from __future__ import annotations

import re
import selectors
import socket
import subprocess
import time
from statistics import fmean

from rows import Absent

from helpers import crowd, serve_process

WORK = 0.002  # seconds of each request
RATE = 250  # requests a second: a load of one half


def steady(listener: socket.socket) -> None:
    """Work for 2 ms on each request, whoever asked it; one after the other."""
    with selectors.DefaultSelector() as ready:
        ready.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is listener:
                    ready.register(listener.accept()[0], selectors.EVENT_READ)
                    continue
                data = key.fileobj.recv(16)  # one request, even if more have come
                if not data:
                    ready.unregister(key.fileobj)
                    key.fileobj.close()
                    continue
                end = time.perf_counter() + 0.002
                while time.perf_counter() < end:
                    pass
                key.fileobj.sendall(data)


def stalling(listener: socket.socket) -> None:
    """Answer at once, in HTTP if asked in it, but stand still for 0.2 s once a second."""
    next_stall = time.monotonic() + 0.5
    with selectors.DefaultSelector() as ready:
        ready.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select(max(0, next_stall - time.monotonic())):
                if key.fileobj is listener:
                    ready.register(listener.accept()[0], selectors.EVENT_READ)
                    continue
                try:
                    data = key.fileobj.recv(4096)
                    if data:
                        page = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
                        key.fileobj.sendall(page if data.startswith(b"GET") else data)
                except ConnectionError:
                    data = b""
                if not data:
                    ready.unregister(key.fileobj)
                    key.fileobj.close()
            if time.monotonic() >= next_stall:
                time.sleep(0.2)
                next_stall += 1.0


def queue_time(seconds: float = 4.0, seed: int = 1) -> dict[str, float]:
    """Mean response time of the steady server, in seconds; and what theory says of it."""
    with serve_process(steady) as server, crowd(server.address, 8) as clients:
        responses = clients.ask(rate=RATE, seconds=seconds, seed=seed, label="M/D/1")
    load = RATE * WORK
    theory = WORK + load * WORK / (2 * (1 - load))
    return {"mean": fmean(responses.nanoseconds) / 1e9, "theory": theory}


def stalled_open(seconds: float = 3.0) -> dict[str, float]:
    """p99 of the stalling server in an open loop, from when each request was due."""
    with serve_process(stalling) as server, crowd(server.address, 8) as clients:
        responses = clients.ask(rate=500, seconds=seconds, label="stalls")
    return {"p99": responses.within(99)}


def stalled_wrk(seconds: int = 3) -> dict[str, float]:
    """p99 of the same server as wrk reports it: 8 connections."""
    with serve_process(stalling) as server:
        host, port = server.address
        command = ["wrk", "-t1", "-c8", f"-d{seconds}s", "--latency", f"http://{host}:{port}/"]
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=60)
        except (FileNotFoundError, PermissionError):
            raise Absent("wrk is not installed") from None
    return {"p99": wrk_p99(run.stdout)}


def wrk_p99(report: str) -> float:
    """The 99th percentile in wrk's report, in seconds."""
    found = re.search(r"99%\s+([\d.]+)(us|ms|s)", report)
    if found is None:
        raise Absent(f"wrk says: {report.strip()[-200:]}")
    return float(found[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1}[found[2]]
