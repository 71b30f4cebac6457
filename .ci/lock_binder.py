"""Compile binder/requirements.txt: what repo2docker's base environment lacks.

    .venv/bin/python .ci/lock_binder.py            # write it
    .venv/bin/python .ci/lock_binder.py --check    # say whether it is as it should be

An image that Binder builds has JupyterLab and much else before it looks at a repository, in
versions that repo2docker froze. To install requirements.txt over them would bring most of it
a second time. So the base stays where pyproject.toml allows it, and only the rest is named,
with the versions of requirements.txt wherever they fit.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

COURSE = Path(__file__).resolve().parents[1]
TARGET = COURSE / "binder/requirements.txt"
HEAD = """\
# Compiled by .ci/lock_binder.py from pyproject.toml and requirements.txt. Change it there.
# Of JupyterLab, ipywidgets and what they need, Binder has its own: see that script.
"""
TAIL = """\
# This repository, so that `import helpers` works from any folder.
-e .
"""


def runtime() -> str:
    """The Python that Binder is asked for: "3.12"."""
    return (COURSE / "binder/runtime.txt").read_text().strip().removeprefix("python-")


def normal(name: str) -> str:
    """A package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def frozen(python: str) -> dict[str, str]:
    """The versions in repo2docker's base environment, by their names on PyPI.

    Those of packages that PyPI does not have are among them; nobody asks for these.
    """
    lock = (_conda() / f"environment.py-{python}-linux-64.lock").read_text()
    found = dict(re.findall(r"/([a-z0-9][\w.-]*?)-(\d[^-/]*)-[^-/]+\.(?:conda|tar\.bz2)", lock))
    found["jupyterhub"] = found["jupyterhub-base"]
    found["nbconvert"] = found["nbconvert-core"]
    found["fastjsonschema"] = found["python-fastjsonschema"]
    return {normal(name): version for name, version in found.items()}


def asked(python: str) -> list[str]:
    """The packages of Python that repo2docker asks for in its base environment."""
    text = (_conda() / f"environment.py-{python}.yml").read_text()
    names = re.findall(r"^- ([\w-]+)", text.partition("dependencies:")[2], re.M)
    return [{"jupyterhub-singleuser": "jupyterhub"}.get(n, n) for n in names if n not in _NOT_PYPI]


_NOT_PYPI = ("python", "nodejs", "pip")


def _conda() -> Path:
    spec = importlib.util.find_spec("repo2docker")
    if not (spec and spec.origin):
        sys.exit("needs repo2docker: pip install -r .ci/requirements.txt")
    return Path(spec.origin).parent / "buildpacks/conda"


def compiled(python: str) -> str:
    """What binder/requirements.txt should hold."""
    base = frozen(python)
    lines = (COURSE / "requirements.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith(("#", "-e"))]
    ours = [pin for pin in pins if normal(pin.split("==")[0]) not in base]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [f"{folder}/bin/pip", "--quiet", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, "uv>=0.5"], check=True)
        wanted = Path(folder, "wanted.txt")  # uv keeps the versions that the old output has
        theirs = [f"{name}=={version}" for name, version in base.items()]
        wanted.write_text("\n".join(theirs + ours) + "\n")
        command = [f"{folder}/bin/uv", "--quiet", "pip", "compile", "pyproject.toml"]
        command += ["--python-version", python, "--python-platform", "x86_64-manylinux_2_28"]
        command += ["--no-header", "--no-annotate", "--no-emit-index-url"]
        subprocess.run([*command, "--output-file", wanted], cwd=COURSE, check=True)
        found = [line for line in wanted.read_text().splitlines() if "==" in line]
    new = [line for line in found if base.get(normal(line.split("==")[0])) != line.split("==")[1]]
    return HEAD + "".join(f"{line}\n" for line in new) + TAIL


if __name__ == "__main__":
    text = compiled(runtime())
    if "--check" in sys.argv and TARGET.read_text() != text:
        sys.exit(f"{TARGET} is not what {__file__} makes of the other files")
    TARGET.write_text(text)
