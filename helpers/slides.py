"""Slides of a notebook, for a class: its own cells, run now, by nbconvert and reveal.js.

    python -m helpers.slides [--reveal package] FOLDER notebooks/01_layers.ipynb …

A heading begins a slide; what does not fit on it goes below. What only the running notebook
needs, imports and checks, is left out. No notebook is changed for it.

reveal.js comes from the network, unless there is a copy: `npm pack reveal.js@5.2.1`, unpacked by
`tar xf reveal.js-5.2.1.tgz`, is the folder `package`; it goes along with the slides. Where it
cannot be fetched, the slides are still there, one below the other.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path
from typing import Any

from .page_styles import style_sheet
from .pages import STYLE_FILE, for_reading, run, title_of

REVEAL = "https://unpkg.com/reveal.js@5.2.1"
ENDING = ".slides.html"
ROOM = 24  # lines of text that fit on a slide
WIDE = 90  # characters in a line
PICTURE = 16  # lines

SLIDE, BELOW, WITH, LEFT_OUT = "slide", "subslide", "-", "skip"

_TEMPLATE = """
{%- extends 'reveal/base.html.j2' -%}
{%- block header -%}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ resources.course_title | e }}</title>
<link rel="stylesheet" href="{{ resources.reveal_from }}/dist/reveal.css">
<link rel="stylesheet" href="course.css">
<style>
body { max-width: none; padding: 0; }
.reveal .slides { text-align: left; }
.reveal .slides section { font-size: 20px; line-height: 1.45; max-height: 100%; overflow-y: auto; }
.reveal .slide-number { right: auto; left: 8px; }
.jp-InputArea pre { background: var(--code); padding: 0.5em 1em; }
.jp-OutputArea-output pre { padding: 0 1em; }
</style>
</head>
{%- endblock header -%}
{%- block body_header -%}
<body><main class="reveal"><div class="slides">
{%- endblock body_header -%}
{%- block body_footer -%}
</div></main>
<script src="{{ resources.reveal_from }}/dist/reveal.js"></script>
<script>
if (window.Reveal) Reveal.initialize({hash: true, slideNumber: "c/t", width: 1100, height: 750,
  center: false, transition: "none"});
</script>
</body>
{%- endblock body_footer -%}
{%- block footer -%}</html>{%- endblock footer -%}
"""


def with_breaks(notebook: Any) -> Any:
    """Write into each cell's metadata where the slides begin: it is changed, and returned."""
    taken = 0
    for cell in notebook.cells:
        needed = _lines(cell)
        kind = _kind(cell)
        if kind == WITH and taken + needed > ROOM and taken:
            kind = BELOW
        if kind in (SLIDE, BELOW):
            taken = 0
        taken += needed if kind != LEFT_OUT else 0
        cell.metadata["slideshow"] = {"slide_type": kind}
    return notebook


def _kind(cell: Any) -> str:
    """What the cell itself asks for, by its heading or its id."""
    if cell.get("id") == "setup" or cell.get("id", "").endswith("-check"):
        return LEFT_OUT
    if cell.cell_type == "markdown" and (found := re.match(r"#{1,3} ", cell.source)):
        return BELOW if len(found[0]) == 4 else SLIDE
    return WITH


def _lines(cell: Any) -> int:
    """How many lines of a slide the cell takes, about."""
    lines = sum(1 + len(line) // WIDE for line in cell.source.splitlines())
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "data-picture" in data.get("text/html", ""):
            lines += PICTURE
        else:
            text = output.get("text") or data.get("text/plain", "")
            lines += sum(1 + len(line) // WIDE for line in text.splitlines())
    return lines


def slides(notebook: Any, reveal: str = REVEAL) -> str:
    """The slides of an executed notebook, as HTML. It is changed.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        With its outputs.
    reveal : str
        The address of reveal.js, the folder above its `dist`.
    """
    from nbconvert import SlidesExporter
    from traitlets.config import Config

    shown = ["text/html", "image/svg+xml", "image/png", "text/markdown", "text/plain"]
    exporter = SlidesExporter(
        config=Config({"NbConvertBase": {"display_data_priority": shown}}),
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    exporter.raw_template = _TEMPLATE
    readable = for_reading(notebook, ENDING)
    resources = {"course_title": title_of(notebook), "reveal_from": reveal}
    written, _ = exporter.from_notebook_node(with_breaks(readable), resources)
    return str(written)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run notebooks, and write slides of them.")
    parser.add_argument("folder", type=Path, help="where to write the slides")
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--reveal", type=Path, help="a folder with reveal.js, to go along")
    asked = parser.parse_args()
    if asked.reveal and not (asked.reveal / "dist" / "reveal.js").exists():
        parser.error(f"{asked.reveal} has no dist/reveal.js")
    asked.folder.mkdir(parents=True, exist_ok=True)
    (asked.folder / STYLE_FILE).write_text(style_sheet(), "utf-8")
    if asked.reveal:
        shutil.copytree(
            asked.reveal / "dist", asked.folder / "reveal.js" / "dist", dirs_exist_ok=True
        )
        shutil.copy(asked.reveal / "LICENSE", asked.folder / "reveal.js")
    for path in asked.notebooks:
        print(path.name, flush=True)
        written = slides(run(path), "reveal.js" if asked.reveal else REVEAL)
        file = asked.folder / f"{path.stem}{ENDING}"
        file.write_text(written, "utf-8")
        print(f"Open {file.resolve().as_uri()}")


if __name__ == "__main__":
    main()
