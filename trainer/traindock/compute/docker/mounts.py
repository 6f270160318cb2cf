"""What of this machine a target's owner wants in each container, and which of it cannot be there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Final

from traindock.compute.changing import how_to_change
from traindock.errors import ComputeTargetException
from traindock.images.containers.engines import VOLUME_PLACE
from traindock.store.layout import WorkspaceLayout

#: Folders of the image, or of the engine, without which no program starts there. What is below them may be mounted.
_SYSTEM: Final = frozenset(
    {"/bin", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/sys", "/usr", "/usr/local"}
    | {f"{folder}/{name}" for folder in ("/usr", "/usr/local") for name in ("bin", "lib", "lib32", "lib64", "sbin")}
)
#: Where nothing at all can be mounted: engines refuse it, or jobs have their environment there, which is read-only.
_CLOSED: Final = ("/proc", VOLUME_PLACE)


@dataclass(frozen=True, slots=True)
class Mounted:
    """A folder or file of the machine in the container.

    Attributes:
        source: its absolute path on the machine.
        target: its path in the container.
        read_only: whether the job can only read it.
    """

    source: str
    target: str
    read_only: bool = False


def fault(mounts: Sequence[Mounted], workspace: WorkspaceLayout | None = None, python: str = "") -> str:
    """Return why containers cannot have these mounts, with what to do; "" where they can.

    Args:
        mounts: what the target's owner wants.
        workspace: whose jobs are to have them; None for any.
        python: path of the jobs' interpreter in the container; "" while it is not known.
    """
    own = () if workspace is None else (workspace.home, workspace.runs, workspace.blobs, workspace.runtime)
    taken: dict[PurePosixPath, str] = {}
    for mount in mounts:
        target = PurePosixPath(f"/{mount.target.lstrip('/')}")  # else two slashes would count as something else
        if target in taken:
            return (
                f"two mounts are at {target}, of {taken[target]} and of {mount.source}: a place in the container can "
                "have one, so leave one of them out, or mount it elsewhere"
            )
        taken[target] = mount.source
        if why := _hides(target, own, python):
            return f"{mount.source} cannot be mounted at {mount.target}, {why}: mount it elsewhere, such as at /data"
    return ""


def check_mounts(
    name: str, mounts: Sequence[Mounted], workspace: WorkspaceLayout | None = None, python: str = ""
) -> None:
    """Check that a compute target's containers can have its mounts.

    Args:
        name: the target's.
        mounts: as for :func:`fault`, like the others.
        workspace: whose jobs are to have them.
        python: path of the jobs' interpreter.

    Raises:
        ComputeTargetException: they cannot; the text names the mount and says what to do.
    """
    if why := fault(mounts, workspace, python):
        change = how_to_change(name, mounts=...)
        raise ComputeTargetException(f"compute target {name!r}: {why}. Change its mounts: {change}")


def is_missing(source: str) -> bool:
    """Whether there is nothing at a path of this machine; the engine may see what this user may not."""
    try:
        os.lstat(source)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        pass
    return False


def missing_mount(source: str, name: str) -> str:
    """Return what to say of a mount of the target's owner whose source is not there."""
    return (
        f"{source}, which the compute target mounts into its containers, is not there: make it, or change the target's "
        f"mounts: {how_to_change(name, mounts=...)}"
    )


def _hides(target: PurePosixPath, own: Sequence[Path], python: str) -> str:
    """Return what of a job's a mount there would hide, or be hidden by; "" for nothing."""
    if str(target) in _SYSTEM:
        return "which would hide programs and libraries that jobs start by"
    if any(_is_within(target, PurePosixPath(place)) for place in _CLOSED):
        return "where a container can have no mounts of yours"
    for folder in own:
        if _is_within(folder, target) or _is_within(target, folder):
            return f"which would hide {folder} of the workspace from its jobs"
    if python and _is_within(PurePosixPath(python), target):
        return f"which would hide the Python that jobs run on, {python}"
    return ""


def _is_within(path: PurePath, folder: PurePath) -> bool:
    return path == folder or folder in path.parents
