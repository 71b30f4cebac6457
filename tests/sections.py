"""The sections of a notebook, and what each of them needs of the others.

A section is a heading `## …` and all cells up to the next one. It needs the names that its
code uses and that neither it, nor the setup cell, nor Python defines. The notebook has to say
so, before the first cell that uses one:

    (This needs `shout` from [A network of your own](#A-network-of-your-own).)

"From here on" in the sentence makes it hold for all sections that follow, too. What a notebook
has to say: `python tests/sections.py notebooks/12_protocols.ipynb`.
"""

from __future__ import annotations

import builtins
import re
import symtable
import sys
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SETUP = "setup"
KNOWN = {*dir(builtins), "display", "get_ipython", "__name__"}
_SENTENCE = re.compile(r"[^.:;(]*\bneeds? [^.:;]*`[^.:;]*")
_PART = re.compile(r"\[[^\]]+\]\(#([^)\s]+)\)|`(\w+)")
_FOR_ALL = "From here on"


class Names(NamedTuple):
    """What the code of one cell defines, uses at once, and uses in its functions, when called."""

    defined: set[str]
    used: set[str]
    used_later: set[str]


@dataclass
class Section:
    """One section of a notebook.

    Attributes
    ----------
    title : str
        Its heading.
    cells : list
        Its cells.
    defined : set of str
        The names that its code defines.
    needs : dict of str to str
        The names that it takes from elsewhere, each with the id of the first cell to use it.
    told : dict of str to str
        The names that the notebook says it needs, each with the anchor of the section that it
        says they are from; "" if it says none.
    """

    title: str
    cells: list[Any] = field(default_factory=list)
    defined: set[str] = field(default_factory=set)
    needs: dict[str, str] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)

    @property
    def anchor(self) -> str:
        """Its name in a link, as JupyterLab makes it."""
        return re.sub("[`*]", "", self.title).replace(" ", "-")


def sections(notebook: Any) -> list[Section]:
    """The sections of a notebook, in order. What stands before the first one is left out."""
    found: list[Section] = []
    given, for_all = set(KNOWN), dict[str, str]()
    for cell in notebook.cells:
        is_code = cell.cell_type == "code"
        if is_code and cell.id == SETUP:
            given |= names_of(cell.source).defined
        elif not is_code and (title := re.match(r"## (.+)", cell.source)):
            found.append(Section(title[1].strip(), told=dict(for_all)))
        if found:
            found[-1].cells.append(cell)
        if found and not is_code:
            for sentence in _SENTENCE.findall(cell.source):
                found[-1].told |= _told(sentence)
                for_all |= _told(sentence) if _FOR_ALL in sentence else {}
    for section in found:
        _find_needs(section, given)
    return found


def names_of(source: str) -> Names:
    """The names in the code of a cell."""
    top = symtable.symtable(re.sub("^[%!].*", "pass", source, flags=re.M), "cell", "exec")
    own = top.get_symbols()
    inner = [s for table in _within(top) for s in table.get_symbols() if s.is_global()]
    by_functions = {s.get_name() for s in inner if s.is_assigned()}  # `global x`, or := in a list
    return Names(
        {s.get_name() for s in own if s.is_assigned() or s.is_imported() or s.is_namespace()}
        | by_functions,
        {s.get_name() for s in own if s.is_referenced()},
        {s.get_name() for s in inner if s.is_referenced()},
    )


def _within(table: symtable.SymbolTable) -> list[symtable.SymbolTable]:
    return [inner for child in table.get_children() for inner in (child, *_within(child))]


def _told(sentence: str) -> dict[str, str]:
    """ "`a` and `b` from [X](#X), `c` from [Y](#Y)": the section of each name."""
    told, waiting = dict[str, str](), list[str]()
    for anchor, name in _PART.findall(sentence):
        if anchor:
            told |= dict.fromkeys(waiting, anchor)
            waiting = []
        else:
            waiting.append(name)
    return told | dict.fromkeys(waiting, "")


def _find_needs(section: Section, given: set[str]) -> None:
    cells = [(cell.id, names_of(cell.source)) for cell in section.cells if cell.cell_type == "code"]
    in_all = given.union(*(names.defined for _, names in cells))
    for cell, names in cells:
        # A name that a cell both uses and defines counts as defined there.
        here = names.used - given - section.defined - names.defined
        for name in sorted(here | (names.used_later - in_all)):
            section.needs.setdefault(name, cell)
        section.defined |= names.defined


def sentence(section: Section, found: list[Section]) -> str:
    """What this section has to say; "" if it needs nothing, or nothing more than is told."""
    where = {name: each for each in reversed(found) for name in each.defined}
    parts: dict[str, list[str]] = {}
    for name in section.needs:
        if name in where and name not in section.told:
            link = f"[{where[name].title}](#{where[name].anchor})"
            parts.setdefault(link, []).append(f"`{name}`")
    told = [f"{_listed(names)} from {link}" for link, names in parts.items()]
    return f"(This needs {', and '.join(told)}.)" if told else ""


def _listed(names: list[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def main(*paths: str) -> None:
    import nbformat

    for path in paths:
        found = sections(nbformat.read(path, as_version=4))
        for section in found:
            if text := sentence(section, found):
                print(f"{path}, ## {section.title}\n    {text}")


if __name__ == "__main__":
    main(*sys.argv[1:])
