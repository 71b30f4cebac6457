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
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from placement import Cores, placed
from rows import Absent

from helpers import climb, crowd, room_for, serve_asyncio, serve_process

NOTEBOOK = Path(__file__).parents[2] / "notebooks/08_concurrency.ipynb"
IMPORTS = """
import asyncio, os, selectors, signal, socket, threading
from concurrent.futures import ThreadPoolExecutor
from helpers import busy
"""
CELLS = ("handler", "sequential", "threads", "pool", "processes", "selector", "chat", "asyncio")
RUNGS = (1, 10, 100, 1_000, 10_000)
CLIENTS = 100
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


def answers(kind: str, whose: str, server_cores: Cores, client_cores: Cores) -> dict[str, float]:
    """Answers a second to 100 clients, each of which asks again as soon as it is answered."""
    with placed(server_cores):
        running = _plain(kind) if whose == "plain" else _course(kind)
        address = running.__enter__()
    try:
        with placed(client_cores):
            clients = crowd(address, CLIENTS)
        with clients:
            clients.flood(CLIENTS, 0.2)  # to warm up
            return {"rate": clients.flood(CLIENTS, 1.0)}
    finally:
        running.__exit__(None, None, None)


def ladder() -> dict[str, float]:
    """Seconds that all servers of the notebook take to climb, to 10,000 connections.

    The sequential server and the pool serve nobody more, and a process takes too much memory:
    these three go to 1,000.
    """
    if room_for(max(RUNGS)) < max(RUNGS):
        raise Absent(f"the limit of open files allows {room_for(max(RUNGS)):,} connections")
    models = _models()
    plan = dict.fromkeys(("sequential", "pool", "processes"), RUNGS[:4])
    plan |= dict.fromkeys(("threads", "selector", "event_loop"), RUNGS)
    if find_spec("uvloop"):
        plan["with_uvloop"] = RUNGS
    if not hasattr(os, "fork"):
        del plan["processes"]
    begun = time.perf_counter()
    for name, rungs in plan.items():
        climbed = climb(models[name], rungs)
        if climbed.end:
            raise Absent(climbed.end)
    return {"seconds": time.perf_counter() - begun, "limit": 60}


@contextmanager
def _plain(kind: str) -> Iterator[Any]:
    command = [sys.executable, "-I", "-c", PLAIN[kind]]
    environment = os.environ | {"MALLOC_TOP_PAD_": str(TOP_PAD)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield "127.0.0.1", int(process.stdout.readline())
        finally:
            process.kill()


@contextmanager
def _course(kind: str) -> Iterator[Any]:
    models = _models()
    if kind == "asyncio":
        with contextlib.suppress(AttributeError):  # not glibc
            ctypes.CDLL(None).mallopt(M_TOP_PAD, TOP_PAD)
        with serve_asyncio(models["chat"]) as server:
            yield server.address
    else:
        with serve_process(models["selector"]) as server:
            yield server.address


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
