"""Try a server's handler without a network: a socketpair stands in for the connection."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from ..findings import Failed, Finding, call
from . import Exercise

Handler = Callable[[socket.socket], None]
LARGE = 1_000_000  # bytes: more than the buffers of a socketpair hold anywhere


def echo(conn: socket.socket) -> None:
    """Answers at once what comes."""
    while data := conn.recv(4096):
        conn.sendall(data)


def count(conn: socket.socket) -> None:
    """Answers only when the request has ended."""
    size = 0
    while data := conn.recv(4096):
        size += len(data)
    conn.sendall(b"%d bytes" % size)


def talk(conn: socket.socket) -> None:
    """Answers more than the buffers hold."""
    conn.recv(4096)
    conn.sendall(b"x" * LARGE)


def silent(conn: socket.socket) -> None:
    """Reads, and says nothing."""
    while conn.recv(4096):
        pass


CASES: tuple[tuple[Handler, bytes, bytes], ...] = (
    (echo, b"hello", b"hello"),
    (count, b"hello", b"5 bytes"),
    (silent, b"hello", b""),
    (echo, b"", b""),
    (talk, b"tell me", b"x" * LARGE),
    (echo, b"y" * LARGE, b"y" * LARGE),
)
_DOES: dict[Handler, str] = {
    echo: "echo sends back whatever arrives",
    count: "count answers only when recv has told it that the request is at its end",
    silent: "silent answers nothing and returns at the end of the request",
    talk: "talk answers with 1,000,000 bytes",
}


def examine(answer_of: Callable[[Handler, bytes], Any], case: int) -> Finding | None:
    handler, request, expected = CASES[case]
    given = repr(request) if len(request) < 40 else f"{len(request):,} bytes"
    shown = f"answer_of({handler.__name__}, {given})"
    try:
        got = call(answer_of, handler, request, shown=shown)
    except Failed as failed:
        if failed.stopped:
            raise Failed(Finding(stuck(handler, request), shown), stopped=True) from failed
        raise
    if got == expected:
        return None
    if not isinstance(got, bytes):
        message = f"The answer must be bytes, not {type(got).__name__}."
        return Finding(message, shown, expected=expected, got=got)
    message = f"{_DOES[handler]}; {len(got):,} of its {len(expected):,} bytes were returned."
    if got and expected.startswith(got):
        message += " One recv returns what is there, not all that will come: receive until b''."
    if max(len(expected), len(got)) > 40:  # not worth a page of hex
        lengths = (f"{len(side):,} bytes" for side in (expected, got))
        return Finding(message, shown, expected=next(lengths), got=next(lengths))
    return Finding(message, shown, expected=expected, got=got)


def stuck(handler: Handler, request: bytes) -> str:
    message = f"answer_of did not come back: {_DOES[handler]}. "
    if len(request) == LARGE or handler is talk:
        return message + (
            "A socket's buffers hold far less than 1,000,000 bytes. Once they are full, sendall "
            "waits until somebody reads: sending, handler and reading must go on at the same time."
        )
    return message + (
        "Who waits for whom? The handler goes on until recv returns b'': say that your request "
        "is complete. And you wait for b'' too: the handler's end must be closed after it has "
        "returned."
    )


def check(answer_of: Callable[[Handler, bytes], Any]) -> Finding | None:
    for case in range(len(CASES)):
        if found := examine(answer_of, case):
            return found
    return None


EXERCISE = Exercise(
    key="03-answer-of",
    name="answer_of",
    statement="""\
Write `answer_of(handler, request)`. It finds out what a server's handler answers, without server
and without network: one end of a `socket.socketpair()` goes to `handler(conn)`, through the
other end you send the bytes `request`, say that no more will come, and receive until the end of
the stream. Return all that was received. Close both ends. Requests and answers may be larger
than the buffers hold.
""",
    starter='''\
def answer_of(handler, request):
    """All that handler(conn) answers to the request."""
    ...  # your code
''',
    check=check,
    hints=(
        "`near.shutdown(socket.SHUT_WR)` says that no more will come; receiving still works. "
        "`handler` returns, but it does not close its socket: that is your task, and only then "
        "does your `recv` return b''.",
        "With small requests, you can send, shut down, call the handler, close its end, and then "
        "receive, one after the other. That is worth passing the first cases with.",
        "For large ones two threads are needed beside yours: `threading.Thread(target=function)`, "
        "then `start()`, at the end `join()`. One runs the handler and closes its end, one sends "
        "the request and shuts down; you receive.",
    ),
    solution="""\
import socket
import threading


def answer_of(handler, request):
    ours, theirs = socket.socketpair()

    def serve():
        with theirs:
            handler(theirs)

    def ask():
        ours.sendall(request)
        ours.shutdown(socket.SHUT_WR)

    threads = [threading.Thread(target=serve), threading.Thread(target=ask)]
    with ours:
        for thread in threads:
            thread.start()
        parts = []
        while part := ours.recv(65536):
            parts.append(part)
        for thread in threads:
            thread.join()
    return b"".join(parts)
""",
    wrong={
        "never says that the request is complete": """\
import socket


def answer_of(handler, request):
    near, far = socket.socketpair()
    with near, far:
        near.sendall(request)
        handler(far)
        return near.recv(65536)
""",
        "receives once": """\
import socket
import threading


def answer_of(handler, request):
    near, far = socket.socketpair()

    def serve():
        with far:
            handler(far)

    threading.Thread(target=serve, daemon=True).start()
    with near:
        near.sendall(request)
        near.shutdown(socket.SHUT_WR)
        return near.recv(65536)
""",
        "does not close the handler's end": """\
import socket


def answer_of(handler, request):
    near, far = socket.socketpair()
    with near, far:
        near.sendall(request)
        near.shutdown(socket.SHUT_WR)
        handler(far)
        answer = b""
        while data := near.recv(65536):
            answer += data
        return answer
""",
        "one after the other": """\
import socket


def answer_of(handler, request):
    near, far = socket.socketpair()
    with near:
        with far:
            near.sendall(request)
            near.shutdown(socket.SHUT_WR)
            handler(far)
        answer = b""
        while data := near.recv(65536):
            answer += data
        return answer
""",
        "what the handler returns": """\
import socket


def answer_of(handler, request):
    near, far = socket.socketpair()
    with near, far:
        near.sendall(request)
        near.shutdown(socket.SHUT_WR)
        return handler(far)
""",
    },
)
