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

import ast
import dis
import inspect
import linecache
import sys
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

_PLAIN = (bool, int, float, str, bytes, tuple, type(None))


def source_of(function: Callable[..., Any]) -> str:
    """Python source that defines `function` (or a class) and what it needs.

    What it needs are the global names in it: modules and what can be imported from them,
    functions of its own module (the notebook) and of the helpers, and plain values. Other
    values stay behind, and Python will say so there when one is used.

    Raises
    ------
    TypeError
        If it is not a function written in Python, or uses variables of a function around it.
    """
    lines = {"": "from __future__ import annotations"}
    home = getattr(function, "__module__", "")
    if isinstance(function, type):
        _add_class(function, home, lines)
    else:
        _add_function(function, home, lines)
    return "\n".join(lines.values()) + "\n"


def own_source(thing: Callable[..., Any]) -> str:
    """The source of a function or a class alone. A class needs a method written in Python.

    `inspect.getsource` knows no classes of a notebook, because that is no file.

    Raises TypeError if there is none to be had.
    """
    if not isinstance(thing, type):
        return textwrap.dedent(inspect.getsource(thing)).rstrip("\n")
    methods = [value for value in vars(thing).values() if isinstance(value, FunctionType)]
    if not methods:
        raise TypeError(f"{thing.__name__} has no method, so its source cannot be found.")
    first = methods[0].__code__
    lines = linecache.getlines(first.co_filename)
    for node in ast.walk(ast.parse("".join(lines))):
        if (
            isinstance(node, ast.ClassDef)
            and node.name == thing.__name__
            and node.lineno <= first.co_firstlineno <= (node.end_lineno or 0)
        ):
            return textwrap.dedent("".join(lines[node.lineno - 1 : node.end_lineno])).rstrip("\n")
    raise TypeError(f"The source of {thing.__name__} cannot be found.")


def _add_function(function: Callable[..., Any], home: str, lines: dict[str, str]) -> None:
    if not isinstance(function, FunctionType):
        raise TypeError(f"Only a function written with def can be sent; got {function!r}.")
    if function.__closure__:
        held = ", ".join(function.__code__.co_freevars)
        raise TypeError(
            f"{function.__name__} uses {held} of the function around it. Define it at the top of "
            "a cell, and let it use global names or arguments."
        )
    lines[function.__name__] = own_source(function)
    for name in _globals_in(function.__code__):
        if name not in lines and name in function.__globals__:
            _add_value(name, function.__globals__[name], home, lines)


def _add_class(kind: type, home: str, lines: dict[str, str]) -> None:
    source = own_source(kind)
    scope = vars(sys.modules[kind.__module__])
    names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    for name in sorted(names - {kind.__name__}):  # its parents have to be there before it
        if name not in lines and name in scope:
            _add_value(name, scope[name], home, lines)
    lines[kind.__name__] = source


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
    elif isinstance(value, type) and module == home:
        _add_class(value, home, lines)
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
