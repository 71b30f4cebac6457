"""The course as pages and as slides: nothing is fetched, nothing is dead, nobody is kept out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from barriers import SCHEMES, barriers, browser, drawn_texts
from lab import REPOSITORY, missing
from test_exercises import defined

from helpers import pages
from helpers.exercises import exercise
from helpers.panels import WIDGET
from helpers.practice import check

NAMES = ("00_start_here", "01_layers")
GALLERY = "gallery"  # verdicts on wrong answers: no notebook has them
WRONG = ("00-percentile", "00-ports", "01-wrap", "07-go-back-n", "07-reassembler")

in_a_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(missing()), reason=missing()),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of two notebooks, run now, of the verdicts, and the index."""
    made = tmp_path_factory.mktemp("pages")
    run = [(name, pages.run(REPOSITORY / "notebooks" / f"{name}.ipynb")) for name in NAMES]
    pages.write(made, run, "a machine")
    shown = []
    for key in WRONG:
        for code in [*list(exercise(key).wrong.values())[:2], exercise(key).solution]:
            shown.append(check(key, defined(exercise(key), code)).html())
    verdicts = f"<h1>Verdicts</h1>{''.join(shown)}"
    (made / f"{GALLERY}.html").write_text(pages.page("Verdicts", verdicts), "utf-8")
    return made


# ------------------------------------------------------------------ what is written


@pytest.mark.parametrize("name", ["index", *NAMES])
def test_a_page_fetches_nothing_and_links_to_what_is_there(folder: Path, name: str) -> None:
    page = (folder / f"{name}.html").read_text("utf-8")
    assert "<script" not in page
    fetched = r'<(?:link|img|iframe)[^>]*(?:href|src)="(?!course\.css"|pictures/)'
    assert re.findall(fetched, page) == []
    for target in re.findall(r'href="([^"#]+)', page):
        notebook = REPOSITORY / "notebooks" / target.replace(".html", ".ipynb")
        assert (
            target.startswith(("https://", "data:application/json"))
            or (folder / target).exists()
            or notebook.exists()
        )
        assert ".ipynb" not in target
    for anchor in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{anchor}"' in page


def test_the_index_has_the_outline_and_what_a_reader_needs(folder: Path) -> None:
    index = (folder / "index.html").read_text("utf-8")
    for path in (REPOSITORY / "notebooks").glob("*.ipynb"):
        assert f'href="{path.stem}.html"' in index
    assert "OWNER" not in index
    assert "¶" not in index
    assert "Licence" in index
    assert "mypy" not in index


def test_a_badge_becomes_a_link() -> None:
    readme = "# Course\n\n[![Launch](https://a.example/badge.svg)](https://b.example/x)\n"
    assert '<a href="https://b.example/x">Launch</a>' in pages.index(readme)


def test_a_slider_becomes_a_sentence_and_a_progress_bar_nothing(folder: Path) -> None:
    page = (folder / "00_start_here.html").read_text("utf-8")
    assert re.search(r'<p class="slider">Slider Bytes: at 5, of 5, 50, .*can be moved', page)
    for dead in ("interactive(", "SelectionSlider(", "it/s]", "HTML(value", "Output()"):
        assert dead not in page
    assert "How long does one such round trip take? (in microseconds)" in page
    assert "Not attempted (00-ports)" in page


def test_of_a_widget_its_page_is_kept() -> None:
    states = {
        "one": {"state": {"_model_name": "VBoxModel", "children": ["IPY_MODEL_two"]}},
        "two": {
            "state": {
                "_model_name": "IntSliderModel",
                "description": "loss",
                "value": 3,
                "min": 0,
                "max": 9,
            }
        },
        "bar": {"state": {"_model_name": "HBoxModel", "children": []}},
    }
    datas = [
        {WIDGET: {"model_id": "one"}, "text/plain": "VBox()"},
        {WIDGET: {"model_id": "bar"}, "text/plain": "50%|"},
        {WIDGET: {"model_id": "bar"}, "text/plain": "asked", "text/html": "<p>asked</p>"},
        {"text/plain": "42"},
    ]
    outputs = [nbformat.v4.new_output("display_data", data) for data in datas]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=outputs)])
    notebook.metadata["widgets"] = {pages._WIDGET_STATE: {"state": states}}
    shown = pages.body(pages.for_reading(notebook))
    assert "Slider loss: at 3, from 0 to 9." in shown
    assert "<p>asked</p>" in shown
    assert "42" in shown
    assert "50%" not in shown
    assert "VBox" not in shown


# ------------------------------------------------------------------ what a browser shows


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as opened:
        yield opened


class _Shown:
    """A page from the disk, in a light or dark browser, and all that it fetched."""

    def __init__(self, opened: Any, file: Path, scheme: str) -> None:
        self.context = opened.new_context(color_scheme=scheme)
        self.page = self.context.new_page()
        self.fetched: list[str] = []
        self.page.on("request", lambda request: self.fetched.append(request.url))
        self.page.goto(file.as_uri())

    def __enter__(self) -> _Shown:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.context.close()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["index", *NAMES, GALLERY])
class TestInABrowser:
    pytestmark = in_a_browser

    def test_nothing_keeps_a_reader_out(
        self, chromium: Any, folder: Path, name: str, scheme: str
    ) -> None:
        with _Shown(chromium, folder / f"{name}.html", scheme) as shown:
            assert barriers(shown.page) == []
            assert all(url.startswith("file:") for url in shown.fetched)
            assert drawn_texts(shown.page) > 10 or name == "index"
            paper = shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 17, 17)"}[scheme]

    def test_every_picture_says_what_it_shows(
        self, chromium: Any, folder: Path, name: str, scheme: str
    ) -> None:
        with _Shown(chromium, folder / f"{name}.html", scheme) as shown:
            silent = shown.page.evaluate(
                "() => [...document.querySelectorAll('img, svg, figure')].filter(picture =>"
                " (picture.alt || picture.getAttribute('aria-label') || '').length < 20)"
                ".map(picture => picture.outerHTML.slice(0, 200))"
            )
            assert silent == []


BARRED = """<!DOCTYPE html><html lang="en"><head><title>x</title></head><body><main><h1>x</h1>
<p style="color:#888;background:#fff">pale</p><figure data-picture="y">
<svg role="img" aria-label="a label" width="90" height="60"><rect width="90" height="60"
fill="#000"/><text x="5" y="20" fill="#222">dark</text><text x="5" y="50" fill="#fff">light</text>
<clipPath id="cut"><rect x="0" y="0" width="9" height="9"/></clipPath>
<path clip-path="url(#cut)" d="M0 0H90V60H0z" fill="#fff"/>
<text x="40" y="50" fill="#fff">too</text></svg></figure></main></body></html>"""


class TestBarriersAreSeen:
    pytestmark = in_a_browser

    def test_pale_text_is_named_drawn_or_not(self, chromium: Any, tmp_path: Path) -> None:
        file = tmp_path / "barred.html"
        file.write_text(BARRED)
        with _Shown(chromium, file, "light") as shown:
            found = barriers(shown.page)
        assert len(found) == 2, found
        assert found[0].startswith("color-contrast")
        assert found[1].startswith("drawn text: a contrast of 1.3 in y: <text")
        assert ">dark<" in found[1]


class TestTheByteMap:
    pytestmark = in_a_browser

    def test_a_field_lights_its_digits_and_digits_their_field(
        self, chromium: Any, folder: Path
    ) -> None:
        from playwright.sync_api import expect

        lit = "rgb(0, 114, 178)"  # pictures.BLUE
        with _Shown(chromium, folder / "00_start_here.html", "dark") as shown:
            byte_map = shown.page.locator("#cell-id\\=packet-map")
            field = byte_map.get_by_role("listitem").filter(has_text="TCP Sequence Number")
            digits = byte_map.get_by_title("TCP Sequence Number").first
            others = byte_map.get_by_title("TCP Acknowledgment Number").first
            expect(digits).not_to_have_css("background-color", lit)
            field.hover()
            expect(digits).to_have_css("background-color", lit)
            expect(others).not_to_have_css("background-color", lit)
            assert barriers(shown.page, "#cell-id\\=packet-map") == []
            digits.hover()
            expect(field).to_have_css("background-color", lit)
            shown.page.mouse.move(0, 0)
            field.focus()
            expect(digits).to_have_css("background-color", lit)
