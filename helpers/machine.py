"""What this machine allows, found out by trying, in well under a second.

Nothing is changed and nothing stays behind: every socket opened here is closed again,
and the one datagram that is sent goes from a socket on loopback to itself.

>>> print(this_machine().private_networks.name)
Two hosts and a wire
"""

from __future__ import annotations

import errno
import html
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .linux import (
    LINUX,
    SO_TIMESTAMPING,
    SOFTWARE,
    TX_SOFTWARE,
    read_looped_frames,
)
from .pictures import Picture


class NotHere(OSError):
    """This machine lacks what is needed. The message says what, why, and what helps."""


@dataclass(frozen=True)
class Ability:
    """One thing a machine may or may not allow.

    Attributes
    ----------
    name : str
        What it is.
    here : bool
        Whether this machine allows it.
    shows : str
        What the course can show with it.
    why_not : str
        Where it is absent: the reason, as the system gave it.
    remedy : str
        Where it is absent: how to get it, or what the course does instead.
    """

    name: str
    here: bool
    shows: str
    why_not: str = ""
    remedy: str = ""


_COLUMNS = {
    "On this machine": "17%",
    "Here": "16%",
    "What it lets you see": "30%",
    "If not: why, and what helps": "37%",
}


@dataclass(frozen=True)
class Machine:
    """The result of `this_machine`: its abilities and its size. Jupyter shows it as a table."""

    raw_capture: Ability
    own_frames: Ability
    private_networks: Ability
    ipv6_loopback: Ability
    icmp_sockets: Ability
    unix_sockets: Ability
    platform: str
    cpus: float
    memory_bytes: int
    open_files: int | None

    @property
    def abilities(self) -> list[Ability]:
        """All abilities, in the order of the table."""
        return [value for value in vars(self).values() if isinstance(value, Ability)]

    def _size(self) -> list[tuple[str, str, str]]:
        files = "no fixed limit" if self.open_files is None else f"{self.open_files:,}"
        return [
            ("Platform", self.platform, "which of the explanations are about your system"),
            ("Processors", f"{self.cpus:g}", "how much can really happen at the same time"),
            ("Memory", f"{self.memory_bytes / 2**30:.1f} GiB", "how many connections fit"),
            ("Open files", files, "the most sockets that one process may hold"),
        ]

    def _repr_html_(self) -> str:
        rows = [
            _row(a.name, "yes" if a.here else "no", a.shows, f"{a.why_not} {a.remedy}".strip())
            for a in self.abilities
        ]
        rows += [_row(name, value, use, "") for name, value, use in self._size()]
        heads = "".join(
            f'<th scope="col" style="text-align:left;width:{width}">{head}</th>'
            for head, width in _COLUMNS.items()
        )
        table = (
            '<table style="width:100%;table-layout:fixed">'
            f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        )
        return Picture("machine", table, alt=self._in_words())._repr_html_()

    def _in_words(self) -> str:
        have = [a.name.lower() for a in self.abilities if a.here]
        lack = [a.name.lower() for a in self.abilities if not a.here]
        return (
            f"This machine allows: {', '.join(have) or 'none of the special abilities'}. "
            f"It does not allow: {', '.join(lack) or 'nothing is missing'}."
        )

    def __repr__(self) -> str:
        lines = [
            f"{a.name}: {'yes' if a.here else f'no. {a.why_not} {a.remedy}'}"
            for a in self.abilities
        ]
        lines += [f"{name}: {value}" for name, value, _ in self._size()]
        return "\n".join(lines)


@cache
def this_machine() -> Machine:
    """Try what this machine allows, once for each kernel; later calls give the same answer.

    Takes well under a second, raises nothing, leaves nothing behind.
    """
    return Machine(
        raw_capture=_try(
            "Raw capture",
            "every packet on loopback, both directions, as the kernel carried it",
            _open_raw,
            "Needs the right to open packet sockets: run as root, or give the container NET_RAW. "
            "Without it you see own frames, or a recording.",
        ),
        own_frames=_try(
            "Own frames",
            "the headers that the kernel built for the data you sent, without any privilege",
            _loop_own_frame,
            "Needs Linux. Without it you see a recording made on another machine.",
        ),
        private_networks=_try(
            "Two hosts and a wire",
            "real TCP between private hosts, over a wire whose delay and loss you choose",
            _make_namespaces,
            "Needs root, or Linux with user namespaces for ordinary users. Without it you use a "
            "slow link in user space, or see a recording.",
        ),
        ipv6_loopback=_try(
            "IPv6 on loopback",
            "the same experiments over IPv6",
            _bind_ipv6,
            "Switched off in many containers; an administrator can switch it on. Without it the "
            "course uses a private network, or a recording.",
        ),
        icmp_sockets=_try(
            "ICMP sockets",
            "ping, sent by your own cell",
            _open_ping,
            "On Linux an administrator can allow it: sysctl net.ipv4.ping_group_range. Without "
            "it you ping inside a private network.",
        ),
        unix_sockets=_try(
            "Unix sockets",
            "sockets that have a path instead of a port",
            _open_unix,
            "Python on Windows does not offer them.",
        ),
        platform=f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        cpus=_cpus(),
        memory_bytes=_memory(),
        open_files=_open_files(),
    )


def _row(name: str, value: str, use: str, help_text: str) -> str:
    cells = "".join(
        f'<td style="text-align:left">{html.escape(text)}</td>' for text in (value, use, help_text)
    )
    return f'<tr><th scope="row" style="text-align:left">{html.escape(name)}</th>{cells}</tr>'


def _try(name: str, shows: str, attempt: Callable[[], None], remedy: str) -> Ability:
    try:
        attempt()
    except (OSError, AttributeError, subprocess.SubprocessError) as error:
        # AttributeError: this platform's Python does not even know the name.
        return Ability(name, False, shows, _reason(error), remedy)
    return Ability(name, True, shows)


def _reason(error: Exception) -> str:
    if isinstance(error, AttributeError):
        return f"{platform.system()} does not have it."
    if isinstance(error, OSError) and error.errno in (errno.EPERM, errno.EACCES):
        return "Not permitted to this user."
    if isinstance(error, OSError) and error.errno:
        return f"The system says: {os.strerror(error.errno)}."
    return f"{error}".rstrip(".") + "."


def _open_raw() -> None:
    # Protocol 0 receives nothing at all: opening it only asks for permission.
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()


def _loop_own_frame() -> None:
    if not LINUX:
        raise OSError(f"{platform.system()} does not hand frames back to their sender")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, TX_SOFTWARE | SOFTWARE)
        sock.sendto(b"", sock.getsockname())
        # Loopback is synchronous: the frame is back before sendto() returns.
        frames = read_looped_frames(sock)
        if not frames or not frames[0].data:
            raise OSError("the kernel does not hand frames back (net.core.tstamp_allow_data is 0)")


# Run in a process of its own: a namespace is for ever, and a kernel has many threads.
_NAMESPACE_TRIAL = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
NEWUSER, NEWNET = 0x10000000, 0x40000000
flags = NEWNET if os.geteuid() == 0 else NEWUSER | NEWNET
if libc.unshare(flags) and libc.unshare(NEWUSER | NEWNET):
    sys.exit(ctypes.get_errno())
try:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
except OSError as error:
    sys.exit(error.errno)
"""


def _make_namespaces() -> None:
    if not LINUX:
        raise OSError(f"{platform.system()} has no network namespaces")
    # -I -S: start bare, which takes a few hundredths of a second.
    trial = [sys.executable, "-I", "-S", "-c", _NAMESPACE_TRIAL]
    code = subprocess.run(trial, timeout=5, capture_output=True).returncode
    if code:
        raise OSError(code, os.strerror(code))


def _bind_ipv6() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
        sock.bind(("::1", 0))


def _open_ping() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()


def _open_unix() -> None:
    socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).close()


def _cpus() -> float:
    count: float = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    quota = _cgroup("cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit():
        count = min(count, int(quota[0]) / int(quota[1]))
    return count


def _memory() -> int:
    import psutil

    limit = _cgroup("memory.max")
    total: int = psutil.virtual_memory().total
    return min(total, int(limit)) if limit.isdigit() else total


def _cgroup(name: str) -> str:
    """What the control group that a container puts us in says (cgroups(7)); "" elsewhere."""
    try:
        return Path("/sys/fs/cgroup", name).read_text().strip()
    except OSError:
        return ""


def _open_files() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit: Any = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if limit == resource.RLIM_INFINITY else int(limit)
