"""The wire of a private network as the notebook sees it: what it does, and what it saw.

net.wire.delay = 0.050          # both directions
net.wire.a_to_b.loss = 0.02     # one of them
net.wire.drops                  # each frame dropped: when, where, why
"""

from __future__ import annotations

import mmap
from dataclasses import asdict, replace
from typing import Any, Protocol

from .wire import NAMES, Parameters
from .wire_records import Drop, QueueLength, Records


class Carrier(Protocol):
    """What carries the frames of a wire, or the bytes of a link."""

    def change(self, directions: dict[int, dict[str, Any]], /) -> None:
        """Give each of these directions, by its number, new parameters."""


class _Parameter:
    """One parameter as an attribute: of a direction, or of both directions of a wire."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, ends: _Adjustable | None, owner: type) -> Any:
        if ends is None:
            return self
        values = [getattr(direction.parameters, self.name) for direction in ends.directions]
        if values[0] != values[-1]:
            raise ValueError(
                f"{self.name} is {values[0]!r} in one direction and {values[-1]!r} in the other."
            )
        return values[0]

    def __set__(self, ends: _Adjustable, value: Any) -> None:
        ends.change(**{self.name: value})


class _Adjustable:
    """What a wire and one direction of it have in common: parameters, records."""

    directions: tuple[WireDirection, ...]

    delay = _Parameter()
    jitter = _Parameter()
    rate = _Parameter()
    queue_limit = _Parameter()
    aqm = _Parameter()
    loss = _Parameter()
    burst = _Parameter()
    reorder = _Parameter()
    duplicate = _Parameter()
    cut = _Parameter()

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    def __setattr__(self, name: str, value: object) -> None:
        # A name mistyped would otherwise do nothing, silently.
        known = name in vars(self) or hasattr(type(self), name)
        if "_ready" in vars(self) and not known:
            raise AttributeError(f"A wire has no {name!r}; it has {', '.join(NAMES)}.")
        super().__setattr__(name, value)

    def change(self, **parameters: Any) -> None:
        """Change several parameters at the same moment.

        Raises ValueError, and changes nothing, if one of them makes no sense.
        """
        unknown = parameters.keys() - set(NAMES)
        if unknown:
            raise ValueError(f"A wire has no {min(unknown)!r}; it has {', '.join(NAMES)}.")
        wanted = {d: replace(d.parameters, **parameters) for d in self.directions}
        self._carrier.change({d.number: asdict(p) for d, p in wanted.items()})
        for direction, new in wanted.items():
            direction.parameters = new

    @property
    def drops(self) -> list[Drop]:
        """The frames that did not arrive, oldest first; the last 32,768 of each direction."""
        return sorted(drop for d in self.directions for drop in d.records.drops())

    @property
    def queue(self) -> list[QueueLength]:
        """How many frames waited, at each change; the last 262,144 of each direction."""
        return sorted(length for d in self.directions for length in d.records.queue_lengths())

    def lateness(self) -> list[float]:
        """How many seconds after its time each frame was delivered, by this machine's fault.

        The last 131,072 frames of each direction. Where these are not small against the
        delay, distrust what you measured.
        """
        return [late for d in self.directions for late in d.records.lateness()]


class WireDirection(_Adjustable):
    """One direction of a wire. Its parameters are attributes, to be read and set.

    Attributes
    ----------
    name : str
        Such as "a to b".
    delay, jitter, rate, queue_limit, aqm, loss, burst, reorder, duplicate, cut
        See `helpers.wire.Parameters`.
    """

    def __init__(
        self,
        carrier: Carrier,
        number: int,
        name: str,
        parameters: Parameters,
        memory: mmap.mmap,
    ) -> None:
        super().__init__(carrier)
        self.number = number
        self.name = name
        self.parameters = parameters
        self.records = Records(name, memory, number * Records.SIZE)
        self.directions = (self,)
        self._ready = True

    def keep_records(self) -> None:
        """Copy the records out of the shared memory, which is about to be given back."""
        kept = Records(self.name)
        kept.copy_from(self.records)
        self.records = kept

    def __repr__(self) -> str:
        usual = asdict(Parameters())
        special = [f"{n}={v!r}" for n, v in asdict(self.parameters).items() if v != usual[n]]
        return f"{self.name}: {', '.join(special) or 'carries every frame, at once'}"


class Wire(_Adjustable):
    """A wire between two hosts. Setting a parameter sets it in both directions.

    Attributes
    ----------
    a_to_b, b_to_a : WireDirection
        From its first end to its second, and back.
    ends : (str, str)
        The hosts it joins.
    delay, jitter, rate, queue_limit, aqm, loss, burst, reorder, duplicate, cut
        See `helpers.wire.Parameters`.
    """

    def __init__(
        self,
        carrier: Carrier,
        number: int,
        ends: tuple[str, str],
        parameters: Parameters,
        memory: mmap.mmap,
    ) -> None:
        super().__init__(carrier)
        self.ends = ends
        here, there = ends
        self.a_to_b = WireDirection(carrier, 2 * number, f"{here} to {there}", parameters, memory)
        self.b_to_a = WireDirection(
            carrier, 2 * number + 1, f"{there} to {here}", parameters, memory
        )
        self.directions = (self.a_to_b, self.b_to_a)
        self._ready = True

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.directions))
