"""Who waits for what: one row for each client of a server, over time.

    with serve_process(threads) as server:
        turns = take_turns(server.address, at=[0, 0.01, 0.02])
    timeline(turns)

Each client connects at once, asks for work when its time has come, and leaves with the
answer. The server's handler answers with what `helpers.busy` returns, which is when it ran.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .drawing import WIDTH, count, drawing, duration, nothing, scale, table, tag, text, time_axis
from .file_limit import room_for
from .load import Crowd
from .pictures import BLUE, GREY, ORANGE, Picture
from .work import runs_of

LEFT, RIGHT = 76.0, WIDTH - 12.0  # px
ROW, TOP = 20.0, 62.0  # px

RUNNING, TURN, CLIENT = "running", "waiting for its turn", "waiting for its client"
# (colour, opacity, height in px): told apart by height too.
_LOOKS = {RUNNING: (BLUE, 0.9, 15.0), TURN: (ORANGE, 0.45, 8.0), CLIENT: (GREY, 0.6, 2.0)}
_MEANING = {
    RUNNING: "running: the server computes its answer",
    TURN: "waiting for its turn: it has asked, and the server does not work for it",
    CLIENT: "waiting for its client: connected, not yet asked",
}


class Turn(NamedTuple):
    """One client's visit. Times are in ns of one clock.

    Attributes
    ----------
    connected_ns, asked_ns : int
        When it was connected, and when it sent its request.
    answered_ns : int or None
        When it had its answer; None if it had none.
    runs : list of (start, end)
        When the server worked for it, as the server told.
    """

    connected_ns: int
    asked_ns: int
    answered_ns: int | None
    runs: list[tuple[int, int]]

    def stretches(self, end_ns: int) -> list[tuple[str, int, int]]:
        """What it did, from its start to its answer or to the end: (what, from, to)."""
        found = [(CLIENT, self.connected_ns, self.asked_ns)]
        last = self.asked_ns
        for start, end in self.runs:
            found += [(TURN, last, start), (RUNNING, start, end)]
            last = end
        if self.answered_ns is None:
            found.append((TURN, last, end_ns))
        elif not self.runs:
            found.append((TURN, last, self.answered_ns))
        return [stretch for stretch in found if stretch[2] > stretch[1]]


def take_turns(address: Any, *, at: Sequence[float]) -> list[Turn]:
    """Send some clients to a server, from a process of their own; each asks once, b"work".

    Parameters
    ----------
    address : (host, port)
        Where the server listens. It answers with a line that `busy` returned.
    at : sequence of float
        For each client the time, in seconds from the start, at which it asks. All connect at
        the start, in this order.

    Returns
    -------
    list of Turn
        In the order of `at`.
    """
    room_for(len(at))
    with Crowd(address) as clients:
        told = clients.turns(at)
    return [
        Turn(
            one["connected"],
            one["sent"],
            one["got"] or None,
            runs_of(one["answer"].encode()) if one["answer"].startswith("[") else [],
        )
        for one in told
    ]


def timeline(turns: Sequence[Turn], *, names: Sequence[str] = (), title: str = "") -> Picture:
    """One row for each client: when the server worked for it, and what it waited for.

    Parameters
    ----------
    turns : sequence of Turn
        As from `take_turns`.
    names : sequence of str
        What to call the clients; "client 1", "client 2", … if not given.
    title : str
        What was run, in a few words.
    """
    if not turns:
        return nothing("timeline", "No clients were sent: there is nothing to draw.")
    names = list(names) or [f"client {number}" for number in range(1, len(turns) + 1)]
    start = min(turn.connected_ns for turn in turns)
    end = max(max(turn.asked_ns, turn.answered_ns or 0) for turn in turns)
    if any(turn.answered_ns is None for turn in turns):
        end += (end - start) // 8 + 1_000_000
    x = scale(0, (end - start) / 1e6, LEFT, RIGHT)
    pieces = _legend()
    for row, (name, turn) in enumerate(zip(names, turns, strict=True)):
        middle = TOP + ROW * (row + 0.5)
        pieces.append(text(LEFT - 8, middle + 4, name, text_anchor="end"))
        for what, begin, stop in turn.stretches(end):
            left, right = x((begin - start) / 1e6), x((stop - start) / 1e6)
            pieces.append(_box(what, left, right, middle))
        if turn.answered_ns is None:
            pieces.append(text(RIGHT, middle + 4, "no answer", text_anchor="end", font_size=11))
    bottom = TOP + ROW * len(turns) + 6
    pieces.append(time_axis(x, bottom, unit="ms"))
    rows = [_row(name, turn, start) for name, turn in zip(names, turns, strict=True)]
    told = f"{title}: {_in_words(turns, start, end)}" if title else _in_words(turns, start, end)
    words = table(
        ("client", "asked after", "waited for its turn", "ran", "answered after"),
        rows,
        summary="The same in words",
    )
    alt = f"Who waits for what, one row for each client. {told}"
    return drawing("timeline", bottom + 42, pieces, alt=alt, caption=told, below=words)


def _legend() -> list[str]:
    pieces = []
    for row, (what, meaning) in enumerate(_MEANING.items()):
        y = 12.0 + 17 * row
        pieces += [_box(what, LEFT, LEFT + 24, y), text(LEFT + 32, y + 4, meaning)]
    return pieces


def _box(what: str, left: float, right: float, middle: float) -> str:
    colour, opacity, height = _LOOKS[what]
    return tag(
        "rect", x=left, y=middle - height / 2, width=max(right - left, 0.6), height=height,
        fill=colour, fill_opacity=opacity, data_doing=what,
    )  # fmt: skip


def _spent(turn: Turn, what: str, end: int) -> int:
    return sum(stop - begin for doing, begin, stop in turn.stretches(end) if doing == what)


def _row(name: str, turn: Turn, start: int) -> tuple[str, ...]:
    end = turn.answered_ns or turn.asked_ns
    return (
        name,
        duration(turn.asked_ns - start),
        duration(_spent(turn, TURN, end)),
        duration(_spent(turn, RUNNING, end)),
        duration(turn.answered_ns - start) if turn.answered_ns else "never",
    )


def _in_words(turns: Sequence[Turn], start: int, end: int) -> str:
    answered = [turn for turn in turns if turn.answered_ns is not None]
    told = f"{count(len(turns), 'client')}"
    if len(answered) < len(turns):
        told += f", {len(turns) - len(answered)} of them not answered"
    if not answered:
        return f"{told}."
    ran = sum(_spent(turn, RUNNING, end) for turn in answered)
    longest = max(_spent(turn, TURN, end) for turn in answered)
    last = max(turn.answered_ns or 0 for turn in answered)
    return (
        f"{told}. Work for them: {duration(ran)} in all. The longest wait for a turn: "
        f"{duration(longest)}. The last answer came after {duration(last - start)}."
    )
