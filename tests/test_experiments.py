"""Experiments run where they can; where they cannot, their recording is played, and says so."""

from __future__ import annotations

import errno
import math
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import plain_values, recordings
from helpers.experiments import HERE, SWEEP, Experiment, explore, recorded
from helpers.kernel_samples import Ends, Whereabouts
from helpers.kernel_state import Sample, TcpInfo
from helpers.machine import NotHere
from helpers.measure import Latency, Throughput
from helpers.packets import RAW, RECORDING, Packet, Packets

FRAME = Packet(1_700_000_000_123_456_789, b"\x02" * 60, RAW)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Recordings of this test alone."""
    monkeypatch.delenv("COURSE_CAPTURE", raising=False)
    monkeypatch.setattr(recordings, "FOLDER", tmp_path)
    return tmp_path


def recording(monkeypatch: pytest.MonkeyPatch, folder: Path | None) -> None:
    if folder is None:
        monkeypatch.delenv(recordings.ASKED)
    else:
        monkeypatch.setenv(recordings.ASKED, str(folder))


def an_experiment(allowed: list[bool]) -> Experiment[..., Any]:
    @recorded("99-example")
    def measure(delay: float = 0.01) -> Any:
        if not allowed[0]:
            raise NotHere("No private network on this machine.")
        packets = Packets([FRAME], note="live")
        return {"packets": packets, "samples": [(1, delay)], "rate": 2 * delay}

    return measure


def test_where_it_can_run_it_runs(folder: Path) -> None:
    measure = an_experiment([True])
    assert measure(0.5)["rate"] == 1.0
    assert measure.note == HERE
    assert list(folder.iterdir()) == []


def test_where_it_cannot_run_the_recording_is_played_and_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    allowed = [True]
    measure = an_experiment(allowed)
    recording(monkeypatch, folder)
    live = measure()
    recording(monkeypatch, None)
    allowed[0] = False
    played = measure()
    assert [packet.data for packet in played["packets"]] == [FRAME.data]
    assert (played["samples"], played["rate"]) == (live["samples"], live["rate"])
    assert "No private network on this machine." in capsys.readouterr().out
    for note in (measure.note, played["packets"].note, played["samples"].note):
        assert "recording" in note
        assert "delay=0.01" in note
        assert "Linux" in note


def test_played_packets_are_marked_as_recorded(folder: Path) -> None:
    recordings.save("99-p", Packets([FRAME]), folder)
    played = recordings.load_packets("99-p", folder=folder)
    assert [(p.time_ns, p.data, p.source) for p in played] == [
        (FRAME.time_ns, FRAME.data, RECORDING)
    ]
    assert played.source == RECORDING


def test_each_set_of_arguments_has_its_own_recording(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = [True]
    measure = an_experiment(allowed)
    recording(monkeypatch, folder)
    measure(0.25)
    measure(delay=0.5)
    recording(monkeypatch, None)
    allowed[0] = False
    assert measure(delay=0.25)["rate"] == 0.5
    assert measure(0.5)["rate"] == 1.0
    with pytest.raises(NotHere, match=r"delay=2.*Recorded were: delay=0\.25; delay=0\.5"):
        measure(2)


def test_an_error_of_the_learners_is_not_hidden_by_a_recording(folder: Path) -> None:
    @recorded("99-broken")
    def broken() -> None:
        raise ConnectionResetError(errno.ECONNRESET, "reset")

    with pytest.raises(ConnectionResetError):
        broken()


def test_what_only_linux_tells_is_played_elsewhere(folder: Path) -> None:
    recordings.save("99-linux", 7, folder, {})

    @recorded("99-linux")
    def only_linux() -> int:
        raise NotImplementedError("TCP_INFO can only be read on Linux.")

    assert only_linux() == 7


def test_recordings_can_be_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings.save("99-example", "played", folder, {"delay": 0.01})
    monkeypatch.setenv("COURSE_CAPTURE", "recording")
    assert an_experiment([True])() == "played"


def test_arguments_must_be_plain(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording(monkeypatch, folder)
    with pytest.raises(TypeError, match="plain values only"):
        an_experiment([True])(print)


def test_the_same_recording_is_the_same_file(folder: Path) -> None:
    recordings.save("99-a", [1, 2], folder)
    first = (folder / "99-a.json.gz").read_bytes()
    recordings.save("99-a", [1, 2], folder)
    assert (folder / "99-a.json.gz").read_bytes() == first
    assert recordings.names(folder) == ["99-a"]


VALUES = [
    None,
    True,
    3,
    0.5,
    "text",
    b"\x00\xff",
    [1, [2]],
    (1, "two"),
    {"a": 1, 2: b"b", (3, 4): None},
    socket.AF_INET,
    ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
    TimeoutError("timed out"),
    socket.gaierror(-2, "unknown"),
    Sample(5, TcpInfo("ESTABLISHED", rtt=0.01)),
    Sample(5, None),
    Ends("CLOSED", "LISTEN"),
    Whereabouts(1, 2, 3, 4, 5),
    Latency("echo", (1, 2, 3), 1),
    Throughput("sink", (1, 2), (3.0, 4.0), 0.1),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    back = plain_values.unpack(plain_values.pack(value))
    if isinstance(value, OSError):
        assert (type(back), back.args) == (type(value), value.args)
    else:
        assert back == value
        assert type(back) is type(value) or isinstance(value, socket.AddressFamily)


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.binary() | st.floats(allow_nan=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    )
)
def test_any_plain_value_comes_back_as_it_was(value: Any) -> None:
    assert plain_values.unpack(plain_values.pack(value)) == value


@pytest.mark.parametrize("value", [object(), print, {1, 2}, [socket], ValueError("x")])
def test_what_cannot_be_kept_is_refused_by_name(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot keep"):
        plain_values.pack(value)


def test_a_recording_makes_nothing_but_the_courses_own_records() -> None:
    with pytest.raises(ValueError, match=r"os\.system"):
        plain_values.unpack({"as": "os.system", "of": ["echo"]})


def test_measurements_carry_the_note(folder: Path) -> None:
    recordings.save("99-m", [Latency("echo", (1, 2), 0)], folder, {"hops": 2})
    (played,) = recordings.load("99-m", {"hops": 2}, folder=folder).value
    assert "hops=2" in played.note


def test_numbers_that_are_none_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        recordings.save("99-nan", math.nan, folder)


def test_while_recording_each_slider_is_tried_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWEEP, "1")
    tried = []

    @explore(delay=[2, 1, 3], loss=[("none", 0), ("some", 5)])
    def show(delay: int, loss: int) -> None:
        tried.append((delay, loss))

    assert tried == [(1, 0), (3, 0), (2, 5), (2, 0)]


def test_a_value_that_was_not_recorded_is_said_not_raised(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @explore(delay=[1, 2])
    def show(delay: int) -> Any:
        return an_experiment([False])(delay)

    assert "There is no recording" in capsys.readouterr().out
