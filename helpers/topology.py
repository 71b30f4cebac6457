"""Which addresses and routes hosts need that are joined by wires: arithmetic, no kernel.

Wire number w has the networks 10.0.w.0/24 and fd00:0:0:w::/64. Host number n has the last
part n in all of them, and the MAC address 02:00:00:00:ww:nn (locally administered).

>>> plan = plan_hosts(["a", "r", "b"], [("a", "r"), ("r", "b")])
>>> [interface.ipv4 for interface in plan["r"].interfaces]
['10.0.0.2', '10.0.1.2']
>>> plan["a"].routes[0]
('default', '10.0.0.2')
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_interface, ip_network
from typing import NamedTuple

IPV4_PREFIX, IPV6_PREFIX = 24, 64
MAX_HOSTS = 32


@dataclass(frozen=True)
class Interface:
    """One network interface of a host, at one end of a wire."""

    name: str  # eth0, eth1, …
    wire: int
    mac: str
    ipv4: str
    ipv6: str
    link_local: str  # made of the MAC address: RFC 4291, appendix A


class Route(NamedTuple):
    """One line of a routing table: what is sent to `network` goes to `gateway`, a router on the
    wire of `interface`; to the receiver itself, on that wire, if `gateway` is empty."""

    network: str
    gateway: str
    interface: str


@dataclass
class HostPlan:
    """What a host needs: its interfaces, routes as (network, gateway), and its task."""

    interfaces: list[Interface] = field(default_factory=list)
    routes: list[tuple[str, str]] = field(default_factory=list)

    @property
    def forwards(self) -> bool:
        """Whether this host is a router: it joins several wires."""
        return len(self.interfaces) > 1

    def table(self) -> list[Route]:
        """The routing table, IPv4 first: own wires, and what lies behind routers."""
        direct = [
            (str(ip_interface(f"{address}/{prefix}").network), "", interface.name)
            for interface in self.interfaces
            for address, prefix in ((interface.ipv4, IPV4_PREFIX), (interface.ipv6, IPV6_PREFIX))
        ]
        on_wire = [(ip_network(network), name) for network, _, name in direct]
        table = [Route(*route) for route in direct]
        for network, gateway in self.routes:
            name = next(name for wire, name in on_wire if ip_address(gateway) in wire)
            if network == "default":
                network = "::/0" if ":" in gateway else "0.0.0.0/0"
            table.append(Route(network, gateway, name))
        return sorted(table, key=lambda route: ":" in route.network)


def plan_hosts(names: Sequence[str], wires: Sequence[tuple[str, str]]) -> dict[str, HostPlan]:
    """Addresses for all hosts, and routes so that each reaches each other one.

    Raises
    ------
    ValueError
        If there are fewer than 2 or more than 32 hosts, two of the same name, or one that no
        wire leads to; or if a wire does not join two hosts.
    """
    if not 2 <= len(names) <= MAX_HOSTS:
        raise ValueError(f"A network has 2 to {MAX_HOSTS} hosts, not {len(names)}.")
    if len(set(names)) < len(names):
        raise ValueError(f"Each host needs a name of its own; got {', '.join(names)}.")
    for ends in wires:
        if len(set(ends)) != 2 or not set(ends) <= set(names):
            raise ValueError(f"A wire joins two of the hosts {', '.join(names)}, not {ends!r}.")
    alone = set(names) - {end for ends in wires for end in ends}
    if alone:
        raise ValueError(f"No wire leads to {', '.join(sorted(alone))}.")
    plans = {name: HostPlan() for name in names}
    for wire, ends in enumerate(wires):
        for end in ends:
            interfaces = plans[end].interfaces
            number = names.index(end) + 1
            interfaces.append(_interface(len(interfaces), wire, number))
    for name, plan in plans.items():
        gateways = _gateways(name, wires, plans)
        if plan.forwards:
            plan.routes = [route for wire in gateways for route in _routes(wire, gateways[wire])]
        elif gateways:  # one way out: all beyond this wire lies behind the same router
            router = next(iter(gateways.values()))
            plan.routes = [("default", router.ipv4), ("default", router.ipv6)]
    return plans


def _interface(index: int, wire: int, number: int) -> Interface:
    mac = bytes((2, 0, 0, 0, wire, number))
    return Interface(
        name=f"eth{index}",
        wire=wire,
        mac=mac.hex(":"),
        ipv4=f"10.0.{wire}.{number}",
        ipv6=str(IPv6Address(f"fd00:0:0:{wire:x}::{number:x}")),
        link_local=str(IPv6Address(b"\xfe\x80" + bytes(7) + b"\0\0\xff\xfe\0" + mac[4:])),
    )


def _routes(wire: int, gateway: Interface) -> list[tuple[str, str]]:
    return [
        (f"10.0.{wire}.0/{IPV4_PREFIX}", gateway.ipv4),
        (f"{IPv6Address(f'fd00:0:0:{wire:x}::')}/{IPV6_PREFIX}", gateway.ipv6),
    ]


def _gateways(
    start: str, wires: Sequence[tuple[str, str]], plans: dict[str, HostPlan]
) -> dict[int, Interface]:
    """For each wire that `start` is not on: the neighbour to send to. The shortest way."""
    gateways: dict[int, Interface] = {}
    reached = {i.wire for i in plans[start].interfaces}
    ways: deque[tuple[str, Interface | None]] = deque([(start, None)])
    seen = {start}
    while ways:
        here, gateway = ways.popleft()
        for interface in plans[here].interfaces:
            wire = interface.wire
            if gateway is not None and wire not in reached:
                reached.add(wire)
                gateways[wire] = gateway
            for other in set(wires[wire]) - seen:
                seen.add(other)
                there = next(i for i in plans[other].interfaces if i.wire == wire)
                ways.append((other, gateway or there))
    return gateways
