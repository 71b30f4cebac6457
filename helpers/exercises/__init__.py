"""The exercises of the course: one small module each, found by looking into this folder.

To add one, put a module here that makes an `Exercise` called `EXERCISE`: `layers_goodput.py`
is a short one to start from. The first word of its name stands for the notebook. In the
notebook it takes three cells, below "Your turn", each with an id of its own:

    ex4-text     ### Exercise: and a name, then the statement
    ex4-code     the starter as it is, in a cell with the tag `exercise`
    ex4-check    check("01-goodput", goodput_share), and nothing else

Set the ids in the file itself, with a text editor: a new cell has a random one, and only ex1-,
ex2-, … are left out of the notebook's minutes. The title cell counts the exercises, and their
minutes. Then `python -m helpers.grading` writes nbgrader's metadata into the check cell.

`tests/fuzz_solutions.py` names every exercise: in `SOLUTIONS` if its answer reads what strangers
send, in `TRUSTED` if not. A server belongs into `SERVERS` of `tests/servers_under_attack.py`.

The tests run every exercise three ways: the untouched starter, each wrong answer, the reference
solution. They want of a wrong answer a message of at least 30 characters, with the call that
shows it. No cell may hold lines of the solution.

>>> exercise("01-wrap").name
'wrap'
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..findings import Finding


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes
    ----------
    key : str
        Two digits of the notebook and a name: "01-goodput".
    name : str
        What the learner defines: the name of a function or a class.
    statement : str
        What is asked, in Markdown, as the notebook says it.
    starter : str
        The code of the starter cell, of at most 12 lines. Its body is `...  # your code`.
    check : callable
        Takes what the learner defined; returns None if it is right, else a `Finding`.
        It calls the learner's function with `helpers.findings.call`.
    hints : tuple of str
        From the gentlest to the plainest. None of them is the solution.
    solution : str
        The reference: the code that a learner reads after a pass.
    wrong : dict of str to str
        Plausible wrong answers, by what is wrong with them.
    points : int
        What it is worth where the course is graded (`helpers.grading`).
    """

    key: str
    name: str
    statement: str
    starter: str
    check: Callable[[Any], Finding | None]
    hints: tuple[str, ...]
    solution: str
    wrong: dict[str, str]
    points: int = 10


def changed(code: str, *changes: tuple[str, str]) -> str:
    """The code with some of its text replaced: a wrong answer, made from the solution.

    >>> changed("return 1", ("1", "2"))
    'return 2'
    """
    for old, new in changes:
        if old not in code:
            raise ValueError(f"There is no {old!r} to be replaced.")
        code = code.replace(old, new)
    return code


@cache
def registry() -> dict[str, Exercise]:
    """All exercises by their keys, in the order of the course."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = [importlib.import_module(f"{__name__}.{name}").EXERCISE for name in names]
    return {exercise.key: exercise for exercise in sorted(found, key=lambda each: each.key)}


def exercise(key: str) -> Exercise:
    """The exercise with this key; ValueError if there is none."""
    try:
        return registry()[key]
    except KeyError:
        known = ", ".join(registry())
        raise ValueError(f"There is no exercise {key!r}. There are: {known}.") from None
