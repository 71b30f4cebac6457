"""What takes any bytes: the parsers of helpers and of the reference solutions.

`test_bad_input.py` gives them hypothesis' bytes and mutated captures, `fuzz.py` those that
atheris finds by watching which lines they reach.
"""

from __future__ import annotations

from collections.abc import Callable

from fuzz_helpers import HELPERS
from fuzz_solutions import SOLUTIONS

TARGETS: dict[str, Callable[[bytes], None]] = HELPERS | SOLUTIONS

# These draw: a hundred times slower than to read.
SLOW = ("figures", "captures", "TLS conversation")

# For atheris, which takes a while to start: some targets together, the first byte chooses.
GROUPS: dict[str, tuple[str, ...]] = {
    "packets": ("fields", "byte map", "segments", "ICMP errors", "TCP_INFO"),
    "routers": ("rewriting", "routers"),
    "pictures": ("captures", "dialogues", "figures", "TLS conversation"),
    "files": ("recording", "plain values", "progress file", "wire records", "catalogue"),
    "TLS": ("TLS record", "TLS keys", "certificate"),
    "texts": ("chat", "words"),
    "solutions": tuple(key for key in SOLUTIONS if key < "12"),
    "solutions of protocols": tuple(key for key in SOLUTIONS if key >= "12"),
}


def group(name: str) -> Callable[[bytes], None]:
    """A target that is one of a group's."""
    targets = [TARGETS[each] for each in GROUPS[name]]

    def target(data: bytes) -> None:
        if data:
            targets[data[0] % len(targets)](data[1:])

    return target
