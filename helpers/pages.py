"""The course as pages: every notebook run now, and rendered by nbconvert.

    python -m helpers.pages FOLDER [notebooks/01_layers.ipynb …]

runs the notebooks (all by default), and writes a page for each into the folder, and an index
made from the README. The pages need no network and no JavaScript: they can be opened from a disk,
and published as they are. A slider is dead there; its place says what it was set to.
"""

from __future__ import annotations

import argparse
import html
import re
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from .page_styles import style_sheet
from .panels import WIDGET
from .record import execute

ROOT = Path(__file__).parent.parent
STYLE_FILE = "course.css"
NOTE = (
    "This page was made on {date} by running the notebook: {machine}. Below each picture stands "
    "where its packets come from."
)

_WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
_LINK = re.compile(r"\]\((?:notebooks/)?(\d\d[a-z]?_\w+\.ipynb|glossary\.md)(#[^)\s]*)?\)")
# Two texts of one name, of the course and of the notebooks, have pages of other names.
_INDEX, _TOPICS = "index", "topics"
_READMES = {"](../README.md)": _INDEX, "](notebooks/README.md)": _TOPICS, "](README.md)": _TOPICS}
_PICTURES = ".github/pictures"
# What the README tells only those who have the repository.
_NOT_FOR_READERS = ("Test", "Teach", "Change")


def run(path: Path) -> Any:
    """A notebook as it is after all its cells ran, in a fresh kernel.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    execute(notebook, path.parent, {"COURSE_PROGRESS": "off"})
    return notebook


def for_reading(notebook: Any, ending: str = ".html") -> Any:
    """The executed notebook without what needs a kernel: it is changed, and returned.

    Of what a widget shows, its HTML stays; a slider becomes a sentence, and a progress bar
    nothing. A link to another notebook becomes one to its page, which has this ending.
    """
    states = notebook.metadata.pop("widgets", {}).get(_WIDGET_STATE, {}).get("state", {})
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = linked(cell.source, ending)
        else:
            cell.outputs = [kept for output in cell.outputs for kept in _kept(output, states)]
    return notebook


def _kept(output: Any, states: dict[str, Any]) -> Iterator[Any]:
    widget = output.get("data", {}).pop(WIDGET, None)
    if widget and "text/html" not in output.data:
        said = " ".join(_sliders(widget["model_id"], states))
        if not said:
            return
        sentence = f"{html.escape(said)} In the running notebook, it can be moved."
        output.data = {"text/html": f'<p class="slider">{sentence}</p>'}
    yield output


def _sliders(model_id: str, states: dict[str, Any]) -> Iterator[str]:
    """What each slider in this widget is for, and where it stands."""
    state = states.get(model_id, {}).get("state", {})
    if "Slider" in state.get("_model_name", ""):
        name = state["description"]
        if labels := state.get("_options_labels"):
            yield f"Slider {name}: at {labels[state['index']]}, of {', '.join(labels)}."
        else:
            yield f"Slider {name}: at {state['value']}, from {state['min']} to {state['max']}."
    for child in state.get("children", []):
        yield from _sliders(child.removeprefix("IPY_MODEL_"), states)


def linked(markdown: str, ending: str = ".html") -> str:
    """Markdown whose links to notebooks are links to their pages.

    >>> linked("See [03 Sockets](03_sockets.ipynb#Names).")
    'See [03 Sockets](03_sockets.html#Names).'
    """
    for link, name in _READMES.items():
        markdown = markdown.replace(link, f"]({name}{ending})")
    return _LINK.sub(lambda m: f"]({m[1].partition('.')[0]}{ending}{m[2] or ''})", markdown)


def title_of(notebook: Any) -> str:
    """The notebook's first heading."""
    return str(notebook.cells[0].source.splitlines()[0].lstrip("# "))


# ------------------------------------------------------------------ HTML


def body(notebook: Any) -> str:
    """An executed notebook as HTML, by nbconvert, without a page around it."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    shown = ["text/html", "image/svg+xml", "image/png", "text/markdown", "text/plain"]
    config = Config({"NbConvertBase": {"display_data_priority": shown}})
    exporter = HTMLExporter(
        config=config,
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    written, _ = exporter.from_notebook_node(notebook)
    return re.sub(r"<(h[1-6])>(.*?)</\1>", _with_anchor, str(written), flags=re.DOTALL)


def _with_anchor(heading: re.Match[str]) -> str:
    """A heading that links can lead to, by the name that it has in JupyterLab."""
    words = html.unescape(re.sub("<[^>]+>", "", heading[2])).replace(" ", "-")
    return f'<{heading[1]} id="{html.escape(words)}">{heading[2]}</{heading[1]}>'


def page(title: str, content: str, links: Sequence[tuple[str, str]] = (), note: str = "") -> str:
    """A whole page: links to other pages, and what it is about."""
    around = " ".join(f'<a href="{file}">{html.escape(name)}</a>' for name, file in links)
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}</title>
<link rel="stylesheet" href="{STYLE_FILE}">
</head>
<body>
<a class="skip" href="#content">To the content</a>
{f'<nav aria-label="Course">{around}</nav>' if links else ""}
<main id="content">
{f'<p class="note">{html.escape(note)}</p>' if note else ""}
{content}
</main>
</body>
</html>
"""


def index(readme: str) -> str:
    """The content of the index page: the README, for those who read the pages."""
    first, *sections = re.split(r"^(?=## )", readme, flags=re.M)
    kept = [s for s in sections if s[3:].split("\n")[0] not in _NOT_FOR_READERS]
    text = linked("".join([first, *kept])).replace(f"{_PICTURES}/", "pictures/")
    # A badge is a picture from another server, and leads nowhere while the address is not known.
    text = re.sub(r"^.*OWNER/REPOSITORY.*\n", "", text, flags=re.M)
    return prose(re.sub(r"\[!\[([^\]]*)\]\([^)]*\)\]", r"[\1]", text))


def prose(markdown: str) -> str:
    """Markdown as HTML."""
    from nbformat.v4 import new_markdown_cell, new_notebook

    return body(new_notebook(cells=[new_markdown_cell(markdown, id="prose")]))


def write(folder: Path, notebooks: Sequence[tuple[str, Any]], machine: str) -> None:
    """Write the pages of executed notebooks, each with its name, and the index.

    Parameters
    ----------
    folder : Path
        Where to; it is made if it is not there.
    notebooks : sequence of (str, nbformat.NotebookNode)
        In the order of the course. They are changed.
    machine : str
        What they ran on, in words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STYLE_FILE).write_text(style_sheet(), "utf-8")
    shutil.copy(ROOT / "LICENSE", folder)
    readme = (ROOT / "README.md").read_text("utf-8")
    heading = readme.splitlines()[0].lstrip("# ")
    (folder / f"{_INDEX}.html").write_text(page(heading, index(readme)), "utf-8")
    shutil.copytree(ROOT / _PICTURES, folder / "pictures", dirs_exist_ok=True)
    home = [("All notebooks", f"{_INDEX}.html")]
    for source, name in (("glossary", "glossary"), ("README", _TOPICS)):
        markdown = (ROOT / f"notebooks/{source}.md").read_text("utf-8")
        title = markdown.splitlines()[0].lstrip("# ")
        written = page(title, prose(linked(markdown)), home)
        (folder / f"{name}.html").write_text(written, "utf-8")
    titles = [title_of(notebook) for _, notebook in notebooks]
    note = NOTE.format(machine=machine, date=f"{datetime.now():%Y-%m-%d}")
    for number, (name, notebook) in enumerate(notebooks):
        links = [*home]
        for other, word in ((number - 1, "Before"), (number + 1, "Next")):
            if 0 <= other < len(notebooks):
                links.append((f"{word}: {titles[other]}", f"{notebooks[other][0]}.html"))
        content = body(for_reading(notebook))
        (folder / f"{name}.html").write_text(page(titles[number], content, links, note), "utf-8")


def main() -> None:
    from .machine import this_machine

    parser = argparse.ArgumentParser(description="Run the notebooks, and write them as pages.")
    parser.add_argument("folder", type=Path, help="where to write the pages")
    everything = sorted((ROOT / "notebooks").glob("*.ipynb"))
    parser.add_argument("notebooks", nargs="*", type=Path, default=everything)
    asked = parser.parse_args()
    done = []
    for number, path in enumerate(asked.notebooks, 1):
        print(f"{number} of {len(asked.notebooks)}: {path.name}", flush=True)
        done.append((path.stem, run(path)))
    write(asked.folder, done, this_machine().platform)
    print(f"Open {(asked.folder / 'index.html').resolve().as_uri()}")


if __name__ == "__main__":
    main()
