"""Models as scripts look for them: below the current folder, in ``azureml-models/<name>/<version>/``.

A version's folder is built beside its place and renamed, so that whoever finds one finds the whole model.
"""

from __future__ import annotations

import fcntl
import os
import shutil

from .errors import ModelNotFoundException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List

_MODELS = "azureml-models"
#: Start of the names of unfinished files and folders.
TEMPORARY = ".incoming-"


def folder_of(name: str) -> str:
    """Return where the versions of a model lie, relative to the current folder."""
    return os.path.join(_MODELS, name)


def find(name: str, version: int | None) -> str | None:
    """Return the file or folder of a version, of the newest one if ``version`` is None; None if it is not there.

    Raises:
        ModelNotFoundException: the version's folder holds several entries.
    """
    folder = folder_of(name)
    there = {int(entry): entry for entry in _entries(folder) if entry.isdecimal()}
    for number in sorted(there, reverse=True):
        if version not in (None, number):
            continue
        place = os.path.join(folder, there[number])
        held = _entries(place)
        if len(held) > 1:
            raise ModelNotFoundException(
                f"{place!r} holds {len(held)} entries: a version's folder holds one file or folder"
            )
        if held:
            return os.path.join(place, held[0])
    return None


def fetch(name: str, version: int, download: Callable[[str], None]) -> str:
    """Bring a version to its place and return its file or folder; whoever comes second waits, and takes that.

    Args:
        name: the model.
        version: which one.
        download: puts one file or folder into the folder that it is given, which it may have to make.

    Raises:
        ModelNotFoundException: the version's folder holds several entries.
        OSError: the disk refuses; and what ``download`` raises.
    """
    folder = folder_of(name)
    place = os.path.join(folder, str(version))
    building = os.path.join(folder, f"{TEMPORARY}{os.urandom(8).hex()}")
    os.makedirs(folder, exist_ok=True)
    lock = os.open(os.path.join(folder, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = find(name, version)
        if found is not None:
            return found
        _remove_temporaries(folder)
        _remove_temporaries(place)
        try:
            download(building)
            (content,) = os.listdir(building)
            os.rename(building, place)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    finally:
        os.close(lock)
    return os.path.join(place, content)


def _entries(folder: str) -> List[str]:
    try:
        return sorted(entry for entry in os.listdir(folder) if not entry.startswith(TEMPORARY))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _remove_temporaries(folder: str) -> None:
    """Remove what killed downloads have left; under the lock there is no other."""
    if not os.path.isdir(folder):
        return
    for entry in os.listdir(folder):
        path = os.path.join(folder, entry)
        if entry.startswith(TEMPORARY):
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
