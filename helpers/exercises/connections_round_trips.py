"""Count the round trips of many requests over few connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Finding, call, called, smallest_finding
from . import Exercise


def examine(round_trips: Callable[[int, int], Any], requests: int, per: int) -> Finding | None:
    connections = -(-requests // per)
    expected = connections + requests
    got = call(round_trips, requests, per)
    if got == expected and isinstance(got, int):
        return None
    message = (
        f"{requests} requests, {per} on each connection: that takes {connections} connections. "
        f"One round trip to open each, and one for each request, makes {expected}."
    )
    if requests == 0:
        message = "Without a request there is no connection to open: no round trip at all."
    elif got == connections + requests + connections:
        message += " Closing makes nobody wait: it does not count."
    return Finding(message, called(round_trips, requests, per), expected=expected, got=got)


def check(round_trips: Callable[[int, int], Any]) -> Finding | None:
    from hypothesis import strategies as st

    cases = st.tuples(st.integers(0, 100), st.integers(1, 20))
    return smallest_finding(cases, lambda case: examine(round_trips, *case))


EXERCISE = Exercise(
    key="04-round-trips",
    name="round_trips",
    statement="""\
Write `round_trips(requests, per_connection)`: how many round trips pass from the beginning
until the last answer is there? Requests are made one after the other. One connection carries
at most `per_connection` of them; then it is closed and a new one opened. Opening costs one
round trip, each request with its answer costs one, closing makes nobody wait. The answer is an
`int`. No connection is opened for nothing.
""",
    starter='''\
def round_trips(requests, per_connection):
    """Round trips until the last of the requests is answered."""
    ...  # your code
''',
    check=check,
    hints=(
        "With `per_connection=1` every request costs two round trips. With one connection for all, "
        "it is one more than there are requests.",
        "How many connections are needed for 5 requests, if each carries 2? The last one carries "
        "one request only, and has to be opened all the same.",
    ),
    solution="""\
def round_trips(requests, per_connection):
    connections = (requests + per_connection - 1) // per_connection
    return connections + requests
""",
    wrong={
        "forgets the connection that is not full": """\
def round_trips(requests, per_connection):
    return requests // per_connection + requests
""",
        "opens one connection for nothing": """\
def round_trips(requests, per_connection):
    return requests // per_connection + 1 + requests
""",
        "waits for the close too": """\
def round_trips(requests, per_connection):
    connections = (requests + per_connection - 1) // per_connection
    return 2 * connections + requests
""",
        "always a new connection": """\
def round_trips(requests, per_connection):
    return 2 * requests
""",
    },
)
