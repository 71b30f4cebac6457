"""Any bytes, and captures with bits turned: every parser says no, or makes sense of them."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fuzz_solutions import ENDLESS, KEPT, SOLUTIONS, TRUSTED, solution
from fuzz_targets import GROUPS, HELPERS, SLOW, TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from mutations import seeds
from servers_under_attack import ATTACKED_SOLUTIONS

import helpers
from helpers.exercises import registry

HERE = Path(__file__).parent
SECONDS = 20  # of coverage-guided fuzzing, for each group of targets

# Functions of helpers that take bytes or packets, and no strangers' ones.
HARMLESS = {
    "arq": "pieces of the simulator",
    "chat_service": "test_barrage attacks it",
    "chat_trials": "sends a trial's own bytes",
    "fake_streams": "streams of a check's own bytes",
    "findings": "the bytes of a check, cut or shown",
    "library_servers.serve_ftp": "files to be served",
    "plain_errors.replace_file": "a file to be written",
    "selector_server": "test_barrage attacks it",
    "services": "asks servers of the same notebook, whose answers are only counted",
    "socket_pictures": "draws what call_by_call captured on this machine",
    "ways": "carries bytes",
    "wire": "carries frames, and reads none of them: test_barrage attacks it",
    "work": "a line of our own child",
}


@st.composite
def mutated(draw: Any, real: list[bytes]) -> bytes:
    """Something real, with bits turned, pieces left out, doubled, or put in."""
    data = bytearray(draw(st.sampled_from(real)))[:600]
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        what = draw(st.sampled_from(("turn", "cut", "leave out", "double", "put in", "longest")))
        if what == "turn" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif what == "longest" and at < len(data):
            data[at] = 255
        elif what == "cut":
            del data[at:]
        elif what == "leave out":
            del data[at : at + draw(st.integers(1, 8))]
        elif what == "double":
            data[at:at] = data[at : at + 8]
        else:
            data[at:at] = draw(st.binary(max_size=8))
    return bytes(data)


def any_bytes(name: str) -> SearchStrategy[bytes]:
    return st.one_of(mutated(seeds(name)), st.binary(max_size=300))


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes(name: str, thorough: bool) -> None:
    target = TARGETS[name]
    if name in SOLUTIONS:
        solution(name)  # what goes wrong here is not the bytes' fault
    for seed in seeds(name)[-20:]:
        target(seed)
    examples = (15 if name in SLOW else 60) * (7 if thorough else 1)

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(any_bytes(name))
    def examine(data: bytes) -> None:
        target(data)

    examine()


@pytest.mark.parametrize("name", GROUPS)
def test_bytes_that_find_their_way(name: str, thorough: bool) -> None:
    if not thorough:
        pytest.skip("takes long: pytest --thorough")
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed: pip install -r .ci/requirements.txt")
    command = [sys.executable, str(HERE / "fuzz.py"), name, str(SECONDS)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=SECONDS + 60
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert "stat::number_of_executed_units" in done.stderr


@pytest.mark.parametrize("key", ENDLESS)
@pytest.mark.parametrize("piece", [b"0", b"\0", b"\xff", b"\x16\x03\x01\x40\x00", b"a: b\r\n"])
def test_a_stream_without_an_end_is_not_kept(key: str, piece: bytes) -> None:
    feed = ENDLESS[key](solution(key))
    for _ in range(100):
        try:
            feed(piece * (4096 // len(piece)))
        except ValueError:
            return
    kept = sum(len(value) for value in vars(feed.__self__).values() if isinstance(value, bytes))
    assert kept < KEPT


# ------------------------------------------------------------------ nothing is left out


def test_every_group_for_atheris_is_one_of_targets_and_none_is_left_out() -> None:
    assert sorted(name for group in GROUPS.values() for name in group) == sorted(TARGETS)


def test_every_solution_is_fuzzed_or_attacked_or_meets_no_strangers() -> None:
    met = SOLUTIONS.keys() | ATTACKED_SOLUTIONS
    left_out = registry().keys() - met - TRUSTED.keys()
    assert not left_out, "add them to SOLUTIONS, to SERVERS, or to TRUSTED with the reason"
    assert not met & TRUSTED.keys()
    assert not (met | TRUSTED.keys()) - registry().keys()


def readers() -> Iterator[tuple[str, str]]:
    """The public functions of helpers that take bytes or packets: (module, qualified name)."""
    for path in sorted(Path(helpers.__path__[0]).glob("*.py")):
        yield from ((path.stem, name) for name in taking_bytes(ast.parse(path.read_text()), ""))


def taking_bytes(tree: ast.AST, prefix: str) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from taking_bytes(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            taken = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            wanted = [ast.unparse(each.annotation) for each in taken if each.annotation]
            public = not node.name.startswith("_") or node.name.startswith("__")
            if public and any("bytes" in each or "Packet" in each for each in wanted):
                yield prefix + node.name


def test_every_function_of_helpers_that_takes_bytes_is_reached_by_a_target() -> None:
    reached = set()

    def note(frame: types.FrameType, event: str, argument: object) -> None:
        if event == "call":
            code = frame.f_code
            reached.add((Path(code.co_filename).stem, code.co_qualname))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for name, target in HELPERS.items():
            for seed in seeds(name)[:10]:
                target(seed)
    finally:
        sys.setprofile(before)
    excused = {
        (module, name)
        for module, name in readers()
        if module in HARMLESS or f"{module}.{name}" in HARMLESS
    }
    left_out = set(readers()) - reached - excused
    assert not left_out, "add them to HELPERS, or to HARMLESS with the reason"
    used = {module for module, _ in excused} | {f"{module}.{name}" for module, name in excused}
    assert HARMLESS.keys() <= used
