"""What every picture of the course is made of: HTML that carries its own description.

JupyterLab shows a matplotlib PNG without any alternative text, and has no way to
add one. So each view and each figure of the course returns a `Picture`: HTML or
SVG with its description inside, drawn in the colour of the text around it, so
that it can be read on a light page and on a dark one.

To add a view, write a module with a function that returns a `Picture`. Plots are made with
`helpers.figures`: `new_figure`, then `picture_of`; other drawings of the pieces in
`helpers.drawing`. The alt text says what is to be seen, with its numbers; the caption ends
with where the packets come from (`helpers.packets.provenance`, each answer once) or with how it
was measured (`summary()` and `note` of a `Latency`). `helpers/layer_bars.py` is a short one to
start from. Its test, `tests/test_` and the module's name (or `tests/test_packet_pictures.py`, if
it draws packets), looks at `alt`, `caption` and `html`. What takes `bytes` or `Packets` must be
reached by a target of `tests/fuzz_helpers.py`: `tests/test_bad_input.py` names what is not.

>>> Picture("queue", "<svg></svg>", alt="The queue fills, then drains.")
The queue fills, then drains.
"""

from __future__ import annotations

import html as _html

# Okabe and Ito's palette, less the tones that vanish on white or on black.
# https://jfly.uni-koeln.de/color/ . Never the only sign: lines differ in style too.
BLUE = "#0072b2"
ORANGE = "#d55e00"
GREEN = "#009e73"
PINK = "#cc79a7"
GREY = "#808080"
COLOURS = (BLUE, ORANGE, GREEN, PINK, GREY)

MIN_ALT = 20


class Picture:
    """A piece of HTML with its description, shown by Jupyter as the value of a cell.

    Parameters
    ----------
    kind : str
        What it shows, in one or two words: "latency", "byte map". It becomes the
        attribute `data-picture`, by which a test finds the picture in a notebook.
    html : str
        The picture itself. It must not need JavaScript.
    alt : str
        What the picture shows, in words, for those who do not see it; at least
        20 characters. It is also the picture's text form in a terminal.
    caption : str
        Text below the picture: the figures in words, and where they come from.

    Raises
    ------
    ValueError
        If `alt` is missing or too short to describe anything.
    """

    def __init__(self, kind: str, html: str, *, alt: str, caption: str = "") -> None:
        self.kind = kind
        self.html = html
        self.alt = checked_alt(alt)
        self.caption = caption

    def _repr_html_(self) -> str:
        caption = f"<figcaption>{_html.escape(self.caption)}</figcaption>" if self.caption else ""
        return (
            f'<figure class="course-picture" data-picture="{_html.escape(self.kind)}" '
            f'aria-label="{_html.escape(self.alt)}" style="margin:0.5em 0">'
            f"{self.html}{caption}</figure>"
        )

    def __repr__(self) -> str:
        return f"{self.alt} {self.caption}".strip()


def checked_alt(alt: str) -> str:
    """The description, stripped; ValueError if it does not describe anything."""
    text = " ".join(alt.split()) if isinstance(alt, str) else ""
    if len(text) < MIN_ALT:
        raise ValueError(
            "A picture needs alt=…: one sentence that says what it shows, for those who "
            f"cannot see it (at least {MIN_ALT} characters; got {alt!r})."
        )
    return text
