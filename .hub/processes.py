"""The processes of the learners' accounts: which there are, and how much memory they use."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path

EVERY = 2.0  # seconds between two looks at the memory


def gone() -> AbstractContextManager[None]:
    """Allows that a process ends between two looks."""
    return suppress(ProcessLookupError, FileNotFoundError)


def processes() -> dict[int, list[int]]:
    """The processes of each user id."""
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with gone():
                found.setdefault(entry.stat().st_uid, []).append(int(entry.name))
    return found


def kill_all_of(uid: int) -> None:
    for pid in processes().get(uid, []):
        with gone():
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while processes().get(uid) and time.monotonic() < deadline:
        time.sleep(0.1)


class Memory:
    """How much each account uses at most, looked at every few seconds.

    It is the proportional set size (proc(5), smaps_rollup): a page that several processes
    share counts in parts, so that the sum over all is what the machine really needs.
    """

    def __init__(self, uids: dict[int, str]) -> None:
        self._uids = uids
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak = dict.fromkeys(uids.values(), 0)
        self.peak_of_all = 0

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def now(self) -> dict[str, int]:
        """What each account uses at this moment, in bytes."""
        found = processes()
        return {name: sum(map(pss, found.get(uid, []))) for uid, name in self._uids.items()}

    def _watch(self) -> None:
        while not self._done.wait(EVERY):
            now = self.now()
            self.peak = {name: max(now[name], was) for name, was in self.peak.items()}
            self.peak_of_all = max(self.peak_of_all, sum(now.values()))


def pss(pid: int) -> int:
    """The proportional set size of a process, in bytes; 0 if it has ended."""
    with gone():
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return 1024 * int(re.findall(r"^Pss: +(\d+) kB", text, re.M)[0])
    return 0


def family_of(pid: int) -> list[int]:
    """A process and its descendants, as long as they belong to the same account."""
    uid = Path(f"/proc/{pid}").stat().st_uid
    found = [pid]
    for each in found:
        with gone():
            children = Path(f"/proc/{each}/task/{each}/children").read_text().split()
            found += [
                int(child) for child in children if Path(f"/proc/{child}").stat().st_uid == uid
            ]
    return found
