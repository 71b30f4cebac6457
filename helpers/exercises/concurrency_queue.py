"""The same requests, one worker or many: how long does each wait for its turn?"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any

from ..findings import Finding, call, called, smallest_finding
from . import Exercise

Requests = tuple[list[int], list[int], int]


def right(arrivals: Sequence[int], work: Sequence[int], workers: int) -> list[int]:
    free = [0] * workers
    times = []
    for arrival, needed in zip(arrivals, work, strict=True):
        end = max(arrival, heapq.heappop(free)) + needed
        heapq.heappush(free, end)
        times.append(end - arrival)
    return times


def examine(times: Callable[..., Any], requests: Requests) -> Finding | None:
    arrivals, work, workers = requests
    shown = called(times, *requests)
    expected = right(*requests)
    got = call(times, list(arrivals), list(work), workers, shown=shown)
    if got == expected or (isinstance(got, tuple) and list(got) == expected):
        return None
    message = "These are not the times from arrival to answer."
    if isinstance(got, list) and len(got) == len(expected):
        first = next(i for i, (a, b) in enumerate(zip(got, expected, strict=True)) if a != b)
        message = (
            f"Request {first + 1} arrives at {arrivals[first]} and needs {work[first]}. "
            f"With {workers} worker{'s' * (workers > 1)} it is answered at "
            f"{arrivals[first] + expected[first]}, so after {expected[first]}."
        )
        if got[first] == work[first]:
            message += " You counted the work, and not the wait for a free worker."
        elif got[first] == arrivals[first] + expected[first]:
            message += " You gave the time of the answer; the client counts from its arrival."
    return Finding(message, shown, expected=expected, got=got)


def check(times: Callable[..., Any]) -> Finding | None:
    from hypothesis import strategies as st

    pairs = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), max_size=6)
    requests = st.builds(
        lambda found, workers: (
            sorted(arrival for arrival, _ in found),
            [needed for _, needed in found],
            workers,
        ),
        pairs,
        st.integers(1, 3),
    )
    return smallest_finding(requests, lambda each: examine(times, each))


EXERCISE = Exercise(
    key="08-queue",
    name="response_times",
    statement="""\
A server with a pool is a queue with some workers. Write
`response_times(arrivals, work, workers)`: request number i arrives at `arrivals[i]` (in
ascending order) and takes one worker for `work[i]`; requests are taken in the order of their
arrival, each by the worker that is free first. Return the list of times from each arrival to
its answer. With `workers=1` this is the sequential server, and the reason why one slow request
makes many slow.
""",
    starter='''\
def response_times(arrivals, work, workers):
    """For each request the time from its arrival to its answer."""
    ...  # your code
''',
    check=check,
    hints=(
        "Keep one number for each worker: the time at which it becomes free. At first, all are 0.",
        "A request begins when it has arrived and a worker is free, whichever is later.",
        "Take the smallest of the workers' numbers (`min`, or the module heapq), and put back the "
        "time at which that worker is free again.",
    ),
    solution="""\
import heapq

def response_times(arrivals, work, workers):
    free = [0] * workers
    times = []
    for arrival, needed in zip(arrivals, work):
        begin = max(arrival, heapq.heappop(free))
        heapq.heappush(free, begin + needed)
        times.append(begin + needed - arrival)
    return times
""",
    wrong={
        "only the work": """\
def response_times(arrivals, work, workers):
    return list(work)
""",
        "one worker, however many there are": """\
def response_times(arrivals, work, workers):
    free, times = 0, []
    for arrival, needed in zip(arrivals, work):
        free = max(arrival, free) + needed
        times.append(free - arrival)
    return times
""",
        "a worker begins before the request is there": """\
def response_times(arrivals, work, workers):
    free, times = [0] * workers, []
    for arrival, needed in zip(arrivals, work):
        free.sort()
        free[0] += needed
        times.append(free[0] - arrival)
    return times
""",
        "when, not how long": """\
def response_times(arrivals, work, workers):
    free, times = [0] * workers, []
    for arrival, needed in zip(arrivals, work):
        free.sort()
        free[0] = max(arrival, free[0]) + needed
        times.append(free[0])
    return times
""",
        "workers in turns": """\
def response_times(arrivals, work, workers):
    free, times = [0] * workers, []
    for i, (arrival, needed) in enumerate(zip(arrivals, work)):
        free[i % workers] = max(arrival, free[i % workers]) + needed
        times.append(free[i % workers] - arrival)
    return times
""",
    },
)
