"""One TLS 1.3 record, opened: the nonce, what else is authenticated, and the true type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Failed, Finding, call, short
from . import Exercise, changed

KEY, IV = bytes(range(32)), bytes(range(100, 112))


def sealed(content: bytes, kind: int, number: int, *, padding: int = 0) -> bytes:
    """A record as RFC 8446, section 5.2, makes it."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    inner = content + bytes([kind]) + bytes(padding)
    header = b"\x17\3\3" + (len(inner) + 16).to_bytes(2, "big")
    nonce = (int.from_bytes(IV, "big") ^ number).to_bytes(12, "big")
    return header + AESGCM(KEY).encrypt(nonce, inner, header)


# What it shows, the content, the true type, the record's number, bytes of padding.
CASES: tuple[tuple[str, bytes, int, int, int], ...] = (
    ("The first record under this key.", b"hello", 23, 0, 0),
    ("The true type is not 23.", b"\x14\0\0\0", 22, 0, 0),
    ("The second record under this key.", b"hello", 23, 1, 0),
    ("Its number needs more than one byte.", b"hello", 23, 300, 0),
    ("It is padded with zeros behind its type.", b"hello", 23, 0, 7),
    ("The content itself ends in zeros.", b"hello\0\0", 23, 0, 0),
    ("It carries nothing.", b"", 23, 5, 0),
)


def examine(
    open_record: Callable[..., Any], what: str, content: bytes, kind: int, number: int, padding: int
) -> Finding | None:
    record = sealed(content, kind, number, padding=padding)
    shown = f"open_record({short(record)}, key, iv, {number})"
    wanted = (kind, content)
    try:
        got = call(open_record, record, KEY, IV, number, shown=shown)
    except Failed as failed:
        if type(failed.__cause__).__name__ == "InvalidTag":
            message = (
                f"In open_record: {what} The tag does not fit. The nonce is the IV XORed with the "
                "number, in 12 bytes; the header's 5 bytes are authenticated, not encrypted."
            )
            return Finding(message, shown, expected=wanted, got="InvalidTag")
        message = f"In open_record: {what} {failed.finding.message}"
        return Finding(message, shown, expected=wanted, got="an exception")
    if got == wanted:
        return None
    hint = ""
    if isinstance(got, tuple) and len(got) == 2:
        if got[0] == 0:
            hint = " The last byte is padding: the type is the last byte that is not zero."
        elif got[0] == record[0] and kind != record[0]:
            hint = " The header says 23 in any case: the true type is inside."
        elif isinstance(got[1], bytes) and content.startswith(got[1]):
            hint = " Zeros before the type belong to the content."
    return Finding(f"In open_record: {what}{hint}", shown, expected=wanted, got=got)


def examine_forged(open_record: Callable[..., Any]) -> Finding | None:
    """A changed header or a changed byte must not come out as data."""
    record = bytearray(sealed(b"pay 10", 23, 0))
    record[2] = 4  # a version that nobody reads
    shown = f"open_record({short(bytes(record))}, key, iv, 0)"
    try:
        got = call(open_record, bytes(record), KEY, IV, 0, shown=shown)
    except Failed as failed:
        if type(failed.__cause__).__name__ == "InvalidTag":
            return None
        raise
    message = "In open_record: somebody has changed a byte of the header. It is authenticated too."
    return Finding(message, shown, expected="InvalidTag", got=got)


def check(open_record: Callable[..., Any]) -> Finding | None:
    found = next((f for case in CASES if (f := examine(open_record, *case))), None)
    return found or examine_forged(open_record)


_SOLUTION = """\
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def open_record(record, key, iv, number):
    header, sealed = record[:5], record[5:]
    nonce = bytes(a ^ b for a, b in zip(iv, number.to_bytes(12, "big")))
    inner = AESGCM(key).decrypt(nonce, sealed, header).rstrip(b"\\0")
    return inner[-1], inner[:-1]
"""

EXERCISE = Exercise(
    key="13-open",
    name="open_record",
    statement="""\
Write `open_record(record, key, iv, number)` (RFC 8446, sections 5.2 to 5.4). `record` is a whole
encrypted record, `number` says how many came before it under this key. It returns the true type
and the content, `(23, b"hello")`.

- The **nonce** is the IV, 12 bytes, XORed with the number, written as 12 bytes.
- `AESGCM(key).decrypt(nonce, sealed, header)` checks the tag of `header` and `sealed`, and gives
  the inner plaintext; or it raises `InvalidTag`, which goes on to the caller. (`AESGCM` is in
  `cryptography.hazmat.primitives.ciphers.aead`.)
- The inner plaintext is the content, one byte of type, and any number of zeros: padding.
""",
    starter='''\
def open_record(record, key, iv, number):
    """The true type and the content of an encrypted record."""
    ...  # your code
''',
    check=check,
    hints=(
        "`record[:5]` is the header, the rest is sealed: the tag is its end, and `decrypt` wants "
        "it there.",
        '`number.to_bytes(12, "big")` has as many bytes as the IV. `zip` gives pairs of bytes, '
        "and `a ^ b` is a number from 0 to 255; `bytes` takes a series of such numbers.",
        "Take the zeros off the end first (`rstrip`). Then the last byte is the type. A content "
        "that ends in zeros is safe: the type stands behind it, and is never zero.",
    ),
    solution=_SOLUTION,
    wrong={
        "the IV is the nonce": changed(
            _SOLUTION, ('bytes(a ^ b for a, b in zip(iv, number.to_bytes(12, "big")))', "iv")
        ),
        "adds instead of XOR": changed(_SOLUTION, ("a ^ b", "(a + b) % 256")),
        "XOR at the wrong end": changed(_SOLUTION, ('"big"', '"little"')),
        "only the last byte of the number": changed(
            _SOLUTION,
            (
                'bytes(a ^ b for a, b in zip(iv, number.to_bytes(12, "big")))',
                "iv[:-1] + bytes([iv[-1] ^ number % 256])",
            ),
        ),
        "the header is not authenticated": changed(_SOLUTION, ("sealed, header", "sealed, None")),
        "the header's type": changed(_SOLUTION, ("return inner[-1]", "return header[0]")),
        "no padding": changed(_SOLUTION, ('.rstrip(b"\\0")', "")),
        "takes zeros off the content": changed(
            _SOLUTION, ("inner[:-1]", 'inner[:-1].rstrip(b"\\0")')
        ),
    },
)
