"""How good your guesses are: each first guess of a number beside what was measured.

A guess on the line was right. One above it was too high, one below it too low; the
distance is a factor, so half and double are equally far off.
"""

from __future__ import annotations

from collections.abc import Sequence

from .drawing import nothing
from .figures import new_figure, picture_of
from .pictures import BLUE, GREY, Picture
from .predictions import calibration

CLOSE = 2.0  # a guess within this factor counts as close


def calibration_figure(scored: Sequence[tuple[str, float, float]] | None = None) -> Picture:
    """Draw the guesses scored so far, over all notebooks.

    Parameters
    ----------
    scored : sequence of (key, guess, measured), optional
        Numbers above 0; without it, those kept in the progress file.
    """
    found = [row for row in (calibration() if scored is None else scored) if min(row[1:]) > 0]
    if not found:
        return nothing("calibration", "No guess of a number has been scored yet: nothing to draw.")
    guesses = [guess for _, guess, _ in found]
    measured = [value for _, _, value in found]
    ends = [min(guesses + measured) / 3, max(guesses + measured) * 3]
    figure, (axes,) = new_figure()
    axes.fill_between(
        ends, [e / CLOSE for e in ends], [e * CLOSE for e in ends], color=GREY, alpha=0.2
    )
    axes.plot(ends, ends, color=GREY, linestyle="--", label="as measured")
    axes.plot(measured, guesses, "o", color=BLUE, label="your first guess")
    for key, guess, value in found:
        axes.annotate(key, (value, guess), (6, 4), textcoords="offset points", fontsize=8)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axes.set(xlabel="Measured (in each question's unit)", ylabel="Guessed (same unit)")
    figure.legend(loc="outside upper left", ncols=2)
    close = sum(1 / CLOSE <= guess / value <= CLOSE for _, guess, value in found)
    high = sum(guess > value for _, guess, value in found)
    return picture_of(
        figure,
        kind="calibration",
        alt="Your first guesses against what was measured, on logarithmic axes.",
        caption=f"{close} of {len(found)} guesses were within a factor of {CLOSE:g}, the grey "
        f"band. {high} were too high, {sum(g < v for _, g, v in found)} too low.",
    )
