"""Captures give every packet of their block once, with its bytes, its time and its origin."""

from __future__ import annotations

import asyncio
import os
import selectors
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.utils import rdpcap
from tls_contexts import NAME, client, server_for

from helpers import capture, echo, serve_asyncio, serve_tcp, serve_udp
from helpers import recordings as recordings_of_the_course
from helpers.capture import PacketsLost
from helpers.linux import LoopedFrame
from helpers.machine import this_machine
from helpers.packets import OWN_FRAME, RAW, RECORDING, Packets
from helpers.raw_capture import MAX_PORTS, is_of_others, port_filter


def payloads(packets: Packets) -> list[bytes]:
    """The data carried, packet by packet, those without any left out."""
    found = []
    for packet in packets:
        layers = packet.scapy
        transport = layers["TCP"] if layers.haslayer("TCP") else layers["UDP"]
        if transport.payload:
            found.append(bytes(transport.payload.original or transport.payload))
    return found


def flags(packets: Packets) -> list[str]:
    return [str(packet.scapy["TCP"].flags) for packet in packets]


def say_hello(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"


def test_the_data_of_the_block_in_both_directions_each_once(source: str, host: str) -> None:
    with serve_tcp(echo, host=host) as server:
        say_hello(server.address)  # before the block: not in it
        with capture(server, source=source) as packets:
            say_hello(server.address)
        say_hello(server.address)  # after it
    assert payloads(packets) == [b"hello", b"hello"]
    there, back = (p.scapy["TCP"] for p in packets if b"hello" in p.data)
    assert (there.dport, back.sport) == (server.address[1],) * 2
    # The connection before may still say goodbye, but only one begins in the block.
    assert flags(packets).count("S") == 1
    assert packets.source == source
    assert all(packet.source == source for packet in packets)


def test_a_connection_that_is_wrapped_for_tls_is_followed(source: str) -> None:
    context, told = server_for(), []

    def secret(conn: socket.socket) -> None:
        with context.wrap_socket(conn, server_side=True) as tls:
            while data := tls.recv(100):
                tls.sendall(data)

    with serve_tcp(secret) as server, capture(server, source=source) as packets:
        with socket.create_connection(server.address) as sock:
            with client().wrap_socket(sock, server_hostname=NAME) as tls:
                tls.sendall(b"hello")
                told.append(tls.recv(100))
    assert told == [b"hello"]
    client_hello, server_hello = payloads(packets)[:2]
    assert client_hello[0] == server_hello[0] == 22
    assert NAME.encode() in client_hello
    # Both ends: handshake, data, and on the server's side tickets.
    assert len(payloads(packets)) >= 5
    assert not any(b"hello" in data for data in payloads(packets))


def test_raw_capture_sees_the_whole_conversation(host: str) -> None:
    with serve_tcp(echo, host=host) as server:
        try:
            with capture(server, source=RAW) as packets:
                say_hello(server.address)
        except ValueError as error:
            pytest.skip(str(error))
    assert flags(packets)[:3] == ["S", "SA", "A"]
    assert sum("F" in f for f in flags(packets)) == 2
    assert len({packet.data for packet in packets}) == len(packets), "no packet twice"
    assert "Nothing is missing" in packets.note


def test_own_frames_say_what_they_cannot_show() -> None:
    with serve_tcp(echo) as server:
        try:
            with capture(server, source=OWN_FRAME) as packets:
                say_hello(server.address)
        except ValueError as error:
            pytest.skip(str(error))
    assert flags(packets) == ["S", "PA", "PA"]
    assert "Not seen: SYN-ACK" in packets.note


def test_times_are_the_kernels_and_in_order(source: str) -> None:
    with serve_tcp(echo) as server:
        before = time.time_ns()
        with capture(server, source=source) as packets:
            with socket.create_connection(server.address) as client:
                connected = time.time_ns()
                client.sendall(b"hello")
                client.recv(100)
                received = time.time_ns()
    times = [packet.time_ns for packet in packets]
    assert times == sorted(times)
    assert before <= times[0] <= connected
    assert all(connected <= p.time_ns <= received for p in packets if b"hello" in p.data)


def test_a_connection_made_before_the_block(source: str) -> None:
    with serve_tcp(echo) as server, socket.create_connection(server.address) as client:
        client.sendall(b"before")
        client.recv(100)
        with capture(server, source=source) as packets:
            client.sendall(b"within")
            client.recv(100)
    assert payloads(packets) == [b"within", b"within"]


def test_datagrams_connected_and_not(source: str, host: str) -> None:
    def shout(sock: socket.socket) -> None:
        data, address = sock.recvfrom(100)
        sock.sendto(data.upper(), address)

    with (
        serve_udp(shout, host=host) as server,
        socket.socket(server.socket.family, socket.SOCK_DGRAM) as client,
    ):
        client.settimeout(10)
        with capture(server, source=source) as packets:
            client.sendto(b"one", server.address)
            client.recv(100)
            client.connect(server.address)
            client.send(b"two")
            client.recv(100)
    assert payloads(packets) == [b"one", b"ONE", b"two", b"TWO"]


def test_asyncio_on_both_ends(source: str) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readexactly(4)).upper())

    async def ask(address: tuple[str, int]) -> bytes:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"ping")
        answer = await reader.readexactly(4)
        writer.close()
        await writer.wait_closed()
        return answer

    with serve_asyncio(reply) as server, capture(server, source=source) as packets:
        assert asyncio.run(ask(server.address)) == b"PING"
    assert payloads(packets) == [b"ping", b"PING"]


def test_several_clients_at_once_lose_nothing(source: str) -> None:
    def client(number: int) -> None:
        with socket.create_connection(server.address, timeout=30) as sock:
            for turn in range(50):
                message = b"%d:%d." % (number, turn)
                sock.sendall(message)
                assert sock.recv(100) == message

    with serve_tcp(echo) as server, capture(server, source=source) as packets:
        threads = [threading.Thread(target=client, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    expected = sorted(b"%d:%d." % (n, t) for n in range(8) for t in range(50) for _ in "ab")
    assert sorted(payloads(packets)) == expected


def test_selectors_do_not_spin_while_frames_come_back(source: str) -> None:
    with serve_tcp(echo) as server, capture(server, source=source):
        with socket.create_connection(server.address) as client:
            client.setblocking(False)
            wakes = 0
            with selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ)
                for _ in range(20):
                    client.send(b"x")
                    answered = False
                    while not answered:
                        selector.select()
                        wakes += 1
                        try:
                            answered = bool(client.recv(10))
                        except BlockingIOError:
                            continue
                # All answered. The last frame may still wake it, but not again and again.
                ending = time.monotonic() + 10
                while selector.select(timeout=0.1):
                    assert time.monotonic() < ending
    assert wakes < 20 * 1000


def test_sockets_are_set_back_and_the_detour_is_gone(source: str) -> None:
    before = dict(vars(socket.socket))
    with serve_tcp(echo) as server, socket.create_connection(server.address) as client:
        with capture(server, source=source):
            client.sendall(b"x")
            client.recv(1)
        assert client.getsockopt(socket.SOL_SOCKET, 37) == 0
        assert server.socket.getsockopt(socket.IPPROTO_TCP, 27) == 0
    assert dict(vars(socket.socket)) == before
    assert not [t for t in threading.enumerate() if t.name in ("own frames", "raw capture")]


def test_a_second_capture_of_the_same_packets(source: str) -> None:
    with serve_tcp(echo) as server, capture(server, source=source) as outer:
        if source == RAW:
            with capture(server, source=source) as inner:
                say_hello(server.address)
            assert payloads(inner) == [b"hello"] * 2
        else:
            with (
                pytest.raises(RuntimeError, match="captured already"),
                capture(server, source=source),
            ):
                pass
            say_hello(server.address)
    assert payloads(outer) == [b"hello"] * 2


def test_losing_packets_is_an_error_with_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    import helpers.raw_capture as raw_capture

    monkeypatch.setattr(raw_capture, "BUFFER_BYTES", 2000)  # room for a packet or two
    monkeypatch.setattr(raw_capture.RawCapture, "_relieve", lambda self: None)
    with serve_tcp(echo) as server, socket.create_connection(server.address) as client:
        try:
            watch = capture(server, source=RAW)
        except ValueError as error:
            pytest.skip(str(error))
        with pytest.raises(PacketsLost, match=r"\d+ packets or more were lost") as caught:
            with watch:
                for _ in range(200):
                    client.sendall(bytes(1000))
                    client.recv(1000)
        assert caught.value.count > 0
        assert len(watch.stop()) > 0, "those that came are kept"


def test_own_frames_that_are_missing_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    import helpers.own_frames as own_frames

    real = own_frames.read_looped_frames
    thrown_away: list[object] = []

    def forgetful(sock: socket.socket) -> list[LoopedFrame]:
        frames = real(sock)
        if frames and not thrown_away:
            thrown_away.append(frames.pop())
        return frames

    monkeypatch.setattr(own_frames, "read_looped_frames", forgetful)
    with serve_tcp(echo) as server:
        try:
            watch = capture(server, source=OWN_FRAME)
        except ValueError as error:
            pytest.skip(str(error))
        with pytest.raises(PacketsLost), watch:
            say_hello(server.address)


def test_an_error_in_the_block_is_not_replaced(source: str) -> None:
    with serve_tcp(echo) as server, pytest.raises(ZeroDivisionError):
        with capture(server, source=source):
            raise ZeroDivisionError


def test_start_so_far_stop(source: str) -> None:
    with serve_tcp(echo) as server:
        watch = capture(server, source=source)
        watch.start()
        say_hello(server.address)
        assert payloads(watch.so_far())[0] == b"hello"
        say_hello(server.address)
        assert payloads(watch.stop()) == [b"hello"] * 4
        assert watch.stop() == watch.so_far()


def test_pcap_is_read_by_scapy_and_tshark(source: str, tmp_path: Path) -> None:
    with serve_tcp(echo) as server, capture(server, source=source) as packets:
        say_hello(server.address)
    path = packets.save(tmp_path / "hello.pcap")
    assert [bytes(p) for p in rdpcap(str(path))] == [p.data for p in packets]
    tshark = shutil.which("tshark")
    if not tshark:
        pytest.skip("no tshark: the file was read by scapy only")
    command = [tshark, "-r", str(path), "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len"]
    done = subprocess.run([*command, "-e", "_ws.malformed"], capture_output=True, text=True)
    complaints = [line for line in done.stderr.splitlines() if "Running as user" not in line]
    assert complaints == []
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [int(length) for _, length, _ in lines] == [len(p) for p in packets]
    assert not any(malformed for _, _, malformed in lines)
    assert float(lines[0][0]) == pytest.approx(packets[0].time_ns / 1e9, abs=1e-6)


def test_where_nothing_can_be_captured_the_recording_is_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setattr(recordings_of_the_course, "FOLDER", tmp_path)
    with serve_tcp(echo) as server:
        monkeypatch.setenv(recordings_of_the_course.ASKED, str(tmp_path))
        with capture(server, source=source, name="trial") as live:
            say_hello(server.address)
        monkeypatch.delenv(recordings_of_the_course.ASKED)
        played = recordings_of_the_course.load_packets("trial")
    assert [p.data for p in played] == [p.data for p in live]
    assert [p.time_ns for p in played] == [p.time_ns for p in live]
    assert {p.source for p in played} == {RECORDING}
    assert "not yours" in played.note


def test_no_source_and_no_recording_says_so() -> None:
    with serve_tcp(echo) as server, capture(server, source=RECORDING, name="none") as packets:
        say_hello(server.address)
    assert packets == []
    assert "no recording of this cell" in packets.note


def test_the_choice_of_source_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_CAPTURE", RECORDING)
    with serve_tcp(echo) as server, capture(server) as packets:
        say_hello(server.address)
    assert packets.source == RECORDING


@pytest.mark.parametrize(
    ("targets", "error"),
    [((), TypeError), (("80",), TypeError), ((0,), ValueError), ((70000,), ValueError)],
)
def test_wrong_targets_get_a_sentence(targets: tuple[object, ...], error: type) -> None:
    with pytest.raises(error, match=r"port|watch"):
        capture(*targets)  # type: ignore[arg-type]


def test_unknown_source_and_too_many_ports_get_a_sentence() -> None:
    with pytest.raises(ValueError, match="no source 'wire'"):
        capture(9, source="wire")
    with pytest.raises(ValueError, match=f"1 to {MAX_PORTS}"):
        port_filter(list(range(1, MAX_PORTS + 2)))


def test_icmp_is_kept_only_if_it_is_about_these_ports(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.socket(family, socket.SOCK_DGRAM) as client,
        socket.socket(family, socket.SOCK_DGRAM) as other,
        socket.socket(family, socket.SOCK_DGRAM) as closed,
    ):
        closed.bind((host, 0))
        address = closed.getsockname()
        closed.close()
        client.bind((host, 0))
        try:
            watch = capture(client, source=RAW)
        except ValueError as error:
            pytest.skip(str(error))
        with watch as packets:
            client.sendto(b"mine", address)
            other.sendto(b"not mine", address)
    assert [b"mine" in packet.data for packet in packets] == [True, True]
    assert "icmp" in packets[1].scapy.summary().lower()


@given(st.binary(max_size=120))
def test_any_bytes_can_be_asked_whether_they_are_of_others(data: bytes) -> None:
    for kind in (b"\x08\x00E" + bytes(8) + b"\x01", b"\x86\xdd" + bytes(6) + b"\x3a"):
        frame = bytes(12) + kind + data
        assert is_of_others(frame, {80}) in (True, False)


def test_own_frames_with_a_default_timeout_for_all_sockets() -> None:
    if not this_machine().own_frames.here:
        pytest.skip("no own frames")
    before = socket.create_server(("127.0.0.1", 0))  # has none, and is left so
    socket.setdefaulttimeout(30)
    try:
        began = time.monotonic()
        with before, capture(before, source="own frame") as packets:
            with socket.create_connection(before.getsockname()) as client:
                conn, _ = before.accept()
                with conn:
                    client.sendall(b"hello")
                    conn.recv(5)
                    assert client.gettimeout() == 30
            assert before.gettimeout() is None
            assert os.get_blocking(before.fileno())
        assert any(b"hello" in packet.data for packet in packets)
        assert time.monotonic() - began < 15
    finally:
        socket.setdefaulttimeout(None)
