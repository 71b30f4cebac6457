"""One notebook open in a real JupyterLab: run it, judge it, look at it.

`lab.Lab.open` gives a `Notebook`. Cells are addressed by their nbformat id.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

START_SECONDS = 60
RUN_SECONDS = 180
SLICE = 1500  # pixels: as much of a notebook as can be read in one picture

# What is asked of JupyterLab's own objects in the page.
_SCRIPT = """() => {
  const panel = jupyterapp.shell.currentWidget, content = panel.content;
  const inside = widget => [widget, ...[...widget.children()].flatMap(inside)];
  const lab = window.lab = {
    panel, content, inside, stray: [],
    cells: () => content.widgets.map(widget => ({
      widget, node: widget.node, ...widget.model.sharedModel.toJSON(),
    })),
    // Those of the cell, and those inside its widgets, as under a slider.
    results: cell => inside(cell.widget).filter(widget => widget.hasClass('jp-OutputArea'))
      .flatMap(area => area.model.toJSON()),
    shown: cell => [...cell.node.querySelectorAll('.jp-OutputArea-output')],
    status: () => panel.sessionContext.session?.kernel?.status,
    execute: (command, seconds) => Promise.race([
      jupyterapp.commands.execute(command),
      new Promise((_, fail) => setTimeout(
        () => fail(new Error(`${command} is not done after ${seconds} s`)), 1000 * seconds)),
    ]),
    say: (cell, kind, texts) => [...new Set(texts)].map(text => `${cell.id}: ${kind}${text}`),
  };
  for (const {id, node} of lab.cells()) node.dataset.cellId = id;
  // What a kernel says while no cell runs, as when a button is pressed, reaches no cell.
  panel.sessionContext.iopubMessage.connect((_, {header, parent_header, content}) => {
    if (parent_header.msg_type === 'execute_request') return;
    if (header.msg_type === 'error') lab.stray.push(`${content.ename}: ${content.evalue}`);
    // JupyterLab asks every new kernel for its widgets, also one without ipywidgets.
    if (content.name === 'stderr' && !content.text.startsWith('No such comm'))
      lab.stray.push(`stderr: ${content.text.trim()}`);
  });
}"""

_ERRORS = """() => [
  ...lab.cells().filter(cell => !cell.metadata.tags?.includes('raises-exception'))
    .flatMap(cell => lab.say(cell, '', lab.results(cell)
      .filter(result => result.output_type === 'error')
      .map(result => `${result.ename}: ${result.evalue}`))),
  ...lab.stray.map(text => `outside of all cells: ${text}`),
]"""

_STDERR = """() => lab.cells().flatMap(cell => lab.say(cell, 'stderr: ', lab.results(cell)
  .filter(result => result.name === 'stderr')
  .map(result => [result.text].flat().join('').trim())))"""

_BROKEN = """() => lab.cells().flatMap(cell => lab.say(cell, '', [
  ...(cell.cell_type === 'code' && cell.source.trim() && !cell.execution_count
    ? ['was not run'] : []),
  ...['Error displaying widget', 'Loading widget', 'Javascript Error']
    .filter(words => lab.shown(cell).some(output => output.innerText.includes(words))),
]))"""

# A description may be on the picture or around it, but inside the output: further out,
# JupyterLab has labels of its own.
_UNDESCRIBED = """() => lab.cells().flatMap(cell => lab.say(cell, 'no description: ',
  lab.shown(cell).flatMap(output =>
    [...output.querySelectorAll('img, svg:not([data-icon]), canvas, figure')].filter(picture => {
      const said = picture.closest('[aria-label], [aria-labelledby], [aria-hidden=true]');
      return !(picture.alt || picture.querySelector(':scope > title')?.textContent
        || (said && output.contains(said)));
    }).map(picture => `<${picture.localName}>`))))"""

_OVERFLOWING = """() => lab.cells().flatMap(cell => lab.say(cell, 'too wide: ',
  lab.shown(cell).flatMap(output => [output, ...output.querySelectorAll('.jupyter-widgets')])
    .filter(node => node.scrollWidth > node.clientWidth + 1)
    .map(node => `${node.className} ${node.scrollWidth} px in ${node.clientWidth}`)))"""


class Notebook:
    """A notebook open in JupyterLab, as `Lab.open` gives it.

    Attributes
    ----------
    page : playwright.sync_api.Page
        The browser's window, for all that has no method here.
    complaints : list of str
        What scripts in the page could not do: what the browser's console calls an error.
    """

    def __init__(self, page: Any, complaints: list[str]) -> None:
        self.page = page
        self.complaints = complaints
        self._wait(
            "() => window.jupyterapp?.shell?.currentWidget?.context?.isReady"
            " && jupyterapp.shell.currentWidget.sessionContext?.session?.kernel"
            "?.connectionStatus === 'connected'",
            START_SECONDS,
        )
        page.evaluate(_SCRIPT)
        page.evaluate("() => { jupyterapp.shell.collapseLeft(); jupyterapp.shell.collapseRight() }")
        self._wait_until_idle()

    def cell(self, cell_id: str) -> Any:
        """The whole cell in the page, as a playwright Locator."""
        return self.page.locator(f'[data-cell-id="{cell_id}"]')

    def output(self, cell_id: str) -> Any:
        """What is shown below the cell's code, as a playwright Locator."""
        return self.cell(cell_id).locator(".jp-Cell-outputWrapper")

    def output_text(self, cell_id: str) -> str:
        """The text that is shown below the cell's code."""
        return str(self.output(cell_id).inner_text())

    # -------------------------------------------------------------- running

    def run_all(self, seconds: float = RUN_SECONDS) -> None:
        """Run all cells, until the last has ended or one has raised an error."""
        self._execute("notebook:run-all-cells", seconds)

    def run_cell(self, cell_id: str, seconds: float = RUN_SECONDS) -> None:
        """Run one cell, until it has ended."""
        self.page.evaluate(
            """id => {
              const index = lab.cells().findIndex(cell => cell.id === id);
              if (index < 0) throw new Error(`no cell ${id}`);
              lab.content.deselectAll();
              lab.content.activeCellIndex = index;
            }""",
            cell_id,
        )
        self._execute("notebook:run-cell", seconds)

    def set_cell(self, cell_id: str, source: str) -> None:
        """Write `source` into a cell, instead of what is in it."""
        self.page.evaluate(
            "([id, source]) => lab.cells().find(cell => cell.id === id)"
            ".widget.model.sharedModel.setSource(source)",
            [cell_id, source],
        )

    def restart_kernel(self) -> None:
        """Restart the kernel: all variables are gone, the outputs stay."""
        self.page.evaluate("() => lab.panel.sessionContext.session.kernel.restart()")
        self._wait_until_idle()

    def shut_down(self) -> None:
        """End the kernel."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget?.sessionContext.shutdown()")

    def move_slider(self, cell_id: str, steps: int) -> str:
        """Move the cell's slider by so many arrow keys, wait until what it shows has changed,
        and return the value that stands beside it."""
        output = self.output(cell_id)
        shown = output.locator(".widget-output")
        before = shown.inner_html()
        output.locator(".noUi-handle").focus()
        for _ in range(abs(steps)):
            self.page.keyboard.press("ArrowRight" if steps > 0 else "ArrowLeft")
        self.page.wait_for_function(
            "([node, before]) => node.innerText.trim() && node.innerHTML !== before",
            arg=[shown.element_handle(), before],
        )
        return str(output.locator(".widget-readout").inner_text())

    def _execute(self, command: str, seconds: float) -> None:
        self.page.evaluate("args => lab.execute(...args)", [command, seconds])
        self._wait_until_idle()

    def _wait_until_idle(self) -> None:
        self._wait("() => lab.status() === 'idle'", RUN_SECONDS)

    def _wait(self, condition: str, seconds: float) -> None:
        self.page.wait_for_function(condition, timeout=1000 * seconds)

    # -------------------------------------------------------------- judging

    def errors(self) -> list[str]:
        """All errors, with the cells' ids: those of cells, those shown inside widgets, and
        those of a button or a slider, which JupyterLab shows nowhere."""
        return list(self.page.evaluate(_ERRORS))

    def problems(self) -> list[str]:
        """All that is wrong after a run: errors, words on stderr, cells that did not run,
        widgets that are not shown, pictures without a description, outputs too wide,
        errors in the browser's console."""
        from playwright.sync_api import expect

        with contextlib.suppress(AssertionError):  # is reported below
            expect(self.page.get_by_text("Loading widget")).to_have_count(0)
        looks = (_STDERR, _BROKEN, _UNDESCRIBED, _OVERFLOWING)
        found = [each for look in looks for each in self.page.evaluate(look)]
        return self.errors() + found + [f"console: {text}" for text in self.complaints]

    # -------------------------------------------------------------- looking

    def screenshot(self, path: Path) -> None:
        """A picture of what the window shows now."""
        self.page.screenshot(path=path)

    def screenshots(self, folder: Path, name: str) -> list[Path]:
        """Pictures of the notebook from top to bottom, each of 1,500 pixels at most."""
        size = self.page.viewport_size
        around = self.page.evaluate(
            "() => innerHeight - lab.content.node.getBoundingClientRect().height"
        )
        self.page.set_viewport_size({"width": size["width"], "height": int(SLICE + around)})
        folder.mkdir(parents=True, exist_ok=True)
        paths: list[Path] = []
        for top in range(0, self._scroll_to(0), SLICE):
            self._scroll_to(top)
            paths.append(folder / f"{name}-{len(paths):02}.png")
            self.page.screenshot(path=paths[-1])
        self.page.set_viewport_size(size)
        return paths

    def _scroll_to(self, top: int) -> int:
        """Scroll the notebook so far down, and tell how far down its last cell ends."""
        return int(
            self.page.evaluate(
                """top => new Promise(done => {
                  const scroller = lab.content.outerNode, last = lab.cells().pop().node;
                  scroller.scrollTop = top;
                  requestAnimationFrame(() => requestAnimationFrame(() => done(
                    scroller.scrollTop + last.getBoundingClientRect().bottom
                    - scroller.getBoundingClientRect().top)));
                })""",
                top,
            )
        )
