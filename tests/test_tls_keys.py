"""Keys of TLS 1.3: against the traces of RFC 8448, and against what `ssl` does."""

from __future__ import annotations

import pytest

from helpers.tls_keys import TrafficKeys, content_of, expand_label, secrets_of

# RFC 8448, section 3: the server's handshake traffic secret, and what is derived from it.
SECRET = bytes.fromhex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38")
KEY = bytes.fromhex("3fce516009c21727d0f2e4e86ee403bc")
IV = bytes.fromhex("5d313eb2671276ee13000b30")


def keys() -> TrafficKeys:
    return TrafficKeys(SECRET, "TLS_AES_128_GCM_SHA256")


def test_the_keys_are_those_of_rfc_8448() -> None:
    assert keys().key == KEY
    assert keys().iv == IV


def test_a_nonce_is_the_iv_with_the_number_in_it() -> None:
    assert keys().nonce(0) == IV
    assert keys().nonce(1) == IV[:-1] + bytes([IV[-1] ^ 1])
    number = 0x0102030405060708
    expected = bytes(a ^ b for a, b in zip(IV, number.to_bytes(12, "big"), strict=True))
    assert keys().nonce(number) == expected


def sealed(inner: bytes, number: int) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    header = b"\x17\3\3" + (len(inner) + 16).to_bytes(2, "big")
    return header + AESGCM(KEY).encrypt(keys().nonce(number), inner, header)


def test_a_record_opens_with_its_own_number_only() -> None:
    record = sealed(b"hello\x17\0\0", 7)
    assert keys().open(record, 7) == b"hello\x17\0\0"
    with pytest.raises(ValueError, match="does not fit"):
        keys().open(record, 8)


@pytest.mark.parametrize("place", [0, 2, 5, -1])
def test_a_changed_bit_anywhere_is_noticed(place: int) -> None:
    record = bytearray(sealed(b"hello\x17", 0))
    record[place] ^= 1
    with pytest.raises(ValueError, match="does not fit"):
        keys().open(bytes(record), 0)


def test_other_cipher_suites_are_refused() -> None:
    with pytest.raises(ValueError, match="TLS_AES_128_CCM_SHA256"):
        TrafficKeys(SECRET, "TLS_AES_128_CCM_SHA256")


def test_an_update_makes_other_keys() -> None:
    """RFC 8446, section 7.2: from the secret, with the label "traffic upd"."""
    following = TrafficKeys(expand_label(SECRET, "traffic upd", 32, "SHA256"), keys().suite)
    assert keys().updated().key == following.key != KEY


def test_the_content_ends_before_the_last_byte_that_is_not_zero() -> None:
    assert content_of(b"a\0\0\x16\0\0\0") == (22, b"a\0\0")
    with pytest.raises(ValueError, match="nothing but zeros"):
        content_of(bytes(5))


def test_a_key_log_of_many_connections_is_sorted_by_the_client_s_random() -> None:
    text = "# a comment\nLABEL aa 01\nLABEL bb 02\n\nbroken line\nOTHER aa 03\n"
    assert secrets_of(text, bytes.fromhex("aa")) == {"LABEL": b"\1", "OTHER": b"\3"}
    assert secrets_of(text) == {"LABEL": b"\2", "OTHER": b"\3"}
    assert secrets_of("") == {}


def test_lines_of_a_key_log_that_make_no_sense_are_passed_over() -> None:
    log = "\n".join(["CLIENT_X 00 abc", "CLIENT_X 00", "# a b", "CLIENT_X 00 zz", "SERVER_X 00 ff"])
    assert secrets_of(log) == {"SERVER_X": b"\xff"}
