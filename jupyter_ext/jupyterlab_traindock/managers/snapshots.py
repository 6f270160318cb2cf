"""The source folders that runs were submitted with."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any, Final

from jupyterlab_traindock.errors import not_found
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from jupyterlab_traindock.managers.opened_file import OpenedFile
from traindock import snapshot
from traindock.errors import SnapshotException, StoreException
from traindock.names import check_relative
from traindock.run import Run
from traindock.snapshot import Snapshot
from traindock.store.blobs import BlobStore

_MOST_LINKS: Final = 40


class SnapshotManager:
    """The snapshots of the runs of the workspaces.

    Args:
        workspaces: what may be opened.
    """

    def __init__(self, workspaces: OpenedWorkspaces) -> None:
        self._workspaces = workspaces

    def list(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return a page of the tree that a run was submitted with, by path.

        Args:
            asked: the parameters of ``getSnapshot``, as the OpenAPI document has them.

        Raises:
            ApiError: 404, where the run has no snapshot.
            StoreException: it is damaged.
        """
        found, _ = self._load(asked["workspace"], asked["run"])
        entries: dict[str, dict[str, Any]] = {
            path: _entry("file", size=file.size, mode=f"{file.mode & 0o777:04o}", sha256=file.sha256)
            for path, file in found.files.items()
        }
        entries |= {path: _entry("link", target=target) for path, target in found.links.items()}
        entries |= {path: _entry("folder") for path in found.empty_folders}
        paths = sorted(entries)
        start, stop = asked["offset"], asked["offset"] + asked["limit"]
        return {
            "id": found.id,
            "size": found.total_bytes,
            "entries": [{"path": path, **entries[path]} for path in paths[start:stop]],
            "total": len(paths),
            "more": len(paths) > stop,
        }

    def open(self, workspace_id: str, run_id: str, name: str) -> OpenedFile:
        """Open a file of a run's snapshot; a link to a file of the snapshot stands for it.

        Raises:
            ApiError: 404, where there is no such file.
            UserErrorException: the name leads out of the snapshot.
            StoreException: its content is missing.
        """
        found, blobs = self._load(workspace_id, run_id)
        path = check_relative(name)
        for _ in range(_MOST_LINKS):
            if path not in found.links:
                break
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), found.links[path]))
        file = found.files.get(path)
        if file is None:
            raise not_found("snapshot_path_not_found", f"the snapshot of run {run_id} has no file {name!r}")
        opened = OpenedFile(blobs.open(file.sha256), name, file.sha256)
        if opened.size != file.size:
            opened.close()
            raise StoreException(
                f"{name!r} is damaged: it has another size than it had. Restore content {file.sha256} from a backup "
                "of the workspace, or submit the source folder again"
            )
        return opened

    def _load(self, workspace_id: str, run_id: str) -> tuple[Snapshot, BlobStore]:
        workspace = self._workspaces.get(workspace_id)
        snapshot_id = Run.get(workspace, run_id).get_snapshot_id()
        if not snapshot_id:
            raise not_found("snapshot_not_found", f"run {run_id} was made without a snapshot of a source folder")
        try:
            return snapshot.load(snapshot_id, workspace.layout), BlobStore(workspace.layout.blobs)
        except SnapshotException as error:
            raise not_found("snapshot_not_found", f"the snapshot of run {run_id} is gone: {error}") from None


def _entry(kind: str, **facts: Any) -> dict[str, Any]:
    return {"kind": kind, "size": None, "mode": None, "sha256": None, "target": None, **facts}
