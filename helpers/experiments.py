"""Experiments that need what not every machine has: they run here, or their recording is played.

    @recorded("02-first-contact")
    def first_contact(delay=0.005):
        with Network(delay=delay) as net, net.b.serve_udp(echo) as server:
            ...
        return frames

    frames = first_contact()

Where there is a private network, that is an ordinary call. Where there is none, it gives what
the same code gave on another machine, and says so; so does every picture made of it.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

from . import lifetimes, recordings
from .capture import CHOICE
from .machine import NotHere
from .packets import RECORDING

SWEEP = "COURSE_RECORD_ALL"  # set while recording: try every value of every slider
HERE = "Measured a moment ago, on this machine."

P = ParamSpec("P")
R = TypeVar("R")


class Experiment(Generic[P, R]):
    """A function whose results can be played where it cannot run. Made by `recorded`.

    Attributes
    ----------
    note : str
        Where the last result came from, in words: for the caption of a picture made of it.
    """

    def __init__(self, name: str, function: Callable[P, R]) -> None:
        functools.update_wrapper(self, function)
        self.name = name
        self.note = "Not run yet."
        self._function = function
        self._said: object = None  # the run of a cell that was told of the recording
        self._signature = inspect.signature(function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        parameters = dict(bound.arguments)
        recordings.key_of(parameters)  # told here, not only where they would be needed
        if os.environ.get(CHOICE) == RECORDING:
            return self._play(parameters, f"{CHOICE} asks for recordings.")
        try:
            value = self._function(*args, **kwargs)
        except (NotHere, NotImplementedError) as error:
            return self._play(parameters, str(error))
        self.note = HERE
        folder = os.environ.get(recordings.ASKED)
        if folder:
            recordings.save(self.name, value, Path(folder), parameters)
        return value

    def _play(self, parameters: dict[str, Any], why: str) -> R:
        try:
            recording = recordings.load(self.name, parameters)
        except LookupError as error:
            raise NotHere(f"{why} {error}") from None
        self.note = recording.note
        run = lifetimes.this_cell()[1]
        if run != self._said or run is None:  # once, where a cell plays it again and again
            print(f"Played, not run. {why}\n{recording.note}")
        self._said = run
        return recording.value


def recorded(name: str) -> Callable[[Callable[P, R]], Experiment[P, R]]:
    """Let a function's results be recorded as `name`, and played where it cannot run.

    It cannot run where it raises `NotHere` (a private network that the machine does not
    allow) or NotImplementedError (what only Linux tells). Any other error is the learner's.

    The result is kept for each set of arguments on its own. It may consist of numbers, text,
    bytes, lists, tuples, dicts, packets, samples, measurements and OSErrors.

    Parameters
    ----------
    name : str
        One of its own in the whole course: "02-first-contact".

    Raises
    ------
    NotHere
        By the function: it cannot run here, and there is no recording with these arguments.
    """

    def wrap(function: Callable[P, R]) -> Experiment[P, R]:
        return Experiment(name, function)

    return wrap


def explore(**choices: Sequence[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Run a function anew for what is chosen on sliders, and show what it returns.

        @explore(delay=[0.005, 0.020, 0.080], loss=[0, 0.01])
        def show(delay, loss):
            return time_sequence(transfer(delay, loss))

    Parameters
    ----------
    **choices : sequence
        For each parameter of the function its values; the first is the one to begin with.
        With (label, value) pairs, the labels are shown. Where the function plays recordings,
        there is one for each value of each slider while the others are at their first.
    """

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        from IPython.display import display
        from ipywidgets import HTML, SelectionSlider, interactive_output

        first = {name: _value(values[0]) for name, values in choices.items()}
        if os.environ.get(SWEEP):
            for name, values in choices.items():
                for other in values[1:]:
                    function(**{**first, name: _value(other)})
        status = HTML()

        def run(**chosen: Any) -> None:
            status.value = "<i>Running …</i>"
            try:
                shown = function(**chosen)
                if shown is not None:
                    display(shown)
            except NotHere as error:
                print(error)
            finally:
                status.value = ""

        sliders = {
            name: SelectionSlider(
                options=_in_order(values),
                value=_value(values[0]),
                description=name.replace("_", " "),
                continuous_update=False,
                style={"description_width": "initial"},
            )
            for name, values in choices.items()
        }
        display(*sliders.values(), status, interactive_output(run, sliders))
        return function

    return wrap


def _value(choice: Any) -> Any:
    return choice[1] if isinstance(choice, tuple) else choice


def _in_order(values: Sequence[Any]) -> list[Any]:
    """A slider goes from the least to the most, wherever it begins."""
    return sorted(values, key=_value)
