"""The behaviours of a chat service: a good one has them all, and each flaw is noticed by name."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from helpers import chat_judge, chat_trials
from helpers.chat_behaviours import USUAL, plan
from helpers.chat_judge import failure, judge
from helpers.chat_trials import Limits, Trial, Unmet, framed, named
from helpers.exercises import changed, exercise
from helpers.exercises.capstone_service import check
from helpers.machine import this_machine

GOOD = exercise("15-service").solution
HERE = ["127.0.0.1"]
FIRST = "a message reaches everyone in the room and nobody else"


def made(code: str) -> Any:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(code, namespace)
    return namespace["MyChat"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_trials, "PATIENCE", 1.0)


def behaviour(words: str) -> tuple[Any, Limits, list[str]]:
    return next(each for each in plan() if named(each[0]) == words)


def test_a_good_service_has_every_behaviour() -> None:
    verdict = judge(made(GOOD))
    assert verdict.text.count(" yes") == len(plan())
    assert "✗" not in verdict.page


def test_what_is_missing_is_told_with_what_was_sent_and_received(impatient: None) -> None:
    deaf = changed(GOOD, ('guest.tell(f"PONG {rest}")', "self.pings = rest"))
    found = failure(
        made(deaf), *behaviour("a message reaches everyone in the room and nobody else")
    )
    assert found is not None
    assert "eve heard nothing" in found.message
    assert "eve sent b'\\x00\\x06PING 1'" in found.message
    assert found.expected == framed("PONG 1")
    verdict = judge(made(deaf))
    assert "MyChat: a message reaches everyone" in verdict.text
    assert "✗ no" in verdict.page
    assert "PING 1" in verdict.page


@pytest.mark.skipif(not this_machine().ipv6_loopback.here, reason="no IPv6 here")
def test_who_takes_every_address_for_two_parts_does_not_survive_ipv6() -> None:
    pair = changed(
        GOOD,
        (
            "        guest = Guest(writer, self.limits.queue)\n",
            '        host, port = writer.get_extra_info("peername")\n'
            "        guest = Guest(writer, self.limits.queue)\n",
        ),
    )
    found = check(made(pair))
    assert found is not None
    assert "IPv4 and IPv6 members meet" in found.message
    assert "too many values to unpack" in found.message


class Silent:
    """Accepts, and that is all."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def close(self) -> None: ...


def test_a_service_that_says_nothing_is_not_waited_for_for_ever(impatient: None) -> None:
    found = failure(Silent, *plan()[0])
    assert found is not None
    assert "ann heard nothing for 1 s; it should have heard 'JOINED 1 ann'" in found.message


def test_a_service_without_close_is_told_so() -> None:
    class NoClose:
        def __init__(self, limits: Limits) -> None: ...

        async def serve(self, reader: Any, writer: Any) -> None: ...

    found = failure(NoClose, *plan()[0])
    assert found is not None
    assert "needs a coroutine function close" in found.message


def test_an_error_of_the_service_is_the_finding_not_what_follows_from_it() -> None:
    class Broken(Silent):
        async def serve(self, reader: Any, writer: Any) -> None:
            raise ZeroDivisionError("on purpose")

    found = failure(Broken, *plan()[0])
    assert found is not None
    assert "ZeroDivisionError: on purpose" in found.message


def test_a_behaviour_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async def waits_for_ever(trial: Trial) -> None:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(chat_judge, "WHOLE", 0.2)
    found = failure(Silent, waits_for_ever, USUAL, HERE)
    assert found is not None
    assert "it was not over after 0.2 s" in found.message


def run_peer(script: Callable[[chat_trials.Peer], Any], says: bytes) -> None:
    """A peer of a service that says these bytes and ends the stream."""

    class Says(Silent):
        async def serve(self, reader: Any, writer: Any) -> None:
            writer.write(says)
            with contextlib.suppress(OSError):
                await writer.drain()

    async def main() -> None:
        async with Trial(Says, replace(USUAL), HERE) as trial:
            await script(await trial.connect("ann"))

    asyncio.run(main())


def test_a_peer_tells_garbage_the_end_and_the_wrong_message_apart() -> None:
    async def hears(peer: chat_trials.Peer) -> None:
        assert await peer.hear() == "é"
        assert await peer.hear() is None

    async def expects(peer: chat_trials.Peer) -> None:
        await peer.expect("a")

    run_peer(hears, framed("é"))
    with pytest.raises(Unmet, match="not UTF-8"):
        run_peer(hears, b"\0\1\xff")
    with pytest.raises(Unmet, match="cut off"):
        run_peer(expects, b"\0\5ab")
    with pytest.raises(Unmet) as wrong:
        run_peer(expects, framed("b"))
    assert (wrong.value.expected, wrong.value.got) == (framed("a"), framed("b"))


def test_dropping_the_oldest_is_as_good_as_cutting_off() -> None:
    drops = changed(
        GOOD,
        (
            "self.last = True\n            self.writer.transport.abort()\n            return\n",
            "self.outbox.pop(0)\n",
        ),
    )
    assert check(made(drops)) is None


class Stubborn(Silent):
    """Writes on and on to whoever has gone."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        for _ in range(100):
            writer.write(b"x" * 1000)
            await asyncio.sleep(0)


def test_judging_logs_nothing(caplog: pytest.LogCaptureFixture, impatient: None) -> None:
    judge(Stubborn)
    assert [record for record in caplog.records if record.name == "asyncio"] == []
