"""Read the options of a TCP header from its bytes (RFC 9293, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Failed, Finding, call, smallest_finding
from . import Exercise

END, NOTHING = 0, 1
NAMES = {2: "maximum segment size", 3: "window scale", 4: "SACK permitted", 8: "timestamps"}
# A real SYN: MSS 1460, SACK permitted, timestamps, no operation, window scale 7.
SYN = bytes.fromhex(
    "c35000500a0b0c0d00000000a002faf012340000020405b40402080a0000000b000000000103030a"
)
PARTS = list[tuple[int, bytes]]


def header(parts: PARTS, after: bytes = b"", payload: bytes = b"") -> bytes:
    """A TCP header with these options, padded to words of four bytes, and what follows it."""
    options = b"".join(
        bytes([kind]) if kind == NOTHING else bytes([kind, len(data) + 2]) + data
        for kind, data in parts
    )
    if after or len(options) % 4:
        options += bytes([END]) + after
    options += bytes(-len(options) % 4)
    words = (20 + len(options)) // 4
    return SYN[:12] + bytes([words << 4]) + SYN[13:20] + options + payload


def fits(case: tuple[PARTS, bytes, bytes]) -> bool:
    parts, after, _ = case
    return sum(1 if kind == NOTHING else 2 + len(data) for kind, data in parts) + len(after) <= 39


def examine(read_options: Callable[[bytes], Any], case: tuple[PARTS, bytes, bytes]) -> Any:
    parts, after, payload = case
    expected = {kind: data for kind, data in parts if kind != NOTHING}
    tcp = header(parts, after, payload)
    shown = f"read_options(bytes.fromhex({tcp.hex(' ')!r}))"
    got = call(read_options, tcp, shown=shown)
    if got == expected:
        return None
    return Finding(_wrong(expected, got, case), shown, expected=expected, got=got)


def _wrong(expected: dict[int, bytes], got: object, case: tuple[PARTS, bytes, bytes]) -> str:
    parts, after, payload = case
    if not isinstance(got, dict):
        return f"The options must be a dict, not {type(got).__name__}."
    for kind, data in expected.items():
        name = f"Kind {kind}" + (f" ({NAMES[kind]})" if kind in NAMES else "")
        if kind not in got:
            before = any(known == NOTHING for known, _ in parts)
            hint = " Kind 1 is a single byte: it has no length." if before else ""
            return f"{name} is in the header and not in your answer.{hint}"
        if got[kind] != data:
            return (
                f"{name} has {len(data)} bytes of data, because its length byte is "
                f"{len(data) + 2}: the length counts the kind and itself."
            )
    extra = ", ".join(str(kind) for kind in got if kind not in expected)
    if NOTHING in got or END in got:
        return "Kinds 0 and 1 are no options with data: leave them out."
    if after:
        return f"After kind 0 the list has ended; your answer also holds kind {extra}."
    if payload:
        return (
            f"Your answer also holds kind {extra}, read from the data behind the header. The upper "
            "four bits of byte 12 say how long the header is, in words of four bytes."
        )
    return f"Your answer also holds kind {extra}, which is not in this header."


def check(read_options: Callable[[bytes], Any]) -> Finding | None:
    from hypothesis import strategies as st

    kinds = st.sampled_from([NOTHING, 2, 3, 4, 8, 30, 253])
    part = st.tuples(kinds, st.binary(max_size=8))
    parts = st.lists(part, max_size=7).map(_each_kind_once)
    behind = st.sampled_from([b"", b"\x02\x04\x05\xb4"])
    cases = st.tuples(parts, st.just(b""), st.just(b"")).filter(fits)
    with_more = st.tuples(parts, behind, behind).filter(fits)
    return (
        smallest_finding(cases, lambda case: examine(read_options, case))
        or smallest_finding(with_more, lambda case: examine(read_options, case))
        or _bad_length(read_options)
    )


def _each_kind_once(parts: PARTS) -> PARTS:
    once = dict(part for part in parts if part[0] != NOTHING)
    return [(kind, once.pop(kind, b"")) for kind, _ in parts if kind == NOTHING or kind in once]


def _bad_length(read_options: Callable[[bytes], Any]) -> Finding | None:
    """A length below 2 would never end. RFC 9293, MUST-7: be prepared for it."""
    for length in (0, 1):
        tcp = SYN[:12] + b"\x60" + SYN[13:20] + bytes([253, length, 0, 0])
        shown = f"read_options(bytes.fromhex({tcp.hex(' ')!r}))"
        told = (
            f"Kind 253 says that it is {length} bytes long, which cannot be: kind and length alone "
            "are two. That should raise ValueError."
        )
        try:
            got = call(_must_raise, read_options, tcp, shown=shown)
        except Failed as failed:
            if not failed.stopped:
                raise
            return Finding(f"{told} Here read_options walked on the spot for ever.", shown)
        if got is not None:
            return Finding(told, shown, expected=ValueError("…"), got=got)
    return None


def _must_raise(read_options: Callable[[bytes], Any], tcp: bytes) -> Any:
    try:
        return {"returned": read_options(tcp)}
    except ValueError:
        return None


EXERCISE = Exercise(
    key="04-options",
    name="read_options",
    statement="""\
Write `read_options(tcp)`. `tcp` holds bytes: a TCP header, from the source port on, and
perhaps data behind it. Return a dict with the data of each option by its kind, such as
`{2: b"\\x05\\xb4", 4: b""}`.

The header's length, in words of four bytes, is in the upper four bits of byte 12. Options
begin at byte 20. Kind 0 ends the list, kind 1 fills one byte; neither belongs into the dict.
Every other option is: kind, length, data; the length counts all three. A length below 2 is
nonsense that anybody can send you: raise `ValueError`.
""",
    starter='''\
def read_options(tcp):
    """The options of a TCP header: {kind: data}."""
    ...  # your code
''',
    check=check,
    hints=(
        "`(tcp[12] >> 4) * 4` is where the header ends. Cut the options out first: "
        "`options = tcp[20:end]`.",
        "Walk with `while options:`. Look at `options[0]`; for kind 1 go on with `options[1:]`.",
        "For any other kind `length = options[1]`, the data are `options[2:length]`, and the next "
        "option begins at `options[length]`.",
    ),
    solution="""\
def read_options(tcp):
    options, found = tcp[20 : (tcp[12] >> 4) * 4], {}
    while options and options[0] != 0:
        if options[0] == 1:
            options = options[1:]
            continue
        kind, length = options[0], options[1]
        if length < 2:
            raise ValueError(f"option {kind} cannot be {length} bytes long")
        found[kind] = options[2:length]
        options = options[length:]
    return found
""",
    wrong={
        "takes the rest of the packet for options": """\
def read_options(tcp):
    options, found = tcp[20:], {}
    while options and options[0] != 0:
        if options[0] == 1:
            options = options[1:]
            continue
        if options[1] < 2:
            raise ValueError
        found[options[0]] = options[2 : options[1]]
        options = options[options[1] :]
    return found
""",
        "kind 1 has a length": """\
def read_options(tcp):
    options, found = tcp[20 : (tcp[12] >> 4) * 4], {}
    while len(options) > 1 and options[0] != 0:
        if options[1] < 2:
            raise ValueError
        found[options[0]] = options[2 : options[1]]
        options = options[options[1] :]
    return found
""",
        "the length is that of the data": """\
def read_options(tcp):
    options, found = tcp[20 : (tcp[12] >> 4) * 4], {}
    while options and options[0] != 0:
        if options[0] == 1:
            options = options[1:]
            continue
        end = 2 + options[1]
        found[options[0]] = options[2:end]
        options = options[end:]
    return found
""",
        "kind 0 is skipped like kind 1": """\
def read_options(tcp):
    options, found = tcp[20 : (tcp[12] >> 4) * 4], {}
    while options:
        if options[0] in (0, 1):
            options = options[1:]
            continue
        if options[1] < 2:
            raise ValueError
        found[options[0]] = options[2 : options[1]]
        options = options[options[1] :]
    return found
""",
        "never ends at a length of zero": """\
def read_options(tcp):
    options, found = tcp[20 : (tcp[12] >> 4) * 4], {}
    while options and options[0] != 0:
        if options[0] == 1:
            options = options[1:]
            continue
        found[options[0]] = options[2 : options[1]]
        options = options[options[1] :]
    return found
""",
    },
)
