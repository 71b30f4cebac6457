"""Every widget of every notebook in a real JupyterLab: moved to its least, its middle and its
greatest value, and nothing fails.

The kernel says which widgets it has made, so that none is forgotten.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest
from lab import REPOSITORY, Lab, missing
from lab_notebook import Notebook
from lab_widgets import Hands

from helpers.exercises import exercise

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(missing()), reason=missing()),
]

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
QUICK = {"00_start_here", "01_layers"}  # the others take minutes
KEEP, HINT, AGAIN = "Keep my guess", "Next hint", "Start again"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(REPOSITORY / "notebooks") as lab:
        yield lab


# ------------------------------------------------------------------ can these tests fail?

KINDS = """
from ipywidgets import *

@interact(
    whole=IntSlider(min=1, max=9, value=2),
    part=FloatSlider(min=0, max=1, step=0.25, value=1),
    few=SelectionSlider(options=["a", "b", "c"]),
    from_to=IntRangeSlider(min=0, max=4, value=(1, 2)),
    some=SelectionRangeSlider(options=["a", "b", "c"], index=(0, 1)),
    list=Dropdown(options=["a", "b", "c"]),
    rows=Select(options=["a", "b", "c"]),
    dots=RadioButtons(options=["a", "b", "c"]),
    keys=ToggleButtons(options=["a", "b", "c"]),
    tick=True,
    down=ToggleButton(),
    text=Text("x", continuous_update=False),
)
def show(**chosen):
    print(chosen)
"""
WENT = {
    "whole": ["1", "5", "9", "2"],
    "part": ["0", "0.5", "1"],
    "few": ["b", "c", "a"],
    "from_to": ["[0, 0]", "[0, 4]", "[4, 4]", "[1, 2]"],
    "some": ["a to a", "a to c", "c to c", "a to b"],
    "list": ["b", "c", "a"],
    "rows": ["b", "c", "a"],
    "dots": ["b", "c", "a"],
    "keys": ["b", "c", "a"],
    "tick": ["False", "True"],
    "down": ["True", "False"],
    "text": ["''", "'42'", "'1,000,000'", "'x'"],
}
FAULTY = {
    "greatest": "@interact(n=IntSlider(min=0, max=4))\ndef fail(n):\n    print(1 / (4 - n))",
    "middle": "import sys\n\n@interact(n=['a', 'b', 'c'])\ndef warn(n):\n"
    "    print(n, file=sys.stderr if n == 'b' else sys.stdout)",
    "pressed": "button = Button(description='Fail')\nbutton.on_click(lambda _: {}['key'])\nbutton",
    "stuck": "@interact(n=IntSlider(min=0, max=4))\ndef same(n):\n    print('always the same')",
    "unseen": "hidden = IntSlider(description='unseen')",
    "strange": "ColorPicker(description='strange')",
}


def test_each_kind_is_moved_and_what_goes_wrong_is_seen(lab: Lab) -> None:
    sources = {"kinds": KINDS, **FAULTY}
    cells = [nbformat.v4.new_code_cell(source, id=name) for name, source in sources.items()]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    written = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    nbformat.write(written, lab.folder / "kinds.ipynb")
    with lab.open("kinds.ipynb") as notebook:
        hands = Hands(notebook)
        notebook.run_all()
        hands.move_all(hands.widgets("kinds"))
        assert hands.problems == []
        went = {name.split("'")[1]: places for name, *places in hands.moved.values()}
        assert went == WENT
        hands.move_all([each for each in hands.widgets() if each["cell"] != "kinds"])
        alone = hands.left_alone()
    assert hands.problems == [
        "greatest, IntSlider 'n' at 4: ZeroDivisionError: division by zero",
        "middle, Dropdown 'n' at b: stderr: b",
        "pressed, Button 'Fail' at a press: KeyError: 'key'",
        "stuck, IntSlider 'n': nothing was drawn anew",
    ]
    assert [line.split()[0] for line in alone] == ["IntSliderModel", "ColorPickerModel"]


# ------------------------------------------------------------------ the notebooks


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_widget_goes_from_its_least_to_its_greatest_value(
    lab: Lab, path: Path, thorough: bool
) -> None:
    if path.stem not in QUICK and not thorough:
        pytest.skip("takes long: pytest --thorough")
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    with lab.open(path.name) as notebook:
        hands = Hands(notebook)
        took = [time.monotonic()]
        notebook.run_all()
        took.append(time.monotonic())
        assert notebook.problems() == []
        asking = {widget["cell"] for widget in hands.widgets() if widget["description"] == KEEP}
        checking = {after.id for _, after, _ in _exercises(cells)}
        hands.move_all([widget for widget in hands.widgets() if widget["cell"] not in asking])
        assert hands.problems == []
        took.append(time.monotonic())
        for cell in sorted(asking):
            guess(notebook, hands, cell)
        took.append(time.monotonic())
        for starter, check, key in _exercises(cells):
            take_hints(notebook, hands, starter.id, check.id, key)
        took.append(time.monotonic())
        print(path.stem, *(f"{after - before:.0f} s" for before, after in pairwise(took)))
        print(*hands.moved.values(), sep="\n")
        assert hands.problems == []
        assert notebook.problems() == []
        assert hands.left_alone() == []
        assert len(hands.moved) >= len(asking) + len(checking)


def _exercises(cells: list[Any]) -> Iterator[tuple[Any, Any, str]]:
    """Each exercise: the cell to write in, that of its check, its key."""
    for starter, check in pairwise(cells):
        if "exercise" in starter.metadata.get("tags", []):
            found = re.match(r'check\("([^"]+)"', check.source)
            assert found, f"no check after {starter.id}"
            yield starter, check, found[1]


def guess(notebook: Notebook, hands: Hands, cell: str) -> None:
    """Answer a prediction's question with a small, a middle and a large answer."""
    widgets = hands.widgets(cell)
    [keep] = [each for each in widgets if each["description"] == KEEP]
    again = [each for each in widgets if each["description"] == AGAIN]
    fields = [each for each in widgets if each not in (keep, *again)]

    def kept(words: str) -> None:
        hands.press(keep)
        assert words in notebook.output_text(cell), f"{cell}: {words}"

    if again:
        names = [each["description"] for each in fields]
        kept("Use each of these once")
        for first in {0, len(fields) // 2, len(fields) - 1}:
            hands.press(again[0])
            for button in fields[first:] + fields[:first]:
                hands.press(button)
            kept(f"Your guess: {', '.join(names[first:] + names[:first])}.")
    elif fields[0]["labels"]:
        kept("Choose one of")
        for place in {0, len(fields[0]["labels"]) // 2, len(fields[0]["labels"]) - 1}:
            hands.move(fields[0], place)
            kept(f"Your guess: {fields[0]['labels'][place]}.")
    else:
        hands.move(fields[0], "many")
        kept("Enter a number")
        for text in ("0", "7.5", "1,000,000"):
            hands.move(fields[0], text)
            kept(f"Your guess: {text}")


def take_hints(notebook: Notebook, hands: Hands, starter: str, check: str, key: str) -> None:
    """Write a wrong answer, take all hints, then write the solution and open it."""
    asked = exercise(key)

    def answer(source: str, verdict: str) -> list[dict[str, Any]]:
        notebook.set_cell(starter, source)
        notebook.run_cell(starter)
        notebook.run_cell(check)
        assert f"{verdict} ({key})" in notebook.output_text(check)
        return hands.widgets(check)

    buttons = answer(next(iter(asked.wrong.values())), "Not yet")
    assert [each["description"] == HINT for each in buttons] == [True, False]
    for number, text in enumerate(asked.hints, 1):
        hands.press(buttons[0])
        said = f"Hint {number} of {len(asked.hints)}: {text.replace('`', '')}"
        assert said in notebook.output_text(check)
    hands.move_all(hands.widgets(check))  # of these, the one that is not open yet
    assert all(each["disabled"] for each in hands.widgets(check))
    answer(asked.solution, "Passed")
    hands.move_all(hands.widgets(check))
    assert asked.solution.strip() in notebook.output_text(check)
