"""Guess first, then measure: a prediction is asked before a run and scored after it.

>>> guess = predict("99-header", "How many bytes carry one byte of payload?", number="bytes")
>>> guess.keep(20)
>>> guess.score(67)
You said 20 bytes; measured: 67 bytes. That is 3.4 times too low.

In Jupyter, `guess` as the last line of a cell shows a field and a button that keeps what
is entered. Without a guess, a score gives the measured value and goes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from .panels import Panel, bundle, panel, paragraph
from .pictures import BLUE, GREEN, GREY, ORANGE
from .progress_file import kept

NUMBER, CHOICE, ORDER = "number", "choice", "order"


def predict(
    key: str,
    question: str,
    *,
    number: str | None = None,
    choices: Sequence[str] | None = None,
    order: Sequence[str] | None = None,
) -> Prediction:
    """Ask for a guess. Give exactly one of `number`, `choices` and `order`.

    Parameters
    ----------
    key : str
        The name under which the guess is kept: two digits of the notebook and a name,
        "01-one-byte".
    question : str
        What is asked; for an order, with the direction: "fastest first".
    number : str
        The unit of a number: "bytes"; "" if it has none.
    choices : sequence of str
        The answers to choose from.
    order : sequence of str
        The things to put in order.

    Raises
    ------
    ValueError
        If not exactly one of the three is given, or fewer than two things to choose from.
    """
    kinds = {NUMBER: number, CHOICE: choices, ORDER: order}
    given = [kind for kind, value in kinds.items() if value is not None]
    if len(given) != 1:
        raise ValueError("predict needs exactly one of number=, choices= and order=.")
    options = list(choices or order or [])
    if given != [NUMBER] and (len(set(options)) < 2 or len(set(options)) < len(options)):
        raise ValueError(f"{given[0]} needs at least two different texts; got {options}.")
    return Prediction(key, question, given[0], unit=number or "", options=options)


class Prediction:
    """A question and the guess made; as the last line of a cell, it asks for the guess."""

    def __init__(
        self, key: str, question: str, kind: str, *, unit: str, options: list[str]
    ) -> None:
        self.key = key
        self.question = question
        self.kind = kind
        self.unit = unit
        self.options = options

    @property
    def guess(self) -> Any:
        """The guess last kept: a number, a text, or a list of texts; None if there is none."""
        guess = kept().read()["predictions"].get(self.key, {}).get("last", {}).get("guess")
        try:
            return self._checked(guess)
        except ValueError:  # none yet, or the question has changed since
            return None

    def keep(self, guess: Any) -> None:
        """Keep this guess. Raises ValueError if it does not answer the question."""
        checked = self._checked(guess)

        def change(entry: dict[str, Any]) -> None:
            entry.update(question=self.question, kind=self.kind, unit=self.unit)
            entry["last"] = {"guess": checked}
            # The first guess is the last one made before anything was measured.
            if "measured" not in entry.get("first", {}):
                entry["first"] = {"guess": checked}

        kept().change("predictions", self.key, change)

    def score(self, measured: Any, *, within: float = 1.5) -> Panel:
        """Compare the guess with what was measured, and keep the score.

        Parameters
        ----------
        measured : number, str or sequence of str
            What was measured: a number in the unit asked for, the right choice, or the
            things in their right order.
        within : float
            A number is a hit if guess and measured differ by at most this factor.

        Raises
        ------
        ValueError
            If `measured` is no possible answer to the question.
        """
        measured = self._checked(measured)
        guess = self.guess
        if guess is None:
            text = f"No guess was made; measured: {self._said(measured)}."
            return _scored(text, "No guess", GREY)
        score, text = self._compared(guess, measured, within)

        def change(entry: dict[str, Any]) -> None:
            if "measured" not in entry.get("first", {}):
                entry["first"] = score
            entry["last"] = score

        kept().change("predictions", self.key, change)
        heading, colour = ("A hit", GREEN) if score["hit"] else ("Not what you said", ORANGE)
        return _scored(text, heading, colour)

    @property
    def asked(self) -> str:
        """The question, with the unit of the number."""
        return f"{self.question} (in {self.unit})" if self.unit else self.question

    def __repr__(self) -> str:
        said = "" if self.guess is None else f" Your guess: {self._said(self.guess)}."
        if self.options:
            return f"{self.question} ({', '.join(self.options)}){said}"
        return f"{self.asked}{said}"

    def _repr_mimebundle_(self, **_options: object) -> dict[str, Any]:
        # On a page without a kernel there is nothing to fill in, but there is the question.
        page = panel("To predict, before you read on", paragraph(repr(self)), colour=BLUE)
        return bundle(repr(self), page, _asked(self))

    # -------------------------------------------------------------- the three kinds

    def _checked(self, answer: Any) -> Any:
        """The answer in the form that is kept; ValueError if it is none."""
        if self.kind == NUMBER:
            return _number(answer)
        if self.kind == CHOICE:
            if answer not in self.options:
                raise ValueError(f"Choose one of: {', '.join(self.options)}.")
            return answer
        answer = [] if answer is None else list(answer)
        missing = [option for option in self.options if option not in answer]
        if missing or len(answer) != len(self.options):
            raise ValueError(
                f"Use each of these once: {', '.join(self.options)}. "
                f"Missing: {', '.join(map(str, missing)) or 'none'}."
            )
        return answer

    def _said(self, answer: Any) -> str:
        if self.kind == NUMBER:
            one = answer == 1 and len(self.unit) > 3  # not "ms"
            unit = self.unit.removesuffix("s") if one else self.unit
            return f"{_digits(answer)} {unit}".strip()
        return answer if self.kind == CHOICE else ", ".join(answer)

    def _compared(self, guess: Any, measured: Any, within: float) -> tuple[dict[str, Any], str]:
        score: dict[str, Any] = {"guess": guess, "measured": measured, "hit": guess == measured}
        text = f"You said {self._said(guess)}; measured: {self._said(measured)}."
        if self.kind == ORDER:
            swapped = [
                f"you put {early} before {late}"
                for early, late in combinations(guess, 2)
                if measured.index(early) > measured.index(late)
            ]
            text += f" The other way round: {'; '.join(swapped)}." if swapped else ""
        if self.kind == NUMBER and guess > 0 and measured > 0:
            ratio = measured / guess
            factor = max(ratio, 1 / ratio)
            score |= {"ratio": ratio, "hit": factor <= within}
            if ratio == 1:
                text += " Exactly."
            elif score["hit"]:
                text += f" That is within a factor of {within:g}."
            else:
                text += f" That is {_times(factor)} times too {'low' if ratio > 1 else 'high'}."
        return score, text


def calibration() -> list[tuple[str, float, float]]:
    """The first guess of every number predicted and measured: (key, guess, measured)."""
    entries = kept().read()["predictions"].items()
    return [
        (key, entry["first"]["guess"], entry["first"]["measured"])
        for key, entry in entries
        if entry.get("kind") == NUMBER and "measured" in entry.get("first", {})
    ]


def _number(answer: Any) -> float:
    """A finite number, from a number or from what was typed: "1,500"."""
    try:
        typed = answer.replace(",", "").replace("_", "") if isinstance(answer, str) else answer
        value = float(typed)
    except (TypeError, ValueError):
        raise ValueError(f"Enter a number; got {answer!r}.") from None
    if not math.isfinite(value):
        raise ValueError(f"Enter a finite number; got {answer!r}.")
    return int(value) if value.is_integer() else value


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def _times(factor: float) -> str:
    return f"{factor:.1f}" if factor < 10 else f"{factor:,.0f}"


def _scored(text: str, heading: str, colour: str) -> Panel:
    notices = kept().take_notices()
    body = "".join(map(paragraph, [text, *notices]))
    return Panel("\n".join([text, *notices]), panel(heading, body, colour=colour))


# ------------------------------------------------------------------ the widgets

# JupyterLab takes letters and arrow keys for itself while a list or a group of radio buttons
# has the focus: ArrowDown goes to the next cell, D twice deletes this one. It leaves text
# fields alone, and what a plain button needs: Tab, Space and Enter. So all is made of these.

_STYLE = (
    "<style>.course-predict{height:auto}"
    ".course-predict .widget-label{white-space:normal;height:auto;text-align:left;"
    "line-height:1.4;max-width:45em}"
    ".course-predict .jupyter-button,.course-predict.jupyter-button{white-space:normal;"
    "height:auto;min-height:var(--jp-widgets-inline-height);text-align:left}"
    '.course-predict .mod-active::before{content:"\u2713 "}</style>'
)

# The widgets of a question from top to bottom, and what has been entered in them.
_Fields = tuple[list[Any], Callable[[], Any]]
_Changed = Callable[[str], None]

_KEEP = "Keep my guess"
_THEN = f"Press {_KEEP}."


def _asked(prediction: Prediction) -> list[Any]:
    """The widgets: the question with what it is answered by, a button, a line of answer."""
    from ipywidgets import HTML

    answer = HTML("" if prediction.guess is None else _kept_line(prediction))

    def changed(said: str) -> None:
        """Say what is entered now: to the eye, and to a screen reader."""
        answer.value = panel("Not kept yet", paragraph(said), colour=GREY)

    fields, entered = _FIELDS[prediction.kind](prediction, changed)

    def keep(_button: Any) -> None:
        try:
            prediction.keep(entered())
            answer.value = _kept_line(prediction)
        except ValueError as error:
            answer.value = panel("Not kept", paragraph(str(error)), colour=ORANGE)

    return [HTML(_STYLE), *fields, _button(_KEEP, keep), answer]


def _kept_line(prediction: Prediction) -> str:
    text = f"Your guess: {prediction._said(prediction.guess)}. Now run the next cell."
    return panel("Kept", "".join(map(paragraph, [text, *kept().take_notices()])), colour=BLUE)


def _button(text: str, pressed: Callable[[Any], None], **traits: Any) -> Any:
    from ipywidgets import Button, Layout

    layout = Layout(width="auto", max_width="100%", align_self="flex-start")
    button = Button(description=text, layout=layout, **traits)
    button.on_click(pressed)
    return button


def _labelled_with_the_question() -> dict[str, Any]:
    """The look of a field whose question stands above it."""
    from ipywidgets import Layout

    layout = Layout(width="auto", height="auto", flex_flow="column", align_items="flex-start")
    return {"layout": layout, "style": {"description_width": "auto"}}


def _number_field(prediction: Prediction, changed: _Changed) -> _Fields:
    from ipywidgets import Text

    guess = prediction.guess
    field = Text(
        value="" if guess is None else _digits(guess),
        description=prediction.asked,
        continuous_update=False,  # else the button may be faster than the last digits
        **_labelled_with_the_question(),
    )
    field.add_class("course-predict")
    field.observe(lambda change: changed(f"You entered {change['new']}. {_THEN}"), "value")
    return [field], lambda: field.value


def _choice_field(prediction: Prediction, changed: _Changed) -> _Fields:
    from ipywidgets import ToggleButtons

    look = _labelled_with_the_question()
    look["style"] |= {"button_width": "auto"}
    field = ToggleButtons(
        options=prediction.options,
        description=prediction.question,
        value=prediction.guess,
        # The group can have no name of its own; so each button tells the question.
        tooltips=[prediction.question] * len(prediction.options),
        **look,
    )
    field.add_class("course-predict")
    field.observe(lambda change: changed(f"You chose: {change['new']}. {_THEN}"), "value")
    return [field], lambda: field.value


def _order_field(prediction: Prediction, changed: _Changed) -> _Fields:
    """A button for each thing: the first one pressed comes first.

    A button that was pressed is not disabled, because that would take the focus from it.
    """
    from ipywidgets import HTML, HBox, Layout

    order: list[str] = list(prediction.guess or [])

    def show() -> None:
        for option, button in zip(prediction.options, buttons, strict=True):
            placed = option in order
            button.description = f"{order.index(option) + 1}. {option}" if placed else option

    def press(button: Any) -> None:
        option = prediction.options[buttons.index(button)]
        if option not in order:
            order.append(option)
            show()
        left = len(prediction.options) - len(order)
        changed(f"Your order so far: {', '.join(order)}. {f'{left} to go.' if left else _THEN}")

    def start_again(_button: Any) -> None:
        order.clear()
        show()
        changed("No order yet.")

    buttons = [_button(option, press, tooltip=prediction.question) for option in prediction.options]
    for button in buttons:
        button.add_class("course-predict")
    show()
    question = HTML(paragraph(f"{prediction.question} Press them in that order."))
    group = HBox(buttons, layout=Layout(flex_flow="row wrap"))
    return [question, group, _button("Start again", start_again)], lambda: order


_FIELDS: dict[str, Callable[[Prediction, _Changed], _Fields]] = {
    NUMBER: _number_field,
    CHOICE: _choice_field,
    ORDER: _order_field,
}
