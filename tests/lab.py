"""A real JupyterLab in headless Chromium, for the tests of the notebooks and for `look.py`.

    with Lab(Path("notebooks")) as lab, lab.open("00_start_here.ipynb") as notebook:
        notebook.run_all()
        assert notebook.problems() == []

JupyterLab works on a private copy of the notebooks, with settings of its own; neither the
checkout nor the user's settings change.

Needs playwright (the dev extra) and Chromium: the one that `chromium` starts, or the program
that the environment variable CHROMIUM names.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab_notebook import START_SECONDS, Notebook

REPOSITORY = Path(__file__).resolve().parent.parent
WAIT_SECONDS = 20

CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

# JupyterLab's own, by the name of the extension they belong to.
_SETTINGS: dict[str, dict[str, Any]] = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # every cell is in the page
    "apputils-extension/themes": {"adaptive-theme": True},  # as light or dark as the browser
    "apputils-extension/notification": {
        "checkForUpdates": False,
        "doNotDisturbMode": True,
        "fetchNews": "false",
    },
}


def missing() -> str:
    """What this machine lacks to run a Lab, as a sentence; empty if nothing."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed: pip install -r .ci/requirements.txt"
    if chromium() is None:
        return "Chromium is not installed: apt install chromium, or set CHROMIUM to its path"
    return ""


def chromium() -> str | None:
    return shutil.which(os.environ.get("CHROMIUM", "chromium"))


class Lab:
    """A JupyterLab and a browser, from `with` to the end of the block.

    Parameters
    ----------
    notebooks : pathlib.Path
        The folder of the notebooks.

    Attributes
    ----------
    folder : pathlib.Path
        The private copy of it that JupyterLab works on.

    Raises
    ------
    RuntimeError
        On entering, if something is missing, or if JupyterLab does not start.
    """

    def __init__(self, notebooks: Path) -> None:
        self._source = notebooks
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Lab:
        if lack := missing():
            raise RuntimeError(lack)
        from playwright.sync_api import expect, sync_playwright

        expect.set_options(timeout=1000 * WAIT_SECONDS)  # a busy machine is slow, not wrong
        with contextlib.ExitStack() as stack:  # ends what has begun, should a later step fail
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lab-")))
            self.folder = home / "notebooks"
            shutil.copytree(
                self._source,
                self.folder,
                ignore=shutil.ignore_patterns(".ipynb_checkpoints", "progress*.json"),
            )
            self._address, self._token = stack.enter_context(_jupyterlab(home, self.folder))
            playwright = stack.enter_context(sync_playwright())
            self._browser = playwright.chromium.launch(
                executable_path=chromium(), args=CHROMIUM_OPTIONS
            )
            stack.callback(self._browser.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    @contextlib.contextmanager
    def open(
        self, name: str, *, dark: bool = False, width: int = 1200, height: int = 900
    ) -> Iterator[Notebook]:
        """Open a notebook in a window of its own; its kernel ends with the block.

        Parameters
        ----------
        name : str
            The notebook's file in the folder: "01_layers.ipynb".
        dark : bool
            Whether JupyterLab shows its dark theme.
        width, height : int
            The size of the window in CSS pixels.
        """
        with self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        ) as context:
            context.set_default_timeout(1000 * WAIT_SECONDS)
            page = context.new_page()
            complaints: list[str] = []  # of scripts, before there is a notebook too
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.extend([said.text] * (said.type == "error")))
            workspace = f"{Path(name).stem}-{time.monotonic_ns()}"
            page.goto(
                f"{self._address}lab/workspaces/{workspace}/tree/{name}?token={self._token}&reset"
            )
            notebook = Notebook(page, complaints)
            try:
                yield notebook
            finally:
                notebook.shut_down()


@contextlib.contextmanager
def _jupyterlab(home: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """A JupyterLab whose root is `folder` and whose settings are in `home`: address, token."""
    for name, settings in _SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))
    private = {
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
    }
    environment = os.environ | {name: str(home / place) for name, place in private.items()}
    environment["PYTHONPATH"] = str(REPOSITORY)  # these helpers, whatever else is installed
    environment.pop("COURSE_PROGRESS", None)  # so that progress.json is written, as at home
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"),
        "--ServerApp.port=0",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.expose_app_in_browser=True",
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]
    log = home / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield _address(server, home / "runtime", log)
    finally:
        server.terminate()  # JupyterLab ends its kernels then
        try:
            server.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _address(server: subprocess.Popen[bytes], runtime: Path, log: Path) -> tuple[str, str]:
    """Where the server listens, and its token: it writes them into a file when it is ready."""
    end = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < end:
        for file in runtime.glob("jpserver-*.json"):
            with contextlib.suppress(ValueError):  # not yet written to its end
                told = json.loads(file.read_text())
                return told["url"], told["token"]
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start. Its last words:\n{log.read_text()[-3000:]}")
