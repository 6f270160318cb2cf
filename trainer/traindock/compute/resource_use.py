"""What a job uses of the machine, and how much there is for it: read from the system, without asking the job.

Nothing here ever waits for the job, and nothing of it runs in the job.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Final

from traindock.compute.control_groups import ControlGroup
from traindock.compute.device_use import GpuUse, gpu_use
from traindock.compute.processes import Identity, descendants

_LINUX: Final = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Limit:
    """How much of something there is for a job.

    Attributes:
        amount: in the unit of what it limits.
        of: whose limit it is, in a word for people: "machine", "container", "control group".
    """

    amount: float
    of: str


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """What a job uses; what cannot be found out is None.

    Attributes:
        cpu_seconds: processor time of all its processes since it started, of those that have ended as well.
        memory_bytes: of all its processes now. What they share counts once, files that they have read not at all.
        cpus: the processors that it may use.
        memory: the bytes of memory that it may use.
        gpus: the use of each device that it was leased, in their order; None for one that says nothing.
    """

    cpu_seconds: float | None
    memory_bytes: int | None
    cpus: Limit | None = None
    memory: Limit | None = None
    gpus: tuple[GpuUse | None, ...] = ()


def use_of_devices(devices: Sequence[str]) -> tuple[GpuUse | None, ...]:
    """Return the use of leased GPUs, by whatever program: whoever has leased one has it alone.

    Args:
        devices: their UUIDs.
    """
    found = gpu_use(devices) if devices else {}
    return tuple(found.get(device) for device in devices)


def use_of_processes(launcher: Identity, devices: Sequence[str] = ()) -> ResourceUse:
    """Return what a launcher's job uses, by its processes.

    Args:
        launcher: all that the job starts is below it, for orphans become its children.
        devices: the UUIDs of its GPUs.
    """
    cpu_seconds, memory_bytes = _summed(launcher)
    group = ControlGroup.of(launcher.pid)
    return ResourceUse(
        cpu_seconds,
        memory_bytes,
        least(Limit(_processors(launcher.pid), "machine"), group.cpus(), "control group"),
        least(Limit(machine_memory(), "machine"), group.memory_limit(), "control group"),
        use_of_devices(devices),
    )


def use_of_group(group: ControlGroup, pid: int, devices: Sequence[str] = ()) -> ResourceUse | None:
    """Return what a container uses, by its control group; None where this machine does not show that.

    Args:
        group: the container's.
        pid: a process in it.
        devices: the UUIDs of its GPUs.
    """
    cpu_seconds, memory_bytes = group.cpu_seconds(), group.memory_bytes()
    if cpu_seconds is None and memory_bytes is None:
        return None
    return ResourceUse(
        cpu_seconds,
        memory_bytes,
        least(Limit(_processors(pid), "machine"), group.cpus(), "container"),
        least(Limit(machine_memory(), "machine"), group.memory_limit(), "container"),
        use_of_devices(devices),
    )


def least(machine: Limit, amount: float | None, of: str) -> Limit:
    """Return the limit that holds: that of the machine, or a smaller one.

    Args:
        machine: what the machine has.
        amount: another limit, or None.
        of: whose that is.
    """
    return machine if amount is None or amount >= machine.amount else Limit(amount, of)


@cache
def machine_memory() -> int:
    """Return the bytes of memory that this machine has."""
    import psutil

    return int(psutil.virtual_memory().total)


def _processors(pid: int) -> int:
    """How many processors of the machine a process may run on."""
    with suppress(OSError, AttributeError):  # macOS has no such call
        return len(os.sched_getaffinity(pid))
    return os.cpu_count() or 1


def _summed(launcher: Identity) -> tuple[float, int]:
    """Return processor time and memory of all below a launcher, whose own memory is no matter of the job's."""
    import psutil

    seconds = 0.0
    own = shared = 0
    for pid in (launcher.pid, *_below(launcher.pid)):
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            times = process.cpu_times()
            # Once a process was waited for, its time is that of its parent's children.
            seconds += times.user + times.system + times.children_user + times.children_system
            if pid != launcher.pid:
                memory = process.memory_info()
                of_files = getattr(memory, "shared", 0)
                own += memory.rss - of_files
                # Libraries and batches of data that workers share: of one process at least all is counted.
                shared = max(shared, of_files)
    return seconds, own + shared


def _below(pid: int) -> Iterable[int]:
    if _LINUX:
        return [process.pid for process in descendants([pid])]
    import psutil

    with suppress(psutil.Error):
        return [process.pid for process in psutil.Process(pid).children(recursive=True)]
    return []
