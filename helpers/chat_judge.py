"""Try all behaviours of a chat service, on any version of it.

    judge(Chat, GracefulChat)    # a table: which has what
    first_failure(Chat)          # a Finding, or None

A service is what `make(limits)` returns: see `chat_trials`. The behaviours are those of
`chat_behaviours`.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from .chat_behaviours import plan
from .chat_trials import Behaviour, Limits, Trial, Unmet, named
from .coroutines import finished
from .findings import Finding
from .panels import Panel
from .progress_bars import progress_bar
from .sandbox import why

WHOLE = 12.0  # seconds that one behaviour may take
TOLD = 6  # so many of the last steps are told when something is wrong
HASTY = 1.0  # seconds: shorter limits of a service may be missed by chance
AT_ONCE = 6  # behaviours that `judge` tries at the same time: most of them wait


def failure(
    make: Callable[[Limits], Any], behaviour: Behaviour, limits: Limits, hosts: list[str]
) -> Finding | None:
    """Try one behaviour; None if the service has it, or what is wrong.

    On a machine that is busy with something else, a member may seem late. So what fails under
    short limits is tried once more, with longer ones.
    """
    found = _failure(make, behaviour, limits, hosts)
    if found and min(limits.patience, limits.silence) < HASTY:
        slower = replace(limits, patience=4 * limits.patience, silence=4 * limits.silence)
        return _failure(make, behaviour, slower, hosts)
    return found


def _failure(
    make: Callable[[Limits], Any], behaviour: Behaviour, limits: Limits, hosts: list[str]
) -> Finding | None:
    trials: list[Trial] = []
    shown = f"{getattr(make, '__name__', 'your service')}({limits})"

    async def attempt() -> None:
        async with asyncio.timeout(WHOLE), Trial(make, limits, hosts) as trial:
            trials.append(trial)
            await behaviour(trial)
        if trial.errors:
            raise trial.errors[0]

    try:
        finished(attempt())
    except Exception as error:
        # What the service raised is the cause of all that followed.
        cause = trials[0].errors[0] if trials and trials[0].errors else error
        told = "; ".join(trials[0].history[-TOLD:]) if trials else ""
        message = f"{named(behaviour)}: {_problem(cause)}." + (f" Before: {told}." if told else "")
        sides = (cause.expected, cause.got) if isinstance(cause, Unmet) else (None, None)
        return Finding(message, shown, *sides)
    return None


def _problem(error: Exception) -> str:
    if isinstance(error, Unmet):
        return error.problem
    if isinstance(error, TimeoutError):
        return f"it was not over after {WHOLE:g} s"
    return f"the service must not raise, whatever a client does. {why(error)}"


def first_failure(make: Callable[[Limits], Any]) -> Finding | None:
    """What is wrong with the first behaviour that the service does not have; None if it has all."""
    tried = (failure(make, *each) for each in plan())
    return next((found for found in tried if found), None)


def judge(*makers: Callable[[Limits], Any]) -> Panel:
    """Try every behaviour on each service: a table of what it has and what it lacks.

    Parameters
    ----------
    *makers : callable
        Classes of services, or functions that make one of limits.
    """
    behaviours, names = plan(), [getattr(make, "__name__", "?") for make in makers]
    pairs = [(make, each) for each in behaviours for make in makers]
    begun = time.monotonic()
    with (
        _asyncio_silent(),
        progress_bar(len(pairs), "behaviours", delay=0.5) as bar,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        found = []
        for finding in threads.map(lambda pair: failure(pair[0], *pair[1]), pairs):
            found.append(finding)
            bar.update()
    rows = [
        (named(each[0]), found[at : at + len(makers)])
        for at, each in zip(range(0, len(pairs), len(makers)), behaviours, strict=True)
    ]
    return _table(names, rows, time.monotonic() - begun)


@contextlib.contextmanager
def _asyncio_silent() -> Iterator[None]:
    """asyncio logs each write to a connection that is gone. Here such writes are caused."""
    logger = logging.getLogger("asyncio")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _table(names: list[str], rows: list[tuple[str, list[Finding | None]]], seconds: float) -> Panel:
    width = max(len(words) for words, _ in rows)
    text = [f"{'':{width}}  {'  '.join(names)}"]
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in ("behaviour", *names))
    body, missing = "", []
    for words, findings in rows:
        columns = "  ".join(
            f"{'no' if found else 'yes':{len(name)}}"
            for found, name in zip(findings, names, strict=True)
        )
        text.append(f"{words:{width}}  {columns}".rstrip())
        signs = "".join(f"<td>{'✗ no' if found else '✓ yes'}</td>" for found in findings)
        body += f'<tr><th scope="row" style="text-align:left">{html.escape(words)}</th>{signs}</tr>'
        missing += [
            f"{name}: {found.message}" for found, name in zip(findings, names, strict=True) if found
        ]
    told = f"{len(rows)} behaviours, tried in {seconds:.1f} s."
    why_not = "".join(f"<li>{html.escape(line)}</li>" for line in missing)
    page = f'<table class="course-judgement"><thead><tr>{head}</tr></thead><tbody>{body}</tbody>'
    page += f"</table><p>{told}</p>"
    if missing:
        page += f"<details><summary>What was missed</summary><ul>{why_not}</ul></details>"
    return Panel("\n".join([*text, told, *missing]), page)
