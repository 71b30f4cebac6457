"""Network address and port translation: many inside hosts share one outside address (RFC 3022).

`NatTable` remembers who has which port; `Nat` rewrites packets by it. Neither does any I/O, so
both can be tried with packets made up:

>>> table = NatTable(ports=range(40000, 40010), timeout=120, clock=lambda: 0)
>>> table.outward(("UDP", "10.0.0.1", 5000))
40000
>>> table.inward(40000)
('UDP', '10.0.0.1', 5000)
>>> table.inward(40001) is None
True

In the words of RFC 4787: the mapping is endpoint-independent (section 4.1), and so is the
filtering (section 5): whoever knows the outside port gets in while the mapping lives. Only TCP
and UDP over IPv4 pass; ICMP errors, fragments after the first, and hairpins are dropped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from .rewriting import Address, read_flow, rewritten

Inside = tuple[str, str, int]  # ("TCP", "10.0.0.1", 5000)


class Table(Protocol):
    """What a `Nat` needs to know: this module's table, or yours."""

    def outward(self, inside: Inside) -> int | None: ...

    def inward(self, port: int) -> Inside | None: ...


class NatTable:
    """Which outside port stands for which inside end.

    Parameters
    ----------
    ports : iterable of int
        The outside ports, in the order in which they are given out.
    timeout : float
        Seconds that a mapping lives after the last packet to the outside. For UDP it must be
        2 minutes at least (RFC 4787, section 4.3).
    clock : callable
        Tells the time, in seconds.
    """

    def __init__(
        self,
        ports: Iterable[int] = range(40_000, 50_000),
        timeout: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ports, self.timeout, self.clock = tuple(ports), timeout, clock
        self._inside: dict[int, Inside] = {}
        self._used: dict[int, float] = {}

    def outward(self, inside: Inside) -> int | None:
        """The port of an inside end that sends; a new one if it has none. None if all are taken."""
        self._forget()
        port = next((port for port, known in self._inside.items() if known == inside), None)
        if port is None:
            port = next((port for port in self.ports if port not in self._inside), None)
        if port is not None:
            self._inside[port], self._used[port] = inside, self.clock()
        return port

    def inward(self, port: int) -> Inside | None:
        """Whom a packet to this port is for; None: nobody."""
        self._forget()
        return self._inside.get(port)

    @property
    def entries(self) -> dict[int, Inside]:
        """All mappings that live, by their outside port."""
        self._forget()
        return dict(self._inside)

    def _forget(self) -> None:
        now = self.clock()
        for port in [port for port, at in self._used.items() if now - at >= self.timeout]:
            del self._inside[port], self._used[port]


class Nat:
    """What a router with NAT does to each packet: a rule for `helpers.routers.Router`.

    Parameters
    ----------
    address : str
        The outside address that all inside hosts share.
    outside : str
        The router's interface that leads to the outside. All others lead inside.
    table : NatTable, optional
        Or anything that has its `outward` and `inward`.
    forwards : dict, optional
        Ports that are open from outside, always: {80: ("10.0.0.1", 8080)}.
    """

    def __init__(
        self,
        address: str,
        outside: str,
        table: Table | None = None,
        forwards: Mapping[int, Address] | None = None,
    ) -> None:
        self.address, self.outside = address, outside
        self.table = NatTable() if table is None else table
        self.forwards = dict(forwards or {})

    def __call__(self, packet: bytes, interface: str) -> list[bytes]:
        """The packet as it goes on; an empty list if it goes no further."""
        flow = read_flow(packet)
        if flow is None:
            return []
        if interface != self.outside:
            port = self._opened(flow.source) or self.table.outward((flow.protocol, *flow.source))
            return [] if port is None else [rewritten(packet, source=(self.address, port))]
        host, port = flow.destination
        if host != self.address:  # somebody outside who knows our inside addresses
            return []
        inside = self.forwards.get(port)
        known = self.table.inward(port) if inside is None else None
        if known is not None and known[0] == flow.protocol:
            inside = known[1:]
        return [] if inside is None else [rewritten(packet, destination=inside)]

    def _opened(self, source: Address) -> int | None:
        """The port that is always open to this inside end."""
        return next((port for port, inside in self.forwards.items() if inside == source), None)
