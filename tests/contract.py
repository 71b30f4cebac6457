"""What every notebook of the course promises, checked on what it really produced.

The notebook runs in a kernel of its own, with one cell of ours before the first and one
after the last: they tell what ran in that kernel, and what was left of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from statistics import median
from typing import Any

import nbformat
import psutil
from sections import SETUP, Section, sections

from helpers.capture import CHOICE
from helpers.packets import RECORDING
from helpers.record import execute

MOST_LINES = 25
MOST_MEMORY = 400  # MiB
SYSTEM = "COURSE_SYSTEM"  # which of them, in the environment

# Both run in the notebook's kernel. What the kernel itself holds is there before.
BEFORE = """
import gc as _gc, json as _json, os as _os, sys as _sys
import tempfile as _tempfile, threading as _threading
from pathlib import Path as _Path
import psutil as _psutil
_process = _psutil.Process()

def _links(pattern):
    found = set()
    for link in _Path("/proc/self").glob(pattern):
        try:
            found.add((link.name, _os.readlink(link)))
        except OSError:
            pass  # the descriptor by which the folder was read
    return found

def _spare():
    # The descriptor that Twisted keeps open for when there are no more.
    tcp = _sys.modules.get("twisted.internet.tcp")
    held = getattr(getattr(tcp, "_reservedFD", None), "_fileDescriptor", None)
    return str(held.fileno()) if held else ""

def _look():
    folders = {_Path.cwd(), _Path.home(), _Path(_tempfile.gettempdir())}
    return {
        # IPython's history has a thread that begins when the first cell is kept.
        "threads": {thread for thread in _threading.enumerate()
                    if thread.name != "IPythonHistorySavingThread"},
        "sockets": {(c.laddr, c.raddr) for c in _process.net_connections("all")
                    if c.laddr and c.status != "TIME_WAIT"},
        "children": set(_process.children(recursive=True)),
        # matplotlib keeps the fonts open that it has used; IPython writes its history.
        "descriptors": {link for link in _links("fd/*")
                        if not link[1].endswith(".ttf") and "/.ipython" not in link[1]
                        and link[0] != _spare()},
        "namespaces": _links("task/*/ns/*"),
        "files": {path for folder in folders for path in folder.iterdir()
                  if folder != _Path.home() or not path.name.startswith(".")},
    }

_before = _look()
"""
# A machine that is not Linux, as far as that can be had on Linux: what is imported before is
# left alone. Set where the tests are to run with recordings only.
IMPORTED_BEFORE = """
import asyncio, multiprocessing, os, select, signal, socket, ssl, subprocess, sys, tempfile
import aiosmtpd.smtp, pyftpdlib.handlers, tornado.web, urllib.request
import twisted.internet.reactor, twisted.web.server
import hypothesis, ipywidgets, matplotlib.font_manager, numpy, psutil, tqdm.auto
import scapy.all, scapy.layers.inet6

def _without(module, names):
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)

_without(socket, "AF_NETLINK AF_PACKET IPV6_RECVERR IP_RECVERR MSG_ERRQUEUE SO_BINDTODEVICE "
         "SO_MARK TCP_CONGESTION TCP_CORK TCP_INFO TCP_KEEPIDLE TCP_QUICKACK TCP_USER_TIMEOUT")
_without(os, "eventfd memfd_create sched_getaffinity sched_setaffinity setns unshare")
"""
ELSEWHERE = {
    "darwin": """
sys.platform = "darwin"
""",
    # What imports these modules from now on, the course's helpers above all, gets copies that lack
    # what Windows lacks. The library's own modules and the kernel go on with the real ones.
    "win32": """
import selectors, struct, types

class _Missing:
    def __get__(self, instance, owner):
        raise AttributeError

def _copy_without(module, names):
    copy = types.ModuleType(module.__name__)
    copy.__dict__.update({k: v for k, v in vars(module).items() if k not in names.split()})
    sys.modules[module.__name__] = copy

def _socketpair(family=socket.AF_INET, type=socket.SOCK_STREAM, proto=0):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return socket.create_connection(listener.getsockname()), listener.accept()[0]

socket.socketpair = _socketpair  # what Python does on Windows
ssl.enum_certificates = lambda store: []

twisted.internet.posixbase.unixEnabled = False

_really_set = socket.socket.setsockopt
def _set(self, level, option, value, *more):
    if option == socket.SO_SNDTIMEO:  # there in ms
        ms = int.from_bytes(value, sys.byteorder) if isinstance(value, bytes) else value
        value = struct.pack("ll", ms // 1000, ms % 1000 * 1000)
    return _really_set(self, level, option, value, *more)
socket.socket.setsockopt = _set
for _name in ("recvmsg", "recvmsg_into", "sendmsg"):
    setattr(socket.socket, _name, _Missing())
_without(socket, "AF_UNIX CMSG_LEN CMSG_SPACE SCM_RIGHTS MSG_DONTWAIT SO_REUSEPORT send_fds "
         "recv_fds TCP_KEEPCNT TCP_KEEPINTVL")
_without(selectors, "EpollSelector PollSelector DevpollSelector")
_copy_without(select, "epoll poll EPOLLIN EPOLLOUT EPOLLET POLLIN POLLOUT")
_copy_without(signal, "SIGCHLD SIGHUP SIGKILL SIGUSR1 SIGUSR2 setitimer pthread_kill")
_copy_without(os, "fork forkpty getuid geteuid getgid getgroups killpg mkfifo register_at_fork "
              "setsid sysconf uname wait waitid WNOHANG")
for _name in ("fcntl", "grp", "pwd", "resource", "termios", "uvloop"):
    sys.modules[_name] = None
sys.platform = "win32"
""",
}
AFTER = """
import zmq.utils.garbage as _outputs
_outputs.gc.stop()  # the kernel's own: a thread and a context for large outputs
from helpers import lifetimes as _lifetimes
_gc.collect()
_now = _look()
_status = _Path("/proc/self/status")
_peak = _status.read_text().partition("VmHWM:")[2].split()[:1] if _status.exists() else []
print(_json.dumps({
    "memory": int(*_peak) // 1024,
    "history": _lifetimes.history,
    "running": [thing.description for thing in _lifetimes.running()],
    **{what: sorted(map(str, _now[what] - _before[what])) for what in _now},
}))
"""
# For a second and a third run of the cells, in the same kernel. Names that begin with an
# underscore are ours, or IPython's.
KEEP = "_all_names = dict(globals())"
FORGET = """
for _name in [*globals()]:
    if not _name.startswith("_") and _name not in ("In", "Out", "get_ipython", "exit", "quit"):
        del globals()[_name]
"""
RECALL = "globals().update({name: _all_names[name] for name in %r if name in _all_names})"
FORGET_ALL = "del _all_names, _name"
LEFT = ("running", "threads", "sockets", "children", "descriptors", "namespaces", "files")


@dataclass
class Run:
    """A notebook as it was executed, and what its kernel said of itself afterwards.

    `again` are the cells of the further runs, in the order in which they ran. `memory` is the
    most that the kernel took, in MiB; 0 where the system does not tell.
    """

    notebook: Any
    again: list[Any] = field(default_factory=list)
    memory: int = 0
    history: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    descriptors: list[str] = field(default_factory=list)
    namespaces: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def run(
    notebook: Any,
    folder: Path,
    environment: dict[str, str] | None = None,
    *,
    thoroughly: bool = False,
) -> Run:
    """Execute a copy of the notebook in a fresh kernel, in `folder`.

    `thoroughly`: afterwards, in the same kernel, what `again` adds.
    """
    executed = _copy(notebook)
    cells = executed.cells
    further = again(notebook) if thoroughly else []
    new = nbformat.v4.new_code_cell
    executed.cells = [new(before()), *cells, *further, new(AFTER)]
    with tempfile.TemporaryDirectory(prefix="course-test-") as temporary:
        execute(executed, folder, {**(environment or {}), "TMPDIR": temporary}, go_on=True)
        told = json.loads(executed.cells[-1].outputs[0]["text"])
        # What has left the family, but not the machine.
        told["children"] += started_with(temporary)
    executed.cells = cells
    return Run(executed, further, **told)


def before() -> str:
    """The code of the cell before the first."""
    if os.environ.get(CHOICE) != RECORDING:
        return BEFORE
    return IMPORTED_BEFORE + ELSEWHERE[os.environ.get(SYSTEM, "darwin")] + BEFORE


def again(notebook: Any) -> list[Any]:
    """All cells once more; then each section alone, the last one first, after the setup cell and
    the sections that it says it needs."""
    return [*_copy(notebook).cells, *_each_section(_copy(notebook))]


def _copy(notebook: Any) -> Any:
    return nbformat.from_dict(json.loads(json.dumps(notebook)))


def _each_section(notebook: Any) -> list[Any]:
    """The cells that run the sections one by one, each with no more names than it asks for."""
    new = nbformat.v4.new_code_cell
    found = sections(notebook)
    where = {name: section for section in reversed(found) for name in section.defined}
    setup = [cell for cell in notebook.cells if cell.id == SETUP]
    cells = [new(KEEP)]
    for section in reversed(found):
        needed: list[Section] = []
        waiting = [section]
        while waiting:
            told = waiting.pop().told
            fresh = [where[name] for name in told if name in where and where[name] not in needed]
            needed += fresh
            waiting += fresh
        names = sorted({name for each in needed for name in each.defined})
        cells += [new(FORGET), *_copy(nbformat.v4.new_notebook(cells=setup)).cells]
        cells += [new(RECALL % names), *section.cells]
    return [*cells, new(FORGET_ALL)]


def started_with(temporary: str) -> list[str]:
    """The processes that have this temporary folder in their environment, and do not end."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # another user's, or gone
            if process.environ().get("TMPDIR") == temporary and process != psutil.Process():
                found.append(process)
    # The kernel has just ended, and with it what waits for its end.
    _, alive = psutil.wait_procs(found, timeout=1)
    return [str(process) for process in alive]


def broken_promises(ran: Run) -> list[str]:
    """One sentence for each promise that the executed notebook does not keep."""
    pictures = [page for page in _html(ran.notebook) if "data-picture" in page]
    text = "".join(streams(ran.notebook, "stdout"))
    prose = "\n".join(cell.source for cell in ran.notebook.cells if cell.cell_type == "markdown")
    checks = {
        "No server of helpers ran in the notebook's kernel.": any(
            " server on " in line and "of this process" in line for line in ran.history
        ),
        "No latency plot was produced.": _has_picture(pictures, "latency"),
        "No throughput plot was produced.": _has_picture(pictures, "throughput"),
        "No packet headers were shown by scapy.": "###[ IP" in text or "###[ Ethernet" in text,
        "The objectives are missing: 'After this notebook you can', and a list.": bool(
            re.search(r"^After this notebook you can\s*\n+- ", prose, re.M)
        ),
        "What the learner needs first is missing: 'You need: …'.": "\nYou need: " in prose,
        "The minutes are missing: 'Time: …'.": bool(re.search(r"^Time: \d+ minutes", prose, re.M)),
        "The key points are missing: '## Key points', and a list.": bool(
            re.search(r"^## Key points\s*\n+- ", prose, re.M)
        ),
    }
    broken = [sentence for sentence, kept in checks.items() if not kept]
    broken += _undescribed(ran.notebook) + _complaints(ran.notebook.cells)
    broken += _long_cells(ran.notebook) + _sliders_without_question(ran.notebook)
    broken += [f"Run again: {told}" for told in _complaints(ran.again)]
    if ran.memory > MOST_MEMORY and not ran.again:
        broken.append(f"The kernel took {ran.memory} MiB, more than {MOST_MEMORY}.")
    for what in LEFT:
        left = getattr(ran, what)
        if left:
            broken.append(f"Left behind, {what}: {', '.join(left)}.")
    return broken


def _has_picture(pages: list[str], kind: str) -> bool:
    return any(f'data-picture="{kind}"' in page for page in pages)


def _outputs(cells: list[Any]) -> list[tuple[Any, Any]]:
    codes = [cell for cell in cells if cell.cell_type == "code"]
    return [(cell, output) for cell in codes for output in cell.outputs]


def _html(notebook: Any) -> list[str]:
    return [
        output["data"]["text/html"]
        for _, output in _outputs(notebook.cells)
        if "text/html" in output.get("data", {})
    ]


def streams(notebook: Any, name: str) -> list[str]:
    """What the cells wrote to "stdout" or "stderr"."""
    return [o["text"] for _, o in _outputs(notebook.cells) if o.get("name") == name]


class _Descriptions(HTMLParser):
    """Finds pictures that carry no description."""

    def __init__(self) -> None:
        super().__init__()
        self.missing: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = dict(attrs)
        if tag == "img" and not have.get("alt"):
            self.missing.append("an <img> without alt")
        if tag == "svg" and not (have.get("aria-label") or have.get("aria-hidden") == "true"):
            self.missing.append("an <svg> without aria-label")
        if "data-picture" in have and not have.get("aria-label"):
            self.missing.append(f"a {have['data-picture']} picture without aria-label")


def _undescribed(notebook: Any) -> list[str]:
    parser = _Descriptions()
    for page in _html(notebook):
        parser.feed(page)
    bare = [
        f"an {mime} output, which cannot be described"
        for _, output in _outputs(notebook.cells)
        for mime in output.get("data", {})
        if mime.startswith("image/")
    ]
    return [f"A picture has no alternative text: {what}." for what in parser.missing + bare]


def _complaints(cells: list[Any]) -> list[str]:
    found = []
    for cell, output in _outputs(cells):
        expected = "raises-exception" in cell.metadata.get("tags", [])
        if output.output_type == "error" and not expected:
            found.append(f"Cell {cell.id} raised {output.ename}: {output.evalue}.")
        if output.get("name") == "stderr":
            found.append(f"Cell {cell.id} wrote to stderr: {output['text'][:200]}")
    return found


def _long_cells(notebook: Any) -> list[str]:
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    lengths = {cell.id: len(cell.source.strip().splitlines()) for cell in codes}
    found = [
        f"Cell {name} has {length} lines of code; {MOST_LINES} are the most."
        for name, length in lengths.items()
        if length > MOST_LINES
    ]
    if lengths and median(lengths.values()) > 4:
        found.append(f"Half of the code cells have {median(lengths.values())} lines or more.")
    return found


def _sliders_without_question(notebook: Any) -> list[str]:
    found, before = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            before = cell.source
        elif re.search("^@(interact|explore)", cell.source, re.M) and "?" not in before:
            found.append(f"The slider of cell {cell.id} has no written question above it.")
    return found
