"""A connection made one call at a time: each look says what the kernel has."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from helpers import call_by_call, lifetimes, recordings
from helpers.call_by_call import CallByCall
from helpers.packets import OWN_FRAME, RECORDING, Packets
from helpers.socket_pictures import SocketLook, socket_picture

Talk = tuple[CallByCall, dict[str, Any], list[Any]]


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    shown: list[Any] = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    variables: dict[str, Any] = {}
    made = call_by_call(variables, name="99-talk")
    yield made, variables, shown
    made.stop()


def converse(talk: CallByCall, names: dict[str, Any]) -> None:
    with talk.server("socket()"):
        names["listener"] = socket.socket()
    with talk.server("bind()"):
        names["listener"].bind(("127.0.0.1", 0))
    with talk.server("listen()"):
        names["listener"].listen()
    with talk.client("socket()"):
        names["client"] = socket.socket()
    with talk.client("connect()"):
        names["client"].connect(names["listener"].getsockname())
    with talk.client("sendall()"):
        names["client"].sendall(b"hello")
    with talk.server("accept()"):
        names["conn"], _ = names["listener"].accept()
    with talk.server("recv()"):
        assert names["conn"].recv(100) == b"hello"
    with talk.client("close()"):
        names["client"].close()
    with talk.server("close()"):
        names["conn"].close()


def seen(talk: CallByCall, step: str) -> set[tuple[str, str, int]]:
    return {(look.variable, look.state, look.waiting) for look in talk.looks[step]}


def test_each_look_shows_states_and_queues(talk: Talk) -> None:
    talk_by, names, shown = talk
    converse(talk_by, names)
    assert seen(talk_by, "server: bind()") == {("listener", "CLOSED", 0)}
    assert seen(talk_by, "client: connect()") == {
        ("listener", "LISTEN", 1),
        ("client", "ESTABLISHED", 0),
        ("", "ESTABLISHED", 0),
    }
    assert ("", "ESTABLISHED", 5) in seen(talk_by, "client: sendall()")
    assert ("conn", "ESTABLISHED", 5) in seen(talk_by, "server: accept()")
    assert seen(talk_by, "client: close()") == {
        ("listener", "LISTEN", 0),
        ("conn", "CLOSE_WAIT", 0),
        ("", "FIN_WAIT2", 0),
    }
    assert ("", "TIME_WAIT", 0) in seen(talk_by, "server: close()")
    assert len(shown) == 10


def test_the_packets_and_calls_are_those_of_the_conversation(talk: Talk) -> None:
    talk_by, names, _ = talk
    converse(talk_by, names)
    packets = talk_by.packets()
    assert any(b"hello" in packet.data for packet in packets)
    assert [call.text for call in talk_by.calls if call.side == "client"] == [
        "connect()",
        "sendall(b'hello')",
        "close()",
    ]
    assert names["listener"].fileno() == -1
    assert talk_by not in [thing.stop.__self__ for thing in lifetimes.running()]  # type: ignore[attr-defined]
    assert talk_by.packets() == packets


def test_a_block_run_twice_says_what_the_kernel_says(talk: Talk) -> None:
    talk_by, names, shown = talk
    converse(talk_by, names)
    with talk_by.server("bind()"):
        names["listener"].bind(("127.0.0.1", 0))
    assert "A second time, the kernel says: [Errno 22]" in shown[-1].caption
    with talk_by.server("accept()"):  # would wait for ever
        names["listener"].accept()
    assert "timed out" in shown[-1].caption


def test_a_call_that_fails_at_first_raises_as_ever(talk: Talk) -> None:
    talk_by, names, _ = talk
    names["client"] = socket.socket()
    with pytest.raises(BrokenPipeError), talk_by.client("sendall()"):
        names["client"].sendall(b"hello")


def test_to_begin_anew_closes_what_an_earlier_run_has_left(talk: Talk) -> None:
    talk_by, names, _ = talk
    names["talk"] = talk_by
    converse(talk_by, names)
    again = call_by_call(names, name="99-talk")
    assert names["listener"].fileno() == -1
    assert [t.description for t in lifetimes.running()] == ["call by call: 99-talk"]
    again.stop()


def test_where_the_kernel_does_not_tell_the_recording_is_drawn(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    talk_by, names, shown = talk
    monkeypatch.setattr(recordings, "FOLDER", tmp_path)
    look = SocketLook("server", "listener", "CLOSED", ("127.0.0.1", 7), ("0.0.0.0", 0), 0, 0)
    value = ([look], Packets(), [])
    recordings.save("99-talk", value, tmp_path, {"step": "server: socket()"})
    monkeypatch.setenv("COURSE_CAPTURE", RECORDING)
    with talk_by.server("socket()"):
        names["listener"] = socket.socket()
    assert talk_by.looks["server: socket()"] == [look]
    assert "A recording of this step" in shown[-1].caption
    assert capsys.readouterr().out == ""


def test_own_frames_say_what_they_cannot_show(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    talk_by, names, shown = talk
    monkeypatch.setenv("COURSE_CAPTURE", OWN_FRAME)
    converse(talk_by, names)
    assert "own frames" in shown[4].caption
    assert "client: SYN" in shown[6].alt, "the SYN is seen at accept()"


def test_a_socket_of_no_variable_is_dashed() -> None:
    here, there = ("127.0.0.1", 7), ("127.0.0.1", 8)
    looks = [
        SocketLook("client", "client", "ESTABLISHED", there, here, 0, 3),
        SocketLook("server", "", "ESTABLISHED", here, there, 5, 0),
    ]
    picture = socket_picture("client: sendall()", looks, Packets(), [])
    assert "5 bytes to read" in picture.alt
    assert "3 bytes not acknowledged" in picture.alt
    assert picture.html.count('stroke-dasharray="6 4"') == 1
