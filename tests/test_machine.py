"""What a machine allows is found out quickly, truthfully and without a trace."""

from __future__ import annotations

import os
import socket
import sys
import time

import pytest

import helpers.machine as machine
from helpers.machine import Machine, _try, this_machine


@pytest.fixture
def fresh() -> Machine:
    this_machine.cache_clear()
    return this_machine()


def test_takes_less_than_a_second_and_leaves_nothing() -> None:
    this_machine()
    this_machine.cache_clear()
    descriptors = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    began = time.monotonic()
    this_machine()
    assert time.monotonic() - began < 1
    if descriptors:
        assert len(os.listdir("/proc/self/fd")) == descriptors


def test_raw_capture_is_claimed_exactly_where_a_packet_socket_opens(fresh: Machine) -> None:
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
        opens = True
    except (OSError, AttributeError):
        opens = False
    assert fresh.raw_capture.here == opens


def test_ipv6_is_claimed_exactly_where_a_server_can_be_made(fresh: Machine) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        works = True
    except OSError:
        works = False
    assert fresh.ipv6_loopback.here == works


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (PermissionError(1, "Operation not permitted"), "Not permitted to this user."),
        (OSError(97, "x"), "The system says: Address family not supported by protocol."),
        (AttributeError("AF_PACKET"), "does not have it."),
    ],
)
def test_what_is_absent_says_why_and_what_helps(error: Exception, sentence: str) -> None:
    def absent() -> None:
        raise error

    ability = _try("Raw capture", "packets", absent, "Be root.")
    assert not ability.here
    assert sentence in ability.why_not
    assert ability.remedy == "Be root."


def test_the_table_names_each_ability_and_is_described(fresh: Machine) -> None:
    page = fresh._repr_html_()
    for ability in fresh.abilities:
        assert ability.name in page
        assert ability.shows in page
        if not ability.here:
            assert ability.remedy in page
    assert 'aria-label="This machine ' in page
    assert repr(fresh).count("\n") == len(fresh.abilities) + 3


def test_size_is_plausible(fresh: Machine) -> None:
    assert 0 < fresh.cpus <= (os.cpu_count() or 1)
    assert fresh.memory_bytes > 100_000_000


def test_on_a_system_without_any_of_it_each_row_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows: no packet sockets, no Unix sockets, no own frames, no resource module."""
    monkeypatch.setattr(machine, "LINUX", False)
    monkeypatch.setattr(machine.platform, "system", lambda: "Windows")
    monkeypatch.delattr(machine.os, "sched_getaffinity", raising=False)
    monkeypatch.setitem(sys.modules, "resource", None)
    for name in ("AF_PACKET", "AF_UNIX"):
        monkeypatch.delattr(machine.socket, name, raising=False)
    this_machine.cache_clear()
    try:
        elsewhere = this_machine()
    finally:
        this_machine.cache_clear()
    absent = (
        elsewhere.raw_capture,
        elsewhere.own_frames,
        elsewhere.private_networks,
        elsewhere.unix_sockets,
    )
    for ability in absent:
        assert not ability.here
        assert "Windows" in ability.why_not
        assert ability.remedy
    assert elsewhere.open_files is None
    assert "no fixed limit" in elsewhere._repr_html_()
