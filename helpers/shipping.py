"""The source of a function with all it needs, so that another Python can run it.

A function that was written in a notebook cell lives in that kernel alone. To measure a
server, it must run in a process of its own. A fork of the kernel would take along the locks
of its threads, and Windows has no fork. So the source goes there: the function, the
functions and values of the notebook that it uses, and the imports.

    def answer(request):
        return request.upper()

    def talk(conn):
        while request := conn.recv(SIZE):
            conn.sendall(answer(request))

    source_of(talk)     # SIZE = 4096, then answer, then talk
"""

from __future__ import annotations

import dis
import inspect
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

_PLAIN = (bool, int, float, str, bytes, tuple, type(None))


def source_of(function: Callable[..., Any]) -> str:
    """Python source that defines `function` and what it needs.

    What it needs are the global names in it: modules and what can be imported from them,
    functions of its own module (the notebook) and of the helpers, and plain values. Other
    values stay behind, and Python will say so there when one is used.

    Raises
    ------
    TypeError
        If it is not a function written in Python, or uses variables of a function around it.
    """
    lines = {"": "from __future__ import annotations"}
    _add_function(function, getattr(function, "__module__", ""), lines)
    return "\n".join(lines.values()) + "\n"


def _add_function(function: Callable[..., Any], home: str, lines: dict[str, str]) -> None:
    if not isinstance(function, FunctionType):
        raise TypeError(f"Only a function written with def can be sent; got {function!r}.")
    if function.__closure__:
        held = ", ".join(function.__code__.co_freevars)
        raise TypeError(
            f"{function.__name__} uses {held} of the function around it. Define it at the top of "
            "a cell, and let it use global names or arguments."
        )
    lines[function.__name__] = textwrap.dedent(inspect.getsource(function)).rstrip("\n")
    for name in _globals_in(function.__code__):
        if name not in lines and name in function.__globals__:
            _add_value(name, function.__globals__[name], home, lines)


def _add_value(name: str, value: Any, home: str, lines: dict[str, str]) -> None:
    module = getattr(value, "__module__", None) or ""
    ours = module == home or module.startswith(f"{__package__}.")
    if isinstance(value, ModuleType):
        lines[name] = f"import {value.__name__} as {name}"
    elif isinstance(value, FunctionType) and ours:
        if value.__name__ not in lines:
            _add_function(value, home, lines)
        if value.__name__ != name:
            lines[name] = f"{name} = {value.__name__}"
    elif hasattr(value, "__qualname__") and not ours:
        lines[name] = f"from {module} import {value.__qualname__} as {name}"
    elif isinstance(value, _PLAIN):
        lines[name] = f"{name} = {value!r}"


def _globals_in(code: CodeType) -> Iterator[str]:
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(step.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_in(constant)
