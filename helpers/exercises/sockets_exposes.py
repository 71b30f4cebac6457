"""Who can reach a server, judged by the address it was bound to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Finding, call, called
from . import Exercise

HERE, ALL, ONE = "this machine", "every address", "one address"

CASES = (
    ("127.0.0.1", HERE, ""),
    ("10.0.0.2", ONE, ""),
    ("", ALL, "The empty string means 0.0.0.0: every IPv4 address that this machine has."),
    ("0.0.0.0", ALL, "0.0.0.0 stands for every IPv4 address that this machine has."),
    ("::", ALL, "`::` is to IPv6 what 0.0.0.0 is to IPv4."),
    ("::1", HERE, "::1 is the loopback address of IPv6 (RFC 4291, section 2.5.3)."),
    (
        "127.0.0.53",
        HERE,
        "Loopback is not one address: all that begin with 127 belong to it (RFC 1122, section "
        "3.2.1.3).",
    ),
    (
        "192.168.1.20",
        ONE,
        "A private address is not this machine alone: all the home or office can reach it.",
    ),
    ("203.0.113.7", ONE, ""),
    ("fe80::1", ONE, "A link-local address can be reached by every neighbour on that link."),
    ("0:0:0:0:0:0:0:0", ALL, "The same address can be written in several ways: this is `::`."),
    ("0:0:0:0:0:0:0:1", HERE, "The same address can be written in several ways: this is ::1."),
)


def examine(exposes: Callable[[str], Any], address: str, wanted: str, why: str) -> Finding | None:
    got = call(exposes, address)
    if got == wanted:
        return None
    message = why or (
        f"{address} is loopback: only programs on this machine reach that server."
        if wanted == HERE
        else f"{address} is one address, and not loopback: whoever can send packets to it reaches "
        "that server."
    )
    if got not in (HERE, ALL, ONE):
        message = f'exposes must return "{HERE}", "{ALL}" or "{ONE}". {message}'
    return Finding(message, called(exposes, address), expected=wanted, got=got)


def check(exposes: Callable[[str], Any]) -> Finding | None:
    return next((found for case in CASES if (found := examine(exposes, *case))), None)


EXERCISE = Exercise(
    key="03-exposes",
    name="exposes",
    statement="""\
Write `exposes(address)`. It takes the host part of what a server is bound to, `""` or an IPv4 or
IPv6 address as text, and says through which addresses clients reach that server. It returns
`"this machine"` (loopback only), `"every address"` (all that the machine has) or `"one address"`
(that one, from wherever packets for it can come). Use the module `ipaddress`, so that you need
not compare texts.
""",
    starter='''\
def exposes(address):
    """Through which addresses clients reach a server bound to this one."""
    ...  # your code
''',
    check=check,
    hints=(
        "There are three kinds: loopback, unspecified (all zeros), and all others. The empty "
        "string is a special case of Python's: it means the same as all zeros.",
        "`ipaddress.ip_address(text)` makes an object of either version. It knows `is_loopback` "
        "and `is_unspecified`. It does not accept an empty string.",
        "`is_private` answers another question: whether an address is meant for networks that "
        "are not joined to the Internet. Your neighbours there can reach it.",
    ),
    solution="""\
import ipaddress


def exposes(address):
    ip = ipaddress.ip_address(address or "0.0.0.0")
    if ip.is_loopback:
        return "this machine"
    return "every address" if ip.is_unspecified else "one address"
""",
    wrong={
        "takes '' for this machine": """\
import ipaddress


def exposes(address):
    if not address or ipaddress.ip_address(address).is_loopback:
        return "this machine"
    return "every address" if ipaddress.ip_address(address).is_unspecified else "one address"
""",
        "compares texts": """\
def exposes(address):
    if address in ("127.0.0.1", "::1", "localhost"):
        return "this machine"
    return "every address" if address in ("", "0.0.0.0", "::") else "one address"
""",
        "takes private for local": """\
import ipaddress


def exposes(address):
    ip = ipaddress.ip_address(address or "0.0.0.0")
    if ip.is_unspecified:
        return "every address"
    return "this machine" if ip.is_loopback or str(ip).startswith("192.168.") else "one address"
""",
        "forgets IPv6": """\
import ipaddress


def exposes(address):
    ip = ipaddress.IPv4Address(address or "0.0.0.0")
    if ip.is_loopback:
        return "this machine"
    return "every address" if ip.is_unspecified else "one address"
""",
        "does not expect ''": """\
import ipaddress


def exposes(address):
    ip = ipaddress.ip_address(address)
    if ip.is_loopback:
        return "this machine"
    return "every address" if ip.is_unspecified else "one address"
""",
        "a bool": """\
import ipaddress


def exposes(address):
    return not ipaddress.ip_address(address or "0.0.0.0").is_loopback
""",
    },
)
