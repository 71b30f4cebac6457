"""Run a coroutine to its end from ordinary code, wherever that is.

`asyncio.run` refuses where a loop is running already: in every cell of a notebook.

>>> async def hello():
...     return "hello"
>>> finished(hello())
'hello'
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine on a loop and a thread of its own; return or raise what it does.

    The calling thread waits, and can be interrupted. The coroutine then goes on.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(asyncio.run(coroutine))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, name="coroutine", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
