"""The wire's logic, with no socket: what comes out, when, and what is lost."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.topology import plan_hosts
from helpers.wire import SECOND, Direction, Parameters
from helpers.wire_records import DROPS, Records

MS = SECOND // 1000
FRAME = bytes(1250)  # 10,000 bits: 1 ms at 10 Mbit/s


def wire(seed: int = 0, **parameters: Any) -> Direction:
    return Direction(Parameters(**parameters), Records("a to b"), seed)


def carry(direction: Direction, arrivals: list[int]) -> list[tuple[int, int]]:
    """Let frames arrive at these times, then all of them come out: (due, which frame)."""
    out = []
    for number, now in enumerate(arrivals):
        out += direction.advance(now)
        direction.arrive(now, numbered(number))
    while (event := direction.next_event()) is not None:
        out += direction.advance(event)
    return [(due, number_of(frame)) for due, frame in out]


def numbered(number: int) -> bytes:
    return number.to_bytes(4, "big") + FRAME[4:]


def number_of(frame: bytes) -> int:
    return int.from_bytes(frame[:4], "big")


def test_a_delay_is_added_to_each_frame() -> None:
    assert carry(wire(delay=0.010), [0]) == [(10 * MS, 0)]
    assert wire(delay=0.010).advance(0) == []


def test_a_rate_spaces_frames_by_their_length() -> None:
    direction = wire(rate=10e6, delay=0.005)
    for length in (1250, 625, 1250):
        direction.arrive(0, bytes(length))
    times = [due for due, _ in direction.advance(SECOND)]
    assert times == [6 * MS, 6 * MS + MS // 2, 7 * MS + MS // 2]


def test_a_late_look_costs_no_rate() -> None:
    """The program may be late to look; the transmitter it stands for was not."""
    direction = wire(rate=10e6)
    for _ in range(10):
        direction.arrive(0, FRAME)
    assert [due for due, _ in direction.advance(SECOND)] == [n * MS for n in range(1, 11)]


def test_a_full_queue_drops_the_newest() -> None:
    direction = wire(rate=10e6, queue_limit=3)
    for number in range(6):
        direction.arrive(number, numbered(number))
    # One is being sent and three wait.
    assert [(d.time_ns, d.reason, d.length) for d in direction.records.drops()] == [
        (4, "queue full", 1250),
        (5, "queue full", 1250),
    ]
    assert [number for _, number in carry(direction, [])] == [0, 1, 2, 3]


def test_the_queue_is_recorded_as_it_grows_and_shrinks() -> None:
    direction = wire(rate=10e6)
    carry(direction, [0, 0, 0])
    lengths = [(q.time_ns, q.frames) for q in direction.records.queue_lengths()]
    assert lengths == [(0, 1), (0, 2), (MS, 1), (2 * MS, 0)]


def flood(aqm: str | None, seconds: float) -> Direction:
    """Frames come 10 % faster than they can be sent, for so long."""
    direction = wire(rate=10e6, queue_limit=10_000, aqm=aqm)
    for now in range(0, round(seconds * SECOND), MS * 10 // 11):
        direction.advance(now)
        direction.arrive(now, FRAME)
    return direction


def test_codel_leaves_alone_a_queue_that_comes_and_goes() -> None:
    direction = wire(rate=10e6, aqm="codel")
    for burst in range(20):  # 90 frames at once, every 100 ms: each burst is gone before the next
        carry(direction, [burst * SECOND // 10] * 90)
    assert direction.records.drops() == []


def test_codel_leaves_alone_a_queue_that_stands_but_is_short() -> None:
    direction = wire(rate=10e6, aqm="codel")
    carry(direction, [0] * 3 + [n * MS for n in range(2000)])  # each waits 3 ms
    assert min(q.frames for q in direction.records.queue_lengths()[3:-3]) >= 1
    assert direction.records.drops() == []


def test_codel_drops_more_and_more_often_while_the_queue_stands() -> None:
    drops = flood("codel", 2.0).records.drops()
    assert {drop.reason for drop in drops} == {"CoDel"}
    # After TARGET is passed for a whole INTERVAL: RFC 8289, section 5.
    assert 0.1 * SECOND < drops[0].time_ns < 0.2 * SECOND
    gaps = [later.time_ns - sooner.time_ns for sooner, later in pairwise(drops)]
    assert gaps[0] == pytest.approx(0.1 * SECOND, abs=2 * MS)
    assert gaps[1] == pytest.approx(0.1 * SECOND / 2**0.5, abs=2 * MS)
    assert gaps[-1] < gaps[0] / 3
    assert flood(None, 2.0).records.drops() == []


def test_loss_has_its_share_and_depends_on_the_seed_alone() -> None:
    def lost(seed: int, gap: int) -> list[int]:
        direction = wire(seed=seed, loss=0.1)
        arrived = {number for _, number in carry(direction, [n * gap for n in range(5000)])}
        return sorted(set(range(5000)) - arrived)

    assert lost(1, gap=5) == lost(1, gap=MS)
    assert lost(1, gap=5) != lost(2, gap=5)
    assert len(lost(1, gap=5)) / 5000 == pytest.approx(0.1, rel=0.2)


def test_bursts_have_their_mean_length_and_the_same_share() -> None:
    direction = wire(loss=0.1, burst=8.0)
    count = 40_000
    arrived = {number for _, number in carry(direction, list(range(count)))}
    lost = [number not in arrived for number in range(count)]
    bursts = sum(now and not before for before, now in pairwise([False, *lost]))
    assert sum(lost) / count == pytest.approx(0.1, rel=0.25)
    assert sum(lost) / bursts == pytest.approx(8, rel=0.25)


def test_a_burst_of_one_never_loses_two_in_a_row() -> None:
    direction = wire(loss=0.3, burst=1)
    arrived = {number for _, number in carry(direction, list(range(2000)))}
    lost = [number not in arrived for number in range(2000)]
    assert any(lost)
    assert not any(a and b for a, b in pairwise(lost))


def test_a_full_queue_does_not_change_which_frames_are_lost() -> None:
    def lost(queue_limit: int) -> list[int]:
        direction = wire(loss=0.2, jitter=0.001, rate=1e6, queue_limit=queue_limit)
        carry(direction, list(range(200)))
        return [d.time_ns for d in direction.records.drops() if d.reason == "loss"]

    assert lost(2) == lost(1000)


def test_a_cut_loses_all_under_way_and_all_that_comes() -> None:
    direction = wire(delay=0.010, rate=10e6)
    for _ in range(3):
        direction.arrive(0, FRAME)
    direction.change(MS, replace(direction.parameters, cut=True))
    direction.arrive(2 * MS, FRAME)
    assert direction.next_event() is None
    assert [d.reason for d in direction.records.drops()] == ["cut"] * 4
    direction.change(3 * MS, replace(direction.parameters, cut=False))
    direction.arrive(4 * MS, FRAME)
    assert [due for due, _ in carry(direction, [])] == [15 * MS]


def test_a_duplicate_comes_twice() -> None:
    assert [number for _, number in carry(wire(duplicate=1), [0, 1])] == [0, 0, 1, 1]


def test_only_reorder_lets_a_frame_overtake() -> None:
    order = [n for _, n in carry(wire(delay=0.01, reorder=0.3), [n * MS for n in range(50)])]
    assert order != sorted(order)
    assert sorted(order) == list(range(50))


def test_a_shorter_delay_applies_at_once_and_keeps_the_order() -> None:
    direction = wire(delay=0.050)
    direction.arrive(0, b"far away")
    direction.change(MS, Parameters(delay=0.001))
    direction.arrive(MS, b"near")
    assert direction.advance(SECOND) == [(50 * MS, b"far away"), (50 * MS, b"near")]
    direction.arrive(SECOND, b"near")
    assert direction.advance(2 * SECOND) == [(SECOND + MS, b"near")]


def test_another_rate_holds_for_frames_that_wait_already() -> None:
    direction = wire(rate=10e6)
    for _ in range(3):
        direction.arrive(0, FRAME)
    direction.change(0, Parameters(rate=1e6))
    assert [due for due, _ in direction.advance(SECOND)] == [MS, 11 * MS, 21 * MS]


def test_without_a_limit_waiting_frames_leave_at_once() -> None:
    direction = wire(rate=10e6)
    for _ in range(3):
        direction.arrive(0, FRAME)
    direction.change(0, Parameters())
    direction.arrive(0, FRAME)
    assert [due for due, _ in direction.advance(SECOND)] == [MS] * 4


@given(
    gaps=st.lists(st.integers(0, 3 * MS), min_size=1, max_size=60),
    delay=st.floats(0, 0.05),
    jitter=st.floats(0, 0.05),
    rate=st.none() | st.floats(1e5, 1e9),
    queue_limit=st.integers(0, 20),
    aqm=st.sampled_from([None, "codel"]),
    loss=st.floats(0, 1),
    late=st.integers(0, 5 * MS),
)
def test_whatever_the_parameters_each_frame_arrives_once_in_order_or_is_recorded(
    gaps: list[int], late: int, **parameters: Any
) -> None:
    direction = wire(**parameters)
    arrivals = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    out = []
    for number, now in enumerate(arrivals):
        direction.arrive(now, numbered(number))
        out += direction.advance(now + late)  # a program never looks at the exact time
    numbers = [number_of(frame) for _, frame in out]
    dues = [due for due, _ in out]
    for due, number in carry(direction, []):
        numbers.append(number)
        dues.append(due)
    assert numbers == sorted(set(numbers))
    assert dues == sorted(dues)
    assert len(numbers) + len(direction.records.drops()) == len(gaps)
    least = round(parameters["delay"] * SECOND)
    assert all(due >= arrivals[n] + least for due, n in zip(dues, numbers, strict=True))
    lengths = [q.frames for q in direction.records.queue_lengths()]
    assert max(lengths, default=0) <= parameters["queue_limit"]
    assert lengths[-1:] in ([], [0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"delay": -1},
        {"delay": "10 ms"},
        {"delay": float("nan")},
        {"jitter": 4000},
        {"rate": 0},
        {"rate": float("inf")},
        {"loss": 1.5},
        {"loss": True},
        {"queue_limit": -1},
        {"queue_limit": 1.5},
        {"burst": 0.5},
        {"loss": 0.8, "burst": 2},
        {"cut": 1},
        {"aqm": "red"},
    ],
)
def test_a_value_that_makes_no_sense_is_told_in_one_sentence(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"{min(wrong)}.*\.$"):
        Parameters(**wrong)


def test_records_keep_the_newest_in_bounded_memory() -> None:
    records = Records("a to b")
    for number in range(DROPS + 100):
        records.drop(number, "loss", 60)
    times = [drop.time_ns for drop in records.drops()]
    assert times == list(range(101, DROPS + 100))  # one place may be half written: left out
    kept = Records("a to b")
    kept.copy_from(records)
    assert kept.drops() == records.drops()


def test_every_host_has_a_way_to_every_network() -> None:
    wires = [("a", "r1"), ("r1", "r2"), ("r2", "b"), ("r2", "c")]
    plan = plan_hosts(["a", "r1", "r2", "b", "c"], wires)
    assert plan["a"].routes == [("default", "10.0.0.2"), ("default", "fd00::2")]
    assert plan["r1"].routes == [
        ("10.0.2.0/24", "10.0.1.3"),
        ("fd00:0:0:2::/64", "fd00:0:0:1::3"),
        ("10.0.3.0/24", "10.0.1.3"),
        ("fd00:0:0:3::/64", "fd00:0:0:1::3"),
    ]
    assert [name for name, host in plan.items() if host.forwards] == ["r1", "r2"]
    assert plan["a"].table()[:2] == [
        ("10.0.0.0/24", "", "eth0"),
        ("0.0.0.0/0", "10.0.0.2", "eth0"),
    ]
    assert ("fd00:0:0:2::/64", "fd00:0:0:1::3", "eth1") in plan["r1"].table()
    macs = [i.mac for host in plan.values() for i in host.interfaces]
    assert len(set(macs)) == len(macs) == 8


@pytest.mark.parametrize(
    ("names", "wires"),
    [
        (["a"], []),
        (["a", "a"], [("a", "a")]),
        (["a", "b"], [("a", "c")]),
        (["a", "b", "c"], [("a", "b")]),
    ],
)
def test_hosts_that_cannot_be_joined_are_refused(
    names: list[str], wires: list[tuple[str, str]]
) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        plan_hosts(names, wires)
