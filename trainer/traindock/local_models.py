"""Models as scoring scripts look for them: below the current folder, in ``azureml-models/<name>/<version>/``.

A version's folder is built beside its place and renamed, so that whoever finds one finds the whole model.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from traindock.errors import ModelNotFoundException
from traindock.store import events, model_contents
from traindock.store.copying import is_temporary, storage_error, temporary_name
from traindock.store.layout import WorkspaceLayout
from traindock.store.model_records import ModelVersion

_MODELS: Final = Path("azureml-models")


def folder_of(name: str) -> Path:
    """Return where the versions of a model lie, relative to the current folder."""
    return _MODELS / name


def find(name: str, version: int | None) -> Path | None:
    """Return the file or folder of a version, of the newest one if ``version`` is None; None if it is not there.

    Raises:
        ModelNotFoundException: the version's folder holds several entries.
    """
    there = {int(entry.name): entry for entry in _entries(folder_of(name)) if entry.name.isdecimal()}
    for number in sorted(there, reverse=True):
        if version not in (None, number):
            continue
        held = _entries(there[number])
        if len(held) > 1:
            raise ModelNotFoundException(
                f"{str(there[number])!r} holds {len(held)} entries: a version's folder holds one file or folder"
            )
        if held:
            return held[0]
    return None


def fetch(layout: WorkspaceLayout, record: ModelVersion) -> Path:
    """Download a version to its place and return its file or folder; whoever comes second waits, and takes that.

    Raises:
        ModelNotFoundException: the version's folder holds several entries.
        StoreException: a content is missing or damaged, or the disk refuses.
    """
    folder = folder_of(record.name)
    place = folder / str(record.version)
    building = folder / temporary_name()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with events.locked(folder / ".lock"):
            found = find(record.name, record.version)
            if found is not None:
                return found
            _remove_temporaries(folder)
            _remove_temporaries(place)
            try:
                model_contents.download(layout, record.content, building, exist_ok=False)
                building.rename(place)
            finally:
                shutil.rmtree(building, ignore_errors=True)
    except OSError as error:
        raise storage_error(error, f"write {place}") from error
    return place / record.content.root


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not is_temporary(entry.name))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _remove_temporaries(folder: Path) -> None:
    """Remove what killed downloads have left; under the lock there is no other."""
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        if is_temporary(entry.name):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
