"""The notebook's end of the process that holds private hosts: start it, ask it, end it.

The process itself is `helpers.namespaces`. It talks over a Unix socket in JSON, one
message for each question and each answer; a new socket comes along with its answer.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from .child_process import DESCRIPTORS
from .file_limit import need_descriptors
from .undisturbed import undisturbed

START_SECONDS = 20.0
STOP_SECONDS = 2.0
MAX_MESSAGE = 1 << 17
# Isolated (-I), so that nothing of the learner's environment gets in; but with this very copy of
# the course, whether it is installed or not.
_PROGRAM = """
import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
runpy.run_module("helpers.namespaces", run_name="__main__", alter_sys=True)
"""
_COURSE = str(Path(__file__).parents[1])


class NamespaceProcess:
    """A running process of private hosts.

    Parameters
    ----------
    plan : dict
        What is to be built; its form is that of `helpers.namespaces`.
    memory : int
        File descriptor of the memory for the records.

    Raises
    ------
    OSError
        If it could not be built. The message says why.
    """

    def __init__(self, plan: dict[str, Any], memory: int) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._control, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # It becomes readable when this process ends, even if others still hold the socket, and
        # not, as PR_SET_PDEATHSIG would have it, when the thread ends that came by here.
        myself = os.pidfd_open(os.getpid())
        given = (far.fileno(), memory, myself)
        try:
            # A new process, not a fork: a user namespace needs one that has a single thread.
            # A new session: an interrupt of the notebook must not reach it.
            need_descriptors(memory, DESCRIPTORS)
            with undisturbed():
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-c", _PROGRAM, _COURSE, *map(str, given)],
                    pass_fds=given,
                    stdin=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
        except BaseException:
            if hasattr(self, "_process"):  # started, and then interrupted
                self.stop()
            self._control.close()
            raise
        finally:
            far.close()
            os.close(myself)
        try:
            self._control.settimeout(START_SECONDS)
            answer = b""
            with contextlib.suppress(ConnectionError):  # it has ended: its last words say why
                self._control.send(json.dumps(plan).encode())
                answer = self._control.recv(MAX_MESSAGE)
            self._control.settimeout(None)
            error = json.loads(answer)["error"] if answer else self._last_words()
            if error:
                raise OSError(error)
        except BaseException:
            self.stop()
            raise

    def make_socket(self, host: str, family: int, kind: int, proto: int) -> socket.socket:
        """A new socket of a host."""
        wanted = {"host": host, "family": family, "kind": kind, "proto": proto}
        return socket.socket(fileno=self._ask({"socket": wanted})[0])

    def change(self, parameters: dict[int, dict[str, Any]]) -> None:
        """Use other parameters in some directions, which are counted from 0."""
        self._ask({"change": parameters})

    @undisturbed()
    def stop(self) -> None:
        """End the process, and with it the hosts. May be called again."""
        with contextlib.suppress(OSError):  # closed already, or gone at the other end
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()

    def _ask(self, question: dict[str, Any]) -> list[int]:
        with self._lock:
            self._number += 1
            try:
                self._control.send(json.dumps({"number": self._number, **question}).encode())
                answer, descriptors = self._answer()
            except OSError as error:
                raise OSError(errno.ENETDOWN, "this private network has ended") from error
        if "errno" in answer:
            raise OSError(answer["errno"], os.strerror(answer["errno"]))
        return descriptors

    def _answer(self) -> tuple[dict[str, Any], list[int]]:
        while True:
            data, descriptors, _, _ = socket.recv_fds(self._control, MAX_MESSAGE, 1)
            if not data:
                raise OSError(errno.ENETDOWN, "no answer")
            answer = json.loads(data)
            if answer["number"] == self._number:
                return answer, descriptors
            # To a question whose asker was interrupted.
            for descriptor in descriptors:
                os.close(descriptor)

    def _last_words(self) -> str:
        """What the process printed before it ended: the last line of a traceback."""
        lines = self._process.stderr.read().decode().splitlines() if self._process.stderr else []
        return lines[-1] if lines else "the process of the private network ended"
