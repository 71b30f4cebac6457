"""Results of experiments as JSON, and back: what a recording is written in.

Numbers, text, bytes, lists, tuples, dicts; packets; the course's own records, such as
`TcpInfo` or `Latency`; and an OSError, as something that was caught.

>>> unpack(pack({"error": ConnectionRefusedError(111, "Connection refused")}))
{'error': ConnectionRefusedError(111, 'Connection refused')}
"""

from __future__ import annotations

import base64
import builtins
import importlib
import pkgutil
import reprlib
import socket
import ssl
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .packets import RECORDING, Packet, Packets


class Noted(list[Any]):
    """A list that was played from a recording; its `note` says so in words."""

    def __init__(self, values: Iterable[Any] = (), *, note: str = "") -> None:
        super().__init__(values)
        self.note = note


def pack(value: Any) -> Any:
    """The value as JSON knows it. TypeError, with a sentence, if it holds anything else."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return int(value)  # a member of an enumeration too, such as socket.AF_INET
        case float():
            return float(value)
        case bytes():
            return {"bytes": base64.b64encode(value).decode()}
        case Packets():
            frames = [[p.time_ns, base64.b64encode(p.data).decode()] for p in value]
            return {"packets": frames}
        case Packet():
            return {"packet": [value.time_ns, base64.b64encode(value.data).decode()]}
        case dict():
            return {"dict": [[pack(key), pack(kept)] for key, kept in value.items()]}
        case OSError():
            return {"error": type(value).__name__, "with": [pack(part) for part in value.args]}
    members = _members(value)
    if members is not None:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        return {"as": kind, "of": [pack(member) for member in members]}
    match value:
        case tuple():
            return {"tuple": [pack(part) for part in value]}
        case list():
            return [pack(part) for part in value]
    raise TypeError(f"A recording cannot keep a {type(value).__name__}: {value!r}.")


class Damaged(ValueError):
    """This is not what `pack` gives. Nothing of it was used."""


def unpack(packed: Any, note: str = "") -> Any:
    """The value again. With a note: lists, packets and measurements carry it.

    Raises
    ------
    Damaged
        If it is anything else than what `pack` gives: a ValueError.
    """
    try:
        return _unpacked(packed, note)
    except Damaged:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise Damaged(f"Here something else is kept than a value: {error}.") from error


def _unpacked(packed: Any, note: str) -> Any:
    match packed:
        case None | bool() | str() | int() | float():
            return packed
        case list():
            parts = [_unpacked(part, note) for part in packed]
            return Noted(parts, note=note) if note else parts
        case {"bytes": str(text), **rest} if not rest:
            return base64.b64decode(text, validate=True)
        case {"packets": list(frames), **rest} if not rest:
            return Packets([_packet(frame) for frame in frames], source=RECORDING, note=note)
        case {"packet": frame, **rest} if not rest:
            return _packet(frame)
        case {"dict": list(pairs), **rest} if not rest:
            return {_unpacked(key, ""): _unpacked(kept, note) for key, kept in pairs}
        case {"tuple": list(parts), **rest} if not rest:
            return tuple(_unpacked(part, note) for part in parts)
        case {"error": str(name), "with": list(parts), **rest} if not rest:
            return _error_type(name)(*(_unpacked(part, "") for part in parts))
        case {"as": str(kind), "of": list(members), **rest} if not rest:
            return _record(kind, [_unpacked(member, note) for member in members], note)
    raise Damaged(f"Nothing of the course is kept as {reprlib.repr(packed)}.")


def _packet(frame: Any) -> Packet:
    match frame:
        case [int(time_ns), str(data)]:
            return Packet(time_ns, base64.b64decode(data, validate=True), RECORDING)
    raise Damaged(f"This is no packet: {reprlib.repr(frame)}.")


def _members(value: Any) -> list[Any] | None:
    """The members of a record of the course's own; None if it is not one."""
    if type(value).__module__.partition(".")[0] != __package__:
        return None
    if is_dataclass(value):
        return [getattr(value, field.name) for field in fields(value)]
    return list(value) if hasattr(value, "_fields") else None


def _record(kind: str, members: list[Any], note: str) -> Any:
    module, _, name = kind.rpartition(".")
    record: Any = None
    if module in _modules():
        record = vars(importlib.import_module(module)).get(name)
    is_own = isinstance(record, type) and record.__module__ == module
    if not is_own or not (is_dataclass(record) or hasattr(record, "_fields")):
        raise Damaged(f"A recording holds a {kind}, which is not a record of the course's own.")
    if hasattr(record, "_fields"):  # a named tuple
        return record(*members)
    known = dict(zip((field.name for field in fields(record)), members, strict=True))
    if note and "note" in known:
        known["note"] = note
    return record(**known)


@cache
def _modules() -> frozenset[str]:
    """The modules that may be imported to play a recording: those of this folder."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)], f"{__package__}.")
    return frozenset(module.name for module in found)


def _error_type(name: str) -> type[OSError]:
    for module in (builtins, socket, ssl):
        found = getattr(module, name, None)
        if isinstance(found, type) and issubclass(found, OSError):
            return found
    return OSError
