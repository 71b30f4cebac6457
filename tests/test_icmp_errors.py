"""ICMP errors from the error queue: real ones on loopback, and made ones."""

from __future__ import annotations

import errno
import socket
import struct
import sys

import pytest

from helpers.icmp_errors import icmp_error, report_errors

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has an error queue")


def made(
    number: int, origin: int, kind: int, code: int, info: int = 0, sender: bytes = b""
) -> bytes:
    return struct.pack("=IBBBBII", number, origin, kind, code, 0, info, 0) + sender


@linux_only
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_dead_port_is_told_to_an_unconnected_socket(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as gone:
                gone.bind((host, 0))
                dead = gone.getsockname()
        except OSError:
            pytest.skip(f"no {host} on this machine")
        report_errors(sock)
        sock.sendto(b"hello", dead)
        data, ancillary, _, address = sock.recvmsg(100, 512, socket.MSG_ERRQUEUE)
    assert (data, address[1]) == (b"hello", dead[1])
    error = icmp_error(ancillary)
    assert error is not None
    assert (error.error, error.offender, error.mtu) == ("ECONNREFUSED", host, 0)
    assert "port unreachable" in repr(error)


@linux_only
def test_the_mtu_is_read_where_a_packet_was_too_long() -> None:
    value = made(errno.EMSGSIZE, 2, 3, 4, 1280, struct.pack("=HH4s8x", 2, 0, bytes([10, 0, 0, 2])))
    error = icmp_error([(socket.IPPROTO_IP, 11, value)])
    assert error is not None
    assert (error.mtu, error.offender) == (1280, "10.0.0.2")
    assert repr(error).endswith("from 10.0.0.2; at most 1,280 bytes")


def test_an_error_of_the_own_kernel_has_no_offender() -> None:
    error = icmp_error([(socket.IPPROTO_IP, 11, made(errno.EMSGSIZE, 1, 0, 0, 1280, bytes(16)))])
    assert error is not None
    assert (error.origin, error.offender) == ("this host", "")
    assert "own kernel" in repr(error)


@pytest.mark.parametrize("ancillary", [[], [(1, 37, bytes(16))], [(0, 11, b"short")]])
def test_what_is_no_error_gives_none(ancillary: list[tuple[int, int, bytes]]) -> None:
    assert icmp_error(ancillary) is None


def test_elsewhere_than_on_linux_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.icmp_errors.LINUX", False)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        pytest.raises(NotImplementedError, match="Only Linux"),
    ):
        report_errors(sock)
