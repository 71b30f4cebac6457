"""Rows that compare ways of carrying bytes, and a goodput that needs no stream."""

from __future__ import annotations

import socket

import pytest

from helpers import compare_ways, goodput
from helpers.measure import Latency, Throughput

ALT = "Several ways of carrying bytes, a row for each."


def run(label: str, microseconds: int) -> Latency:
    return Latency(label, tuple(microseconds * 1000 + n for n in range(200)))


def test_every_way_has_its_row_and_its_numbers() -> None:
    picture = compare_ways(*(run(f"way {n}", 10**n) for n in range(7)), alt=ALT)
    for number in range(7):
        assert f"way {number}</text>" in picture.html
    assert "way 3: p50 1 ms, p99 1 ms" in picture.caption


def test_rates_have_a_mark_for_each_size() -> None:
    rates = [Throughput(f"way {n}", (16, 4096), (1e6, 10.0 ** (7 + n)), 1) for n in range(6)]
    picture = compare_ways(*rates, alt=ALT)
    assert "16 B</text>" in picture.html
    assert "4 KiB</text>" in picture.html
    assert "With 16 B and 4 KiB a message: way 0: 1 Mbit/s and 10 Mbit/s" in picture.caption


def test_where_a_run_was_measured_is_said_once() -> None:
    played = [Latency(name, (1000,) * 30, note="Recorded elsewhere.") for name in "ab"]
    caption = compare_ways(run("here", 5), *played, alt=ALT).caption
    assert caption.count("Recorded elsewhere.") == 1


@pytest.mark.parametrize(
    "runs",
    [
        (),
        (run("a", 1), Throughput("b", (1,), (1.0,), 1)),
        (Throughput("a", (1,), (1.0,), 1), Throughput("b", (2,), (1.0,), 1)),
    ],
)
def test_what_cannot_share_a_picture_is_refused(runs: tuple[Latency | Throughput, ...]) -> None:
    with pytest.raises(ValueError, match="compare_ways"):
        compare_ways(*runs, alt=ALT)


def test_goodput_counts_what_was_carried() -> None:
    carried: dict[int, int] = {}

    def carry(message: bytes) -> None:
        carried[len(message)] = carried.get(len(message), 0) + 1

    measured = goodput(carry, sizes=(1000, 10), seconds=0.002, label="a call")
    assert measured.sizes == (10, 1000)
    assert carried.keys() == {10, 1000}
    small, large = measured.bits_per_second
    assert large > 10 * small  # a call costs the same, however long the bytes it is given


def test_goodput_of_a_pair_of_sockets_on_one_thread() -> None:
    near, far = socket.socketpair()
    with near, far:

        def carry(message: bytes) -> None:
            near.send(message)
            far.recv(len(message), socket.MSG_WAITALL)

        measured = goodput(carry, sizes=(16, 4096), seconds=0.005, label="pair")
    assert measured.bits_per_second[0] < measured.bits_per_second[1]


@pytest.mark.parametrize("wrong", [{"sizes": ()}, {"sizes": (0,)}, {"sizes": (1,), "seconds": 0}])
def test_goodput_refuses_what_makes_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="goodput"):
        goodput(lambda message: None, label="x", **{"sizes": (1,), **wrong})  # type: ignore[arg-type]
