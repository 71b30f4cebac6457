"""How the course's pages look: one style sheet, for a light and for a dark screen.

Code is coloured by pygments, in two of its styles whose every colour has a contrast of 4.5:1.
"""

from __future__ import annotations

LIGHT_CODE, DARK_CODE = "xcode", "monokai"

_LAYOUT = """\
:root { color-scheme: light dark; --paper: #fff; --ink: #1a1a1a; --quiet: #595959;
  --code: #f5f5f5; --line: #767676; --link: #0b5394; }
@media (prefers-color-scheme: dark) { :root { --paper: #111; --ink: #e6e6e6; --quiet: #b0b0b0;
  --code: #1e1e1e; --line: #8c8c8c; --link: #8ab8ff; } }
body { margin: 0 auto; padding: 0 1em 4em; max-width: 64rem; background: var(--paper);
  color: var(--ink); font: 16px/1.6 system-ui, sans-serif; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -99em; }
.skip:focus { left: 1em; top: 0; padding: 0.5em; background: var(--paper); }
nav { display: flex; flex-wrap: wrap; gap: 0.3em 2em; padding: 0.8em 0;
  border-bottom: 1px solid var(--line); }
h1, h2, h3 { line-height: 1.25; margin: 1.6em 0 0.6em; }
p, ul, ol, blockquote { max-width: 45rem; }
blockquote { margin: 1em 0; padding: 0 1em; border-left: 4px solid var(--line); }
table { border-collapse: collapse; margin: 0.6em 0; }
th, td { padding: 0.3em 0.7em; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
pre, code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 0.9em; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.4; }
p > code, li > code, td > code { background: var(--code); padding: 0.1em 0.3em; }
.input pre, .text_cell .highlight pre { background: var(--code); padding: 0.7em 1em;
  margin: 1em 0 0; }
.output pre { margin: 0.6em 0; padding: 0 1em; }
.output_area { margin: 0.4em 0; }
.output_stderr { border-left: 4px solid #d55e00; }
figcaption, .note, .slider { color: var(--quiet); font-size: 0.9em; max-width: 50rem; }
.highlight { background: none; }
"""


def _code(style: str) -> str:
    from pygments.formatters import HtmlFormatter

    rules = HtmlFormatter(style=style).get_style_defs(".highlight").splitlines()
    return "\n".join(rule for rule in rules if ".highlight ." in rule)


def style_sheet() -> str:
    """The whole style sheet, as text of CSS."""
    dark = f"@media (prefers-color-scheme: dark) {{\n{_code(DARK_CODE)}\n}}"
    return "\n".join([_LAYOUT, _code(LIGHT_CODE), dark, ""])
