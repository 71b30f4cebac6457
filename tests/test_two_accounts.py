"""Two people on one machine: what they share, and what keeps them apart.

On a hub without containers all learners share loopback. These tests run two accounts on a
machine of their own, as far as its network goes: a network namespace with loopback alone.
They need root, to become the two.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers import this_machine

ROOT = Path(__file__).parents[1]
ANNA, BEN = 64001, 64002  # numbers are enough: no account has to be made
RAW = ("--inh-caps=+net_raw", "--ambient-caps=+net_raw")
PLAIN = ("--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("nsenter"),
    reason="needs root on Linux, to become two others",
)

SERVES = """
import sys
from helpers import serve_tcp
with serve_tcp(lambda conn: conn.sendall(b"Anna's own")) as server:
    print(server.address[1], flush=True)
    sys.stdin.readline()
"""
SERVES_IN_A_PRIVATE_NETWORK = """
import sys
from helpers import Network
with Network() as net, net.b.serve_tcp(lambda conn: conn.sendall(b"Anna's own")) as server:
    print(server.address[1], flush=True)
    for line in sys.stdin:
        with net.a.socket() as sock:
            sock.connect(server.address)
            print(sock.recv(100).decode(), flush=True)
"""
CONNECTS = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10) as sock:
        print(sock.recv(100).decode())
except OSError as error:
    print(type(error).__name__, error.strerror)
"""
LISTENS_TO_ALL = """
import socket, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as sock:
    print("ready", flush=True)
    sys.stdin.readline()
    sock.setblocking(False)
    seen = b""
    try:
        while True:
            seen += sock.recv(65536)
    except BlockingIOError:
        print("Anna's own" if b"Anna's own" in seen else f"{len(seen)} bytes, none of Anna's")
"""


class Machine:
    """Runs Python as one of two accounts, in a network of its own."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._running: list[subprocess.Popen[str]] = []

    def start(self, account: int, code: str, *arguments: object, rights: tuple[str, ...] = PLAIN):
        command = ["nsenter", f"--net=/proc/{self._pid}/ns/net", "setpriv", f"--reuid={account}"]
        command += [f"--regid={account}", "--clear-groups", *rights, sys.executable, "-c", code]
        process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.defpath},
        )
        self._running.append(process)
        return process

    def said(self, account: int, code: str, *arguments: object) -> str:
        return self.start(account, code, *arguments).communicate(timeout=60)[0].strip()

    def stop(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()


@pytest.fixture
def machine() -> Iterator[Machine]:
    command = ["unshare", "--net", "sh", "-c", "ip link set lo up; echo up; exec cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"up\n"
        there = Machine(holder.pid)
        try:
            if there.said(ANNA, "import helpers; print('yes')") != "yes":
                pytest.skip("other accounts may not run this Python, or read this folder")
            yield there
        finally:
            there.stop()
            holder.terminate()


def test_a_server_on_loopback_is_reached_from_another_account(machine: Machine) -> None:
    anna = machine.start(ANNA, SERVES)
    port = anna.stdout.readline().strip()
    assert machine.said(BEN, CONNECTS, "127.0.0.1", port) == "Anna's own"


def test_a_server_inside_a_private_network_is_not(machine: Machine) -> None:
    if not this_machine().private_networks.here:
        pytest.skip(this_machine().private_networks.why_not)
    anna = machine.start(ANNA, SERVES_IN_A_PRIVATE_NETWORK)
    port = anna.stdout.readline().strip()
    if not port:
        pytest.skip("ordinary users may have no user namespaces here")
    for _ in "before", "after":
        anna.stdin.write("connect\n")
        anna.stdin.flush()
        assert anna.stdout.readline() == "Anna's own\n", "she reaches it herself"
        refused = machine.said(BEN, CONNECTS, "127.0.0.1", port)
        assert refused == "ConnectionRefusedError Connection refused"
        # Nor by its address: that leads nowhere outside her network.
        assert machine.said(BEN, CONNECTS, "10.0.0.2", port) == "OSError Network is unreachable"


@pytest.mark.parametrize(
    ("server", "seen"),
    [(SERVES, "Anna's own"), (SERVES_IN_A_PRIVATE_NETWORK, "0 bytes, none of Anna's")],
    ids=["loopback", "private network"],
)
def test_who_may_capture_sees_all_of_loopback_and_nothing_of_a_private_network(
    machine: Machine, server: str, seen: str
) -> None:
    ben = machine.start(BEN, LISTENS_TO_ALL, rights=RAW)
    assert ben.stdout.readline() == "ready\n"
    anna = machine.start(ANNA, server)
    port = anna.stdout.readline().strip()
    if not port:
        pytest.skip("ordinary users may have no user namespaces here")
    if server == SERVES:
        assert machine.said(ANNA, CONNECTS, "127.0.0.1", port) == "Anna's own"
    else:
        anna.stdin.write("connect\n")
        anna.stdin.flush()
        assert anna.stdout.readline() == "Anna's own\n"
    assert ben.communicate("\n", timeout=60)[0].strip() == seen


def test_the_right_to_capture_is_what_lets_one_see_all(machine: Machine) -> None:
    assert machine.start(BEN, LISTENS_TO_ALL).communicate("\n", timeout=60)[0] == ""
