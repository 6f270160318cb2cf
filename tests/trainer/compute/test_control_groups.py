"""What control groups use and may use, read as the kernel writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from traindock.compute.control_groups import ControlGroup

Make = Callable[[str, Mapping[str, object]], ControlGroup]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that makes files of control groups, and returns the group of a process in them."""

    def make(member: str, files: Mapping[str, object]) -> ControlGroup:
        for name, content in {"proc/7/cgroup": member, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content}\n")
        return ControlGroup.of(7, proc=tmp_path / "proc", mounted=tmp_path / "fs")

    return make


def test_version_2(make: Make) -> None:
    group = make(
        "0::/docker/abc",
        {
            "fs/docker/abc/cpu.stat": "usage_usec 2500000\nuser_usec 2000000",
            "fs/docker/abc/memory.current": 900,
            "fs/docker/abc/memory.stat": "anon 500\ninactive_file 300\nactive_file 100",
            "fs/docker/abc/cpu.max": "150000 100000",
            "fs/docker/abc/memory.max": 4096,
        },
    )
    assert (group.cpu_seconds(), group.memory_bytes()) == (2.5, 600)
    assert (group.cpus(), group.memory_limit()) == (1.5, 4096)


def test_version_1(make: Make) -> None:
    group = make(
        "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/",
        {
            "fs/cpuacct/docker/abc/cpuacct.usage": 2_500_000_000,
            "fs/memory/docker/abc/memory.usage_in_bytes": 900,
            "fs/memory/docker/abc/memory.stat": "inactive_file 1\ntotal_inactive_file 300",
            "fs/memory/docker/abc/memory.limit_in_bytes": 4096,
            "fs/cpu/docker/abc/cpu.cfs_quota_us": 50000,
            "fs/cpu/docker/abc/cpu.cfs_period_us": 100000,
        },
    )
    assert (group.cpu_seconds(), group.memory_bytes()) == (2.5, 600)
    assert (group.cpus(), group.memory_limit()) == (0.5, 4096)


def test_the_kernels_words_for_no_limit_are_none(make: Make) -> None:
    second = make("0::/a", {"fs/a/cpu.max": "max 100000", "fs/a/memory.max": "max"})
    assert (second.cpus(), second.memory_limit()) == (None, None)
    first = make(
        "4:memory:/a\n3:cpu:/a",
        {
            "fs/memory/a/memory.limit_in_bytes": 9223372036854771712,
            "fs/cpu/a/cpu.cfs_quota_us": -1,
            "fs/cpu/a/cpu.cfs_period_us": 100000,
        },
    )
    assert (first.cpus(), first.memory_limit()) == (None, None)


def test_the_least_limit_of_it_and_those_above_holds(make: Make) -> None:
    group = make(
        "0::/user/a",
        {
            "fs/user/a/memory.max": 4096,
            "fs/user/memory.max": 1024,
            "fs/cpu.max": "100000 100000",
            "fs/user/a/cpu.max": "max 100000",
        },
    )
    assert (group.cpus(), group.memory_limit()) == (1.0, 1024)


def test_within_a_container_that_hides_where_its_group_is_the_limits_are_at_the_top(make: Make) -> None:
    group = make("0::/../../elsewhere", {"fs/memory.max": 1024})
    assert (group.memory_limit(), group.memory_bytes(), group.cpu_seconds()) == (1024, None, None)


def test_where_there_are_none_nothing_is_known(tmp_path: Path) -> None:
    group = ControlGroup.of(7, proc=tmp_path, mounted=tmp_path)
    assert (group.cpu_seconds(), group.memory_bytes(), group.cpus(), group.memory_limit()) == (None, None, None, None)


def test_of_a_container_is_only_what_is_named_by_one(make: Make) -> None:
    container = f"/docker/{'a1' * 32}"
    alone = make(f"0::{container}", {f"fs{container}/memory.current": 7})
    shared = make("0::/user.slice/engine", {"fs/user.slice/engine/memory.current": 7})

    assert alone.of_container().memory_bytes() == 7
    assert shared.of_container().memory_bytes() is None
