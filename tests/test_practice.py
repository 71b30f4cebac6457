"""Predictions, verdicts, hints and solutions, as calls and as widgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from helpers import practice, progress_file
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


def test_things_are_put_in_order_by_pressing_them_in_that_order() -> None:
    prediction = order_asked()
    widgets = widgets_of(prediction)
    labelled(widgets, "wire").click()
    labelled(widgets, "pipe").click()
    labelled(widgets, "1. wire").click()  # changes nothing
    assert "Your order so far: wire, pipe. 1 to go." in said(widgets)
    labelled(widgets, "Keep my guess").click()
    assert "Missing: call" in said(widgets)
    labelled(widgets, "Start again").click()
    for option in ("wire", "call", "pipe"):
        labelled(widgets, option).click()
    assert prediction.guess is None
    assert "Not kept yet" in said(widgets)
    labelled(widgets, "Keep my guess").click()
    assert prediction.guess == ["wire", "call", "pipe"]
    again = widgets_of(prediction)
    assert [labelled(again, label).tooltip for label in ("1. wire", "2. call", "3. pipe")]


def test_a_choice_is_one_button_an_option_and_each_tells_the_question() -> None:
    prediction = predict("99-c", "Which?", choices=["TCP", "UDP"])
    widgets = widgets_of(prediction)
    buttons = labelled(widgets, "Which?")
    assert buttons.options == ("TCP", "UDP")
    assert buttons.tooltips == ("Which?", "Which?")
    buttons.value = "UDP"
    assert "You chose: UDP." in said(widgets)
    assert prediction.guess is None
    labelled(widgets, "Keep my guess").click()
    assert prediction.guess == "UDP"
    assert labelled(widgets_of(prediction), "Which?").value == "UDP"


def test_no_choice_is_made_for_the_learner() -> None:
    prediction = predict("99-c", "Which?", choices=["TCP", "UDP"])
    widgets = widgets_of(prediction)
    labelled(widgets, "Keep my guess").click()
    assert prediction.guess is None
    assert "Choose one of" in said(widgets)


# ------------------------------------------------------------------ exercises


def wrong_wrap(payload: bytes, source_port: int, destination_port: int) -> bytes:
    return b"\0" * 7


WRONG_WRAPS: list[Callable[..., bytes]] = [lambda *_: b"", lambda *_: b"1", lambda *_: b"2"]


def test_the_solution_opens_after_three_tries() -> None:
    for left, wrong in zip((2, 1, 0), WRONG_WRAPS, strict=True):
        assert check("01-wrap", wrong).status == "not yet"
        assert ("struct.pack(" in repr(solution("01-wrap"))) == (left == 0)
        assert practice.tries_left("01-wrap") == left


def test_the_same_code_counts_as_one_try_however_often_it_is_checked() -> None:
    for wrong in (*WRONG_WRAPS[:2], WRONG_WRAPS[1], WRONG_WRAPS[1]):
        check("01-wrap", wrong)
    assert entry("01-wrap", "exercises")["tries"] == 2


def test_code_checked_before_the_progress_was_lost_counts_again() -> None:
    check("01-wrap", wrong_wrap)
    progress_file._kept.cache_clear()
    check("01-wrap", wrong_wrap)
    assert entry("01-wrap", "exercises")["tries"] == 1


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
    for wrong in WRONG_WRAPS[:2]:
        check("01-wrap", wrong)
    widgets = widgets_of(check("01-wrap", wrong_wrap))
    labelled(widgets, "Show the solution").click()
    assert "Reference solution" in said(widgets)
    assert hints != said(widgets)


def test_hints_opened_before_are_shown_with_the_next_verdict() -> None:
    labelled(widgets_of(check("01-wrap", wrong_wrap)), "Next hint").click()
    again = widgets_of(check("01-wrap", wrong_wrap))
    assert "Hint 1 of 3" in said(again)
    labelled(again, "Next hint").click()
    assert "Hint 2 of 3" in said(again)
    labelled(again, "Next hint").click()
    assert labelled(widgets_of(check("01-wrap", wrong_wrap)), "Next hint").disabled


def test_before_an_attempt_there_is_no_hint() -> None:
    def wrap(payload: bytes, source: int, destination: int) -> bytes:  # type: ignore[empty-body]
        ...

    labels = [getattr(widget, "description", "") for widget in widgets_of(check("01-wrap", wrap))]
    assert "Next hint" not in labels


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
