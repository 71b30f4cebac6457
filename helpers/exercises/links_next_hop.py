"""A routing table's answer for an address: the longest prefix that matches (RFC 1812, 5.2.4.3)."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

from ..findings import Finding, call, called
from . import Exercise

Table = list[tuple[str, str]]

HOME: Table = [("10.0.0.0/24", ""), ("0.0.0.0/0", "10.0.0.2")]
OFFICE: Table = [
    ("0.0.0.0/0", "10.0.0.2"),
    ("10.0.0.0/8", "10.0.0.3"),
    ("10.1.0.0/16", "10.0.0.4"),
    ("10.1.2.0/24", "10.0.0.5"),
]
BITS: Table = [
    ("192.168.0.0/20", "10.0.0.2"),
    ("192.168.8.0/22", "10.0.0.3"),
    ("192.168.11.128/25", "10.0.0.4"),
    ("192.168.11.200/32", "10.0.0.5"),
]
CASES: tuple[tuple[Table, str], ...] = (
    (HOME, "10.0.0.7"),
    (HOME, "10.0.1.7"),
    (OFFICE, "10.1.2.3"),
    (OFFICE, "10.1.3.3"),
    (OFFICE, "10.12.0.1"),
    (OFFICE, "172.16.0.1"),
    (OFFICE[::-1], "10.1.2.3"),
    (BITS, "192.168.7.1"),
    (BITS, "192.168.9.1"),
    (BITS, "192.168.11.127"),
    (BITS, "192.168.11.129"),
    (BITS, "192.168.11.200"),
    ([("8.0.0.0/6", "10.0.0.2"), ("10.0.0.0/9", "10.0.0.3"), *OFFICE], "10.1.2.3"),
    (BITS, "192.168.16.1"),
    ([], "10.0.0.1"),
)


def matching(routes: Table, address: str) -> list[tuple[int, str, str]]:
    """(prefix length, network, next hop) of each route that matches, the longest first."""
    found = [
        (ip_network(network).prefixlen, network, hop)
        for network, hop in routes
        if ip_address(address) in ip_network(network)
    ]
    return sorted(found, reverse=True)


def examine(next_hop: Callable[..., Any], routes: Table, address: str) -> Finding | None:
    matches = matching(routes, address)
    expected = matches[0][2] or address if matches else None
    shown = called(next_hop, routes, address)
    got = call(next_hop, list(routes), address, shown=shown)
    if got == expected:
        return None
    return Finding(wrong(matches, address, got), shown, expected=expected, got=got)


def wrong(matches: list[tuple[int, str, str]], address: str, got: object) -> str:
    if not matches:
        return f"No route matches {address}: then next_hop returns None."
    length, network, hop = matches[0]
    if got is not None and not isinstance(got, str):
        return f"next_hop returns an address as text, or None; not {type(got).__name__}."
    if not hop and got in ("", None):
        return (
            f"{network} matches, and its next hop is empty: {address} is on this very wire. The "
            "frame goes to the address itself, so that is what next_hop returns."
        )
    for other_length, other, other_hop in matches[1:]:
        if got == (other_hop or address):
            return (
                f"{other} matches, and so does {network}. The longer prefix wins, wherever it "
                f"stands in the table: {length} bits against {other_length}."
            )
    if got is None:
        return f"{network} matches {address}: their first {length} bits are the same."
    return (
        f"The longest prefix that matches {address} is {network}. An address matches if its first "
        f"{length} bits are those of the network; dots do not matter."
    )


def check(next_hop: Callable[..., Any]) -> Finding | None:
    return next((found for case in CASES if (found := examine(next_hop, *case))), None)


EXERCISE = Exercise(
    key="02-next-hop",
    name="next_hop",
    statement="""\
Write `next_hop(routes, address)`: to which neighbour does a host with this routing table send a
packet for `address`? The table is a list of `(network, gateway)`, such as
`[("10.0.0.0/24", ""), ("0.0.0.0/0", "10.0.0.2")]`, in any order. Among the networks that the
address belongs to, the one with the longest prefix decides. Return its gateway. If the gateway is
empty, the receiver is on this wire: return the address itself. If nothing matches, return `None`.

`ipaddress`, from the standard library, may help.
""",
    starter='''\
def next_hop(routes, address):
    """The neighbour that gets the packet: an address as text, or None."""
    ...  # your code
''',
    check=check,
    hints=(
        "`ip_address(address) in ip_network(network)`: does the address belong to the network?",
        "`ip_network(network).prefixlen` is the length of the prefix. The default route, "
        "`0.0.0.0/0`, has the length 0: it matches everything and wins against nothing.",
        "Go through all routes and keep the best match so far, or collect the matches and take "
        "`max(…, key=…)`. What if there is none?",
    ),
    solution="""\
from ipaddress import ip_address, ip_network


def next_hop(routes, address):
    longest, best = -1, None
    for network, gateway in routes:
        length = ip_network(network).prefixlen
        if ip_address(address) in ip_network(network) and length > longest:
            longest, best = length, gateway or address
    return best
""",
    wrong={
        "the first that matches": """\
from ipaddress import ip_address, ip_network


def next_hop(routes, address):
    for network, gateway in routes:
        if ip_address(address) in ip_network(network):
            return gateway or address
""",
        "the last that matches": """\
from ipaddress import ip_address, ip_network


def next_hop(routes, address):
    best = None
    for network, gateway in routes:
        if ip_address(address) in ip_network(network):
            best = gateway or address
    return best
""",
        "returns the empty gateway": """\
from ipaddress import ip_address, ip_network


def next_hop(routes, address):
    here = ip_address(address)
    found = [(ip_network(n).prefixlen, g) for n, g in routes if here in ip_network(n)]
    return max(found)[1] if found else None
""",
        "compares the text": """\
def next_hop(routes, address):
    best, length = None, -1
    for network, gateway in routes:
        start, bits = network.split("/")
        kept = int(bits) // 8
        if start.split(".")[:kept] == address.split(".")[:kept] and int(bits) > length:
            best, length = gateway or address, int(bits)
    return best
""",
        "lengths as text": """\
from ipaddress import ip_address, ip_network


def next_hop(routes, address):
    found = [r for r in routes if ip_address(address) in ip_network(r[0])]
    found.sort(key=lambda route: route[0].split("/")[1])
    return (found[-1][1] or address) if found else None
""",
        "raises without a match": """\
from ipaddress import ip_address, ip_network


def next_hop(routes, address):
    found = [r for r in routes if ip_address(address) in ip_network(r[0])]
    best = max(found, key=lambda route: ip_network(route[0]).prefixlen)
    return best[1] or address
""",
    },
)
