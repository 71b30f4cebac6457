"""Connections that fill a private network: shapes and ratios only."""

from __future__ import annotations

import socket
import statistics
from collections.abc import Callable

import pytest

from helpers import flows, plain_values, this_machine
from helpers.flow_figures import rates_figure, windows_figure
from helpers.flows import Flow, at_once, bulk
from helpers.kernel_state import TcpInfo
from helpers.machine import NotHere
from helpers.network import Network

private = pytest.mark.skipif(
    not this_machine().private_networks.here, reason="needs a private network"
)
TRIALS = 3  # others use this machine too


def in_some_trial(holds: Callable[[], bool]) -> None:
    assert any(holds() for _ in range(TRIALS))


def made_up(label: str, megabits: float, start: int = 0) -> Flow:
    per_sample = int(megabits * 1e6 / 8 * 0.01)
    samples = [
        (start + n * 10_000_000, TcpInfo("ESTABLISHED", snd_cwnd=n, bytes_acked=n * per_sample))
        for n in range(200)
    ]
    return Flow(label, megabits * 1e6, samples)


def test_the_reset_that_ends_a_flow_is_the_end_for_its_receiver_and_no_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        conn, _ = listener.accept()
        with conn:
            client.sendall(b"x")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
            flows._discard(conn)


@private
def test_throughput_falls_with_loss_within_the_predicted_factor() -> None:
    def run(loss: float) -> float:
        with Network(delay=0.010, rate=20e6, queue_limit=10, seed=7) as net:
            net.wire.a_to_b.loss = loss
            return bulk(net, seconds=2.0, warm_up=0.5).goodput

    def holds() -> bool:
        losses = (0.005, 0.02)
        found = at_once(run, losses)
        law = [1448 * 8 / 0.020 * (1.1 / p) ** 0.5 for p in losses]
        return found[0] > 1.3 * found[1] and all(
            1 / 2.5 < f / w < 2.5 for f, w in zip(found, law, strict=True)
        )

    in_some_trial(holds)


@private
def test_the_round_trip_time_follows_the_queue() -> None:
    def holds() -> bool:
        with Network(rate=10e6, delay=0.010, queue_limit=15) as net:
            flow = bulk(net, seconds=2.0)
        trips = [info.rtt or 0 for _, info in flow.samples][50:]
        queued = [waiting for _, waiting in flow.queue][50:]
        assert max(queued) <= 15 * flows.FRAME
        return statistics.correlation(trips, queued) > 0.5

    in_some_trial(holds)


@private
def test_a_ping_beside_an_upload_waits_in_the_long_queue() -> None:
    def ping(queue: int) -> float:
        with Network(rate=10e6, delay=0.005, queue_limit=queue) as net:
            return flows.ping_under_load(net, 1.5, "ping").percentile(50)

    in_some_trial(lambda: ping(100) > 2 * ping(10))


@private
def test_messages_behind_a_lost_one_wait() -> None:
    with Network(delay=0.010, loss=0.05, seed=4) as net:
        run = flows.messages(net, 100, label="TCP")
    assert len(run.nanoseconds) == 100
    assert "open loop" in run.summary()
    assert run.percentile(100) > 1.5 * run.percentile(10)


@private
def test_an_unknown_congestion_control_is_not_here() -> None:
    with Network() as net, pytest.raises(NotHere, match="No nonsense"):
        bulk(net, 0.1, "nonsense")


def test_what_a_flow_did_can_be_recorded() -> None:
    flow = made_up("reno", 5)
    assert plain_values.unpack(plain_values.pack(flow)) == flow
    played = plain_values.unpack(plain_values.pack(flow), "a recording")
    assert played.note == "a recording"
    assert "a recording" in windows_figure(played).caption


def test_rates_over_time_and_their_picture() -> None:
    both = made_up("reno", 8), made_up("bbr", 2, start=300_000_000)
    times, rates = both[0].rates(0.2)
    assert len(times) == 9
    assert rates == pytest.approx([8e6] * 9)
    assert "Jain's index is 0.74" in rates_figure(*both).alt
    with pytest.raises(ValueError, match="One to five flows"):
        rates_figure()


def test_at_once_keeps_the_order_and_the_error() -> None:
    assert at_once(lambda n: n * n, [3, 1, 2]) == [9, 1, 4]
    with pytest.raises(ZeroDivisionError):
        at_once(lambda n: 1 // n, [1, 0])


def test_jains_index() -> None:
    assert flows.jain([3, 3, 3]) == pytest.approx(1)
    assert flows.jain([5, 0, 0, 0]) == pytest.approx(1 / 4)


@private
def test_a_small_window_limits_a_flow_and_a_small_send_buffer_too() -> None:
    def run(buffers: dict[str, int]) -> Flow:
        with Network(rate=10e6, delay=0.020) as net:
            return bulk(net, seconds=1.0, **buffers)

    def holds() -> bool:
        by_window, by_sender, free = at_once(run, [{"rcvbuf": 16_384}, {"sndbuf": 8_192}, {}])
        window = by_window.samples[-1][1].snd_wnd or 0
        assert window < 65_536
        assert by_window.goodput < 1.1 * window * 8 / 0.040
        return max(by_window.goodput, by_sender.goodput) < 0.7 * free.goodput

    in_some_trial(holds)
