"""How much memory may still be taken: what the system has, and what a container allows.

>>> free_memory() > 0
True
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def free_memory(proc: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that processes started from here may still take before others have to give way.

    The least of what the system has available and of what each control group of this process
    has left: in a container the system has more than the container may use. Control groups:
    the kernel's documentation, "Control Group v2", Memory Interface Files; and v1, "Memory
    Resource Controller". What the page cache could give back at once counts as free.

    Parameters
    ----------
    proc, root : Path
        Where the system tells of this process's control groups, and where they are mounted.
    """
    import psutil

    left = [psutil.virtual_memory().available]
    for group, limit, usage in _groups(proc, root):
        try:
            most, used = (int((group / name).read_text()) for name in (limit, usage))
            stat = (group / "memory.stat").read_text().split()
        except (OSError, ValueError):  # it does not exist, or there is no limit: "max"
            continue
        facts = dict(zip(stat[::2], map(int, stat[1::2]), strict=True))
        idle = facts.get("total_inactive_file", facts.get("inactive_file", 0))
        left.append(most - used + idle)
    return max(0, min(left))


def _groups(proc: Path, root: Path) -> Iterator[tuple[Path, str, str]]:
    """Folders of this process's control groups and of those above, and their files' names."""
    try:
        lines = proc.read_text().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        names = ("memory.max", "memory.current")
        mount = root
        if controllers:
            if "memory" not in controllers.split(","):
                continue
            names, mount = ("memory.limit_in_bytes", "memory.usage_in_bytes"), root / "memory"
        group = mount / path.lstrip("/")
        for folder in (group, *group.parents):
            yield folder, *names
            if folder == mount:
                break
