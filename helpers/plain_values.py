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
import socket
import ssl
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
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


def unpack(packed: Any, note: str = "") -> Any:
    """The value again. With a note: lists, packets and measurements carry it."""
    match packed:
        case list():
            parts = [unpack(part, note) for part in packed]
            return Noted(parts, note=note) if note else parts
        case {"bytes": text}:
            return base64.b64decode(text)
        case {"packets": frames}:
            return Packets((_packet(frame) for frame in frames), source=RECORDING, note=note)
        case {"packet": frame}:
            return _packet(frame)
        case {"dict": pairs}:
            return {unpack(key): unpack(kept, note) for key, kept in pairs}
        case {"tuple": parts}:
            return tuple(unpack(part, note) for part in parts)
        case {"error": name, "with": parts}:
            return _error_type(name)(*(unpack(part) for part in parts))
        case {"as": kind, "of": members}:
            return _record(kind, [unpack(member, note) for member in members], note)
    return packed


def _packet(frame: list[Any]) -> Packet:
    return Packet(frame[0], base64.b64decode(frame[1]), RECORDING)


def _members(value: Any) -> list[Any] | None:
    """The members of a record of the course's own; None if it is not one."""
    if type(value).__module__.partition(".")[0] != __package__:
        return None
    if is_dataclass(value):
        return [getattr(value, field.name) for field in fields(value)]
    return list(value) if hasattr(value, "_fields") else None


def _record(kind: str, members: list[Any], note: str) -> Any:
    module, _, name = kind.rpartition(".")
    if module.partition(".")[0] != __package__:
        raise ValueError(f"A recording holds a {kind}, which is not the course's own.")
    record: Any = getattr(importlib.import_module(module), name)
    if hasattr(record, "_fields"):  # a named tuple
        return record(*members)
    known = dict(zip((field.name for field in fields(record)), members, strict=True))
    if note and "note" in known:
        known["note"] = note
    return record(**known)


def _error_type(name: str) -> type[OSError]:
    for module in (builtins, socket, ssl):
        found = getattr(module, name, None)
        if isinstance(found, type) and issubclass(found, OSError):
            return found
    return OSError
