"""Downloads from the workspace to where scripts look for models, see :mod:`traindock.runtime.local_models`."""

from __future__ import annotations

from pathlib import Path

from traindock.runtime import local_models
from traindock.store import model_contents
from traindock.store.copying import storage_error
from traindock.store.layout import WorkspaceLayout
from traindock.store.model_records import ModelVersion


def fetch(layout: WorkspaceLayout, record: ModelVersion) -> str:
    """Download a version to its place and return its file or folder; whoever comes second waits, and takes that.

    Raises:
        ModelNotFoundException: the version's folder holds several entries.
        StoreException: a content is missing or damaged, or the disk refuses.
    """

    def download(folder: str) -> None:
        model_contents.download(layout, record.content, Path(folder), exist_ok=False)

    try:
        return local_models.fetch(record.name, record.version, download)
    except OSError as error:
        raise storage_error(error, f"write {local_models.folder_of(record.name)}/{record.version}") from error
