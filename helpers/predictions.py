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
from collections.abc import Sequence
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
        The unit of a number: "bytes".
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

    def __repr__(self) -> str:
        options = f" ({', '.join(self.options)})" if self.options else f" (in {self.unit})"
        said = "" if self.guess is None else f" Your guess: {self._said(self.guess)}."
        return f"{self.question}{options}{said}"

    def _repr_mimebundle_(self, **_options: object) -> dict[str, Any]:
        return bundle(repr(self), paragraph(repr(self)), _asked(self))

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
            return f"{_digits(answer)} {self.unit}".strip()
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


# ------------------------------------------------------------------ the widget

_STYLE = (
    "<style>.course-predict .widget-label{white-space:normal;height:auto;text-align:left;"
    "line-height:1.4;max-width:45em}.course-predict{height:auto}"
    ".course-predict .widget-radio-box{height:auto}</style>"
)


def _asked(prediction: Prediction) -> list[Any]:
    """The widgets: the question with its field or fields, a button, a line of answer."""
    from ipywidgets import HTML, Button, Layout

    question, fields = _fields(prediction)
    button = Button(
        description="Keep my guess", layout=Layout(width="auto", align_self="flex-start")
    )
    answer = HTML("" if prediction.guess is None else _kept_line(prediction))

    def keep(_button: Any) -> None:
        entered = [field.value for field in fields]
        try:
            prediction.keep(entered if prediction.kind == ORDER else entered[0])
            answer.value = _kept_line(prediction)
        except ValueError as error:
            answer.value = panel("Not kept", paragraph(str(error)), colour=ORANGE)

    def changed(_change: Any) -> None:
        answer.value = paragraph("Not kept yet: press the button.")

    button.on_click(keep)
    for field in fields:
        field.observe(changed, "value")
    return [HTML(_STYLE + question), *fields, button, answer]


def _kept_line(prediction: Prediction) -> str:
    text = f"Your guess: {prediction._said(prediction.guess)}. Now run the next cell."
    return panel("Kept", "".join(map(paragraph, [text, *kept().take_notices()])), colour=BLUE)


def _fields(prediction: Prediction) -> tuple[str, list[Any]]:
    """The question as HTML, if no field is labelled with it, and the fields, filled with
    the guess there is."""
    from ipywidgets import Dropdown, Layout, RadioButtons, Text

    guess, question, options = prediction.guess, prediction.question, prediction.options
    look = {"style": {"description_width": "auto"}}
    if prediction.kind == ORDER:
        places = [
            Dropdown(
                options=[("choose", ""), *((option, option) for option in options)],
                value=guess[place] if guess else "",
                description=f"Place {place + 1} of {len(options)}",
                layout=Layout(width="auto", align_self="flex-start"),
                **look,
            )
            for place in range(len(options))
        ]
        return paragraph(question), places
    layout = Layout(width="auto", height="auto", flex_flow="column", align_items="flex-start")
    field: Any
    if prediction.kind == CHOICE:
        field = RadioButtons(
            options=options, description=question, value=guess, layout=layout, **look
        )
    else:
        field = Text(
            value="" if guess is None else _digits(guess),
            description=f"{question} (in {prediction.unit})",
            continuous_update=False,  # else the button may be faster than the last digits
            layout=layout,
            **look,
        )
    field.add_class("course-predict")
    return "", [field]
