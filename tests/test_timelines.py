"""Who waits for what: taken from a real server, and drawn."""

from __future__ import annotations

import re
import socket
import time

from helpers.servers import serve_tcp
from helpers.timelines import CLIENT, RUNNING, TURN, Turn, take_turns, timeline
from helpers.work import busy, runs_of

MS = 1_000_000


def work(conn: socket.socket) -> None:
    with conn:
        while conn.recv(100):
            conn.sendall(busy(0.01))


def test_a_silent_client_holds_up_the_sequential_server() -> None:
    with serve_tcp(work, max_connections=1) as server:
        silent, other = take_turns(server.address, at=[0.15, 0])
    assert silent.asked_ns - silent.connected_ns >= 150 * MS
    assert silent.answered_ns is not None
    assert other.runs[0][0] >= silent.runs[-1][1], "one after the other"
    assert other.asked_ns < silent.asked_ns


def test_threads_are_not_held_up() -> None:
    with serve_tcp(work) as server:
        silent, other = take_turns(server.address, at=[0.5, 0])
    assert other.answered_ns is not None
    assert other.answered_ns < silent.asked_ns


def test_without_an_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        begun = time.monotonic()
        (turn,) = take_turns(nobody.getsockname(), at=[0])
    assert turn.answered_ns is None
    assert turn.runs == []
    assert time.monotonic() - begun < 10


TURNS = [
    Turn(0, 0, 30 * MS, [(0, 10 * MS), (20 * MS, 30 * MS)]),
    Turn(0, 5 * MS, 20 * MS, [(10 * MS, 20 * MS)]),
    Turn(0, 10 * MS, None, []),
]


def test_the_three_states() -> None:
    assert TURNS[1].stretches(0) == [
        (CLIENT, 0, 5 * MS),
        (TURN, 5 * MS, 10 * MS),
        (RUNNING, 10 * MS, 20 * MS),
    ]
    assert TURNS[2].stretches(50 * MS) == [(CLIENT, 0, 10 * MS), (TURN, 10 * MS, 50 * MS)]


def test_the_picture_shows_and_tells_them() -> None:
    picture = timeline(TURNS, title="threads")
    assert picture.html.count(f'data-doing="{RUNNING}"') == 3 + 1  # one in the legend
    assert "threads: 3 clients, 1 of them not answered. Work for them: 30 ms" in picture.caption
    assert "The longest wait for a turn: 10 ms" in picture.caption
    cells = re.findall(r"<td>(.*?)</td>", picture.html)
    assert cells[:5] == ["client 1", "0 µs", "10 ms", "20 ms", "30 ms"]
    assert cells[-1] == "never"
    assert "no answer" in picture.html


def test_nothing_to_draw() -> None:
    assert "nothing to draw" in timeline([]).alt


def test_work_takes_processor_time_and_tells_when() -> None:
    before = time.thread_time_ns()
    runs = runs_of(busy(0.02))
    spent = time.thread_time_ns() - before
    assert spent >= 20 * MS
    assert runs == sorted(runs)
    # What is between the runs was not its time. (Breaks of less than half a ms are not noticed.)
    assert sum(end - start for start, end in runs) < 2 * spent
