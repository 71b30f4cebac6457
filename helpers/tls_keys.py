"""From a secret in a key log to the keys of TLS 1.3, and from these to what a record says.

A program that uses `ssl` writes its secrets into a file where `context.keylog_filename` says so.
Wireshark reads such files; so does this module.

>>> secret = bytes.fromhex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38")
>>> TrafficKeys(secret, "TLS_AES_128_GCM_SHA256").iv.hex(" ")  # as in RFC 8448, section 3
'5d 31 3e b2 67 12 76 ee 13 00 0b 30'
"""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

TAG = 16  # bytes of the authentication tag, the same in all cipher suites that are read here
HEADER = 5  # bytes: type, version and length


class _Suite(NamedTuple):
    hash: str
    cipher: str
    key_size: int


SUITES = {
    "TLS_AES_128_GCM_SHA256": _Suite("SHA256", "AESGCM", 16),
    "TLS_AES_256_GCM_SHA384": _Suite("SHA384", "AESGCM", 32),
    "TLS_CHACHA20_POLY1305_SHA256": _Suite("SHA256", "ChaCha20Poly1305", 32),
}


def secrets_of(text: str, client_random: bytes | None = None) -> dict[str, bytes]:
    """The secrets in a key log, by their labels: "CLIENT_HANDSHAKE_TRAFFIC_SECRET".

    Parameters
    ----------
    text : str
        What the file holds: lines of label, client random and secret, in hexadecimal. Lines of
        another form are passed over.
    client_random : bytes, optional
        Of which connection; the file may hold several. Without it, the last of each label.
    """
    found = {}
    for row in text.splitlines():
        words = row.split()
        if len(words) != 3 or row.startswith("#"):
            continue
        label, random, secret = words
        if client_random is None or random == client_random.hex():
            with contextlib.suppress(ValueError):  # a line cut short, say
                found[label] = bytes.fromhex(secret)
    return found


def expand_label(secret: bytes, label: str, length: int, hash: str, context: bytes = b"") -> bytes:
    """HKDF-Expand-Label (RFC 8446, section 7.1): `length` bytes made of a secret and a label.

    Parameters
    ----------
    secret : bytes
        A secret of the key schedule.
    label : str
        Without the "tls13 " before it: "key".
    length : int
        Bytes wanted.
    hash : str
        That of the cipher suite: "SHA256" or "SHA384".
    context : bytes
        A hash of the handshake so far, or empty.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

    full = b"tls13 " + label.encode()
    info = length.to_bytes(2, "big") + bytes([len(full)]) + full + bytes([len(context)]) + context
    made: bytes = HKDFExpand(getattr(hashes, hash)(), length, info).derive(secret)
    return made


class TrafficKeys:
    """The key and the IV that protect what one side sends, until it changes them.

    Parameters
    ----------
    secret : bytes
        A traffic secret.
    suite : str
        The cipher suite, with its IANA name, which `ssl` uses too for TLS 1.3.

    Attributes
    ----------
    key, iv : bytes
        RFC 8446, section 7.3.

    Raises
    ------
    ValueError
        If the cipher suite is none of the three that can be read here.
    """

    def __init__(self, secret: bytes, suite: str) -> None:
        if suite not in SUITES:
            raise ValueError(f"Cannot read {suite!r}; only {', '.join(SUITES)}.")
        self.suite = suite
        self._secret = secret
        self._hash, self._cipher, size = SUITES[suite]
        self.key = expand_label(secret, "key", size, self._hash)
        self.iv = expand_label(secret, "iv", 12, self._hash)

    def nonce(self, sequence: int) -> bytes:
        """What no two records under one key share: the IV, XORed with the record's number.

        RFC 8446, section 5.3. The numbers begin at 0 with each key.
        """
        number = int.from_bytes(self.iv, "big") ^ sequence
        return number.to_bytes(len(self.iv), "big")

    def open(self, record: bytes, sequence: int) -> bytes:
        """Decrypt a whole record: content, then its true type, then any padding of zeros.

        Raises ValueError if the tag does not fit: another key, another number, or a changed byte.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers import aead

        cipher: Any = getattr(aead, self._cipher)(self.key)
        try:
            # The header is authenticated too (RFC 8446, section 5.2).
            inner: bytes = cipher.decrypt(self.nonce(sequence), record[HEADER:], record[:HEADER])
        except InvalidTag:
            raise ValueError("The authentication tag does not fit this key and number.") from None
        return inner

    def updated(self) -> TrafficKeys:
        """The keys after a KeyUpdate message (RFC 8446, section 7.2)."""
        size = len(self._secret)
        return TrafficKeys(expand_label(self._secret, "traffic upd", size, self._hash), self.suite)


def content_of(inner: bytes) -> tuple[int, bytes]:
    """The true type of a decrypted record, and its content (RFC 8446, section 5.4).

    Raises ValueError if it holds nothing but zeros.

    >>> content_of(b"hello" + bytes([23, 0, 0]))
    (23, b'hello')
    """
    stripped = inner.rstrip(b"\0")
    if not stripped:
        raise ValueError("A decrypted record without a type: it holds nothing but zeros.")
    return stripped[-1], stripped[:-1]
