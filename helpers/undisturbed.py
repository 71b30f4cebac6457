"""A few lines that an interrupt must not cut in two: it is raised at their end.

"Interrupt the kernel" raises KeyboardInterrupt between any two instructions: also between the
start of a process and the line that notes its number, and then nobody could end it.

>>> with undisturbed():
...     pass
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Within the block no interrupt is raised; one that came is raised after it.

    Only the main thread is ever interrupted: in another one this does nothing. Keep the block
    short.
    """
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield
        return
    came: list[tuple[int, FrameType | None]] = []

    def note(number: int, frame: FrameType | None) -> Any:
        came.append((number, frame))

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if came:
            usual(*came[0])
