"""TLS connections in memory, without a socket: done, or refused on purpose.

tried = attempt(client_context, server_context, "shop.test")
tried       # what each end raised, and the alert that went over
tried.talk  # every record
"""

from __future__ import annotations

import shutil
import ssl
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from .own_folders import own_folder
from .pictures import ORANGE
from .tls_conversations import CLIENT, SERVER, Conversation, conversation, other

_ROUNDS = 5  # of flights to and fro: a handshake that begins again has three
_CELL = "text-align:left;vertical-align:top;padding:0.15em 0.9em 0.15em 0.3em;border:0"


@dataclass
class Attempt:
    """One connection in memory, done or refused. Shown by Jupyter as a small table.

    Attributes
    ----------
    talk : Conversation
        What was sent.
    client, server : ssl.SSLObject
        The two ends, as they are now.
    raised : dict
        "client" and "server": the ssl.SSLError that it met, if any.
    during : dict
        The call in which: "do_handshake" or "read".
    """

    talk: Conversation
    client: ssl.SSLObject
    server: ssl.SSLObject
    raised: dict[str, ssl.SSLError] = field(default_factory=dict)
    during: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> list[tuple[str, str]]:
        """What came of it, as (what, in words)."""
        found = [(f"{side} raised", self._raised(side)) for side in (CLIENT, SERVER)]
        error = self.raised.get(CLIENT)
        if error is None:
            shown: dict[str, Any] = self.client.getpeercert() or {}  # empty if not verified
            verified = ", ".join(name for _, name in shown.get("subjectAltName", ()))
            found.insert(1, ("client verified", verified or "nothing"))
        if isinstance(error, ssl.SSLCertVerificationError):
            found.insert(1, ("verify_code", str(error.verify_code)))
            found.insert(2, ("verify_message", error.verify_message))
        alerts = [
            f"{sender} → {other(sender)}: {name}, {'encrypted' if sealed else 'in clear'}"
            for sender, name, sealed in self.talk.alerts
        ]
        return [*found, ("alert", "; ".join(alerts) or "none")]

    def _raised(self, side: str) -> str:
        if side not in self.raised:
            return "nothing"
        error = self.raised[side]
        text = f"{error.library}: {error.reason}" if error.reason else str(error)
        return f"{type(error).__name__}, {text}, in {self.during[side]}()"

    def __repr__(self) -> str:
        return "\n".join(f"{name:>15}: {value}" for name, value in self.rows)

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="{_CELL};font-weight:normal;opacity:0.75;'
            f'white-space:nowrap">{name}</th><td style="{_CELL}">{escape(value)}</td></tr>'
            for name, value in self.rows
        )
        return (
            '<table aria-label="What came of a handshake" style="border-collapse:collapse;'
            f'border-left:4px solid {ORANGE};margin:0.4em 0;max-width:50em">{rows}</table>'
        )


def attempt(
    client_context: ssl.SSLContext,
    server_context: ssl.SSLContext,
    name: str | None,
    *,
    session: ssl.SSLSession | None = None,
) -> Attempt:
    """Connect in memory, without a socket, until both ends have nothing more to say.

    Parameters
    ----------
    client_context, server_context : ssl.SSLContext
        The client's writes its secrets to a temporary file meanwhile, which is removed.
    name : str, optional
        What the client asks for, and checks the certificate against.
    session : ssl.SSLSession, optional
        Of an earlier connection, to be resumed.
    """
    boxes = ssl.MemoryBIO(), ssl.MemoryBIO(), ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(boxes[0], boxes[1], server_hostname=name, session=session)
    server = server_context.wrap_bio(boxes[2], boxes[3], server_side=True)
    made = Attempt(Conversation([]), client, server)
    ends = ((CLIENT, client, boxes[1], boxes[2]), (SERVER, server, boxes[3], boxes[0]))
    flights = []
    folder = own_folder()
    path = Path(folder, "keys.txt")
    before = client_context.keylog_filename
    client_context.keylog_filename = str(path)
    try:
        for _ in range(_ROUNDS):
            for side, end, outgoing, to_the_other in ends:
                _go_on(made, side, end)
                flights.append((side, outgoing.read()))
                to_the_other.write(flights[-1][1])
    finally:
        client_context.keylog_filename = before  # closes the file
        keys = path.read_text() if path.exists() else ""
        shutil.rmtree(folder)
    made.talk = conversation(flights, keys)
    return made


def _go_on(made: Attempt, side: str, end: ssl.SSLObject) -> None:
    """Let one end do what it can with what it has; keep the first error that it meets."""
    if side in made.raised:
        return
    for name, step in (("do_handshake", end.do_handshake), ("read", lambda: end.read(1))):
        try:
            step()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            made.raised[side], made.during[side] = error.with_traceback(None), name
            return
