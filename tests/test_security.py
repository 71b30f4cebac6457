"""No server can be reached from outside; nothing runs what it was told; all is pinned."""

from __future__ import annotations

import ast
import contextlib
import gzip
import json
import re
import socket
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from servers_under_attack import echo_async, event_loop, shout, threads

from helpers import (
    Link,
    Network,
    crowd,
    discard,
    echo,
    own_server,
    plain_values,
    recordings,
    serve_asyncio,
    serve_loop,
    serve_process,
    serve_tcp,
    serve_udp,
    this_machine,
)
from helpers.eyeballs import dead_addresses
from helpers.progress_file import Progress
from helpers.quic import QuicServer

ROOT = Path(__file__).parents[1]


def addresses_of_this_machine() -> list[str]:
    """Every address but those of loopback, IPv4 and IPv6."""
    found = []
    for interface, known in psutil.net_if_addrs().items():
        for each in known:
            if each.family == socket.AF_INET and not each.address.startswith("127."):
                found.append(each.address)
            if each.family == socket.AF_INET6 and each.address != "::1":
                zone = "" if "%" in each.address or "fe80" not in each.address else f"%{interface}"
                found.append(each.address + zone)
    return found


def answers(address: str, port: int) -> bool:
    """Whether somebody accepts a connection there. Only ever asked of this machine's own."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    (_, _, _, _, target), *_ = socket.getaddrinfo(
        address, port, family, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST
    )
    with socket.socket(family) as client:
        client.settimeout(0.5)
        return client.connect_ex(target) == 0


def listening(pid: int | None = None) -> list[Any]:
    """The sockets of a process that wait for anybody: of TCP that listen, of UDP unconnected."""
    process = psutil.Process(pid)
    found = []
    for child in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            for each in child.net_connections("inet"):
                if each.status == "LISTEN" or (
                    each.type == socket.SOCK_DGRAM and not each.raddr and each.laddr
                ):
                    found.append(each)
    return found


@contextlib.contextmanager
def linked(protocol: str) -> Iterator[None]:
    server = serve_tcp(echo) if protocol == "tcp" else serve_udp(shout)
    with server, Link(server.address, protocol=protocol):
        yield


@contextlib.contextmanager
def crowded() -> Iterator[None]:
    with serve_process(threads) as server, crowd(server.address, 3):
        yield


OPENED: dict[str, Callable[[], Any]] = {
    "serve_tcp": lambda: serve_tcp(echo),
    "serve_tcp, discard": lambda: serve_tcp(discard),
    "serve_udp": lambda: serve_udp(shout),
    "serve_asyncio": lambda: serve_asyncio(echo_async),
    "serve_loop": lambda: serve_loop(event_loop),
    "serve_process": crowded,
    "own_server": lambda: own_server(lambda listener: contextlib.suppress(OSError)),
    "TCP link": lambda: linked("tcp"),
    "UDP link": lambda: linked("udp"),
    "QUIC": QuicServer,
    "dead addresses": lambda: dead_addresses(host="127.0.0.1"),
}


@pytest.mark.parametrize("name", OPENED)
def test_by_default_nobody_outside_reaches_it(name: str) -> None:
    before = {each.laddr for each in listening()}
    with OPENED[name]():
        new = [each for each in listening() if each.laddr not in before]
        assert new
        for each in new:
            assert each.laddr.ip in ("127.0.0.1", "::1"), each
            for address in addresses_of_this_machine():
                assert not answers(address, each.laddr.port), (name, address)


@pytest.mark.parametrize("host", ["0.0.0.0", ""])
def test_the_scan_finds_a_server_that_is_open_to_all(host: str) -> None:
    outside = [address for address in addresses_of_this_machine() if "." in address]
    if not outside:
        pytest.skip("this machine has no address but loopback's")
    with serve_tcp(echo, host=host) as server:
        assert any(answers(address, server.address[1]) for address in outside)


def test_a_private_host_reaches_no_server_of_the_notebook() -> None:
    if not this_machine().private_networks.here:
        pytest.skip("no private networks")
    targets = ["127.0.0.1", "10.0.0.1", *addresses_of_this_machine()]
    with Network() as net, serve_tcp(echo) as server, net.b.serve_tcp(echo) as far:
        for address in targets:
            if ":" in address:
                continue
            with net.b.socket() as scanner:
                scanner.settimeout(0.3)
                assert scanner.connect_ex((address, server.address[1])) != 0, address
        with net.a.socket() as near:  # the scan can see what there is
            near.settimeout(5)
            assert near.connect_ex(far.address) == 0
        # And nobody on this machine reaches the private host's.
        assert not answers("127.0.0.1", far.address[1])


# ------------------------------------------------------------------ what is run


# Module, what it calls: where that is needed, and why it is no danger.
ALLOWED = {
    ("server_process", "exec"): "the learner's own cells, by a pipe of the kernel",
    ("practice", "exec"): "the starters of the exercises, which are part of the course",
}
DANGEROUS = {"eval", "exec", "system", "popen", "getoutput", "getstatusoutput", "loads"}
HARMLESS = {"json", "platform"}  # loads() of plain values only; system() that is a name


def dangers(source: str) -> set[str]:
    """The calls in a module that would run what they are given."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", "") or ""}
            found |= names & {"pickle", "marshal", "shelve", "yaml", "dill", "cloudpickle"}
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = getattr(function, "attr", getattr(function, "id", ""))
        owner = getattr(getattr(function, "value", None), "id", "")
        if name in DANGEROUS and owner not in HARMLESS:
            found.add(name)
        for keyword in node.keywords:
            if keyword.arg == "shell" and getattr(keyword.value, "value", True):
                found.add("shell")
    return found


def test_no_shell_and_nothing_that_runs_what_it_is_given() -> None:
    found = {
        (path.stem, danger)
        for path in (ROOT / "helpers").rglob("*.py")
        for danger in dangers(path.read_text())
    }
    assert found == ALLOWED.keys()


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from yaml import load",
        "os.system(x)",
        "subprocess.run(x, shell=True)",
        "eval(x)",
        "marshal.loads(x)",
    ],
)
def test_what_runs_what_it_is_given_is_seen(source: str) -> None:
    assert dangers(source)


# ------------------------------------------------------------------ what is read


FOREIGN: dict[str, Any] = {
    "a module of others": {"as": "subprocess.Popen", "of": [["ls"]]},
    "a function of ours": {"as": "helpers.namespaces.main", "of": [1, 2, 3]},
    "a class that is no record": {"as": "helpers.child_process.ChildProcess", "of": ["record"]},
    "what a module imported": {"as": "helpers.packets.dataclass", "of": []},
    "a module within": {"as": "helpers.exercises.registry", "of": []},
    "too many members": {"as": "helpers.wire_records.Drop", "of": [1, 2, 3, 4, 5]},
    "more than there should be": {"bytes": "aGk=", "and": 1},
    "bytes that are none": {"bytes": "not base64!"},
    "a packet without a time": {"packet": ["now", "aGk="]},
    "an unknown kind": {"set": [1, 2]},
    "a dict of a dict": {"dict": [[{"dict": []}, 1]]},
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_recording_makes_nothing_but_the_courses_own_values(name: str, tmp_path: Path) -> None:
    take = {"recorded": "2026-01-01", "system": "Linux", "value": FOREIGN[name]}
    text = json.dumps({"{}": take}).encode()
    (tmp_path / "00-foreign.json.gz").write_bytes(gzip.compress(text))
    with pytest.raises(plain_values.Damaged, match="00-foreign"):
        recordings.load("00-foreign", folder=tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"plain", gzip.compress(b"[" * 100_000)])
def test_a_damaged_recording_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "00-x.json.gz").write_bytes(content)
    with pytest.raises(plain_values.Damaged, match=r"00-x\.json\.gz is damaged"):
        recordings.load("00-x", folder=tmp_path)


def test_a_small_file_that_unpacks_to_very_much_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "MOST_BYTES", 1_000_000)
    (tmp_path / "00-x.json.gz").write_bytes(gzip.compress(b" " * 2_000_000))
    with pytest.raises(plain_values.Damaged, match="too large"):
        recordings.load("00-x", folder=tmp_path)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", "", "x.json"])
def test_a_recordings_name_leads_nowhere_else(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="called by letters"):
        recordings.load(name, folder=tmp_path)


@pytest.mark.parametrize(
    "entry",
    [
        {"tries": "<script>"},
        {"tries": True},
        {"tries": -1},
        {"hints": 1.5},
        {"passed": "yes"},
        {"last": {"hit": "<b>"}},
        {"last": {"guess": {"a": 1}}},
        {"first": []},
        {"question": 3},
        [],
    ],
)
def test_a_progress_file_with_other_things_in_it_is_set_aside(entry: Any, tmp_path: Path) -> None:
    file = tmp_path / "progress.json"
    file.write_text(json.dumps({"version": 1, "exercises": {"x": entry}, "predictions": {}}))
    keeper = Progress(file)
    assert keeper.read()["exercises"] == {}
    (notice,) = keeper.take_notices()
    assert "damaged" in notice


# ------------------------------------------------------------------ dependencies


def test_every_package_is_pinned_also_those_of_the_authors() -> None:
    for name in ("requirements.txt", ".ci/requirements.txt"):
        lines = (ROOT / name).read_text().splitlines()
        pinned = [line for line in lines if not line.startswith(("#", "-", " ")) and line]
        assert pinned, name
        assert all(re.match(r"[A-Za-z0-9._\[\]-]+==\S+( ; .+)?$", line) for line in pinned), name


def test_no_package_comes_from_anywhere_but_the_index() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    every = [*declared["dependencies"], *declared["optional-dependencies"]["dev"]]
    assert not [entry for entry in every if "@" in entry or "://" in entry]
    for name in ("requirements.txt", ".ci/requirements.txt", "binder/requirements.txt"):
        text = (ROOT / name).read_text()
        assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", text), name
