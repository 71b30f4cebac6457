"""Keep of a log entry only what its purpose needs."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from ..findings import Finding, call
from . import Exercise, changed

KEY = b"a key of this week"
KEEP = ("hour", "network", "who", "length")


def entry(**other: Any) -> dict[str, Any]:
    usual = {
        "time": "2026-03-01T12:34:56Z",
        "address": "203.0.113.77",
        "port": 51234,
        "name": "ana",
        "text": "hello",
    }
    return usual | other


# (what differs from the usual entry, the key, why)
CASES: tuple[tuple[dict[str, Any], bytes, str], ...] = (
    ({}, KEY, ""),
    ({"time": "2026-12-31T23:59:59Z"}, KEY, ""),
    ({"address": "198.51.100.200"}, KEY, ""),
    ({"address": "2001:db8:1:2:3:4:5:6"}, KEY, "Of an IPv6 address the first 48 bits are kept."),
    (
        {"address": "::ffff:203.0.113.77"},
        KEY,
        "This is an IPv4 address, as a dual-stack server sees it: undo the mapping first.",
    ),
    ({"text": "żółw"}, KEY, "The length is in bytes of UTF-8."),
    ({"text": ""}, KEY, ""),
    ({"name": "Zoë"}, KEY, "The name is hashed as UTF-8."),
    ({"name": "ben"}, KEY, ""),
    ({}, b"next week's key", "With another key the same name must get another pseudonym."),
    (
        {"user_agent": "Phone 7", "room": "clinic"},
        KEY,
        "Who adds a field to the log must not thereby keep it.",
    ),
)


def reference(given: dict[str, Any], key: bytes) -> dict[str, Any]:
    address = ip_address(given["address"])
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    bits = 24 if address.version == 4 else 48
    return {
        "hour": given["time"][:13] + "Z",
        "network": str(ip_network((address, bits), strict=False)),
        "who": hmac.new(key, given["name"].encode(), "sha256").hexdigest()[:16],
        "length": len(given["text"].encode()),
    }


def wrong(given: dict[str, Any], key: bytes, expected: dict[str, Any], got: Any) -> str:
    if got is given:
        return "minimise changed the entry that it was given; make a new dict."
    if not isinstance(got, dict):
        return f"minimise returns a dict, not {type(got).__name__}."
    if more := sorted(map(str, got.keys() - expected.keys())):
        return f"minimise kept {', '.join(more)}: nobody asked for that, so it must not be kept."
    if less := sorted(expected.keys() - got.keys()):
        return f"In minimise: {', '.join(less)} is missing."
    name = next(name for name in KEEP if got[name] != expected[name])
    plain = hashlib.sha256(given["name"].encode()).hexdigest()
    if name == "who" and isinstance(got[name], str) and plain.startswith(got[name][:16]):
        return "In minimise: who is hashed without the key; who has a list of names undoes that."
    return f"In minimise: the field {name} is not what was asked for."


def check(minimise: Callable[..., Any]) -> Finding | None:
    for other, key, why in CASES:
        given = entry(**other)
        differs = ", ".join(f"{name}={value!r}" for name, value in other.items()) or "as above"
        shown = f"minimise(entry, {key!r}) with the entry {entry()}, but {differs}"
        if not other:
            shown = f"minimise({given}, {key!r})"
        expected = reference(given, key)
        got = call(minimise, given, key, shown=shown)
        if got != expected or got is given:
            message = f"{wrong(given, key, expected, got)} {why}".strip()
            return Finding(message, shown, expected=expected, got=got)
    return None


SOLUTION = """\
import hmac
from ipaddress import ip_address, ip_network

def minimise(entry, key):
    address = ip_address(entry["address"])
    address = getattr(address, "ipv4_mapped", None) or address
    bits = 24 if address.version == 4 else 48
    return {
        "hour": entry["time"][:13] + "Z",
        "network": str(ip_network((address, bits), strict=False)),
        "who": hmac.new(key, entry["name"].encode(), "sha256").hexdigest()[:16],
        "length": len(entry["text"].encode()),
    }
"""

EXERCISE = Exercise(
    key="14-log",
    name="minimise",
    statement="""\
Write `minimise(entry, key)`: of an entry with `time`, `address`, `port`, `name` and `text` it
returns a new dict with these four, and nothing else:

- `hour`: the time down to the hour, `"2026-03-01T12Z"`;
- `network`: the first 24 bits of an IPv4 address, the first 48 of an IPv6 one, `"203.0.113.0/24"`.
  (Mind IPv4-mapped addresses: [11](11_ipv6.ipynb#One-server-for-both-families).)
- `who`: HMAC-SHA256 of the name in UTF-8 with this key, the first 16 hexadecimal digits;
- `length`: bytes of the text in UTF-8.
""",
    starter='''\
def minimise(entry, key):
    """What the log keeps of an entry, as a new dict."""
    ...  # your code
''',
    check=check,
    hints=(
        "Make the new dict from nothing, field by field. Who copies the entry and deletes from it "
        "keeps what others will add later.",
        '`ip_network(("203.0.113.77", 24), strict=False)` is the network around an address.',
        "`ip_address(text).ipv4_mapped` is the IPv4 address inside, or None; only IPv6 addresses "
        "have it.",
        '`import hmac`; `hmac.new(key, name, "sha256").hexdigest()` takes bytes for both.',
    ),
    solution=SOLUTION,
    wrong={
        "the whole address": changed(SOLUTION, ("24 if", "32 if"), ("else 48", "else 128")),
        "24 bits of each": changed(SOLUTION, ("24 if address.version == 4 else 48", "24")),
        "forgets the mapped ones": changed(
            SOLUTION, ('    address = getattr(address, "ipv4_mapped", None) or address\n', "")
        ),
        "a hash without a key": changed(
            SOLUTION,
            ("import hmac\n", "import hashlib\n"),
            (
                'hmac.new(key, entry["name"].encode(), "sha256")',
                'hashlib.sha256(entry["name"].encode())',
            ),
        ),
        "counts characters": changed(
            SOLUTION, ('len(entry["text"].encode())', 'len(entry["text"])')
        ),
        "copies, and deletes what it knows": changed(
            SOLUTION,
            (
                "    return {\n",
                "    new = dict(entry)\n    for name in "
                '("time", "address", "port", "name", "text"):\n        del new[name]\n'
                "    return new | {\n",
            ),
        ),
        "keeps the port": changed(
            SOLUTION, ("    return {\n", '    return {\n        "port": entry["port"],\n')
        ),
        "keeps the minute": changed(SOLUTION, ("[:13]", "[:16]")),
    },
)
