"""A kernel is interrupted, shut down, restarted or killed in the midst of each helper's work.

After an interrupt nothing of that work is left in the kernel; after the kernel's end no process
of it, no namespace, and nobody at its ports.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from contract import BEFORE, started_with
from jupyter_client.manager import KernelManager

from helpers import this_machine

ROOT = Path(__file__).parents[1]
SECONDS = 20.0
PRESSES = 3

SETUP = """
import asyncio, socket, sys, threading, time
from helpers import *
from helpers.flows import bulk
from helpers.quic import QuicServer, upload

def shout(sock):
    data, address = sock.recvfrom(2048)
    sock.sendto(data.upper(), address)

async def echo_async(reader, writer):
    while data := await reader.read(1000):
        writer.write(data)

def turns(listener):
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=echo, args=[conn]).start()

def own_loop(listener, stop):
    import select
    select.select([stop], [], [])

def begun():
    print("begun", flush=True)
"""

NETWORKS = this_machine().private_networks.here
RAW = this_machine().raw_capture.here
OWN = this_machine().own_frames.here

# Started, and left to run: what a cell without `with` does.
STARTS = {
    "tcp": "tcp = serve_tcp(echo)",
    "udp": "udp = serve_udp(shout)",
    "unix": "unix = serve_unix(echo)",
    "asyncio": "aio = serve_asyncio(echo_async)",
    "loop": "loop = serve_loop(own_loop)",
    "process": "process = serve_process(turns)",
    "crowd": "some = crowd(process.address, 20)",
    "quic": "quic = QuicServer()",
    "tcp link": "link = Link(tcp.address, delay=0.01)",
    "udp link": "udp_link = Link(udp.address, protocol='udp', delay=0.01)",
    "capture": "watch = capture(tcp); watch.start()",
}
if NETWORKS:
    STARTS["network"] = "net = Network(delay=0.01); far = net.b.serve_tcp(discard)"
    STARTS["traffic"] = (
        "client = net.a.socket(); client.connect(far.address); tap = net.a.capture(); tap.start()\n"
        "threading.Thread(target=lambda: [client.sendall(bytes(9999)) for _ in range(1 << 30)], "
        "daemon=True).start()"
    )
START_ALL = "\n".join(STARTS.values())

# Work that takes long: each says when it has begun.
WORK = {
    "serve_tcp": "with serve_tcp(echo) as s, socket.create_connection(s.address) as c:\n"
    "    begun(); c.recv(1)",
    "serve_asyncio": "with serve_asyncio(echo_async) as s:\n"
    "    with socket.create_connection(s.address) as c: begun(); c.recv(1)",
    "serve_loop": "with serve_loop(own_loop) as s, socket.create_connection(s.address) as c:\n"
    "    begun(); c.recv(1)",
    "serve_udp": "with serve_udp(shout) as s: begun(); time.sleep(60)",
    "serve_unix": "with serve_unix(echo) as s: begun(); time.sleep(60)",
    "own_server": "with own_server(own_accept) as s: begun(); time.sleep(60)",
    "serve_process": "with serve_process(turns) as s, socket.create_connection(s.address) as c:\n"
    "    begun(); c.recv(1)",
    "crowd": "with serve_process(turns) as s, crowd(s.address, 50) as some:\n"
    "    begun(); some.ask(rate=500, seconds=60, label='x')",
    "climb": "begun(); climb(turns, [1, 10, 100], seconds=60)",
    "latency": "with serve_tcp(echo) as s, socket.create_connection(s.address) as c:\n"
    "    begun(); latency(lambda: (c.sendall(b'x'), c.recv(1)), rounds=10**7, label='x')",
    "throughput": "with serve_tcp(discard) as s:\n"
    "    begun(); throughput(s.address, sizes=(64,), seconds=60, label='x')",
    "datagrams": "begun(); datagram_throughput(sizes=(64,), seconds=60, label='x')",
    "quic": "with QuicServer() as s: begun(); upload(s.address, seconds=60)",
    "link": "with serve_tcp(echo) as s, Link(s.address, delay=30) as link:\n"
    "    with socket.create_connection(link.address) as c: c.sendall(b'x'); begun(); c.recv(1)",
    "sample": "with serve_tcp(echo) as s, socket.create_connection(s.address) as c:\n"
    "    with sample(lambda: tcp_info(c)): begun(); c.recv(1)",
    "record_calls": "with serve_tcp(echo) as s, record_calls(s): begun(); time.sleep(60)",
    "check": "def goodput_share(*a):\n    while True: pass\n"
    "begun(); check('01-goodput', goodput_share)",
}
if RAW:
    WORK["raw capture"] = (
        "with serve_tcp(echo) as s, capture(s, source='raw') as p: begun(); time.sleep(60)"
    )
if OWN:
    WORK["own frames"] = (
        "with serve_tcp(echo) as s, capture(s, source='own frame') as p: begun(); time.sleep(60)"
    )
if NETWORKS:
    WORK["network"] = (
        "with Network(delay=0.01) as n, n.b.serve_tcp(echo) as s, n.a.capture() as p:\n"
        "    with n.a.socket() as c: c.connect(s.address); begun(); c.recv(1)"
    )
    WORK["network, being built"] = "while True:\n    begun()\n    with Network(): pass"
    WORK["bulk"] = "with Network(delay=0.01) as n: begun(); bulk(n, seconds=60)"

OWN_ACCEPT = """
def own_accept(listener):
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return
"""
LOOK = """
_gc.collect()
from helpers import lifetimes as _lifetimes
_now = _look()
print(_json.dumps({what: sorted(map(str, _now[what] - _before[what])) for what in _now}
                  | {"running": [thing.description for thing in _lifetimes.running()]}))
"""


class Kernel:
    """A kernel of its own, whose descendants can be found by their temporary folder."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="course-test-")
        self.temporary = Path(self._folder.name)
        self.manager = KernelManager(kernel_name="python3")
        environment = {**os.environ, "TMPDIR": str(self.temporary), "COURSE_PROGRESS": "off"}
        self.manager.start_kernel(env=environment, cwd=str(self.temporary))
        self._connect()

    def _connect(self) -> None:
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def begin(self, code: str, until: str = "begun") -> None:
        """Execute code until it has written this."""
        # Otherwise the kernel drops what is asked right after an error.
        self.begun = self.client.execute(code, stop_on_error=False)
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != self.begun:
                continue
            if message["msg_type"] == "error":
                pytest.fail("\n".join(message["content"]["traceback"]))
            if until in message["content"].get("text", ""):
                return

    def interrupt(self) -> str:
        """Stop what was begun: "ok", or the name of the exception that ended it.

        Who gets no answer presses the button again. Python drops an interrupt that meets it in a
        `__del__` (object.__del__: exceptions there are ignored), and notices one that comes just
        before a system call only when that ends (signal: "run at a later point").
        """
        for _ in range(PRESSES):
            self.manager.interrupt_kernel()
            with contextlib.suppress(queue.Empty):
                return self._outcome()
        return f"nothing, after {PRESSES} interrupts"

    def _outcome(self) -> str:
        while True:
            reply = self.client.get_shell_msg(timeout=SECONDS)
            if reply["parent_header"].get("msg_id") == self.begun:
                content = reply["content"]
                return str(content.get("ename", content["status"]))

    def run(self, code: str) -> str:
        """Execute code; what it wrote. Fails if it raised."""
        asked, text = self.client.execute(code), ""
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != asked:
                continue
            if message["msg_type"] == "error":
                pytest.fail("\n".join(message["content"]["traceback"]))
            text += message["content"].get("text", "")
            if message["content"].get("execution_state") == "idle":
                return text

    def end(self) -> None:
        """Kill what is left, and remove the folder."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        for process in started_with(str(self.temporary)):
            process.kill()
        self._folder.cleanup()


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    made = Kernel()
    try:
        made.run(SETUP + OWN_ACCEPT)
        yield made
    finally:
        made.end()


@pytest.mark.skipif(sys.platform == "win32", reason="an interrupt there is no signal")
def test_an_interrupt_leaves_nothing(kernel: Kernel) -> None:
    chance = random.Random(1)
    left = {}
    # Once before: what libraries keep from their first use on.
    kernel.run(
        "with serve_tcp(echo) as s, QuicServer(): pass\nimport hypothesis, scapy.layers.inet6"
    )
    kernel.run(BEFORE)
    for name, code in WORK.items():
        kernel.begin(code)
        time.sleep(chance.uniform(0, 0.2))  # anywhere in its work
        ended = kernel.interrupt()
        found = json.loads(kernel.run(LOOK))
        if name != "check":  # a check's code is in a process of its own, which is told and ends
            assert ended == "KeyboardInterrupt", name
        if any(found.values()):
            left[name] = {what: things for what, things in found.items() if things}
            kernel.run("_before = _look()")
    assert left == {}


def everything_running(kernel: Kernel) -> list[psutil.Process]:
    """Start all that can be left running, and work beside it; what there is to be found of it."""
    code = f"{START_ALL}\n" + "".join(
        f"threading.Thread(target=exec, args=({WORK[name]!r}, dict(globals())), daemon=True)"
        ".start()\n"
        for name in BESIDE
    )
    kernel.begin(f"{code}print('all begun', flush=True); time.sleep(60)", until="all begun")
    descendants = psutil.Process(kernel.manager.provisioner.pid).children(recursive=True)
    assert len(descendants) >= 2 + NETWORKS  # a server's, clients', hosts'
    return descendants


BESIDE = ["latency", "throughput", "serve_process", "quic", "sample", *(["bulk"] * NETWORKS)]


def assert_nothing_is_left(kernel: Kernel, descendants: list[psutil.Process]) -> None:
    """No process of the kernel's: and so no socket, no namespace, no descriptor of one."""
    _, alive = psutil.wait_procs(descendants, timeout=10)
    assert alive == []
    deadline = time.monotonic() + 10
    while left := started_with(str(kernel.temporary)):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux
def test_a_kernel_that_is_shut_down_leaves_nothing(kernel: Kernel) -> None:
    descendants = everything_running(kernel)
    kernel.interrupt()  # so that it can hear the request
    kernel.manager.shutdown_wait_time = SECONDS  # JupyterLab's 5 s are few on a busy machine
    kernel.manager.shutdown_kernel()
    assert_nothing_is_left(kernel, descendants)
    assert [*kernel.temporary.iterdir()] == []


@linux
def test_a_kernel_that_is_killed_leaves_no_process(kernel: Kernel) -> None:
    descendants = everything_running(kernel)
    os.kill(kernel.manager.provisioner.pid, 9)
    kernel.manager.provisioner.process.wait()
    assert_nothing_is_left(kernel, descendants)
    # Its folders go as soon as another kernel asks for one.
    assert any(path.name.startswith("course-") for path in kernel.temporary.iterdir())
    asked = "from helpers.own_folders import own_folder; print(own_folder())"
    done = subprocess.run(
        [sys.executable, "-c", asked],
        env={**os.environ, "TMPDIR": str(kernel.temporary)},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    left = [path for path in kernel.temporary.iterdir() if path.name.startswith("course-")]
    assert left == [Path(done.stdout.strip())]


@linux
def test_a_kernel_that_is_restarted_has_room_for_all_again(kernel: Kernel) -> None:
    descendants = everything_running(kernel)
    kernel.client.stop_channels()
    kernel.manager.restart_kernel(now=True)
    psutil.wait_procs(descendants, timeout=10)
    kernel._connect()
    kernel.run(SETUP + START_ALL)
    kernel.run("from helpers import lifetimes; lifetimes.stop_all()")
    assert psutil.Process(kernel.manager.provisioner.pid).children(recursive=True) == []
