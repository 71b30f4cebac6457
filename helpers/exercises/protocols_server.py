"""A server of HTTP/1.1 for one connection: requests cut anywhere, and several on one connection."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..fake_streams import Arriving
from ..findings import Finding, call, chunkings, smallest_finding
from . import Exercise, changed

PAGES = {"/": b"hello\n", "/long": b"x" * 3000}
HOST = b"Host: x.example\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
LONG = b"GET /long HTTP/1.1\r\n" + HOST + b"\r\n"
MISSING = b"GET /missing HTTP/1.1\r\n" + HOST + b"\r\n"
LAST = b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 11\r\n\r\nGET / body\n"
NONSENSE = b"hello, server\r\n\r\n"
OK, NOT_FOUND, NOT_ALLOWED, BAD_REQUEST = 200, 404, 405, 400


class Client(Arriving):
    """A client that has sent its pieces; it remembers how much was answered when more was read."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        super().__init__(pieces)
        self.sent = b""
        self.answered_before: list[tuple[int, int]] = []  # bytes taken, bytes sent, at each recv

    def recv(self, size: int, flags: int = 0) -> bytes:
        self.answered_before.append((self.taken, len(self.sent)))
        return super().recv(size, flags)

    def sendall(self, data: bytes, flags: int = 0) -> None:
        self.sent += data

    def send(self, data: bytes, flags: int = 0) -> int:
        """Takes all at once; a real one may take less, so `sendall` is better."""
        self.sent += data
        return len(data)

    def settimeout(self, seconds: float | None) -> None:
        """Has no clock."""

    def close(self) -> None:
        """Is closed by the check."""


class Answer(NamedTuple):
    status: int
    fields: dict[str, str]
    body: bytes


def answers(sent: bytes) -> tuple[list[Answer], str]:
    """The answers in a stream, and what is wrong with the first one that is malformed."""
    found: list[Answer] = []
    while sent:
        head, end, rest = sent.partition(b"\r\n\r\n")
        if not end:
            return found, f"no empty line ends the head of answer {len(found) + 1}: {sent[:60]!r}"
        first, *lines = head.decode("latin-1").split("\r\n")
        status = re.fullmatch(r"HTTP/1\.1 (\d{3}) .*", first)
        if not status:
            return found, f"this is no status line: {first!r}"
        fields = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                return found, f"this is no field line: {line!r}"
            fields[name.lower()] = value.strip()
        if not fields.get("content-length", "").isdecimal():
            return found, f"answer {len(found) + 1} has no Content-Length, so nobody knows its end"
        length = int(fields["content-length"])
        if len(rest) < length:
            return found, f"Content-Length says {length}, and {len(rest)} bytes of body came"
        found.append(Answer(int(status[1]), fields, rest[:length]))
        sent = rest[length:]
    return found, ""


def examine(
    answer_all: Callable[..., Any], pieces: Sequence[bytes], wanted: Sequence[int], why: str = ""
) -> Finding | None:
    """Statuses wanted, in order; pages have their own bodies."""
    shown = f"answer_all(conn, {{'/': …, '/long': …}}), where {list(pieces)!r} arrives"
    client = Client(pieces)
    call(answer_all, client, PAGES, shown=shown)
    found, trouble = answers(client.sent)
    if trouble:
        return Finding(f"What answer_all sent cannot be read: {trouble}.", shown)
    got = [answer.status for answer in found]
    if got != list(wanted):
        return Finding(
            f"The statuses of the answers are not right. {why}".strip(), shown, list(wanted), got
        )
    asked = re.findall(rb"GET (/\w*) HTTP", b"".join(pieces))
    bodies = [PAGES[target.decode()] for target in asked if target.decode() in PAGES]
    given = [answer.body for answer in found if answer.status == OK]
    if given != bodies[: len(given)]:
        return Finding("A page is not the one that was asked for.", shown, bodies, given)
    for answer in found:
        if answer.status == NOT_ALLOWED and "GET" not in answer.fields.get("allow", ""):
            return Finding(
                "The answer 405 has to say what is allowed: `Allow: GET` (RFC 9110, section "
                "15.5.6).",
                shown,
                expected="a field Allow",
                got=answer.fields,
            )
    return _kept_waiting(client, pieces, shown)


def _kept_waiting(client: Client, pieces: Sequence[bytes], shown: str) -> Finding | None:
    """Whether it read on although a whole request had come, and was not answered."""
    if len(pieces) < 2 or b"".join(pieces) != GET + GET or pieces[0] != GET:
        return None
    if any(taken == len(GET) and not sent for taken, sent in client.answered_before):
        return Finding(
            "The first request was complete, and it called recv again before it had answered. The "
            "client waits for its answer, answer_all for more from the client: for ever.",
            shown,
        )
    return None


CASES: tuple[tuple[list[bytes], list[int], str], ...] = (
    ([GET], [OK], "One good request."),
    ([GET, GET], [OK, OK], "The connection stays open for the next request (RFC 9112, 9.3)."),
    ([MISSING, GET], [NOT_FOUND, OK], "After a 404 the connection goes on."),
    ([LONG], [OK], ""),
    (
        [POST, GET],
        [NOT_ALLOWED, OK],
        "The body of the POST is 11 bytes long. It belongs to that request, and is no request "
        "itself.",
    ),
    ([LAST, GET], [OK], "The client said `Connection: close`: after that answer, return."),
    (
        [NONSENSE, GET],
        [BAD_REQUEST],
        "After a head that cannot be understood nobody knows where the next request begins: "
        "answer 400 and return.",
    ),
    (
        [b"GET / HTTP/1.1\r\n\r\n"],
        [BAD_REQUEST],
        "A request of HTTP/1.1 without Host is answered with 400 (RFC 9112, section 3.2).",
    ),
    (
        [b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: -6\r\n\r\n", GET],
        [BAD_REQUEST],
        "A length has digits and nothing else; int() also takes a sign. Who believes a negative "
        "one reads a part of the next request twice.",
    ),
    ([GET[:9]], [], "The client left within a request: there is nothing to answer."),
)


def check(answer_all: Callable[..., Any]) -> Finding | None:
    found = next((each for case in CASES if (each := examine(answer_all, *case))), None)
    stream, wanted = GET + POST + MISSING, [OK, NOT_ALLOWED, NOT_FOUND]
    cut = "Requests may be cut anywhere, and several may come in one piece."
    return found or smallest_finding(
        chunkings(stream), lambda pieces: examine(answer_all, pieces, wanted, cut), examples=100
    )


SOLUTION = """\
def answer_all(conn, pages):
    data = b""

    def answer(status, body, more=""):
        head = f"HTTP/1.1 {status}\\r\\nContent-Length: {len(body)}\\r\\n{more}\\r\\n"
        conn.sendall(head.encode() + body)

    while True:
        while b"\\r\\n\\r\\n" not in data:
            part = conn.recv(4096)
            if not part or len(data) > 65536:
                return  # it has left, or its head has no end
            data += part
        head, _, data = data.partition(b"\\r\\n\\r\\n")
        try:
            first, *lines = head.decode("latin-1").split("\\r\\n")
            method, target, version = first.split(" ")
            pairs = [line.split(":", 1) for line in lines]
            fields = {name.lower(): value.strip() for name, value in pairs}
            length = fields.get("content-length", "0")
            if not length.isdecimal() or (version == "HTTP/1.1" and "host" not in fields):
                raise ValueError("no length, or no Host")
            length = int(length)
        except ValueError:
            return answer("400 Bad Request", b"bad request\\n", "Connection: close\\r\\n")
        while len(data) < length:
            length -= len(data)
            data = conn.recv(4096)
            if not data:
                return
        data = data[length:]
        if method != "GET":
            answer("405 Method Not Allowed", b"GET only\\n", "Allow: GET\\r\\n")
        elif target in pages:
            answer("200 OK", pages[target])
        else:
            answer("404 Not Found", b"no such page\\n")
        if fields.get("connection", "").lower() == "close":
            return
"""

EXERCISE = Exercise(
    key="12-server",
    name="answer_all",
    statement="""\
Write `answer_all(conn, pages)`, a server of HTTP/1.1 for one connection, with `recv` and `sendall`
alone. `pages` has a body (bytes) for each target. Answer request after request: a GET with 200 and
the page, or with 404; any other method with 405 and `Allow: GET`. A request that cannot be
understood, or has no `Host`, is answered with 400, and then you return. Each answer has a
`Content-Length`. Read the body of a request (as long as its `Content-Length` says) and ignore it.
Return too when the client has ended its stream, and after the answer to a request that said
`Connection: close`.
""",
    starter='''\
def answer_all(conn, pages):
    """Answer the requests of one client until it has ended, or wanted to end."""
    ...  # your code
''',
    check=check,
    hints=(
        "Keep one `data` for the whole connection. Read until there is a whole head in it, cut the "
        "head off, and leave the rest in `data`: it may be the next request already.",
        "You may use your `parse_head` of the first exercise: None means *read on*, ValueError "
        "means *400*.",
        "The body comes before the next head. `while len(data) < length` read on, then cut it off: "
        "also for requests that you answer with 404 or 405. (A length is digits only: "
        "`isdecimal()`. And a head that never ends should not fill your memory.)",
    ),
    solution=SOLUTION,
    wrong={
        "one request only": changed(
            SOLUTION,
            (
                '        if fields.get("connection", "").lower() == "close":\n            return\n',
                "        return\n",
            ),
        ),
        "one recv is one request": changed(
            SOLUTION,
            (
                '        while b"\\r\\n\\r\\n" not in data:\n            part = conn.recv(4096)\n'
                "            if not part or len(data) > 65536:\n"
                "                return  # it has left, or its head has no end\n"
                "            data += part\n",
                "        data = conn.recv(4096)\n        if not data:\n            return\n",
            ),
        ),
        "the body becomes a request": changed(SOLUTION, ("        data = data[length:]\n", "")),
        "never closes": changed(
            SOLUTION,
            (
                '        if fields.get("connection", "").lower() == "close":\n            return\n',
                "",
            ),
        ),
        "no length": changed(
            SOLUTION, ("\\r\\nContent-Length: {len(body)}\\r\\n{more}", "\\r\\n{more}")
        ),
        "goes on after nonsense": changed(
            SOLUTION,
            (
                '            return answer("400 Bad Request", b"bad request\\n", '
                '"Connection: close\\r\\n")\n',
                '            answer("400 Bad Request", b"bad request\\n")\n            continue\n',
            ),
        ),
        "does without Host": changed(
            SOLUTION,
            (' or (version == "HTTP/1.1" and "host" not in fields)', ""),
        ),
        "believes what int takes": changed(SOLUTION, ("not length.isdecimal() or ", "")),
        "reads the next request before it answers": changed(
            SOLUTION,
            (
                '        head, _, data = data.partition(b"\\r\\n\\r\\n")\n',
                "        data += conn.recv(4096)\n"
                '        head, _, data = data.partition(b"\\r\\n\\r\\n")\n',
            ),
        ),
    },
)
