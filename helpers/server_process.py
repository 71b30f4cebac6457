"""The process that `serve_process` starts: one server, alone with its GIL.

Run by its path, so that it is as small as a Python can be: it imports nothing of the course.
It reads one line of JSON, {"source": …, "name": …, "host": …, "backlog": …}, writes one line,
{"address": [host, port]}, and calls the function of that name with a listening socket. It ends,
and with it all processes that the function has forked, when its standard input ends.
"""

from __future__ import annotations

import _thread
import json
import os
import select
import signal
import socket
import sys

END_SECONDS = 10.0  # that all processes of a large family may take to end


def end_with_input(ended: int, family: int) -> None:
    """Wait for the end of standard input; then end all that this process has started, and it.

    `ended` and `family` are the two ends of a pipe that every process of the family inherits:
    its end is read when no other one lives.
    """
    while os.read(0, 4096):
        pass
    if hasattr(os, "killpg"):
        # First the children: while their parent lives, and ignores SIGCHLD, none of them stays
        # behind as a zombie. Who has no such parent is left to process 1, which in a container
        # may not care.
        os.killpg(0, signal.SIGTERM)
        os.close(family)
        select.select([ended], [], [], END_SECONDS)
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def end_family_by_sigterm() -> None:
    """Let SIGTERM end every process that is forked from now on, but not this one."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))


def main() -> None:
    plan = json.loads(sys.stdin.buffer.readline())
    family = socket.AF_INET6 if ":" in plan["host"] else socket.AF_INET
    listener = socket.create_server((plan["host"], 0), family=family, backlog=plan["backlog"])
    # Accepted sockets inherit it. asyncio sets it by itself, so that without it the others
    # would be slower for a reason that has nothing to do with how they wait.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    namespace = {"__name__": "__server__"}
    exec(compile(plan["source"], "<your cells>", "exec"), namespace)
    if hasattr(os, "register_at_fork"):
        end_family_by_sigterm()
    # Not `threading`: what that module does after a fork doubles what a child takes.
    _thread.start_new_thread(end_with_input, os.pipe())
    print(json.dumps({"address": listener.getsockname()[:2]}), flush=True)
    os.dup2(2, 1)  # what the server prints is kept beside what it complains of
    model = namespace[plan["name"]]
    parent = os.getpid()
    try:
        model(listener)  # type: ignore[operator]
    finally:
        if os.getpid() == parent and hasattr(os, "killpg"):
            os.killpg(0, signal.SIGTERM)  # its children would be nobody's


if __name__ == "__main__":
    main()
