"""What in a page keeps readers out: by axe-core, and by measuring the text of drawings.

    python tests/barriers.py FOLDER

looks at all pages in the folder (of `python -m helpers.pages FOLDER`), light and dark, and prints
what it finds. The exit status is 1 if that is anything.

axe-core cannot tell how text inside SVG stands out from what is behind it. So that is measured
here: WCAG 2.2, success criterion 1.4.3, by the formulas of its definition of contrast ratio.

Needs playwright and axe-playwright-python (the dev extra) and Chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab import CHROMIUM_OPTIONS, chromium

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCHEMES = ("light", "dark")

_AXE = """async ([where, rules]) => {
  const found = await axe.run(where || document, {
    runOnly: rules, resultTypes: ['violations'], elementRef: false});
  return found.violations.flatMap(({id, nodes}) => nodes.map(node => ({id, html: node.html,
    why: [...node.any, ...node.all, ...node.none].map(check => check.message)[0]})));
}"""

_DRAWN_TEXT = r"""async where => {
  const dot = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const read = colour => {  // [red, green, blue, opacity]
    dot.clearRect(0, 0, 1, 1);
    dot.fillStyle = colour;
    dot.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = dot.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const around = node => node instanceof Element ? [node, ...around(node.parentElement)] : [];
  const painted = (node, ground) => {  // the colour of its fill on this ground
    const style = getComputedStyle(node), [r, g, b, a] = read(style.fill);
    const opacity = around(node).reduce((all, n) => all * getComputedStyle(n).opacity,
      a * style.fillOpacity);
    return [r, g, b].map((part, i) => part * opacity + ground[i] * (1 - opacity));
  };
  const paper = node => around(node).map(n => read(getComputedStyle(n).backgroundColor))
    .find(([, , , a]) => a === 1) || [255, 255, 255, 1];
  const luminance = colour => colour.slice(0, 3).map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const inside = (shape, x, y) => {  // whether it paints this point of the window
    const {x: at, y: level} = new DOMPoint(x, y).matrixTransform(shape.getScreenCTM().inverse());
    const clip = /url\("?#([^)"]+)/.exec(shape.closest('[clip-path]')?.getAttribute('clip-path'));
    const edge = clip && document.getElementById(clip[1])?.querySelector('rect');
    const [left, top, width, height] = ['x', 'y', 'width', 'height']
      .map(name => Number(edge?.getAttribute(name)));
    return shape.isPointInFill(new DOMPoint(at, level)) && !(edge && (at < left
      || at > left + width || level < top || level > top + height));
  };
  const found = [];
  let measured = 0;
  for (const svg of document.querySelectorAll(`${where || ''} svg[role=img]`)) {
    const nodes = [...svg.querySelectorAll('text, path, rect, circle, polygon, ellipse')]
      .filter(node => !node.closest('defs, clipPath')).map((node, place) =>
        ({node, place, box: node.getBoundingClientRect()}));
    const shapes = nodes.filter(({node}) => node.localName !== 'text');
    for (const {node: text, place, box} of nodes) {
      if (text.localName !== 'text' || !text.textContent.trim() || !box.width) continue;
      const x = box.left + box.width / 2, y = box.top + box.height / 2;
      const behind = shapes.filter(other => other.place < place
        && other.box.left <= x && x <= other.box.right
        && other.box.top <= y && y <= other.box.bottom
        && getComputedStyle(other.node).fill !== 'none' && inside(other.node, x, y));
      const ground = behind.reduce((below, {node}) => painted(node, below), paper(svg));
      const ratio = contrast(painted(text, ground), ground);
      measured += 1;
      if (ratio < 4.5) found.push({id: 'drawn text', html: text.outerHTML.slice(0, 300),
        why: `a contrast of ${ratio.toFixed(1)} in ${text.closest('figure')?.dataset.picture}`});
    }
  }
  return {found, measured};
}"""


def barriers(page: Any, where: str = "") -> list[str]:
    """What axe-core and the measurement of drawn text find wrong, each in a line.

    Parameters
    ----------
    page : playwright.sync_api.Page
        The page as it is shown now.
    where : str
        A CSS selector of the parts to look at; all of the page by default.
    """
    from axe_playwright_python.base import AXE_FILE_PATH

    page.evaluate(Path(AXE_FILE_PATH).read_text("utf-8"))
    found = page.evaluate(_AXE, [where, RULES])
    found += page.evaluate(_DRAWN_TEXT, where)["found"]
    return [f"{each['id']}: {each['why']}: {each['html']}" for each in found]


def drawn_texts(page: Any) -> int:
    """How many texts inside drawings are measured."""
    return int(page.evaluate(_DRAWN_TEXT, "")["measured"])


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_OPTIONS)
        try:
            yield opened
        finally:
            opened.close()


def main() -> int:
    parser = argparse.ArgumentParser(description="Say what in the pages keeps readers out.")
    parser.add_argument("folder", type=Path)
    files = sorted(parser.parse_args().folder.glob("*.html"))
    bad = False
    with browser() as opened:
        for scheme in SCHEMES:
            with opened.new_context(color_scheme=scheme) as context:
                page = context.new_page()
                for file in files:
                    page.goto(file.resolve().as_uri())
                    found = barriers(page)
                    bad |= bool(found)
                    print(f"{file.name}, {scheme}: {len(found)} barriers", *found, sep="\n  ")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
