"""A folder of this process for short-lived files, also gone if the process is killed.

>>> folder = own_folder()
>>> Path(folder, "server.sock").touch()
>>> shutil.rmtree(folder)
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "course-"


def own_folder() -> str:
    """Make a new private folder. Whoever asked for it removes it.

    A process that is killed removes nothing (SIGKILL, signal(7)). So its number is part of the
    name, and the next process to ask for a folder removes those whose process is gone.
    """
    import psutil

    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        number = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if number.isdigit() and not psutil.pid_exists(int(number)) and _is_mine(folder):
            shutil.rmtree(folder, ignore_errors=True)  # another process may be at it, too
    return tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")


def _is_mine(folder: Path) -> bool:
    try:
        owner = folder.lstat().st_uid
    except OSError:
        return False  # just removed
    return owner == (os.getuid() if hasattr(os, "getuid") else owner)
