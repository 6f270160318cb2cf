"""A workspace: the folder that holds experiments, runs, models, environments and compute targets."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traindock import settings as workspace_settings
from traindock.errors import WorkspaceException
from traindock.names import check_name
from traindock.store import identity
from traindock.store.layout import WorkspaceLayout
from traindock.store.locations import Locations
from traindock.store.run_records import RunFolder, RunRecord

if TYPE_CHECKING:
    from traindock.compute.base import Job
    from traindock.compute_target import ComputeTarget
    from traindock.experiment import Experiment
    from traindock.model import Model
    from traindock.run import Run
    from traindock.settings import Settings
    from traindock.store.index import Index

_CONFIG_FOLDERS = (".traindock", ".azureml", "aml_config", "")
_CONFIG_NAMES = ("config.json", "project.json")


class Workspace:
    """An open workspace. Get one from :meth:`from_config`, :meth:`get` or :meth:`create`.

    Args:
        path: folder of an existing workspace.

    Raises:
        WorkspaceException: there is none, or it belongs to another user.
        StoreException: it is damaged, or of a newer format.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        root = Path(path).expanduser().absolute()
        self._record = identity.load(root)
        self.layout = WorkspaceLayout(root)

    @classmethod
    def from_config(cls, path: str | os.PathLike[str] | None = None) -> Workspace:
        """Open the workspace that a ``config.json`` names, or your default workspace where there is none.

        Looked for in ``path`` (default: the current folder) and all folders above it: in each, in ``.traindock``,
        ``.azureml``, ``aml_config`` and the folder itself. Azure ML's files work as they are: their workspace
        name names a workspace on this machine, made on first use, which keeps the file's strings.

        Args:
            path: a configuration file, or the folder to start from.

        Raises:
            WorkspaceException: ``path`` does not exist, or the file is no usable configuration; the text names it.
        """
        start = Path(path if path is not None else ".").expanduser().absolute()
        if not start.exists():
            raise WorkspaceException(f"there is no {start}: give a config.json, or a folder in or below its own")
        file = start if start.is_file() else _find_config(start)
        if file is None:
            workspace = cls._default()
            print(  # noqa: T201
                f"No config.json in {start} or above: using your default workspace {workspace.name!r} "
                f"({workspace.layout.root})"
            )
            return workspace
        return cls._configured(file)

    @classmethod
    def create(
        cls,
        name: str,
        auth: object = None,
        subscription_id: str = "",
        resource_group: str = "",
        location: str = "local",
        *,
        path: str | os.PathLike[str] | None = None,
        tags: Mapping[str, str] | None = None,
        exist_ok: bool = False,
        show_output: bool = True,
        **ignored: object,
    ) -> Workspace:
        """Make a workspace, or open it where it exists and ``exist_ok`` says so.

        Args:
            name: 2 to 33 letters, digits, ``_`` or ``-``.
            auth: ignored, as are all other arguments that only mean something in Azure.
            subscription_id: kept as a string.
            resource_group: kept as a string.
            location: kept as a string; it is not a folder, see ``path``.
            path: the folder; by default one of this name in your data folder.
            tags: free strings.
            exist_ok: open an existing workspace of this name.
            show_output: say where the workspace is.
            **ignored: accepted for old notebooks.

        Raises:
            UserErrorException: the name is not allowed.
            WorkspaceException: it exists, or the folder holds something else.
        """
        check_name("workspace", name)
        locations = Locations()
        root = Path(path).expanduser().absolute() if path is not None else locations.default(name)
        if (root / "workspace.json").exists():
            if not exist_ok:
                raise WorkspaceException(
                    f"workspace {name!r} exists already ({root}): open it with Workspace.get({name!r}), "
                    "or pass exist_ok=True"
                )
        else:
            identity.create(
                root,
                name,
                subscription_id=subscription_id or "",
                resource_group=resource_group or "",
                location=location or "local",
                tags=dict(tags or {}),
            )
        locations.remember(root)
        workspace = cls(root)
        if show_output:
            print(f"Workspace {workspace.name!r} is in {root}")  # noqa: T201
        return workspace

    @classmethod
    def get(
        cls,
        name: str,
        auth: object = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        **ignored: object,
    ) -> Workspace:
        """Open the workspace of this name.

        Args:
            name: as :meth:`list` gives it.
            auth: ignored.
            subscription_id: tells workspaces of one name apart.
            resource_group: likewise.
            **ignored: accepted for old notebooks.

        Raises:
            WorkspaceException: there is none (the text lists those there are), or there are several.
        """
        known = cls.list(subscription_id, resource_group=resource_group)
        found = known.get(name, [])
        if len(found) == 1:
            return found[0]
        if not found:
            names = ", ".join(sorted(known)) or "none yet"
            raise WorkspaceException(f"there is no workspace {name!r}; yours: {names}. Make one with Workspace.create")
        places = ", ".join(str(workspace.layout.root) for workspace in found)
        raise WorkspaceException(
            f"there are {len(found)} workspaces named {name!r}: open one by Workspace(path): {places}"
        )

    @staticmethod
    def list(
        subscription_id: str | None = None, auth: object = None, resource_group: str | None = None
    ) -> dict[str, list[Workspace]]:
        """Return your workspaces by name. Folders that are gone or damaged are left out."""
        found: dict[str, list[Workspace]] = {}
        for root in Locations().all():
            try:
                workspace = Workspace(root)
            except Exception:  # noqa: BLE001, S112 (one broken workspace must not hide the others)
                continue
            if subscription_id not in (None, workspace.subscription_id):
                continue
            if resource_group not in (None, workspace.resource_group):
                continue
            found.setdefault(workspace.name, []).append(workspace)
        return found

    @classmethod
    def _default(cls) -> Workspace:
        named = os.environ.get("TRAINDOCK_WORKSPACE")
        root = Path(named).expanduser().absolute() if named else Locations().default("default")
        return cls._get_or_create(root, "default")

    @classmethod
    def _get_or_create(cls, root: Path, name: str, **strings: str) -> Workspace:
        if not (root / "workspace.json").exists():
            try:
                identity.create(root, name, **strings)
            except WorkspaceException:
                # Another process may have made it in the meantime.
                if not (root / "workspace.json").exists():
                    raise
        Locations().remember(root)
        return cls(root)

    @classmethod
    def _configured(cls, file: Path) -> Workspace:
        try:
            document = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise WorkspaceException(f"{file} is no usable configuration: {error}") from None
        if not isinstance(document, dict):
            raise WorkspaceException(f"{file} is no usable configuration: it holds no JSON object")
        scope = document.get("Scope")
        if isinstance(scope, str):
            document = {**_scope(scope), **document}
        if isinstance(document.get("workspace_path"), str):
            return cls((file.parent / document["workspace_path"]).resolve())
        keys = ("subscription_id", "resource_group", "workspace_name")
        missing = [key for key in keys if not isinstance(document.get(key, "" if key != keys[2] else None), str)]
        if missing:
            raise WorkspaceException(
                f"{file} lacks {', '.join(missing)}: a config.json needs the strings {', '.join(keys)} "
                '(or "workspace_path", the folder of a workspace)'
            )
        name = check_name("workspace", document["workspace_name"])
        strings = {key: document.get(key, "") for key in keys[:2]}
        for known in Locations().all():
            try:
                record = identity.load(known)
            except Exception:  # noqa: BLE001, S112 (a broken neighbour does not matter here)
                continue
            if record.name == name and all(getattr(record, key) == value for key, value in strings.items()):
                return cls(known)
        return cls._get_or_create(Locations().free(name, strings), name, **strings)

    @property
    def id(self) -> str:
        """32 hex digits; a copy of a workspace folder gets another."""
        return self._record.id

    @property
    def name(self) -> str:
        """The workspace's name."""
        return self._record.name

    @property
    def location(self) -> str:
        """A string kept from Azure's configuration, "local" otherwise."""
        return self._record.location

    @property
    def subscription_id(self) -> str:
        """A string kept from Azure's configuration, "" otherwise."""
        return self._record.subscription_id

    @property
    def resource_group(self) -> str:
        """A string kept from Azure's configuration, "" otherwise."""
        return self._record.resource_group

    @property
    def tags(self) -> dict[str, str]:
        """Free strings; change them with :meth:`update`."""
        return dict(self._record.tags)

    @property
    def record(self) -> identity.WorkspaceRecord:
        """Content of ``workspace.json``."""
        return self._record

    @cached_property
    def index(self) -> Index:
        """The index over the runs."""
        from traindock.store.index import Index

        return Index(self.layout, self._record)

    @property
    def settings(self) -> Settings:
        """Content of ``settings.toml``, read anew each time."""
        return workspace_settings.load(self.layout.settings)

    @property
    def compute_targets(self) -> dict[str, ComputeTarget]:
        """The compute targets by name; "local" is always among them."""
        from traindock.compute_target import ComputeTarget

        return {target.name: target for target in ComputeTarget.list(self)}

    @property
    def experiments(self) -> dict[str, Experiment]:
        """The experiments by name."""
        from traindock.experiment import Experiment

        return {experiment.name: experiment for experiment in Experiment.list(self)}

    @property
    def models(self) -> dict[str, Model]:
        """The latest version of each model, by name."""
        from traindock.model import Model

        return {model.name: model for model in Model.list(self, latest=True)}

    def run_folder(self, run_id: str) -> RunFolder:
        """Return the record of a run, which need not exist.

        Raises:
            UserErrorException: ``run_id`` can be no run's id.
        """
        return RunFolder(self.layout, self._record, run_id)

    def job(self, record: RunRecord) -> Job:
        """Return a run as compute targets see it."""
        from traindock.compute.base import Job

        return Job(
            run_id=record.id,
            attempt=1,
            spec=record.spec,
            layout=self.layout.run(record.id),
            workspace=self.layout,
            settings=self.settings,
            facts={
                "workspace": self.name,
                "workspace_id": self.id,
                "experiment": record.experiment,
                "number": record.number,
                "parent": record.parent or "",
                "display_name": record.display_name,
                "tags": record.tags,
                "properties": record.properties,
            },
        )

    def get_run(self, run_id: str) -> Run:
        """Return the run of this id.

        Raises:
            RunNotFoundException: there is none.
        """
        from traindock.run import Run

        return Run.get(self, run_id)

    def get_details(self) -> dict[str, Any]:
        """Return what is known about the workspace, as plain values."""
        return {
            "id": self.id,
            "name": self.name,
            "path": str(self.layout.root),
            "location": self.location,
            "subscription_id": self.subscription_id,
            "resource_group": self.resource_group,
            "tags": self.tags,
            "created": self._record.created,
        }

    def update(self, tags: Mapping[str, str]) -> None:
        """Replace the workspace's tags."""
        self._record = identity.update(self.layout.root, tags=dict(tags))

    def write_config(self, path: str | os.PathLike[str] | None = None, file_name: str | None = None) -> Path:
        """Write the file that :meth:`from_config` looks for, and return its path.

        Args:
            path: folder, by default the current one; the file goes into ``.traindock`` in it.
            file_name: by default ``config.json``.
        """
        folder = Path(path if path is not None else ".").expanduser() / ".traindock"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / (file_name or "config.json")
        document = {
            "subscription_id": self.subscription_id,
            "resource_group": self.resource_group,
            "workspace_name": self.name,
            "workspace_path": str(self.layout.root),
        }
        file.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
        return file

    def rebuild_index(self) -> int:
        """Make the index anew from the folders, and return the number of runs found."""
        return self.index.rebuild()

    def delete(self, *, delete_dependent_resources: bool = False) -> None:
        """Delete the workspace's folder with everything in it.

        Args:
            delete_dependent_resources: must be True if there are runs or models.

        Raises:
            WorkspaceException: it is not empty, or a dispatcher is at work in it.
        """
        from traindock.dispatcher.start import is_running

        filled = [folder.name for folder in (self.layout.runs, self.layout.models) if any(folder.iterdir())]
        if filled and not delete_dependent_resources:
            raise WorkspaceException(
                f"workspace {self.name!r} still has {' and '.join(filled)}: pass delete_dependent_resources=True "
                "to delete them with it"
            )
        if is_running(self.layout) and self.index.unfinished():
            raise WorkspaceException(f"workspace {self.name!r} has runs that are not finished: cancel them first")
        self.index.close()
        shutil.rmtree(self.layout.root)
        Locations().forget(self.layout.root)

    def __repr__(self) -> str:
        return f"Workspace(name={self.name!r}, path={str(self.layout.root)!r})"

    def _repr_html_(self) -> str:
        return (
            "<table><tr><th>Workspace</th><th>Folder</th></tr>"
            f"<tr><td>{escape(self.name)}</td><td>{escape(str(self.layout.root))}</td></tr></table>"
        )


def _find_config(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        for sub in _CONFIG_FOLDERS:
            for name in _CONFIG_NAMES:
                file = folder / sub / name
                if file.is_file() and (sub or _looks_like_ours(file)):
                    return file
    return None


def _looks_like_ours(file: Path) -> bool:
    """A bare ``config.json`` may belong to anything: unless it parses and names other things, it is ours."""
    try:
        document = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return True
    known = {"workspace_name", "workspace_path", "subscription_id", "resource_group", "Scope"}
    return not isinstance(document, dict) or bool(known & document.keys())


def _scope(scope: str) -> dict[str, str]:
    """Take the three names out of an Azure resource path."""
    parts = scope.strip("/").split("/")
    named = dict(zip(parts[::2], parts[1::2], strict=False))
    pairs = {
        "subscription_id": named.get("subscriptions"),
        "resource_group": named.get("resourceGroups"),
        "workspace_name": named.get("workspaces") or (parts[-1] if "workspaces" in parts else None),
    }
    return {key: value for key, value in pairs.items() if value}
