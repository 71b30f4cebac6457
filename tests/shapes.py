"""Whether two runs of one experiment have the same shape, though no number in them is the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from statistics import median
from typing import Any

from helpers import recordings
from helpers.packets import Packets

FACTOR = 10  # numbers of two runs may differ so much: one machine may be much slower
MANY = 20  # from so many items on, two lists may differ in length by FACTOR


def differences_between(live: Path, recorded: Path) -> list[str]:
    """One sentence for each recording in folder `live` that looks unlike that in `recorded`."""
    found = []
    for name in recordings.names(live):
        for parameters in recordings.takes(name, live):
            ran = recordings.load(name, parameters, folder=live).value
            try:
                kept = recordings.load(name, parameters, folder=recorded).value
            except LookupError as error:
                found.append(str(error))
                continue
            found += [f"{name} {parameters}: {told}" for told in differences(ran, kept)]
    return found


def differences(live: Any, kept: Any, where: str = "the result") -> Iterator[str]:
    """One sentence for each place where the shape differs."""
    if isinstance(live, bool | str | bytes | None) or isinstance(kept, bool | str | bytes | None):
        if type(live) is not type(kept) and None not in (live, kept):
            yield f"{where} is {live!r}, recorded was {kept!r}"
    elif isinstance(live, int | float) and isinstance(kept, int | float):
        low, high = sorted((abs(live), abs(kept)))
        if where.endswith("rate") and high > FACTOR * low:
            yield f"{where} is {live!r}, recorded was {kept!r}"
    elif type(live) is not type(kept):
        yield f"{where} is a {type(live).__name__}, recorded was a {type(kept).__name__}"
    elif isinstance(live, Packets):
        yield from _packets(live, kept, where)
    elif isinstance(live, dict):
        if live.keys() != kept.keys():
            yield f"{where} has {list(live)}, recorded were {list(kept)}"
        for key in live.keys() & kept.keys():
            yield from differences(live[key], kept[key], f"{where}[{key!r}]")
    elif is_dataclass(live):
        for field in fields(live):
            one, other = getattr(live, field.name), getattr(kept, field.name)
            yield from differences(one, other, f"{where}.{field.name}")
    elif isinstance(live, list | tuple):
        yield from _lists(live, kept, where)


def _lists(live: Any, kept: Any, where: str) -> Iterator[str]:
    short, long = sorted((len(live), len(kept)))
    if long > (FACTOR * short if short >= MANY else short + MANY):
        yield f"{where} has {len(live)} items, recorded were {len(kept)}"
        return
    if _numbers(live) and _numbers(kept):
        low, high = sorted(median(map(abs, values)) for values in (live, kept))
        if high > FACTOR * low > 0:
            yield f"the median of {where} is {median(live)!r}, recorded was {median(kept)!r}"
        return
    few = long < MANY
    for number, (one, other) in enumerate(zip(live, kept, strict=False)):
        if few or number == 0:
            yield from differences(one, other, f"{where}[{number}]")


def _numbers(values: Any) -> bool:
    plain = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    return len(values) >= MANY and plain


def _packets(live: Packets, kept: Packets, where: str) -> Iterator[str]:
    kinds = [{_kind(packet) for packet in packets} for packets in (live, kept)]
    if len(kinds[0] & kinds[1]) * 2 < len(kinds[0] | kinds[1]):
        yield f"{where} holds {sorted(kinds[0])}, recorded were {sorted(kinds[1])}"
    short, long = sorted((len(live), len(kept)))
    if long > 3 * short + MANY:
        yield f"{where} holds {len(live)} packets, recorded were {len(kept)}"


def _kind(packet: Any) -> str:
    """Its layers and TCP flags: "Ethernet/IP/TCP SA"."""
    layers = [layer.__name__ for layer in packet.scapy.layers()]
    flags = f" {packet.scapy['TCP'].flags}" if "TCP" in layers else ""
    return "/".join(layers[:4]) + flags
