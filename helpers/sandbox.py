"""Run a learner's code so that whatever it does, the notebook goes on.

A loop without end, an exception, a print of megabytes, a socket left open: each is
stopped and told in a sentence, and the kernel lives. `run` takes a function without
parameters and returns an `Outcome`.

>>> run(lambda: 6 * 7).value
42

Why a forked child, and not the source text in a fresh Python: only a fork has what the
learner's function sees (closures, earlier cells, imports), so that code which works in a
cell works in its check. A fork of a process with threads is dangerous if the child waits
for a lock that another thread held; this child runs the function, writes one line into
a pipe and ends with `os._exit`, without touching the kernel's sockets, and is killed if
it does not come back. Where there is no fork (Windows), a thread does the work.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import gc
import io
import json
import os
import selectors
import signal
import socket
import stat
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

MAX_PRINTED = 5_000_000  # characters; printing more stops the code
MAX_SHOWN = 2_000  # characters of it that are kept
MORE_MEMORY = 1 << 30  # bytes the code may take, above what the kernel has already


class Stopped(BaseException):
    """The code was stopped. Not an `Exception`, so that `except Exception` does not eat it."""


class TookTooLong(Stopped):
    """The code was stopped because its time was up."""


class PrintedTooMuch(Stopped):
    """The code was stopped because it printed without end."""


@dataclass(frozen=True)
class Outcome:
    """What became of a function.

    Attributes
    ----------
    value : object
        What it returned, as JSON can carry it; None if it was stopped.
    stopped : str
        Empty, or one sentence: why it did not return.
    printed : str
        The first 2,000 characters it printed.
    left_open : list of str
        The descriptors it opened and did not close, described. Only where there is fork.
    """

    value: Any = None
    stopped: str = ""
    printed: str = ""
    left_open: list[str] = field(default_factory=list)


def run(function: Callable[[], Any], seconds: float = 10.0) -> Outcome:
    """Call `function()` apart from this program, for at most `seconds`.

    Parameters
    ----------
    function : callable
        Takes nothing, returns what JSON can carry.
    seconds : float
        Time it may take, in seconds.
    """
    if hasattr(os, "fork"):
        # Without a process to spare (a full container), the thread is better than no answer.
        with contextlib.suppress(BlockingIOError):
            return _in_child(function, seconds)
    return _in_thread(function, seconds)


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Within `run`: raise TookTooLong in the block once `seconds` have passed.

    It interrupts system calls too, such as a `recv` that waits. Outside `run`, and where
    there is no fork, it does nothing: there the limit of the whole run holds.
    """
    if not _in_forked_child:
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def why(error: BaseException) -> str:
    """One sentence: how this exception ended the code."""
    if isinstance(error, TookTooLong):
        return "It was stopped: it did not come back in time."
    if isinstance(error, PrintedTooMuch):
        return f"It was stopped: it printed more than {MAX_PRINTED:,} characters."
    return f"It raised {blame(error)}"


def blame(error: BaseException) -> str:
    """The error in one line: its type, its message and the learner's own line that caused it."""
    said = traceback.format_exception_only(error)[-1].strip()
    theirs = [f for f in traceback.extract_tb(error.__traceback__) if _is_theirs(f.filename)]
    if not theirs:
        return said
    line = theirs[-1].line
    return f"{said}, in line {theirs[-1].lineno} of your cell" + (f": {line}" if line else "")


# ------------------------------------------------------------------ a forked child

_in_forked_child = False


def _in_child(function: Callable[[], Any], seconds: float) -> Outcome:
    reading, writing = os.pipe()
    with open(reading, "rb", 0), open(writing, "wb", 0) as result:
        with warnings.catch_warnings():
            # Python 3.12 warns of fork with threads. Decided above, with the reason.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            _be_the_child(function, seconds, writing)
        try:
            result.close()  # so that the end of the child is the end of the stream
            line = _read_line(reading, seconds)
        finally:
            status = _end(pid)
    if line is None:
        return Outcome(stopped=f"It was stopped after {seconds:g} seconds: it did not come back.")
    if not line.endswith(b"\n"):
        return Outcome(stopped=_how_it_ended(status))
    return Outcome(**json.loads(line))


def _read_line(descriptor: int, seconds: float) -> bytes | None:
    """One line, or what came before the end of the stream; None if the time is up."""
    deadline = time.monotonic() + seconds
    received = bytearray()
    with selectors.DefaultSelector() as selector:  # select() fails above 1,023 descriptors
        selector.register(descriptor, selectors.EVENT_READ)
        while not received.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return None
            chunk = os.read(descriptor, 65536)
            if not chunk:
                break
            received += chunk
    return bytes(received)


def _end(pid: int) -> int:
    """Kill the child and what it started; return its status. It is harmless if it has ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # in case it had no time to lead a group of its own
    return os.waitpid(pid, 0)[1]


def _how_it_ended(status: int) -> str:
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        return "It was stopped: it computed for too long."
    return "It ended the whole Python process, so nothing could be checked."


def _be_the_child(function: Callable[[], Any], seconds: float, writing: int) -> NoReturn:
    """All of the child's life. It must never return into the notebook's own code."""
    global _in_forked_child
    try:
        os.setpgid(0, 0)  # so that processes the code starts can be ended with it
        gc.freeze()  # do not collect, and so close, what belongs to the kernel
        signal.set_wakeup_fd(-1)  # it is the kernel's event loop that would be woken
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, _time_is_up)
        _in_forked_child = True
        _limit_resources(seconds)
        printed = _Printed()
        sys.stdout = sys.stderr = printed
        builtins.input = _no_input
        _silence_descriptors()
        before = _open_descriptors()
        outcome = _call(function, printed)
        left_open = [_described(fd) for fd in sorted(_open_descriptors() - before)]
        outcome = Outcome(outcome.value, outcome.stopped, outcome.printed, left_open)
        _write_all(writing, json.dumps(asdict(outcome)).encode() + b"\n")
    finally:
        os._exit(0)


def _time_is_up(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise TookTooLong


def _limit_resources(seconds: float) -> None:
    """Bounds that hold even if the notebook's kernel dies before the child does."""
    import resource

    limits = {resource.RLIMIT_CPU: int(seconds) + 1}
    with contextlib.suppress(OSError):  # only Linux tells what is in use, and obeys RLIMIT_AS
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + MORE_MEMORY
    for limit, wanted in limits.items():
        _soft, hard = resource.getrlimit(limit)
        if hard == resource.RLIM_INFINITY or wanted < hard:
            resource.setrlimit(limit, (wanted, hard))


def _silence_descriptors() -> None:
    """Send what bypasses `print` (os.write, other programs) nowhere; give no keyboard."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _no_input(prompt: object = "") -> str:
    raise EOFError("there is nobody to answer input() during a check")


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _open_descriptors() -> set[int]:
    try:
        found = {int(name) for name in os.listdir("/dev/fd")}
    except OSError:  # a container that shows none: nothing can be said
        return set()
    return {fd for fd in found if _is_open(fd)}  # not the one that read the folder


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _described(descriptor: int) -> str:
    """The descriptor in words: "a socket (fd 7, TCP to 127.0.0.1:80)"."""
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return f"a file (fd {descriptor})"
    with socket.socket(fileno=os.dup(descriptor)) as opened:
        internet = opened.family in (socket.AF_INET, socket.AF_INET6)
        names = {socket.SOCK_STREAM: "TCP", socket.SOCK_DGRAM: "UDP"} if internet else {}
        kind = names.get(opened.type, opened.family.name)
        with contextlib.suppress(OSError):
            host, port = opened.getpeername()[:2] if internet else ("", "")
            return f"a socket (fd {descriptor}, {kind}{f' to {host}:{port}' if internet else ''})"
        return f"a socket (fd {descriptor}, {kind}, not connected)"


# ------------------------------------------------------------------ a thread


def _in_thread(function: Callable[[], Any], seconds: float) -> Outcome:
    """Where there is no fork. A loop is broken by an exception set from outside; a system
    call that waits cannot be broken, and its thread is left behind."""
    printed = _Printed()
    outcomes: list[Outcome] = []
    thread = threading.Thread(
        target=lambda: outcomes.append(_call(function, printed)), daemon=True, name="check"
    )
    with contextlib.redirect_stdout(printed):
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident or 0), ctypes.py_object(TookTooLong)
            )
            thread.join(2.0)
    if outcomes:
        return outcomes[0]
    return Outcome(
        stopped=f"It did not come back within {seconds:g} seconds and could not be stopped: "
        "restart the kernel.",
        printed=printed.shown,
    )


# ------------------------------------------------------------------ both


class _Printed(io.TextIOBase):
    """Takes what is printed: keeps the beginning, stops the code if there is no end."""

    def __init__(self) -> None:
        self.shown = ""
        self.count = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.count += len(text)
        self.shown += text[: MAX_SHOWN - len(self.shown)] if len(self.shown) < MAX_SHOWN else ""
        if self.count > MAX_PRINTED:
            raise PrintedTooMuch
        return len(text)


def _call(function: Callable[[], Any], printed: _Printed) -> Outcome:
    try:
        value = json.loads(json.dumps(function()))
    except BaseException as error:
        return Outcome(stopped=why(error), printed=printed.shown)
    return Outcome(value, printed=printed.shown)


_NOT_THEIRS = (
    str(Path(__file__).parent) + os.sep,
    str(Path(os.__file__).parent) + os.sep,
    *(path for path in sys.path if path.endswith("-packages")),
    "<frozen",
)


def _is_theirs(filename: str) -> bool:
    return not filename.startswith(_NOT_THEIRS)
