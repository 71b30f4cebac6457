"""A TLS conversation, record by record: who sent it, what a watcher reads, what the keys show.

talk = conversation(flights, key_log)  # [("client", b"…"), ("server", b"…"), …]
talk                       # a table of all flights
talk.map("Certificate")    # one record as a byte map, decrypted
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape

from . import tls_names
from .byte_maps import field_map
from .pictures import BLUE, ORANGE, Picture
from .tls_fields import record_fields
from .tls_keys import HEADER, SUITES, TAG, TrafficKeys, content_of, secrets_of

CLIENT, SERVER = "client", "server"
_CELL = "text-align:left;vertical-align:top;padding:0.15em 0.9em 0.15em 0.3em;border:0"
_HERE = "{} bytes of a record made here, in memory: never sent."


def records_of(stream: bytes) -> Iterator[bytes]:
    """Cut a stream into its records, each with its header. What is left at the end comes last."""
    at = 0
    while at < len(stream):
        size = HEADER + int.from_bytes(stream[at + 3 : at + 5], "big")
        yield stream[at : at + size]
        at += size


@dataclass(frozen=True)
class Record:
    """One record of a conversation.

    Attributes
    ----------
    number : int
        Its place in the conversation, from 1 on.
    sender : str
        "client" or "server".
    flight : int
        All that one side sent before the other answered: from 1 on.
    data : bytes
        As it was sent, with its header.
    inner : bytes, optional
        Its content, type and padding, decrypted; None if it was in clear, or cannot be read.
    old : bool
        Of TLS 1.2 or before, which is not decrypted here.
    hidden : bool
        Encrypted as TLS 1.2 does it: with the true type in clear.
    """

    number: int
    sender: str
    flight: int
    data: bytes
    inner: bytes | None = None
    old: bool = False
    hidden: bool = False

    @property
    def type(self) -> int:
        """The true type: of an encrypted record, that inside."""
        return self.data[0] if self.inner is None else content_of(self.inner)[0]

    @property
    def content(self) -> bytes:
        """What it carries: in clear if it was sent so, or could be decrypted."""
        return self.data[HEADER:] if self.inner is None else content_of(self.inner)[1]

    @property
    def sealed(self) -> bool:
        """Whether a watcher sees only its length."""
        encrypted = self.inner is not None or self.hidden
        return encrypted or self.data[0] == tls_names.APPLICATION_DATA

    @property
    def wire_words(self) -> str:
        """What a watcher sees."""
        name = tls_names.RECORDS.get(self.data[0], "unknown")
        return f"{name}: {len(self.data) - HEADER:,} bytes" if self.sealed else self.words

    @property
    def words(self) -> str:
        """What is in it, for those who have the keys."""
        if self.inner is None and self.sealed:
            return "cannot be read"
        if self.type == tls_names.HANDSHAKE:
            return ", ".join(self.messages)
        if self.type == tls_names.ALERT and len(self.content) == 2:
            return f"alert: {tls_names.ALERTS.get(self.content[1], self.content[1])}"
        if self.type == tls_names.APPLICATION_DATA:
            return f"{len(self.content):,} bytes of data"
        return tls_names.RECORDS.get(self.type, f"type {self.type}")

    @property
    def messages(self) -> list[str]:
        """The names of the handshake messages in it."""
        found: list[str] = []
        at = 0
        if self.type != tls_names.HANDSHAKE or self.hidden:
            return found
        while at < len(self.content):
            kind = self.content[at]
            size = int.from_bytes(self.content[at + 1 : at + 4], "big")
            if kind not in tls_names.MESSAGES or at + 4 + size > len(self.content):
                return [*found, "a part of a message"]
            found.append(tls_names.MESSAGES[kind])
            at += 4 + size
        return found

    def map(self, *, opened: bool = True) -> Picture:
        """The record, byte for byte; with `opened`, decrypted between its header and its tag."""
        opened = opened and self.inner is not None
        data = self.data
        if opened:
            # This cipher keeps the length: each byte stands where its encrypted one stood.
            data = data[:HEADER] + (self.inner or b"") + data[-TAG:]
        found = record_fields(data, opened=opened, old=self.old, hidden=self.hidden)
        way = f"{self.sender} to {other(self.sender)}"
        what = self.words if opened or not self.sealed else self.wire_words
        title = f"Record {self.number}, {way}: {what}"
        caption = _HERE.format(f"{len(data):,}")
        if opened:
            caption += f" Decrypted with the key log, but for the {HEADER} first and {TAG} last."
        alt = f"Byte map of TLS record {self.number}, {way}: {what}."
        return field_map(data, found, alt=alt, caption=caption, title=title)


@dataclass(frozen=True)
class Conversation:
    """All records of one connection, in order. Shown by Jupyter as a table of its flights."""

    records: list[Record]

    def __getitem__(self, which: int | str) -> Record:
        """A record by its number, from 1 on, or the first one that holds a message of this name.

        Raises LookupError if there is none.
        """
        for record in self.records:
            if which == record.number or which in record.messages:
                return record
        raise LookupError(f"No record {which!r}: there are 1 to {len(self.records)}.")

    def map(self, which: int | str, *, opened: bool = True) -> Picture:
        """One record as a byte map: see `Record.map`."""
        return self[which].map(opened=opened)

    @property
    def alerts(self) -> list[tuple[str, str, bool]]:
        """(sender, name, whether it was encrypted) of each alert."""
        return [
            (each.sender, each.words.removeprefix("alert: "), each.sealed)
            for each in self.records
            if each.type == tls_names.ALERT
        ]

    def size(self, sender: str | None = None, *, sealed: bool | None = None) -> int:
        """Bytes sent, with the records' headers: of one side, or of those (not) encrypted."""
        return sum(
            len(each.data)
            for each in self.records
            if sender in (None, each.sender) and sealed in (None, each.sealed)
        )

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for each in self.records:
            known = each.words if each.sealed else "the same"
            yield str(each.number), f"{len(each.data):,}", each.wire_words, known

    def _flight(self, number: int) -> str:
        own = [each for each in self.records if each.flight == number]
        sender, size = own[0].sender, sum(len(each.data) for each in own)
        return f"Flight {number}: {sender} → {other(sender)}, {size:,} bytes"

    def __repr__(self) -> str:
        lines, flight = [], 0
        for each, row in zip(self.records, self._rows(), strict=True):
            if each.flight != flight:
                flight = each.flight
                lines.append(self._flight(flight))
            lines.append("  " + " | ".join(row))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        titles = ("record", "bytes", "a watcher reads", "who has the keys reads")
        head = "".join(f'<th scope="col" style="{_CELL}">{title}</th>' for title in titles)
        body, flight = "", 0
        for each, row in zip(self.records, self._rows(), strict=True):
            colour = BLUE if each.sender == CLIENT else ORANGE
            if each.flight != flight:
                flight = each.flight
                body += (
                    f'<tr><th scope="rowgroup" colspan="4" style="{_CELL};padding-top:0.6em;'
                    f'border-left:4px solid {colour}">{self._flight(flight)}</th></tr>'
                )
            edge = f"border-left:4px solid {colour}"
            body += "<tr>" + "".join(
                f'<td style="{_CELL};{edge if place == 0 else ""}">'
                f"{escape(cell) if each.sealed or place != 3 else '<i>the same</i>'}</td>"
                for place, cell in enumerate(row)
            )
            body += "</tr>"
        table = (
            '<div style="overflow-x:auto"><table style="border-collapse:collapse">'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )
        clear, whole = self.size(sealed=False), self.size()
        told = f"{whole:,} bytes, {clear:,} of them in clear."
        alt = f"Table of a TLS conversation: {flight} flights, {len(self.records)} records."
        return Picture("TLS flights", table, alt=alt, caption=told)._repr_html_()


def other(side: str) -> str:
    return SERVER if side == CLIENT else CLIENT


def conversation(flights: Sequence[tuple[str, bytes]], key_log: str = "") -> Conversation:
    """Take a conversation apart, and decrypt what a key log allows.

    Parameters
    ----------
    flights : sequence of (str, bytes)
        "client" or "server", and what it sent; empty ones are left out. Whole records only.
    key_log : str
        The text that `ssl` wrote to `keylog_filename`. TLS 1.3 is decrypted, older is not.
    """
    reader = _Reader(key_log)
    found: list[Record] = []
    flight, last = 0, ""
    for sender, data in flights:
        for raw in records_of(data):
            flight, last = flight + (sender != last), sender
            found.append(reader.read(Record(len(found) + 1, sender, flight, raw)))
    return Conversation(found)


class _Reader:
    """Follows the keys of both sides through a conversation (RFC 8446, section 7.1)."""

    def __init__(self, key_log: str) -> None:
        self.key_log = key_log
        self.secrets: dict[str, bytes] = {}
        self.suite = ""
        self.old = False
        self.keys: dict[str, TrafficKeys] = {}
        self.sequence: dict[str, int] = {}
        self.changed: set[str] = set()  # sides that have encrypted, in TLS 1.2, since they said so

    def read(self, record: Record) -> Record:
        if record.data[0] == tls_names.APPLICATION_DATA and not self.old:
            record = self._opened(record)
        elif self.old:
            hidden = record.sender in self.changed
            record = replace(record, old=True, hidden=hidden)
            if record.type == tls_names.CHANGE_CIPHER_SPEC:
                self.changed.add(record.sender)
        for name in record.messages:
            self._learn(name, record)
        return record

    def _opened(self, record: Record) -> Record:
        keys = self.keys.get(record.sender)
        if keys is None:
            return record
        sequence = self.sequence[record.sender]
        try:
            inner = keys.open(record.data, sequence)
            content_of(inner)  # it has a type
        except ValueError:
            return record
        self.sequence[record.sender] = sequence + 1
        return replace(record, inner=inner)

    def _learn(self, name: str, record: Record) -> None:
        """What a message changes for those that follow."""
        body = record.content[4:]
        if name == "ClientHello":
            self.secrets = secrets_of(self.key_log, body[2:34])
        elif name == "ServerHello" and len(body) > 34:
            suite = body[35 + body[34] :][:2]  # behind the session ID
            self.suite = tls_names.cipher_suites().get(int.from_bytes(suite, "big"), "")
            self.old = b"\x00\x2b\x00\x02\x03\x04" not in body
            if body[2:34] != tls_names.RETRY and not self.old:
                for side in (CLIENT, SERVER):
                    self._change(side, f"{side.upper()}_HANDSHAKE_TRAFFIC_SECRET")
        elif name == "Finished" and not self.old:
            self._change(record.sender, f"{record.sender.upper()}_TRAFFIC_SECRET_0")
        elif name == "KeyUpdate" and record.sender in self.keys:
            self.keys[record.sender] = self.keys[record.sender].updated()
            self.sequence[record.sender] = 0

    def _change(self, side: str, label: str) -> None:
        self.keys.pop(side, None)
        if label in self.secrets and self.suite in SUITES:
            self.keys[side] = TrafficKeys(self.secrets[label], self.suite)
            self.sequence[side] = 0
