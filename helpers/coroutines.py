"""Run a coroutine to its end from ordinary code, wherever that is.

`asyncio.run` refuses where a loop is running already: in every cell of a notebook.

>>> async def hello():
...     return "hello"
>>> finished(hello())
'hello'
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Skipping(selectors.DefaultSelector):
    """Never waits: the time it was to wait passes at once, on a clock of its own."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout:
            self.now += timeout
        if timeout is None and not super().select(0):
            raise RuntimeError("It waits for something that can never come.")
        return super().select(0)


class _SkippingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.skipping = _Skipping()
        super().__init__(self.skipping)

    def time(self) -> float:
        return self.skipping.now


def finished(coroutine: Coroutine[Any, Any, T], *, skip_waiting: bool = False) -> T:
    """Run the coroutine on a loop and a thread of its own; return or raise what it does.

    The calling thread waits, and can be interrupted. The coroutine then goes on.

    Parameters
    ----------
    skip_waiting : bool
        For coroutines that wait for the clock alone: its time passes at once. Then waiting for
        what can never come is a RuntimeError.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=_SkippingLoop if skip_waiting else None) as runner:
                results.append(runner.run(coroutine))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, name="coroutine", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
