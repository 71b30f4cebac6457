"""Connections whose pieces are chosen: for the checks of exercises that read a stream.

With a real socket nobody knows beforehand how much a `recv` brings. Here it is given:

>>> conn = Arriving([b"he", b"llo"])
>>> conn.recv(1), conn.recv(100), conn.recv(100), conn.recv(100)
(b'h', b'e', b'llo', b'')
"""

from __future__ import annotations

from collections.abc import Iterable


class Arriving:
    """Has the `recv` of a socket. Each call brings bytes of one piece; after the last, b"".

    Attributes
    ----------
    taken : int
        How many bytes `recv` has handed out.
    asked : int
        The largest number of bytes that `recv` was asked for.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._coming = iter(pieces)
        self._here = b""
        self.taken = 0
        self.asked = 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """From 1 to `size` bytes; b"" at the end of the stream. Flags change nothing."""
        if size < 0:
            raise ValueError("negative buffersize in recv")  # as a socket says it
        self.asked = max(self.asked, size)
        while not self._here:
            piece = next(self._coming, None)
            if piece is None:
                return b""
            self._here = piece
        given, self._here = self._here[:size], self._here[size:]
        self.taken += len(given)
        return given

    def rest(self) -> bytes:
        """What `recv` has not handed out yet. The pieces must come to an end."""
        return self._here + b"".join(self._coming)
