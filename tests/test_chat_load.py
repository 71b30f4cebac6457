"""Members in another process, blocking clients, and strips that are drawn live."""

from __future__ import annotations

import socket
import struct
from typing import Any

import pytest

from helpers.chat_clients import beside_a_sleeper, hear, joined, say, until, until_left
from helpers.chat_load import Deliveries, members
from helpers.chat_trials import Limits
from helpers.exercises import changed, exercise
from helpers.live_strips import LiveStrips
from helpers.servers import serve_asyncio, serve_tcp

GOOD = exercise("15-service").solution


def service(code: str = GOOD, **limits: Any) -> Any:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(code, namespace)
    return namespace["MyChat"](Limits(**limits))


def test_every_member_of_the_room_times_every_message() -> None:
    chat = service()
    with serve_asyncio(chat.serve) as server, members(server.address, 12, rooms=3) as load:
        assert load.count == 12
        assert sorted(chat.homes) == ["room0", "room1", "room2"]
        run = load.talk(rate=100, seconds=0.3, label="4 in each room")
        assert run.said == 30
        assert len(run.nanoseconds) == 30 * 4
        assert run.missing == 0
        assert "30 messages in an open loop, 100 a second, delivered 120 times" in run.summary()
        assert load.leave() == ["BYE left"] * 12
        assert not chat.homes
    assert server.errors == []


def test_what_is_not_delivered_is_counted_as_missing() -> None:
    forgetful = changed(
        GOOD,
        (
            "        for guest in tuple(self.homes[home].values()):",
            "        for guest in tuple(self.homes[home].values()):\n"
            '            if kind == "SAID" and self.counts[home] % 2 == 0:\n'
            "                continue",
        ),
    )
    with serve_asyncio(service(forgetful).serve) as server, members(server.address, 3) as load:
        run = load.talk(rate=100, seconds=0.2, label="every second one")
    assert len(run.nanoseconds) + run.missing == 60
    assert run.missing == 30
    assert "30 deliveries did not come" in run.summary()


def test_nothing_delivered_is_an_error_with_a_sentence() -> None:
    def mute(conn: socket.socket) -> None:
        while conn.recv(4096):
            conn.sendall(struct.pack("!H", 11) + b"JOINED 1 m0")

    with serve_tcp(mute) as server, members(server.address, 1) as load:
        with pytest.raises(ValueError, match="mute: nothing of 2 messages was delivered"):
            load.talk(rate=10, seconds=0.2, label="mute")
        load.end()


def test_nobody_to_connect_to_is_an_oserror() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = closed.getsockname()
    with pytest.raises(OSError, match="Connect call failed"):
        members(address, 2)


def test_a_service_that_ends_everybody_leaves_nobody_waiting() -> None:
    def rude(conn: socket.socket) -> None:
        conn.recv(4096)

    with serve_tcp(rude) as server, members(server.address, 5) as load:
        assert load.count == 0


def test_flooders_are_not_timed_and_the_deaf_are_not_waited_for() -> None:
    chat = service(queue=100_000)
    with serve_asyncio(chat.serve) as server, members(server.address, 6) as load:
        run = load.talk(rate=50, seconds=0.4, label="flood", flooders=1, deaf=1)
        assert len(run.nanoseconds) == 20 * 5
        assert chat.counts["room0"] > 6 + 20 + 100


def test_what_goes_on_is_told() -> None:
    lines: list[dict[str, Any]] = []
    with serve_asyncio(service().serve) as server, members(server.address, 4) as load:
        load.talk(rate=100, seconds=0.8, label="told", told=lines.append)
    assert len(lines) >= 2
    assert lines[0]["at"] < lines[1]["at"]
    assert lines[0]["delivered"] > 0
    assert lines[0]["p99"] > 0


def test_all_deliveries_count_as_throughput() -> None:
    chat = service(message=5000, queue=1000)
    with serve_asyncio(chat.serve) as server, members(server.address, 3) as load:
        curve = load.pour(sizes=(4000, 100), seconds=0.1, label="three members")
    assert curve.sizes == (100, 4000)
    small, large = curve.bits_per_second
    assert large > small > 0


def test_members_speak_tls_and_trust_only_their_authority() -> None:
    import ssl

    import trustme

    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    with serve_asyncio(service().serve, tls=tls) as server:
        ca = authority.cert_pem.bytes().decode()
        with members(server.address, 2, ca=ca) as load:
            run = load.talk(rate=50, seconds=0.2, label="TLS")
            assert len(run.nanoseconds) == 20
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            members(server.address, 2, ca=trustme.CA().cert_pem.bytes().decode())


def test_a_latency_of_deliveries_has_percentiles() -> None:
    run = Deliveries("x", (1, 2, 3), said=3, rate=1, missing=1, late=0.0)
    assert run.percentile(50) == 2e-9
    assert repr(run) == "<Deliveries 'x': 3 messages delivered 3 times, p50 2 ns, p99 3 ns>"


# ------------------------------------------------------------------ blocking clients


def test_clients_join_say_and_hear() -> None:
    with serve_asyncio(service().serve) as server, joined(server.address, "ann") as ann:
        with joined(server.address, "bob"):
            say(ann, "SAY né")
            assert hear(ann) == "JOINED 2 bob"
            assert until("SAID", ann) == "SAID 3 ann né"
        assert until_left(ann) >= 0
        say(ann, "LEAVE")
        assert until("BYE", ann) == "BYE left"
        with pytest.raises(EOFError):
            hear(ann)


def test_beside_a_sleeper_all_hear_or_nobody_does() -> None:
    fine = beside_a_sleeper(service(queue=50).serve, messages=400)
    assert len(fine.milliseconds) == 400
    assert fine.cut_off
    kept = beside_a_sleeper(service(queue=1000).serve, messages=400)
    assert len(kept.milliseconds) == 400
    assert not kept.cut_off
    waits = changed(
        GOOD,
        ("            guest.tell(f\"{kind} {self.counts[home]} {words}\")",
         "            guest.writer.write(packed(f\"{kind} {self.counts[home]} {words}\"))\n"
         "            await guest.writer.drain()"),
        ("    def announce(", "    async def announce("),
        ("self.announce(home,", "await self.announce(home,"),
        ("self.announce(guest.home,", "await self.announce(guest.home,"),
        ("    def admit(", "    async def admit("),
        ("self.admit(guest,", "await self.admit(guest,"),
        ("    def do(", "    async def do("),
        ("self.do(guest,", "await self.do(guest,"),
    )  # fmt: skip
    stalled = beside_a_sleeper(service(waits).serve, messages=1000)
    assert 0 < len(stalled.milliseconds) < 1000


# ------------------------------------------------------------------ live strips


def test_strips_show_what_has_come() -> None:
    live = LiveStrips("members", "p99 (ms)", shown=False)
    assert "Waiting" in repr(live.picture())
    live.add(0.0, 3, None)
    live.add(0.5, 4, 7.5)
    page = live.picture()._repr_html_()
    assert 'data-picture="live"' in page
    assert "p99 (ms): 7.5 to 7.5, 7.5 at the end" in page
    assert page.count("<path") == 2


def test_strips_refuse_what_they_cannot_draw() -> None:
    with pytest.raises(ValueError, match="1 to 4 strips"):
        LiveStrips(*"abcde", shown=False)
    with pytest.raises(ValueError, match="2 numbers are drawn; got 1"):
        LiveStrips("a", "b", shown=False).add(0, 1)
