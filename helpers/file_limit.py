"""How many connections a process may hold: its limit of open files (getrlimit(2)).

>>> room_for(100)
100
"""

from __future__ import annotations

import contextlib
import os

SPARE = 150  # descriptors that a Jupyter kernel and what it imports need besides
WITHOUT_LIMITS = 400  # Windows: select() takes 512 sockets


def room_for(connections: int) -> int:
    """Raise this process's soft limit of open files as far as `connections` need it.

    Each connection takes one descriptor at each of its ends. The hard limit is left alone;
    processes started later inherit the limit.

    Returns
    -------
    int
        How many connections fit: `connections`, or as many as the hard limit allows.
    """
    try:
        import resource
    except ImportError:
        return min(connections, WITHOUT_LIMITS)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
        except (ValueError, OSError):  # macOS: kern.maxfilesperproc is lower
            pass
    if soft == resource.RLIM_INFINITY:
        return connections
    return max(1, min(connections, soft - SPARE))


def need_descriptors(any_one: int, count: int) -> None:
    """Raise OSError (EMFILE) now if there are too few: for what would fail half made.

    Parameters
    ----------
    any_one : int
        An open descriptor.
    count : int
        How many more are needed.
    """
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.callback(os.close, os.dup(any_one))
