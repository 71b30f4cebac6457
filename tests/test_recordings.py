"""What is recorded is what the notebooks ask for; and a run unlike its recording is noticed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from shapes import differences, differences_between

from helpers import recordings
from helpers.packets import RAW, Packet, Packets, scapy_ether

COURSE = Path(__file__).parents[1]
MOST_BYTES = 5_000_000


def names_in_notebooks() -> list[str]:
    found = []
    for path in COURSE.glob("notebooks/*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        # One for each of some functions and classes, by their names.
        for start in re.findall(r'\bname=f"(\d\d[a-z]?-)\{\w+\.__name__\}"', code):
            defined = re.findall(r"^(?:class|def|async def) (\w+)", code, re.MULTILINE)
            found += [start + name for name in defined if start + name in recordings.names()]
        for cell in cells:
            if cell.cell_type == "code":
                found += re.findall(r'\bname="(\d\d[a-z]?-[^"]+)"', cell.source)
                # This records each step, and then all of them.
                steps = re.findall(r'call_by_call\(.*name="([^"]+)"', cell.source)
                found += [f"{name}-whole" for name in steps]
                found += re.findall(r'@recorded\(\s*"([^"]+)"', cell.source)
    return found


def test_each_name_is_used_once_and_recorded() -> None:
    assert sorted(names_in_notebooks()) == recordings.names()


def test_recordings_are_small() -> None:
    assert sum(path.stat().st_size for path in recordings.FOLDER.iterdir()) < MOST_BYTES


@pytest.mark.parametrize("name", recordings.names())
def test_each_recording_can_be_played(name: str) -> None:
    for parameters in recordings.takes(name):
        recording = recordings.load(name, parameters)
        assert "A recording of this cell, made on 20" in recording.note


def packets(*kinds: str) -> Packets:
    ether = scapy_ether()
    from scapy.layers.inet import IP, TCP, UDP

    made = {"udp": UDP(), "syn": TCP(flags="S"), "ack": TCP(flags="A"), "fin": TCP(flags="FA")}
    return Packets([Packet(0, bytes(ether() / IP() / made[kind]), RAW) for kind in kinds])


@pytest.mark.parametrize(
    ("live", "kept"),
    [
        (packets("syn", "ack", "ack"), packets("syn", "ack")),
        ({"goodput": [1.0, 2.0]}, {"goodput": [1.5, 3.0]}),
        (list(range(1, 90)), list(range(1, 300))),
        ([(1, "a"), None], [(2, "b"), None]),
    ],
)
def test_runs_of_the_same_shape(live: Any, kept: Any) -> None:
    assert list(differences(live, kept)) == []


@pytest.mark.parametrize(
    ("live", "kept", "told"),
    [
        (packets("syn", "fin"), packets("udp"), "recorded were"),
        (packets("udp"), packets(*["udp"] * 40), "40"),
        ([1.0] * 30, [500.0] * 30, "median"),
        ({"a": 1}, {"b": 1}, "recorded were"),
        ([1] * 5, [1] * 90, "90"),
        ((1, "text"), (1, 2), "'text'"),
        ([1], (1,), "tuple"),
    ],
)
def test_runs_of_another_shape_are_told_apart(live: Any, kept: Any, told: str) -> None:
    (sentence,) = differences(live, kept)
    assert told in sentence


def test_a_recording_that_is_missing_is_named(tmp_path: Path) -> None:
    recordings.save("99-new", 1, tmp_path / "live")
    (tmp_path / "kept").mkdir()
    (sentence,) = differences_between(tmp_path / "live", tmp_path / "kept")
    assert "99-new" in sentence
