"""A Python process of the course's own, which takes orders as lines of JSON.

It is started anew, by the path of its script: not a fork of the notebook's kernel, whose
threads may hold locks, and without the course's modules, so that it is small.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from .file_limit import need_descriptors
from .plain_errors import explained
from .undisturbed import undisturbed

STOP_SECONDS = 3.0
DESCRIPTORS = 6  # Popen loses some of its three pipes where there are not enough for all


class Ended(OSError):
    """The process has ended by itself. The message holds its last words."""


class ChildProcess:
    """A running script of `helpers`, its process and all that it starts.

    Parameters
    ----------
    script : str
        The name of a module of `helpers`.
    """

    def __init__(self, script: str) -> None:
        with explained("a process of the course's own"):
            self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
            try:
                need_descriptors(self._said.fileno(), DESCRIPTORS)
                with undisturbed():
                    self.process = subprocess.Popen(
                        [
                            *(sys.executable, "-I", "-W", "ignore::DeprecationWarning"),
                            str(Path(__file__).with_name(f"{script}.py")),
                        ],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=self._said,
                        start_new_session=True,  # an interrupt of the notebook does not reach it
                    )
            except BaseException:
                if hasattr(self, "process"):  # started, and then interrupted
                    self.stop()
                self._said.close()
                raise

    def tell(self, **order: Any) -> None:
        """Send one line. `Ended` if nobody reads it any more."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            raise self._ended() from None

    def hear(self) -> dict[str, Any]:
        """The next line. `Ended` if there is none."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._ended()
        return dict(json.loads(line))

    def said(self) -> str:
        """What it has written to its standard error so far."""
        if self._said.closed:
            return ""
        self._said.seek(0)
        return self._said.read().decode(errors="replace").strip()

    def running(self) -> bool:
        """Whether it has not ended by itself.

        One that has is not reaped here: as long as its id is taken, `stop` can still end what it
        has started.
        """
        if not hasattr(os, "waitid") or self.process.returncode is not None:
            return self.process.poll() is None
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.process.pid, look) is None

    def end(self, seconds: float) -> None:
        """Close its standard input, and give it so long to end by itself."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.process.wait(seconds)

    @undisturbed()
    def stop(self) -> str:
        """End it, and what it has started; return what it said. May be called again."""
        process = self.process
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if hasattr(os, "killpg"):
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
            process.wait(STOP_SECONDS)
        for stream in (process.stdin, process.stdout):
            if stream:
                with contextlib.suppress(OSError):  # what could not be sent before
                    stream.close()
        said = self.said()
        self._said.close()
        return said

    def _ended(self) -> Ended:
        words = self.said().splitlines()
        return Ended(words[-1] if words else "The process has ended without a word.")
