"""The course's servers under a crowd of clients, beside plain ones; and its whole ladder.

The course's servers are those of the notebook 08: its cells are run here.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import linecache
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from placement import Cores, placed
from rows import Absent

from helpers import climb, crowd, room_for, serve_asyncio, serve_process
from helpers.load import Crowd

NOTEBOOK = Path(__file__).parents[2] / "notebooks/08_concurrency.ipynb"
IMPORTS = """
import asyncio, os, selectors, signal, socket, threading
from concurrent.futures import ThreadPoolExecutor
from helpers import busy
"""
CELLS = ("handler", "sequential", "threads", "pool", "processes", "selector", "chat", "asyncio")
RUNGS = (1, 10, 100, 1_000, 10_000)
LIMIT, OPENING = 60, 30  # seconds: for all climbs together, for the clients of one rung to connect
CLIENTS = 100
TURNS, TURN_SECONDS = 11, 0.1  # for each of two servers
# asyncio reads into 256 KiB. In a small process glibc gives them back to the kernel each time, at
# two page faults an answer; in a large one, such as a kernel, often not. Then the course's server
# would be the faster one, by chance. So both keep some memory: mallopt(3).
M_TOP_PAD, TOP_PAD = -2, 4 << 20

# As one would write them by hand, without a notebook and without helpers: with the same handler.
PLAIN = {
    "asyncio": """
import asyncio
def answer(request):
    return bytes(20) if request == b"work" else request.upper()
async def handle(reader, writer):
    while data := await reader.read(4096):
        writer.write(answer(data))
        await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
""",
    "selectors": """
import selectors, socket
def answer(request):
    return bytes(20) if request == b"work" else request.upper()
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
selector = selectors.DefaultSelector()
selector.register(listener, selectors.EVENT_READ)
while True:
    for key, mask in selector.select():
        if key.fileobj is listener:
            selector.register(listener.accept()[0], selectors.EVENT_READ)
            continue
        data = key.fileobj.recv(4096)
        if data:
            key.fileobj.sendall(answer(data))
        else:
            selector.unregister(key.fileobj)
            key.fileobj.close()
""",
}


def answers(
    kind: str, server_cores: Cores, client_cores: Cores, clients: int = CLIENTS
) -> dict[str, float]:
    """Answers a second to so many clients, each of which asks again as soon as it is answered,
    and microseconds of processor time that the server takes for an answer: of both servers.

    Both run all the time, and are asked in turns, for a moment each: what else the machine does
    meanwhile concerns both alike.
    """
    with _both(kind, server_cores, client_cores, clients) as sides:
        for crowded, _ in sides.values():
            crowded.flood(clients, 0.2)  # to warm up
        rates: dict[str, list[float]] = {whose: [] for whose in sides}
        before = {whose: _spent(server) for whose, (_, server) in sides.items()}
        order = list(sides)
        for _ in range(TURNS):
            for whose in order:
                rates[whose].append(sides[whose][0].flood(clients, TURN_SECONDS))
            order.reverse()
        result = {whose: median(found) for whose, found in rates.items()}
        for whose, (_, server) in sides.items():
            answered = sum(rates[whose]) * TURN_SECONDS
            result[f"{whose} cpu"] = (_spent(server) - before[whose]) / answered
        return result


def at_rate(kind: str, server_cores: Cores, client_cores: Cores, rate: int) -> dict[str, float]:
    """The p99 of both servers' answers, in seconds, to so many requests a second: an open loop
    over 100 connections, a second each."""
    with _both(kind, server_cores, client_cores, CLIENTS) as sides:
        return {
            whose: crowded.ask(rate=rate, seconds=0.9, label=whose).within(99)
            for whose, (crowded, _) in sides.items()
        }


def holding(kind: str, server_cores: Cores, client_cores: Cores, clients: int) -> dict[str, float]:
    """Bytes of memory that each of so many connections takes, of both servers.

    The course's is in a fresh process, too: a kernel has room from before.
    """
    with _both(kind, server_cores, client_cores, CLIENTS, apart=True) as sides:
        result = {}
        for whose, (crowded, server) in sides.items():
            before = server.memory_info().rss
            crowded.grow(clients)
            result[whose] = (server.memory_info().rss - before) / (clients - CLIENTS)
        return result


@contextmanager
def _both(
    kind: str, server_cores: Cores, client_cores: Cores, clients: int, apart: bool = False
) -> Iterator[dict[str, tuple[Crowd, psutil.Process]]]:
    """The course's server and the plain one, with so many clients each."""
    if room_for(2 * clients) < 2 * clients:
        raise Absent(f"the limit of open files does not allow {2 * clients:,} connections")
    with ExitStack() as stack:
        sides: dict[str, tuple[Crowd, psutil.Process]] = {}
        course = partial(_course, apart=apart)
        for whose, serve in (("course", course), ("plain", _plain)):
            with placed(server_cores):
                address, pid = stack.enter_context(serve(kind))
            with placed(client_cores):
                sides[whose] = stack.enter_context(crowd(address, clients)), psutil.Process(pid)
        yield sides


def ladder() -> dict[str, float]:
    """Seconds that all servers of the notebook take to climb, from 1 to 10,000 clients.

    All climb all five rungs: the sequential server and the pool too, which leave most clients
    without an answer. Only a process for each client goes as far as half of the free memory,
    and 30 seconds to fork them, let it: `processes` is how many that were. Absent, with a
    sentence, if another climb ends early.
    """
    if room_for(max(RUNGS)) < max(RUNGS):
        raise Absent(f"the limit of open files allows {room_for(max(RUNGS)):,} connections")
    models = _models()
    names = ["sequential", "threads", "pool", "processes", "selector", "event_loop", "with_uvloop"]
    if not find_spec("uvloop"):
        names.remove("with_uvloop")
    if not hasattr(os, "fork"):
        names.remove("processes")
    begun = time.perf_counter()
    processes = 0
    for name in names:
        climbed = climb(models[name], RUNGS, opening=OPENING)
        if name == "processes":
            processes = climbed.rungs[-1].served
        elif climbed.end:
            raise Absent(climbed.end)
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "limit": LIMIT, "processes": processes}


def _spent(process: psutil.Process) -> float:
    """Seconds of processor time."""
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _plain(kind: str) -> Iterator[Any]:
    command = [sys.executable, "-I", "-c", PLAIN[kind]]
    environment = os.environ | {"MALLOC_TOP_PAD_": str(TOP_PAD)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield ("127.0.0.1", int(process.stdout.readline())), process.pid
        finally:
            process.kill()


@contextmanager
def _course(kind: str, apart: bool) -> Iterator[Any]:
    models = _models()
    if kind == "asyncio" and not apart:
        with contextlib.suppress(AttributeError):  # not glibc
            ctypes.CDLL(None).mallopt(M_TOP_PAD, TOP_PAD)
        with serve_asyncio(models["chat"]) as server:
            yield server.address, os.getpid()
    else:
        model = models["event_loop" if kind == "asyncio" else "selector"]
        with serve_process(model) as server:
            yield server.address, server.pid


@cache
def _models() -> dict[str, Any]:
    """What the cells of the notebook define."""
    cells = {
        cell["id"]: "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"]
    }
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(IMPORTS, namespace)
    for name in (*CELLS, "uvloop"):
        file, source = f"<cell {name}>", cells[name]
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), namespace)
    return namespace
