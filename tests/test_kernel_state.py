"""What the kernel says of sockets, and samples of it."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading

import pytest

from helpers import kernel_state
from helpers.kernel_samples import _split, sample_queues, sample_states
from helpers.kernel_state import NOT_SET_YET, queues, sample, tcp_info, tcp_states

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")


@pytest.fixture
def pair(host):
    """A connected client and server socket."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((host, 0), family=family))
        client = stack.enter_context(socket.create_connection(listener.getsockname()[:2]))
        server = stack.enter_context(listener.accept()[0])
        yield client, server


def wait_for(condition):
    """Ask until it is so; the test's timeout is the limit."""
    give_up = threading.Event()
    for _ in range(5000):
        if condition():
            return
        give_up.wait(0.001)
    raise AssertionError("it did not become so within 5 seconds")


@linux
def test_tcp_info_counts_what_was_sent_and_received(pair):
    client, server = pair
    client.sendall(b"x" * 1000)
    wait_for(lambda: queues(server).readable == 1000)
    info = tcp_info(client)
    assert info.state == "ESTABLISHED"
    assert info.bytes_sent == 1000
    assert tcp_info(server).bytes_received == 1000
    assert info.snd_ssthresh == NOT_SET_YET
    assert info.snd_cwnd >= 1
    assert 0 < info.min_rtt <= info.rtt < 5
    assert 0.1 < info.rto < 60
    assert info.snd_mss <= info.pmtu


def test_a_shorter_struct_of_an_older_kernel_leaves_the_rest_out():
    whole = bytes([1]) + bytes(7) + struct.pack("=I", 204_000) + bytes(92)
    old = kernel_state._parse_tcp_info(whole)
    assert (old.state, old.rto, old.total_retrans) == ("ESTABLISHED", 0.204, 0)
    assert old.bytes_acked is None
    assert kernel_state._parse_tcp_info(whole[:11]).rto is None


def test_members_lie_where_the_kernel_header_puts_them():
    offsets, at = {}, 0
    for name, code in kernel_state._MEMBERS:
        offsets[name] = at
        assert at % struct.calcsize("=" + code) == 0  # or C would have put padding there
        at += struct.calcsize("=" + code)
    # From offsetof() on include/uapi/linux/tcp.h.
    known = {"rtt": 68, "snd_cwnd": 80, "total_retrans": 100, "pacing_rate": 104,
             "bytes_acked": 120, "notsent_bytes": 144, "min_rtt": 148, "delivery_rate": 160,
             "bytes_sent": 200, "snd_wnd": 228}  # fmt: skip
    assert {name: offsets[name] for name in known} == known


@linux
def test_queues_show_bytes_before_and_after_the_receiver_has_room(pair):
    client, server = pair
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    written = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            written += client.send(b"x" * 65536)
    wait_for(lambda: queues(client).unsent > 0)
    out = queues(client)
    assert 0 < out.unsent <= out.unacked <= written
    assert 0 < queues(server).readable <= written - out.unsent


@linux
def test_a_socket_that_is_not_tcp_is_refused():
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        pytest.raises(TypeError, match="TCP socket"),
    ):
        tcp_info(udp)
    with pytest.raises(TypeError, match="not str"):
        queues("socket")


def test_other_systems_are_told_in_one_sentence(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    for ask in (lambda: tcp_info(None), lambda: queues(None), lambda: tcp_states(80)):
        with pytest.raises(NotImplementedError, match=r"only be read on Linux; this is darwin\.$"):
            ask()


@linux
def test_tcp_states_lists_both_ends_and_the_listener(pair, host):
    client, server = pair
    port = server.getsockname()[1]
    rows = {(row.local[1], row.remote[1]): row for row in tcp_states(port)}
    there = (client.getsockname()[1], port)
    assert rows[there].state == rows[there[::-1]].state == "ESTABLISHED"
    assert rows[there].remote == (host, port)
    assert rows[port, 0].state == "LISTEN"
    server.sendall(b"abc")
    wait_for(lambda: queues(client).readable == 3)
    (row,) = (row for row in tcp_states(port) if (row.local[1], row.remote[1]) == there)
    assert row.rx_queue == 3


def test_samples_are_taken_before_during_and_after():
    reached = threading.Event()
    calls = []

    def read():
        calls.append(len(calls))
        if len(calls) == 5:
            reached.set()
        return calls[-1]

    with sample(read, every=0.0001) as samples:
        assert samples[0].value == 0
        assert reached.wait(10)
    assert [value for _, value in samples] == calls
    assert [time for time, _ in samples] == sorted(time for time, _ in samples)
    assert not any(thread.name == "sampler" for thread in threading.enumerate())


def test_an_error_of_the_function_comes_out_at_the_end():
    values = iter([1, 2])
    with (
        pytest.raises(RuntimeError, match="broken"),
        sample(lambda: next(values, None) or broken(), every=0.0001) as samples,
    ):
        wait_for(lambda: len(samples) == 2)
    assert [value for _, value in samples] == [1, 2]


def broken():
    raise RuntimeError("broken")


def test_an_error_of_the_block_is_not_hidden():
    with pytest.raises(KeyError), sample(lambda: 1):
        raise KeyError("the block's own")


@pytest.mark.parametrize("every", [0, -1, float("nan")])
def test_the_time_between_samples_must_be_positive(every):
    with pytest.raises(ValueError, match="seconds"):
        sample(lambda: 1, every=every)


@linux
def test_a_socket_closed_meanwhile_is_recorded(pair):
    client, _ = pair
    with sample(lambda: tcp_info(client).state, every=0.0001) as samples:
        client.close()
    assert samples[0].value == "ESTABLISHED"
    assert samples[-1].value is None


@linux
@pytest.mark.parametrize("first", ["client", "server"])
@pytest.mark.parametrize("given", [True, False], ids=["own sockets", "only the port"])
def test_who_closes_first_ends_in_time_wait(pair, first, given):
    client, server = pair
    port = server.getsockname()[1]
    known = {"client": client, "server": server} if given else {}
    closes, waits = (client, server) if first == "client" else (server, client)
    with sample_states(port, **known) as samples:
        wait_for(lambda: samples and samples[-1].value == ("ESTABLISHED", "ESTABLISHED"))
        closes.close()
        assert waits.recv(1) == b""
        waits.close()
        wait_for(lambda: getattr(samples[-1].value, first) == "TIME_WAIT")
    other = "server" if first == "client" else "client"
    assert getattr(samples[0].value, first) == "ESTABLISHED"
    assert getattr(samples[-1].value, other) == "CLOSED"


@linux
def test_what_another_connection_has_left_is_not_followed():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address):
            earlier, _ = listener.accept()
        assert earlier.recv(1) == b""
        earlier.close()
        wait_for(lambda: "TIME_WAIT" in [row.state for row in tcp_states(address[1])])
        with socket.create_connection(address), listener.accept()[0]:
            with sample_states(address[1]) as samples:
                wait_for(lambda: samples)
    assert samples[0].value == ("ESTABLISHED", "ESTABLISHED")


@linux
@pytest.mark.parametrize("before", [0, 700], ids=["new", "used before"])
def test_the_places_of_all_bytes_always_add_up(pair, before):
    client, server = pair
    total = 3_000_000
    client.sendall(b"b" * before)
    got = 0
    while got < before:
        got += len(server.recv(before))
    sending = threading.Thread(target=client.sendall, args=(b"x" * total,))
    with sample_queues(client, server, total=total, every=0.0002) as samples:
        sending.start()
        got = 0
        while got < total:
            got += len(server.recv(65536))
        sending.join()
        client.shutdown(socket.SHUT_WR)  # the FIN must not be counted as a byte
        assert server.recv(1) == b""
        client.close()
    assert {sum(value) for _, value in samples} == {total}
    assert all(part >= 0 for _, value in samples for part in value)
    assert samples[0].value.application == total
    assert samples[-1].value.read == total
    reads = [value.read for _, value in samples]
    assert reads == sorted(reads)


@linux
def test_a_fin_is_not_a_byte(pair):
    client, server = pair
    with sample_queues(client, server, total=9) as samples:
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        wait_for(lambda: tcp_info(server).state == "CLOSE_WAIT")
    assert samples[-1].value == (4, 0, 0, 5, 0)


@linux
def test_open_sockets_are_asked_themselves(pair, monkeypatch):
    monkeypatch.setattr("helpers.kernel_samples.tcp_states", lambda port: broken())
    with sample_states(80, client=pair[0], server=pair[1]) as samples:
        pass
    assert samples[-1].value == ("ESTABLISHED", "ESTABLISHED")


@linux
def test_a_total_below_zero_is_refused(pair):
    with pytest.raises(ValueError, match="total"):
        sample_queues(*pair, total=-1)


def test_counters_that_are_out_of_step_still_add_up():
    assert _split(100, 30, 20, 25, 5) == (70, 5, 0, 20, 5)
    assert sum(_split(10, 50, 40, 30, 20)) == 10


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_the_last_bytes_count_though_the_receiver_closed_before_the_next_sample() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = socket.create_connection(listener.getsockname())
        receiver, _ = listener.accept()
    with sender, sample_queues(sender, receiver, total=5, every=60) as samples:  # first, and last
        sender.sendall(b"hello")
        receiver.recv(5, socket.MSG_WAITALL)
        receiver.close()
        sender.recv(1)  # its FIN
    assert samples[-1].value is not None
    assert samples[-1].value.read == 5
