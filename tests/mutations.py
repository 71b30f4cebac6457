"""Real bytes to begin with: frames of the course's recordings, files that the course wrote."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from helpers import recordings
from helpers.packets import Packet


@cache
def captured() -> list[bytes]:
    """A frame of each length and kind that the course's recordings hold, in a fixed order."""
    found: dict[tuple[int, bytes], bytes] = {}
    for name in recordings.names():
        for parameters in recordings.takes(name):
            for packet in packets_in(recordings.load(name, parameters).value):
                found.setdefault((len(packet.data), packet.data[12:24]), packet.data)
    return [found[key] for key in sorted(found)]


def packets_in(value: Any) -> Iterator[Packet]:
    """All packets anywhere in a recording's value."""
    if isinstance(value, Packet):
        yield value
    elif isinstance(value, dict):
        for kept in value.values():
            yield from packets_in(kept)
    elif isinstance(value, list | tuple):
        for kept in value:
            yield from packets_in(kept)
    elif hasattr(value, "__dict__"):
        for kept in vars(value).values():
            yield from packets_in(kept)


def written() -> list[bytes]:
    """A progress file, small recordings, plain values."""
    entry = {"tries": 2, "passed": True, "hints": 1}
    score = {"guess": 1, "measured": [2, "x"], "hit": False}
    state = {"version": 1, "exercises": {"01-x": entry}, "predictions": {"01-y": {"last": score}}}
    small = [
        recordings._path(name, recordings.FOLDER).read_bytes()
        for name in ("06-drops", "03-sockaddr", "04-syn-of")
    ]
    texts = [gzip.decompress(data) for data in small if len(data) < 3000]
    values = [{"tuple": [1, {"bytes": "aGk="}]}, {"error": "OSError", "with": [1]}]
    return [json.dumps(each).encode() for each in (state, *values)] + texts
