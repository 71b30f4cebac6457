"""A server with more and more connections, and the figure of it."""

from __future__ import annotations

import math
import re
import threading

import pytest

from helpers.climb_figures import climb_figure
from helpers.climbs import Climb, Rung, climb
from helpers.load import Responses


def talk(conn):
    with conn:
        while data := conn.recv(4096):
            conn.sendall(data)


def threads(listener):
    while True:
        threading.Thread(target=talk, args=[listener.accept()[0]]).start()


def sequential(listener):
    while True:
        talk(listener.accept()[0])


def three_and_out(listener):
    for _ in range(3):
        threading.Thread(target=talk, args=[listener.accept()[0]], daemon=True).start()
    listener.accept()
    raise RuntimeError("can't start new thread")


def test_threads_climb() -> None:
    climbed = climb(threads, [20, 1], seconds=0.1, rate=500)
    one, twenty = climbed.rungs
    assert (one.connections, one.threads, one.processes) == (1, 2, 1)
    assert (twenty.connections, twenty.threads, twenty.served) == (20, 21, 20)
    assert 0 < twenty.within(50) <= twenty.within(99) < 10
    assert twenty.unanswered == 0
    assert twenty.answers_per_second > 100
    assert math.isnan(climbed.memory_per_connection(one))
    assert 1_000 < climbed.memory_per_connection(twenty) < 1_000_000
    assert climbed.at(7) is one
    assert climbed.end == ""


def test_sequential_serves_one() -> None:
    climbed = climb(sequential, [1, 10], seconds=0.1, rate=500, name="one by one")
    assert climbed.rungs[1].served == 1
    assert 0.7 < climbed.rungs[1].unanswered < 1
    lines = repr(climbed).splitlines()
    assert lines[0] == "one by one"
    assert "never" in lines[3]
    assert len(set(map(len, lines[1:]))) == 1, "the columns are in line"


def test_a_server_that_ends_has_climbed_so_far(capfd: pytest.CaptureFixture[str]) -> None:
    climbed = climb(three_and_out, [1, 3, 10], seconds=0.1, rate=500)
    assert [rung.connections for rung in climbed.rungs] == [1, 3]
    assert climbed.end.endswith("went no further: RuntimeError: can't start new thread")
    assert "Traceback" not in capfd.readouterr().err


def rung(connections: int, times: int, unanswered: int, memory: int) -> Rung:
    ns = tuple(range(100_000, 100_000 + times))
    found = Responses("x", ns, rate=10, unanswered=unanswered) if ns else None
    return Rung(connections, 1, found, 1000.0, memory, connections + 1, 1)


CLIMBS = (
    Climb("threads", (rung(1, 50, 0, 0), rung(100, 50, 0, 4_000_000))),
    Climb("sequential", (rung(1, 50, 0, 0), rung(100, 1, 49, 0)), "It went no further."),
    Climb("nobody", (rung(1, 0, 0, 0),)),
)


def test_the_figure_shows_and_tells_all_numbers() -> None:
    picture = climb_figure(*CLIMBS, alt="Three servers and their connections.")
    assert picture.kind == "climb"
    assert "It went no further." in picture.caption
    assert "10 requests a second" in picture.caption
    cells = re.findall(r"<td>(.*?)</td>", picture.html)
    assert cells[:6] == ["threads", "1", "100 µs", "100 µs", "0%", "1,000"]
    assert "39.5 KiB" in cells
    assert cells.count("never") == 4
    for label in ("p50 from the due time", "Memory a connection", "Threads in all"):
        assert label in picture.html


def test_a_figure_needs_one_to_seven() -> None:
    with pytest.raises(ValueError, match="1 to 7 climbs; got 0"):
        climb_figure(alt="Nothing can be seen in it.")
    with pytest.raises(ValueError, match="got 8"):
        climb_figure(*[CLIMBS[0]] * 8, alt="Nothing can be seen in it.")
