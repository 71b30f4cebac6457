"""On which core each side of a measurement runs.

Waking a thread on another core costs several times what it costs on the same one: that core
must be brought out of its idle state first. Left alone, the scheduler does now the one, now
the other. So both sides of a pair are given the same placement.
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
    first, *others = ([core] for core in sorted(os.sched_getaffinity(0)))
    found: dict[str, tuple[Cores, Cores]] = {"one core": (first, first)}
    return {**found, "two cores": (first, others[0])} if others else found


@contextmanager
def placed(cores: Cores) -> Iterator[None]:
    """Keep this thread on `cores`, and every thread and process that it starts meanwhile."""
    if cores is None or sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
