"""Targets: the parsers of helpers, each a function of any bytes.

A target raises only what a parser may raise on bad input, or an AssertionError where its result
makes no sense. See `fuzz_targets`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import mmap
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mutations import handshake
from pieces import Stream, frames, in_pieces

from helpers import plain_values, recordings
from helpers.byte_maps import byte_map
from helpers.catalogues import catalogue
from helpers.charts import time_sequence
from helpers.chat_clients import hear
from helpers.chat_load_process import Crowd, Member
from helpers.dialogues import dialogue, payloads, said
from helpers.exhibits import arrows
from helpers.fields import fields
from helpers.findings import short
from helpers.icmp_errors import icmp_error
from helpers.kernel_state import tcp_info
from helpers.ladders import ladder
from helpers.layer_bars import layer_sizes
from helpers.nat import Nat, NatTable
from helpers.own_frames import tcp_payload_length
from helpers.packet_lists import packet_list
from helpers.packets import RAW, Packet
from helpers.practice import byte_rows
from helpers.progress_file import Progress, state_of
from helpers.raw_capture import is_of_others
from helpers.reconstruction import reconstruct
from helpers.rewriting import prohibited, read_flow, reset_for, rewritten
from helpers.routers import Router
from helpers.segments import conversations, read_segment, steps
from helpers.tls_conversations import conversation
from helpers.tls_fields import describe_certificate, record_fields
from helpers.tls_keys import SUITES, TrafficKeys, content_of, expand_label, secrets_of
from helpers.wire_records import Records


def all_fields(data: bytes) -> None:
    end = 0
    for field in fields(data):
        assert (field.start, field.bits > 0) == (end, True)
        end = field.end
    assert end == 8 * len(data)


def drawn_bytes(data: bytes) -> None:
    if data:
        assert byte_map(data).html
        assert sum(size for _, size in layer_sizes(data)) == len(data)


def segments(data: bytes) -> None:
    packet = Packet(0, data, RAW)
    read_segment(packet)
    is_of_others(data, {80})
    assert 0 <= tcp_payload_length(data) <= len(data)


def captures(data: bytes) -> None:
    packets = frames(data)
    packet_list(packets)
    for found in conversations(packets):
        steps(found)
    if packets:
        with contextlib.suppress(ValueError):  # there is no conversation in them
            reconstruct(packets)
        with contextlib.suppress(ValueError):
            ladder(packets)


def errors(data: bytes) -> None:
    for level, kind in ((socket.IPPROTO_IP, 11), (socket.IPPROTO_IPV6, 25)):
        icmp_error([(level, kind, data)])


class Telling(socket.socket):
    """A socket that answers getsockopt() with these bytes."""

    answer = b""

    def getsockopt(self, *_: int) -> bytes:  # type: ignore[override]
        return self.answer


def info(data: bytes) -> None:
    with Telling() as sock:
        sock.answer = data.ljust(104, b"\0")  # less never comes from a kernel
        tcp_info(sock)


def recording(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for content in (data, gzip.compress(data, 1)):
            Path(folder, "00-fuzz.json.gz").write_bytes(content)
            with contextlib.suppress(plain_values.Damaged, LookupError):
                recordings.load("00-fuzz", folder=Path(folder))


def plain_value(data: bytes) -> None:
    try:
        packed = json.loads(data)
    except (ValueError, RecursionError):
        return
    with contextlib.suppress(plain_values.Damaged):
        value = plain_values.unpack(packed)
        assert value is None or plain_values.pack(value) is not None


def progress(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "progress.json")
        file.write_bytes(data)
        keeper = Progress(file)
        for entry in keeper.read()["exercises"].values():
            state_of(entry)
        keeper.change("exercises", "x", lambda e: e.update(tries=e.get("tries", 0) + 1))
        assert Progress(file).read()["exercises"].keys() >= {"x"} or keeper.path is None


def records(data: bytes) -> None:
    with mmap.mmap(-1, Records.SIZE) as memory:
        memory[: len(data)] = data
        if data[:1] < b"\x05":  # most are quick
            Records("a to b", memory).drops()


def rewriting(data: bytes) -> None:
    """A router reads and rewrites what has a whole IPv4 header, and nothing else."""
    if len(data) < 20:
        assert read_flow(data) is None
        return
    assert len(rewritten(data, ttl=data[8])) == len(data)
    prohibited(data, "10.0.0.1")
    with contextlib.suppress(ValueError):  # to this there is no answer
        reset_for(data)
    if flow := read_flow(data):
        changed = rewritten(data, source=("203.0.113.1", 40000), ttl=1)
        assert read_flow(changed) == flow._replace(source=("203.0.113.1", 40000))


def routers(data: bytes) -> None:
    """Everything that a NAT may meet, from both sides; the router keeps what its rule raised."""
    sent: list[bytes] = []
    router = Router.__new__(Router)  # without its network: there it gets bytes from the wire
    router._own, router._next_hops, router.errors = set(), {}, []
    nat = Nat("203.0.113.1", "outside", NatTable(range(40_000, 40_004)))
    router.rule = lambda packet, interface: sent.extend(nat(packet, interface)) or sent
    for packet in frames(data):
        for interface in ("inside", "outside"):
            router._forward(packet.data, interface)
            nat(packet.data, interface)
    assert router.errors == []


def tls_record(data: bytes) -> None:
    for flags in ({}, {"opened": True}, {"old": True}, {"old": True, "hidden": True}):
        end = 0
        for field in record_fields(data, **flags):
            assert (field.start, field.bits > 0) == (end, True)
            end = field.end
        assert end == 8 * len(data)


def tls_conversation(data: bytes) -> None:
    """Records of both sides, some of which the keys fit."""
    _, key_log = handshake()
    flights = [(("client", "server")[n % 2], piece) for n, piece in enumerate(in_pieces(data))]
    for sent in ([("server", data)], [*handshake()[0], ("server", data)], flights):
        talk = conversation(sent, key_log)
        assert talk.size() == sum(len(piece) for _, piece in sent)
        assert talk._repr_html_()
        assert repr(talk) or not talk.records
        for record in talk.records[-8:]:
            assert record.map()._repr_html_()
    assert len(talk.alerts) <= len(talk.records)


def tls_keys(data: bytes) -> None:
    secrets_of(data.decode("latin-1"))
    secrets_of(data.decode("latin-1"), data[:32])
    expand_label(data, "key", 16, "SHA256", data[:32])
    keys = TrafficKeys(data[:32], list(SUITES)[len(data) % len(SUITES)])
    with contextlib.suppress(ValueError):  # sealed with other keys, or with none
        keys.open(data, 1)
    with contextlib.suppress(ValueError):
        content_of(data)


def certificate(data: bytes) -> None:
    assert isinstance(describe_certificate(data), str)


def translations(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        catalogue(data.decode("latin-1")).ngettext("{count} message", "{count} messages", 2)


def chat(data: bytes) -> None:
    """What a service may send to the clients of the course."""
    conn: Any = Stream(data)
    with contextlib.suppress(EOFError, ValueError, ConnectionResetError):
        while True:
            hear(conn)
    asyncio.run(chat_members(data))


async def chat_members(data: bytes) -> None:
    member = Member(Crowd(), 1, "tea")
    for piece in in_pieces(data):
        member.data_received(piece)
    assert len(member.inbox) <= len(data)
    member.connection_lost(None)


def dialogues(data: bytes) -> None:
    packets = frames(data)
    assert all(row.lines for row in said(packets))
    assert dialogue(packets).html
    assert all(payloads(packets))


def figures(data: bytes) -> None:
    """Pictures of a captured connection: there may be none in it."""
    packets = frames(data)
    arrows(packets)
    with contextlib.suppress(ValueError):  # there is no connection
        time_sequence(packets)


def words(data: bytes) -> None:
    """Bytes shown to a learner: what was expected, and what came instead."""
    assert byte_rows(data, data[::-1]) or not data
    assert short(data)


HELPERS: dict[str, Callable[[bytes], None]] = {
    "fields": all_fields,
    "byte map": drawn_bytes,
    "segments": segments,
    "captures": captures,
    "dialogues": dialogues,
    "figures": figures,
    "ICMP errors": errors,
    "TCP_INFO": info,
    "recording": recording,
    "plain values": plain_value,
    "progress file": progress,
    "wire records": records,
    "rewriting": rewriting,
    "routers": routers,
    "TLS record": tls_record,
    "TLS conversation": tls_conversation,
    "TLS keys": tls_keys,
    "certificate": certificate,
    "catalogue": translations,
    "chat": chat,
    "words": words,
}
