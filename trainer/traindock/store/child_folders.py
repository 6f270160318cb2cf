"""What a job in a container writes of its child runs.

The container has its own run's folder, and of others only ``children/`` in it. So a child's folders that code in the
job writes to lie there until the child ends, and links in the child's own folder lead to them. The job can do what it
likes in ``children/``: put a link in the place of a folder, to have something read, written or moved elsewhere. So
what is to be read is found here, never by following the child's links; nothing is written there once the job can see
it; and what is taken back is looked at where the job cannot reach it any more.
"""

from __future__ import annotations

import shutil
import stat
from pathlib import Path
from typing import Final

from traindock.store.copying import storage_error
from traindock.store.layout import RunLayout

#: The folders of a run that a job's code writes to.
_PARTS: Final = ("metrics", "outputs", "logs", "uploads", "driver")


def hand_out(child: RunLayout, job: RunLayout, run_id: str) -> None:
    """Move a new child's folders to where its job can write to them, and leave links.

    Args:
        child: the child's folder, which may still have its unfinished name.
        job: the run whose job makes it.
        run_id: the child.

    Raises:
        StoreException: the disk refuses, or the job's own code is in the way.
    """
    place = job.child(run_id).root
    given = child.root / ".given"
    try:
        # A child's id can be foreseen, so its job may have put something there.
        _remove(place)
        given.mkdir()
        for part in _PARTS:
            (child.root / part).rename(given / part)
        given.rename(place)
        for part in _PARTS:
            (child.root / part).symlink_to(Path("..", job.root.name, job.children.name, run_id, part))
    except OSError as error:
        raise storage_error(error, f"make the folders of {run_id}") from error


def take_back(child: RunLayout) -> None:
    """Move a child's folders to where they belong; what its job put in the place of one is left out.

    May be called more than once, also after a call that was interrupted, and for a run that nothing was handed out of.

    Raises:
        StoreException: the disk refuses.
    """
    try:
        for part in _PARTS:
            own = child.root / part
            taken = child.root / f".taken-{part}"
            if own.is_symlink() and not taken.exists() and (place := _place(own)) is not None:
                _take(place / part, taken)
            if taken.exists():
                own.unlink(missing_ok=True)
                taken.rename(own)
    except OSError as error:
        raise storage_error(error, f"take back the folders of {child.root.name}") from error


def present(run: RunLayout) -> RunLayout:
    """Return where a run's files lie now: in its own folder, or, of a child that goes on, in that of its job.

    To be opened without following any link: what is there is the job's to change.
    """
    place = _place(run.uploads)
    return run if place is None else RunLayout(place)


def _place(link: Path) -> Path | None:
    """The folder in which a child's folders were handed out, by one of its links; None where that is no such link."""
    try:
        up, job, children, run_id, part = link.readlink().parts
    except (OSError, ValueError):
        return None
    here = RunLayout(link.parent.parent / job)
    if (up, children, part) != ("..", here.children.name, link.name):
        return None
    return here.child(run_id).root


def _take(source: Path, target: Path) -> None:
    """Move a folder, or make an empty one where there is none, or what is no folder."""
    if _is_folder(source.parent):
        try:
            source.rename(target)
        except (FileNotFoundError, NotADirectoryError):
            pass
        else:
            # Only now can nobody change any more what it is.
            if not _is_folder(target):
                target.unlink()
    target.mkdir(exist_ok=True)


def _remove(place: Path) -> None:
    if _is_folder(place):
        shutil.rmtree(place)  # follows no link
    else:
        place.unlink(missing_ok=True)


def _is_folder(path: Path) -> bool:
    """Whether there is a folder, and no link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
