"""The workspaces that this server may open, by id: never by a path that a request or a notebook names."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jupyterlab_traindock.errors import ApiError, not_found
from traindock import workspace_config, workspace_finding
from traindock.documents import timestamp
from traindock.errors import StoreException, TraindockError, WorkspaceException
from traindock.experiment import Experiment
from traindock.store.index import RunGroup, RunQuery
from traindock.store.layout import WorkspaceLayout
from traindock.store.locations import Locations
from traindock.workspace import Workspace
from traindock.workspace_config import WorkspaceConfig


@dataclass(frozen=True)
class _Opened:
    workspace: Workspace
    stamp: tuple[int, ...]


class OpenedWorkspaces:
    """Opens workspaces of the user's own, keeps them open, and notices when they are moved, deleted or replaced.

    Args:
        folders: the folders that may be opened; empty for all that the user has made or opened before.
        default: name, id or folder of the one to show first, or "".
        root: the server's root folder, or None where its contents are no folder of this machine; a ``config.json``
            in it names the default one where ``default`` is "".
        shows_hidden: whether the server's contents show what is hidden.
    """

    def __init__(self, folders: Iterable[Path], default: str, root: Path | None, *, shows_hidden: bool = False) -> None:
        self._folders = [folder.expanduser().absolute() for folder in folders]
        self._default = default
        self._lock = threading.Lock()
        self._open: dict[str, _Opened] = {}
        self.root = root
        self.shows_hidden = shows_hidden

    def get(self, workspace_id: str) -> Workspace:
        """Return the workspace of this id.

        Raises:
            ApiError: 404, where there is none that may be opened, or it cannot be read.
        """
        with self._lock:
            opened = self._open.get(workspace_id)
        if opened is not None and opened.stamp == _stamp(opened.workspace.layout.root):
            return opened.workspace
        folder = self._all().get(workspace_id)
        new = None if folder is None else _Opened(Workspace(folder), _stamp(folder))
        with self._lock:
            if self._open.get(workspace_id) is not opened:  # another thread was quicker
                return self._open[workspace_id].workspace if workspace_id in self._open else self.get(workspace_id)
            if new is None:
                self._open.pop(workspace_id, None)
            else:
                self._open[workspace_id] = new
        if opened is not None:
            opened.workspace.index.close()
        if new is None:
            raise self._missing(workspace_id)
        return new.workspace

    def ids(self) -> list[str]:
        """Return the ids of all that may be opened."""
        return list(self._all())

    def folders(self) -> list[Path]:
        """Return the folders that seem to hold one, without a look into them: cheap enough for every second."""
        if self._folders:
            return [folder for folder in self._folders if WorkspaceLayout(folder).workspace_json.is_file()]
        return Locations().all()

    def all(self) -> list[dict[str, Any]]:
        """Describe the workspaces, by name."""
        default = self.default_id()
        documents = []
        for workspace_id in self._all():
            try:
                workspace = self.get(workspace_id)
            except Exception as error:
                if not isinstance(error, TraindockError | OSError):
                    raise
                continue
            documents.append(self._described(workspace, default))
        return sorted(documents, key=lambda one: (one["name"], one["id"]))

    def describe(self, workspace_id: str) -> dict[str, Any]:
        """Describe one workspace."""
        return self._described(self.get(workspace_id), self.default_id())

    def create(self, name: str) -> dict[str, Any]:
        """Make a workspace in the user's data folder, and describe it.

        Raises:
            ApiError: 403, where only certain folders may be opened; 409, where there is one of this name, or its folder
                holds something else.
            TraindockError: the name is not allowed, or the disk refuses.
        """
        if self._folders:
            raise ApiError(
                HTTPStatus.FORBIDDEN,
                "forbidden",
                "this server may open certain workspaces only",
                "Have one made by whoever configures the server: TraindockApp.workspaces.",
            )
        if any(each.record.name == name for each in workspace_finding.known()):
            raise ApiError(
                HTTPStatus.CONFLICT,
                "workspace_exists",
                f"there is a workspace {name!r} already",
                "Use it, or choose another name.",
            )
        try:
            made = Workspace.create(name, show_output=False)
        except WorkspaceException as error:
            raise ApiError(
                HTTPStatus.CONFLICT,
                "workspace_conflict",
                str(error),
                "Choose another name, or have what lies in the folder of this name moved away.",
            ) from error
        return self.describe(made.id)

    def experiments(self, workspace_id: str, *, archived: bool) -> list[dict[str, Any]]:
        """Describe the experiments of a workspace, by name, with their runs in numbers."""
        workspace = self.get(workspace_id)
        counts = {group.value: group for group in workspace.index.groups(RunQuery(), "experiment")}
        found = Experiment.list(workspace, view_type="All" if archived else "ActiveOnly")
        return [_experiment(one, counts.get(one.name)) for one in found]

    def default_id(self) -> str | None:
        """Return the id of the workspace to show first; None where there is no such workspace."""
        known = self._all()
        for workspace_id, folder in known.items():
            if self._default and self._default in (workspace_id, str(folder), Workspace(folder).name):
                return workspace_id
        folder = self._configured() or Locations().default("default")
        return next((workspace_id for workspace_id, known_folder in known.items() if known_folder == folder), None)

    def default_name(self) -> str | None:
        """Return the name that a workspace needs for those to use it who name none, such as notebooks in the root.

        None where no name says that: a folder or Azure's strings do, or no workspace may be made here.
        """
        if self._folders:
            return None
        file, config = self._config()
        if file is None:
            return workspace_finding.default_name()
        by_name = config is not None and config.path is None and not any(config.strings.values())
        return config.name if config is not None and by_name else None

    def places(self) -> Mapping[Path, str]:
        """What to write in error texts in place of folders of this machine."""
        with self._lock:
            opened = [each.workspace for each in self._open.values()]
        found = {workspace.layout.root: f"<workspace {workspace.name}>" for workspace in opened}
        return found if self.root is None else {**found, self.root: "<server root>"}

    def close(self) -> None:
        """Close all of them; the next question opens them again."""
        with self._lock:
            opened, self._open = self._open, {}
        for each in opened.values():
            each.workspace.index.close()

    def _configured(self) -> Path | None:
        """Return the folder that a ``config.json`` in the server's root names, if it exists already."""
        _, config = self._config()
        if config is None:
            return None
        try:
            return config.path or workspace_finding.only(config.name, **config.strings)
        except TraindockError:
            return None  # whoever uses the file is told

    def _config(self) -> tuple[Path | None, WorkspaceConfig | None]:
        """Return the ``config.json`` that holds in the server's root, and what it says; None where that is unusable."""
        file = None if self.root is None else workspace_config.find(self.root, workspace_config.NAMES)
        if file is None:
            return None, None
        try:
            return file, workspace_config.load(file)
        except TraindockError:
            return file, None  # whoever uses the file is told

    def _all(self) -> dict[str, Path]:
        """Return the folders that may be opened, by id."""
        known = workspace_finding.at(self._folders) if self._folders else workspace_finding.known()
        configured = None if self._folders else self._configured()
        if configured is not None:
            known = [*known, *workspace_finding.at([configured])]
        return {each.record.id: each.root for each in known}

    def _missing(self, workspace_id: str) -> ApiError:
        """Return why there is no workspace of this id: one that cannot be read does not tell its own."""
        hidden = workspace_finding.unreadable(self._folders or Locations().listed())
        if not hidden:
            return not_found("workspace_not_found", f"there is no workspace {workspace_id!r} that this server may open")
        folders = "; ".join(f"{root.name!r}: {why}" for root, why in hidden.items())
        return not_found(
            "workspace_unreadable",
            f"there is no workspace {workspace_id!r} among those that can be read here, and these cannot: {folders}",
        )

    @staticmethod
    def _described(workspace: Workspace, default: str | None) -> dict[str, Any]:
        try:
            runs: int | None = workspace.index.hasty.count()
        except StoreException:  # one whose index cannot be asked now is to be seen, and hides no other
            runs = None
        return {
            "id": workspace.id,
            "name": workspace.name,
            "default": workspace.id == default,
            "location": workspace.location,
            "subscription_id": workspace.subscription_id,
            "resource_group": workspace.resource_group,
            "tags": workspace.tags,
            "created": timestamp(workspace.record.created),
            "runs": runs,
        }


def _experiment(experiment: Experiment, counted: RunGroup | None) -> dict[str, Any]:
    return {
        "name": experiment.name,
        "runs": counted.runs if counted else 0,
        "unfinished": counted.unfinished if counted else 0,
        "newest": timestamp(counted.newest) if counted else None,
        "archived": experiment.archived,
        "tags": experiment.tags,
    }


def _stamp(folder: Path) -> tuple[int, ...]:
    """What changes when another workspace comes into a folder, or this one goes, or becomes somebody else's."""
    try:
        found = WorkspaceLayout(folder).workspace_json.stat()
        owner = folder.stat().st_uid
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns, owner
