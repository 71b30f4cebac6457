"""What a forward proxy does to the head of a request before it passes it on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Finding, call
from . import Exercise, changed

Parts = tuple[str, int, str, dict[str, str]]
PLAIN = b"GET http://x.example/a?b=c HTTP/1.1\r\nHost: x.example\r\nAccept: */*\r\n\r\n"


def request(target: str, *lines: str) -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", *lines, "", ""]).encode()


CASES: tuple[tuple[bytes, Parts, str], ...] = (
    (
        PLAIN,
        (
            "x.example",
            80,
            "GET /a?b=c HTTP/1.1",
            {"host": "x.example", "accept": "*/*", "via": "1.1 course"},
        ),
        "The next server is told the path and query alone, and the proxy signs with Via.",
    ),
    (
        request("http://x.example:8080/", "Host: x.example:8080"),
        (
            "x.example",
            8080,
            "GET / HTTP/1.1",
            {"host": "x.example:8080", "via": "1.1 course"},
        ),
        "The port is in the target.",
    ),
    (
        request("http://x.example", "Host: x.example"),
        ("x.example", 80, "GET / HTTP/1.1", {"host": "x.example", "via": "1.1 course"}),
        "An empty path is sent as / (RFC 9112, section 3.2.1).",
    ),
    (
        request("http://x.example/", "Host: other.example"),
        ("x.example", 80, "GET / HTTP/1.1", {"host": "x.example", "via": "1.1 course"}),
        "The target decides, and Host is replaced by what it says (RFC 9112, section 3.2.2). "
        "Otherwise two programs could read two different hosts.",
    ),
    (
        request("http://x.example/", "Host: x.example", "Connection: close"),
        ("x.example", 80, "GET / HTTP/1.1", {"host": "x.example", "via": "1.1 course"}),
        "Connection is about the one connection on which it came (RFC 9110, section 7.6.1).",
    ),
    (
        request(
            "http://x.example/", "Host: x.example", "Connection: X-Debug, close", "X-Debug: 1"
        ),
        ("x.example", 80, "GET / HTTP/1.1", {"host": "x.example", "via": "1.1 course"}),
        "Fields that Connection names are not passed on either.",
    ),
    (
        request(
            "http://x.example/", "Host: x.example", "Keep-Alive: timeout=5", "TE: trailers",
            "Upgrade: x", "Proxy-Connection: keep-alive", "User-Agent: a: b",
        ),
        (
            "x.example",
            80,
            "GET / HTTP/1.1",
            {"host": "x.example", "user-agent": "a: b", "via": "1.1 course"},
        ),
        "Keep-Alive, TE, Upgrade and Proxy-Connection end at the next hop, too.",
    ),
    (
        request("http://x.example/", "Host: x.example", "Via: 1.1 first"),
        (
            "x.example",
            80,
            "GET / HTTP/1.1",
            {"host": "x.example", "via": "1.1 first, 1.1 course"},
        ),
        "Who comes later in the chain stands later in Via (RFC 9110, section 7.6.3).",
    ),
)  # fmt: skip
BAD: tuple[tuple[bytes, str], ...] = (
    (request("/a", "Host: x.example"), "This target names no host: it is not meant for a proxy."),
    (request("ftp://x.example/", "Host: x.example"), "This proxy speaks HTTP only."),
    (request("http:///a", "Host: x.example"), "The host is empty."),
)


def read(head: Any) -> tuple[str, dict[str, str]] | str:
    """First line and fields of a head; a text that says what is wrong."""
    if not isinstance(head, bytes):
        return f"the head is not bytes, but {type(head).__name__}"
    if not head.endswith(b"\r\n\r\n") or head.count(b"\r\n\r\n") > 1:
        return "the head has to end with an empty line, CR LF CR LF"
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            return f"this is no field line: {line!r}"
        name, value = name.lower(), value.strip()
        if name in fields and name != "via":
            return f"{name} is there twice"
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return first, fields


def examine(
    forward_head: Callable[..., Any], head: bytes, wanted: Parts, why: str
) -> Finding | None:
    shown = f"forward_head({head!r})"
    got = call(forward_head, head, shown=shown)
    if not isinstance(got, tuple) or len(got) != 3:
        message = "It has to return a tuple of three: host, port and the head to send."
        return Finding(message, shown, expected="(host, port, head)", got=got)
    parts = read(got[2])
    if isinstance(parts, str):
        return Finding(f"What is passed on cannot be read: {parts}.", shown, wanted, got)
    seen = (*got[:2], *parts)
    if seen == wanted:
        return None
    names = ("host", "port", "the first line", "the fields")
    places = [name for name, a, b in zip(names, seen, wanted, strict=True) if a != b]
    return Finding(f"Not right: {', '.join(places)}. {why}", shown, expected=wanted, got=seen)


def examine_bad(forward_head: Callable[..., Any], head: bytes, why: str) -> Finding | None:
    def attempt(head: bytes) -> Any:
        try:
            return forward_head(head)
        except ValueError:
            return ValueError

    shown = f"forward_head({head!r})"
    got = call(attempt, head, shown=shown)
    if got is ValueError:
        return None
    return Finding(f"{why} That has to raise ValueError.", shown, "ValueError", repr(got))


def check(forward_head: Callable[..., Any]) -> Finding | None:
    good = next((found for case in CASES if (found := examine(forward_head, *case))), None)
    return good or next(
        (found for case in BAD if (found := examine_bad(forward_head, *case))), None
    )


SOLUTION = """\
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "proxy-connection", "keep-alive", "te", "upgrade"}

def forward_head(head):
    first, *lines = head.decode("latin-1").removesuffix("\\r\\n\\r\\n").split("\\r\\n")
    method, target, version = first.split(" ")
    place = urlsplit(target)
    if place.scheme != "http" or not place.hostname:
        raise ValueError("not a target for a proxy")
    pairs = [line.split(":", 1) for line in lines]
    fields = {name.lower(): value.strip() for name, value in pairs}
    named = {name.strip().lower() for name in fields.get("connection", "").split(",")}
    fields = {name: fields[name] for name in fields if name not in HOP_BY_HOP | named}
    fields["host"] = place.netloc
    fields["via"] = f"{fields['via']}, 1.1 course" if "via" in fields else "1.1 course"
    path = (place.path or "/") + (f"?{place.query}" if place.query else "")
    sent = [f"{method} {path} {version}", *(f"{name}: {fields[name]}" for name in fields)]
    return place.hostname, place.port or 80, "\\r\\n".join([*sent, "", ""]).encode("latin-1")
"""

EXERCISE = Exercise(
    key="12-proxy",
    name="forward_head",
    statement="""\
Write `forward_head(head)`, the heart of a forward proxy. `head` is the head of a good request, with
its empty line. Return the host and the port to connect to, and the head (bytes) to send there:
path and query as the target; `Host` as the target says; at the end of `Via` the entry `1.1 course`;
and neither `Connection` nor any field that it names, nor `Keep-Alive`, `Proxy-Connection`, `TE`
and `Upgrade`. The other fields stay. Raise `ValueError` if the target does not begin with `http://`
and a host.
""",
    starter='''\
from urllib.parse import urlsplit

def forward_head(head):
    """(host, port, head to send there) for a request that came to a proxy."""
    ...  # your code
''',
    check=check,
    hints=(
        "`urlsplit('http://x.example:8080/a?b=c')` has `scheme`, `hostname`, `port` (None if there "
        "is none), `netloc`, `path` and `query`.",
        "Read the fields into a dictionary with names in lower case, take away, replace, add, and "
        "write it again. The order of different fields does not count.",
        "The value of `Connection` is a list: `x-debug, close`. Each name in it is taken away, "
        "whatever its case.",
    ),
    solution=SOLUTION,
    wrong={
        "passes the whole target on": changed(
            SOLUTION, ('f"{method} {path} {version}"', 'f"{method} {target} {version}"')
        ),
        "forgets the query": changed(
            SOLUTION, (' + (f"?{place.query}" if place.query else "")', "")
        ),
        "keeps the Host it got": changed(SOLUTION, ('    fields["host"] = place.netloc\n', "")),
        "removes Connection alone": changed(SOLUTION, ("HOP_BY_HOP | named", "HOP_BY_HOP")),
        "replaces Via": changed(
            SOLUTION,
            (
                """f"{fields['via']}, 1.1 course" if "via" in fields else "1.1 course\"""",
                '"1.1 course"',
            ),
        ),
        "takes any target": changed(
            SOLUTION,
            (
                '    if place.scheme != "http" or not place.hostname:\n'
                '        raise ValueError("not a target for a proxy")\n',
                "",
            ),
        ),
        "always port 80": changed(SOLUTION, ("place.port or 80", "80")),
    },
)
