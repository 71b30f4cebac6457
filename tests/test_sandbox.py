"""The search for the smallest case that fails, and learner's code that misbehaves."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers import sandbox
from helpers.findings import Failed, Finding, broken_off, call, chunkings, smallest_failure
from helpers.practice import check

# ------------------------------------------------------------------ the smallest case


class Decoder:
    """Framing that is right: lines of UTF-8, however the bytes are cut."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, chunk: bytes) -> list[str]:
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        return [line.decode() for line in lines]


class DecodesEachChunk(Decoder):
    def feed(self, chunk: bytes) -> list[str]:
        return super().feed(chunk.decode().encode())


class TakesEachChunkForAMessage(Decoder):
    def feed(self, chunk: bytes) -> list[str]:
        return [chunk.decode(errors="replace").rstrip("\n")]


def framing(decoder: type[Decoder], wanted: list[str]) -> Callable[[list[bytes]], Finding | None]:
    def test(chunks: list[bytes]) -> Finding | None:
        made = decoder()
        got = [line for chunk in chunks for line in made.feed(chunk)]
        return None if got == wanted else Finding("other lines", expected=wanted, got=got)

    return test


def test_right_framing_survives_every_chunking() -> None:
    data = "né\nb\n".encode()
    assert smallest_failure(chunkings(data), framing(Decoder, ["né", "b"])) is None


def test_the_cut_inside_a_character_is_the_smallest_case() -> None:
    data = "né\nb\n".encode()
    found = smallest_failure(chunkings(data), framing(DecodesEachChunk, ["né", "b"]))
    assert found == [b"n\xc3", b"\xa9\nb\n"]


def test_two_messages_glued_are_the_smallest_case() -> None:
    found = smallest_failure(chunkings(b"a\nb\n"), framing(TakesEachChunkForAMessage, ["a", "b"]))
    assert found == [b"a\nb\n"]


def test_chunkings_hold_the_stream_and_come_byte_by_byte_too() -> None:
    seen: list[list[bytes]] = []
    smallest_failure(chunkings(b"abcdefgh"), seen.append)
    assert {b"".join(chunks) for chunks in seen} == {b"abcdefgh"}
    assert [bytes([byte]) for byte in b"abcdefgh"] in seen
    assert [b"abcdefgh"] in seen


def test_a_stream_that_breaks_off_never_completes() -> None:
    seen: list[list[bytes]] = []
    smallest_failure(broken_off(b"abc\n"), seen.append)
    joined = {b"".join(chunks) for chunks in seen}
    assert joined == {b"", b"a", b"ab", b"abc"}


def test_the_search_writes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hypothesis import strategies as st

    monkeypatch.chdir(tmp_path)
    assert smallest_failure(st.text(), lambda text: len(text) > 2) == "000"
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------ code that misbehaves


def endless() -> None:
    while True:
        pass


def deaf() -> None:
    """Catches whatever would stop it."""
    while True:
        try:
            endless()
        except BaseException:
            continue


def babbling() -> None:
    while True:
        print("x" * 10_000)


def test_code_that_does_not_come_back_is_stopped() -> None:
    for function in (endless, deaf):
        began = time.monotonic()
        assert "did not come back" in sandbox.run(function, 0.3).stopped
        assert time.monotonic() - began < 5


def test_a_call_that_waits_is_stopped_and_named() -> None:
    def waits() -> str:
        ours, _theirs = socket.socketpair()
        try:
            call(ours.recv, 1, shown="shout(conn)", seconds=0.2)
        except Failed as failed:
            return f"{failed.finding.call}: {failed.finding.message}"
        return "came back"

    assert sandbox.run(waits).value == "shout(conn): It was stopped: it did not come back in time."


def test_printing_without_end_is_stopped_and_cut() -> None:
    outcome = sandbox.run(babbling)
    assert "printed more than" in outcome.stopped
    assert len(outcome.printed) == sandbox.MAX_SHOWN


def test_what_is_printed_is_shown_and_does_not_reach_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def chatty() -> None:
        print("hello")
        os.write(1, b"raw")

    assert sandbox.run(chatty).printed == "hello\n"
    assert capfd.readouterr().out == ""


def test_a_socket_left_open_is_told_with_its_address() -> None:
    kept_open = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def leaks() -> None:
            kept_open.append(socket.create_connection(("127.0.0.1", port)))

        (described,) = sandbox.run(leaks).left_open
    assert f"TCP to 127.0.0.1:{port}" in described
    assert kept_open == []


@pytest.mark.parametrize("end", [lambda: os._exit(0), lambda: os.kill(os.getpid(), 9)])
def test_code_that_ends_the_process_ends_only_its_own(end: Callable[[], None]) -> None:
    assert "ended the whole Python process" in sandbox.run(end).stopped


def test_exit_and_input_are_told_as_exceptions() -> None:
    assert "SystemExit" in sandbox.run(lambda: exit(1)).stopped
    assert "nobody to answer" in sandbox.run(lambda: input("?")).stopped


def test_processes_the_code_started_are_ended_with_it() -> None:
    reading, writing = socket.socketpair()

    def spawns() -> None:
        if os.fork() == 0:
            threading.Event().wait(60)

    sandbox.run(spawns)
    writing.close()
    with reading:
        reading.settimeout(10)
        assert reading.recv(1) == b""  # the end comes when nobody holds the other socket


def test_a_run_leaves_no_descriptor_and_no_child() -> None:
    before = sandbox._open_descriptors()
    sandbox.run(endless, 0.1)
    sandbox.run(lambda: 1)
    assert sandbox._open_descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_without_fork_a_thread_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    monkeypatch.delattr(os, "fork")
    assert sandbox.run(lambda: 6 * 7).value == 42
    assert "did not come back" in sandbox.run(endless, 0.2).stopped
    assert "printed more than" in sandbox.run(babbling).stopped
    assert "ZeroDivisionError" in sandbox.run(lambda: 1 / 0).stopped
    assert check("01-wrap", lambda *_: b"").status == "not yet"
    assert not [thread for thread in threading.enumerate() if thread.name == "check"]
