"""What a service costs: measured where it runs alone, and drawn."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest
from twisted.internet.protocol import Protocol

from helpers.measure import Latency
from helpers.services import (
    ServiceCost,
    answer_size,
    echo_goodputs,
    flood,
    measure_service,
    measure_services,
    services_figure,
)


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


async def slow(reader: Any, writer: Any) -> None:
    while data := await reader.read(100):
        time.sleep(0.002)
        writer.write(data)


async def closes(reader: Any, writer: Any) -> None:
    await reader.read(100)
    writer.close()


def test_a_slow_service_costs_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.services.ROUNDS", 50)
    quick, late = (
        measure_service(each, ask=b"hello", label=each.__name__) for each in (Echo, slow)
    )
    assert late.latency.percentile(50) >= 0.002
    assert quick.latency.percentile(50) < late.latency.percentile(50)
    assert late.per_second <= 500 < 2 * quick.per_second
    assert (quick.lines, late.lines) == (3, 4)


def test_several_are_measured_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.services.ROUNDS", 20)
    plan = [("echo, Twisted", Echo, b"hello"), ("echo, asyncio", slow, b"hi")]
    costs = measure_services(plan, lambda service, ask: [len(ask), 66])
    assert [(cost.label, cost.wire) for cost in costs] == [
        ("echo, Twisted", (5, 66)),
        ("echo, asyncio", (2, 66)),
    ]


def test_a_service_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(ConnectionError, match="before the answer was complete"):
        measure_service(closes, ask=b"hello", label="closes")


@pytest.mark.parametrize(
    ("ask", "pieces", "size"),
    [
        (b"12345", [b"12", b"345"], 5),
        (b"GET /", [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r", b"\na", b"bc"], 41),
    ],
)
def test_the_size_of_an_answer_is_known_when_it_is_whole(
    ask: bytes, pieces: list[bytes], size: int
) -> None:
    near, far = socket.socketpair()
    with near, far:
        for piece in pieces:
            far.sendall(piece)
        assert answer_size(near, ask) == size


def test_a_server_that_closes_in_a_flood_is_an_error() -> None:
    from helpers.library_servers import serve_library

    with serve_library(closes) as server, pytest.raises(ConnectionError):
        flood(server.address, b"hello", 5, seconds=5)


def test_the_goodput_of_an_echo_grows_with_the_size_of_messages() -> None:
    (curve,) = echo_goodputs({"Twisted": Echo}, sizes=(16, 16_384))
    assert curve.label == "Twisted"
    assert curve.bits_per_second[1] > 5 * curve.bits_per_second[0]


def test_the_figure_tells_all_numbers() -> None:
    samples = Latency("x", tuple(range(1000, 101_000, 1000)))
    costs = [ServiceCost(f"echo, {name}", 4, (82, 82), samples, 1234.0) for name in ("A", "B")]
    picture = services_figure(costs)
    assert "echo, B: 4 lines, 164 bytes in 2 packets, p50 50 µs" in picture.caption
    assert "1,234 answers a second" in picture.caption
    assert picture.html.count("<svg") == 1
    with pytest.raises(ValueError, match="at least one"):
        services_figure([])
