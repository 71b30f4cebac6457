"""A hub on this machine, without containers, and a class of learners on it at the same time.

    sudo .venv/bin/python .hub/load_test.py --learners 30

As root: it makes an account for each learner, as The Littlest JupyterHub does, and removes
them all at the end. It needs git, and Node.js with npm for the hub's proxy. JupyterHub goes
into an environment of its own, with the course. Everything listens on loopback.

First one learner runs each notebook alone. Then each learner follows a link that brings the
notebooks (nbgitpuller), and all run one at the same moment, dealt round. Reported: cells that
failed, how much slower it was, and memory. The exit status is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[1]
ACCOUNT = "course-hub-{:02}"
PACKAGES = ("jupyterhub>=5.2", "nbgitpuller>=1.2.1")
PROXY = "configurable-http-proxy@5"
BRANCH = "class"
PATIENCE = 1800  # seconds for one step of one learner: thirty on two cores take their time
EVERY = 2.0  # seconds between two looks at the memory

# What the hub is told. The Littlest JupyterHub differs in its spawner (systemd) and its proxy.
SETTINGS = """
c.JupyterHub.bind_url = "http://127.0.0.1:{port}/"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub_port}/"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}/"
c.ConfigurableHTTPProxy.command = {proxy!r}
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
c.Spawner.cmd = ["{environment}/bin/jupyterhub-singleuser"]
c.Spawner.environment = {{"PATH": "{environment}/bin:/usr/bin:/bin:/usr/sbin:/sbin"}}
c.Spawner.env_keep = ["LANG", "LC_ALL"]
c.Spawner.default_url = "/lab"
c.Spawner.start_timeout = c.Spawner.http_timeout = {patience}
c.JupyterHub.services = [{{"name": "load", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [{{
    "name": "load",
    "scopes": ["admin:users", "admin:servers", "access:servers"],
    "services": ["load"],
}}]
"""


@dataclass
class Result:
    """One notebook, run to its end by one learner."""

    learner: str
    notebook: str
    seconds: float = 0.0
    cells: int = 0
    failures: list[str] = field(default_factory=list)


# ------------------------------------------------------------------ what is made, and removed


def prepare(folder: Path, python: str) -> None:
    """The environment of the learners, with the hub, and the hub's proxy."""
    if (folder / "ready").exists():
        return
    print("installing the course, JupyterHub and its proxy ...", flush=True)
    subprocess.run(["git", "clone", "--quiet", ROOT, folder / "course"], check=True)
    subprocess.run([python, "-m", "venv", folder / "venv"], check=True)
    pip = [folder / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check"]
    requirements = ["-r", "requirements.txt", *PACKAGES]
    subprocess.run([*pip, *requirements], cwd=folder / "course", check=True)
    subprocess.run(["npm", "install", "--silent", "--prefix", folder / "npm", PROXY], check=True)
    (folder / "ready").touch()


@contextmanager
def accounts(names: list[str], homes: Path) -> Iterator[None]:
    """An account for each learner, with a home that nobody else can read."""
    for name in names:
        if any(entry.pw_name == name for entry in pwd.getpwall()):
            sys.exit(f"There is an account {name} already. Remove it first: userdel {name}")
    made: list[str] = []
    try:
        for name in names:
            subprocess.run(["useradd", "--home-dir", homes / name, "--no-create-home", name])
            made.append(name)
            (homes / name).mkdir(mode=0o700)
            shutil.chown(homes / name, name, name)
        yield
    finally:
        for name in made:
            kill_all_of(pwd.getpwnam(name).pw_uid)
            subprocess.run(["userdel", name], check=True)


def kill_all_of(uid: int) -> None:
    for pid in processes().get(uid, []):
        with suppress_gone():
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while processes().get(uid) and time.monotonic() < deadline:
        time.sleep(0.1)


@contextmanager
def suppress_gone() -> Iterator[None]:
    """A process may end between two looks."""
    try:
        yield
    except (ProcessLookupError, FileNotFoundError):
        pass


def processes() -> dict[int, list[int]]:
    """The processes of each user id."""
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress_gone():
                found.setdefault(entry.stat().st_uid, []).append(int(entry.name))
    return found


@contextmanager
def repository(course: Path, folder: Path) -> Iterator[str]:
    """The course behind a URL, where nbgitpuller finds it."""
    subprocess.run(["git", "clone", "--quiet", "--bare", course, folder / "course"], check=True)
    subprocess.run(["git", "branch", "--force", BRANCH, "HEAD"], cwd=folder / "course", check=True)
    (port,) = free_ports(1)
    command = ["git", "daemon", "--listen=127.0.0.1", f"--port={port}", "--export-all"]
    daemon = subprocess.Popen([*command, f"--base-path={folder}", folder / "course"])
    try:
        yield f"git://127.0.0.1:{port}/course"
    finally:
        daemon.terminate()
        daemon.wait()


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        socks = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [sock.getsockname()[1] for sock in socks]


@contextmanager
def hub(environment: Path, folder: Path) -> Iterator[Hub]:
    """A running JupyterHub."""
    port, hub_port, proxy_port = free_ports(3)
    token = secrets.token_hex(16)
    (folder / "jupyterhub_config.py").write_text(
        SETTINGS.format(
            port=port,
            hub_port=hub_port,
            proxy_port=proxy_port,
            proxy=[str(environment / "npm/node_modules/.bin/configurable-http-proxy")],
            folder=folder,
            environment=environment / "venv",
            token=token,
            patience=PATIENCE,
        )
    )
    command = [environment / "venv/bin/jupyterhub", "-f", folder / "jupyterhub_config.py"]
    with (folder / "hub.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            yield Hub(f"http://127.0.0.1:{port}", token, process.pid, folder / "hub.log")
        except BaseException:
            print("The end of the hub's log:\n", (folder / "hub.log").read_text()[-4000:])
            raise
        finally:
            process.terminate()  # it stops its proxy and the learners' servers
            process.wait(120)


# ------------------------------------------------------------------ a learner, from far


class Hub:
    """The hub as its users reach it: over HTTP and WebSockets."""

    def __init__(self, url: str, token: str, pid: int, log: Path) -> None:
        self.url, self.pid, self.log = url, pid, log
        self._headers = {"Authorization": f"token {token}"}

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer to a request: its JSON, or its text."""
        from tornado.httpclient import AsyncHTTPClient, HTTPRequest

        request = HTTPRequest(
            self.url + path,
            method=method,
            headers=self._headers,
            body=None if body is None else json.dumps(body),
            allow_nonstandard_methods=True,
            connect_timeout=PATIENCE,
            request_timeout=PATIENCE,
        )
        answer = await AsyncHTTPClient(max_clients=200).fetch(request)
        text = answer.body.decode()
        is_json = "json" in answer.headers.get("Content-Type", "")
        return json.loads(text) if is_json and text else text

    async def is_up(self) -> None:
        from tornado.httpclient import HTTPClientError

        for _ in range(240):
            try:  # the proxy answers before the hub does, with an error
                return print("JupyterHub", (await self.ask("GET", "/hub/api/"))["version"])
            except (OSError, HTTPClientError):
                await asyncio.sleep(0.25)
        raise TimeoutError(f"The hub did not start. Its log:\n{self.log.read_text()[-3000:]}")

    async def start(self, learner: str) -> None:
        """Start the learner's server, and wait until it answers."""
        await self.ask("POST", f"/hub/api/users/{learner}/server", {})
        while not (await self.ask("GET", f"/hub/api/users/{learner}"))["servers"][""]["ready"]:
            await asyncio.sleep(1)

    async def stop(self, learner: str) -> None:
        await self.ask("DELETE", f"/hub/api/users/{learner}/server")

    async def pull(self, learner: str, repo: str) -> None:
        """What the link of the course does: bring the notebooks into the learner's home."""
        query = urlencode({"repo": repo, "branch": BRANCH, "targetpath": "course"})
        said = await self.ask("GET", f"/user/{learner}/git-pull/api?{query}")
        if '"finished"' not in said:
            raise RuntimeError(f"{learner}: git-pull said {said[-500:]}")

    async def run(self, learner: str, notebook: str) -> Result:
        """Run all cells of a notebook in a new kernel of this learner's."""
        from tornado.httpclient import HTTPRequest
        from tornado.websocket import websocket_connect

        result = Result(learner, notebook)
        path = f"course/notebooks/{notebook}.ipynb"
        user = f"/user/{learner}/api"
        cells = (await self.ask("GET", f"{user}/contents/{quote(path)}"))["content"]["cells"]
        began = time.monotonic()
        kernel = await self.ask("POST", f"{user}/kernels", {"name": "python3", "path": path})
        address = f"{self.url}{user}/kernels/{kernel['id']}/channels".replace("http", "ws", 1)
        request = HTTPRequest(address, headers=self._headers, connect_timeout=PATIENCE)
        connection = await websocket_connect(request, max_message_size=1 << 28)
        try:
            for cell in cells:
                if cell["cell_type"] == "code":
                    result.cells += 1
                    tags = cell["metadata"].get("tags", [])
                    said = await asyncio.wait_for(execute(connection, cell["source"]), PATIENCE)
                    if "raises-exception" not in tags:
                        result.failures += [f"{cell['id']}: {text}" for text in said]
        except (TimeoutError, ConnectionError) as error:
            result.failures.append(f"{cell['id']}: {type(error).__name__} {error}")
        finally:
            connection.close()
        result.seconds = time.monotonic() - began
        await self.ask("DELETE", f"{user}/kernels/{kernel['id']}")
        return result


async def execute(connection: Any, source: str) -> list[str]:
    """Run one cell; what went wrong in it: errors, and what it wrote to stderr."""
    name = uuid4().hex
    content = {"code": source, "silent": False, "store_history": True, "user_expressions": {}}
    content |= {"allow_stdin": False, "stop_on_error": False}
    header = {"msg_id": name, "msg_type": "execute_request", "username": "", "session": name}
    header |= {"version": "5.3", "date": ""}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    await connection.write_message(json.dumps({"channel": "shell", "buffers": []} | message))
    wrong: list[str] = []
    replied = idle = False
    while not (replied and idle):
        text = await connection.read_message()
        if text is None:
            raise ConnectionError("the kernel's connection was closed")
        if isinstance(text, bytes):  # a message with binary parts: widgets' pictures
            continue
        got = json.loads(text)
        if got["parent_header"].get("msg_id") != name:
            continue
        kind, content = got["header"]["msg_type"], got["content"]
        replied = replied or kind == "execute_reply"
        idle = idle or (kind == "status" and content["execution_state"] == "idle")
        if kind == "error":
            wrong.append(f"{content['ename']}: {content['evalue'][:300]}")
        if kind == "stream" and content["name"] == "stderr":
            wrong.append(f"wrote to stderr: {content['text'][:300]}")
    return wrong


# ------------------------------------------------------------------ memory


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

    def _watch(self) -> None:
        while not self._done.wait(EVERY):
            found = processes()
            now = {name: sum(map(pss, found.get(uid, []))) for uid, name in self._uids.items()}
            self.peak = {name: max(now[name], was) for name, was in self.peak.items()}
            self.peak_of_all = max(self.peak_of_all, sum(now.values()))


def pss(pid: int) -> int:
    """The proportional set size of a process, in bytes; 0 if it has ended."""
    with suppress_gone():
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return 1024 * int(re.findall(r"^Pss: +(\d+) kB", text, re.M)[0])
    return 0


def of_children(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(int(child) for child in children)]


# ------------------------------------------------------------------ the test


async def alone(there: Hub, learner: str, repo: str, notebooks: list[str]) -> list[Result]:
    await there.start(learner)
    await there.pull(learner, repo)
    results = []
    for notebook in notebooks:
        results.append(await there.run(learner, notebook))
        tell(results[-1])
    await there.stop(learner)
    return results


async def together(
    there: Hub, learners: list[str], repo: str, notebooks: list[str]
) -> list[Result]:
    began = time.monotonic()
    await asyncio.gather(*(there.start(learner) for learner in learners))
    print(f"{len(learners)} servers are up after {time.monotonic() - began:.0f} s", flush=True)
    await asyncio.gather(*(there.pull(learner, repo) for learner in learners))
    print(f"all have the notebooks after {time.monotonic() - began:.0f} s", flush=True)

    async def work(learner: str, notebook: str) -> Result:
        result = await there.run(learner, notebook)
        tell(result)
        return result

    deals = [notebooks[n % len(notebooks)] for n in range(len(learners))]
    return await asyncio.gather(*map(work, learners, deals))


def tell(result: Result) -> None:
    print(f"{result.learner} {result.notebook}: {result.cells} cells, {result.seconds:.0f} s")
    for failure in result.failures:
        print(f"    FAILED {failure}")
    sys.stdout.flush()


def report(single: list[Result], crowd: list[Result], one: Memory, many: Memory) -> bool:
    """Print what was measured; True if all is well."""
    mebibytes = 1 << 20
    took = {result.notebook: result.seconds for result in single}
    print(f"\n{'notebook':28}{'alone':>8}{'together':>10}{'slower':>8}")
    for notebook in took:
        times = [result.seconds for result in crowd if result.notebook == notebook]
        if times:
            slower = median(times) / took[notebook]
            print(f"{notebook:28}{took[notebook]:6.0f} s{median(times):8.0f} s{slower:7.1f}x")
    slower = median(result.seconds / took[result.notebook] for result in crowd)
    peaks = sorted(many.peak[result.learner] / mebibytes for result in crowd)
    print(
        f"\n{len(crowd)} learners on {os.cpu_count()} cores: "
        f"in the median {slower:.1f} times slower than alone.\n"
        f"Memory of a learner (server and kernel, proportional, at its peak): "
        f"{max(one.peak.values()) / mebibytes:.0f} MiB alone; "
        f"together median {median(peaks):.0f}, most {peaks[-1]:.0f} MiB.\n"
        f"All learners at the same time: {many.peak_of_all / mebibytes:,.0f} MiB at most."
    )
    failed = [result for result in single + crowd if result.failures]
    cells = sum(result.cells for result in crowd)
    for result in failed:
        print(f"FAILED: {result.learner} {result.notebook}: {'; '.join(result.failures)}")
    print(f"{cells} cells of {len(crowd)} learners: {len(failed)} notebooks with a failure.")
    return not failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--learners", type=int, default=30)
    parser.add_argument("--notebooks", nargs="*", metavar="NN", help="their numbers; default: all")
    parser.add_argument("--environment", type=Path, help="where to install and keep, to go faster")
    parser.add_argument("--python", default="/usr/bin/python3", help="one that any user may run")
    chosen = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("npm") or not shutil.which("git"):
        parser.error("needs root (it makes accounts for the learners), git and npm")
    notebooks = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    if chosen.notebooks:
        notebooks = [name for name in notebooks if name[:2] in chosen.notebooks]
    names = [ACCOUNT.format(number + 1) for number in range(chosen.learners)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="course-hub.")))
        folder.chmod(0o711)  # learners pass through to their homes
        environment = (chosen.environment or folder / "environment").resolve()
        environment.mkdir(parents=True, exist_ok=True)
        prepare(environment, chosen.python)
        stack.enter_context(accounts(names, folder))
        repo = stack.enter_context(repository(environment / "course", folder))
        there = stack.enter_context(hub(environment, folder))
        uids = {pwd.getpwnam(name).pw_uid: name for name in names}
        return 0 if asyncio.run(measured(there, names, repo, notebooks, uids)) else 1


async def measured(
    there: Hub, names: list[str], repo: str, notebooks: list[str], uids: dict[int, str]
) -> bool:
    await there.is_up()
    await there.ask("POST", "/hub/api/users", {"usernames": names})
    dealt = notebooks[: len(names)]
    with Memory(uids) as one:
        single = await alone(there, names[0], repo, dealt)
    with Memory(uids) as many:
        crowd = await together(there, names, repo, dealt)
        own = sum(map(pss, of_children(there.pid))) >> 20
    print(f"\nThe hub and its proxy: {own} MiB.", end="")
    well = report(single, crowd, one, many)
    clashes = re.findall(r"^.*(?:already in use|EADDRINUSE).*$", there.log.read_text(), re.M)
    print(f"Clashes of ports in the log of the hub and of all servers: {len(clashes)}.")
    print("\n".join(clashes[:5]))
    return well and not clashes


if __name__ == "__main__":
    sys.exit(main())
