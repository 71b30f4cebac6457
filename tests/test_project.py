"""The project as a whole: light, small, compiled, stripped, and one way down."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "helpers").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ALLOWED = {"README.md", "requirements.txt", "notebooks", "helpers", "tests", "binder"}
ALLOWED |= {"pyproject.toml", "LICENSE"}
HEAVY = ("scapy", "matplotlib", "numpy", "ipywidgets", "tqdm", "hypothesis", "IPython", "pytest")


def test_import_is_light() -> None:
    code = f"import helpers, sys; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_import_needs_nothing_that_windows_lacks() -> None:
    code = """
import asyncio, os, select, selectors, shutil, signal, socket, subprocess, sys, tempfile, threading
for module in ("fcntl", "resource", "termios"):
    sys.modules[module] = None
for owner, names in (
    (socket, "AF_PACKET AF_UNIX CMSG_SPACE MSG_DONTWAIT SCM_RIGHTS SOCK_NONBLOCK recv_fds"),
    (select, "EPOLLERR EPOLLET EPOLLIN epoll poll"),
    (os, "fork geteuid getuid memfd_create pidfd_open sched_getaffinity sched_setscheduler"),
    (signal, "ITIMER_REAL SIGALRM SIGKILL SIGXCPU pidfd_send_signal setitimer"),
):
    for name in names.split():
        if hasattr(owner, name):
            delattr(owner, name)
sys.platform = "win32"
import helpers
print(len(helpers.__all__))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip().isdigit(), done.stderr


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_is_short_and_says_what_it_is_for(module: Path) -> None:
    text = module.read_text()
    assert len(text.splitlines()) <= 400
    assert ast.get_docstring(ast.parse(text)), "a module opens with what it is for"


def imports(module: Path) -> set[str]:
    """The modules of `helpers` that this one needs: at import, or later inside a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom):
            inside = node.level > 0 or (node.module or "").split(".")[0] == "helpers"
            parts = [part for part in (node.module or "").split(".") if part not in ("", "helpers")]
            if inside:
                found |= {parts[0]} if parts else {alias.name for alias in node.names}
    return found


def test_imports_go_one_way() -> None:
    needs = {path.stem: imports(path) for path in MODULES if path.parent.name == "helpers"}
    del needs["__init__"]
    needs["exercises"] = imports(ROOT / "helpers/exercises/__init__.py")
    # Only to be shown in a notebook a capture looks up, at the table drawn of it.
    needs["packets"].discard("packet_lists")
    placed: set[str] = set()
    while ready := {name for name, below in needs.items() if below & needs.keys() <= placed}:
        placed |= ready
        for name in ready:
            del needs[name]
        needs = {name: below for name, below in needs.items() if name not in placed}
    assert needs == {}, "these import each other in a circle"


def test_the_house_names_every_module_above_those_that_import_it() -> None:
    drawn = ast.get_docstring(ast.parse((ROOT / "helpers/__init__.py").read_text()))
    lines = re.findall(r"^    (\w+(?:, \w+)*)  +\S", drawn or "", re.MULTILINE)
    order = [name for line in lines for name in line.split(", ")]
    needs = {path.stem: imports(path) for path in MODULES if path.parent.name == "helpers"}
    del needs["__init__"]
    needs["exercises"] = imports(ROOT / "helpers/exercises/__init__.py")
    needs["packets"].discard("packet_lists")  # as above
    assert sorted(order) == sorted(needs), "draw each module in helpers/__init__.py, once"
    for place, name in enumerate(order):
        late = needs[name] & set(order[place:])
        assert late == set(), f"helpers/__init__.py draws {name} above what it imports"


def test_top_level_holds_only_what_belongs_there() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} == ALLOWED


def test_requirements_are_exact_and_end_with_this_repository() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert lines[-1] == "-e ."
    pinned = [line for line in lines if not line.startswith(("#", "-e"))]
    assert all(re.match(r"[a-z0-9.-]+==\S+( ; .+)?$", line) for line in pinned), pinned
    direct = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.match(r"[\w-]+", entry)[0].lower() for entry in direct}  # type: ignore[index]
    assert names <= {line.split("==")[0] for line in pinned}


def test_binder_has_a_fitting_version_of_all_that_the_course_names() -> None:
    assert re.fullmatch(r"python-3\.1[1-4]\n", (ROOT / "binder/runtime.txt").read_text())
    lines = (ROOT / "binder/requirements.txt").read_text().splitlines()
    assert lines[-1] == "-e ."
    pinned = [line for line in lines if not line.startswith(("#", "-e"))]
    assert all(re.fullmatch(r"[a-z0-9.-]+==\S+", line) for line in pinned), pinned
    pytest.importorskip("repo2docker", reason="needs the dev extra")
    from packaging.requirements import Requirement

    lock = runpy.run_path(str(ROOT / ".ci/lock_binder.py"))
    there = lock["frozen"](lock["runtime"]()) | dict(line.split("==") for line in pinned)
    direct = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    for wanted in map(Requirement, direct):
        if wanted.marker is None or wanted.marker.evaluate({"sys_platform": "linux"}):
            version = there.get(lock["normal"](wanted.name))
            assert version in wanted.specifier, f"{wanted}: run .ci/lock_binder.py"


def test_binder_renders_an_image_that_installs_the_repository() -> None:
    pytest.importorskip("repo2docker", reason="needs the dev extra")
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug"]
    command += ["--Repo2Docker.default_buildpack=None", "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    dockerfile = done.stdout + done.stderr
    install = dockerfile.index('-r "binder/requirements.txt"')
    copied = max(m.start() for m in re.finditer(r"^COPY .*src/ ", dockerfile[:install], re.M))
    assert copied < install, "the repository is there before it is installed"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stripped_and_their_cells_have_names(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        assert re.fullmatch(r"[a-z0-9-]+", cell.id), "a readable id"
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


MOST_MINUTES = 45
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
_LOCAL = r"\]\((?!https?:)([^)#\s]*)#?((?:[^()\s]|\([^()\s]*\))*)\)"
TEXTS = [*NOTEBOOKS, *(ROOT / "notebooks").glob("*.md"), ROOT / "README.md"]


def anchors(path: Path) -> set[str]:
    """Where links may lead to: a notebook's headings, as JupyterLab names them."""
    if path.suffix == ".md":
        text = path.read_text()
        headings = re.findall(r"^#+ (.+)", text, re.MULTILINE)
        names = {re.sub(r"[^\w -]", "", heading).lower() for heading in headings}
        return {name.replace(" ", "-") for name in names} | set(re.findall(r'<a id="(.+?)"', text))
    cells = nbformat.read(path, as_version=4).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    headings = re.findall(r"^#+ (.+)", prose, re.MULTILINE)
    return {re.sub("[`*]", "", heading.strip()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text()
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    for link, anchor in re.findall(_LOCAL, text):
        target = path.parent / link if link else path
        assert target.exists(), link
        if anchor and target.suffix in (".ipynb", ".md"):
            assert anchor in anchors(target), f"{link}#{anchor}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_minutes_are_those_that_the_teachers_guide_explains(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    reading = [cell for cell in cells if not re.match(r"ex\d+-", cell.id)]
    words = sum(len(c.source.split()) for c in reading if c.cell_type == "markdown")
    codes = [cell.source for cell in reading if cell.cell_type == "code"]
    lines = sum(bool(line.strip()) for source in codes for line in source.splitlines())
    computed = words / 150 + lines * 4 / 60 + len(codes) / 4
    told = re.search(r"^Time: (\d+) minutes", cells[0].source, re.MULTILINE)
    assert told
    assert computed == pytest.approx(int(told[1]), abs=5)
    assert round(computed) <= MOST_MINUTES
    exercises = sum(bool(re.fullmatch(r"ex\d+-code", cell.id)) for cell in cells)
    assert f"more for the {COUNTS[exercises]} exercises" in cells[0].source


def test_every_word_of_the_glossary_is_linked_from_the_notebook_that_it_names() -> None:
    rows = re.findall(
        r"^\| <a id=\"([^\"]+)\"></a>\*\*([^*]+)\*\*.*\[\d\d[a-z]?\]\((\w+\.ipynb)\) \|$",
        (ROOT / "notebooks/glossary.md").read_text(),
        re.MULTILINE,
    )
    assert len(rows) > 100
    for anchor, word, name in rows:
        cells = nbformat.read(ROOT / "notebooks" / name, as_version=4).cells
        prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        linked = re.search(rf"\[([^\]]+)\]\(glossary\.md#{anchor}\)", prose)
        assert linked, f"{name} does not explain {word}"
        assert word.partition(" (")[0].lower() in " ".join(linked[1].lower().split())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_where_lists_every_myth(path: Path) -> None:
    listed = (ROOT / "notebooks/README.md").read_text()
    assert f"]({path.name}" in listed
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            text = " ".join(line.lstrip("> ") for line in cell.source.splitlines())
            for myth in re.findall(r'\*\*Myth: "(.+?)[.,?!]?"', text):
                assert f"| {myth}" in listed


def test_the_commands_of_the_readme_are_one_line_each() -> None:
    readme = (ROOT / "README.md").read_text()
    commands = re.findall(r"```sh\n(.+?)\n```", readme, re.S)
    assert len(commands) == 2
    assert all("\n" not in command for command in commands)
    assert "notebooks/00_start_here.ipynb" in commands[0]
    assert commands[1].endswith("pytest -n 2")
    for name in re.findall(r"\]\((notebooks/[^)]+)\)", readme):
        assert (ROOT / name).exists(), name


def test_each_notebook_has_its_picture_on_the_front_door() -> None:
    readme = (ROOT / "README.md").read_text()
    for picture, alt in re.findall(r'<img src="([^"]+)" width="\d+" alt="([^"]*)">', readme):
        assert (ROOT / picture).exists(), picture
        assert len(alt) > 20, picture
    front_door = ast.parse((ROOT / "tests/front_door.py").read_text())
    (cells,) = [
        ast.literal_eval(node.value)
        for node in front_door.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SMALL_ONES"
    ]
    assert list(cells) == [path.stem for path in NOTEBOOKS]
    for path in NOTEBOOKS:
        assert f'src=".github/pictures/{path.stem}.png"' in readme
        assert cells[path.stem] in [cell.id for cell in nbformat.read(path, as_version=4).cells]
