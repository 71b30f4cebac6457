"""An IPv4 address and a port, packed as Linux keeps them: struct sockaddr_in (ip(7))."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

from ..findings import Finding, call, called, smallest_finding
from . import Exercise

AF_INET = 2  # on every system; the layout is Linux's, on a little-endian machine
SIZE = 16
PARTS = (("family", 0, 2), ("port", 2, 4), ("address", 4, 8), ("filling", 8, 16))


def examine(sockaddr_in: Callable[[str, int], Any], host: str, port: int) -> Finding | None:
    expected = struct.pack("<H", AF_INET) + struct.pack("!H", port)
    expected += socket.inet_aton(host) + bytes(8)
    shown = called(sockaddr_in, host, port)
    got = call(sockaddr_in, host, port, shown=shown)
    if got == expected:
        return None
    return Finding(wrong(expected, got), shown, expected=expected, got=got)


def wrong(expected: bytes, got: object) -> str:
    if not isinstance(got, bytes):
        return f"The structure must be bytes, not {type(got).__name__}."
    for name, start, end in PARTS:
        wanted, given = expected[start:end], got[start:end]
        if wanted == given:
            continue
        if len(got) < SIZE and expected.startswith(got):
            return (
                f"Right as far as it goes, but it ends after {len(got)} bytes: the structure "
                "has 16, the last 8 of them zero."
            )
        where = f"The {name} is wrong: bytes {start} to {end - 1} must be {wanted.hex(' ')}"
        return f"{where}, and are {given.hex(' ') or 'missing'}.{reason(name, wanted, given)}"
    return f"The structure has {SIZE} bytes; yours has {len(got)}."


def reason(name: str, wanted: bytes, given: bytes) -> str:
    if given != wanted[::-1]:
        return ""
    if name == "family":
        return (
            " The family never leaves the machine: it has the byte order of the machine, and "
            "here that is little-endian."
        )
    return (
        " The bytes are those, from the wrong end: network byte order begins with the most "
        "significant byte."
    )


def check(sockaddr_in: Callable[[str, int], Any]) -> Finding | None:
    from hypothesis import strategies as st

    # A port with two different bytes, an address that is no palindrome: each mistake shows.
    if found := examine(sockaddr_in, "127.0.0.1", 8080):
        return found
    hosts = st.binary(min_size=4, max_size=4).map(socket.inet_ntoa)
    return smallest_finding(
        st.tuples(hosts, st.integers(0, 65535)), lambda case: examine(sockaddr_in, *case)
    )


EXERCISE = Exercise(
    key="03-sockaddr",
    name="sockaddr_in",
    statement="""\
Write `sockaddr_in(host, port)`: it takes an IPv4 address as text, such as `"127.0.0.1"`, and a
port, and returns the 16 bytes that the cell above has read from the kernel: the family, 2,
**in little-endian order**; the port in network byte order; the four bytes of the address; eight
bytes of zero. (That is the layout of Linux on a little-endian machine. Return it on every
machine.)
""",
    starter='''\
def sockaddr_in(host, port):
    """The 16 bytes of an IPv4 address and a port, as Linux keeps them."""
    ...  # your code
''',
    check=check,
    hints=(
        "Four parts of 2, 2, 4 and 8 bytes, one behind the other. `+` joins bytes, and "
        "`bytes(8)` is eight zeros.",
        'A number of two bytes: `number.to_bytes(2, "little")` or `number.to_bytes(2, "big")`. '
        "Network byte order is one of the two.",
        "The address in text is not the address: `socket.inet_aton(host)` gives its four bytes, "
        "already in the right order.",
    ),
    solution="""\
import socket


def sockaddr_in(host, port):
    family = (2).to_bytes(2, "little")
    return family + port.to_bytes(2, "big") + socket.inet_aton(host) + bytes(8)
""",
    wrong={
        "port from the wrong end": """\
import socket
import struct


def sockaddr_in(host, port):
    return struct.pack("<HH", 2, port) + socket.inet_aton(host) + bytes(8)
""",
        "all in network byte order": """\
import socket
import struct


def sockaddr_in(host, port):
    return struct.pack("!HH", 2, port) + socket.inet_aton(host) + bytes(8)
""",
        "address as text": """\
import struct


def sockaddr_in(host, port):
    return struct.pack("<H", 2) + struct.pack("!H", port) + host.encode() + bytes(8)
""",
        "address from the wrong end": """\
import socket
import struct


def sockaddr_in(host, port):
    address = socket.inet_aton(host)[::-1]
    return struct.pack("<H", 2) + struct.pack("!H", port) + address + bytes(8)
""",
        "nothing behind the address": """\
import socket
import struct


def sockaddr_in(host, port):
    return struct.pack("<H", 2) + struct.pack("!H", port) + socket.inet_aton(host)
""",
        "a tuple": """\
def sockaddr_in(host, port):
    return (2, port, host)
""",
    },
)
