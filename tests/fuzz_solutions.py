"""Targets: the reference solutions that take bytes or text of others, by their keys.

A target raises only what a solution may raise on bad input, or an AssertionError where its
result makes no sense. See `fuzz_targets`.
"""

from __future__ import annotations

import builtins
import codecs
import contextlib
import struct
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

from pieces import Stream, frames, in_pieces

from helpers.exercises import exercise
from helpers.nat import Nat

# It says that the bytes are wrong, or that there are too few.
REFUSED = (ValueError, IndexError, EOFError, struct.error)
KEPT = 100_000  # bytes that a decoder may keep of a stream that makes no sense

# How a solution's code is prepared: `fuzz.py` has atheris watch which lines are reached.
prepare: list[Callable[[FunctionType], Any]] = []


@cache
def solution(key: str) -> Any:
    """What the reference solution of an exercise defines."""
    asked = exercise(key)
    namespace: dict[str, Any] = {"__name__": "solution", "__builtins__": builtins}
    run: Any = FunctionType(compile(asked.solution, key, "exec"), namespace)
    for each in prepare:
        run = each(run)
    run()
    return namespace[asked.name]


def refuses(key: str, *arguments: Any) -> Callable[[bytes], None]:
    """A solution that is a function of bytes."""

    def target(data: bytes) -> None:
        with contextlib.suppress(*REFUSED):
            solution(key)(data, *arguments)

    return target


def reads(key: str, *arguments: Any) -> Callable[[bytes], None]:
    """A solution that is a function of text."""

    def target(data: bytes) -> None:
        with contextlib.suppress(ValueError):
            solution(key)(data.decode("latin-1"), *arguments)

    return target


def framer(data: bytes) -> None:
    made = solution("05-framer")()
    messages = [message for piece in in_pieces(data) for message in made.feed(piece)]
    assert sum(len(message) + 2 for message in messages) <= len(data)
    with contextlib.suppress(EOFError):
        made.close()


def utf8(data: bytes) -> None:
    pieces = in_pieces(data)
    with contextlib.suppress(UnicodeDecodeError):
        assert "".join(solution("05-utf8")(pieces)) == b"".join(pieces).decode()


def recv_exactly(data: bytes) -> None:
    with contextlib.suppress(EOFError, ConnectionResetError):
        assert len(solution("05-recv-exactly")(Stream(data), 20)) == 20


def lines(data: bytes) -> None:
    with contextlib.suppress(EOFError, ValueError, ConnectionResetError):
        assert all(len(line) <= 9 for line in solution("05-lines")(Stream(data), 9))


def deadline(data: bytes) -> None:
    with contextlib.suppress(EOFError, TimeoutError, ConnectionResetError):
        clock = iter(range(1000)).__next__
        assert len(solution("10-deadline")(Stream(data), 20, 9, clock)) == 20


def reassemble(data: bytes) -> None:
    with contextlib.suppress(*REFUSED):
        solution("02-reassemble")([packet.data for packet in frames(data)])


def dns_name(data: bytes) -> None:
    for place in (0, 12):
        with contextlib.suppress(*REFUSED):
            solution("06-dns-name")(data, place)


class Answers(Stream):
    """A socket from which these datagrams come, and then no more."""

    def send(self, data: bytes) -> int:
        return len(data)

    def recv(self, size: int) -> bytes:
        if not self.pieces:
            raise TimeoutError
        return self.pieces.pop(0)


def ask(data: bytes) -> None:
    with contextlib.suppress(TimeoutError):
        assert solution("06-ask")(Answers(data), 1, b"?") in [p[4:] for p in in_pieces(data)]


def parse(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert len(solution("11-parse")(data.decode("latin-1"))) == 16


def chunks(data: bytes) -> None:
    made, body = solution("12-chunks")(), b""
    with contextlib.suppress(ValueError):
        for piece in in_pieces(data):
            body += made.feed(piece)
    assert len(body) + len(made.rest) <= len(data)


def head(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        found = solution("12-head")(data)
        assert found is None or (len(found) == 4 and data.endswith(found[3]))


def proxy(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        host, port, sent = solution("12-proxy")(data)
        assert host
        assert 0 <= port < 65_536
        assert sent.endswith(b"\r\n\r\n")


def reply(data: bytes) -> None:
    with contextlib.suppress(ValueError, EOFError):
        waiting = data.splitlines(keepends=True)
        number, texts = solution("12-reply")(lambda: waiting.pop(0) if waiting else b"")
        assert 0 <= number < 1000
        assert texts


class Pages(Stream):
    """The connection of a client of HTTP that does not read."""

    def sendall(self, data: bytes) -> None:
        if len(data) % 7 == 0 and self.reset:
            raise BrokenPipeError


def server(data: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        solution("12-server")(Pages(data), {"/": b"hello"})


def covers(data: bytes) -> None:
    names, _, host = data.decode("latin-1").partition("|")
    assert solution("13-names")(names.split(","), host) in (True, False)


def open_record(data: bytes) -> None:
    from cryptography.exceptions import InvalidTag

    with contextlib.suppress(InvalidTag):
        solution("13-open")(data, bytes(16), bytes(12), len(data))


def records(data: bytes) -> None:
    made, found = solution("13-records")(), []
    with contextlib.suppress(ValueError):
        for piece in in_pieces(data):
            found += made.feed(piece)
    assert sum(5 + len(fragment) for _, fragment in found) <= len(data)


def same_name(data: bytes) -> None:
    one, _, other = data.partition(b"|")
    same = solution("14-same-name")
    assert same(one, other) == same(other, one)
    assert same(one, one) == is_utf8(one)


def is_utf8(data: bytes) -> bool:
    try:
        codecs.decode(data, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def minimise(data: bytes) -> None:
    time, _, rest = data.decode("latin-1").partition("|")
    address, _, text = rest.partition("|")
    entry = {"time": time, "address": address, "port": 1, "name": text, "text": text}
    with contextlib.suppress(ValueError):
        kept = solution("14-log")(entry, b"key")
        assert not text or len(text) < 17 or text not in repr(kept)


def nat(data: bytes) -> None:
    box = Nat("203.0.113.1", "outside", solution("14-nat")(range(4), 9, iter(range(9999)).__next__))
    for packet in frames(data):
        box(packet.data, "inside")
        box(packet.data, "outside")
    assert set(box.table.entries) <= set(range(4))  # type: ignore[attr-defined]


def decoder(data: bytes) -> None:
    made = solution("15-decoder")(9)
    found = [text for piece in in_pieces(data) for text in made.feed(piece)]
    assert all(0 < len(text.encode()) <= 9 for text in found)
    assert made.error or len(made.inbox) < 11


SOLUTIONS: dict[str, Callable[[bytes], None]] = {
    "00-ports": refuses("00-ports"),
    "01-peel": refuses("01-peel"),
    "02-checksum": refuses("02-checksum"),
    "02-reassemble": reassemble,
    "03-exposes": reads("03-exposes"),
    "04-options": refuses("04-options"),
    "05-framer": framer,
    "05-lines": lines,
    "05-recv-exactly": recv_exactly,
    "05-utf8": utf8,
    "06-ask": ask,
    "06-dns-name": dns_name,
    "10-deadline": deadline,
    "11-compress": refuses("11-compress"),
    "11-parse": parse,
    "11-upper-layer": refuses("11-upper-layer"),
    "12-chunks": chunks,
    "12-head": head,
    "12-proxy": proxy,
    "12-reply": reply,
    "12-server": server,
    "13-names": covers,
    "13-open": open_record,
    "13-records": records,
    "13-sni": refuses("13-sni"),
    "14-language": reads("14-language", ["de", "pl", "zh-TW"], "en"),
    "14-log": minimise,
    "14-nat": nat,
    "14-same-name": same_name,
    "14-utc": reads("14-utc"),
    "15-decoder": decoder,
}

# What can be fed without an end: how, and what it may keep of it.
ENDLESS: dict[str, Callable[[Any], Callable[[bytes], object]]] = {
    "05-framer": lambda made: made().feed,
    "12-chunks": lambda made: made().feed,
    "13-records": lambda made: made().feed,
    "15-decoder": lambda made: made(500).feed,
}

# The others, and why they meet no bytes of strangers.
TRUSTED = {
    "00-percentile": "numbers that were measured",
    "01-goodput": "numbers",
    "01-wrap": "writes a header",
    "02-next-hop": "routes that the operator wrote",
    "02-traceroute": "answers that a probe has read",
    "03-answer-of": "runs a handler of the same program; its bytes go through untouched",
    "03-dial": "connects, and reads nothing",
    "03-keeps-messages": "asks two ends of its own",
    "03-sockaddr": "writes an address",
    "04-knock": "numbers",
    "04-round-trips": "numbers",
    "04-states": "events of a diagram",
    "05-bdp": "numbers",
    "06-fates": "numbers",
    "06-dns-query": "writes a question",
    "06-once": "the number of a request is no more than a key",
    "06-pieces": "cuts its own data",
    "07-go-back-n": "events of the simulator",
    "07-jain": "numbers",
    "07-reassembler": "pieces of the simulator",
    "07-reno": "events of the simulator",
    "07-selective-repeat": "events of the simulator",
    "07-stop-and-wait": "events of the simulator",
    "07-timer": "numbers",
    "08-crowd": "hands answers on",
    "08-queue": "numbers",
    "08-race": "a lock",
    "09-blocking": "hands a question on",
    "09-bounded": "hands answers on",
    "09-flush": "sends its own bytes",
    "09-round-robin": "generators of the same program",
    "09-timers": "times of the same program",
    "15-brake": "numbers",
    "10-breaker": "hands answers on",
    "10-may-retry": "errors",
    "10-retry": "hands answers on",
    "11-race": "connects, and reads nothing",
    "15-ledger": "batches of the same program",
    "15-shutdown": "members of the same program",
    "15-ticker": "hands texts on",
}
