"""UDP's losses as the kernel counts them, and its throughput."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from helpers import datagrams
from helpers.datagrams import datagram_throughput, udp_drops

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts them")


@linux_only
def test_drops_are_what_was_sent_and_not_received() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        assert udp_drops(receiver) == 0
        for _ in range(2000):
            sender.sendto(bytes(1000), receiver.getsockname())
        receiver.setblocking(False)
        received = 0
        with pytest.raises(BlockingIOError):
            while receiver.recv(2000):
                received += 1
        assert 0 < received < 2000
        assert udp_drops(receiver) == 2000 - received
        inode = str(os.fstat(receiver.fileno()).st_ino)
        lines = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()]
        assert [line[-1] for line in lines if line[9] == inode] == [str(2000 - received)]


def test_no_more_is_received_than_was_sent() -> None:
    sent, received = datagram_throughput(sizes=[64, 1024], seconds=0.05, label="UDP")
    assert sent.sizes == received.sizes == (64, 1024)
    for there, here in zip(sent.bits_per_second, received.bits_per_second, strict=True):
        assert 0 < here <= there * 1.01  # two clock readings a moment apart
    assert threading.active_count() < 10


def test_what_the_system_refuses_is_left_out() -> None:
    sent, received = datagram_throughput(sizes=[100, 65_508], seconds=0.01, label="UDP")
    assert sent.sizes == received.sizes == (100,)
    with pytest.raises(ValueError, match="refused"):
        datagram_throughput(sizes=[70_000], seconds=0.01, label="UDP")


def test_a_send_that_finds_no_room_is_not_counted() -> None:
    class Full:
        calls = 0

        def send(self, message: bytes) -> int:
            self.calls += 1
            if self.calls % 2 == 0:
                raise OSError(errno.ENOBUFS, "No buffer space available")
            return len(message)

    full = Full()
    count = datagrams._send(full, b"x", datagrams.time.perf_counter_ns() + 1_000_000)  # type: ignore[arg-type, attr-defined]
    assert count == (full.calls + 1) // 2


@pytest.mark.parametrize(
    "wrong", [{"sizes": [0]}, {"sizes": [10], "seconds": 0}, {"sizes": [10], "label": " "}]
)
def test_senseless_parameters_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"size|seconds|label"):
        datagram_throughput(**{"label": "UDP", **wrong})  # type: ignore[arg-type]


def test_elsewhere_than_on_linux_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "LINUX", False)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        pytest.raises(NotImplementedError, match="Only Linux"),
    ):
        udp_drops(sock)
