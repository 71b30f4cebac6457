"""Any bytes, as something that a parser takes: pieces of a stream, packets, a connection."""

from __future__ import annotations

from helpers.packets import OWN_FRAME, RAW, Packet, Packets


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
