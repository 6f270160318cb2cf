"""Tells Jupyter's event system what happens to workspaces, runs and models: for pages, and for who keeps a log."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, Final

from jupyterlab_traindock.live.hub import Hub
from jupyterlab_traindock.live.list_feed import BEGINNING
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from traindock.documents import timestamp
from traindock.errors import TraindockError
from traindock.store import model_records
from traindock.workspace import Workspace

RUN_LIFECYCLE: Final = "urn:traindock:event:run_lifecycle:v1"
WORKSPACE_DISCOVERY: Final = "urn:traindock:event:workspace_discovery:v1"
MODEL_REGISTRATION: Final = "urn:traindock:event:model_registration:v1"

#: Runs and models of which is remembered how far they were told.
_REMEMBERED: Final = 10_000


def schemas() -> list[Path]:
    """Return the files of the schemas, for the server to register."""
    folder = resources.files("jupyterlab_traindock").joinpath("events")
    return sorted(Path(str(file)) for file in folder.iterdir() if file.name.endswith(".yaml"))


class Announcer:
    """Follows all workspaces by the hub, and emits what happens from now on.

    Args:
        hub: where to follow them.
        workspaces: which ones.
        emit: takes a schema's id and the event; called by the hub's thread, and by those that look.
    """

    def __init__(self, hub: Hub, workspaces: OpenedWorkspaces, emit: Callable[[str, dict[str, Any]], None]) -> None:
        self._hub = hub
        self._workspaces = workspaces
        self._emit = emit
        self._followed: set[str] = set()
        self._has_looked = False
        #: Of each workspace, up to where its changes were told.
        self._cursors: dict[str, str] = {}
        self._since = time.time()
        self._told: OrderedDict[tuple[str, str], float] = OrderedDict()

    def look(self) -> None:
        """Follow workspaces that are new: one made meanwhile from its beginning, one that is back as before."""
        for workspace_id in self._workspaces.ids():
            if workspace_id not in self._followed:
                self._followed.add(workspace_id)
                if self._has_looked:
                    self._tell_workspace(self._workspaces.get(workspace_id))
                self._hub.follow_list(self, workspace_id, workspace_id, self._cursor_of(workspace_id))
        self._has_looked = True

    def _cursor_of(self, workspace_id: str) -> str | None:
        known = self._cursors.get(workspace_id)
        if known is None and self._workspaces.get(workspace_id).record.created >= self._since:
            return BEGINNING
        return known

    # -- what the hub calls ----------------------------------------------------------------------------------

    def takes(self) -> bool:
        """Events are taken at any time."""
        return True

    def send(self, text: str) -> None:
        """Emit what a message of the hub comes to."""
        message = json.loads(text)
        self._cursors[message["name"]] = message["cursor"]
        changes = message.get("changes")
        if not changes:
            return
        workspace = self._workspaces.get(message["name"])
        for run_id in changes["changed_runs"]:
            self._tell_run(workspace, run_id)
        for name in changes["models"]:
            self._tell_model(workspace, name)

    def refuse(self, name: str, error: BaseException) -> None:
        """A workspace is gone; should it come again, it is followed again."""
        self._followed.discard(name)

    def _tell_workspace(self, workspace: Workspace) -> None:
        self._emit(
            WORKSPACE_DISCOVERY,
            {
                "workspace": workspace.id,
                "workspace_name": workspace.name,
                "created": timestamp(workspace.record.created),
            },
        )

    def _tell_run(self, workspace: Workspace, run_id: str) -> None:
        try:
            record = workspace.run_folder(run_id).load()
        except TraindockError:  # deleted meanwhile, or damaged
            return
        for change in record.history:
            if change.time > self._told.get((workspace.id, run_id), self._since):
                self._remember(workspace.id, run_id, change.time)
                self._emit(
                    RUN_LIFECYCLE,
                    {
                        "workspace": workspace.id,
                        "workspace_name": workspace.name,
                        "run": record.id,
                        "experiment": record.experiment,
                        "number": record.number,
                        "display_name": record.display_name,
                        "state": change.state.value,
                        "reason": change.reason.value if change.reason else None,
                        "detail": change.detail,
                        "time": timestamp(change.time),
                        "terminal": change.state.terminal,
                    },
                )

    def _tell_model(self, workspace: Workspace, name: str) -> None:
        try:
            versions = model_records.load(workspace.layout, name)
        except TraindockError:
            return
        key = f"model/{name}"
        for version in versions.values():
            if version.created > self._told.get((workspace.id, key), self._since):
                self._remember(workspace.id, key, version.created)
                self._emit(
                    MODEL_REGISTRATION,
                    {
                        "workspace": workspace.id,
                        "workspace_name": workspace.name,
                        "model": version.name,
                        "version": version.version,
                        "run": version.lineage.run_id,
                        "experiment": version.lineage.experiment,
                        "size": version.size,
                        "time": timestamp(version.created),
                    },
                )

    def _remember(self, workspace_id: str, what: str, moment: float) -> None:
        self._told[workspace_id, what] = moment
        self._told.move_to_end((workspace_id, what))
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
