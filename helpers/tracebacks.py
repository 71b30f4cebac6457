"""A traceback as a learner wants it: without the lines of the course's machinery.

>>> try:
...     1 / 0
... except ZeroDivisionError as error:
...     print(traceback_without("/somewhere/else.py", error).splitlines()[-1])
ZeroDivisionError: division by zero
"""

from __future__ import annotations


def traceback_without(file: str, error: BaseException) -> str:
    """The traceback, but for its first frames, as far as they are of this file."""
    import traceback

    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == file:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))
