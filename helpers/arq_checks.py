"""Checks of a learner's sender: it meets loss, reordering and duplicates, and is told of them.

Learner's sender and reference live through the same story: at each step both are told the
same and must ask for the same pieces. A story is a list of fates, one for each datagram that
is put on the wire. hypothesis looks for the shortest one that ends in disagreement, and the
learner sees it as the calls that were made, so that it can be repeated by hand, and as a
ladder (`helpers.story_ladders`).
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, NamedTuple

from .arq import Buffering, InOrder, Receiver, Sender
from .findings import Failed, Finding, call, short, smallest_finding
from .story_ladders import Telling

FINE, LOST, ACK_LOST, TWICE, LATE, ACK_LATE = range(6)
FATES = (FINE, LOST, ACK_LOST, TWICE, LATE, ACK_LATE)
MOST_STEPS = 200
TRIP, BEHIND, TIMEOUT = 10, 25, 60  # of a clock that only counts


class Story(NamedTuple):
    """One case: how many pieces, which window, and what happens to each datagram in turn."""

    pieces: int
    window: int
    fates: list[int]


def examine_sender(
    make: Callable[[int, int], Any],
    reference: Callable[[int, int], Sender],
    called: str,
    story: Story,
    *,
    cumulative: bool,
) -> Finding | None:
    """What is wrong with a sender in this story; None if it agrees with the reference.

    Parameters
    ----------
    make, reference : callable
        Take count and window; give the learner's sender and the right one.
    called : str
        How the learner's is made, for the trace: "GoBackN(count=3, window=2)".
    """
    trace = [f"sender = {called}"]
    told = Telling()
    receiver: Receiver = InOrder() if cumulative else Buffering()
    try:
        theirs = call(make, story.pieces, story.window, shown=trace[0])
    except Failed as failed:
        raise failed.after(told.wrong("sender", called, "no error")) from failed
    ours = reference(story.pieces, story.window)
    acked: set[int] = set()
    early: set[int] = set()  # what has come to a receiver that keeps it
    highest = -1
    clock, number = 0, 0
    coming: list[tuple[int, int, str, int, int]] = []  # a heap: when, number, what, n, fate
    fates = iter(story.fates)

    def ask(event: str, *arguments: int) -> Finding | None:
        nonlocal number, highest
        bare = f"{event}({', '.join(map(str, arguments))})"
        shown = f"sender.{bare}"
        marked = f"timeout: {bare}" if event == "on_timeout" else bare
        wanted = getattr(ours, event)(*arguments)
        # Each step is short: the trace so far is what the learner has to see.
        try:
            got = call(getattr(theirs, event), *arguments, shown="\n".join([*trace, shown]))
        except Failed as failed:
            raise failed.after(told.wrong("sender", f"{marked} fails", f"{wanted}")) from failed
        trace.append(f"{shown} → {got!r}")
        if not isinstance(got, list) or got != wanted:
            return Finding(
                _what_is_wrong(event, arguments, wanted, got, acked, highest, called),
                "\n          ".join(trace),
                expected=wanted,
                got=got,
                story=told.wrong_pieces(f"{marked} → {short(got)}", wanted, got),
            )
        told.call("sender", f"{marked} → {got}")
        for n in got:
            highest = max(highest, n)
            fate = next(fates, FINE)
            if fate != FINE:
                trace.append(f"    # piece {n}: {_IN_WORDS[fate]}")
            delay = TRIP + (BEHIND if fate == LATE else 0)
            if fate == LOST:
                told.sends("sender", f"piece {n}", lost=True)
            for copy in range(0 if fate == LOST else 2 if fate == TWICE else 1):
                number += 1
                doubled = ", doubled by the network" if copy else ""
                travels[number] = told.sends("sender", f"piece {n}{doubled}")
                heappush(coming, (clock + delay, number, "piece", n, fate))
            # A timer of its own for each time a piece is sent; the last one counts.
            number += 1
            timers[n] = number
            heappush(coming, (clock + TIMEOUT, number, "timer", n, FINE))
        return None

    timers: dict[int, int] = {}
    travels: dict[int, int] = {}  # of what travels, by its number: its place in the story
    finding = ask("start")
    for _ in range(MOST_STEPS):
        if finding or not coming:
            break
        clock, serial, what, n, fate = heappop(coming)
        told.waits_until(clock)
        if serial in travels:
            told.arrives(travels[serial])
        if what == "piece":
            before = len(receiver.delivered)
            new = n >= before and n not in early
            ack = receiver.on_piece(n, b"%d" % n)
            now = len(receiver.delivered)
            early.update([] if cumulative else [n])
            told.call("receiver", _taken(before, now, kept=new and not cumulative))
            ack_text = f"ACK {ack}" if cumulative else f"ACK of {ack}"
            sent_ack = told.sends("receiver", ack_text, lost=fate == ACK_LOST)
            if fate != ACK_LOST:
                number += 1
                travels[number] = sent_ack
                delay = TRIP + (BEHIND if fate == ACK_LATE else 0)
                heappush(coming, (clock + delay, number, "ack", ack, FINE))
        elif what == "ack":
            acked.update(range(n) if cumulative else [n])
            finding = ask("on_ack", n)
        elif timers[n] == serial and n not in acked:
            finding = ask("on_timeout", n)
    return finding


def _taken(before: int, now: int, *, kept: bool) -> str:
    """What the receiver did with a piece, by what it had handed on before and has now."""
    if now > before:
        return f"hands on {', '.join(map(str, range(before, now)))}"
    return f"keeps it: {before} is missing" if kept else "drops it"


_IN_WORDS = {
    LOST: "lost",
    ACK_LOST: "arrives, but its ACK is lost",
    TWICE: "arrives twice",
    LATE: "arrives late, behind those sent after it",
    ACK_LATE: "arrives, and its ACK comes late",
}


def _what_is_wrong(
    event: str,
    arguments: tuple[int, ...],
    wanted: list[int],
    got: object,
    acked: set[int],
    highest: int,
    called: str,
) -> str:
    """A sentence that begins with the name of the behaviour that is missing."""
    name = called.partition("(")[0]
    if not isinstance(got, list) or not all(isinstance(n, int) for n in got):
        return (
            f"returns_a_list: each method of {name} returns the list of the pieces to send now, "
            "by number; an empty list if there are none."
        )
    if again := [n for n in got if n in acked]:
        return (
            f"does_not_resend_acked: piece {again[0]} has been acknowledged, and {name} sends it "
            "again."
        )
    if event == "on_timeout":
        if not got:
            return (
                f"retransmits_after_timeout: piece {arguments[0]} was sent, nobody acknowledged "
                f"it, its time is up, and {name} sends nothing."
            )
        return (
            f"retransmits_after_timeout: after the timer of piece {arguments[0]}, {name} must send "
            f"{_pieces(wanted)}, and sends {_pieces(got)}."
        )
    new = [n for n in got if n > highest]
    if new != sorted(set(new)) or (new and new[0] != highest + 1):
        return f"in_order: the next piece is {highest + 1}, and {name} sends {_pieces(got)}."
    if len(got) > len(wanted):
        return f"stops_at_window: {name} may send {_pieces(wanted)} now, and sends {_pieces(got)}."
    if event == "start":
        return f"starts: {name} begins with {_pieces(wanted)}, and sends {_pieces(got)}."
    return (
        f"slides_on_ack: this ACK makes room for {_pieces(wanted)}, and {name} sends "
        f"{_pieces(got)}."
    )


def _pieces(numbers: list[int]) -> str:
    if not numbers:
        return "nothing"
    return f"piece{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def check_sender(
    make: Callable[[int, int], Any],
    reference: Callable[[int, int], Sender],
    called: Callable[[int, int], str],
    *,
    cumulative: bool,
    windows: tuple[int, int] = (1, 4),
) -> Finding | None:
    """The finding on the smallest story in which the learner's sender goes wrong, or None."""
    from hypothesis import strategies as st

    def run(story: Story) -> Finding | None:
        shown = called(story.pieces, story.window)
        return examine_sender(make, reference, shown, story, cumulative=cumulative)

    # First without trouble, then with: who cannot even begin learns so by a short trace.
    for count, window in ((1, windows[0]), (3, windows[0]), (5, windows[1])):
        if finding := run(Story(count, window, [])):
            return finding
    stories = st.builds(
        Story,
        st.integers(1, 6),
        st.integers(*windows),
        st.lists(st.sampled_from(FATES), max_size=8),
    )
    return smallest_finding(stories, run, examples=400)


__all__ = ["Story", "check_sender", "examine_sender"]
