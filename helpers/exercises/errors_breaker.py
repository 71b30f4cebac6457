"""A circuit breaker: closed, open, and one call to find out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..findings import Finding, call, smallest_finding
from . import Exercise

LIMIT, PAUSE = 3, 10
ANSWERED, FAILS, WAIT, LONG_WAIT = "answered", "fails", "4 s pass", "10 s pass"
SECONDS = {WAIT: 4, LONG_WAIT: 10}
OPEN = "not tried"


class Model:
    """What is wanted."""

    def __init__(self) -> None:
        self.failures, self.until = 0, 0.0

    def step(self, event: str, now: float) -> str:
        """What becomes of a call at this time that would be answered, or would fail."""
        if self.failures >= LIMIT and now < self.until:
            return OPEN
        if event == FAILS:
            self.failures += 1
            self.until = now + PAUSE
        else:
            self.failures = 0
        return event


def examine(Breaker: Callable[..., Any], events: Sequence[str]) -> Finding | None:
    now = 100.0
    breaker = call(Breaker, LIMIT, PAUSE, lambda: now, shown=f"Breaker({LIMIT}, {PAUSE}, clock)")
    model = Model()
    told: list[str] = []
    for event in events:
        if event in SECONDS:
            now += SECONDS[event]
            told.append(event)
            continue
        tried = 0

        def request(event: str = event) -> str:
            nonlocal tried
            tried += 1
            if event == FAILS:
                raise TimeoutError("timed out")
            return ANSWERED

        def ask(request: Callable[[], str] = request) -> Any:
            try:
                return breaker.call(request)
            except OSError as error:
                return type(error)

        told.append(f"a call that {'is answered' if event == ANSWERED else 'fails'}")
        shown = f"Breaker({LIMIT}, {PAUSE}, clock): {'; '.join(told)}"
        wanted, failures = model.step(event, now), model.failures
        got = call(ask, shown=shown)
        result = {ANSWERED: ANSWERED, FAILS: TimeoutError, OPEN: ConnectionError}[wanted]
        if tried != (wanted != OPEN):
            return _wrongly_tried(tried, wanted, failures, shown)
        if got != result:
            message = "The last call of Breaker has another result: see below."
            return Finding(message, shown, expected=_named(result), got=_named(got))
    return None


def _wrongly_tried(tried: int, wanted: str, failures: int, shown: str) -> Finding:
    if tried > 1:
        message = f"For one call, request was called {tried} times."
    elif wanted == OPEN:
        message = (
            f"After {failures} failures in a row the breaker is open, and the pause since the last "
            "of them is not over: the last request should not have been tried."
        )
    elif failures >= LIMIT:
        message = "The pause is over: this one call should have been tried."
    else:
        message = f"Fewer than {LIMIT} failures in a row before: the call should have been tried."
    return Finding(message, shown, expected=int(wanted != OPEN), got=tried)


def _named(value: Any) -> Any:
    return value.__name__ if isinstance(value, type) else value


CASES: tuple[tuple[str, ...], ...] = (
    (ANSWERED,),
    (FAILS, FAILS, FAILS),
    (FAILS, FAILS, FAILS, ANSWERED),
    (FAILS, FAILS, ANSWERED, FAILS, FAILS, ANSWERED),
    (FAILS, FAILS, FAILS, LONG_WAIT, ANSWERED, FAILS, ANSWERED),
    (FAILS, FAILS, FAILS, LONG_WAIT, FAILS, ANSWERED),
    (FAILS, FAILS, FAILS, WAIT, ANSWERED),
)


def check(Breaker: Callable[..., Any]) -> Finding | None:
    from hypothesis import strategies as st

    found = next((f for case in CASES if (f := examine(Breaker, case))), None)
    stories = st.lists(st.sampled_from([ANSWERED, FAILS, WAIT, LONG_WAIT]), max_size=10)
    return found or smallest_finding(stories, lambda events: examine(Breaker, events))


EXERCISE = Exercise(
    key="10-breaker",
    name="Breaker",
    statement="""\
Write a class `Breaker(limit, pause, clock)`. Its method `call(request)` returns `request()`. An
`OSError` is counted, and goes on to the caller; an answer sets the count to 0. After `limit`
failures in a row the breaker is open: for `pause` seconds from the last failure on, `call` raises
`ConnectionError` without trying. Then one call is tried: if it fails, the pause begins anew; if it
is answered, all is well again. `clock()` tells the time.
""",
    starter='''\
class Breaker:
    """Tries no more, for a while, what has failed again and again."""

    def __init__(self, limit, pause, clock):
        self.limit, self.pause, self.clock = limit, pause, clock

    def call(self, request):
        ...  # your code
''',
    check=check,
    hints=(
        "Two variables are enough: how many failures in a row, and until when nothing is tried.",
        "First ask whether it is open. Then `try: answer = request()`, `except OSError:` count, "
        "note the time, and `raise`.",
        "The third state needs no code: when the pause is over, the next call is tried, and the "
        "count is still high enough for one more failure to open again.",
    ),
    solution="""\
class Breaker:
    def __init__(self, limit, pause, clock):
        self.limit, self.pause, self.clock = limit, pause, clock
        self.failures, self.until = 0, 0

    def call(self, request):
        if self.failures >= self.limit and self.clock() < self.until:
            raise ConnectionError("circuit open: not tried")
        try:
            answer = request()
        except OSError:
            self.failures += 1
            self.until = self.clock() + self.pause
            raise
        self.failures = 0
        return answer
""",
    wrong={
        "never opens": """\
class Breaker:
    def __init__(self, limit, pause, clock):
        pass

    def call(self, request):
        return request()
""",
        "counts all failures, not those in a row": """\
class Breaker:
    def __init__(self, limit, pause, clock):
        self.limit, self.pause, self.clock = limit, pause, clock
        self.failures, self.until = 0, 0

    def call(self, request):
        if self.failures >= self.limit and self.clock() < self.until:
            raise ConnectionError("circuit open: not tried")
        try:
            return request()
        except OSError:
            self.failures += 1
            self.until = self.clock() + self.pause
            raise
""",
        "closes when the pause is over": """\
class Breaker:
    def __init__(self, limit, pause, clock):
        self.limit, self.pause, self.clock = limit, pause, clock
        self.failures, self.until = 0, 0

    def call(self, request):
        if self.failures >= self.limit:
            if self.clock() < self.until:
                raise ConnectionError("circuit open: not tried")
            self.failures = 0
        try:
            answer = request()
        except OSError:
            self.failures += 1
            self.until = self.clock() + self.pause
            raise
        self.failures = 0
        return answer
""",
        "never closes": """\
class Breaker:
    def __init__(self, limit, pause, clock):
        self.limit, self.failures = limit, 0

    def call(self, request):
        if self.failures >= self.limit:
            raise ConnectionError("circuit open: not tried")
        try:
            answer = request()
        except OSError:
            self.failures += 1
            raise
        self.failures = 0
        return answer
""",
        "hides the failure": """\
class Breaker:
    def __init__(self, limit, pause, clock):
        self.limit, self.pause, self.clock = limit, pause, clock
        self.failures, self.until = 0, 0

    def call(self, request):
        if self.failures >= self.limit and self.clock() < self.until:
            raise ConnectionError("circuit open: not tried")
        try:
            answer = request()
        except OSError:
            self.failures += 1
            self.until = self.clock() + self.pause
            return None
        self.failures = 0
        return answer
""",
    },
)
