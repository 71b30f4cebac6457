"""A bar that shows how far something is, and is gone when it is done.

>>> with progress_bar(3, "steps", delay=60) as bar:
...     bar.update(3)
"""

from __future__ import annotations

from typing import Any

PERCENT = "{desc}: {percentage:3.0f} %|{bar}| {elapsed}"  # where the steps mean nothing


def progress_bar(total: float, label: str, delay: float = 0, form: str | None = None) -> Any:
    """A bar for the notebook or the terminal: a `tqdm.tqdm`, gone when it is closed.

    Parameters
    ----------
    total : float
        How many steps there are; `bar.update(n)` says that n more are done.
    label : str
        What is under way, in a few words.
    delay : float
        Seconds before it is shown: what is done sooner needs no bar.
    form : str, optional
        Its text, as tqdm's `bar_format`.
    """
    from tqdm.auto import tqdm

    class Bar(tqdm):
        monitor_interval = 0  # otherwise tqdm leaves a thread behind, which wakes up at times

        def display(
            self, msg: str | None = None, pos: int | None = None, close: bool = False, **rest: Any
        ) -> Any:
            if close:
                # tqdm would close the widget, and where that had been shown JupyterLab may then
                # say "Error displaying widget". So it is only hidden.
                self.container.layout.display = "none"
                return None
            return super().display(msg, pos, **rest)

        def __exit__(self, kind: type[BaseException] | None, *rest: Any) -> None:
            if kind is None:
                self.update(self.total - self.n)  # one that does not reach its end stays, in red
            super().__exit__(kind, *rest)

    return Bar(total=total, desc=label, leave=False, delay=delay, bar_format=form)
