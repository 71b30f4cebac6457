"""Protocols of reliable transfer: what arrives, what is resent, and how close theory is."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from helpers import Link, arq, serve_udp
from helpers.arq_checks import ACK_LATE, LOST, Story, examine_sender
from helpers.arq_figures import sequence_figure

Pair = Callable[[int], tuple[Any, Any]]
PROTOCOLS: dict[str, Pair] = {
    "stop-and-wait": lambda count: (arq.StopAndWait(count), arq.InOrder()),
    "go-back-N": lambda count: (arq.GoBackN(count, 16), arq.InOrder()),
    "selective repeat": lambda count: (arq.SelectiveRepeat(count, 16), arq.Buffering()),
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_all_arrives_once_and_in_order_whatever_the_link_does(name: str) -> None:
    for seed in range(5):
        sender, receiver = PROTOCOLS[name](60)
        trouble = {"loss": 0.1, "duplicate": 0.1, "reorder": 0.1, "jitter": 0.02}
        run = arq.simulate(sender, receiver, delay=0.01, timeout=0.09, seed=seed, **trouble)
        assert run.complete
        assert receiver.delivered == [bytes(1000)] * 60
        assert run.sent > 60


def test_selective_repeat_sends_less_than_go_back_n() -> None:
    runs = {}
    for name in ("go-back-N", "selective repeat"):
        sender, receiver = PROTOCOLS[name](500)
        runs[name] = arq.simulate(sender, receiver, delay=0.01, loss=0.05, seed=1)
    assert runs["selective repeat"].sent < 1.2 * 500
    assert runs["go-back-N"].sent > 1.5 * runs["selective repeat"].sent


@pytest.mark.parametrize("loss", [0, 0.01, 0.03, 0.1])
def test_goodput_falls_with_loss_as_the_formulas_say(loss: float) -> None:
    rtt, timeout, turn, bits = 0.020, 0.080, 0.004, 8000
    failed = 1 - (1 - loss) ** 2
    predicted = {
        "stop-and-wait": bits / (rtt + timeout * failed / (1 - failed)),
        "go-back-N": bits / (turn + timeout * loss / (1 - loss)),
        "selective repeat": bits / turn * (1 - failed),
    }
    senders: dict[str, tuple[Any, Any]] = {
        "stop-and-wait": (arq.StopAndWait(1500), arq.InOrder()),
        "go-back-N": (arq.GoBackN(1500, 64), arq.InOrder()),
        "selective repeat": (arq.SelectiveRepeat(1500, 64), arq.Buffering()),
    }
    for name, (sender, receiver) in senders.items():
        run = arq.simulate(
            sender, receiver, delay=rtt / 2, timeout=timeout, interval=turn, loss=loss, seed=3
        )
        ratio = run.goodput / predicted[name]
        # The last one is a limit: at times its window does close.
        assert (0.75 if name == "selective repeat" else 0.9) < ratio < 1.1, name


def test_it_runs_over_a_real_link() -> None:
    receiver = arq.Buffering()
    with serve_udp(arq.handler(receiver)) as server:
        with Link(server.address, protocol="udp", delay=0.002, loss=0.1, seed=2) as link:
            run = arq.send(arq.SelectiveRepeat(40, 8), link.address, timeout=0.05, size=100)
    assert run.complete
    assert len(receiver.delivered) == 40
    assert {what for _, what, _ in run.events} == {"send", "again", "ack"}
    assert f"{run.sent} sent" in sequence_figure(run).alt


def test_a_sender_that_gives_up_or_asks_for_nonsense_ends_all_the_same() -> None:
    with serve_udp(lambda sock: sock.recvfrom(2000)) as deaf:
        run = arq.send(arq.StopAndWait(2), deaf.address, timeout=0.02, seconds=0.1)
    assert not run.complete
    assert run.goodput == 0
    sender: Any = arq.StopAndWait(2)
    sender.start = lambda: None
    with pytest.raises(ValueError, match=r"StopAndWait.start\(\) must return a list"):
        arq.simulate(sender, arq.InOrder())


def test_the_timer_follows_rfc_6298() -> None:
    timer = arq.Timer(least=0)
    timer.on_ack(0.1)
    assert timer.rto == pytest.approx(0.1 + 4 * 0.05)  # 2.2
    timer.on_ack(0.2)
    assert timer.rto == pytest.approx(0.1125 + 4 * 0.0625)  # 2.3
    timer.on_ack(9, resent=True)
    timer.on_timeout()
    assert timer.rto == pytest.approx(2 * 0.3625)  # Karn; 5.5
    constant = arq.Timer()
    for _ in range(50):
        constant.on_ack(0.01)
    assert constant.rto == 1.0  # 2.4


def test_the_smallest_trace_shows_what_was_done() -> None:
    class Forgetful(arq.GoBackN):
        def on_timeout(self, n: int) -> list[int]:
            return []

    def examined(make: Any, fates: list[int]) -> Any:
        story = Story(2, 2, fates)
        return examine_sender(make, arq.GoBackN, "Forgetful(2, 2)", story, cumulative=True)

    finding = examined(Forgetful, [LOST])
    assert finding.message.startswith("retransmits_after_timeout: piece 0")
    assert "# piece 0: lost" in finding.call
    assert finding.call.splitlines()[-1].strip() == "sender.on_timeout(0) → []"
    assert examined(arq.GoBackN, [LOST, ACK_LATE, LOST]) is None


def test_what_the_check_calls_right_is_right_over_a_bad_link() -> None:
    """Random stories never fault the reference: the check has no opinion of its own."""
    chance = random.Random(1)
    for _ in range(200):
        story = Story(
            chance.randint(1, 6), chance.randint(1, 4), [chance.randrange(6) for _ in range(8)]
        )
        for reference, cumulative in ((arq.GoBackN, True), (arq.SelectiveRepeat, False)):
            found = examine_sender(reference, reference, "S()", story, cumulative=cumulative)
            assert found is None
