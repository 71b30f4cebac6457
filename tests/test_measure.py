"""What the numbers of `helpers.measure` mean, and what it does when they mean nothing."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import socket
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from helpers import measure
from helpers.measure import Latency, Throughput, latency, throughput, timer_resolution
from helpers.servers import Server, discard, echo, serve_tcp, serve_unix
from helpers.units import format_rate, format_size, format_time

SECOND = 1_000_000_000


class FakeTime:
    """A clock that only moves when told, in place of the `time` module."""

    def __init__(self) -> None:
        self.now = 0

    def perf_counter_ns(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(measure, "time", fake)
    return fake


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch, clock: FakeTime) -> list[int]:
    """The progress shown; each showing takes three seconds, as if the screen were slow."""
    shown: list[int] = []

    def update(count: int) -> None:
        clock.now += 3 * SECOND
        shown.append(count)
        bar.n += count

    bar = SimpleNamespace(n=0, update=update, close=lambda: shown.append(-1))
    monkeypatch.setattr(measure, "progress_bar", lambda *args, **kwargs: bar)
    return shown


# Latency


@pytest.mark.parametrize("count", [1, 2, 7, 100, 1000, 4321])
@pytest.mark.parametrize("p", [0, 1, 25, 50, 90, 97.5, 99, 100])
def test_percentile_is_numpys_inverted_cdf(count: int, p: float) -> None:
    samples = tuple(random.Random(count).choices(range(1, 5000), k=count))
    expected = np.percentile(samples, p, method="inverted_cdf")
    assert Latency("x", samples).percentile(p) == expected / 1e9


@pytest.mark.parametrize("p", range(1, 101))
def test_percentile_of_a_hundred_samples_is_the_one_with_that_rank(p: int) -> None:
    # numpy answers 56 for 55, because 0.55 * 100 is 55.00000000000001 in binary.
    assert Latency("x", tuple(range(1, 101))).percentile(p) == p / 1e9


@pytest.mark.parametrize("p", [-1, 100.1, float("nan")])
def test_percentile_outside_0_to_100_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        Latency("x", (1,)).percentile(p)


def test_warm_up_rounds_are_made_but_not_kept(clock: FakeTime) -> None:
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1
        clock.now += 5000 if calls <= 30 else 10 + calls

    samples = latency(call, rounds=100, warmup=30, label="x")
    assert calls == 130
    assert samples.warmup == 30
    assert samples.nanoseconds == tuple(range(41, 141)), "every kept call, in order"


def test_one_stall_shows_in_the_longest_and_nowhere_else(clock: FakeTime) -> None:
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1
        clock.now += SECOND // 2 if calls == 500 else 1000

    samples = latency(call, rounds=1000, warmup=0, label="x")
    assert samples.percentile(100) == 0.5
    assert samples.percentile(50) == samples.percentile(99) == 1e-6


def test_progress_is_shown_between_calls_only_and_seldom(
    clock: FakeTime, updates: list[int]
) -> None:
    def call() -> None:
        clock.now += SECOND // 50

    samples = latency(call, rounds=5000, warmup=0, label="x")
    assert set(samples.nanoseconds) == {SECOND // 50}, "showing progress took part of a sample"
    assert 5 <= len(updates) <= 21
    assert updates[-1] == -1, "the bar is closed at the end"


def test_a_quick_run_shows_no_progress(clock: FakeTime, updates: list[int]) -> None:
    latency(lambda: None, rounds=1000, label="x")
    assert updates == []


@pytest.mark.parametrize(
    ("fatal", "note"), [(3, "warm-up round 3 of 10"), (11, "round 1 of 50"), (60, "round 50 of 50")]
)
def test_an_exception_says_in_which_round(fatal: int, note: str) -> None:
    rounds = iter(range(1, 100))

    def call() -> None:
        if next(rounds) == fatal:
            raise OSError("the cable is cut")

    with pytest.raises(OSError, match="cable") as caught:
        latency(call, rounds=50, warmup=10, label="x")
    assert any(note in each for each in caught.value.__notes__)


def test_no_garbage_is_collected_during_the_run_and_again_after() -> None:
    states: list[bool] = []
    latency(lambda: states.append(gc.isenabled()), rounds=3, warmup=0, label="x")
    assert states == [False] * 3
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        latency(lambda: 1 / 0, label="x")
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rounds": 0}, "rounds must be"),
        ({"rounds": 2.5}, "rounds must be"),
        ({"warmup": -1}, "warmup must be"),
        ({"label": "  "}, "label must say"),
    ],
)
def test_bad_arguments_of_latency_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        latency(lambda: None, **{"label": "x", **arguments})


@pytest.mark.parametrize("call", [None, lambda: None])
def test_only_a_plain_function_is_timed(call: object) -> None:
    async def coroutine_function() -> None:
        await asyncio.sleep(0)

    with pytest.raises(TypeError, match="plain function"):
        latency(coroutine_function if call else call, label="x")


def test_summary_tells_no_percentile_that_is_only_the_longest() -> None:
    many = Latency("echo", tuple(range(1000, 2000)), warmup=200).summary()
    assert many == (
        "echo: p50 1.5 µs, p90 1.9 µs, p99 1.99 µs, max 2 µs "
        "(1,000 calls in a closed loop, after 200 to warm up)."
    )
    few = Latency("echo", (10, 20, 30)).summary()
    assert "p50 20 ns" in few
    assert "p90" not in few


def test_timer_resolution_is_above_zero_and_far_below_a_round_trip() -> None:
    assert 0 < timer_resolution() < 1e-5


def test_no_samples_are_no_latency() -> None:
    with pytest.raises(ValueError, match="no sample"):
        Latency("x", ())


def test_repr_is_short() -> None:
    assert repr(Latency("x", tuple(range(9999)))) == "<Latency 'x': 9,999 samples, p50 5 µs>"
    assert len(repr(Throughput("x", (1, 2), (8.0, 16.0), 0.25))) < 60


# Throughput

QUICK = {"seconds": 0.02, "label": "x"}


def test_sizes_come_back_in_order_and_larger_messages_carry_more() -> None:
    with serve_tcp(discard) as server:
        # Three of them: a machine that halts for a moment makes any one size slow.
        curves = [throughput(server.address, sizes=(65536, 1, 1024, 1), **QUICK) for _ in range(3)]
    for curve in curves:
        assert curve.sizes == (1, 1024, 65536)
        assert curve.messages_per_second[1] == pytest.approx(curve.bits_per_second[1] / 8192)
    small, large = (max(curve.bits_per_second[at] for curve in curves) for at in (0, -1))
    assert small * 10 < large


def test_the_clock_runs_until_the_sink_has_read_everything() -> None:
    read: list[int] = []

    def late_sink(conn: socket.socket) -> None:
        conn.recv(1, socket.MSG_PEEK)  # so the clock runs
        threading.Event().wait(0.15)  # few bytes: meanwhile all sends return
        read.append(0)
        while data := conn.recv(65536):
            read[-1] += len(data)

    with serve_tcp(late_sink) as server:
        curve = throughput(server.address, sizes=[1], **QUICK)
    warmup, measured = read
    assert warmup > 0
    assert 0 < curve.bits_per_second[0] <= 8 * measured / 0.15


def test_a_slow_sink_lowers_the_throughput() -> None:
    def slow_sink(conn: socket.socket) -> None:
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        while conn.recv(65536):
            threading.Event().wait(0.002)

    def best(server: Server) -> float:
        """Of three: a machine that halts for a moment makes any one of them slow."""
        curves = [throughput(server.address, sizes=[65536], **QUICK) for _ in range(3)]
        return max(curve.bits_per_second[0] for curve in curves)

    with serve_tcp(slow_sink) as slow, serve_tcp(discard) as quick:
        assert best(slow) * 3 < best(quick)


@contextlib.contextmanager
def stuck(before: Callable[[socket.socket], object]) -> Iterator[tuple[str, int]]:
    """A server that waits for the end of the test after it has done `before`."""
    over = threading.Event()

    def handler(conn: socket.socket) -> None:
        before(conn)
        over.wait()

    with serve_tcp(handler) as server:
        try:
            yield server.address
        finally:
            over.set()


def test_a_sink_that_does_not_close_is_a_clear_error() -> None:
    with (
        stuck(discard) as address,
        pytest.raises(TimeoutError, match=r"did not close after the end.*until recv\(\) returns"),
    ):
        throughput(address, sizes=[100], timeout=0.1, **QUICK)


def test_a_sink_that_never_reads_is_a_clear_error() -> None:
    with (
        stuck(lambda conn: None) as address,
        pytest.raises(TimeoutError, match="did not read on"),
    ):
        throughput(address, sizes=[1 << 24], timeout=0.1, **QUICK)


def test_a_sink_that_closes_early_is_a_clear_error() -> None:
    with (
        serve_tcp(lambda conn: conn.recv(1)) as server,
        pytest.raises(ConnectionError, match="before the end of the stream"),
    ):
        throughput(server.address, sizes=[1000], seconds=0.5, label="x")


def test_a_server_that_answers_is_a_clear_error() -> None:
    with serve_tcp(echo) as server, pytest.raises(ValueError, match="sent bytes back"):
        throughput(server.address, sizes=[1], **QUICK)


def test_no_server_is_a_connection_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    with pytest.raises(ConnectionRefusedError):
        throughput(address, sizes=[1], **QUICK)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets here")
def test_a_path_is_a_unix_socket() -> None:
    with serve_unix(discard) as server:
        assert throughput(server.address, sizes=[100], **QUICK).bits_per_second[0] > 0


def test_a_four_tuple_is_ipv6() -> None:
    try:
        server = serve_tcp(discard, host="::1")
    except OSError:
        pytest.skip("no IPv6 loopback here")
    with server:
        address = (*server.address[:2], 0, 0)
        assert throughput(address, sizes=[100], **QUICK).bits_per_second[0] > 0


def test_every_measured_connection_comes_from_connect_and_is_closed() -> None:
    made: list[socket.socket] = []

    def connect(address: object) -> socket.socket:
        made.append(socket.create_connection(address))
        return made[-1]

    with serve_tcp(discard) as server:
        throughput(server.address, sizes=[1, 2], connect=connect, **QUICK)
    assert len(made) == 4, "one to warm up and one to measure, for each size"
    assert all(connection.fileno() == -1 for connection in made)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": ()}, "at least one message size"),
        ({"sizes": (0,)}, "size must be"),
        ({"sizes": (1.5,)}, "size must be"),
        ({"seconds": 0}, "above 0"),
        ({"timeout": -1}, "above 0"),
        ({"label": ""}, "label must say"),
    ],
)
def test_bad_arguments_of_throughput_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        throughput(("127.0.0.1", 9), **{"sizes": [1], "label": "x", **arguments})


def test_the_progress_bar_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    with measure.progress_bar(3, "x") as bar:
        bar.update()
    assert set(threading.enumerate()) == before


def test_summary_names_both_ends_and_the_most() -> None:
    curve = Throughput("TCP", (1, 4096, 65536), (2.1e6, 29.4e9, 20e9), 0.25)
    assert curve.summary() == (
        "TCP: 2.1 Mbit/s in messages of 1 B, 29.4 Gbit/s in messages of 4 KiB (the most), "
        "20 Gbit/s in messages of 64 KiB; each size sent for 250 ms."
    )


# Units


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ns"),
        (4e-8, "40 ns"),
        (14.8e-6, "14.8 µs"),
        (0.0012, "1.2 ms"),
        (0.00099996, "1 ms"),
        (0.9994, "999 ms"),
        (90, "90 s"),
        (1234, "1,234 s"),
    ],
)
def test_times(seconds: float, text: str) -> None:
    assert format_time(seconds) == text


def test_rates_and_sizes() -> None:
    rates = [format_rate(rate) for rate in (8, 312e3, 10e6, 29.44e9, 999.9e6)]
    assert rates == ["8 bit/s", "312 kbit/s", "10 Mbit/s", "29.4 Gbit/s", "1 Gbit/s"]
    sizes = [format_size(size) for size in (1, 1000, 1024, 65536, 1 << 20, 3 << 30)]
    assert sizes == ["1 B", "1,000 B", "1 KiB", "64 KiB", "1 MiB", "3 GiB"]
