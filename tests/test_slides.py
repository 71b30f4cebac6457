"""Slides: the notebook's own cells, broken where its headings are, and where a slide is full."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from barriers import browser
from lab import missing

from helpers import slides
from helpers.panels import WIDGET

PICTURE = '<figure data-picture="x"><svg role="img" aria-label="A square"></svg></figure>'


def code(source: str, name: str, **data: object) -> nbformat.NotebookNode:
    outputs = [nbformat.v4.new_output("display_data", data)] if data else []
    return nbformat.v4.new_code_cell(source, id=name, outputs=outputs)


def sample() -> nbformat.NotebookNode:
    markdown = nbformat.v4.new_markdown_cell
    picture = {"text/html": PICTURE, "text/plain": "A square"}
    return nbformat.v4.new_notebook(
        cells=[
            markdown("# 99 Sample\n\nWhat is it?", id="title"),
            code("import socket", "setup"),
            markdown("## Why\n\nBecause. See [01](01_layers.ipynb).", id="why"),
            code("first", "first", **picture),
            code("second", "second", **picture),
            code("guess", "guess", **{WIDGET: {"model_id": "1"}, "text/html": "<p>How many?</p>"}),
            markdown("### Exercise: do it\n\nWrite it.", id="ex1-text"),
            code("def it():\n    ...", "ex1-code"),
            code('check("99-it", it)', "ex1-check", **{"text/html": "<p>Not attempted</p>"}),
            markdown("## Key points\n\n- It can be done.", id="key"),
        ]
    )


def test_headings_begin_slides_and_what_does_not_fit_goes_below() -> None:
    cells = slides.with_breaks(sample()).cells
    told = {cell.id: cell.metadata.slideshow.slide_type for cell in cells}
    assert told == {
        "title": "slide",
        "setup": "skip",
        "why": "slide",
        "first": "-",
        "second": "subslide",
        "guess": "-",
        "ex1-text": "subslide",
        "ex1-code": "-",
        "ex1-check": "skip",
        "key": "slide",
    }


def test_the_slides_are_the_cells_and_only_revealjs_is_fetched() -> None:
    written = slides.slides(sample())
    assert written.count("<section") == written.count("</section>") == 3 + 5
    assert written.count("A square") == 2
    assert "<p>How many?</p>" in written
    assert 'href="01_layers.slides.html"' in written
    for left_out in ("import socket", "Not attempted"):
        assert left_out not in written
    fetched = re.findall(r'<(?:link|script|img)[^>]*(?:href|src)="([^"]+)"', written)
    assert [address for address in fetched if not address.startswith(slides.REVEAL)] == [
        "course.css"
    ]
    assert slides.REVEAL not in slides.slides(sample(), "reveal.js")


@pytest.mark.browser
@pytest.mark.skipif(bool(missing()), reason=missing())
def test_without_the_network_the_slides_are_one_below_the_other(tmp_path: Path) -> None:
    file = tmp_path / "sample.slides.html"
    file.write_text(slides.slides(sample()), "utf-8")
    with browser() as opened, opened.new_context() as context:
        page = context.new_page()
        page.route("https://**", lambda route: route.abort())
        page.goto(file.as_uri())
        for text in ("99 Sample", "Because", "Write it", "Key points"):
            assert page.get_by_text(text).first.is_visible()
