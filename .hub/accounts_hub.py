"""A JupyterHub on this machine, and an account for each of its learners; removed afterwards.

As The Littlest JupyterHub does it: servers are processes of the learners' own accounts. That
one starts them by systemd and has another proxy.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from learner import BRANCH, PATIENCE, Hub
from processes import family_of, gone, kill_all_of

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("jupyterhub>=5.2", "nbgitpuller>=1.2.1")
PROXY = "configurable-http-proxy@4"

# What the hub is told.
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
# Kernels talk over Unix sockets, in a short path of each learner's own: see README.md.
c.Spawner.environment = {{
    "PATH": "{environment}/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    "JUPYTER_RUNTIME_DIR": lambda spawner: f"{folder}/{{spawner.user.name}}/.run",
}}
c.Spawner.env_keep = ["LANG", "LC_ALL"]
c.Spawner.args = [
    "--KernelManager.transport=ipc",
    "--MappingKernelManager.kernel_info_timeout={patience}",
]
# The hub's own choice of ports would give two of 30 servers the same one, some time.
c.Spawner.pre_spawn_hook = lambda spawner: setattr(spawner, "port", 20000 + spawner.user.id)
c.Spawner.default_url = "/lab"
c.Spawner.start_timeout = c.Spawner.http_timeout = {patience}
c.JupyterHub.services = [{{"name": "load", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [{{
    "name": "load",
    "scopes": ["admin:users", "admin:servers", "access:servers"],
    "services": ["load"],
}}]
"""


def prepare(folder: Path, python: str) -> None:
    """The environment of the learners, with the hub, and the hub's proxy."""
    if (folder / "ready").exists():  # the requirements are as they were; the course may be newer
        git = ["git", "-C", folder / "course"]
        subprocess.run([*git, "fetch", "--quiet", ROOT, "HEAD"], check=True)
        subprocess.run([*git, "reset", "--quiet", "--hard", "FETCH_HEAD"], check=True)
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
            uid = pwd.getpwnam(name).pw_uid
            kill_all_of(uid)
            for left in left_by(uid):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            subprocess.run(["userdel", name], check=True)


def left_by(uid: int) -> list[Path]:
    """What an account has in the folders that all accounts share."""
    found = []
    for folder in map(Path, ("/tmp", "/var/tmp", "/dev/shm")):
        for entry in folder.iterdir():
            with gone():
                found += [entry] if entry.lstat().st_uid == uid else []
    return found


@contextmanager
def repository(course: Path, folder: Path) -> Iterator[str]:
    """The course behind a URL, where nbgitpuller finds it."""
    subprocess.run(["git", "clone", "--quiet", "--bare", course, folder / "course"], check=True)
    subprocess.run(["git", "branch", "--force", BRANCH, "HEAD"], cwd=folder / "course", check=True)
    (port,) = free_ports(1)
    command = [
        "git",
        "daemon",
        "--listen=127.0.0.1",
        f"--port={port}",
        "--export-all",
        "--max-connections=0",
    ]
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
            family = family_of(process.pid)
            process.terminate()  # it stops the learners' servers, and its proxy if it is up itself
            process.wait(120)
            for pid in family[1:]:
                with gone():
                    os.kill(pid, signal.SIGTERM)
