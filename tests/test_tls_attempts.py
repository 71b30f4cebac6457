"""Handshakes in memory that are refused: by whom, why, and what the other end is told."""

from __future__ import annotations

import datetime
import os
import ssl
import tempfile
from collections.abc import Callable

import pytest
from tls_contexts import AUTHORITY, NAME, STRANGER, client, server_for

from helpers.tls_attempts import attempt

PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("server", "code", "alert"),
    [
        (lambda: server_for(not_after=PAST), 10, "certificate_expired"),
        (lambda: server_for("bank.test"), 62, "bad_certificate"),
        (lambda: server_for(issuer=STRANGER), 20, "unknown_ca"),
    ],
)
def test_a_certificate_that_does_not_verify(
    server: Callable[[], ssl.SSLContext], code: int, alert: str
) -> None:
    tried = attempt(client(), server(), NAME)
    error = tried.raised["client"]
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert error.verify_code == code
    assert tried.during["client"] == "do_handshake"
    assert dict(tried.rows)["verify_message"] == error.verify_message
    assert [(sender, name) for sender, name, _ in tried.talk.alerts] == [("client", alert)]
    assert not isinstance(tried.raised["server"], ssl.SSLCertVerificationError)
    assert alert in tried._repr_html_()
    assert alert in repr(tried)


def test_a_missing_client_certificate_is_told_at_the_first_read() -> None:
    members = server_for()
    members.verify_mode = ssl.CERT_REQUIRED
    AUTHORITY.configure_trust(members)
    tried = attempt(client(), members, NAME)
    assert tried.during == {"client": "read", "server": "do_handshake"}
    assert tried.talk.alerts == [("server", "certificate_required", True)]
    older = attempt(client(ssl.TLSVersion.TLSv1_2), members, NAME)
    assert older.during["client"] == "do_handshake"


def test_a_client_certificate_is_seen_by_the_server_and_hidden_on_the_way() -> None:
    members, anna = server_for(), client()
    members.verify_mode = ssl.CERT_REQUIRED
    AUTHORITY.configure_trust(members)
    AUTHORITY.issue_cert("anna@shop.test").configure_cert(anna)
    tried = attempt(anna, members, NAME)
    assert tried.raised == {}
    told = tried.server.getpeercert()
    assert told is not None
    assert told["subjectAltName"] == (("email", "anna@shop.test"),)
    assert all(b"anna" not in record.data for record in tried.talk.records)
    assert any(b"anna" in record.content for record in tried.talk.records)


def test_no_file_is_left_and_the_context_is_as_it_was() -> None:
    before = set(os.listdir(tempfile.gettempdir()))
    visitor = client()
    attempt(visitor, server_for(), NAME)
    assert visitor.keylog_filename is None
    new = set(os.listdir(tempfile.gettempdir())) - before
    assert not [name for name in new if name.startswith("course-")]


def test_what_went_well_says_what_was_verified() -> None:
    careless = ssl.create_default_context()
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    for visitor, verified in ((client(), NAME), (careless, "nothing")):
        rows = dict(attempt(visitor, server_for(), NAME).rows)
        assert rows == {
            "client raised": "nothing",
            "client verified": verified,
            "server raised": "nothing",
            "alert": "none",
        }
