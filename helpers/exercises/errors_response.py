"""What users waited, from what a load generator has measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..findings import Finding, call, smallest_finding
from . import Exercise


def right(due: Sequence[int], service: Sequence[int]) -> list[int]:
    free, waited = 0, []
    for at, takes in zip(due, service, strict=True):
        free = max(free, at) + takes
        waited.append(free - at)
    return waited


def examine(response_times: Callable[..., Any], story: Sequence[tuple[int, int]]) -> Finding | None:
    due: list[int] = []
    for pause, _ in story:
        due.append(pause + (due[-1] if due else 0))
    service = [takes for _, takes in story]
    shown = f"response_times({due}, {service})"
    wanted = right(due, service)
    got = call(response_times, list(due), list(service), shown=shown)
    if not isinstance(got, (list, tuple)) or len(got) != len(wanted):
        message = f"It has to return a list of {len(wanted)} times, one for each request."
        return Finding(message, shown, expected=wanted, got=got)
    for number, (mine, true) in enumerate(zip(got, wanted, strict=True)):
        if mine != true:
            message = f"Request {number} was due at {due[number]} ms."
            if mine == service[number]:
                message += " That is its service time; before, it had to wait for its turn."
            elif mine > true:
                message += " It was counted as later than it was."
            else:
                message += " It was answered later than that."
            return Finding(message, shown, expected=wanted, got=list(got))
    return None


def check(response_times: Callable[..., Any]) -> Finding | None:
    from hypothesis import strategies as st

    fixed: tuple[list[tuple[int, int]], ...] = (
        [(0, 1)],
        [(0, 1), (10, 1)],
        [(0, 15), (10, 1)],
        [(0, 30), (10, 1), (10, 1), (10, 1)],
        [(0, 30), (10, 1), (100, 1)],
        [],
    )
    found = next((f for story in fixed if (f := examine(response_times, story))), None)
    one = st.tuples(st.integers(0, 20), st.integers(1, 50))
    stories = st.lists(one, max_size=5)
    return found or smallest_finding(stories, lambda story: examine(response_times, story))


EXERCISE = Exercise(
    key="10-response-times",
    name="response_times",
    statement="""\
A load generator had one connection. Request i should have been sent at `due[i]` (milliseconds,
ascending), and took `service[i]` from when it was really sent. But a request can only be sent when
the one before has been answered. Write `response_times(due, service)`: for each request, the
milliseconds from when it was due until its answer.
""",
    starter='''\
def response_times(due, service):
    """From when each request was due until it was answered, in milliseconds."""
    ...  # your code
''',
    check=check,
    hints=(
        "Keep one variable: when the connection becomes free.",
        "A request starts when it is due or when the connection is free, whichever is *later*.",
        "`free = max(free, at) + takes`, and the response time is `free - at`.",
    ),
    solution="""\
def response_times(due, service):
    free, waited = 0, []
    for at, takes in zip(due, service):
        free = max(free, at) + takes
        waited.append(free - at)
    return waited
""",
    wrong={
        "only the service": """\
def response_times(due, service):
    return list(service)
""",
        "looks back one request only": """\
def response_times(due, service):
    times = []
    for i, (at, takes) in enumerate(zip(due, service)):
        late = max(0, due[i - 1] + service[i - 1] - at) if i else 0
        times.append(late + takes)
    return times
""",
        "never waits for the due time": """\
def response_times(due, service):
    free, waited = 0, []
    for at, takes in zip(due, service):
        free += takes
        waited.append(free - at)
    return waited
""",
        "from the start": """\
def response_times(due, service):
    free, ends = 0, []
    for at, takes in zip(due, service):
        free = max(free, at) + takes
        ends.append(free)
    return ends
""",
    },
)
