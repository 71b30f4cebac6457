"""Messages or a stream of bytes? An experiment tells, where nobody can be asked."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from ..findings import Failed, Finding, call, short
from . import Exercise, changed

ROOM = 65_536  # bytes: more than a learner's experiment sends
Pair = tuple[socket.socket, socket.socket]


class End:
    """One of two joined ends. It can send, receive and close, and keeps a log of it.

    What a message is longer than the room given to `recv` is lost, as `man 2 recv` says. (Windows
    also reports an error. These ends behave alike everywhere.)

    Parameters
    ----------
    name : str
        What the log calls it.
    sock : socket.socket
        What carries its bytes.
    way : str
        "messages", "stream", "pieces" (a stream that gives at once what one send brought, at
        most) or "crumbs" (a stream that gives one byte at a time).
    log, sent : list of str, list of int
        What was done, and how many bytes of each send are not received yet: shared by both ends.
    """

    def __init__(
        self, name: str, sock: socket.socket, way: str, log: list[str], sent: list[int]
    ) -> None:
        self._name, self._sock, self._way, self._log, self._sent = name, sock, way, log, sent

    def send(self, data: bytes) -> int:
        size = self._sock.send(data)
        self._log.append(f"{self._name}.send({short(data)})")
        if size:
            self._sent.append(size)
        return size

    def recv(self, size: int) -> bytes:
        self._log.append(f"{self._name}.recv({size})")
        if self._way == "messages":
            data = self._sock.recv(ROOM)[:size]
        elif self._way == "crumbs":
            data = self._sock.recv(min(size, 1))
        elif self._way == "pieces" and self._sent:
            data = self._sock.recv(min(size, self._sent[0]))
            self._sent[0] -= len(data)
            self._sent[:] = filter(None, self._sent)
        else:
            data = self._sock.recv(size)
        self._log[-1] += f" → {short(data)}"
        return data

    def close(self) -> None:
        self._sock.close()


def udp() -> Pair:
    near, far = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
    for sock in (near, far):
        sock.bind(("127.0.0.1", 0))
    near.connect(far.getsockname())
    far.connect(near.getsockname())
    return near, far


# What joins the ends, the way they behave, and what a learner is told of it afterwards.
CASES: tuple[tuple[Callable[[], Pair], str, str], ...] = (
    (socket.socketpair, "stream", "a socketpair"),
    (udp, "messages", "two UDP sockets"),
    (socket.socketpair, "pieces", "a slow stream, where each send arrives alone"),
    (socket.socketpair, "crumbs", "a stream that arrives byte by byte"),
)


def examine(keeps_messages: Callable[..., Any], case: int) -> Finding | None:
    join, way, told = CASES[case]
    expected = way == "messages"
    shown = f"keeps_messages(make), where make() joins {told}"
    log: list[str] = []
    sent: list[int] = []
    pair = join()

    def make() -> tuple[End, End]:
        near, far = pair
        return End("first", near, way, log, sent), End("second", far, way, log, sent)

    try:
        got = call(keeps_messages, make, shown=shown)
    except Failed as failed:
        if not failed.stopped:
            raise
        message = (
            f"keeps_messages did not come back. {seen(log)} A stream carries bytes: where none "
            "were sent, or all were received, recv waits. Send more than you receive."
        )
        raise Failed(Finding(message, shown), stopped=True) from failed
    finally:
        left = [name for name, end in zip(("first", "second"), pair, strict=True) if opened(end)]
        for end in pair:
            end.close()
    if got is not expected:
        return Finding(f"{why(way)} {seen(log)}", shown, expected=expected, got=got)
    if left:
        message = f"keeps_messages left the {' and the '.join(left)} end open: close both."
        return Finding(message, shown)
    return None


def opened(end: socket.socket) -> bool:
    return end.fileno() >= 0


def seen(log: list[str]) -> str:
    """What the learner's function did, for it to be read again."""
    shown = log[:6] + ["…"] * (len(log) > 6)
    return f"What it did: {'; '.join(shown) or 'nothing with the ends'}."


def why(way: str) -> str:
    if way == "messages":
        return (
            "These ends carry messages: recv gives one of them, and what it has no room for is "
            "lost."
        )
    if way == "pieces":
        return (
            "These ends carry a stream. That two sends came out of two recvs was chance: the "
            "second had not arrived yet. Find what only a stream does, whenever its bytes come."
        )
    return "These ends carry a stream: only the order of the bytes is kept, not where a send ended."


def check(keeps_messages: Callable[..., Any]) -> Finding | None:
    for case in range(len(CASES)):
        if found := examine(keeps_messages, case):
            return found
    return None


SOLUTION = """\
def keeps_messages(make):
    near, far = make()
    try:
        near.send(b"ab")
        near.send(b"c")
        far.recv(1)
        return far.recv(1) == b"c"
    finally:
        near.close()
        far.close()
"""
EXERCISE = Exercise(
    key="03-keeps-messages",
    name="keeps_messages",
    statement="""\
Write `keeps_messages(make)`. `make()` gives two joined ends, as `socket.socketpair()` does. Each
has `send`, `recv` and `close`, as a socket has them, and nothing more: you cannot ask for its
type. Find out by an experiment. Send from the first end, receive at the second, and return
`True` if they keep messages apart, `False` if they carry a stream of bytes. A stream may give its
bytes in pieces of any size, also just as they were sent. What does not fit into the room that
you give to `recv` waits in a stream; of a message it is lost. Close both ends.
""",
    starter='''\
def keeps_messages(make):
    """True if the two ends that make() gives keep messages apart; False for a stream."""
    ...  # your code
''',
    check=check,
    hints=(
        "Send two messages, receive both at once with room for both: that tells for many streams, "
        "but not for one whose second message comes late. Time must not matter.",
        "Give `recv` *less* room than the first message needs. What will the next `recv` give: of "
        "a stream, of messages?",
        'Send `b"ab"`, then `b"c"`. After `recv(1)` has given `b"a"`, a stream goes on with '
        "one letter, messages with another.",
    ),
    solution=SOLUTION,
    wrong={
        "trusts in two messages arriving at once": changed(
            SOLUTION,
            ('b"ab"', 'b"a"'),
            ("        far.recv(1)\n", ""),
            ('far.recv(1) == b"c"', 'far.recv(100) == b"a"'),
        ),
        "one message comes out whole": changed(
            SOLUTION,
            ('        near.send(b"c")\n        far.recv(1)\n', ""),
            ('far.recv(1) == b"c"', 'far.recv(100) == b"ab"'),
        ),
        "takes all for streams": changed(SOLUTION, ('far.recv(1) == b"c"', "False")),
        "asks for the type": changed(
            SOLUTION, ('far.recv(1) == b"c"', "near.type == 2"), ("        far.recv(1)\n", "")
        ),
        "waits for an empty message": changed(
            SOLUTION,
            ('        near.send(b"ab")\n        near.send(b"c")\n', '        near.send(b"")\n'),
            ("        far.recv(1)\n", ""),
            ('far.recv(1) == b"c"', 'far.recv(1) == b""'),
        ),
        "leaves an end open": changed(SOLUTION, ("        far.close()\n", "")),
        "receives the rest of a message": changed(
            SOLUTION, ('far.recv(1) == b"c"', 'far.recv(1) == b"b"')
        ),
    },
)
