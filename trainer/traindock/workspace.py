"""A workspace: the folder that holds experiments, runs, models, environments and compute targets."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traindock import settings as workspace_settings
from traindock import workspace_config, workspace_finding
from traindock.errors import TraindockError, WorkspaceException
from traindock.named import Named
from traindock.names import check_name, check_strings
from traindock.store import disks, identity
from traindock.store.locations import Locations, absolute
from traindock.store.ownership import check_writable
from traindock.store.run_records import RunFolder, RunRecord

if TYPE_CHECKING:
    from traindock.compute.base import Job
    from traindock.compute_target import ComputeTarget
    from traindock.experiment import Experiment
    from traindock.model import Model
    from traindock.run import Run
    from traindock.settings import Settings
    from traindock.store.index import Index
    from traindock.store.layout import WorkspaceLayout


class Workspace:
    """An open workspace. Get one from :meth:`from_config`, :meth:`get` or :meth:`create`.

    Args:
        path: folder of an existing workspace. Or, as in Azure ML, the subscription id, with the next two: then it is
            the workspace that a ``config.json`` with these three strings names.
        resource_group: only with ``workspace_name``.
        workspace_name: its name.
        auth: ignored, as are all other arguments that only mean something in Azure.
        subscription_id: only with ``workspace_name``.
        **ignored: accepted for old notebooks, with ``workspace_name``.

    Raises:
        WorkspaceException: there is none, or it belongs to another user.
        StoreException: it is damaged, or of a newer format.
    """

    layout: WorkspaceLayout
    _record: identity.WorkspaceRecord

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
        auth: object = None,
        *,
        subscription_id: str | None = None,
        **ignored: object,
    ) -> None:
        if workspace_name is not None:
            subscription = subscription_id if subscription_id is not None else path
            root = workspace_finding.of_strings(
                workspace_name, subscription_id=subscription, resource_group=resource_group
            )
        elif path is None or ignored or resource_group is not None or subscription_id is not None:
            raise WorkspaceException(
                "a workspace is opened by its folder, Workspace('/my/folder'), by Workspace.from_config(), or by all "
                "of subscription_id, resource_group and workspace_name"
            )
        else:
            root = absolute(path)
        self._record = identity.load(root)
        self.layout = disks.layout_of(root, self._record.id)

    @classmethod
    def from_config(
        cls,
        path: str | os.PathLike[str] | None = None,
        auth: object = None,
        _logger: object = None,
        _file_name: str | None = None,
    ) -> Workspace:
        """Open the workspace that a ``config.json`` names, or your default workspace where there is none.

        Looked for in ``path`` (default: the current folder) and all folders above it: in each, in ``.traindock``,
        ``.azureml``, ``aml_config`` and the folder itself, ``config.json`` before ``project.json``. Azure ML's
        files work as they are: their workspace name names a workspace on this machine, made on first use, which
        keeps the file's strings; files whose strings differ name different workspaces.

        The default workspace is the one that the environment variable ``TRAINDOCK_WORKSPACE`` names (a folder, if
        it holds a ``/``, else a name), or one named "default"; made on first use, and said so.

        Args:
            path: a configuration file, or the folder to start from.
            auth: ignored: a workspace is a folder of yours.
            _logger: ignored.
            _file_name: look for this name only.

        Raises:
            WorkspaceException: ``path`` does not exist, or the file is no usable configuration; the text names it.
        """
        start = absolute(path if path is not None else ".")
        if not start.exists():
            raise WorkspaceException(f"there is no {start}: give a config.json, or a folder in or below its own")
        names = (workspace_config.file_name(_file_name),) if _file_name else workspace_config.NAMES
        file = start if start.is_file() else workspace_config.find(start, names)
        if file is not None:
            return cls(workspace_finding.of_config(file))
        workspace = cls(workspace_finding.default())
        print(  # noqa: T201
            f"No config.json that names a workspace in {start} or above: using your default workspace "
            f"{workspace.name!r} ({workspace.layout.root})"
        )
        return workspace

    @classmethod
    def create(
        cls,
        name: str,
        auth: object = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        location: str | None = None,
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
            subscription_id: kept as a string; workspaces of one name whose strings differ are different ones.
            resource_group: likewise.
            location: kept as a string; it is not a folder, see ``path``.
            path: the folder; by default one of this name in your data folder.
            tags: free strings.
            exist_ok: open an existing workspace of this name.
            show_output: say where the workspace is.
            **ignored: accepted for old notebooks.

        Raises:
            UserErrorException: the name, or a tag, is not allowed.
            WorkspaceException: it exists, or the folder holds something else.
            StoreException: the disk refuses.
        """
        check_name("workspace", name)
        strings = workspace_config.texts(subscription_id=subscription_id, resource_group=resource_group)
        more: dict[str, Any] = {"location": location or "local", "tags": check_strings("tag", tags or {})}
        given = absolute(path) if path is not None else None
        existing = workspace_finding.existing(given, name) if given else workspace_finding.only(name, **strings)
        if existing is not None and not exist_ok:
            raise WorkspaceException(
                f"workspace {name!r} exists already ({existing}): open it with Workspace.get({name!r}), "
                "or pass exist_ok=True"
            )
        if existing is None and given is not None:
            identity.create(given, name, **strings, **more)
        workspace = cls(existing or given or workspace_finding.made(name, strings, **more))
        Locations().remember(workspace.layout.root)
        if show_output:
            print(f"Workspace {workspace.name!r} is in {workspace.layout.root}")  # noqa: T201
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
        found = workspace_finding.only(name, subscription_id=subscription_id, resource_group=resource_group)
        if found is None:
            names = ", ".join(sorted(cls.list())) or "none yet"
            raise WorkspaceException(
                f"there is no workspace {name!r}; yours: {names}. Make one in Python, Workspace.create({name!r}), "
                f"or by using it as the default one, TRAINDOCK_WORKSPACE={name}"
            )
        return cls(found)

    @staticmethod
    def list(
        subscription_id: str | None = None, auth: object = None, resource_group: str | None = None
    ) -> dict[str, list[Workspace]]:
        """Return your workspaces by name. Folders that are gone or damaged are left out.

        Args:
            subscription_id: only workspaces that were made with this string.
            auth: ignored.
            resource_group: likewise.
        """
        found: dict[str, list[Workspace]] = {}
        for each in workspace_finding.known(subscription_id=subscription_id, resource_group=resource_group):
            with suppress(TraindockError, OSError):  # damaged since, or without a folder for this machine
                found.setdefault(each.record.name, []).append(Workspace(each.root))
        return found

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

        return Named("compute target", {target.name: target for target in ComputeTarget.list(self)})

    @property
    def experiments(self) -> dict[str, Experiment]:
        """The experiments by name."""
        from traindock.experiment import Experiment

        return Named("experiment", {experiment.name: experiment for experiment in Experiment.list(self)})

    @property
    def models(self) -> dict[str, Model]:
        """The latest version of each model, by name."""
        from traindock.model import Model

        return Named("model", {model.name: model for model in Model.list(self, latest=True)})

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
                "subscription_id": self.subscription_id,
                "resource_group": self.resource_group,
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
        """Replace the workspace's tags.

        Raises:
            UserErrorException: the name of one is empty or too long.
        """
        check_writable(self.layout)
        self._record = identity.update(self.layout.root, tags=check_strings("tag", tags))

    def write_config(self, path: str | os.PathLike[str] | None = None, file_name: str | None = None) -> Path:
        """Write the file that :meth:`from_config` looks for, and return its path.

        Args:
            path: folder, by default the current one; the file goes into ``.traindock`` in it.
            file_name: by default ``config.json``.

        Raises:
            WorkspaceException: the disk refuses.
        """
        folder = absolute(path if path is not None else ".")
        file = folder / ".traindock" / workspace_config.file_name(file_name or "config.json")
        workspace_config.write(
            file,
            self.layout.root,
            name=self.name,
            subscription_id=self.subscription_id,
            resource_group=self.resource_group,
        )
        return file

    def rebuild_index(self) -> int:
        """Make the index anew from the folders, and return the number of runs found."""
        return self.index.rebuild()

    def delete(self, *, delete_dependent_resources: bool = False) -> None:
        """Delete the workspace's folder with everything in it.

        Args:
            delete_dependent_resources: must be True if there are runs or models.

        Raises:
            WorkspaceException: it is not empty, or has runs that have not ended.
        """
        filled = [folder.name for folder in (self.layout.runs, self.layout.models) if any(folder.iterdir())]
        if filled and not delete_dependent_resources:
            raise WorkspaceException(
                f"workspace {self.name!r} still has {' and '.join(filled)}: pass delete_dependent_resources=True "
                "to delete them with it"
            )
        check_writable(self.layout)
        unfinished = self.index.unfinished()
        if unfinished:
            raise WorkspaceException(
                f"workspace {self.name!r} has {len(unfinished)} runs that have not ended: cancel them first, for "
                f"example {unfinished[0]}"
            )
        self.index.close()
        root = self.layout.root
        # Under another name first: then it is gone at once for everybody, and an idle dispatcher leaves.
        doomed = root.with_name(f".{root.name}.deleted-{secrets.token_hex(4)}")
        root.rename(doomed)
        Locations().forget(root)
        shutil.rmtree(doomed)
        if self.layout.local is not None:
            shutil.rmtree(self.layout.local, ignore_errors=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Workspace) and (self.id, self.layout) == (other.id, other.layout)

    def __hash__(self) -> int:
        return hash(self.id)

    def __reduce__(self) -> tuple[Any, ...]:
        # An open index has locks and a connection of its own in each process.
        return Workspace, (self.layout.root,)

    def __repr__(self) -> str:
        return f"Workspace(name={self.name!r}, path={str(self.layout.root)!r})"

    def _repr_html_(self) -> str:
        return (
            "<table><tr><th>Workspace</th><th>Folder</th></tr>"
            f"<tr><td>{escape(self.name)}</td><td>{escape(str(self.layout.root))}</td></tr></table>"
        )
