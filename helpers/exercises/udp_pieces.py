"""How large may a datagram be? Cut a message so that no packet is fragmented."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Finding, call, smallest_finding
from . import Exercise

HEADERS = 20 + 8
NUMBER = 2


def examine(pieces: Callable[[bytes, int], Any], size: int, mtu: int) -> Finding | None:
    data = bytes(i * 7 % 251 for i in range(size))  # no piece is like the next
    room = mtu - HEADERS - NUMBER
    shown = f"pieces(data, {mtu}), data being {size:,} bytes"
    got = call(pieces, data, mtu, shown=shown)
    if not isinstance(got, list) or not all(isinstance(piece, bytes) for piece in got):
        return Finding("A list of bytes is wanted.", shown, expected="[b'…', …]", got=got)
    sizes = [len(piece) for piece in got]
    starts = range(0, max(size, 1), room)
    wanted = [NUMBER + len(data[start : start + room]) for start in starts]
    lengths: dict[str, Any] = {"expected": wanted, "got": sizes}
    for number, length in enumerate(sizes):
        if length + HEADERS > mtu:
            return Finding(
                f"Datagram {number} has {length:,} bytes. With the headers of IPv4 and UDP that "
                f"makes a packet of {length + HEADERS:,}, and the MTU is {mtu:,}.",
                shown,
                **lengths,
            )
    for number, piece in enumerate(got):
        expected = number.to_bytes(NUMBER, "big")
        if piece[:NUMBER] != expected:
            return Finding(
                f"Datagram {number} must begin with its number in two bytes, the byte that "
                "counts most first; they count from 0.",
                shown,
                expected=expected,
                got=piece[:NUMBER],
            )
    carried = b"".join(piece[NUMBER:] for piece in got)
    if carried != data:
        return Finding(
            f"Put together, the datagrams carry {len(carried):,} bytes, which are not the "
            f"{size:,} bytes of data.",
            shown,
            **lengths,
        )
    if sizes == wanted:
        return None
    if not size:
        message = "No data is a message too: one datagram with nothing but its number."
    elif len(sizes) > len(wanted):
        message = (
            f"{len(sizes)} datagrams are more than needed: of {mtu:,} bytes the headers take "
            f"{HEADERS} and the number {NUMBER}, so {room:,} are left for data in each."
        )
    else:
        message = "All datagrams but the last must be full."
    return Finding(message, shown, **lengths)


def check(pieces: Callable[[bytes, int], Any]) -> Finding | None:
    from hypothesis import strategies as st

    first = ((10, 1500), (1470, 1500), (1471, 1500), (3000, 1500), (0, 1500))
    found = next((f for case in first if (f := examine(pieces, *case))), None)
    cases = st.tuples(st.integers(0, 5000), st.integers(576, 1500))
    return found or smallest_finding(cases, lambda case: examine(pieces, *case))


EXERCISE = Exercise(
    key="06-pieces",
    name="pieces",
    statement="""\
Write `pieces(data, mtu)`: it cuts the bytes `data` into payloads of UDP datagrams, none of which
will be fragmented on a path that takes IPv4 packets of up to `mtu` bytes, and returns a list of
them. Each payload begins with its number, two bytes, counted from 0, so that the receiver can sort
them and see what is missing. The headers of IPv4 (without options, 20 bytes) and UDP count for
the MTU too. Fill all datagrams but the last. No data at all is one datagram with only its number.
""",
    starter='''\
def pieces(data, mtu):
    """The data as payloads of numbered datagrams that need no fragments."""
    ...  # your code
''',
    check=check,
    hints=(
        "An Ethernet frame's own header does not count for the MTU. IPv4's 20 bytes do, and the 8 "
        "of UDP, and so do the 2 of your number.",
        "`range(0, len(data), room)` gives the places where the pieces begin, if `room` is what is "
        "left for data. For no data it gives nothing: `max(len(data), 1)` helps.",
        '`number.to_bytes(2, "big")` is the number in two bytes; `enumerate` counts.',
    ),
    solution="""\
def pieces(data, mtu):
    room = mtu - 20 - 8 - 2
    starts = range(0, max(len(data), 1), room)
    return [i.to_bytes(2, "big") + data[at : at + room] for i, at in enumerate(starts)]
""",
    wrong={
        "forgets the headers": """\
def pieces(data, mtu):
    starts = range(0, max(len(data), 1), mtu - 2)
    return [i.to_bytes(2, "big") + data[at : at + mtu - 2] for i, at in enumerate(starts)]
""",
        "forgets its own number": """\
def pieces(data, mtu):
    starts = range(0, max(len(data), 1), mtu - 28)
    return [i.to_bytes(2, "big") + data[at : at + mtu - 28] for i, at in enumerate(starts)]
""",
        "counts Ethernet too": """\
def pieces(data, mtu):
    room = mtu - 14 - 20 - 8 - 2
    starts = range(0, max(len(data), 1), room)
    return [i.to_bytes(2, "big") + data[at : at + room] for i, at in enumerate(starts)]
""",
        "nothing for no data": """\
def pieces(data, mtu):
    room = mtu - 30
    starts = range(0, len(data), room)
    return [i.to_bytes(2, "big") + data[at : at + room] for i, at in enumerate(starts)]
""",
        "counts from one": """\
def pieces(data, mtu):
    room = mtu - 30
    starts = range(0, max(len(data), 1), room)
    return [i.to_bytes(2, "big") + data[at : at + room] for i, at in enumerate(starts, 1)]
""",
        "little-endian": """\
def pieces(data, mtu):
    room = mtu - 30
    starts = range(0, max(len(data), 1), room)
    return [i.to_bytes(2, "little") + data[at : at + room] for i, at in enumerate(starts)]
""",
        "always 512": """\
def pieces(data, mtu):
    starts = range(0, max(len(data), 1), 510)
    return [i.to_bytes(2, "big") + data[at : at + 510] for i, at in enumerate(starts)]
""",
    },
)
