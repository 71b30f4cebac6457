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


class Conversing(Arriving):
    """As `Arriving`, and it may be answered. `did` tells in order what the program did.

    Parameters
    ----------
    pieces : iterable of bytes
        What the peer sends.
    reset : bool
        After the pieces the peer resets the connection, instead of ending its stream.
    takes : int, optional
        So many bytes are taken from the program; after them the peer is gone.

    Attributes
    ----------
    sent : bytes
        What the program has sent.
    did : list of str
        "recv", "send", "shutdown", "close": each call (a recv at the end after another is left
        out), and "reset" where that was raised.
    """

    def __init__(
        self, pieces: Iterable[bytes], *, reset: bool = False, takes: int | None = None
    ) -> None:
        super().__init__(pieces)
        self.sent = b""
        self.did: list[str] = []
        self.behind = False  # recv was called while something was not answered
        self._reset, self._takes = reset, takes

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As of `Arriving`; ConnectionResetError after the pieces if the peer resets."""
        self.behind = self.behind or len(self.sent) < self.taken
        data = super().recv(size, flags)
        if data or self.did[-1:] != ["recv"]:  # a loop without end would fill the memory
            self.did.append("recv")
        if not data and size and self._reset:
            self._gone(ConnectionResetError(104, "Connection reset by peer"))
        return data

    def send(self, data: bytes, flags: int = 0) -> int:
        """Takes three bytes at most: a send need not take all."""
        self.sendall(data[:3])
        return min(len(data), 3)

    def sendall(self, data: bytes, flags: int = 0) -> None:
        self.did.append("send")
        left = len(data) if self._takes is None else self._takes - len(self.sent)
        if "shutdown" in self.did or len(data) > left:
            self._gone(BrokenPipeError(32, "Broken pipe"))
        self.sent += data

    def shutdown(self, how: int) -> None:
        """Ends the stream of the program, if `how` is SHUT_WR (1) or SHUT_RDWR (2)."""
        self.did.append("shutdown" if how else "shutdown of reading")

    def close(self) -> None:
        self.did.append("close")

    def _gone(self, error: OSError) -> None:
        self.did.append("reset")
        raise error
