"""A client that asks again when no answer comes, and knows its answer among others."""

from __future__ import annotations

import contextlib
import heapq
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from ..findings import Failed, Finding, call
from . import Exercise

TIMEOUT, TRIES = 0.1, 4
ATTEMPTS = 3
MARK = b"all questions have been sent"
PATIENT = 0.3  # seconds: in the flood, longer than a busy machine is likely to be silent
LATE = 3 * PATIENT  # by then a client must have asked again, on a busy machine too
ANSWER, OLD = "answer", "old"
Reply = tuple[float, str]  # seconds after the question, and which reply
NOW, TWICE = [(0.0, ANSWER)], [(0.0, ANSWER), (0.0, ANSWER)]
FLOOD = [(0.03 * step, OLD) for step in range(1, 37)]


@dataclass(frozen=True)
class Case:
    """What the other side does with the questions, one after the other, and what that tests."""

    what: str
    replies: list[list[Reply]]  # to the first sending of the first question, to the second, …
    sent: int  # how many sendings are wanted
    timeout: float = TIMEOUT


CASES = (
    Case("The answer comes at once.", [NOW], 1),
    Case("The first question is lost.", [[], NOW], 2),
    Case("The question, or its answer, is lost three times.", [[], [], [], NOW], 4),
    Case("The answer to an older question comes first.", [[(0, OLD), (0, ANSWER)]], 1),
    Case("Only the answer to an older question comes; yours is lost.", [[(0, OLD)], NOW], 2),
    Case("Something too short to hold a number comes first.", [[(0, "short"), (0, ANSWER)]], 1),
    Case("An empty datagram comes first.", [[(0, "empty"), (0, ANSWER)]], 1),
    Case("Old answers keep coming, one each 30 ms; yours is lost.", [FLOOD, NOW], 2, PATIENT),
    Case("Nobody answers.", [[]] * TRIES, TRIES),
)


@dataclass
class Peer:
    """The other side: notes each question with its time, and replies as the script says."""

    script: list[list[Reply]]
    got: list[tuple[float, bytes]] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    marked: threading.Event = field(default_factory=threading.Event)
    pushed: int = 0
    stopped: bool = (
        False  # the client was stopped, or raised what no delay explains: do not try again
    )

    def talk(self, sock: socket.socket, ended: threading.Event) -> None:
        due: list[tuple[float, int, bytes]] = []
        while not ended.is_set():
            wait = min(0.02, max(0.0, due[0][0] - time.monotonic())) if due else 0.02
            if select.select([sock], [], [], wait)[0]:
                self.take(sock.recv(65535), due)
            while due and due[0][0] <= time.monotonic():
                with contextlib.suppress(ConnectionError):  # the client may have closed its socket
                    sock.send(heapq.heappop(due)[2])
                self.sent.append(time.monotonic())

    def was_slow(self) -> bool:
        """Whether a busy machine kept this side silent for longer than a client waits."""
        times = [when for when in self.sent if when <= self.got[-1][0]] + [self.got[-1][0]]
        return any(late - early >= PATIENT for early, late in pairwise([self.got[0][0], *times]))

    def take(self, question: bytes, due: list[tuple[float, int, bytes]]) -> None:
        if question == MARK:
            self.marked.set()
            return
        now = time.monotonic()
        self.got.append((now, question))
        replies = self.script[len(self.got) - 1] if len(self.got) <= len(self.script) else NOW
        number = int.from_bytes(question[:4], "big")
        made = {
            ANSWER: question[:4] + b"answer to " + question[4:],
            OLD: ((number - 1) % 2**32).to_bytes(4, "big") + b"an old answer",
            "short": question[:3],
            "empty": b"",
        }
        for delay, kind in replies:
            self.pushed += 1  # of two at the same time, the first one first
            heapq.heappush(due, (now + delay, self.pushed, made[kind]))


def examine(ask: Callable[..., Any], case: Case, numbers: tuple[int, ...] = (7,)) -> Finding | None:
    """What is wrong, if it is wrong each time: a busy machine can make any client late once."""
    found: Finding | None = None
    for _ in range(ATTEMPTS):
        peer = Peer(case.replies)
        new = attempt(ask, case, numbers, peer)
        # A client that passed in a flood which broke off has not been tested.
        tested = case.replies[0] is not FLOOD or not peer.was_slow()
        if (new is None and tested) or peer.stopped:
            return new
        found = new or found
    return found


def attempt(
    ask: Callable[..., Any], case: Case, numbers: tuple[int, ...], peer: Peer
) -> Finding | None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs,
    ):
        for sock in (ours, theirs):
            sock.bind(("127.0.0.1", 0))
        ours.connect(theirs.getsockname())
        theirs.connect(ours.getsockname())
        ended = threading.Event()
        thread = threading.Thread(target=peer.talk, args=(theirs, ended), daemon=True)
        thread.start()
        try:
            for number in numbers:
                found = examine_one(ask, ours, number, peer, case)
                if found:
                    return found
        finally:
            ended.set()
            thread.join()
    return None


def examine_one(
    ask: Callable[..., Any], sock: socket.socket, number: int, peer: Peer, case: Case
) -> Finding | None:
    question = b"question %d" % number
    wanted: object = b"answer to " + question if any(case.replies) else TimeoutError
    shown = f"ask(sock, {number}, {question!r}, timeout={case.timeout}, tries={TRIES})"
    try:
        got: object = call(ask, sock, number, question, case.timeout, TRIES, shown=shown)
    except Failed as failed:
        if not isinstance(failed.__cause__, TimeoutError) or failed.stopped:
            peer.stopped = True
            return add(case.what, failed.finding, peer)
        got = TimeoutError
    with contextlib.suppress(OSError):  # the learner may have closed the socket
        sock.settimeout(None)
        sock.send(MARK)
        peer.marked.wait(1.0)  # so that the peer has counted all that was sent
    peer.marked.clear()
    return judge(case, number, question, peer.got, wanted, got, shown)


def add(what: str, finding: Finding, peer: Peer) -> Finding:
    """The finding, with the case and what was sent until then."""
    return Finding(
        f"{what} {finding.message} Datagrams that ask had sent until then: {len(peer.got)}.",
        finding.call,
    )


def judge(
    case: Case,
    number: int,
    question: bytes,
    sent: list[tuple[float, bytes]],
    wanted: object,
    got: object,
    shown: str,
) -> Finding | None:
    datagram = number.to_bytes(4, "big") + question
    odd = next((data for _, data in sent if data[:4] == datagram[:4] and data != datagram), None)
    if not sent or odd is not None or (len(case.replies) == 1 and sent[-1][1] != datagram):
        return Finding(
            f"{case.what} A question must go out as its number in four bytes, the byte that counts "
            "most first, and then its bytes; each time the same.",
            shown,
            expected=datagram,
            got=odd if odd is not None else sent[-1][1] if sent else b"",
        )
    if any(data[:4] != datagram[:4] for _, data in sent if len(case.replies) > 1):
        return Finding(
            f"{case.what} Asked again, a question keeps its number: else the server does its work "
            "twice.",
            shown,
            expected=datagram[:4],
            got=next(data[:4] for _, data in sent if data[:4] != datagram[:4]),
        )
    if len(case.replies) > 1 and case.replies[0] is FLOOD and sent[-1][0] - sent[0][0] > LATE:
        return Finding(
            f"{case.what} ask waited {sent[-1][0] - sent[0][0]:.1f} s before it asked again: each "
            "old answer made it wait anew. The time counts from the question.",
            shown,
            expected=f"after about {case.timeout} s",
            got=f"after {sent[-1][0] - sent[0][0]:.1f} s",
        )
    count = sum(data == datagram for _, data in sent)
    if got == wanted and (count == case.sent or case.replies[0] is FLOOD):
        return None
    if got != wanted:
        return Finding(
            case.what + wrong_answer(got, wanted), shown, expected=name(wanted), got=name(got)
        )
    return Finding(
        f"{case.what} ask sent its question {count} times; {case.sent} would have done.",
        shown,
        expected=case.sent,
        got=count,
    )


def name(value: object) -> object:
    return "TimeoutError" if value is TimeoutError else value


def wrong_answer(got: object, wanted: object) -> str:
    if wanted is TimeoutError:
        return f" After {TRIES} tries ask must raise TimeoutError."
    if got is TimeoutError:
        return " ask gave up, though it had tries left."
    if isinstance(got, bytes):
        if isinstance(wanted, bytes) and got[4:] == wanted:
            return " Return the answer without its number."
        if got[4:] == b"an old answer" or got == b"an old answer" or len(got) < 4:
            return " ask returned that, which does not begin with the number of the question."
        return " ask returned the answer to another question."
    return " The answer is bytes."


def check(ask: Callable[..., Any]) -> Finding | None:
    found = next((f for case in CASES if (f := examine(ask, case))), None)
    twice = Case("Each answer comes twice; then the next question is asked.", [TWICE], 1)
    return found or examine(ask, twice, (7, 8))


EXERCISE = Exercise(
    key="06-ask",
    name="ask",
    statement="""\
Write `ask(sock, number, question, timeout=0.1, tries=4)`. `sock` is a connected UDP socket. Send
one datagram: `number` in four bytes (the byte that counts most first) and then the bytes
`question`. The answer to it begins with the same four bytes; return what follows them.

- If that answer has not come within `timeout` seconds, send the same datagram again, `tries` times
  in all; then raise `TimeoutError`.
- Ignore everything else that arrives: answers to older questions, answers that came twice,
  datagrams that are too short. They must not make you wait longer, nor ask sooner.
""",
    starter='''\
def ask(sock, number, question, timeout=0.1, tries=4):
    """The answer to a numbered question; asks again when none comes."""
    ...  # your code
''',
    check=check,
    hints=(
        '`number.to_bytes(4, "big")`. An answer is yours if `reply[:4]` is the same four bytes; '
        "that works for short and empty replies, too.",
        "Two loops: the outer one sends, `tries` times; the inner one receives, until the answer "
        "comes or the time is up. `recv` raises TimeoutError once the time of `settimeout` is up.",
        "After each send, note when the time will be up: `time.monotonic() + timeout`. Before each "
        "`recv`, `settimeout` gets only what is left until then. `settimeout(0)` does not wait, "
        "and a negative time is refused: stop when nothing is left.",
    ),
    solution="""\
import time


def ask(sock, number, question, timeout=0.1, tries=4):
    mark = number.to_bytes(4, "big")
    for _ in range(tries):
        sock.send(mark + question)
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                reply = sock.recv(65535)
            except TimeoutError:
                break
            if reply[:4] == mark:
                return reply[4:]
    raise TimeoutError(f"no answer to question {number}")
""",
    wrong={
        "asks once": """\
def ask(sock, number, question, timeout=0.1, tries=4):
    sock.settimeout(timeout)
    sock.send(number.to_bytes(4, "big") + question)
    return sock.recv(65535)[4:]
""",
        "takes any answer": """\
def ask(sock, number, question, timeout=0.1, tries=4):
    sock.settimeout(timeout)
    for _ in range(tries):
        sock.send(number.to_bytes(4, "big") + question)
        try:
            return sock.recv(65535)[4:]
        except TimeoutError:
            pass
    raise TimeoutError
""",
        "asks again at each stray answer": """\
def ask(sock, number, question, timeout=0.1, tries=4):
    mark = number.to_bytes(4, "big")
    sock.settimeout(timeout)
    for _ in range(tries):
        sock.send(mark + question)
        try:
            reply = sock.recv(65535)
        except TimeoutError:
            continue
        if reply[:4] == mark:
            return reply[4:]
    raise TimeoutError
""",
        "each stray answer restarts the clock": """\
def ask(sock, number, question, timeout=0.1, tries=4):
    mark = number.to_bytes(4, "big")
    sock.settimeout(timeout)
    for _ in range(tries):
        sock.send(mark + question)
        try:
            while (reply := sock.recv(65535))[:4] != mark:
                pass
            return reply[4:]
        except TimeoutError:
            pass
    raise TimeoutError
""",
        "gives up in silence": """\
import time


def ask(sock, number, question, timeout=0.1, tries=4):
    mark = number.to_bytes(4, "big")
    for _ in range(tries):
        sock.send(mark + question)
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                reply = sock.recv(65535)
            except TimeoutError:
                break
            if reply[:4] == mark:
                return reply[4:]
""",
        "returns the number too": """\
def ask(sock, number, question, timeout=0.1, tries=4):
    sock.settimeout(timeout)
    sock.send(number.to_bytes(4, "big") + question)
    return sock.recv(65535)
""",
        "little-endian": """\
def ask(sock, number, question, timeout=0.1, tries=4):
    sock.settimeout(timeout)
    sock.send(number.to_bytes(4, "little") + question)
    return sock.recv(65535)[4:]
""",
        "a new number for each try": """\
def ask(sock, number, question, timeout=0.1, tries=4):
    sock.settimeout(timeout)
    for again in range(tries):
        mark = (number + again).to_bytes(4, "big")
        sock.send(mark + question)
        try:
            while (reply := sock.recv(65535))[:4] != mark:
                pass
            return reply[4:]
        except TimeoutError:
            pass
    raise TimeoutError
""",
        "chokes on a short datagram": """\
import struct


def ask(sock, number, question, timeout=0.1, tries=4):
    sock.settimeout(timeout)
    for _ in range(tries):
        sock.send(struct.pack("!I", number) + question)
        try:
            while struct.unpack("!I", (reply := sock.recv(65535))[:4]) != (number,):
                pass
            return reply[4:]
        except TimeoutError:
            pass
    raise TimeoutError
""",
    },
)
