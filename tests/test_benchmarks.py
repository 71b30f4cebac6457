"""The benchmark's table, on invented numbers: nothing is measured here."""

from __future__ import annotations

import doctest
import os
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent / "benchmarks"))  # it runs as a folder, not a package

import open_loops
import ours
import rows
import tools
from placement import placed, placements
from rows import Absent, Goal, Row, Samples

REPORT = """\
sockperf: Summary: Latency is 7.591 usec
sockperf: ---> <MAX> observation = 19863.920
sockperf: ---> percentile 99.999 = 19863.920
sockperf: ---> percentile 99.000 =   18.021
sockperf: ---> percentile 50.000 =    6.504
"""


def cells(row: Row) -> list[str]:
    return [cell.strip() for cell in str(row).split("|")[1:-1]]


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(rows).attempted >= 3
    assert doctest.testmod(rows).failed == 0


def test_a_ratio_is_worked_out_pair_by_pair_not_from_the_medians() -> None:
    row = Row("echo", [10, 20, 60], [10, 40, 20], "{:g} µs")
    assert row.values == [1, 0.5, 3]
    assert cells(row) == ["echo", "20 µs", "20 µs", "1.00 (0.50 to 3.00)", "none", ""]


@pytest.mark.parametrize(
    ("goal", "verdict"),
    [
        (Goal(least=0.9), "met"),
        (Goal(least=1.0), "met"),  # the limit itself is still good
        (Goal(least=1.1), "missed"),
        (Goal(most=1.0), "met"),
        (Goal(most=0.9), "missed"),
    ],
)
def test_the_median_is_held_against_the_goal(goal: Goal, verdict: str) -> None:
    row = Row("echo", [1, 2, 9], [2, 2, 3], "{:g}", goal)
    assert cells(row)[4:] == [str(goal), verdict]
    assert row.missed is (verdict == "missed")


def test_one_lost_packet_in_one_pair_misses_the_goal_of_none() -> None:
    row = Row("lost", [0, 0, 1], [0, 0, 0], "{:g}", Goal(most=0), lambda a, b: a - b, judge=max)
    assert row.missed


@pytest.mark.parametrize("sides", [([1.0], Absent("no iperf3")), (Absent("no iperf3"), [1.0])])
def test_what_is_absent_is_named_and_misses_no_goal(sides: tuple) -> None:
    row = Row("bulk", *sides, "{:g}", Goal(least=0.9))
    assert cells(row)[3] == "not to be had here: no iperf3"
    assert not row.missed


def test_measures_take_turns_and_the_order_turns_round() -> None:
    order: list[str] = []
    measures = {name: lambda name=name: order.append(name) or {"n": 1} for name in "ab"}
    Samples(3, measures)
    assert "".join(order) == "abbaab"


def test_an_absent_measure_is_asked_once_and_the_others_go_on() -> None:
    asked: list[int] = []

    def missing() -> dict[str, float]:
        asked.append(1)
        raise Absent("sockperf is not installed")

    samples = Samples(4, {"here": lambda: {"n": 2}, "missing": missing})
    assert samples.of("here", "n", 10) == [20, 20, 20, 20]
    assert str(samples.of("missing", "n")) == "sockperf is not installed"
    assert len(asked) == 1


def test_sockperf_reports_half_round_trips_and_they_are_doubled() -> None:
    assert tools.round_trips(REPORT) == pytest.approx({"p50": 13.008e-6, "p99": 36.042e-6})


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("99%  186.34ms", 0.18634), ("99%    1.20s", 1.2), ("99%  85.00us", 85e-6)],
)
def test_the_percentile_of_wrk_is_read_in_seconds(said: str, seconds: float) -> None:
    assert open_loops.wrk_p99(f"  Latency Distribution\n     50%   12.00us\n     {said}\n") == (
        pytest.approx(seconds)
    )


def test_a_report_of_wrk_without_a_percentile_is_absent() -> None:
    with pytest.raises(Absent, match="unable to connect"):
        open_loops.wrk_p99("unable to connect to 127.0.0.1")


def test_a_goal_may_have_two_limits() -> None:
    goal = Goal(least=0.97, most=1.03)
    assert str(goal) == "at least 0.97, at most 1.03"
    assert Row("wire", [1.04], [1.0], "{:g}", goal).missed
    assert not Row("wire", [1.02], [1.0], "{:g}", goal).missed


def test_a_tool_that_is_not_installed_is_absent() -> None:
    with pytest.raises(Absent, match="no-such-tool is not installed"):
        tools._ask(["no-such-tool"], None, ["no-such-tool"], None, sign="")


def test_segments_with_data_are_counted_once_each_and_acknowledgments_not() -> None:
    from scapy.layers.inet import IP, TCP
    from scapy.layers.l2 import Ether

    def frame(seq: int, data: bytes) -> bytes:
        return bytes(Ether() / IP() / TCP(sport=1, dport=2, seq=seq, options=[("NOP", 0)]) / data)

    frames = [frame(1, b"hello"), frame(1, b"hello"), frame(6, b"x"), frame(7, b"")]
    assert ours.data_packets(frames) == 2


def test_a_placement_ends_with_its_block() -> None:
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system places threads by itself")
    before = os.sched_getaffinity(0)
    for server, client in placements().values():
        for cores in (server, client):
            with placed(cores):
                assert os.sched_getaffinity(0) == set(cores)
            assert os.sched_getaffinity(0) == before
