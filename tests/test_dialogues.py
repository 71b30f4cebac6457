"""Who said what, and on which connection, from packets."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from helpers import capture, echo, serve_tcp
from helpers.dialogues import Said, dialogue, payloads, said
from helpers.packets import Packets
from helpers.recordings import load_packets


def kinds(rows: list[Said], connection: int) -> list[tuple[bool, bytes]]:
    return [(row.from_client, row.data[:4]) for row in rows if row.connection == connection]


def test_one_connection_in_the_order_of_what_was_said() -> None:
    with serve_tcp(echo) as server, capture(server, name="00-first-packets") as packets:
        with socket.create_connection(server.address, 10) as client:
            for word in (b"one\n", b"two\n"):
                client.sendall(word)
                client.recv(100)
    if packets.source != "recording":
        wanted = [
            (True, b""),
            (True, b"one\n"),
            (False, b"one\n"),
            (True, b"two\n"),
            (False, b"two\n"),
        ]
        assert kinds(said(packets), 1) == wanted
        assert payloads(packets) == [b"one\n", b"one\n", b"two\n", b"two\n"]


@pytest.mark.parametrize(("name", "opened_by_client"), [("passive", True), ("active", False)])
@pytest.mark.parametrize("with_syns", [True, False])
def test_both_connections_of_ftp(name: str, opened_by_client: bool, with_syns: bool) -> None:
    packets: Any = load_packets(f"12-{name}")
    if not with_syns:  # as where own frames show no SYN of a listener made meanwhile
        packets = Packets((p for p in packets if not p.scapy["TCP"].flags & 2), source="own frame")
    rows = said(packets)
    opening, data = kinds(rows, 2)
    assert opening == (opened_by_client, b"")
    assert data == (False, b"one\r")
    assert next(row for row in rows if row.connection == 2).seen == with_syns
    control = [row.data for row in rows if row.connection == 1 and row.data]
    assert control[0].startswith(b"220 ")
    assert next(row for row in rows if row.data.startswith(b"220 ")).from_client is False
    assert next(row for row in rows if row.data.startswith(b"USER")).from_client is True


def test_the_picture_tells_who_opened_each_connection() -> None:
    picture = dialogue(load_packets("12-active"))
    assert "Connection 2, opened by the server" in picture.caption
    assert "RETR notes.txt" in picture.html
    assert picture.html.count("<svg") == 1


def test_one_connection_of_two_can_be_drawn_alone() -> None:
    packets = load_packets("12-proxy")
    one, two = (dialogue(packets, connection=number).html for number in (1, 2))
    assert "GET http://" in one
    assert "GET http://" not in two
    assert "Via: 1.1 course" in two


def test_what_is_no_text_is_shown_as_bytes_and_long_texts_are_cut() -> None:
    assert Said(1, True, b"\x00\xff").lines == ["2 bytes: 00 ff …"]
    assert Said(1, True, b"a\r\n" * 30).lines[-2:] == ["a", "…"]
    assert len(Said(1, True, b"a\r\n" * 30).lines) == 9


def test_without_packets_there_is_a_sentence() -> None:
    assert "No packets" in dialogue(Packets([])).alt
