"""TLS conversations: every record of real handshakes, its fields, its map, its words."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_byte_maps import Page
from tls_contexts import AUTHORITY, NAME, client, server_for

from helpers.tls_attempts import attempt
from helpers.tls_conversations import Conversation, Record, conversation, records_of
from helpers.tls_fields import describe_certificate, record_fields

QUIET: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
NEW = ["EncryptedExtensions", "Certificate", "CertificateVerify", "Finished"]


@pytest.fixture(scope="module")
def new() -> Conversation:
    return attempt(client(), server_for(), NAME).talk


@pytest.fixture(scope="module")
def old() -> Conversation:
    return attempt(client(ssl.TLSVersion.TLSv1_2), server_for(), NAME).talk


def words(talk: Conversation, sender: str) -> list[str]:
    return [record.words for record in talk.records if record.sender == sender]


def test_every_message_of_a_handshake_is_read(new: Conversation) -> None:
    tickets = ["NewSessionTicket"] * 2
    assert words(new, "server") == ["ServerHello", "change_cipher_spec", *NEW, *tickets]
    assert words(new, "client") == ["ClientHello", "change_cipher_spec", "Finished"]
    assert [record.flight for record in new.records] == [1] + [2] * 6 + [3] * 2 + [4] * 2


def test_without_the_keys_only_lengths_are_seen(new: Conversation) -> None:
    flights = [(record.sender, record.data) for record in new.records]
    blind = conversation(flights)
    assert [record.words for record in blind.records if record.sealed] == ["cannot be read"] * 7
    assert "application_data: " in repr(blind)
    assert blind.size() == new.size()
    with pytest.raises(LookupError, match="Certificate"):
        blind["Certificate"]


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl command")
@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"])
def test_the_other_cipher_suites_are_decrypted(suite: str, tmp_path: Path) -> None:
    """Python cannot choose among those of TLS 1.3; the command of OpenSSL can."""
    context = server_for()
    context.keylog_filename = str(tmp_path / "keys")
    inbox, outbox = ssl.MemoryBIO(), ssl.MemoryBIO()
    end = context.wrap_bio(inbox, outbox, server_side=True)
    flights: list[tuple[str, bytes]] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        where = f"127.0.0.1:{listener.getsockname()[1]}"
        command = ["openssl", "s_client", "-connect", where, "-ciphersuites", suite]
        with subprocess.Popen(command, stdin=subprocess.PIPE, **QUIET) as child:
            listener.settimeout(20)
            conn, _ = listener.accept()
            with conn:
                conn.settimeout(20)
                while not _is_done(end):
                    flights.append(("server", outbox.read()))
                    conn.sendall(flights[-1][1])
                    flights.append(("client", conn.recv(65536)))
                    inbox.write(flights[-1][1])
            child.kill()
    cipher = end.cipher()
    assert cipher is not None
    assert cipher[0] == suite
    talk = conversation(flights, (tmp_path / "keys").read_text())
    assert [record.words for record in talk.records if record.sealed] == [*NEW, "Finished"]


def _is_done(end: ssl.SSLObject) -> bool:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def test_tls_1_2_shows_the_certificate_and_hides_the_end(old: Conversation) -> None:
    assert "Certificate" in words(old, "server")
    assert not old["Certificate"].sealed
    assert [record.sender for record in old.records if record.hidden] == ["client", "server"]
    assert "Encrypted record" in old.records[-1].map().html


@pytest.mark.parametrize("which", ["new", "old"])
def test_the_fields_tile_every_record_and_its_map_shows_its_bytes(
    which: str, request: pytest.FixtureRequest
) -> None:
    for record in request.getfixturevalue(which).records:
        for opened in (True, False):
            data = record.data
            if opened and record.inner is not None:
                data = data[:5] + record.inner + data[-16:]
            clear = opened and record.inner is not None
            found = record_fields(data, opened=clear, old=record.old, hidden=record.hidden)
            assert not [field for field in found if "Undissected" in field.name]
            assert found[0].start == 0
            assert found[-1].end == 8 * len(data)
            assert all(one.end == two.start for one, two in pairwise(found))
            page = Page(record.map(opened=opened)._repr_html_())
            drawn = len(page.digits)
            assert drawn == 2 * len(data) or max(field.bits for field in found) > 8 * 64
            for number, field in enumerate(found):
                shown = "".join(page.digits[at] for at in sorted(page.places[f"f{number}"]))
                whole = data.hex()[field.start // 4 : (field.end + 3) // 4]
                assert whole.startswith(shown)
                assert shown == whole or len(shown) >= 2 * 56


def test_a_map_says_what_was_decrypted(new: Conversation) -> None:
    assert "Decrypted with the key log" in new.map("Certificate").caption
    assert "Decrypted" not in new.map("Certificate", opened=False).caption
    assert f"for {NAME}" in new.map("Certificate").html
    assert f"for {NAME}" not in new.map("Certificate", opened=False).html
    assert "cannot be read without the key" in new.map("Certificate", opened=False).html


def test_a_malformed_certificate_is_drawn_without_words() -> None:
    der = ssl.PEM_cert_to_DER_cert(AUTHORITY.cert_pem.bytes().decode())
    assert "trustme" in describe_certificate(der)
    assert describe_certificate(der.replace(b"trustme", b"\xfftrust\xff", 1)) == ""


def test_the_hello_has_its_name_and_its_versions(new: Conversation) -> None:
    told = [str(field) for field in record_fields(new["ClientHello"].data)]
    assert any("Name, bits" in one and f'"{NAME}"' in one for one in told)
    assert any("supported_versions Version" in one and "TLS 1.3" in one for one in told)


def test_a_resumed_handshake_needs_no_certificate() -> None:
    visitor, shop = client(), server_for()
    first = attempt(visitor, shop, NAME)
    again = attempt(visitor, shop, NAME, session=first.client.session)
    assert again.client.session_reused
    assert "Certificate" not in words(again.talk, "server")
    told = [str(field) for field in record_fields(again.talk["ClientHello"].data)]
    assert any("pre_shared_key Binder" in one for one in told)
    assert again.talk.size("server") < first.talk.size("server") / 2


def test_a_handshake_that_begins_again_is_followed() -> None:
    """The server wants a group whose key the client did not send: HelloRetryRequest."""
    shop = server_for()
    shop.set_ecdh_curve("secp384r1")
    talk = attempt(client(), shop, NAME).talk
    assert words(talk, "server")[0] == "ServerHello"
    assert words(talk, "server").count("ServerHello") == 2
    assert words(talk, "server").count("Finished") == 1
    assert "begin again" in talk["ServerHello"].map().html


def test_records_of_a_stream() -> None:
    stream = b"\x16\3\1\0\2hi\x17\3\3\0\0\x15\3\3"
    assert list(records_of(stream)) == [b"\x16\3\1\0\2hi", b"\x17\3\3\0\0", b"\x15\3\3"]
    assert list(records_of(b"")) == []


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.booleans(), st.booleans())
def test_any_bytes_give_fields_that_tile(data: bytes, opened: bool, old: bool) -> None:
    found = record_fields(data, opened=opened and len(data) > 30, old=old)
    assert sum(field.bits for field in found) == 8 * len(data)
    assert all(one.end == two.start for one, two in pairwise(found))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_hello_with_any_byte_changed_gives_fields_that_tile(data: st.DataObject) -> None:
    hello = bytearray(HELLO)
    for _ in range(data.draw(st.integers(1, 3))):
        hello[data.draw(st.integers(0, len(hello) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(hello[: data.draw(st.integers(1, len(hello)))])
    found = record_fields(cut)
    assert sum(field.bits for field in found) == 8 * len(cut)
    assert all(one.end == two.start for one, two in pairwise(found))
    conversation([("client", cut)])


HELLO = attempt(client(), server_for(), NAME).talk["ClientHello"].data


@pytest.mark.parametrize("size", [0, 1, 34, 35, 37])
def test_a_server_hello_that_is_cut_short_is_drawn(size: int) -> None:
    message = b"\2" + size.to_bytes(3, "big") + bytes(size)
    talk = conversation([("server", b"\x16\3\3" + len(message).to_bytes(2, "big") + message)])
    assert talk[1].words == "ServerHello"
    assert talk.map(1).alt


def test_garbage_is_a_conversation_too() -> None:
    talk = conversation([("client", b"GET / HTTP/1.1\r\n\r\n"), ("server", b"\x17\3\3\0\1x")])
    assert len(talk.records) == 2
    assert "cannot be read" in repr(talk)
    assert all(record.map().alt for record in talk.records)


def test_the_table_says_what_a_watcher_reads(new: Conversation) -> None:
    page = new._repr_html_()
    assert 'data-picture="TLS flights"' in page
    assert "application_data: 69 bytes" in page or "application_data: 53 bytes" in page
    assert page.count("Flight") == 4
    clear = sum(len(record.data) for record in new.records if not record.sealed)
    assert f"{clear:,} of them in clear" in page
    assert isinstance(new[1], Record)
