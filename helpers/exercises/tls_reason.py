"""A client that verifies, keeps a deadline, and says why it failed."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from ..findings import Failed, Finding, call
from ..tls_attempts import attempt
from . import Exercise, changed

NAME, PATIENCE = "shop.test", 1.5
QUICK = 3.0  # seconds, for what should come at once, on a machine that is busy
FINE, REFUSED, LATE, NO_TLS = "fine", "no connection", "too late", "not TLS"


def _context(authority: Any, name: str, **options: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, **options).configure_cert(context)
    return context


def _speaks_tls(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    def handler(conn: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(conn, server_side=True) as tls:
            tls.sendall(b"welcome")

    return handler


def _plain(conn: socket.socket) -> None:
    conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    conn.recv(1000)


def _silent(conn: socket.socket) -> None:
    conn.settimeout(PATIENCE + QUICK)
    while conn.recv(1000):
        pass


def _drips(conn: socket.socket) -> None:
    """The beginning of a record of the right kind, byte by byte, and never its end."""
    conn.recv(1000)
    conn.settimeout(PATIENCE / 5)
    for byte in b"\x16\3\3\0\x7f" + bytes(60):
        conn.sendall(bytes([byte]))
        try:
            if not conn.recv(1000):
                return
        except TimeoutError:
            continue


@contextlib.contextmanager
def serving(handler: Callable[[socket.socket], None]) -> Iterator[tuple[str, int]]:
    """One client of this handler, on a thread."""

    def serve() -> None:
        with contextlib.suppress(OSError):  # the client may have gone
            conn, _ = listener.accept()
            with conn:
                handler(conn)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE + QUICK)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # where nobody came
            thread.join(QUICK)


def examine(
    reason: Callable[..., Any],
    what: str,
    address: tuple[str, int],
    context: ssl.SSLContext,
    wanted: str,
) -> Finding | None:
    shown = f'reason(address, "{NAME}", context, {PATIENCE})'
    began = time.monotonic()
    try:
        got = call(reason, address, NAME, context, PATIENCE, shown=shown, seconds=PATIENCE + QUICK)
    except Failed as failed:
        message = f"{what} reason must say it, not raise: {failed.finding.message}"
        return Finding(message, shown, expected=wanted, got=type(failed.__cause__).__name__)
    took = time.monotonic() - began
    if got != wanted:
        return Finding(f"In reason: {what}", shown, expected=wanted, got=got)
    if wanted == LATE and took > PATIENCE + QUICK / 2:
        message = f"In reason: {what} It came back after {took:.1f} s."
        return Finding(message, shown, expected=f"at most {PATIENCE} s", got=f"{took:.1f} s")
    return None


def check(reason: Callable[..., Any]) -> Finding | None:
    import trustme

    authority, stranger = trustme.CA(), trustme.CA()
    trusted = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    contexts = {
        "All is well.": _context(authority, NAME),
        "The certificate has expired.": _context(authority, NAME, not_after=past),
        "The certificate is for another name.": _context(authority, "bank.test"),
        "The certificate's authority is not known.": _context(stranger, NAME),
    }
    for what, context in contexts.items():
        error = attempt(trusted, context, NAME).raised.get("client")
        wanted = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else FINE
        with serving(_speaks_tls(context)) as address:
            if found := examine(reason, what, address, trusted, wanted):
                return found
    with serving(_plain) as address:
        if found := examine(reason, "The server does not speak TLS.", address, trusted, NO_TLS):
            return found
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: it refuses
        address = unused.getsockname()
        if found := examine(reason, "Nobody listens there.", address, trusted, REFUSED):
            return found
    for what, handler in (
        ("The server accepts, and says nothing.", _silent),
        ("The server sends a byte now and then, and never a whole record.", _drips),
    ):
        with serving(handler) as address:
            if found := examine(reason, what, address, trusted, LATE):
                return found
    return None


_SOLUTION = """\
import socket
import ssl
import time


def reason(address, name, context, seconds):
    by = time.monotonic() + seconds
    try:
        with socket.create_connection(address, timeout=seconds) as sock:
            sock.settimeout(max(by - time.monotonic(), 0.001))
            with context.wrap_socket(sock, server_hostname=name):
                return "fine"
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except ssl.SSLError:
        return "not TLS"
    except TimeoutError:
        return "too late"
    except OSError:
        return "no connection"
"""

EXERCISE = Exercise(
    key="13-reason",
    name="reason",
    statement="""\
Write a client that can say what is wrong: `reason(address, name, context, seconds)`. It connects to
`address`, does a handshake with `context` for `name`, closes, and returns a text:

- `"fine"`;
- the `verify_message` of a certificate that does not verify;
- `"not TLS"` for any other error of TLS;
- `"too late"` if it took more than `seconds`, connecting included;
- `"no connection"` for any other `OSError`.
""",
    starter='''\
def reason(address, name, context, seconds):
    """Why there is no TLS connection to be had, in words; "fine" if there is."""
    ...  # your code
''',
    check=check,
    hints=(
        "`socket.create_connection(address, timeout=…)`, then `context.wrap_socket(sock, "
        "server_hostname=name)`: it does the handshake at once. Both in `with` blocks.",
        "`SSLCertVerificationError` is an `SSLError`, and that is an `OSError`, and so is "
        "`TimeoutError`. The first `except` line that fits is taken: the special ones come first.",
        "A deadline, as in notebook 10: what connecting has used is no longer there for the "
        "handshake (`import time`). The socket's timeout is for the whole handshake, not for each "
        "`recv` in it.",
    ),
    solution=_SOLUTION,
    wrong={
        "does not verify": changed(
            _SOLUTION,
            (
                "    by = time",
                "    context = ssl._create_unverified_context()\n    by = time",
            ),
        ),
        "asks for no name": changed(
            _SOLUTION,
            (
                "    by = time",
                "    context = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert("
                "context.get_ca_certs(True)[0]))\n    context.check_hostname = False\n"
                "    by = time",
            ),
        ),
        "the general error first": changed(
            _SOLUTION,
            ("except ssl.SSLCertVerificationError as error", "except ssl.SSLError as error"),
            ("error.verify_message", "getattr(error, 'reason', '')"),
        ),
        "OSError for all": """\
import socket


def reason(address, name, context, seconds):
    try:
        with socket.create_connection(address, timeout=seconds) as sock:
            with context.wrap_socket(sock, server_hostname=name):
                return "fine"
    except OSError as error:
        return str(error)
""",
        "no limit for the handshake": changed(
            _SOLUTION,
            ("sock.settimeout(max(by - time.monotonic(), 0.001))", "sock.settimeout(None)"),
        ),
        "the code, not the message": changed(_SOLUTION, ("verify_message", "verify_code")),
        "goes on to the caller": changed(
            _SOLUTION, ('    except ssl.SSLError:\n        return "not TLS"\n', "")
        ).replace("except OSError:", "except ConnectionError:"),
    },
)
