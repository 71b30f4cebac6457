"""A server with more and more connections, and the figure of it."""

from __future__ import annotations

import math
import re
import threading

import pytest

from helpers.climb_figures import climb_figure
from helpers.climbs import Climb, Rung, climb
from helpers.load import Responses
from helpers.memory_limit import free_memory


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
    assert (one.clients, one.threads, one.processes) == (1, 2, 1)
    assert (twenty.clients, twenty.threads, twenty.served) == (20, 21, 20)
    assert twenty.open == 20
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
    assert [rung.clients for rung in climbed.rungs] == [1, 3]
    assert climbed.end.endswith("clients and no more: RuntimeError: can't start new thread")
    assert "Traceback" not in capfd.readouterr().err


def refuses_the_fourth(listener):
    for _ in range(3):
        threading.Thread(target=talk, args=[listener.accept()[0]]).start()
    raise RuntimeError("can't start new thread")


def test_a_server_whose_threads_live_on_says_why_it_serves_no_more() -> None:
    climbed = climb(refuses_the_fourth, [2, 10, 20], seconds=0.1, rate=500)
    assert [(rung.clients, rung.served) for rung in climbed.rungs] == [(2, 2), (10, 3)]
    assert climbed.rungs[1].unanswered > 0.4
    why = "served 3 clients and no more: RuntimeError: can't start new thread"
    assert climbed.story.endswith(why)


def test_who_finds_the_backlog_full_has_no_connection() -> None:
    climbed = climb(sequential, [1, 5_000], seconds=0.1, rate=500)
    many = climbed.rungs[-1]
    if many.clients < 5_000 or many.open == many.clients:
        pytest.skip("few open files, or a long backlog")
    assert many.served == 1
    assert many.unanswered > 0.99
    assert math.isnan(many.answers_per_second), "nobody more was served, so nothing to measure"
    assert f"{many.open:,} of 5,000 clients have a connection" in repr(climbed)


def test_a_climb_stops_before_its_server_takes_too_much_memory() -> None:
    climbed = climb(threads, [1, 50, 100, 4_000], seconds=0.1, rate=500, share=1e-12)
    assert [rung.clients for rung in climbed.rungs] == [1, 50]
    assert "threads went no further than 50 clients: more would take more memory" in climbed.end


def test_a_climb_goes_as_far_as_its_memory_allows() -> None:
    small = climb(threads, [1, 100], seconds=0.1, rate=500)
    took = small.rungs[-1].memory
    share = 3 * took / free_memory()
    climbed = climb(threads, [1, 100, 4_000], seconds=0.1, rate=500, share=share)
    assert 110 < climbed.rungs[-1].clients < 1_000
    assert climbed.rungs[-1].memory < 6 * took
    assert "more memory than it may have here" in climbed.end


def test_a_climb_stops_when_to_connect_takes_too_long() -> None:
    climbed = climb(threads, [1, 4_000], seconds=0.1, rate=500, opening=0.05)
    assert 1 < climbed.rungs[-1].clients < 4_000
    assert climbed.rungs[-1].served == climbed.rungs[-1].clients
    assert "clients: in 0.05 s no more could connect." in climbed.end


def rung(clients: int, times: int, unanswered: int, memory: int) -> Rung:
    ns = tuple(range(100_000, 100_000 + times))
    found = Responses("x", ns, rate=10, unanswered=unanswered) if ns else None
    most = 1000.0 if clients == 1 else math.nan
    return Rung(clients, clients, 1, found, most, memory, clients + 1, 1)


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
    assert cells[:6] == ["threads", "1", "1", "1", "100 µs", "100 µs"]
    assert "39.5 KiB" in cells
    assert cells.count("never") == 4
    for label in ("p50 from the due time", "Memory a connection", "Threads in all"):
        assert label in picture.html


def test_a_figure_needs_one_to_seven() -> None:
    with pytest.raises(ValueError, match="1 to 7 climbs; got 0"):
        climb_figure(alt="Nothing can be seen in it.")
    with pytest.raises(ValueError, match="got 8"):
        climb_figure(*[CLIMBS[0]] * 8, alt="Nothing can be seen in it.")
