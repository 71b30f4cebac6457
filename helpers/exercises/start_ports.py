"""Two ports, read from the bytes of a frame: byte order, and where a header begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Finding, call
from . import Exercise

# Ethernet, IPv4 and TCP, their checksums right. The second has an IPv4 option (Router
# Alert, RFC 2113), so that its IPv4 header takes 24 bytes.
PLAIN = bytes.fromhex(
    "02000000000b02000000000a0800"
    "4500002d00014000400626c80a0000010a000002"
    "cb2000500000000100000001501820006c800000"
    "68656c6c6f"
)
WITH_OPTION = bytes.fromhex(
    "02000000000b02000000000a0800"
    "4600002c000100004006d1c40a0000010a00000294040000"
    "cb2101bb000000010000000050022000af020000"
)
ETHERNET = 14


def examine(ports: Callable[[bytes], Any], frame: bytes) -> Finding | None:
    ihl = (frame[ETHERNET] & 0x0F) * 4
    tcp = ETHERNET + ihl
    source, destination = frame[tcp : tcp + 2], frame[tcp + 2 : tcp + 4]
    expected = number(source), number(destination)
    got = call(ports, frame, shown="ports(frame)", packet=frame)
    if got == expected:
        return None
    little = tuple(int.from_bytes(port, "little") for port in (source, destination))
    where = f"The ports are in bytes {tcp} and {tcp + 1}, and {tcp + 2} and {tcp + 3}, of the frame"
    if got == little:
        message = (
            f"The right bytes, read from the wrong end. Bytes {tcp} and {tcp + 1} are "
            f"{source.hex(' ')}: the byte that comes first counts 256 times the other."
        )
    elif got == expected[::-1]:
        message = "The right numbers in the wrong order: the source port comes first."
    elif got == (number(frame[34:36]), number(frame[36:38])):
        message = (
            f"You read bytes 34 to 37. Here byte 14 is {frame[14]:02x}: its low half counts the "
            f"words of 4 bytes in the IPv4 header, so this one has {ihl} bytes. {where}."
        )
    else:
        message = f"{where}: {source.hex(' ')} and {destination.hex(' ')}."
    return Finding(message, "ports(frame)", expected=expected, got=got, packet=frame)


def number(field: bytes) -> int:
    return int.from_bytes(field, "big")


def check(ports: Callable[[bytes], Any]) -> Finding | None:
    return examine(ports, PLAIN) or examine(ports, WITH_OPTION)


EXERCISE = Exercise(
    key="00-ports",
    name="ports",
    statement="""\
Write `ports(frame)`. It takes the bytes of a captured frame (an Ethernet header, an
IPv4 header, a TCP header, data) and returns the source port and the destination port
as a tuple of two ints. Use `int.from_bytes`. TCP begins with the two ports, two bytes
each. The Ethernet header takes 14 bytes. The IPv4 header takes 20 bytes in nearly all
packets, but not in all: the low half of its first byte (`IHL` in the map above) counts
words of 4 bytes.
""",
    starter='''\
def ports(frame):
    """The source port and the destination port in a frame that carries TCP."""
    ...  # your code
''',
    check=check,
    hints=(
        "A port takes two bytes. Networks send the byte that counts most first: "
        '`int.from_bytes(two_bytes, "big")`.',
        "The TCP header begins where the IPv4 header ends, and begins with the source port; "
        "the destination port follows it.",
        "The low half of the first byte of the IPv4 header, `frame[14] & 0x0F`, is the length "
        "of that header in words of 4 bytes (RFC 791 calls it IHL).",
    ),
    solution="""\
def ports(frame):
    tcp = 14 + (frame[14] & 0x0F) * 4
    source, destination = frame[tcp : tcp + 2], frame[tcp + 2 : tcp + 4]
    return int.from_bytes(source, "big"), int.from_bytes(destination, "big")
""",
    wrong={
        "little-endian": """\
def ports(frame):
    return int.from_bytes(frame[34:36], "little"), int.from_bytes(frame[36:38], "little")
""",
        "takes every IPv4 header for 20 bytes": """\
def ports(frame):
    return int.from_bytes(frame[34:36], "big"), int.from_bytes(frame[36:38], "big")
""",
        "destination first": """\
def ports(frame):
    return int.from_bytes(frame[36:38], "big"), int.from_bytes(frame[34:36], "big")
""",
        "forgets Ethernet": """\
def ports(frame):
    return int.from_bytes(frame[20:22], "big"), int.from_bytes(frame[22:24], "big")
""",
    },
)
