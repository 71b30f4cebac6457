"""What the system refuses is told in a sentence, loses nothing, and leaves nothing half open."""

from __future__ import annotations

import builtins
import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers_under_attack import echo_async, event_loop, shout

from helpers import Link, echo, recordings, serve_asyncio, serve_loop, serve_tcp, serve_udp
from helpers import serve_unix as unix
from helpers.packets import RAW, Packet, Packets
from helpers.plain_errors import explained, replace_file
from helpers.progress_file import Progress

HERE = Path(__file__).parent

# ------------------------------------------------------------------ sockets


def test_a_port_that_is_taken(host: str) -> None:
    told = r"in use, for a server on .*Somebody has this port: stop that one, take another port"
    with serve_tcp(echo, host=host) as first:
        port = first.address[1]
        for start in (
            lambda: serve_tcp(echo, host=host, port=port),
            lambda: serve_asyncio(echo_async, host=host, port=port),
        ):
            with pytest.raises(OSError, match=told) as raised:
                start()
            assert raised.value.errno == errno.EADDRINUSE
    with serve_udp(shout, host=host) as first:
        with pytest.raises(OSError, match=told):
            serve_udp(shout, host=host, port=first.address[1])


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets")
def test_a_path_that_is_taken_stays(tmp_path: Path) -> None:
    path = tmp_path / "taken"
    path.write_text("precious")
    with pytest.raises(OSError, match="in use, for a server on a Unix socket"):
        unix(echo, path=path)
    assert path.read_text() == "precious"


def test_an_address_of_nobody_here() -> None:
    with pytest.raises(OSError, match="No interface of this machine has this address"):
        serve_tcp(echo, host="192.0.2.1")


REFUSED = {
    errno.EMFILE: "as many as its limit allows",
    errno.ENFILE: "The whole machine",
    errno.ENOBUFS: "no memory for it",
    errno.ENOMEM: "no memory for it",
    errno.EACCES: "Ports below 1024 are root's",
    errno.EPERM: "This user may not do that",
}


@pytest.mark.parametrize("number", REFUSED, ids=errno.errorcode.get)
def test_what_the_kernel_refuses(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    starts: list[Callable[[], Any]] = [
        lambda: serve_tcp(echo),
        lambda: serve_udp(shout),
        lambda: serve_asyncio(echo_async),
        lambda: serve_loop(event_loop),
        lambda: Link(("127.0.0.1", 9)),
        lambda: Link(("127.0.0.1", 9), protocol="udp"),
    ]
    monkeypatch.setattr(socket.socket, "bind", refuse)
    for start in starts:
        with pytest.raises(OSError, match=REFUSED[number]) as raised:
            start()
        assert raised.value.errno == number
        assert type(raised.value) is type(OSError(number, ""))


def test_no_memory() -> None:
    with pytest.raises(MemoryError, match=r"for a buffer\. The system has no memory for it"):
        with explained("a buffer"):
            raise MemoryError


def test_what_needs_no_word_is_left_alone() -> None:
    error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    with pytest.raises(socket.gaierror) as raised, explained("a name"):
        raise error
    assert raised.value is error


# Whatever number of descriptors is left: it works, or says so; and afterwards as many are left.
FEW_DESCRIPTORS = """
import json, os, resource, socket, sys
sys.path.insert(0, {here!r})
import asyncio, selectors, subprocess, tempfile
from servers_under_attack import *
from helpers import *
from helpers.network import NoPrivateNetwork

STARTS = {{
    "serve_tcp": lambda: serve_tcp(echo),
    "serve_udp": lambda: serve_udp(shout),
    "serve_unix": lambda: serve_unix(echo),
    "serve_asyncio": lambda: serve_asyncio(echo_async),
    "serve_loop": lambda: serve_loop(event_loop),
    "serve_process": lambda: serve_process(threads),
    "tcp link": lambda: Link(("127.0.0.1", 9)),
    "udp link": lambda: Link(("127.0.0.1", 9), protocol="udp"),
}}
if this_machine().raw_capture.here:
    STARTS["raw capture"] = lambda: capture(9, source="raw")
if this_machine().own_frames.here:
    STARTS["own frames"] = lambda: capture(9, source="own frame")
if this_machine().private_networks.here:
    STARTS["network"] = Network
for start in STARTS.values():  # what is imported at the first use
    with start():
        pass
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
told = {{name: [] for name in STARTS}}
count = lambda: sorted(os.listdir("/proc/self/fd"))
for name, start in STARTS.items():
    slow = name in ("serve_process", "network")  # what starts a process
    for spare in range(0, 16, 3 if slow else 1):
        before = count()
        used = max(map(int, before)) + 1
        holes = [os.open("/dev/null", os.O_RDONLY) for _ in range(used - len(before) + 1)]
        used = max(max(holes), used - 1) + 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + spare, hard))
        try:
            with start():
                said = ""
        except NoPrivateNetwork as error:
            said = str(error)
        except OSError as error:
            said = str(error)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        for hole in holes:
            os.close(hole)
        import gc; gc.collect()
        left = len(count()) - len(before)
        told[name].append((spare, said, left))
print(json.dumps(told))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_few_descriptors() -> None:
    code = FEW_DESCRIPTORS.format(here=str(HERE))
    command = [sys.executable, "-W", "ignore::ResourceWarning", "-c", code]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    for name, tries in json.loads(done.stdout.splitlines()[-1]).items():
        assert tries[0][1], f"{name}: no descriptor was left, and it ran"
        assert tries[-1][1] == "", f"{name}: {tries[-1][1]}"
        for spare, said, left in tries:
            assert left == 0, (name, spare, said)
            # A private network says it in the words of the process that was to build it.
            assert not said or "Too many open files" in said, (name, spare, said)
    for noise in ("Exception ignored", "Exception in thread"):
        assert noise not in done.stderr, done.stderr[-3000:]


# ------------------------------------------------------------------ files


def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the disk is full: a file can be opened, and takes nothing."""
    really = builtins.open

    def open_and_refuse(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        opened = really(file, mode, *rest, **options)
        return Full(opened) if "w" in mode else opened

    monkeypatch.setattr(builtins, "open", open_and_refuse)


class Full:
    """A file on a full disk."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __enter__(self) -> Full:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> int:
        self._file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


PACKETS = Packets([Packet(1_700_000_000_000_000_001, bytes(60), RAW)])


def test_a_full_disk_loses_no_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = PACKETS.save(tmp_path / "x.pcap")
    before = path.read_bytes()
    full(monkeypatch)
    with pytest.raises(
        OSError, match=r"x\.pcap\. The disk is full\. Nothing was written"
    ) as raised:
        PACKETS.save(path)
    assert raised.value.errno == errno.ENOSPC
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["x.pcap"]


def test_a_full_disk_loses_no_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings.save("00-x", [1, 2], tmp_path)
    full(monkeypatch)
    with pytest.raises(OSError, match="The disk is full"):
        recordings.save("00-x", [3], tmp_path)
    assert recordings.load("00-x", folder=tmp_path).value == [1, 2]
    assert os.listdir(tmp_path) == ["00-x.json.gz"]


def test_a_full_disk_loses_no_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "progress.json"
    Progress(file).change("exercises", "a", lambda entry: entry.update(tries=1))

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", refuse)
    keeper = Progress(file)
    keeper.change("exercises", "a", lambda entry: entry.update(tries=2))
    (notice,) = keeper.take_notices()
    assert "No space left on device" in notice
    assert "kept in memory" in notice
    assert keeper.read()["exercises"]["a"] == {"tries": 2}
    assert json.loads(file.read_text())["exercises"]["a"] == {"tries": 1}
    assert os.listdir(tmp_path) == ["progress.json"]


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full")
def test_a_really_full_device_says_so_and_stays_one() -> None:
    with pytest.raises(OSError, match="The disk is full"):
        PACKETS.save("/dev/full")
    assert Path("/dev/full").is_char_device()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no such file or folder"):
        PACKETS.save(tmp_path / "nowhere" / "x.pcap")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_folder_of_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="a file or a folder has an owner"):
        PACKETS.save(tmp_path / "x.pcap")


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    replace_file(tmp_path / "link", b"1")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"1"
