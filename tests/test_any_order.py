"""Each section of a notebook says what it needs of the others: it may be run first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from sections import Section, names_of, sections

NOTEBOOKS = sorted(Path(__file__).parents[1].glob("notebooks/*.ipynb"))


def untold(found: list[Section]) -> list[str]:
    """A sentence for each thing that a section needs and the notebook does not say, or says
    wrongly."""
    wrong = []
    where = {name: section for section in reversed(found) for name in section.defined}
    by_anchor = {section.anchor: section for section in found}
    for section in found:
        for name, cell in section.needs.items():
            source = where.get(name)
            if source is None:
                wrong.append(f"Cell {cell} needs {name}, which no section defines.")
            elif name not in section.told:
                wrong.append(
                    f"{section.title!r} does not say: "
                    f"(This needs `{name}` from [{source.title}](#{source.anchor}).)"
                )
        for name, anchor in section.told.items():
            if anchor and name not in (by_anchor[anchor].defined if anchor in by_anchor else ()):
                wrong.append(f"{section.title!r}: {name} is not from {anchor!r}.")
    return wrong


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_section_says_what_it_needs(path: Path) -> None:
    found = nbformat.read(path, as_version=4)
    assert untold(sections(found)) == []
    prose = [cell.source for cell in found.cells if cell.cell_type == "markdown"]
    assert not any("\n## " in source for source in prose), "a section begins with a cell"


def notebook(*cells: str) -> Any:
    """Cells in a row: code, but for those that begin with a heading or a parenthesis."""
    made = []
    for number, source in enumerate(cells):
        new = nbformat.v4.new_markdown_cell if source[0] in "#(" else nbformat.v4.new_code_cell
        made.append(new(source, id="setup" if number == 0 else f"cell-{number}"))
    return nbformat.v4.new_notebook(cells=made)


FIRST = ("import socket", "## The first", "def shout(): return socket")
GOOD = {
    "from a section": ("(This needs `shout` from [The first](#The-first).)", "shout()"),
    "in a function": ("(This needs `shout`.)", "def later():\n    return shout()"),
    "defined again": ("shout = 1", "shout"),
    "defined below, used when called": ("def later():\n    return x", "x = 1", "later()"),
    "names of its own": ("[name for name in 'abc' if (other := name)]", "lambda name: name"),
    "a magic": ("%pip list", "socket"),
}
BAD = {
    "says nothing": (("shout()",), "does not say: (This needs `shout` from [The first]"),
    "says another": (("(This needs `socket`.)", "shout()"), "does not say"),
    "in a function": (("def later():\n    return shout()",), "does not say"),
    "nowhere": (("nonsense",), "no section defines"),
    "before": (("print(x)", "x = 1"), "no section defines|does not say"),
    "wrong place": (("(This needs `shout` from [Y](#Y).)", "shout()"), "not from 'Y'"),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_section_that_says_all(name: str) -> None:
    assert untold(sections(notebook(*FIRST, "## The second", *GOOD[name]))) == []


@pytest.mark.parametrize("name", BAD)
def test_a_section_that_does_not(name: str) -> None:
    cells, told = BAD[name]
    wrong = untold(sections(notebook(*FIRST, "## The second", *cells)))
    assert len(wrong) == 1
    assert any(part in wrong[0] for part in told.split("|"))


def test_from_here_on_holds_for_what_follows() -> None:
    cells = ("## The second", "(From here on, each section needs `shout`.)", "shout()")
    assert untold(sections(notebook(*FIRST, *cells, "## The third", "shout()"))) == []


def test_what_a_cell_uses_and_defines() -> None:
    names = names_of("from a import b\nc = b(d)\nclass E:\n    def f(self): return c, g")
    assert names.defined == {"b", "c", "E"}
    assert "d" in names.used
    assert {"c", "g"} <= names.used_later
