"""Try the addresses that getaddrinfo gives, one after the other, until one answers."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

from ..findings import Failed, Finding, call
from . import Exercise

Entry = tuple[int, int, int, str, tuple[Any, ...]]
V4, V6 = socket.AF_INET, socket.AF_INET6
STREAM = socket.SOCK_STREAM


def entry(host: str, port: int) -> Entry:
    """An entry as getaddrinfo gives it."""
    if ":" in host:
        return (V6, STREAM, socket.IPPROTO_TCP, "", (host, port, 0, 0))
    return (V4, STREAM, socket.IPPROTO_TCP, "", (host, port))


@contextlib.contextmanager
def ports() -> Iterator[tuple[socket.socket, int]]:
    """A socket that listens, and a port where nobody listens, kept free for the block."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # bound, not listening: it refuses
        yield server, silent.getsockname()[1]


def said(entries: list[Entry]) -> str:
    return f"dial([{', '.join(f'(…, {each[4]})' for each in entries)}])"


def examine(dial: Callable[[list[Entry]], Any], before: list[str], after: list[str]) -> Any:
    """`before` and `after`: hosts that refuse, around the one entry that answers."""
    with ports() as (server, silent):
        open_port = server.getsockname()[1]
        entries = [entry(host, silent) for host in before]
        entries += [entry("127.0.0.1", open_port)]
        entries += [entry(host, silent) for host in after]
        shown = said(entries)
        try:
            sock = call(dial, entries, shown=shown)
        except Failed as failed:
            if "ConnectionRefusedError" not in failed.finding.message:
                raise
            message = (
                f"{failed.finding.message}. Entry {len(before) + 1} of {len(entries)} answers, "
                "any other refuses: one refusal must not end the search."
            )
            raise Failed(Finding(message, shown), stopped=False) from failed
        wanted = f"a socket connected to 127.0.0.1:{open_port}"
        if not isinstance(sock, socket.socket):
            message = (
                f"Entry {len(before) + 1} of {len(entries)} answers: dial must return the socket "
                "that is connected to it."
            )
            return Finding(message, shown, expected=wanted, got=sock)
        with sock:
            try:
                peer = sock.getpeername()
            except OSError:
                closed = sock.fileno() < 0
                message = "The socket that dial returned " + (
                    "is closed: whoever called dial cannot use it. A `with` block closes its "
                    "socket in any case, even when it returns it."
                    if closed
                    else "is not connected to anything."
                )
                return Finding(message, shown, expected=wanted, got=repr(sock))
        if peer[1] != open_port:
            return Finding("It is connected to another address.", shown, expected=wanted, got=peer)
    return None


def examine_none(dial: Callable[[list[Entry]], Any]) -> Finding | None:
    """Nobody answers: the last error must reach the caller."""
    with ports() as (_, silent):
        entries = [entry("127.0.0.1", silent)] * 2
        shown = said(entries) + ", where nobody listens"
        wanted = "ConnectionRefusedError, raised"
        try:
            got = dial(entries)
        except ConnectionRefusedError:
            return None
        except Exception as error:
            got = error
        message = (
            "Every address refuses. Then dial must raise the error of the last one: whoever "
            "called it has to learn that there is no connection, and why."
        )
        return Finding(message, shown, expected=wanted, got=got)


def check(dial: Callable[[list[Entry]], Any]) -> Finding | None:
    return (
        examine(dial, [], [])
        or examine(dial, ["127.0.0.1"], [])
        or examine(dial, [], ["127.0.0.1"])
        or examine(dial, ["::1"], [])
        or examine(dial, ["127.0.0.1", "::1", "127.0.0.1"], ["::1"])
        or examine_none(dial)
    )


EXERCISE = Exercise(
    key="03-dial",
    name="dial",
    statement="""\
Write `dial(entries)`. It takes a list as `socket.getaddrinfo` returns it, and tries the entries
in their order: make a socket of that family, type and protocol, connect it. It returns the
first socket that is connected, open. If no entry works, it raises the `OSError` of the last one.
A socket that could not be connected is closed. (`socket.create_connection` may not be used: it
is what you write.)
""",
    starter='''\
def dial(entries):
    """A socket connected to the first of these addresses that answers."""
    ...  # your code
''',
    check=check,
    hints=(
        "Each entry is `(family, type, proto, canonname, address)`. The first three are what "
        "`socket.socket` wants, the last is what `connect` wants.",
        "A refused connection raises an `OSError`. Catch it inside the loop, close the socket, "
        "and go on with the next entry. On a machine without IPv6, already making the socket "
        "may raise it.",
        "Keep the error in a variable of your own: Python deletes the name after `as` at the end "
        "of the `except` block. After the loop, `raise` it.",
    ),
    solution="""\
import socket


def dial(entries):
    last = OSError("there was no address to try")
    for family, kind, proto, _, address in entries:
        try:
            sock = socket.socket(family, kind, proto)
        except OSError as error:
            last = error
            continue
        try:
            sock.connect(address)
            return sock
        except OSError as error:
            sock.close()
            last = error
    raise last
""",
    wrong={
        "only the first entry": """\
import socket


def dial(entries):
    family, kind, proto, _, address = entries[0]
    sock = socket.socket(family, kind, proto)
    sock.connect(address)
    return sock
""",
        "only the last entry": """\
import socket


def dial(entries):
    family, kind, proto, _, address = entries[-1]
    sock = socket.socket(family, kind, proto)
    sock.connect(address)
    return sock
""",
        "always AF_INET": """\
import socket


def dial(entries):
    for *_, address in entries:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.connect(address)
            return sock
        except OSError as error:
            sock.close()
            last = error
    raise last
""",
        "returns None if nobody answers": """\
import socket


def dial(entries):
    for family, kind, proto, _, address in entries:
        try:
            sock = socket.socket(family, kind, proto)
            sock.connect(address)
            return sock
        except OSError:
            sock.close()
""",
        "returns a closed socket": """\
import socket


def dial(entries):
    for family, kind, proto, _, address in entries:
        try:
            with socket.socket(family, kind, proto) as sock:
                sock.connect(address)
                return sock
        except OSError as error:
            last = error
    raise last
""",
    },
)
