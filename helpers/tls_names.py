"""Words for the numbers of TLS: types of records, messages, extensions, groups and alerts.

Only words are here (RFC 8446, sections 4, 5 and 6, and IANA's registry of TLS parameters).
Where a field lies is found by `helpers.tls_fields`.

>>> MESSAGES[11], EXTENSIONS[16], ALERTS[48]
('Certificate', 'application_layer_protocol_negotiation', 'unknown_ca')
"""

from __future__ import annotations

from functools import cache


def _table(lines: str) -> dict[int, str]:
    pairs = (pair.split("=") for pair in lines.replace("\n", " ").split(";") if pair.strip())
    return {int(number.strip(), 0): name.strip() for number, name in pairs}


CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
RECORDS = _table("20=change_cipher_spec; 21=alert; 22=handshake; 23=application_data")

CLIENT_HELLO, SERVER_HELLO, NEW_SESSION_TICKET, FINISHED, KEY_UPDATE = 1, 2, 4, 20, 24
MESSAGES = _table("""
1=ClientHello; 2=ServerHello; 4=NewSessionTicket; 5=EndOfEarlyData; 8=EncryptedExtensions;
11=Certificate; 12=ServerKeyExchange; 13=CertificateRequest; 14=ServerHelloDone;
15=CertificateVerify; 16=ClientKeyExchange; 20=Finished; 22=CertificateStatus; 24=KeyUpdate
""")

EXTENSIONS = _table("""
0=server_name; 1=max_fragment_length; 5=status_request; 10=supported_groups;
11=ec_point_formats; 13=signature_algorithms; 16=application_layer_protocol_negotiation;
18=signed_certificate_timestamp; 21=padding; 22=encrypt_then_mac; 23=extended_master_secret;
27=compress_certificate; 35=session_ticket; 41=pre_shared_key; 42=early_data;
43=supported_versions; 44=cookie; 45=psk_key_exchange_modes; 47=certificate_authorities;
49=post_handshake_auth; 50=signature_algorithms_cert; 51=key_share; 0xfe0d=encrypted_client_hello;
0xff01=renegotiation_info
""")

# In a few words, for those that a first ClientHello or its answer has.
PURPOSES = _table("""
0=the name the client wants, in clear (RFC 6066); 10=what keys can be agreed on with;
11=a leftover of TLS 1.2; 13=how a certificate's owner may sign;
16=which protocol is to be spoken inside (RFC 7301); 21=zeros only, to make the message longer;
22=a leftover of TLS 1.2; 23=a leftover of TLS 1.2; 35=a leftover of TLS 1.2;
41=I have a ticket of an earlier connection; 43=the real version is here;
45=how a ticket may be used; 49=I may be asked for a certificate later;
51=a public key, made for this connection
""")

GROUPS = _table("""
0x17=secp256r1; 0x18=secp384r1; 0x19=secp521r1; 0x1d=x25519; 0x1e=x448;
0x1f=brainpoolP256r1tls13; 0x20=brainpoolP384r1tls13; 0x21=brainpoolP512r1tls13;
0x100=ffdhe2048; 0x101=ffdhe3072; 0x102=ffdhe4096; 0x103=ffdhe6144; 0x104=ffdhe8192;
0x200=MLKEM512; 0x201=MLKEM768; 0x202=MLKEM1024; 0x11eb=SecP256r1MLKEM768;
0x11ec=X25519MLKEM768; 0x11ed=SecP384r1MLKEM1024
""")

SIGNATURES = _table("""
0x201=rsa_pkcs1_sha1; 0x203=ecdsa_sha1; 0x301=rsa_sha224; 0x303=ecdsa_sha224;
0x302=dsa_sha224; 0x401=rsa_pkcs1_sha256; 0x402=dsa_sha256; 0x403=ecdsa_secp256r1_sha256;
0x501=rsa_pkcs1_sha384; 0x502=dsa_sha384; 0x503=ecdsa_secp384r1_sha384; 0x601=rsa_pkcs1_sha512;
0x602=dsa_sha512; 0x603=ecdsa_secp521r1_sha512; 0x804=rsa_pss_rsae_sha256;
0x805=rsa_pss_rsae_sha384; 0x806=rsa_pss_rsae_sha512; 0x807=ed25519; 0x808=ed448;
0x809=rsa_pss_pss_sha256; 0x80a=rsa_pss_pss_sha384; 0x80b=rsa_pss_pss_sha512;
0x81a=ecdsa_brainpoolP256r1tls13_sha256; 0x81b=ecdsa_brainpoolP384r1tls13_sha384;
0x81c=ecdsa_brainpoolP512r1tls13_sha512; 0x904=mldsa44; 0x905=mldsa65; 0x906=mldsa87
""")

ALERTS = _table("""
0=close_notify; 10=unexpected_message; 20=bad_record_mac; 22=record_overflow;
40=handshake_failure; 42=bad_certificate; 43=unsupported_certificate; 44=certificate_revoked;
45=certificate_expired; 46=certificate_unknown; 47=illegal_parameter; 48=unknown_ca;
49=access_denied; 50=decode_error; 51=decrypt_error; 70=protocol_version;
71=insufficient_security; 80=internal_error; 86=inappropriate_fallback; 90=user_canceled;
109=missing_extension; 110=unsupported_extension; 112=unrecognized_name;
113=bad_certificate_status_response; 115=unknown_psk_identity; 116=certificate_required;
120=no_application_protocol
""")
LEVELS = {1: "warning", 2: "fatal"}

VERSIONS = {
    0x300: "SSL 3.0",
    0x301: "TLS 1.0",
    0x302: "TLS 1.1",
    0x303: "TLS 1.2",
    0x304: "TLS 1.3",
}
PSK_MODES = {0: "psk_ke: the ticket alone", 1: "psk_dhe_ke: the ticket, and new keys"}

# RFC 8446, section 4.1.3: a ServerHello with this random asks the client to begin again.
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


@cache
def cipher_suites() -> dict[int, str]:
    """IANA's names of all cipher suites, as scapy knows them."""
    import logging

    logging.getLogger("scapy").setLevel(logging.ERROR)
    from scapy.layers.tls.crypto.suites import _tls_cipher_suites

    return dict(_tls_cipher_suites)
