"""Which failures may be tried again."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

from ..findings import Finding, call
from . import Exercise

CONNECT, AFTER = "connect", "after"


REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
PIPE = BrokenPipeError(errno.EPIPE, "Broken pipe")
CLOCK = TimeoutError("timed out")
UNREACHABLE = OSError(errno.ENETUNREACH, "Network is unreachable")
NOT_HERE = OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
TOO_LONG = OSError(errno.EMSGSIZE, "Message too long")
NO_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
NO_ANSWER = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

MAYBE = "The request may have been carried out: only an idempotent one may be sent again."
NOTHING = "Nothing of the request was sent yet: trying again cannot do it twice."
BUG = "It would fail in the same way again: the program, not the network, has to change."
CASES: tuple[tuple[OSError, str, bool, bool, str], ...] = (
    (REFUSED, CONNECT, True, True, NOTHING),
    (REFUSED, CONNECT, False, True, NOTHING),
    (CLOCK, CONNECT, False, True, NOTHING),
    (CLOCK, AFTER, True, True, "An idempotent request may be sent again."),
    (CLOCK, AFTER, False, False, MAYBE),
    (RESET, AFTER, True, True, "An idempotent request may be sent again."),
    (RESET, AFTER, False, False, MAYBE),
    (RESET, CONNECT, False, True, NOTHING),
    (PIPE, AFTER, False, False, MAYBE),
    (UNREACHABLE, CONNECT, False, True, f"{NOTHING} And a network may come back."),
    (TOO_LONG, AFTER, True, False, BUG),
    (NOT_HERE, CONNECT, True, False, BUG),
    (NO_NAME, CONNECT, True, False, "There is no such name: asking again gives the same answer."),
    (NO_ANSWER, CONNECT, False, True, "EAI_AGAIN: the name server did not answer; it may later."),
)


def check(may_retry: Callable[..., Any]) -> Finding | None:
    for error, phase, idempotent, right, why in CASES:
        # Copied: what an answer does to an exception must not reach the next case.
        given = type(error)(*error.args)
        name = errno.errorcode.get(error.errno or 0, "errno None")
        if isinstance(error, socket.gaierror):
            name = "EAI_NONAME" if error.errno == socket.EAI_NONAME else "EAI_AGAIN"
        shown = f"may_retry({type(error).__name__} ({name}), {phase!r}, idempotent={idempotent})"
        got = call(may_retry, given, phase, idempotent, shown=shown)
        if got is not right:
            return Finding(why, shown, expected=right, got=got)
    return None


EXERCISE = Exercise(
    key="10-may-retry",
    name="may_retry",
    statement="""\
Write `may_retry(error, phase, idempotent)`: may a client try again? `error` is the `OSError` it
caught. `phase` is `"connect"` (finding the name and connecting) or `"after"` (from the first byte
of the request on). `idempotent` says whether doing the request twice is as good as once.
Return True or False. Four errors would come again and again, so never retry them: a message that is
too long, an address that is in use, one that is not available, a name that does not exist.
""",
    starter='''\
import errno
import socket

NEVER = {errno.EMSGSIZE, errno.EADDRINUSE, errno.EADDRNOTAVAIL}

def may_retry(error, phase, idempotent):
    """May a client that caught this error, in this phase, try again?"""
    ...  # your code
''',
    check=check,
    hints=(
        "Three questions, in this order: would it fail again in any case? Was nothing sent yet? "
        "Is the request idempotent?",
        "Two kinds of `socket.gaierror`: its `errno` is `socket.EAI_NONAME` or `socket.EAI_AGAIN`. "
        "Only one of them is an answer.",
        "Do not ask for the type of the exception where the phase decides: a `TimeoutError` may "
        "come in both.",
    ),
    solution="""\
import errno
import socket

def may_retry(error, phase, idempotent):
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN
    if error.errno in {errno.EMSGSIZE, errno.EADDRINUSE, errno.EADDRNOTAVAIL}:
        return False
    return phase == "connect" or idempotent
""",
    wrong={
        "always": """\
import errno
import socket

def may_retry(error, phase, idempotent):
    return True
""",
        "by type alone": """\
import errno
import socket

def may_retry(error, phase, idempotent):
    return isinstance(error, (ConnectionError, TimeoutError))
""",
        "only idempotent ones": """\
import errno
import socket

def may_retry(error, phase, idempotent):
    return idempotent
""",
        "forgets bugs": """\
import errno
import socket

def may_retry(error, phase, idempotent):
    return phase == "connect" or idempotent
""",
        "all names alike": """\
import errno
import socket

def may_retry(error, phase, idempotent):
    if isinstance(error, socket.gaierror):
        return False
    if error.errno in {errno.EMSGSIZE, errno.EADDRINUSE, errno.EADDRNOTAVAIL}:
        return False
    return phase == "connect" or idempotent
""",
    },
)
