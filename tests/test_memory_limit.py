"""How much memory may still be taken: what the system and the control groups tell."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from helpers.memory_limit import free_memory

MIB = 1 << 20


@pytest.fixture
def group(tmp_path: Path) -> Path:
    """The folder of a control group, v2, whose parent has a limit and who has none."""
    (tmp_path / "proc").write_text("0::/pod/one\n")
    folder = tmp_path / "cgroup/pod/one"
    folder.mkdir(parents=True)
    tell(folder, "max", 30)
    tell(folder.parent, 100 * MIB, 40 * MIB)
    return folder


def tell(folder: Path, most: object, used: int, idle: int = 0) -> None:
    (folder / "memory.max").write_text(f"{most}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 1\ninactive_file {idle}\n")


def left(group: Path) -> int:
    home = group.parents[2]
    return free_memory(home / "proc", home / "cgroup")


def test_the_group_above_limits_too(group: Path) -> None:
    assert left(group) == 60 * MIB


def test_the_least_counts(group: Path) -> None:
    tell(group, 20 * MIB, 15 * MIB)
    assert left(group) == 5 * MIB


def test_what_the_page_cache_can_give_back_is_free(group: Path) -> None:
    tell(group, 20 * MIB, 15 * MIB, idle=3 * MIB)
    assert left(group) == 8 * MIB


def test_a_group_that_is_over_its_limit_has_nothing_left(group: Path) -> None:
    tell(group, 20 * MIB, 21 * MIB)
    assert left(group) == 0


def test_version_1(tmp_path: Path) -> None:
    (tmp_path / "proc").write_text("5:devices:/x\n4:memory:/pod\n")
    folder = tmp_path / "cgroup/memory/pod"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text(str(10 * MIB))
    (folder / "memory.usage_in_bytes").write_text(str(9 * MIB))
    (folder / "memory.stat").write_text(f"inactive_file 5\ntotal_inactive_file {MIB}\n")
    assert free_memory(tmp_path / "proc", tmp_path / "cgroup") == 2 * MIB


def test_without_groups_it_is_what_the_system_has(tmp_path: Path) -> None:
    found = free_memory(tmp_path / "none", tmp_path / "none")
    assert abs(found - psutil.virtual_memory().available) < 2048 * MIB
