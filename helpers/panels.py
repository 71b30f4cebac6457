"""The small panels in which verdicts, scores and hints are shown, on every front end.

A panel is HTML with a bar at its side, its sense in words and `role="status"`, so that
a screen reader says it. Where there are buttons, JupyterLab shows the widget; an
exported page shows the HTML, and a terminal the text.

>>> print(panel("Passed", "<p>Well done.</p>", colour="#009e73")[:43])
<div class="course-panel" role="status" sty
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

WIDGET = "application/vnd.jupyter.widget-view+json"


def panel(heading: str, body: str, *, colour: str) -> str:
    """HTML: the heading in bold, then `body` (HTML), beside a bar in `colour`."""
    return (
        '<div class="course-panel" role="status" style="border-left:4px solid '
        f'{colour};padding:0.1em 0.8em;margin:0.4em 0;line-height:1.5;max-width:50em">'
        f'<p style="margin:0.3em 0"><strong>{html.escape(heading)}</strong></p>{body}</div>'
    )


def paragraph(text: str) -> str:
    """HTML of one paragraph, `code` between backticks set as code, its spaces kept."""
    code = r'<code style="white-space:pre-wrap">\1</code>'  # spaces may be what it is about
    marked = re.sub(r"`([^`]+)`", code, html.escape(text, quote=False))
    return f'<p style="margin:0.3em 0">{marked}</p>'


def preformatted(text: str) -> str:
    """HTML of text whose columns and lines matter; lines wrap only where the page is too narrow."""
    # JupyterLab would break the lines of a <pre> within words.
    return (
        '<pre style="margin:0.3em 0;background:none;color:inherit;line-height:1.35;'
        'white-space:pre-wrap;overflow-wrap:anywhere;word-break:normal">'
        f"{html.escape(text, quote=False)}</pre>"
    )


def bundle(text: str, page: str, widgets: Sequence[Any] = ()) -> dict[str, Any]:
    """What `_repr_mimebundle_` returns: text, HTML, and, if there are any, the widgets."""
    kinds: dict[str, Any] = {"text/plain": text, "text/html": page}
    if widgets:
        from ipywidgets import VBox

        kinds[WIDGET] = VBox(list(widgets))._repr_mimebundle_()[WIDGET]
    return kinds


class Panel:
    """A panel as the value of a cell: HTML in Jupyter, text in a terminal."""

    def __init__(self, text: str, page: str) -> None:
        self.text = text
        self.page = page

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.page
