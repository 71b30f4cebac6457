"""The ladder of a failed check: what happened, in order, and what should have."""

from __future__ import annotations

import json

import pytest

from helpers.findings import Finding, Step
from helpers.story_ladders import Telling, story_ladder


def told_of_a_loss() -> list[Step]:
    told = Telling()
    told.call("sender", "start() → [0, 1]")
    told.sends("sender", "piece 0", lost=True)
    arriving = told.sends("sender", "piece 1")
    told.waits_until(10)
    told.arrives(arriving)
    told.call("receiver", "keeps it")
    answer = told.sends("receiver", "ACK of 1")
    told.waits_until(20)
    told.arrives(answer)
    told.call("sender", "on_ack(1) → []")
    told.waits_until(60)
    return told.wrong_pieces("timeout: on_timeout(0) → [1, 2]", wanted=[0, 1], got=[1, 2])


def test_a_story_goes_on_downwards_and_arrows_fall() -> None:
    story = told_of_a_loss()
    rows = [step.begins for step in story if step.what in ("call", "wrong", "expected")]
    assert rows == sorted(rows)
    assert all(step.ends > step.begins for step in story if step.ends is not None)
    piece = next(step for step in story if step.text == "piece 1")
    keeps = next(step for step in story if step.text == "keeps it")
    assert piece.ends == keeps.begins, "what came, and what was done with it, stand in one row"


def test_what_was_sent_and_what_was_expected_are_told_apart() -> None:
    fates = [(s.text, s.fate) for s in told_of_a_loss() if s.what in ("piece", "ack")]
    assert fates == [
        ("piece 0", "lost"),
        ("piece 1", ""),
        ("ACK of 1", ""),
        ("piece 1", "on its way"),
        ("piece 2", "unwanted"),
        ("piece 0", "missing"),
    ]


def test_the_ladder_shows_losses_timeouts_and_the_step_that_is_wrong() -> None:
    picture = story_ladder(told_of_a_loss())
    assert "✕ lost" in picture.html
    assert "✗ timeout: on_timeout(0)" in picture.html
    assert "expected: [0, 1]" in picture.html
    assert "piece 2: not expected" in picture.html
    assert "piece 0: expected" in picture.html
    assert "It ends wrong at the sender: timeout: on_timeout(0)" in picture.alt
    assert "piece 1, arrives at the receiver" in picture.html  # in words


def test_nothing_in_a_story_becomes_markup() -> None:
    assert "<b>" not in story_ladder(Telling().wrong("receiver", "<b>", "<b>")).html


@pytest.mark.parametrize("got", [None, 3, ["x"], [10**30]])
def test_an_answer_of_any_kind_is_drawn(got: object) -> None:
    story = Telling().wrong_pieces(f"start() → {got}", wanted=[0], got=got)
    assert "piece 0: expected" in story_ladder(story).html


def test_a_story_travels_as_json() -> None:
    finding = Finding("wrong", expected=[0], got=[], story=told_of_a_loss())
    assert Finding.from_json(json.loads(json.dumps(finding.to_json()))).story == finding.story
    assert Finding.from_json(Finding("wrong").to_json()).story is None
