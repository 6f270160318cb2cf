"""Which environments a workspace has built."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from jupyterlab_traindock.managers.answers import Answers
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from traindock.documents import timestamp
from traindock.errors import TraindockError
from traindock.images import inventory
from traindock.store.index import RunQuery
from traindock.workspace import Workspace

#: How many runs, from the newest on, are asked which environment they had.
_MOST_RUNS: Final = 1000
#: A folder with PyTorch has tens of thousands of files: its size comes with a later answer, and changes no more.
_PATIENCE_SECONDS: Final = 2.0
_KEEP_SECONDS: Final = 3600.0


@dataclass(frozen=True)
class _Use:
    """What one run tells about its environment."""

    key: str
    name: str
    time: float


class EnvironmentManager:
    """The environments of the workspaces.

    Args:
        workspaces: what may be opened.
    """

    def __init__(self, workspaces: OpenedWorkspaces) -> None:
        self._workspaces = workspaces
        self._sizes = Answers(_PATIENCE_SECONDS, _KEEP_SECONDS)
        self._lock = threading.Lock()
        # By workspace and, of runs that have ended, by id: what these had can change no more.
        self._known: dict[str, dict[str, _Use | None]] = {}

    def all(self, workspace_id: str) -> list[dict[str, Any]]:
        """Describe the environments, those built last first."""
        workspace = self._workspaces.get(workspace_id)
        found = inventory.built(workspace.layout.environments)
        folders = {one.folder: partial(inventory.size_of, one.folder) for one in found if one.folder is not None}
        sizes: Mapping[Path, Any] = self._sizes.get(folders)
        uses = self._uses(workspace)
        documents = []
        for one in found:
            size = sizes.get(one.folder) if one.folder is not None else None
            mine = uses.get(one.key, [])
            documents.append(
                {
                    "key": one.key,
                    "kind": one.kind,
                    "names": sorted({use.name for use in mine if use.name}),
                    "packages": list(one.packages),
                    "size": size if isinstance(size, int) else None,
                    "built": timestamp(one.built) if one.built else None,
                    "last_used": timestamp(max((use.time for use in mine), default=None)),
                    "runs": len(mine),
                }
            )
        return documents

    def _uses(self, workspace: Workspace) -> dict[str, list[_Use]]:
        """Return what the newest runs tell about environments, by their keys."""
        found: dict[str, list[_Use]] = {}
        ended: dict[str, _Use | None] = {}
        with self._lock:
            known = self._known.get(workspace.id, {})
            for row in workspace.index.runs(RunQuery(limit=_MOST_RUNS)):
                use = known[row.id] if row.id in known else _use(workspace, row.id)
                if row.state.terminal:
                    ended[row.id] = use
                if use is not None:
                    found.setdefault(use.key, []).append(use)
            self._known[workspace.id] = ended
        return found


def _use(workspace: Workspace, run_id: str) -> _Use | None:
    try:
        record = workspace.run_folder(run_id).load()
    except TraindockError:
        return None
    key = record.environment.get("key")
    if not isinstance(key, str) or not key:
        return None
    return _Use(key, record.spec.environment_name, record.started or record.created)
