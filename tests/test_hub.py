"""The settings for hubs: they can be run, and their links lead to a notebook."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from traitlets.config import Config
from traitlets.config.loader import KVArgParseConfigLoader

ROOT = Path(__file__).parents[1]
HUB = ROOT / ".hub"
# What a socket's path may have, in bytes: unix(7), without the zero at its end.
LONGEST = 107
LINK = re.compile(r"^https://\S+/hub/user-redirect/git-pull\?\S+$", re.M)


def opened_by(link: str) -> tuple[str, str, Path]:
    """What nbgitpuller makes of a link: the repository, the branch, the notebook it opens.

    The repository goes into a folder of its own name.
    """
    query = parse_qs(urlsplit(link).query, strict_parsing=True)
    (repository,), (branch,), (path,) = query["repo"], query["branch"], query["urlpath"]
    name = repository.split("/")[-1].removesuffix(".git")
    assert path.startswith(f"lab/tree/{name}/"), path
    return repository, branch, ROOT / path.removeprefix(f"lab/tree/{name}/")


def test_the_link_of_the_guide_opens_a_notebook() -> None:
    (link,) = LINK.findall((HUB / "README.md").read_text())
    _, branch, notebook = opened_by(link)
    assert branch == "main"
    assert notebook.is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_littlest_installs_and_sets_and_prints_the_link(tmp_path: Path) -> None:
    """With stand-ins for the hub's own programs, which write down what they are told."""
    told, programs = tmp_path / "told", tmp_path / "tljh/user/bin"
    programs.mkdir(parents=True)
    for name in ("python", "tljh-config"):
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $PWD $*" >> {told}\n')
        (programs / name).chmod(0o755)
    origin = tmp_path / "network-course"
    git = ["git", "-C", str(origin), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "init", "--quiet", "--initial-branch=class", origin], check=True)
    ways = {"PATH": f"{programs}:{os.environ['PATH']}", "TLJH": str(tmp_path / "tljh")}
    ways |= {"COURSE": str(tmp_path / "course")}
    for edition in "first", "second":  # the script is also how a hub is brought up to date
        (origin / "edition").write_text(edition)
        subprocess.run([*git, "add", "edition"], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", edition], check=True)
        command = ["sh", str(HUB / "littlest.sh"), f"file://{origin}", "class", "hub.example.org"]
        done = subprocess.run(command, env=os.environ | ways, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "course/edition").read_text() == edition
    (link,) = LINK.findall(done.stdout)
    repository, branch, notebook = opened_by(link)
    assert (repository, branch) == (f"file://{origin}", "class")
    assert notebook.is_file()
    lines = told.read_text().splitlines()
    install = "-m pip install --no-cache-dir -r requirements.txt notebook"
    assert f"python {tmp_path / 'course'} {install}" in lines
    assert any(line.endswith("set limits.memory 1.5G") for line in lines)
    assert lines[-1].endswith("reload hub")


def littlest_settings() -> tuple[list[str], dict[str, str]]:
    """What `littlest.sh` has the hub give to each learner's server: arguments, environment."""
    (python,) = re.findall(r"<< 'END'\n(.*?)^END$", (HUB / "littlest.sh").read_text(), re.M | re.S)
    settings = Config()
    exec(python, {"c": settings})  # as the hub reads it
    assert settings.SystemdSpawner.isolate_tmp is True
    return settings.Spawner.args.get_value([]), settings.Spawner.environment.get_value({})


@pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")
def test_a_kernel_on_littlest_talks_over_sockets_that_only_its_owner_reaches() -> None:
    arguments, environment = littlest_settings()
    assert environment["JUPYTER_RUNTIME_DIR"].startswith("/tmp/")  # the learner's own
    config = KVArgParseConfigLoader(arguments).load_config()

    async def starts_and_ends_a_kernel(folder: Path) -> None:
        kernels = AsyncMappingKernelManager(config=config, connection_dir=str(folder))
        name = await kernels.start_kernel(kernel_name="python3")
        manager = kernels.get_kernel(name)
        client = manager.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=60)
            sockets = [path.name for path in folder.iterdir() if path.is_socket()]
            assert len(sockets) == len(manager.ports) == 5
            longest = max(map(len, sockets)) + len(environment["JUPYTER_RUNTIME_DIR"] + "/")
            assert longest <= LONGEST
        finally:
            client.stop_channels()
            await kernels.shutdown_kernel(name)
        assert not list(folder.iterdir()), "nothing is left"

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(starts_and_ends_a_kernel(Path(folder)))


@pytest.mark.skipif(sys.platform == "win32", reason="modes of folders")
def test_jupyter_closes_the_folder_of_the_sockets_to_others(tmp_path: Path) -> None:
    code = "from jupyter_core.application import JupyterApp; print(JupyterApp().runtime_dir)"
    where = {"JUPYTER_RUNTIME_DIR": str(tmp_path / "run")}
    subprocess.run([sys.executable, "-c", code], env=os.environ | where, check=True)
    assert (tmp_path / "run").stat().st_mode & 0o077 == 0


def test_the_values_for_kubernetes_can_be_read_and_so_can_what_is_offered_in_comments() -> None:
    text = (HUB / "kubernetes.yaml").read_text()
    values = yaml.safe_load(text)
    assert values["singleuser"]["memory"]["limit"] == "1.5G"
    assert values["singleuser"]["allowPrivilegeEscalation"] is False
    offered = re.findall(r"^#\n((?:^# \w+:\n(?:^#   .*\n)+)+)", text, re.M)
    settings = [yaml.safe_load(re.sub("^# ?", "", block, flags=re.M)) for block in offered]
    assert [sorted(each) for each in settings] == [["hub"], ["hub", "singleuser"]]
    assert settings[1]["singleuser"]["extraPodConfig"] == {"hostUsers": False}
