"""Where every field of a TLS record lies: its name, its value and what it means.

For `helpers.byte_maps`. Names are those of RFC 8446. Any bytes will do: what is cut short or
makes no sense becomes a field named "Undissected".

>>> for field in record_fields(bytes.fromhex("1503030002022d")):
...     print(field)
TLS record Type, bits 0 to 7: 21 (alert)
TLS record Legacy Version, bits 8 to 23: 0x0303 (TLS 1.2, whatever is spoken)
TLS record Length, bits 24 to 39: 2 (bytes after this header)
Alert Level, bits 40 to 47: 2 (fatal)
Alert Description, bits 48 to 55: 45 (certificate_expired)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import field_names, tls_names
from .fields import UNDISSECTED, Field
from .tls_keys import HEADER, TAG

SHOWN = 8  # bytes of a value that is neither text nor number
RECORD, SEALED, INNER = "TLS record", "Encrypted record", "End of the inner plaintext"
Says = Mapping[int, str] | Callable[[int], str] | str


class _TooShort(Exception):
    """A field would reach beyond the end of what it is in."""


class _Cursor:
    """Reads fields from left to right, within an end, and notes where each lies."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end
        self.layer = RECORD
        self.layers: list[str] = []
        self.found: list[Field] = []

    def enter(self, layer: str) -> None:
        """Begin a new section; one of a name that was there before gets a number."""
        self.layers.append(layer)
        times = self.layers.count(layer)
        self.layer = layer if times == 1 else f"{layer} {times}"

    def take(self, name: str, size: int, meaning: str = "") -> bytes:
        """A field of bytes."""
        if size > self.end - self.at:
            raise _TooShort
        taken = self.data[self.at : self.at + size]
        if size:
            value = field_names.text(taken)
            if size > SHOWN and not value.startswith('"'):
                value = f"{size:,} bytes"  # the map draws them in any case
            self.found.append(Field(self.layer, name, 8 * self.at, 8 * size, value, meaning))
            self.at += size
        return taken

    def number(self, name: str, size: int, says: Says = "", *, hexadecimal: bool = False) -> int:
        """A field that is a number of `size` bytes."""
        if size > self.end - self.at:
            raise _TooShort
        value = int.from_bytes(self.data[self.at : self.at + size], "big")
        shown = f"0x{value:0{2 * size}x}" if hexadecimal else str(value)
        if callable(says):
            meaning = says(value)
        else:
            meaning = says if isinstance(says, str) else says.get(value, "")
        self.found.append(Field(self.layer, name, 8 * self.at, 8 * size, shown, meaning))
        self.at += size
        return value

    def within(self, size: int, read: Callable[[], object]) -> None:
        """Read something that must end after exactly `size` bytes; what is left is undissected."""
        if size > self.end - self.at:
            raise _TooShort
        outer, self.end = self.end, self.at + size
        try:
            read()
            note = "more than there should be here"
        except _TooShort:
            note = "too short or malformed"
        self.take(UNDISSECTED, self.end - self.at, note)
        self.end = outer

    def each(self, read: Callable[[], object]) -> Callable[[], None]:
        """The same thing again and again, until the end."""

        def all_of_them() -> None:
            while self.at < self.end:
                read()

        return all_of_them

    def vector(self, name: str, size: int, meaning: str = "") -> bytes:
        """A length of `size` bytes, and so many bytes."""
        return self.take(name, self.number(f"{name} Length", size), meaning)


def record_fields(
    record: bytes, *, opened: bool = False, old: bool = False, hidden: bool = False
) -> list[Field]:
    """All fields of one record, first to last: they tile it, without a gap or an overlap.

    Parameters
    ----------
    record : bytes
        The whole record, with its header.
    opened : bool
        It is an encrypted one whose content, between header and tag, has been put in clear.
    old : bool
        Of TLS 1.2 or before, where a Certificate has another form.
    hidden : bool
        Encrypted as TLS 1.2 does it.
    """
    cursor = _Cursor(record, 0, len(record))
    cursor.enter(RECORD)
    try:
        kind = cursor.number("Type", 1, tls_names.RECORDS)
        cursor.number("Legacy Version", 2, _legacy, hexadecimal=True)
        cursor.number("Length", 2, "bytes after this header")
    except _TooShort:
        cursor.take(UNDISSECTED, cursor.end - cursor.at, "too short for a record")
        return cursor.found
    if opened:
        _opened(cursor)
    elif hidden:
        cursor.enter(SEALED)
        cursor.take("Ciphertext", cursor.end - cursor.at, "cannot be read without the key")
    else:
        _content(cursor, kind, cursor.end - cursor.at, old)
    return cursor.found


def _legacy(number: int) -> str:
    version = tls_names.VERSIONS.get(number, "unknown")
    return f"{version}, whatever is spoken" if number <= 0x303 else version


def _opened(cursor: _Cursor) -> None:
    inner = cursor.data[HEADER:-TAG]
    content = inner.rstrip(b"\0")
    if content:
        _content(cursor, content[-1], len(content) - 1, False)
        cursor.enter(INNER)
        cursor.number("Content Type", 1, tls_names.RECORDS)
        cursor.take("Padding", len(inner) - len(content), "zeros, to hide the length")
    cursor.enter("Authentication tag")
    cursor.take("Tag", cursor.end - cursor.at, "proves that no bit was changed")


def _content(cursor: _Cursor, kind: int, size: int, old: bool) -> None:
    end = cursor.at + size
    if kind == tls_names.HANDSHAKE:
        cursor.within(size, cursor.each(lambda: _message(cursor, old)))
    elif kind == tls_names.ALERT and size == 2:
        cursor.enter("Alert")
        cursor.number("Level", 1, tls_names.LEVELS)
        cursor.number("Description", 1, tls_names.ALERTS)
    elif kind == tls_names.CHANGE_CIPHER_SPEC and size == 1:
        cursor.enter("ChangeCipherSpec")
        cursor.number("Type", 1, "no meaning in TLS 1.3; old middleboxes expect it")
    elif kind == tls_names.APPLICATION_DATA and end == cursor.end and size > TAG:
        cursor.enter(SEALED)
        cursor.take("Ciphertext", size - TAG, "cannot be read without the key")
        cursor.take("Tag", TAG, "proves that no bit was changed")
    else:
        cursor.enter("Content")
        cursor.take("Data", size, f"{size:,} bytes carried")


def _message(cursor: _Cursor, old: bool) -> None:
    kind = cursor.data[cursor.at]
    name = tls_names.MESSAGES.get(kind, f"Message {kind}")
    cursor.enter(name)
    cursor.number("Message Type", 1, tls_names.MESSAGES)
    size = cursor.number("Length", 3, "bytes of this message that follow")
    if size > cursor.end - cursor.at:
        rest = cursor.end - cursor.at
        cursor.take("Beginning", rest, "sealed, or it goes on in the next record")
        return
    readers: dict[str, Callable[[_Cursor], object]] = {
        "ClientHello": _client_hello,
        "ServerHello": _server_hello,
        "EncryptedExtensions": lambda c: _extensions(c, "EncryptedExtensions"),
        "CertificateRequest": _certificate_request,
        "Certificate": _certificate,
        "CertificateVerify": _certificate_verify,
        "Finished": lambda c: c.take("Verify Data", size, "an HMAC over all messages so far"),
        "NewSessionTicket": _ticket,
        "KeyUpdate": lambda c: c.number("Request Update", 1),
    }
    if old and name not in ("ClientHello", "ServerHello"):
        readers = {}
    read = readers.get(name, lambda c: c.take("Body", size))
    cursor.within(size, lambda: read(cursor))


def _hello(cursor: _Cursor, random: str) -> None:
    cursor.number("Legacy Version", 2, "always TLS 1.2; see supported_versions", hexadecimal=True)
    retry = cursor.data[cursor.at : cursor.at + 32] == tls_names.RETRY
    cursor.take("Random", 32, "HelloRetryRequest: begin again" if retry else random)
    cursor.vector("Legacy Session ID", 1, "random; middleboxes expect it")


def _client_hello(cursor: _Cursor) -> None:
    _hello(cursor, "new for each connection")
    names = tls_names.cipher_suites()
    size = cursor.number("Cipher Suites Length", 2)
    cursor.within(
        size,
        cursor.each(lambda: cursor.number("Cipher Suite", 2, names, hexadecimal=True)),
    )
    cursor.vector("Legacy Compression Methods", 1, "0: none")
    if cursor.at < cursor.end:
        _extensions(cursor, "ClientHello")


def _server_hello(cursor: _Cursor) -> None:
    _hello(cursor, "new for each connection")
    cursor.number("Cipher Suite", 2, tls_names.cipher_suites(), hexadecimal=True)
    cursor.number("Legacy Compression Method", 1, "none")
    if cursor.at < cursor.end:
        _extensions(cursor, "ServerHello")


def _certificate_request(cursor: _Cursor) -> None:
    cursor.vector("Certificate Request Context", 1)
    _extensions(cursor, "CertificateRequest")


def _certificate(cursor: _Cursor) -> None:
    cursor.vector("Certificate Request Context", 1)
    size = cursor.number(
        "Certificate List Length", 3, "none" if cursor.at + 3 == cursor.end else ""
    )

    def entry() -> None:
        cursor.enter("CertificateEntry")
        length = cursor.number("Certificate Length", 3)
        where = cursor.data[cursor.at : cursor.at + length]
        cursor.take("Certificate", length, describe_certificate(where))
        _extensions(cursor, "Certificate")

    cursor.within(size, cursor.each(entry))


def describe_certificate(der: bytes) -> str:
    """A certificate in a few words: for whom, by whom, until when. Empty if it is none."""
    from cryptography import x509

    malformed = (
        ValueError,
        x509.InvalidVersion,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    )
    try:  # each part is parsed when it is asked for
        certificate = x509.load_der_x509_certificate(der)
        issuer = certificate.issuer.rfc4514_string()
        until = certificate.not_valid_after_utc
        names = [
            str(name.value)
            for extension in certificate.extensions
            if isinstance(extension.value, x509.SubjectAlternativeName)
            for name in extension.value
        ]
        subject = ", ".join(names) or certificate.subject.rfc4514_string()
    except malformed:
        return ""
    return f"X.509, in DER: for {subject}, by {issuer}, until {until:%Y-%m-%d}"


def _certificate_verify(cursor: _Cursor) -> None:
    cursor.number("Algorithm", 2, tls_names.SIGNATURES, hexadecimal=True)
    cursor.vector("Signature", 2, "over all messages so far")


def _ticket(cursor: _Cursor) -> None:
    cursor.number("Ticket Lifetime", 4, "seconds")
    cursor.take("Ticket Age Add", 4, "hides from a watcher how old the ticket is")
    cursor.vector("Ticket Nonce", 1)
    cursor.vector("Ticket", 2, "only the server can read it")
    _extensions(cursor, "NewSessionTicket")


# ------------------------------------------------------------------ extensions


def _extensions(cursor: _Cursor, message: str) -> None:
    size = cursor.number("Extensions Length", 2)
    cursor.within(size, cursor.each(lambda: _extension(cursor, message)))


def _extension(cursor: _Cursor, message: str) -> None:
    kind = int.from_bytes(cursor.data[cursor.at : cursor.at + 2], "big")
    name = tls_names.EXTENSIONS.get(kind, f"0x{kind:04x}")
    cursor.enter(f"Extension {name}")
    cursor.number("Extension Type", 2, tls_names.PURPOSES)
    size = cursor.number("Length", 2)
    readers: dict[str, Callable[[_Cursor, str], object]] = {
        "server_name": _server_name,
        "supported_groups": _list("Group", 2, 2, tls_names.GROUPS),
        "signature_algorithms": _list("Scheme", 2, 2, tls_names.SIGNATURES),
        "signature_algorithms_cert": _list("Scheme", 2, 2, tls_names.SIGNATURES),
        "application_layer_protocol_negotiation": _protocols,
        "supported_versions": _versions,
        "psk_key_exchange_modes": _list("Mode", 1, 1, tls_names.PSK_MODES),
        "key_share": _key_share,
        "pre_shared_key": _pre_shared_key,
    }
    read = readers.get(name, lambda c, _: c.take("Data", size))
    if size:
        cursor.within(size, lambda: read(cursor, message))


def _list(name: str, length_size: int, size: int, says: Says) -> Callable[[_Cursor, str], None]:
    def read(cursor: _Cursor, message: str) -> None:
        total = cursor.number("List Length", length_size)
        cursor.within(
            total, cursor.each(lambda: cursor.number(name, size, says, hexadecimal=size > 1))
        )

    return read


def _server_name(cursor: _Cursor, message: str) -> None:
    def name() -> None:
        cursor.number("Name Type", 1, {0: "host_name"})
        cursor.vector("Name", 2)

    cursor.within(cursor.number("List Length", 2), cursor.each(name))


def _protocols(cursor: _Cursor, message: str) -> None:
    total = cursor.number("List Length", 2)
    cursor.within(total, cursor.each(lambda: cursor.vector("Protocol", 1)))


def _versions(cursor: _Cursor, message: str) -> None:
    if message == "ClientHello":
        _list("Version", 1, 2, tls_names.VERSIONS)(cursor, message)
    else:
        cursor.number("Selected Version", 2, tls_names.VERSIONS, hexadecimal=True)


def _key_share(cursor: _Cursor, message: str) -> None:
    def share() -> None:
        cursor.number("Group", 2, tls_names.GROUPS, hexadecimal=True)
        if cursor.at < cursor.end:  # a HelloRetryRequest only names a group
            cursor.vector("Key Exchange", 2, "the public half of a key pair")

    if message == "ClientHello":
        cursor.within(cursor.number("List Length", 2), cursor.each(share))
    else:
        share()


def _pre_shared_key(cursor: _Cursor, message: str) -> None:
    def identity() -> None:
        cursor.vector("Identity", 2, "the ticket")
        cursor.take("Obfuscated Ticket Age", 4)

    if message == "ClientHello":
        cursor.within(cursor.number("Identities Length", 2), cursor.each(identity))
        size, proof = cursor.number("Binders Length", 2), "proves that the secret is known"
        cursor.within(size, cursor.each(lambda: cursor.vector("Binder", 1, proof)))
    else:
        cursor.number("Selected Identity", 2, "which ticket was taken; the first is 0")
