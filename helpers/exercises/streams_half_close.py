"""An echo server's handler that knows half-close."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..fake_streams import Conversing
from ..findings import Failed, Finding, broken_off, call, chunkings, smallest_finding
from . import Exercise

STREAM = b"to be or not to be"


def examine(
    handler: Callable[..., Any],
    pieces: list[bytes],
    *,
    reset: bool = False,
    takes: int | None = None,
) -> Finding | None:
    """One client: it sends the pieces, and ends its stream, resets, or goes away earlier."""
    end = "and then the connection is reset" if reset else "and then the client's stream ends"
    if takes is not None:
        end = f"and the client is gone after {takes} bytes of echo"
    said = f"echo_stream(conn), where {pieces!r} arrives, {end}"
    conn = Conversing(pieces, reset=reset, takes=takes)
    try:
        got = call(handler, conn, shown=said)
    except Failed as failed:
        raise failed_at(failed, conn, said) from failed
    found = wrong_echo(conn, b"".join(pieces), cut_off=reset or takes is not None)
    found = found or wrong_end(conn, got)
    message, expected, came = found or ("", None, None)
    return Finding(message, said, expected=expected, got=came) if message else None


def failed_at(failed: Failed, conn: Conversing, said: str) -> Failed:
    """The same failure, in the terms of the exercise."""
    expected, got = "False is returned", type(failed.__cause__).__name__
    if failed.stopped:
        expected, got = "True is returned", "nothing: it was stopped"
        text = "It did not come back. At the end of a stream recv returns b'', again and again."
    elif "reset" in conn.did and isinstance(failed.__cause__, ConnectionError):
        if "shutdown" in conn.did:
            expected = "no send after shutdown"
            text = "It sent after shutdown(SHUT_WR): nothing can be sent after the end."
        else:
            kind = type(failed.__cause__).__name__
            text = f"The client is gone. Catch {kind} in echo_stream, and return False."
    else:
        return failed
    finding = Finding(text, said, expected=expected, got=got)
    return Failed(finding, stopped=failed.stopped)


def wrong_echo(
    conn: Conversing, whole: bytes, *, cut_off: bool
) -> tuple[str, object, object] | None:
    """What is wrong with the bytes, if anything: message, expected, got."""
    if not whole.startswith(conn.sent):
        return "The echo is not what came.", whole, conn.sent
    if conn.behind:
        return (
            "recv was called for more before all that had come was echoed. A client that waits for "
            "its echo before it goes on would wait forever. Echo each piece at once, and all of it "
            "(send need not take all).",
            "an echo of each piece before the next recv",
            conn.did[:8],
        )
    if not cut_off and conn.sent != whole:
        left = len(whole) - len(conn.sent)
        return f"The echo ends too early: {left} bytes are missing.", whole, conn.sent
    return None


def wrong_end(conn: Conversing, got: object) -> tuple[str, object, object] | None:
    """What is wrong with the way it ended: message, expected, got."""
    if "close" in conn.did:
        return "Do not close conn: the server that called echo_stream does that.", None, conn.did
    if "reset" in conn.did:
        after = conn.did[conn.did.index("reset") + 1 :]
        if after:
            return f"After the reset it called {after[0]}: nobody is there.", [], after
        if got is not False:
            return "The client went away within the conversation: return False.", False, got
        return None
    if "shutdown of reading" in conn.did:
        return "SHUT_RD ends reading. It is your writing that must end.", "SHUT_WR", "SHUT_RD"
    if conn.did.count("shutdown") != 1:
        return (
            "The client has ended its stream and still reads: it waits for the end of yours. "
            "Call shutdown(socket.SHUT_WR) once, after the last byte.",
            "one shutdown",
            conn.did[-4:],
        )
    if got is not True:
        return "Both streams came to their end: return True.", True, got
    return None


def check(handler: Callable[..., Any]) -> Finding | None:
    return (
        examine(handler, [b"hello"])
        or smallest_finding(chunkings(STREAM), lambda p: examine(handler, p))
        or examine(handler, [])
        or examine(handler, [b"x" * 100_000])
        or smallest_finding(broken_off(STREAM), lambda p: examine(handler, p))
        or smallest_finding(broken_off(STREAM), lambda p: examine(handler, p, reset=True))
        or smallest_finding(chunkings(STREAM), lambda p: examine(handler, p, takes=4))
    )


EXERCISE = Exercise(
    key="05-half-close",
    name="echo_stream",
    statement="""\
Write `echo_stream(conn)`, the handler of an echo server. It sends back each piece at once, all of
it, and then reads on: a client may wait for its echo before it sends more. When the
client has ended its stream, it may still be reading: end yours too, with `shutdown`, and return
`True`. If the client is gone (`recv` or `sendall` raises a `ConnectionError`: reset, broken
pipe), return `False` and touch the connection no more. Do not close `conn`: the server does that.
""",
    starter='''\
import socket

def echo_stream(conn):
    """Echo until the client's stream ends, then end ours. True; False if the client is gone."""
    ...  # your code
''',
    check=check,
    hints=(
        "`while data := conn.recv(65536):` goes on until the stream ends. What goes into the loop?",
        "`sendall` sends the whole piece; `send` returns how much was taken.",
        "After the loop: `conn.shutdown(socket.SHUT_WR)`. It ends your stream behind the last "
        "byte.",
        "Put all of it into `try`. ConnectionResetError and BrokenPipeError are both "
        "ConnectionError. On a connection that was reset already, `shutdown` raises an OSError "
        "that is none: ENOTCONN. `except OSError` catches all three.",
    ),
    solution="""\
import socket


def echo_stream(conn):
    try:
        while data := conn.recv(65536):
            conn.sendall(data)
        conn.shutdown(socket.SHUT_WR)
    except OSError:  # of shutdown, no ConnectionError: ENOTCONN
        return False
    return True
""",
    wrong={
        "one piece": """\
import socket


def echo_stream(conn):
    conn.sendall(conn.recv(65536))
    conn.shutdown(socket.SHUT_WR)
    return True
""",
        "reads all, then answers": """\
import socket


def echo_stream(conn):
    whole = b""
    try:
        while data := conn.recv(65536):
            whole += data
        conn.sendall(whole)
        conn.shutdown(socket.SHUT_WR)
    except ConnectionError:
        return False
    return True
""",
        "send takes part": """\
import socket


def echo_stream(conn):
    try:
        while data := conn.recv(65536):
            conn.send(data)
        conn.shutdown(socket.SHUT_WR)
    except ConnectionError:
        return False
    return True
""",
        "does not end its own stream": """\
def echo_stream(conn):
    try:
        while data := conn.recv(65536):
            conn.sendall(data)
    except ConnectionError:
        return False
    return True
""",
        "ends its stream too early": """\
import socket


def echo_stream(conn):
    try:
        conn.sendall(conn.recv(65536))
        conn.shutdown(socket.SHUT_WR)
        while data := conn.recv(65536):
            conn.sendall(data)
    except ConnectionError:
        return False
    return True
""",
        "a short piece is the last": """\
import socket


def echo_stream(conn):
    size = 4
    try:
        while True:
            data = conn.recv(size)
            conn.sendall(data)
            if len(data) < size:
                break
        conn.shutdown(socket.SHUT_WR)
    except ConnectionError:
        return False
    return True
""",
        "takes the end for no data yet": """\
import socket


def echo_stream(conn):
    try:
        while True:
            data = conn.recv(65536)
            if not data:
                continue
            conn.sendall(data)
    except ConnectionError:
        return False
""",
        "closes": """\
def echo_stream(conn):
    try:
        while data := conn.recv(65536):
            conn.sendall(data)
    except ConnectionError:
        return False
    conn.close()
    return True
""",
        "knows no reset": """\
import socket


def echo_stream(conn):
    while data := conn.recv(65536):
        conn.sendall(data)
    conn.shutdown(socket.SHUT_WR)
    return True
""",
        "ends its stream after a reset": """\
import socket


def echo_stream(conn):
    alive = True
    try:
        while data := conn.recv(65536):
            conn.sendall(data)
    except ConnectionError:
        alive = False
    conn.shutdown(socket.SHUT_WR)
    return alive
""",
        "knows only one of the errors": """\
import socket


def echo_stream(conn):
    try:
        while data := conn.recv(65536):
            conn.sendall(data)
        conn.shutdown(socket.SHUT_WR)
    except ConnectionResetError:
        return False
    return True
""",
    },
)
