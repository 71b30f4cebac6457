"""Real bytes to begin with: frames of the course's recordings, files that the course wrote, and
what the protocols of the later notebooks say.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import ssl
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tls_contexts import AUTHORITY, NAME, client, server_for

from helpers import recordings
from helpers.own_frames import tcp_payload_length
from helpers.packets import Packet


@cache
def captured() -> list[bytes]:
    """A frame of each length and kind that the course's recordings hold, in a fixed order."""
    found: dict[tuple[int, bytes], bytes] = {}
    for name in recordings.names():
        for parameters in recordings.takes(name):
            for packet in packets_in(recordings.load(name, parameters).value):
                found.setdefault((len(packet.data), packet.data[12:24]), packet.data)
    return [found[key] for key in sorted(found)]


def packets_in(value: Any) -> Iterator[Packet]:
    """All packets anywhere in a recording's value."""
    if isinstance(value, Packet):
        yield value
    elif isinstance(value, dict):
        for kept in value.values():
            yield from packets_in(kept)
    elif isinstance(value, list | tuple):
        for kept in value:
            yield from packets_in(kept)
    elif hasattr(value, "__dict__"):
        for kept in vars(value).values():
            yield from packets_in(kept)


def written() -> list[bytes]:
    """A progress file, small recordings, plain values."""
    entry = {"tries": 2, "passed": True, "hints": 1}
    score = {"guess": 1, "measured": [2, "x"], "hit": False}
    state = {"version": 1, "exercises": {"01-x": entry}, "predictions": {"01-y": {"last": score}}}
    small = [
        recordings._path(name, recordings.FOLDER).read_bytes()
        for name in ("06-drops", "03-sockaddr", "04-syn-of")
    ]
    texts = [gzip.decompress(data) for data in small if len(data) < 3000]
    values = [{"tuple": [1, {"bytes": "aGk="}]}, {"error": "OSError", "with": [1]}]
    return [json.dumps(each).encode() for each in (state, *values)] + texts


@cache
def handshake() -> tuple[list[tuple[str, bytes]], str]:
    """What both sides of a TLS connection sent, in turn, and the log of its secrets."""
    client_side = client()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "keys")
        client_side.keylog_filename = str(log)
        boxes = [ssl.MemoryBIO() for _ in range(4)]
        ends = (
            ("client", client_side.wrap_bio(boxes[0], boxes[1], server_hostname=NAME), 1, 2),
            ("server", server_for().wrap_bio(boxes[2], boxes[3], server_side=True), 3, 0),
        )
        flights = []
        for _ in range(3):
            for side, end, outgoing, incoming in ends:
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
                flights.append((side, boxes[outgoing].read()))
                boxes[incoming].write(flights[-1][1])
        return [each for each in flights if each[1]], log.read_text()


def talks(frame: bytes) -> bool:
    """Whether it carries data over TCP."""
    return tcp_payload_length(frame) > 0


def packet_of(data: bytes) -> bytes:
    """One packet as `pieces.frames` reads it: its length comes first."""
    return len(data[:199]).to_bytes(2, "big") + data[:199]


@cache
def spoken() -> dict[str, list[bytes]]:
    """What a target finds most worth changing: something that is well-formed for it."""
    frames = captured()[:: max(1, len(captured()) // 60)]
    many = [b"".join(map(packet_of, frames[at : at + 3])) for at in range(0, len(frames), 3)]
    packets = [frame[14:] for frame in captured() if frame[12:14] == b"\x08\x00"][::-9]
    routed = [b"".join(map(packet_of, packets[at : at + 3])) for at in range(0, len(packets), 3)]
    flights, key_log = handshake()
    sent = [data for _, data in flights]
    der = x509.load_pem_x509_certificate(AUTHORITY.cert_pem.bytes()).public_bytes(Encoding.DER)
    leaf = AUTHORITY.issue_cert(NAME).cert_chain_pems[0].bytes()
    ders = [der, x509.load_pem_x509_certificate(leaf).public_bytes(Encoding.DER)]
    head = b"GET http://x.example:80/a?b HTTP/1.1\r\nHost: x\r\nConnection: te, x\r\nVia: 1.0 y\r\n"
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nGET / body\n"
    heads = [head + b"\r\n", post, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2]
    chunked = b"5;a=b\r\nhello\r\nb\r\n\r\nin a body\r\n0\r\nA: b\r\n\r\nmore"
    po = b'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=(n != 1);"\n\nmsgid "a"\n'
    po += b'msgid_plural "b"\nmsgstr[0] "c"\nmsgstr[1] "d"\n'
    said = [b"\0\x0eSAID 3 ann 123", b"\0\x0cJOINED 1 ann", b"\0\x07BYE too"]
    return {
        "captures": many,
        "dialogues": many,
        "figures": [b"".join(map(packet_of, [frame] * 2)) for frame in frames if talks(frame)],
        "02-reassemble": routed,
        "rewriting": [*packets, *(b"\x40" + packet[1:] for packet in packets if packet[9] == 6)],
        "routers": routed,
        "14-nat": routed,
        "TLS record": sent,
        "TLS conversation": sent,
        "TLS keys": [row.encode() for row in key_log.splitlines()],
        "certificate": ders,
        "catalogue": [po],
        "chat": [b"".join(said), *said, pieced(b"".join(said))],
        "12-chunks": [pieced(chunked)],
        "12-head": heads,
        "12-proxy": heads,
        "12-reply": [
            b"250-hello\r\n250-a\r\n250 b\r\n",
            b"150 OK\r\n",
            b"211-x\r\n y\r\n211 z\r\n",
        ],
        "12-server": [pieced(each) for each in heads],
        "13-names": [b"*.shop.test,shop.test|www.shop.test", b"a|10.0.0.1"],
        "13-open": sent,
        "13-records": [pieced(each) for each in sent],
        "13-sni": [sent[0][5:]],
        "14-language": [b"de-AT, pl;q=0.8, *;q=0.1", b"zh-Hant-TW,en;q=0"],
        "14-log": [b"2026-03-01T12:00:00Z|::ffff:203.0.113.9|\xc3\xa9", b"x|2001:db8::1|y"],
        "14-same-name": [b"\xc3\xa9|e\xcc\x81", b"\xce\xb0|\xce\x90"],
        "14-utc": [b"2026-03-01T12:00:00.25+01:00", b"9999-12-31T23:59:59-05:00"],
        "15-decoder": [pieced(b"\0\5hello\0\2\xc3\xa9"), pieced(b"\0\0")],
        "03-exposes": [b"127.0.0.1", b"::", b"::1", b"0.0.0.0"],
        "11-parse": [b"2001:db8::1", b"::", b"1:2:3:4:5:6:7:8"],
        "06-dns-name": [b"\3www\7example\0", b"\0" * 12 + b"\1a\xc0\x0c"],
    }


def pieced(data: bytes) -> bytes:
    """The bytes as `pieces.in_pieces` reads them: six at a time, with the length in front."""
    return b"".join(b"\5" + data[at : at + 6] for at in range(0, len(data), 6))


def seeds(name: str) -> list[bytes]:
    """Something real for the target of this name."""
    return spoken().get(name) or [*captured(), *written()]
