"""The notebooks in a real JupyterLab, as a learner meets them.

All tests share two open notebooks, after Run All; each test can also be run alone.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import nbformat
import pytest
from barriers import barriers, drawn_texts
from lab import REPOSITORY, Lab, missing
from lab_notebook import Notebook

from helpers.exercises import exercise
from helpers.progress_file import state_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(missing()), reason=missing()),
]

FOLDER = REPOSITORY / "notebooks"
START, LAYERS = "00_start_here.ipynb", "01_layers.ipynb"
NARROW, WIDE = {"width": 800, "height": 900}, {"width": 1200, "height": 900}


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
    before = set(FOLDER.rglob("*"))
    with Lab(FOLDER) as lab:
        yield lab
    assert set(FOLDER.rglob("*")) == before, "JupyterLab wrote beside the notebooks it was given"


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
    "script": "from IPython.display import Javascript\n\nJavascript('console.error(\"no\")')",
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
    assert said == {
        *("error", "stderr", "inside", "outside of all cells", "picture", "wide", "console")
    }, wrong
    assert "error: ZeroDivisionError: division by zero" in wrong
    assert "inside: IndexError: list index out of range" in wrong
    assert "outside of all cells: KeyError: 'key'" in wrong
    assert "console: no" in wrong


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize("name", [START, LAYERS])
def test_run_all_leaves_nothing_wrong_on_narrow_and_wide_pages(
    notebooks: dict[str, Notebook], name: str, size: dict[str, int]
) -> None:
    notebooks[name].page.set_viewport_size(size)
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

    def hinted(number: int) -> None:
        said = f"Hint {number} of {len(asked.hints)}: {asked.hints[number - 1].replace('`', '')}"
        expect(verdict).to_contain_text(said)

    next_hint = verdict.get_by_role("button", name="Next hint")
    solution = verdict.get_by_role("button", name="Show the solution")
    expect(verdict).to_contain_text(f"Not attempted ({key})")
    expect(next_hint).to_have_count(0)

    answer(next(iter(asked.wrong.values())))
    expect(verdict).to_contain_text(f"Not yet ({key})")
    heading, diagnosis = verdict.locator(".course-panel p").all_inner_texts()[:2]
    assert heading == f"Not yet ({key})"
    assert len(diagnosis.split()) > 3, "the verdict does not say what is wrong"
    expect(solution).to_be_disabled()
    next_hint.press("Enter")
    hinted(1)

    notebook.run_cell(checking)
    hinted(1)
    next_hint.press("Enter")
    hinted(2)
    notebook.page.set_viewport_size(NARROW)
    assert notebook.problems() == []

    answer(asked.solution)
    expect(verdict).to_contain_text(f"Passed ({key})")
    solution.press("Enter")
    expect(verdict).to_contain_text(asked.solution.strip())
    assert notebook.problems() == []
    notebook.page.set_viewport_size(WIDE)


# ------------------------------------------------------------------ predictions, by keyboard


def tab_to(notebook: Notebook, target: Any) -> None:
    """Press Tab, or Shift and Tab, until `target` has the focus."""
    for _ in range(20):
        key = target.evaluate(
            """node => {
              const focused = document.activeElement;
              if (node === focused) return '';
              const place = focused.compareDocumentPosition(node);
              return place & Node.DOCUMENT_POSITION_PRECEDING ? 'Shift+Tab' : 'Tab';
            }"""
        )
        if not key:
            return
        notebook.page.keyboard.press(key)
    raise AssertionError(f"{target} is not reached by Tab")


def press(notebook: Notebook, cell_id: str, name: str, key: str = "Enter") -> None:
    """Go to the cell's button of this name and press a key."""
    tab_to(notebook, notebook.output(cell_id).get_by_role("button", name=name))
    notebook.page.keyboard.press(key)


def guess_42_microseconds(notebook: Notebook) -> None:
    from playwright.sync_api import expect

    notebook.run_cell("latency-predict")
    asked = notebook.output("latency-predict")
    tab_to(notebook, asked.get_by_role("textbox"))
    notebook.page.keyboard.press("Control+A")
    notebook.page.keyboard.type("42")
    press(notebook, "latency-predict", "Keep my guess")
    expect(asked).to_contain_text("Your guess: 42 microseconds.")


def test_a_number_is_guessed_and_scored(notebooks: dict[str, Notebook]) -> None:
    from playwright.sync_api import expect

    notebook = notebooks[START]
    guess_42_microseconds(notebook)
    notebook.run_cell("latency")
    notebook.run_cell("latency-score")
    expect(notebook.output("latency-score")).to_contain_text(
        re.compile(r"You said 42 microseconds; measured: [\d.,]+ microseconds\.")
    )


def test_a_choice_is_guessed_and_scored(notebooks: dict[str, Notebook]) -> None:
    from playwright.sync_api import expect

    notebook, cell = notebooks[START], "throughput-predict"
    asked = notebook.output(cell)
    notebook.run_cell(cell)
    press(notebook, cell, "more than 6 times larger")
    press(notebook, cell, "hardly larger", key="Space")
    expect(asked).to_contain_text("You chose: hardly larger.")
    expect(asked.locator(".mod-active")).to_have_text("hardly larger")
    press(notebook, cell, "Keep my guess", key="Space")
    expect(asked).to_contain_text("Your guess: hardly larger.")
    notebook.run_cell("throughput-score")
    expect(notebook.output("throughput-score")).to_contain_text("You said hardly larger; measured:")


def test_an_order_is_guessed_and_scored(notebooks: dict[str, Notebook]) -> None:
    from playwright.sync_api import expect

    notebook, cell = notebooks[LAYERS], "cost-predict"
    asked = notebook.output(cell)
    notebook.run_cell(cell)
    press(notebook, cell, "socketpair")
    expect(asked).to_contain_text("Your order so far: socketpair. 4 to go.")
    press(notebook, cell, "Keep my guess")
    expect(asked).to_contain_text("Use each of these once")
    press(notebook, cell, "Start again")
    expect(asked).to_contain_text("No order yet.")
    guess = ["10 ms link", "function call", "socketpair", "Unix socket", "loopback TCP"]
    for place, option in enumerate(guess, 1):
        press(notebook, cell, option, key="Space" if place % 2 else "Enter")
        expect(asked.get_by_role("button", name=f"{place}. {option}")).to_be_focused()
    press(notebook, cell, "Keep my guess")
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
    shown = notebook.output(slider).locator(".widget-output svg")
    readout = notebook.output(slider).locator(".widget-readout")
    size, picture = readout.inner_text(), shown.text_content()
    assert int(notebook.move_slider(slider, 1)) > int(size)
    expect(shown).not_to_have_text(picture)
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


# ------------------------------------------------------------------ readers of every kind


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_that_the_course_shows_keeps_a_reader_out(lab: Lab, dark: bool) -> None:
    """What JupyterLab shows around it is not the course's, and is not looked at."""
    copy = "00_for_readers.ipynb"  # the kernel of the other one goes on for the other tests
    shutil.copy(lab.folder / START, lab.folder / copy)
    with lab.open(copy, dark=dark) as notebook:
        notebook.run_all()
        for checking, key in [(each[2], each[3]) for each in exercises() if each[0] == START]:
            starter = checking.replace("check", "code")
            notebook.set_cell(starter, next(iter(exercise(key).wrong.values())))
            notebook.run_cell(starter)
            notebook.run_cell(checking)
            notebook.output(checking).get_by_role("button", name="Next hint").press("Enter")
        found = barriers(notebook.page, ".jp-OutputArea-output")
        # The handle of a slider gets no name from ipywidgets, and none can be given to it.
        assert [line for line in found if "noUi-handle" not in line] == []
        assert drawn_texts(notebook.page) > 50


# ------------------------------------------------------------------ progress


def test_what_was_done_is_kept_beside_the_notebooks_and_outlives_the_kernel(
    lab: Lab, notebooks: dict[str, Notebook]
) -> None:
    from playwright.sync_api import expect

    notebook = notebooks[START]
    _, starter, checking, key = next(exercises())
    notebook.set_cell(starter, exercise(key).solution)
    notebook.run_cell(starter)
    notebook.run_cell(checking)
    guess_42_microseconds(notebook)
    kept = json.loads((lab.folder / "progress.json").read_text())
    assert kept["exercises"][key]["passed"]
    assert kept["predictions"]["00-round-trip"]["last"]["guess"] == 42

    notebook.restart_kernel()
    for cell in ("setup", "progress", "latency-predict"):
        notebook.run_cell(cell)
    for done, entry in kept["exercises"].items():
        expect(notebook.output("progress")).to_contain_text(f"{done[3:]}: {state_of(entry)}")
    expect(notebook.output("latency-predict")).to_contain_text("Your guess: 42 microseconds.")


def test_progress_is_downloaded_by_its_link(lab: Lab, notebooks: dict[str, Notebook]) -> None:
    notebook = notebooks[START]
    notebook.run_cell("progress")
    with notebook.page.expect_download() as download:
        notebook.output("progress").get_by_role("link", name="Download progress.json").click()
    assert download.value.suggested_filename == "progress.json"
    there = json.loads((lab.folder / "progress.json").read_text())
    assert json.loads(download.value.path().read_text()) == there
