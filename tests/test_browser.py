"""The notebooks in a real JupyterLab, as a learner meets them.

The tests are steps on the same two open notebooks, in the order in which they stand here:
run all, solve the exercises, guess and measure, look at the progress.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import nbformat
import pytest
from lab import REPOSITORY, Lab, Notebook, missing

from helpers.exercises import exercise

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(missing()), reason=missing()),
]

FOLDER = REPOSITORY / "notebooks"
START, LAYERS = "00_start_here.ipynb", "01_layers.ipynb"


def exercises() -> Iterator[tuple[str, str, str, str]]:
    """Each exercise: its notebook, the id of its starter cell and of its check, its key."""
    for name in (START, LAYERS):
        for starter, checking in pairwise(nbformat.read(FOLDER / name, as_version=4).cells):
            if "exercise" in starter.metadata.get("tags", []):
                found = re.match(r'check\("([^"]+)"', checking.source)
                assert found, f"{name}: no check after {starter.id}"
                yield name, starter.id, checking.id, found[1]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(FOLDER) as lab:
        yield lab


@pytest.fixture(scope="module")
def notebooks(lab: Lab) -> Iterator[dict[str, Notebook]]:
    """Both notebooks, open side by side, after Run All."""
    with contextlib.ExitStack() as stack:
        opened = {name: stack.enter_context(lab.open(name)) for name in (START, LAYERS)}
        for notebook in opened.values():
            notebook.run_all()
        yield opened


# ------------------------------------------------------------------ Run All

FAULTY = {
    "error": "1 / 0",
    "stderr": "import sys; print('careful', file=sys.stderr)",
    "inside": "from ipywidgets import interact\n\n@interact(n=3)\ndef fail(n):\n    [][n]",
    "button": "from ipywidgets import Button\n\nbutton = Button(description='Fail')\n"
    "button.on_click(lambda _: {}['key'])\nbutton",
    "picture": "from IPython.display import HTML\nHTML('<svg width=9 height=9></svg>')",
    "wide": "HTML('<div style=\"width:5000px\">wide</div>')",
    "sound": "HTML('<svg width=9 height=9 aria-label=\"A square without content\"></svg>')",
}


def test_what_is_wrong_with_a_notebook_is_seen(lab: Lab) -> None:
    cells = [nbformat.v4.new_code_cell(source, id=name) for name, source in FAULTY.items()]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    faulty = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    nbformat.write(faulty, lab.folder / "faulty.ipynb")
    with lab.open("faulty.ipynb") as notebook:
        for name in FAULTY:
            notebook.run_cell(name)
        notebook.output("button").get_by_role("button").click()
        notebook.page.wait_for_function("() => lab.stray.length")
        wrong = notebook.problems()
    said = {line.partition(": ")[0] for line in wrong}
    assert said == {"error", "stderr", "inside", "outside of all cells", "picture", "wide"}, wrong
    assert "error: ZeroDivisionError: division by zero" in wrong
    assert "inside: IndexError: list index out of range" in wrong
    assert "outside of all cells: KeyError: 'key'" in wrong


@pytest.mark.parametrize("width", [800, 1200])
@pytest.mark.parametrize("name", [START, LAYERS])
def test_run_all_leaves_nothing_wrong_on_narrow_and_wide_pages(
    notebooks: dict[str, Notebook], name: str, width: int
) -> None:
    notebooks[name].page.set_viewport_size({"width": width, "height": 900})
    assert notebooks[name].problems() == []


# ------------------------------------------------------------------ exercises


@pytest.mark.parametrize(
    ("name", "starter", "checking", "key"),
    [pytest.param(*found, id=found[-1]) for found in exercises()],
)
def test_an_exercise_goes_from_not_attempted_over_a_hint_to_the_solution(
    notebooks: dict[str, Notebook], name: str, starter: str, checking: str, key: str
) -> None:
    from playwright.sync_api import expect

    notebook, asked = notebooks[name], exercise(key)
    verdict = notebook.output(checking)

    def answer(source: str) -> None:
        notebook.set_cell(starter, source)
        notebook.run_cell(starter)
        notebook.run_cell(checking)

    expect(verdict).to_contain_text(f"Not attempted ({key})")

    answer(next(iter(asked.wrong.values())))
    expect(verdict).to_contain_text(f"Not yet ({key})")
    heading, diagnosis = verdict.locator(".course-panel p").all_inner_texts()[:2]
    assert heading == f"Not yet ({key})"
    assert len(diagnosis.split()) > 3, "the verdict does not say what is wrong"
    solution = verdict.get_by_role("button", name="Show the solution")
    expect(solution).to_be_disabled()
    verdict.get_by_role("button", name="Next hint").press("Enter")
    expect(verdict).to_contain_text(
        f"Hint 1 of {len(asked.hints)}: {asked.hints[0].replace('`', '')}"
    )

    answer(asked.solution)
    expect(verdict).to_contain_text(f"Passed ({key})")
    solution.press("Enter")
    expect(verdict).to_contain_text(asked.solution.strip())
    assert notebook.problems() == []


# ------------------------------------------------------------------ predictions


def test_a_number_is_guessed_by_keyboard_and_scored(notebooks: dict[str, Notebook]) -> None:
    from playwright.sync_api import expect

    notebook = notebooks[START]
    asked, keyboard = notebook.output("latency-predict"), notebook.page.keyboard
    asked.get_by_role("textbox").focus()
    keyboard.type("42")
    keyboard.press("Tab")
    expect(asked.get_by_role("button", name="Keep my guess")).to_be_focused()
    keyboard.press("Enter")
    expect(asked).to_contain_text("Your guess: 42 microseconds.")
    notebook.run_cell("latency")
    notebook.run_cell("latency-score")
    expect(notebook.output("latency-score")).to_contain_text(
        re.compile(r"You said 42 microseconds; measured: [\d.,]+ microseconds\.")
    )


def test_a_choice_is_guessed_and_scored(notebooks: dict[str, Notebook]) -> None:
    from playwright.sync_api import expect

    notebook = notebooks[START]
    asked = notebook.output("throughput-predict")
    asked.get_by_text("hardly larger").click()
    expect(asked).to_contain_text("Not kept yet")
    asked.get_by_role("button", name="Keep my guess").click()
    expect(asked).to_contain_text("Your guess: hardly larger.")
    notebook.run_cell("throughput-score")
    expect(notebook.output("throughput-score")).to_contain_text("You said hardly larger; measured:")


def test_an_order_is_guessed_and_scored(notebooks: dict[str, Notebook]) -> None:
    from playwright.sync_api import expect

    notebook = notebooks[LAYERS]
    asked = notebook.output("cost-predict")
    keep = asked.get_by_role("button", name="Keep my guess")
    keep.click()
    expect(asked).to_contain_text("Use each of these once")
    guess = ["10 ms link", "function call", "socketpair", "Unix socket", "loopback TCP"]
    for place, option in zip(asked.get_by_role("combobox").all(), guess, strict=True):
        place.select_option(option)
    keep.click()
    expect(asked).to_contain_text(f"Your guess: {', '.join(guess)}.")
    notebook.run_cell("cost-score")
    score = notebook.output("cost-score")
    expect(score).to_contain_text(f"You said {', '.join(guess)}; measured: function call,")
    expect(score).to_contain_text("you put 10 ms link before function call")


# ------------------------------------------------------------------ pictures that answer


@pytest.mark.parametrize(("name", "slider"), [(START, "size-slider"), (LAYERS, "share-slider")])
def test_a_slider_moved_by_keyboard_shows_its_new_value(
    notebooks: dict[str, Notebook], name: str, slider: str
) -> None:
    from playwright.sync_api import expect

    notebook = notebooks[name]
    before = notebook.output(slider).locator(".widget-readout").inner_text()
    value = notebook.move_slider(slider, 3)
    assert int(value) > int(before)
    expect(notebook.output(slider).locator(".widget-output")).to_contain_text(
        f"{int(value):,} bytes"
    )
    assert notebook.problems() == []


def test_a_field_of_the_byte_map_lights_its_digits_and_digits_their_field(
    notebooks: dict[str, Notebook],
) -> None:
    from playwright.sync_api import expect

    notebook = notebooks[START]
    byte_map = notebook.output("packet-map")
    fields = byte_map.get_by_role("listitem")
    field = fields.filter(has_text="TCP Sequence Number")
    digits = byte_map.get_by_title("TCP Sequence Number").first
    others = byte_map.get_by_title("TCP Acknowledgment Number").first
    unlit, lit = _background(digits), "rgb(0, 114, 178)"  # pictures.BLUE
    assert unlit != lit

    field.hover()
    expect(digits).to_have_css("background-color", lit)
    expect(others).to_have_css("background-color", unlit)
    notebook.page.mouse.move(0, 0)
    expect(digits).to_have_css("background-color", unlit)

    digits.hover()
    expect(field).to_have_css("background-color", lit)
    notebook.page.mouse.move(0, 0)

    fields.filter(has_text="TCP Destination Port").focus()
    notebook.page.keyboard.press("Tab")
    expect(field).to_be_focused()
    expect(digits).to_have_css("background-color", lit)


def _background(locator: Any) -> str:
    return str(locator.evaluate("node => getComputedStyle(node).backgroundColor"))


# ------------------------------------------------------------------ progress


def test_what_was_done_is_kept_beside_the_notebooks_and_outlives_the_kernel(
    lab: Lab, notebooks: dict[str, Notebook]
) -> None:
    from playwright.sync_api import expect

    keys = [key for *_, key in exercises()]
    kept = json.loads((lab.folder / "progress.json").read_text())
    assert [key for key in keys if kept["exercises"].get(key, {}).get("passed")] == keys
    assert kept["predictions"]["00-round-trip"]["last"]["guess"] == 42

    notebook = notebooks[START]
    notebook.restart_kernel()
    notebook.run_cell("setup")
    notebook.run_cell("progress")
    for key in keys:
        expect(notebook.output("progress")).to_contain_text(f"{key[3:]}: passed, 2 tries")
