"""Which process of this machine is a container's first one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from traindock.compute.docker.containers import main_process
from traindock.compute.processes import Identity

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere containers are in a virtual machine")


def described(container_id: str, *, pid: int, running: bool = True) -> dict[str, Any]:
    """A container as an engine tells of it."""
    return {"Id": container_id, "State": {"Running": running, "Pid": pid}}


def own_group() -> str:
    """The control group of this process: what is in a container has the container's id there."""
    return Path("/proc/self/cgroup").read_text().splitlines()[0].rpartition(":")[2]


def test_the_process_that_has_the_containers_id_in_its_control_group() -> None:
    assert main_process(described(own_group(), pid=os.getpid())) == Identity.of(os.getpid())


def test_another_process_of_that_number_is_none() -> None:
    """The engine counts its processes by itself, in a virtual machine or beside our container: it would be killed."""
    assert main_process(described("c" * 64, pid=os.getpid())) is None


def test_a_container_that_does_not_run_has_none() -> None:
    assert main_process(described(own_group(), pid=os.getpid(), running=False)) is None
    assert main_process(described(own_group(), pid=0)) is None
