"""What takes any bytes: the parsers of helpers and of the reference solutions.

Each target is a function of bytes. It raises only what a parser may raise on bad input, or an
AssertionError where its result makes no sense. `test_bad_input.py` gives them hypothesis' bytes
and mutated captures, `fuzz.py` those that atheris finds by watching which lines they reach.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import mmap
import socket
import struct
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from helpers import plain_values, recordings
from helpers.byte_maps import byte_map
from helpers.exercises import exercise
from helpers.fields import fields
from helpers.icmp_errors import icmp_error
from helpers.kernel_state import tcp_info
from helpers.ladders import ladder
from helpers.layer_bars import layer_sizes
from helpers.own_frames import tcp_payload_length
from helpers.packet_lists import packet_list
from helpers.packets import OWN_FRAME, RAW, Packet, Packets
from helpers.progress_file import Progress, state_of
from helpers.raw_capture import is_of_others
from helpers.reconstruction import reconstruct
from helpers.segments import conversations, read_segment, steps
from helpers.wire_records import Records

# Of a reference solution: it says that the bytes are wrong, or that there are too few.
REFUSED = (ValueError, IndexError, EOFError, struct.error)


@cache
def solution(key: str) -> Any:
    """What the reference solution of an exercise defines."""
    asked = exercise(key)
    namespace: dict[str, Any] = {"__name__": "solution"}
    exec(compile(asked.solution, key, "exec"), namespace)
    return namespace[asked.name]


def in_pieces(data: bytes) -> list[bytes]:
    """The bytes cut in pieces, whose lengths are in them."""
    pieces = []
    while data:
        length = 1 + data[0] % 7
        pieces.append(data[1 : 1 + length])
        data = data[1 + length :]
    return pieces


def frames(data: bytes) -> Packets:
    """The bytes as packets: each has its length in front."""
    found = Packets(note="Fuzz.")
    while len(data) > 1 and len(found) < 20:
        length = int.from_bytes(data[:2], "big") % 200
        source = OWN_FRAME if data[0] & 0x80 else RAW
        found.append(Packet(1_000_000 * len(found), data[2 : 2 + length], source))
        data = data[2 + length :]
    return found


def all_fields(data: bytes) -> None:
    end = 0
    for field in fields(data):
        assert (field.start, field.bits > 0) == (end, True)
        end = field.end
    assert end == 8 * len(data)


def drawn_bytes(data: bytes) -> None:
    if data:
        assert byte_map(data).html
        assert sum(size for _, size in layer_sizes(data)) == len(data)


def segments(data: bytes) -> None:
    packet = Packet(0, data, RAW)
    read_segment(packet)
    is_of_others(data, {80})
    assert 0 <= tcp_payload_length(data) <= len(data)


def captures(data: bytes) -> None:
    packets = frames(data)
    packet_list(packets)
    for conversation in conversations(packets):
        steps(conversation)
    if packets:
        with contextlib.suppress(ValueError):  # there is no conversation in them
            reconstruct(packets)
        with contextlib.suppress(ValueError):
            ladder(packets)


def errors(data: bytes) -> None:
    for level, kind in ((socket.IPPROTO_IP, 11), (socket.IPPROTO_IPV6, 25)):
        icmp_error([(level, kind, data)])


class Telling(socket.socket):
    """A socket that answers getsockopt() with these bytes."""

    answer = b""

    def getsockopt(self, *_: int) -> bytes:  # type: ignore[override]
        return self.answer


def info(data: bytes) -> None:
    with Telling() as sock:
        sock.answer = data.ljust(104, b"\0")  # less never comes from a kernel
        tcp_info(sock)


def recording(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for content in (data, gzip.compress(data, 1)):
            Path(folder, "00-fuzz.json.gz").write_bytes(content)
            with contextlib.suppress(plain_values.Damaged, LookupError):
                recordings.load("00-fuzz", folder=Path(folder))


def plain_value(data: bytes) -> None:
    try:
        packed = json.loads(data)
    except (ValueError, RecursionError):
        return
    with contextlib.suppress(plain_values.Damaged):
        value = plain_values.unpack(packed)
        assert value is None or plain_values.pack(value) is not None


def progress(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "progress.json")
        file.write_bytes(data)
        keeper = Progress(file)
        for entry in keeper.read()["exercises"].values():
            state_of(entry)
        keeper.change("exercises", "x", lambda e: e.update(tries=e.get("tries", 0) + 1))
        assert Progress(file).read()["exercises"].keys() >= {"x"} or keeper.path is None


def records(data: bytes) -> None:
    with mmap.mmap(-1, Records.SIZE) as memory:
        memory[: len(data)] = data
        if data[:1] < b"\x05":  # most are quick
            Records("a to b", memory).drops()


def refuses(key: str, *arguments: Any) -> Callable[[bytes], None]:
    """The reference solution of an exercise, which is a function of bytes."""

    def target(data: bytes) -> None:
        with contextlib.suppress(*REFUSED):
            solution(key)(data, *arguments)

    return target


def framer(data: bytes) -> None:
    made = solution("05-framer")()
    messages = [message for piece in in_pieces(data) for message in made.feed(piece)]
    assert sum(len(message) + 2 for message in messages) <= len(data)
    with contextlib.suppress(EOFError):
        made.close()


def decoder(data: bytes) -> None:
    pieces = in_pieces(data)
    with contextlib.suppress(UnicodeDecodeError):
        assert "".join(solution("05-utf8")(pieces)) == b"".join(pieces).decode()


class Stream:
    """A connection that gives these pieces, and then its end; or a reset."""

    def __init__(self, data: bytes) -> None:
        self.pieces = in_pieces(data)
        self.reset = len(data) % 5 == 0

    def recv(self, size: int) -> bytes:
        if self.pieces:
            piece = self.pieces.pop(0)
            self.pieces[:0] = [piece[size:]] if piece[size:] else []
            return piece[:size] or self.recv(size)
        if self.reset:
            raise ConnectionResetError
        return b""

    def settimeout(self, seconds: float) -> None: ...


def streams(data: bytes) -> None:
    with contextlib.suppress(EOFError, ConnectionResetError):
        assert len(solution("05-recv-exactly")(Stream(data), 20)) == 20
    with contextlib.suppress(EOFError, ValueError, ConnectionResetError):
        assert all(len(line) <= 9 for line in solution("05-lines")(Stream(data), 9))
    with contextlib.suppress(EOFError, TimeoutError, ConnectionResetError):
        clock = iter(range(1000)).__next__
        assert len(solution("10-deadline")(Stream(data), 20, 9, clock)) == 20


def fragments(data: bytes) -> None:
    with contextlib.suppress(*REFUSED):
        solution("02-reassemble")([packet.data for packet in frames(data)])


def address_text(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert len(solution("11-parse")(data.decode("latin-1"))) == 16


TARGETS: dict[str, Callable[[bytes], None]] = {
    "fields": all_fields,
    "byte map": drawn_bytes,
    "segments": segments,
    "captures": captures,
    "ICMP errors": errors,
    "TCP_INFO": info,
    "recording": recording,
    "plain values": plain_value,
    "progress file": progress,
    "wire records": records,
    "streams": streams,
    "framer": framer,
    "decoder": decoder,
    "fragments": fragments,
    "ports": refuses("00-ports"),
    "peel": refuses("01-peel"),
    "checksum": refuses("02-checksum"),
    "options": refuses("04-options"),
    "DNS name": refuses("06-dns-name", 0),
    "DNS name in a message": refuses("06-dns-name", 12),
    "upper layer": refuses("11-upper-layer"),
    "compress": refuses("11-compress"),
    "parse": address_text,
}

# For atheris, which takes a while to start: some targets together, the first byte chooses.
GROUPS = {
    "packets": ("fields", "byte map", "segments", "captures", "ICMP errors", "TCP_INFO"),
    "files": ("recording", "plain values", "progress file", "wire records"),
}
GROUPS["solutions"] = tuple(
    name for name in TARGETS if name not in {*GROUPS["packets"], *GROUPS["files"]}
)


def group(name: str) -> Callable[[bytes], None]:
    """A target that is one of a group's."""
    targets = [TARGETS[each] for each in GROUPS[name]]

    def target(data: bytes) -> None:
        if data:
            targets[data[0] % len(targets)](data[1:])

    return target
