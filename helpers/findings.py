"""What a check finds, and the search for the smallest input that shows it.

A check of an exercise calls the learner's function with `call`, and returns None or a
`Finding`: what is wrong, where, what was wanted and what came. Where inputs can be
generated, hypothesis looks for the smallest one that fails:

>>> from hypothesis import strategies as st
>>> smallest_failure(st.integers(0, 1000), lambda n: Finding("too big") if n > 41 else None)
42

Code that cuts a stream into messages is fed the stream in `chunkings`:

>>> def decoded_one_by_one(chunks):
...     for chunk in chunks:
...         chunk.decode()
>>> smallest_failure(chunkings("né".encode()), decoded_one_by_one)
[b'n\\xc3', b'\\xa9']
"""

from __future__ import annotations

import os
import reprlib
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from .sandbox import Stopped, time_limit, why

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

T = TypeVar("T")
CALL_SECONDS = 2.0
EXAMPLES = 200


class _Short(reprlib.Repr):
    """repr, with the middle of long values left out."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxdict = 12
        self.maxstring = self.maxother = 80

    def repr_bytes(self, value: bytes, _level: int) -> str:
        whole = len(value) <= 40
        return repr(value) if whole else f"{value[:24]!r}… ({len(value):,} bytes)"


class Step(NamedTuple):
    """One thing in a story between a sender and a receiver (`helpers.story_ladders`).

    Attributes
    ----------
    what : str
        "piece" or "ack": what travels. "call": what an end was told and answered; "wrong": such
        an answer that is not the one "expected".
    side : str
        "sender" or "receiver": where it happens, or begins.
    text : str
        In a few words.
    begins : float
        When, in rows of the drawing.
    ends : float, optional
        When what travels arrives; None: not in this story.
    fate : str
        "", or of what travels: "lost", "on its way" when the story ends, "missing" (the one that
        should have been sent) or "unwanted" (the one that should not).
    """

    what: str
    side: str
    text: str
    begins: float
    ends: float | None = None
    fate: str = ""


@dataclass(frozen=True)
class Finding:
    """What is wrong with an answer, on the smallest input that shows it.

    Attributes
    ----------
    message : str
        What is wrong, in words, naming the byte, the field or the case.
    call : str
        The call that shows it, as Python: "percentile([1], 50)".
    expected, got : object, optional
        What was wanted and what came. Both bytes: they are shown as hex, one above the
        other, with the bytes that differ marked. Anything else: as Python writes it.
    packet : bytes, optional
        The frame concerned, shown as a byte map.
    story : list of Step, optional
        What happened between a sender and a receiver, shown as a ladder.
    share : float
        How much of the exercise is right all the same, from 0 to 1. A check that ends at the
        first failing case cannot tell, and says 0.
    """

    message: str
    call: str = ""
    expected: Any = None
    got: Any = None
    packet: bytes | None = None
    story: list[Step] | None = None
    share: float = 0.0

    @property
    def both_bytes(self) -> bool:
        return all(isinstance(side, bytes | bytearray) for side in (self.expected, self.got))

    def to_json(self) -> dict[str, Any]:
        """The finding in what JSON can carry: bytes as hex, other values as texts."""
        written: Callable[[Any], str] = bytes.hex if self.both_bytes else short
        compared = self.expected is not None or self.got is not None
        return asdict(self) | {
            "expected": written(self.expected) if compared else None,
            "got": written(self.got) if compared else None,
            "packet": self.packet and self.packet.hex(),
            "both_bytes": self.both_bytes,
        }

    @classmethod
    def from_json(cls, bare: dict[str, Any]) -> Finding:
        """The finding again, its values other than bytes as texts that are not quoted."""
        read = bytes.fromhex if bare["both_bytes"] else _Text
        return cls(
            bare["message"],
            bare["call"],
            expected=None if bare["expected"] is None else read(bare["expected"]),
            got=None if bare["got"] is None else read(bare["got"]),
            packet=bare["packet"] and bytes.fromhex(bare["packet"]),
            story=bare["story"] and [Step(*step) for step in bare["story"]],
            share=bare["share"],
        )


class _Text(str):
    """A value as Python wrote it, so that it is not quoted a second time."""

    def __repr__(self) -> str:
        return str(self)


class Failed(Exception):
    """A call of the learner's function did not return. `finding` says how."""

    def __init__(self, finding: Finding, *, stopped: bool) -> None:
        super().__init__(finding.message)
        self.finding = finding
        self.stopped = stopped  # its time was up, or it printed without end

    def after(self, story: list[Step]) -> Failed:
        """The same, with what had happened before the call."""
        return Failed(replace(self.finding, story=story), stopped=self.stopped)


def call(
    function: Callable[..., Any],
    *arguments: Any,
    shown: str = "",
    packet: bytes | None = None,
    seconds: float = CALL_SECONDS,
) -> Any:
    """Call the learner's function; return what it returns.

    Parameters
    ----------
    shown : str
        The call as the learner is to read it; by default, made of name and arguments.
    packet : bytes, optional
        The frame the call is about.
    seconds : float
        How long it may take.

    Raises
    ------
    Failed
        If it raises anything or does not come back in time. A check need not catch it:
        the finding in it reaches the learner.
    """
    shown = shown or called(function, *arguments)
    try:
        with time_limit(seconds):
            return function(*arguments)
    except BaseException as error:
        finding = Finding(why(error), call=shown, packet=packet)
        raise Failed(finding, stopped=isinstance(error, Stopped)) from error


def called(function: Callable[..., Any], *arguments: Any) -> str:
    """The call as Python: "wrap(b'a', 1, 2)"."""
    name = getattr(function, "__name__", "your function")
    return f"{name}({', '.join(short(argument) for argument in arguments)})"


def short(value: object) -> str:
    """The value as Python writes it, its middle left out if it is long."""
    return _Short().repr(value)


# ------------------------------------------------------------------ the smallest case


def smallest_failure(
    strategy: SearchStrategy[T], test: Callable[[T], object], examples: int = EXAMPLES
) -> T | None:
    """The smallest example for which `test` returns a Finding (or True) or raises; or None.

    The search is the same each time, writes no file and prints nothing.
    """
    found = _smallest(strategy, test, examples)
    return None if found is None else found[0]


def smallest_finding(
    strategy: SearchStrategy[T], test: Callable[[T], Finding | None], examples: int = EXAMPLES
) -> Finding | None:
    """What `test` finds on the smallest example that fails; None if none fails."""
    found = _smallest(strategy, test, examples)
    return None if found is None else found[1]


def _smallest(
    strategy: SearchStrategy[T], test: Callable[[T], object], examples: int
) -> tuple[T, Any] | None:
    import hypothesis
    from hypothesis.configuration import set_hypothesis_home_dir
    from hypothesis.errors import Flaky, NoSuchExample

    # It keeps tables in files: one folder a user, and nothing beside the notebooks.
    user = getattr(os, "getuid", int)()
    set_hypothesis_home_dir(Path(tempfile.gettempdir()) / f"course-hypothesis-{user}")
    last: list[tuple[T, Any]] = []
    endless: list[T] = []

    def fails(example: T) -> bool:
        if endless:  # it cost its whole time limit: do not search on for a smaller one
            return bool(example == endless[0])
        try:
            found = test(example)
        except Failed as failed:
            found = failed.finding
            endless.extend([example] * failed.stopped)
        except Exception as error:
            found = Finding(why(error), call=short(example))
        if found:
            last[:] = [(example, found)]
        return bool(found)

    settings = hypothesis.settings(
        database=None,
        deadline=None,
        derandomize=True,
        max_examples=examples,
        verbosity=hypothesis.Verbosity.quiet,
    )
    try:
        hypothesis.find(strategy, fails, settings=settings)
    except NoSuchExample:
        return None
    except Flaky:  # other answers to the same question: what was seen last stands
        pass
    return last[0]


# ------------------------------------------------------------------ streams in pieces


def chunkings(data: bytes) -> SearchStrategy[list[bytes]]:
    """Ways in which the bytes of one stream may arrive: cut anywhere, or byte by byte.

    The fewer the cuts, and the earlier, the smaller the example.
    """
    from hypothesis import strategies as st

    if len(data) < 2:
        return st.just([data] if data else [])
    # The last number stands for every place, so that it gives way to any smaller cut.
    everywhere = len(data)
    cuts = st.lists(st.integers(1, everywhere), max_size=everywhere)  # unique=True shrinks badly

    def pieces(places: list[int]) -> list[bytes]:
        return cut(data, range(1, everywhere) if everywhere in places else sorted(set(places)))

    return cuts.map(pieces)


def broken_off(data: bytes) -> SearchStrategy[list[bytes]]:
    """Ways in which a stream may arrive that ends too early: the rest never comes."""
    from hypothesis import strategies as st

    return st.integers(0, len(data) - 1).flatmap(lambda end: chunkings(data[:end]))


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The bytes in pieces, cut before each of `places` (which must ascend).

    >>> cut(b"hello", [1, 3])
    [b'h', b'el', b'lo']
    """
    edges = [0, *places, len(data)]
    return [data[start:end] for start, end in pairwise(edges)]
