"""Unwrap a frame by hand: Ethernet, IPv4, UDP, and the payload that is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Finding, call
from . import Exercise

# Ethernet, IPv4 and UDP, their checksums right: a plain one, one with an IPv4 option
# (Router Alert, RFC 2113), one filled up to the 60 bytes that Ethernet wants.
PLAIN = bytes.fromhex(
    "02000000000b02000000000a0800"
    "4500003500010000401166b50a0000010a000002"
    "cb220035002147bd"
    "61207175657374696f6e206f6620736f6d65206c656e677468"
)
WITH_OPTION = bytes.fromhex(
    "02000000000b02000000000a0800"
    "46000036000100004011d1af0a0000010a00000294040000"
    "cb230035001ec158"
    "6f7074696f6e7320636f6d65206265666f7265206d65"
)
PADDED = bytes.fromhex(
    "02000000000b02000000000a0800"
    "4500002100010000401166c90a0000010a000002"
    "cb220035000ddca7"
    "68656c6c6f"
    "00000000000000000000000000"
)


def examine(peel: Callable[[bytes], Any], frame: bytes) -> Finding | None:
    udp = 14 + (frame[14] & 0x0F) * 4
    end = udp + number(frame[udp + 4 : udp + 6])
    expected = number(frame[12:14]), frame[23], frame[udp + 8 : end]
    got = call(peel, frame, shown="peel(frame)", packet=frame)
    if not (isinstance(got, tuple) and len(got) == 3):
        message = "The answer must be a tuple of three: ethertype, protocol, payload."
        return Finding(message, "peel(frame)", expected=expected, got=got, packet=frame)
    fields = (
        f"The ethertype is in bytes 12 and 13 of the frame: {frame[12:14].hex(' ')}.",
        f"The protocol is byte 9 of the IPv4 header, byte 23 of the frame: {frame[23]:02x}.",
        wrong_payload(frame, udp, end, got[2]),
    )
    for message, wanted, given in zip(fields, expected, got, strict=True):
        if wanted != given:
            if given == int.from_bytes(frame[12:14], "little"):
                message += " The byte that counts most comes first."
            return Finding(message, "peel(frame)", expected=wanted, got=given, packet=frame)
    return None


def wrong_payload(frame: bytes, udp: int, end: int, got: object) -> str:
    if got == frame[udp + 8 :]:
        return (
            f"The payload has {len(frame) - end} bytes too many at its end. Ethernet fills short "
            f"frames up to 60 bytes; bytes {udp + 4} and {udp + 5}, the length in the UDP header, "
            f"say that header and payload take {end - udp} bytes."
        )
    if got == frame[udp + 8 : end + 8]:
        return (
            f"Bytes {udp + 4} and {udp + 5} say {end - udp}: that is the length of the UDP header "
            f"and the payload together, so the payload is bytes {udp + 8} to {end - 1}."
        )
    if got == frame[42:] or got == frame[42:end]:
        return (
            f"You took the IPv4 header for 20 bytes. Here byte 14 is {frame[14]:02x}: its low half "
            f"counts words of 4 bytes, so the payload begins at byte {udp + 8}."
        )
    return f"The payload is bytes {udp + 8} to {end - 1} of the frame: it follows the UDP header."


def number(field: bytes) -> int:
    return int.from_bytes(field, "big")


def check(peel: Callable[[bytes], Any]) -> Finding | None:
    frames = (PLAIN, WITH_OPTION, PADDED)
    return next((found for frame in frames if (found := examine(peel, frame))), None)


EXERCISE = Exercise(
    key="01-peel",
    name="peel",
    statement="""\
Write `peel(frame)`. It unwraps a frame by hand, Ethernet, then IPv4, then UDP, and returns
a tuple of three: the ethertype (an int), the protocol number in the IPv4 header (an int)
and the payload of the UDP datagram (bytes). The headers say how long things are: the
low half of the first byte of the IPv4 header counts its words of 4 bytes, and bytes 4 and 5
of the UDP header count the bytes of that header and its payload. After the payload, there
may be bytes in the frame that belong to nobody.
""",
    starter='''\
def peel(frame):
    """The ethertype, the IPv4 protocol and the UDP payload of a frame."""
    ...  # your code
''',
    check=check,
    hints=(
        "An Ethernet header: 6 bytes of destination, 6 of source, 2 of ethertype. What is left, "
        "`frame[14:]`, is the IPv4 packet. Give it a name, and count from its start.",
        "In the IPv4 packet, byte 9 is the protocol and `packet[0] & 0x0F` times 4 the length "
        "of the header. What is left behind it is the UDP datagram.",
        "A UDP header has 8 bytes: source port, destination port, length, checksum, two bytes "
        "each. The payload ends where the length says, not where the frame ends.",
    ),
    solution="""\
def peel(frame):
    ethertype = int.from_bytes(frame[12:14], "big")
    packet = frame[14:]
    protocol = packet[9]
    datagram = packet[(packet[0] & 0x0F) * 4 :]
    length = int.from_bytes(datagram[4:6], "big")
    return ethertype, protocol, datagram[8:length]
""",
    wrong={
        "the payload goes to the end of the frame": """\
def peel(frame):
    packet = frame[14:]
    datagram = packet[(packet[0] & 0x0F) * 4 :]
    return int.from_bytes(frame[12:14], "big"), packet[9], datagram[8:]
""",
        "takes every IPv4 header for 20 bytes": """\
def peel(frame):
    length = int.from_bytes(frame[38:40], "big")
    return int.from_bytes(frame[12:14], "big"), frame[23], frame[42 : 34 + length]
""",
        "little-endian": """\
def peel(frame):
    return int.from_bytes(frame[12:14], "little"), frame[23], frame[42:]
""",
        "the TTL for the protocol": """\
def peel(frame):
    return int.from_bytes(frame[12:14], "big"), frame[22], frame[42:]
""",
        "takes the length for that of the payload": """\
def peel(frame):
    packet = frame[14:]
    datagram = packet[(packet[0] & 0x0F) * 4 :]
    length = int.from_bytes(datagram[4:6], "big")
    return int.from_bytes(frame[12:14], "big"), packet[9], datagram[8 : 8 + length]
""",
    },
)
