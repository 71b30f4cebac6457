"""Predictions, verdicts, hints; the search for the smallest case; code that misbehaves."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers import practice, progress_file, sandbox
from helpers.findings import Failed, Finding, broken_off, call, chunkings, smallest_failure
from helpers.practice import check, hint, solution
from helpers.predictions import Prediction, calibration, predict
from helpers.progress_file import kept


@pytest.fixture(autouse=True)
def _progress_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    progress_file._kept.cache_clear()


def entry(key: str, section: str = "predictions") -> dict[str, Any]:
    return dict(kept().read()[section][key])


# ------------------------------------------------------------------ predictions


def bytes_asked() -> Prediction:
    return predict("99-one", "How many bytes travel?", number="bytes")


def order_asked() -> Prediction:
    return predict("99-order", "Fastest first?", order=["call", "pipe", "wire"])


def test_without_a_guess_the_score_tells_the_measured_value() -> None:
    assert repr(bytes_asked().score(67)) == "No guess was made; measured: 67 bytes."
    assert kept().read()["predictions"] == {}


@pytest.mark.parametrize(
    ("guess", "measured", "said", "hit"),
    [
        (20, 67, "You said 20 bytes; measured: 67 bytes. That is 3.4 times too low.", False),
        (670, 67, "You said 670 bytes; measured: 67 bytes. That is 10 times too high.", False),
        (60, 67, "You said 60 bytes; measured: 67 bytes. That is within a factor of 1.5.", True),
        (67, 67, "You said 67 bytes; measured: 67 bytes. Exactly.", True),
        (0, 67, "You said 0 bytes; measured: 67 bytes.", False),
        (1500, 1e6, "You said 1,500 bytes; measured: 1,000,000 bytes. "
         "That is 667 times too low.", False),
    ],
)  # fmt: skip
def test_a_number_is_compared_by_its_ratio(
    guess: float, measured: float, said: str, hit: bool
) -> None:
    prediction = bytes_asked()
    prediction.keep(guess)
    assert repr(prediction.score(measured)) == said
    assert entry("99-one")["last"]["hit"] is hit


def test_the_tolerance_can_be_given() -> None:
    prediction = bytes_asked()
    prediction.keep(20)
    assert "within a factor of 4" in repr(prediction.score(67, within=4))


def test_a_choice_is_right_or_wrong() -> None:
    prediction = predict("99-c", "Which?", choices=["TCP", "UDP"])
    prediction.keep("TCP")
    assert repr(prediction.score("UDP")) == "You said TCP; measured: UDP."
    assert entry("99-c")["last"]["hit"] is False
    assert 'role="status"' in prediction.score("TCP")._repr_html_()
    assert entry("99-c")["last"]["hit"] is True


def test_an_order_names_the_pairs_that_were_swapped() -> None:
    prediction = order_asked()
    prediction.keep(["pipe", "call", "wire"])
    said = repr(prediction.score(["call", "pipe", "wire"]))
    assert "you put pipe before call" in said
    assert said.count("you put") == 1


def test_the_first_guess_and_the_last_are_both_kept() -> None:
    prediction = bytes_asked()
    prediction.keep(10)
    prediction.keep(20)  # thought again before the run: this is the first guess
    prediction.score(67)
    prediction.keep(67)  # has seen the answer
    prediction.score(67)
    assert entry("99-one")["first"]["guess"] == 20
    assert entry("99-one")["last"]["guess"] == 67
    assert calibration() == [("99-one", 20, 67)]


def test_a_guess_that_is_none_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="Enter a number; got 'many'"):
        bytes_asked().keep("many")
    with pytest.raises(ValueError, match="Missing: wire"):
        order_asked().keep(["call", "pipe", "pipe"])
    with pytest.raises(ValueError, match="exactly one"):
        predict("99-x", "What?")
    with pytest.raises(ValueError, match="two different texts"):
        predict("99-x", "What?", choices=["one"])


def widgets_of(shown: Any) -> list[Any]:
    """All widgets that the display of the object makes, outermost first."""
    from ipywidgets.widgets.widget import _instances

    view = shown._repr_mimebundle_()["application/vnd.jupyter.widget-view+json"]
    widgets = [_instances[view["model_id"]]]
    for widget in widgets:
        widgets += getattr(widget, "children", ())
    return widgets


def labelled(widgets: list[Any], label: str) -> Any:
    return next(widget for widget in widgets if getattr(widget, "description", "") == label)


def said(widgets: list[Any]) -> str:
    """The line below the buttons."""
    return str(widgets[0].children[-1].value)


def test_the_widget_of_a_number_keeps_what_is_entered() -> None:
    prediction = bytes_asked()
    widgets = widgets_of(prediction)
    field = next(
        w for w in widgets if "How many bytes travel? (in bytes)" in getattr(w, "description", "")
    )
    field.value = "a lot"
    labelled(widgets, "Keep my guess").click()
    assert "Enter a number" in said(widgets)
    field.value = "1,500"
    labelled(widgets, "Keep my guess").click()
    assert "Your guess: 1,500 bytes" in said(widgets)
    assert prediction.guess == 1500
    field.value = "1,600"
    assert "Not kept yet" in said(widgets)
    assert prediction.guess == 1500


def test_the_widgets_of_an_order_are_one_dropdown_a_place() -> None:
    prediction = order_asked()
    widgets = widgets_of(prediction)
    places = [labelled(widgets, f"Place {place} of 3") for place in (1, 2, 3)]
    for place, option in zip(places, ["wire", "call", "pipe"], strict=True):
        place.value = option
    labelled(widgets, "Keep my guess").click()
    assert prediction.guess == ["wire", "call", "pipe"]
    again = [labelled(widgets_of(prediction), f"Place {place} of 3").value for place in (1, 2, 3)]
    assert again == prediction.guess


def test_no_choice_is_made_for_the_learner() -> None:
    prediction = predict("99-c", "Which?", choices=["TCP", "UDP"])
    widgets = widgets_of(prediction)
    labelled(widgets, "Keep my guess").click()
    assert prediction.guess is None
    assert "Choose one of" in said(widgets)


# ------------------------------------------------------------------ exercises


def wrong_wrap(payload: bytes, source_port: int, destination_port: int) -> bytes:
    return b"\0" * 7


def test_the_solution_opens_after_three_tries() -> None:
    for left in (2, 1, 0):
        assert check("01-wrap", wrong_wrap).status == "not yet"
        assert ("struct.pack(" in repr(solution("01-wrap"))) == (left == 0)
        assert practice.tries_left("01-wrap") == left


def test_hints_come_one_at_a_time() -> None:
    assert repr(hint("01-wrap")).count("Hint") == 1
    assert repr(hint("01-wrap")).count("Hint") == 2
    for _ in range(5):
        hint("01-wrap")
    assert repr(hint("01-wrap")).count("Hint") == 3


def test_the_buttons_open_hints_and_the_solution() -> None:
    widgets = widgets_of(check("01-wrap", wrong_wrap))
    assert labelled(widgets, "Show the solution (after 2 more tries)").disabled
    labelled(widgets, "Next hint").click()
    assert "Hint 1 of 3" in said(widgets)
    assert "Hint 2 of 3" not in said(widgets)
    for _ in range(2):
        labelled(widgets, "Next hint").click()
    assert labelled(widgets, "Next hint").disabled
    hints = said(widgets)
    for _ in range(2):
        check("01-wrap", wrong_wrap)
    widgets = widgets_of(check("01-wrap", wrong_wrap))
    labelled(widgets, "Show the solution").click()
    assert "Reference solution" in said(widgets)
    assert hints != said(widgets)


def test_a_pass_is_kept_though_a_later_try_fails() -> None:
    import struct

    def wrap(payload: bytes, source: int, destination: int) -> bytes:
        return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload

    assert check("01-wrap", wrap).status == "passed"
    assert check("01-wrap", wrong_wrap).status == "not yet"
    assert entry("01-wrap", "exercises") == {"tries": 2, "passed": True}


def test_a_closure_is_checked_with_what_it_closes_over() -> None:
    header = bytearray(8)

    def wrap(payload: bytes, source: int, destination: int) -> bytes:
        header[:2] = source.to_bytes(2, "big")
        header[2:4] = destination.to_bytes(2, "big")
        header[4:6] = (8 + len(payload)).to_bytes(2, "big")
        return bytes(header) + payload

    assert check("01-wrap", wrap).status == "passed"
    assert header == bytes(8), "the check changed something in the notebook"


def test_the_call_in_place_of_the_function_is_explained() -> None:
    verdict = check("01-wrap", wrong_wrap(b"", 1, 2))
    assert "without parentheses" in repr(verdict)
    assert practice.tries_left("01-wrap") == practice.TRIES


def test_another_docstring_or_comment_is_no_attempt() -> None:
    def wrap(data: bytes, a: int, b: int) -> bytes:  # type: ignore[empty-body]
        """Mine."""

    assert check("01-wrap", wrap).status == "not attempted"


def test_a_verdict_is_a_status_for_screen_readers_and_escapes_what_it_shows() -> None:
    def wrap(payload: bytes, source: int, destination: int) -> str:
        print("<script>")
        return "<b>"

    page = check("01-wrap", wrap).html()
    assert 'role="status"' in page
    assert "<script>" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page


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
    monkeypatch.delattr(os, "fork")
    assert sandbox.run(lambda: 6 * 7).value == 42
    assert "did not come back" in sandbox.run(endless, 0.2).stopped
    assert "printed more than" in sandbox.run(babbling).stopped
    assert "ZeroDivisionError" in sandbox.run(lambda: 1 / 0).stopped
    assert check("01-wrap", wrong_wrap).status == "not yet"
    assert not [thread for thread in threading.enumerate() if thread.name == "check"]
