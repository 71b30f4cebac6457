"""The finished chat service is the one that notebook 15 builds, and has every behaviour."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest

from helpers import chat_service
from helpers.chat_behaviours import plan
from helpers.chat_judge import judge
from helpers.chat_service import ChatService

NOTEBOOK = Path(__file__).parent.parent / "notebooks/15_capstone.ipynb"
Function = ast.FunctionDef | ast.AsyncFunctionDef


class _Plain(ast.NodeTransformer):
    """Without annotations and docstrings, and with one name for a member."""

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name("Member" if node.id == "QueuedMember" else node.id, node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(node.arg)


def functions(code: str) -> list[tuple[str, list[str]]]:
    """The functions and methods in the code: their names, and their statements as text."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, Function):
            plain = _Plain().visit(node)
            body = plain.body[1:] if ast.get_docstring(node) else plain.body
            arguments = ast.unparse(plain.args)
            found.append((node.name, [arguments, *map(ast.unparse, body)]))
    return found


def built(cells: list[str]) -> dict[str, list[str]]:
    """By name, what the notebook has at its end; a call of the class before is that one's code."""
    last: dict[str, list[str]] = {}
    for code in cells:
        for name, lines in functions(code):
            if lines[-1].startswith(f"await super().{name}("):
                lines = [*lines[:-1], *last[name][1:]]
            last[name] = lines
    return last


def steps() -> dict[str, list[str]]:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    own = [c.source for c in cells if c.cell_type == "code" and not c.id.startswith("ex")]
    return built(own[: next(n for n, code in enumerate(own) if code.startswith("class FirstChat"))])


FINISHED = dict(functions(Path(chat_service.__file__).read_text()))


@pytest.mark.parametrize("name", sorted({*FINISHED} - {"__init__"}))
def test_each_function_is_the_one_of_the_notebook(name: str) -> None:
    assert FINISHED[name] == steps()[name]


def test_a_call_of_the_class_before_is_replaced_by_its_code() -> None:
    first = "class A:\n    async def f(self, x):\n        return x"
    then = "class B(A):\n    async def f(self, x):\n        g()\n        await super().f(x)"
    assert built([first, then]) == {"f": ["self, x", "g()", "return x"]}


def test_it_has_every_behaviour() -> None:
    assert judge(ChatService).text.count(" yes") == len(plan())
