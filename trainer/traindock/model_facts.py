"""What is known about one version of a registered model, as it was when it was asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from traindock.store import model_contents
from traindock.store.model_records import Lineage, ModelVersion

if TYPE_CHECKING:
    from traindock.workspace import Workspace


class ModelFacts:
    """One version of a model, to be looked at."""

    workspace: Workspace
    _record: ModelVersion

    @property
    def name(self) -> str:
        """The model's name."""
        return self._record.name

    @property
    def version(self) -> int:
        """Counted from 1 for each name."""
        return self._record.version

    @property
    def id(self) -> str:
        """``name:version``."""
        return f"{self.name}:{self.version}"

    @property
    def tags(self) -> dict[str, str]:
        """Free strings; see :meth:`Model.add_tags`."""
        return dict(self._record.tags)

    @property
    def properties(self) -> dict[str, str]:
        """Strings that never change; see :meth:`Model.add_properties`."""
        return dict(self._record.properties)

    @property
    def aliases(self) -> list[str]:
        """Names that stand for this version, sorted; see :meth:`Model.set_alias`."""
        return [*self._record.aliases]

    @property
    def description(self) -> str:
        """Free text; see :meth:`Model.update`."""
        return self._record.description

    @property
    def created_time(self) -> datetime:
        """When it was registered, UTC."""
        return datetime.fromtimestamp(self._record.created, UTC)

    @property
    def run_id(self) -> str | None:
        """The run it comes from, or None."""
        return self._record.lineage.run_id or None

    @property
    def experiment_name(self) -> str | None:
        """The experiment of that run, or None."""
        return self._record.lineage.experiment or None

    @property
    def lineage(self) -> Lineage:
        """Run, experiment, snapshot, environment and data that it comes from."""
        return self._record.lineage

    @property
    def model_framework(self) -> str:
        """See :class:`Model.Framework`; "" if nobody said."""
        return self._record.framework

    @property
    def model_framework_version(self) -> str:
        """The framework's version; "" if nobody said."""
        return self._record.framework_version

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return self._record.size

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 (hex) of each file, by its path below the model's folder."""
        return {path: file.sha256 for path, file in self._record.content.files.items()}

    @property
    def content(self) -> model_contents.Content:
        """Its files with their sizes, and whether they are one file or a folder."""
        return self._record.content

    @property
    def url(self) -> str:
        """A name for this version that is the same in all programs; not for a browser."""
        return f"traindock://{self.workspace.name}/models/{self.name}/{self.version}"

    def serialize(self) -> dict[str, Any]:
        """Return everything about this version as plain values."""
        return {
            "name": self.name,
            "version": self.version,
            "id": self.id,
            "createdTime": self.created_time.isoformat(),
            "description": self.description,
            "tags": self.tags,
            "properties": self.properties,
            "aliases": self.aliases,
            "framework": self.model_framework,
            "frameworkVersion": self.model_framework_version,
            "runId": self.run_id,
            "experimentName": self.experiment_name,
            "snapshotId": self.lineage.snapshot or None,
            "environmentKey": self.lineage.environment or None,
            "datasets": [*self.lineage.datasets],
            "size": self.size,
            "files": self.files,
            "url": self.url,
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelFacts) and (self.workspace.layout, self.id) == (other.workspace.layout, other.id)

    def __hash__(self) -> int:
        return hash((self.workspace.layout, self.id))

    def __repr__(self) -> str:
        return (
            f"Model(Name: {self.name},\nId: {self.id},\n"
            f"Version: {self.version},\nRun: {self.run_id or 'none, registered from files'})"
        )

    def _repr_html_(self) -> str:
        cells = {
            "Name": self.name,
            "Version": str(self.version),
            "Registered": self.created_time.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            "Run": self.run_id or "",
            "Framework": f"{self.model_framework} {self.model_framework_version}".strip(),
            "Files": f"{len(self.files):,} ({self.size:,} bytes)",
            "Aliases": ", ".join(self.aliases),
            "Tags": ", ".join(f"{key}: {value}" for key, value in self.tags.items()),
            "Description": self.description,
        }
        heads = "".join(f"<th>{escape(name)}</th>" for name in cells)
        return f"<table><tr>{heads}</tr><tr>{''.join(f'<td>{escape(v)}</td>' for v in cells.values())}</tr></table>"
