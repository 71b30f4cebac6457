"""The process that `serve_process` starts: one server, alone with its GIL.

Run by its path, so that it is as small as a Python can be: it imports nothing of the course.
It reads one line of JSON, {"source": …, "name": …, "host": …, "backlog": …}, writes one line,
{"address": [host, port]}, and calls the function of that name with a listening socket. It ends,
and with it all processes that the function has forked, when its standard input ends.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading


def end_with_input() -> None:
    """Wait for the end of standard input; then end this process and all it has started."""
    while os.read(0, 4096):
        pass
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def main() -> None:
    plan = json.loads(sys.stdin.buffer.readline())
    family = socket.AF_INET6 if ":" in plan["host"] else socket.AF_INET
    listener = socket.create_server((plan["host"], 0), family=family, backlog=plan["backlog"])
    # Accepted sockets inherit it. asyncio sets it by itself, so that without it the others
    # would be slower for a reason that has nothing to do with how they wait.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    namespace = {"__name__": "__server__"}
    exec(compile(plan["source"], "<your cells>", "exec"), namespace)
    threading.Thread(target=end_with_input, daemon=True).start()
    print(json.dumps({"address": listener.getsockname()[:2]}), flush=True)
    os.dup2(2, 1)  # what the server prints is kept beside what it complains of
    model = namespace[plan["name"]]
    model(listener)  # type: ignore[operator]


if __name__ == "__main__":
    main()
