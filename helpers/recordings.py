"""What ran on another machine, kept to be played where it cannot run.

A recording is whatever a cell's work gave: packets, samples, measurements, plain values.
`python -m helpers.record` runs every notebook and records all anew, into `helpers/data/`.

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp())
>>> save("00-example", {"bytes": [1, 2]}, folder)
>>> load("00-example", folder=folder).value
{'bytes': [1, 2]}
"""

from __future__ import annotations

import gzip
import json
import platform
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import plain_values
from .packets import Packets
from .plain_errors import replace_file

FOLDER = Path(__file__).with_name("data")
MOST_BYTES = 100_000_000  # of one recording, unpacked: a small file may hold very many zeros
ASKED = "COURSE_RECORD"  # set while recording: the folder to write to


@dataclass(frozen=True)
class Recording:
    """What was recorded, and a sentence on when, where, and with which parameters."""

    value: Any
    note: str


def save(
    name: str,
    value: Any,
    folder: Path | None = None,
    parameters: Mapping[str, object] | None = None,
) -> None:
    """Keep `value` as the recording `name`, made with these parameters.

    A recording of the same name and parameters is replaced; those with others stay.

    Raises
    ------
    TypeError
        If the value holds something that cannot be kept: see `helpers.plain_values`.
    """
    folder = folder or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    kept = _takes(name, folder)
    kept[key_of(parameters)] = {
        "recorded": datetime.now(UTC).strftime("%Y-%m-%d"),
        "system": f"{platform.system()} {platform.release()}",
        "value": plain_values.pack(value),
    }
    text = json.dumps(kept, separators=(",", ":"), allow_nan=False)
    # No time of its own in the file: the same recording is the same bytes.
    replace_file(_path(name, folder), gzip.compress(text.encode(), mtime=0))


def load(
    name: str, parameters: Mapping[str, object] | None = None, *, folder: Path | None = None
) -> Recording:
    """The recording of that name, made with exactly these parameters.

    All packets in it are marked as recorded, and lists and measurements in it carry the
    note, so that each picture made of them can say where they come from.

    Raises
    ------
    LookupError
        If there is none. The message says which there are.
    Damaged
        If the file is not what `save` writes: a ValueError.
    """
    kept = _takes(name, folder or FOLDER)
    take = kept.get(key_of(parameters))
    if take is None:
        there = "; ".join(_words(json.loads(key)) or "no parameters" for key in kept)
        raise LookupError(
            f"There is no recording named {name!r} with {_words(parameters) or 'no parameters'}."
            + (f" Recorded were: {there}." if there else "")
        )
    made = f"made on {take['recorded']} on {take['system']}"
    told = _words(parameters)
    note = (
        f"A recording of this cell, {made}{f', with {told}' if told else ''}: real, but not "
        "yours. Times, ports and sequence numbers differ from run to run."
    )
    try:
        return Recording(plain_values.unpack(take["value"], note), note)
    except plain_values.Damaged as error:
        raise plain_values.Damaged(f"The recording {name!r} is damaged. {error}") from error


def names(folder: Path | None = None) -> list[str]:
    """The names of all recordings."""
    return sorted(
        path.name.removesuffix(_SUFFIX) for path in (folder or FOLDER).glob(f"*{_SUFFIX}")
    )


def takes(name: str, folder: Path | None = None) -> list[dict[str, Any]]:
    """The parameters of each recording of that name."""
    return [json.loads(key) for key in _takes(name, folder or FOLDER)]


def load_packets(name: str, *, folder: Path | None = None) -> Packets:
    """The packets that one capture recorded. LookupError if there are none of that name."""
    value = load(name, folder=folder).value
    if not isinstance(value, Packets):
        raise LookupError(f"The recording {name!r} is not one of packets.")
    return value


_SUFFIX = ".json.gz"


def _path(name: str, folder: Path) -> Path:
    if not re.fullmatch(r"[\w-]+", name):
        raise ValueError(f"A recording is called by letters, digits and dashes, not {name!r}.")
    return folder / f"{name}{_SUFFIX}"


def _takes(name: str, folder: Path) -> dict[str, Any]:
    path = _path(name, folder)
    if not path.exists():
        return {}
    try:
        with gzip.open(path) as file:
            text = file.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise ValueError("it is too large")
        kept = json.loads(text)
        if not isinstance(kept, dict) or not all(map(_is_take, kept.items())):
            raise ValueError("it holds no takes")
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile, RecursionError) as error:
        raise plain_values.Damaged(f"The recording {path.name} is damaged: {error}.") from error
    return kept


def _is_take(item: tuple[str, Any]) -> bool:
    """Whether this is a recording with its parameters, as JSON, for its key."""
    key, take = item
    return (
        isinstance(take, dict)
        and take.keys() == {"recorded", "system", "value"}
        and isinstance(take["recorded"], str)
        and isinstance(take["system"], str)
        and isinstance(json.loads(key), dict)
    )


def key_of(parameters: Mapping[str, object] | None) -> str:
    """The parameters as text. TypeError if they are more than plain values."""
    try:
        return json.dumps(dict(parameters or {}), sort_keys=True)
    except TypeError as error:
        raise TypeError(f"What is recorded can depend on plain values only: {error}.") from None


def _words(parameters: Mapping[str, object] | None) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in (parameters or {}).items())
