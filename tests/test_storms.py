"""Storms of retries: the same rules give the same storm, and jitter helps."""

from __future__ import annotations

import random

import pytest

from helpers.storms import MOST, RATE, ROOM, storm, storm_figure


def back_off(attempt: int) -> float:
    return min(0.1 * 2**attempt, 10)


def test_who_fits_asks_once() -> None:
    calm = storm(lambda _: 0, clients=ROOM, label="calm")
    assert calm.attempts == ROOM
    assert calm.end == pytest.approx(ROOM / RATE)


def test_all_are_served_and_each_attempt_is_counted() -> None:
    waves = storm(back_off, clients=400, label="waves")
    assert len(waves.served) == 400
    assert waves.attempts > 400
    assert waves.times == sorted(waves.times)
    assert waves == storm(back_off, clients=400, label="waves")


def test_jitter_is_sooner_at_the_end_than_back_off_alone() -> None:
    dice = random.Random(1)
    alone = storm(back_off, clients=400, label="alone")
    jitter = storm(lambda n: dice.uniform(0, back_off(n)), clients=400, label="jitter")
    at_once = storm(lambda _: 0, clients=400, label="at once")
    assert jitter.end < alone.end
    assert jitter.attempts < at_once.attempts / 10


def test_a_storm_without_end_is_given_up() -> None:
    lost = storm(lambda _: 0, clients=1600, label="lost")
    assert lost.attempts == MOST
    assert "given up" in repr(lost)


def test_no_time_is_told() -> None:
    with pytest.raises(ValueError, match="not a time"):
        storm(lambda _: -1, clients=400, label="wrong")


def test_the_figure_is_described() -> None:
    picture = storm_figure(storm(back_off, clients=100, label="waves"))
    assert "waves: " in picture.alt
