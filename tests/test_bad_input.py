"""Any bytes, and captures with bits turned: every parser says no, or makes sense of them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fuzz_targets import GROUPS, TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import captured, written

HERE = Path(__file__).parent
SECONDS = 20  # of coverage-guided fuzzing, for each group of targets


@st.composite
def mutated(draw: Any) -> bytes:
    """Something real, with bits turned, pieces left out, doubled, or put in."""
    data = bytearray(draw(st.sampled_from(REAL)))[:600]
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


REAL = [*captured(), *written()]


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes(name: str, thorough: bool) -> None:
    target = TARGETS[name]

    @settings(
        max_examples=400 if thorough else 60, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.one_of(mutated(), st.binary(max_size=300)))
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
