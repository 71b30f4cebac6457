"""On which core each side of a measurement runs.

A wake-up on the same core costs some microseconds; one on another core, which has to be
woken from its idle state first, several times as much. Left alone, the scheduler does now
the one, now the other, so both sides of a pair are given the same placement.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

Cores = list[int] | None  # None: wherever the system puts it


def placements() -> dict[str, tuple[Cores, Cores]]:
    """The placements that this machine allows: (the server's cores, the client's cores)."""
    if sys.platform != "linux":
        return {"placed by the system": (None, None)}
    cores = sorted(os.sched_getaffinity(0))
    both = {"one core": ([cores[0]], [cores[0]])}
    if len(cores) > 1:
        both["two cores"] = ([cores[0]], [cores[1]])
    return both


@contextmanager
def placed(cores: Cores) -> Iterator[None]:
    """Keep this thread on `cores`, and each thread and process that it starts meanwhile."""
    if cores is None or sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
