"""The guesses scored are drawn and counted; without any, it says so."""

from __future__ import annotations

from helpers import calibration_figure


def test_guesses_are_counted() -> None:
    picture = calibration_figure([("a", 10, 10), ("b", 100, 10), ("c", 1, 10), ("d", 15, 10)])
    assert "2 of 4 guesses were within a factor of 2" in picture.caption
    assert "2 were too high, 1 too low" in picture.caption
    assert all(f">{key}<" in picture.html for key in "abcd")


def test_no_guess_is_said() -> None:
    assert "No guess" in calibration_figure([]).alt
    assert "No guess" in calibration_figure([("zero", 0, 5)]).alt, "zero has no place on a log axis"
