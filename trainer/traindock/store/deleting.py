"""Deleting runs: gone for every reader at once, then their space is given back to the disk.

A run's folder gets a name that is no run's, ``runs/.deleted-…``, and that is announced in the same moment. From then on
the run is deleted, whoever is killed when. What remains, :func:`finish`, can be repeated by anybody: the contents that
only such runs referred to are deleted (see ``store.releasing``), then the folders. A dispatcher that starts does what
was left undone.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from traindock import faultpoints
from traindock.errors import StoreException
from traindock.store import releasing
from traindock.store.changes import Changes
from traindock.store.copying import storage_error
from traindock.store.files import permit, remove_tree, sync_folder
from traindock.store.layout import DELETED, RunLayout, WorkspaceLayout

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Finished:
    """What :func:`finish` has done.

    Attributes:
        freed_bytes: what it has given back to the disk.
        trouble: what kept it from giving back the rest, as a clause, or "".
    """

    freed_bytes: int = 0
    trouble: str = ""


def hide(layout: WorkspaceLayout, run_ids: Sequence[str], offset: int, stands: Callable[[Sequence[str]], bool]) -> bool:
    """Take runs away from all readers, in one moment.

    Args:
        layout: the workspace.
        run_ids: which, in the order in which they go: children before their parents.
        offset: how far ``changes.log`` was known when they were chosen.
        stands: gets the subjects that were announced since, and says whether the choice still stands.

    Returns:
        Whether it did, so that they are gone.

    Raises:
        WorkspaceReadOnlyException: another host has the workspace.
        StoreException: the disk refuses.
    """
    changes = Changes(layout)
    subjects = [f"run/{run_id}" for run_id in run_ids]

    def rename() -> None:
        for run_id in run_ids:
            root = layout.run(run_id).root
            permit(root)
            with contextlib.suppress(FileNotFoundError):  # somebody else has just deleted it
                root.rename(layout.deleted_run().root)
            faultpoints.reached("delete.between-runs")

    try:
        try:
            done = changes.publish_all(offset, lambda since: subjects if stands(since) else [], rename)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            # There is no room for the announcement, nor will there be any without this; lists notice it by themselves.
            rename()
            finish(layout)
            done = True
            with contextlib.suppress(OSError):
                changes.publish_all(offset, lambda _: subjects, lambda: None)
        if done:
            sync_folder(layout.runs)
    except OSError as error:
        raise storage_error(error, f"delete {', '.join(run_ids)}") from error
    return done


def finish(layout: WorkspaceLayout, *, patience_seconds: float = releasing.PATIENCE_SECONDS) -> Finished:
    """Give the space of deleted runs back to the disk, also of those that somebody else has deleted.

    Args:
        layout: the workspace.
        patience_seconds: how long to wait for somebody else who does this, and for those who store files.
    """
    try:
        with _alone(layout, patience_seconds) as alone:
            if not alone:
                return Finished(trouble="somebody else is giving it back")
            return _finish(layout, patience_seconds)
    except (OSError, StoreException) as error:
        return Finished(trouble=str(error))


def _finish(layout: WorkspaceLayout, patience_seconds: float) -> Finished:
    folders = [layout.runs / name for name in os.listdir(layout.runs) if name.startswith(DELETED)]
    contents: set[str] = set()
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):
            contents |= releasing.contents_in(RunLayout(folder).sealed_json.read_bytes())
    faultpoints.reached("delete.before-release")
    # While the folders are there, unlinking a content frees nothing yet, and so takes no time.
    freed = releasing.release(layout, contents, patience_seconds)
    if freed is None:
        releasing.leave(layout, contents)
    faultpoints.reached("delete.after-release")
    freed = freed or 0
    left = []
    for folder in folders:
        size = _own_bytes(folder)
        if remove_tree(folder):
            freed += size
        else:
            left.append(folder)
        faultpoints.reached("delete.between-folders")
    trouble = f"parts of {left[0]} cannot be removed, since they belong to somebody else" if left else ""
    return Finished(freed, trouble or releasing.finish_all(layout, patience_seconds))


@contextmanager
def _alone(layout: WorkspaceLayout, patience_seconds: float) -> Iterator[bool]:
    """Keep out others who finish deletions, for the length of the block; yields whether that was to be had in time."""
    descriptor = os.open(layout.runs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + patience_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    yield False
                    return
                time.sleep(_PAUSE_SECONDS)
            else:
                yield True
                return
    finally:
        os.close(descriptor)


def _own_bytes(folder: Path) -> int:
    """How many bytes on the disk are only used by what lies in a folder."""
    sizes: dict[tuple[int, int], int] = {}
    links: dict[tuple[int, int], int] = {}
    for base, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with contextlib.suppress(OSError):
                found = os.lstat(os.path.join(base, name))  # noqa: PTH118 -- a Path for each takes as long as the rest
                inode = (found.st_dev, found.st_ino)
                sizes[inode] = found.st_blocks * 512
                links[inode] = links.get(inode, 0 if name in folders else found.st_nlink) - 1
    return sum(size for inode, size in sizes.items() if links[inode] <= 0)
