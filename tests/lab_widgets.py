"""All widgets of a notebook that is open in JupyterLab: found, and moved as a learner would.

    hands = Hands(notebook)
    notebook.run_all()
    hands.move_all(hands.widgets())
    assert hands.problems == [] and hands.left_alone() == []

A widget is found by what JupyterLab shows, and moved by keys and clicks alone. That none was
missed, the kernel tells: it knows of each that it made.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from typing import Any

SETTLE_SECONDS = 60

SLIDERS = {"IntSliderModel", "FloatSliderModel", "SelectionSliderModel"}
RANGES = {"IntRangeSliderModel", "FloatRangeSliderModel", "SelectionRangeSliderModel"}
LISTS = {"DropdownModel", "SelectModel"}
CHOICES = {"RadioButtonsModel": "input", "ToggleButtonsModel": "button"}
SWITCHES = {"CheckboxModel": "input", "ToggleButtonModel": None}
FIELDS = {"TextModel", "TextareaModel"}
BUTTON = "ButtonModel"
MOVABLE = {*SLIDERS, *RANGES, *LISTS, *CHOICES, *SWITCHES, *FIELDS, BUTTON}
# All others have to be among these, lest a new kind goes by unmoved.
FOR_THE_EYE = {"HTMLModel", "LabelModel", "OutputModel", "BoxModel", "HBoxModel", "VBoxModel"}
BY_THEIR_ENDS = ("LayoutModel", "StyleModel", "ProgressModel")

_SCRIPT = """() => {
  const kernel = lab.panel.sessionContext.session.kernel, pending = new Map();
  const frame = () => new Promise(requestAnimationFrame);
  let emptied = () => {};
  kernel.anyMessage.connect((_, {msg: {channel, header, content}, direction}) => {
    // What JupyterLab tells of an output that it has shown, starts nothing.
    if (direction === 'send' && channel === 'shell' && !content.data?.state?.outputs)
      pending.set(header.msg_id, header.subshell_id);
  });
  // Comes after all that JupyterLab does on that message, also what it sends in answer.
  kernel.iopubMessage.connect((_, {header, parent_header: {msg_id}, content}) => {
    if (header.msg_type !== 'status' || content.execution_state !== 'idle') return;
    if (!pending.has(msg_id)) return;
    // A subshell does one after the other; where a cell runs beside it, its status may be lost.
    const shell = pending.get(msg_id), sent = [...pending.keys()];
    for (const id of sent.slice(0, sent.indexOf(msg_id) + 1))
      if (pending.get(id) === shell) pending.delete(id);
    if (!pending.size) emptied();
  });
  // Until the kernel has done all it was asked, and JupyterLab has shown what came of it.
  lab.settle = async seconds => {
    await frame();
    if (pending.size) await Promise.race([
      new Promise(done => { emptied = done; }),
      new Promise((_, fail) => setTimeout(
        () => fail(new Error(`the kernel is not done after ${seconds} s`)), 1000 * seconds)),
    ]);
    await frame();
  };
  const find = id => lab.content.widgets.find(cell => cell.model.id === id);
  const views = cell => lab.inside(cell).map(each => each._view).filter(view => view?.model);
  const drawings = cell => views(cell).filter(view => view.model.name === 'OutputModel');
  lab.widgets = id => (id ? [find(id)] : lab.content.widgets).flatMap(cell => {
    const draws = drawings(cell).length > 0;
    return views(cell).map(({model, el}) => {
      el.dataset.modelId = model.model_id;
      const {_options_labels: labels, description, disabled, ...rest} = model.attributes;
      const {index, value, min, max, step} = rest;
      return {cell: cell.model.id, id: model.model_id, kind: model.name, labels, description,
              disabled: !!disabled, index, value, min, max, step, draws};
    });
  });
  // What the functions of @interact and @explore have left: to be compared.
  lab.drawn = id => JSON.stringify(drawings(find(id)).map(view => view.model.outputs.toJSON()));
  // A progress bar that has ended leaves an output without content.
  lab.isShown = id => drawings(find(id)).every(({el}) =>
    [...el.querySelectorAll('.jp-OutputArea-output')].some(
      node => node.innerText.trim() || node.querySelector('img, svg')));
  lab.faults = id => [...new Set([
    ...lab.stray.splice(0),
    ...lab.results({widget: find(id)}).flatMap(({output_type, name, ...said}) =>
      output_type === 'error' ? [`${said.ename}: ${said.evalue}`]
      : name === 'stderr' ? [`stderr: ${[said.text].flat().join('').trim()}`] : []),
  ])];
}"""

_HELD = (
    "__import__('json').dumps({key: [each['model_name'], each['state'].get('index'), "
    "each['state'].get('value')] for key, each in "
    "__import__('ipywidgets').Widget.get_manager_state()['state'].items() "
    "if not each['model_name'].endswith(%r) and each['model_name'] not in %r})"
)

_ASK = """async expression => {
  const {content} = await lab.panel.sessionContext.session.kernel.requestExecute({
    code: '', silent: true, store_history: false, user_expressions: {said: expression},
  }).done;
  return content.user_expressions.said;
}"""

Widget = dict[str, Any]


class Hands:
    """What a learner can do with the widgets of a notebook; made before the notebook is run.

    Attributes
    ----------
    moved : dict
        Of each widget that was moved, by its id: the cell and the name, and where to it went.
    problems : list of str
        What went wrong: errors, words on stderr, and pictures that stay as they were.
    """

    def __init__(self, notebook: Any) -> None:
        self.page = notebook.page
        self.moved: dict[str, list[str]] = {}
        self.problems: list[str] = []
        self.page.evaluate(_SCRIPT)

    def widgets(self, cell: str = "") -> list[Widget]:
        """Those that are shown and can be moved: of this cell, or of all."""
        shown = self.page.evaluate("id => lab.widgets(id)", cell)
        return [each for each in shown if not _for_the_eye(each)]

    def move_all(self, widgets: Sequence[Widget]) -> None:
        """Move each to its least, middle and greatest value, and back to where it was."""
        for widget in [each for each in widgets if each["kind"] in MOVABLE]:
            before, faults = self._drawn(widget), len(self.problems)
            anew = False
            for place in _places(widget):
                self.move(widget, place)
                anew |= self._drawn(widget) != before
            if widget["draws"] and not anew and len(self.problems) == faults:
                self.problems.append(f"{_name(widget)}: nothing was drawn anew")

    def move(self, widget: Widget, place: Any) -> None:
        """Move a widget to a place: a number, the index of an option, a text; press a button."""
        where = self.moved.setdefault(widget["id"], [_name(widget)])
        if widget["disabled"]:
            where.append("disabled")
            return
        where.append(said := _label(widget, place))
        self._go(widget, self.page.locator(f'[data-model-id="{widget["id"]}"]').first, place)
        self.page.evaluate("seconds => lab.settle(seconds)", SETTLE_SECONDS)
        faults = self.page.evaluate("id => lab.faults(id)", widget["cell"])
        if widget["draws"] and not self._is_shown(widget):
            faults.append("nothing is shown")
        now = self._now(widget)
        if place is not None and place not in (now["index"], now["value"]):
            faults.append(f"it stays at {now}")
        self.problems += [f"{_name(widget)} at {said}: {fault}" for fault in faults]

    def press(self, widget: Widget) -> None:
        """Press a button."""
        self.move(widget, None)

    def left_alone(self) -> list[str]:
        """The widgets that the kernel has made and nobody has moved, and those that have
        another value there than in the page."""
        reply = self.page.evaluate(_ASK, _HELD % (BY_THEIR_ENDS, FOR_THE_EYE))
        held = json.loads(ast.literal_eval(reply["data"]["text/plain"]))
        shown = {each["id"]: each for each in self.widgets()}
        return [
            f"{kind} {shown.get(key, 'is not shown')} was not moved"
            for key, (kind, _, _) in held.items()
            if key not in self.moved
        ] + [
            f"{_name(shown[key])}: {at} in the page, {[index, value]} in the kernel"
            for key, (_, index, value) in held.items()
            if key in shown and (at := [shown[key]["index"], shown[key]["value"]]) != [index, value]
        ]

    # -------------------------------------------------------------- one move

    def _drawn(self, widget: Widget) -> str:
        return str(self.page.evaluate("id => lab.drawn(id)", widget["cell"]))

    def _is_shown(self, widget: Widget) -> bool:
        from playwright.sync_api import TimeoutError

        try:
            self.page.wait_for_function("id => lab.isShown(id)", arg=widget["cell"])
        except TimeoutError:
            return False
        return True

    def _now(self, widget: Widget) -> Widget:
        [now] = [each for each in self.widgets(widget["cell"]) if each["id"] == widget["id"]][:1]
        return now

    def _go(self, widget: Widget, node: Any, place: Any) -> None:
        kind = widget["kind"]
        if kind in SLIDERS:
            _slide(widget, node.locator(".noUi-handle"), _value(self._now(widget)), place)
        elif kind in RANGES:
            now = _value(self._now(widget))
            ends = list(zip(node.locator(".noUi-handle").all(), now, place, strict=True))
            # The one that makes room for the other goes first.
            for handle, at, to in ends if place[0] <= now[0] else ends[::-1]:
                _slide(widget, handle, at, to)
        elif kind in LISTS:
            node.locator("select").select_option(index=place)
        elif kind in CHOICES:
            node.locator(CHOICES[kind]).nth(place).click()
        elif kind in SWITCHES:
            if place != self._now(widget)["value"]:
                inner = SWITCHES[kind]
                (node.locator(inner) if inner else node).click()
        elif kind in FIELDS:
            field = node.locator("input, textarea")
            field.fill(place)
            field.press("Tab")
        else:
            node.click()


def _slide(widget: Widget, handle: Any, at: Any, place: Any) -> None:
    if place in (ends := _ends(widget)):
        handle.press("Home" if place == ends[0] else "End")
        return
    for _ in range(abs(steps := round((place - at) / (widget["step"] or 1)))):
        handle.press("ArrowRight" if steps > 0 else "ArrowLeft")


def _for_the_eye(widget: Widget) -> bool:
    return widget["kind"] in FOR_THE_EYE or widget["kind"].endswith(BY_THEIR_ENDS)


def _name(widget: Widget) -> str:
    return f"{widget['cell']}, {widget['kind'].removesuffix('Model')} {widget['description']!r}"


def _value(widget: Widget) -> Any:
    return widget["value"] if widget["index"] is None else widget["index"]


def _ends(widget: Widget) -> tuple[Any, Any]:
    if widget["labels"] is not None:
        return 0, len(widget["labels"]) - 1
    return widget["min"], widget["max"]


def _places(widget: Widget) -> list[Any]:
    """Where a widget is to go: least, middle, greatest; where it is now, comes last."""
    kind, now = widget["kind"], _value(widget)
    places: list[Any]
    if kind == BUTTON:
        return [None]
    if kind in SWITCHES:
        places = [False, True]
    elif kind in FIELDS:
        places = ["", "42", "1,000,000"]
    else:
        least, greatest = _ends(widget)
        step = widget["step"] or 1
        places = [least, least + step * round((greatest - least) / 2 / step), greatest]
        if kind in RANGES:
            places = [[least, least], [least, greatest], [greatest, greatest]]
    wanted = [*places, *([] if now is None else [now])]
    # Each once, at its last mention.
    return [place for index, place in enumerate(wanted) if place not in wanted[index + 1 :]]


def _label(widget: Widget, place: Any) -> str:
    if place is None:
        return "a press"
    if widget["labels"] is None:
        return repr(place)
    if isinstance(place, list):
        return " to ".join(widget["labels"][each] for each in place)
    return str(widget["labels"][place])
