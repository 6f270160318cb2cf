"""Control groups (cgroups) of Linux, versions 1 and 2: what a group of processes uses, and may use at most.

Each value is a file of some bytes that the kernel keeps, so that reading it costs microseconds, however many processes
there are in the group. Where there is no such file, because of the version, because a container hides it, or because
this is no Linux, nothing is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Where they are mounted, on all systems that there are.
MOUNTED: Final = Path("/sys/fs/cgroup")
#: From here on a number of bytes is the kernel's way to say "no limit" (version 1).
_NO_LIMIT: Final = 1 << 60
_UNIFIED: Final = ""
_CONTAINER: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """The group of one process.

    Attributes:
        folders: by controller, where its files are and the folder of the group above all; "" for version 2, which has
            all controllers in one.
    """

    folders: Mapping[str, tuple[Path, Path]]

    @classmethod
    def of(cls, pid: int, *, proc: Path = Path("/proc"), mounted: Path = MOUNTED) -> ControlGroup:
        """Return the group that a process is in; one of which nothing is known where there is none.

        Args:
            pid: the process.
            proc: where the system tells of processes.
            mounted: where groups are mounted.
        """
        folders: dict[str, tuple[Path, Path]] = {}
        for line in _text(proc / str(pid) / "cgroup").splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(","):
                top = mounted / controller if controller else mounted
                folders[controller] = (top / path.lstrip("/"), top)
        return cls(folders)

    def of_container(self) -> ControlGroup:
        """Return what of it is a container's alone: engines name such a group by the container's id.

        Where an engine has no right to make groups, as a rootless one may not, its containers are in the engine's own.
        """
        return ControlGroup({name: found for name, found in self.folders.items() if _CONTAINER.search(str(found[0]))})

    def cpu_seconds(self) -> float | None:
        """Return the processor time of all processes that are or were in the group."""
        used = _number(self._own("cpuacct") / "cpuacct.usage")
        if used is not None:
            return used / 1e9
        used = _entry(self._own(_UNIFIED) / "cpu.stat", "usage_usec")
        return None if used is None else used / 1e6

    def memory_bytes(self) -> int | None:
        """Return the memory in use now, without the files in it that are given up first."""
        for controller, file, entry in (
            ("memory", "memory.usage_in_bytes", "total_inactive_file"),
            (_UNIFIED, "memory.current", "inactive_file"),
        ):
            folder = self._own(controller)
            used = _number(folder / file)
            if used is not None:
                return max(0, used - (_entry(folder / "memory.stat", entry) or 0))
        return None

    def cpus(self) -> float | None:
        """Return how many processors' time it may take, by its own limit and those above it; None for no limit."""
        return min(
            (
                *self._quotas("cpu", "cpu.cfs_quota_us", "cpu.cfs_period_us"),
                *(found for folder in self._upwards(_UNIFIED) if (found := _quota(_text(folder / "cpu.max")))),
            ),
            default=None,
        )

    def memory_limit(self) -> int | None:
        """Return how many bytes of memory it may use, by its own limit and those above it; None for no limit."""
        files = [folder / "memory.limit_in_bytes" for folder in self._upwards("memory")]
        files += [folder / "memory.max" for folder in self._upwards(_UNIFIED)]
        return min((found for file in files if (found := _number(file)) and found < _NO_LIMIT), default=None)

    def _quotas(self, controller: str, quota: str, period: str) -> Iterator[float]:
        for folder in self._upwards(controller):
            if found := _quota(f"{_text(folder / quota).strip()} {_text(folder / period)}"):
                yield found

    def _own(self, controller: str) -> Path:
        return self.folders.get(controller, (Path("/nonexistent"), MOUNTED))[0]

    def _upwards(self, controller: str) -> Iterator[Path]:
        """Yield the folders of the group and of those above it, as far as a container lets them be seen."""
        if controller in self.folders:
            folder, top = self.folders[controller]
            while folder != top and top in folder.parents:
                yield folder
                folder = folder.parent
            yield top


def _quota(text: str) -> float | None:
    """Return the processors that "50000 100000" (of each so many microseconds) comes to; None for "max" or -1."""
    words = text.split()
    if len(words) != 2 or not all(word.isdigit() for word in words) or int(words[1]) == 0:
        return None
    return int(words[0]) / int(words[1])


def _entry(file: Path, name: str) -> int | None:
    """Return a number out of lines of a name and a number each."""
    for line in _text(file).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            return int(value)
    return None


def _number(file: Path) -> int | None:
    text = _text(file).strip()
    return int(text) if text.isdigit() else None


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace")
    except OSError:
        return ""
