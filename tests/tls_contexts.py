"""Contexts of an authority of the tests' own, for both ends of a TLS connection."""

from __future__ import annotations

import ssl
from typing import Any

import trustme

NAME = "shop.test"
AUTHORITY, STRANGER = trustme.CA(), trustme.CA()


def server_for(name: str = NAME, issuer: Any = AUTHORITY, **options: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issuer.issue_cert(name, **options).configure_cert(context)
    return context


def client(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=AUTHORITY.cert_pem.bytes().decode())
    context.minimum_version = context.maximum_version = version
    return context
