"""Work for a processor, which notes when it was done.

>>> runs = runs_of(busy(0.01))
>>> 0.009 < sum(end - start for start, end in runs) / 1e9 < 1
True
"""

from __future__ import annotations

import json
import time


def busy(seconds: float) -> bytes:
    """Compute for `seconds` of this thread's own processor time, and tell when that was.

    It holds the GIL as any loop of Python does: now and then it has to let another thread
    run. Returns one line: the times, in ns of `time.perf_counter_ns`, from when to when it
    ran. Where it did not run for more than half a millisecond, a new run begins.
    """
    start = last = time.perf_counter_ns()
    end = time.thread_time_ns() + int(seconds * 1e9)
    runs = []
    while time.thread_time_ns() < end:
        now = time.perf_counter_ns()
        if now - last > 500_000:
            runs.append((start, last))
            start = now
        last = now
    return json.dumps([*runs, (start, last)]).encode() + b"\n"


def runs_of(line: bytes) -> list[tuple[int, int]]:
    """What `busy` told: (start, end) of each run, in ns."""
    return [(start, end) for start, end in json.loads(line)]
