"""Registered models: named, numbered, unchangeable contents with tags and their origin."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from traindock import model_arguments, run_details
from traindock.errors import ModelNotFoundException, UserErrorException
from traindock.local_models import fetch
from traindock.model_facts import ModelFacts
from traindock.names import check_name, check_strings
from traindock.runtime import local_models
from traindock.runtime.model import Model as JobModel
from traindock.store import model_aliases, model_contents, model_records, releasing
from traindock.store.alias_history import AliasMove
from traindock.store.blobs import BlobStore
from traindock.store.events import Event
from traindock.store.locations import absolute
from traindock.store.model_records import Lineage, ModelVersion
from traindock.store.ownership import check_writable

if TYPE_CHECKING:
    from traindock.run_facts import RunFacts
    from traindock.workspace import Workspace

PathLike: TypeAlias = str | os.PathLike[str]
# Within the class, whose method ``list`` takes the name.
Moves: TypeAlias = list[AliasMove]


class Model(ModelFacts):
    """One version of a registered model.

    Args:
        workspace: where it is registered.
        name: its name; the newest version that fits the other arguments is taken.
        id: ``name:version`` in place of ``name`` and ``version``.
        tags: only versions with these tags.
        properties: only versions with these properties.
        version: exactly this version.
        run_id: only versions registered from this run.
        model_framework: only versions of this framework.
        alias: only the version that this name stands for, such as ``production``.

    Raises:
        ModelNotFoundException: there is none, or no such alias; the text names what there is.
        UserErrorException: neither or both of ``name`` and ``id`` are given, or one of them is not of its form.
    """

    #: Names of frameworks, as Azure ML spelled them.
    Framework = JobModel.Framework

    def __init__(
        self,
        workspace: Workspace,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 (Azure ML's name)
        tags: model_arguments.Filter | None = None,
        properties: model_arguments.Filter | None = None,
        version: int | str | None = None,
        run_id: str | None = None,
        model_framework: str | None = None,
        alias: str | None = None,
    ) -> None:
        if (name is None) == (id is None):
            raise UserErrorException("give either the name of a model or its id, 'name:version'")
        wanted = None if version is None else model_arguments.number(version)
        if id is not None:
            name, wanted = model_arguments.name_and_number(id)
        assert name is not None
        known = model_records.load(workspace.layout, name)
        if alias is not None:
            check_name("alias", alias)
            if known and not any(alias in record.aliases for record in known.values()):
                raise model_aliases.not_found(workspace.layout, name, alias)
        fitting = [
            record
            for record in known.values()
            if wanted in (None, record.version)
            and model_arguments.fits(record.tags, tags)
            and model_arguments.fits(record.properties, properties)
            and run_id in (None, record.lineage.run_id)
            and model_framework in (None, record.framework)
            and (alias is None or alias in record.aliases)
        ]
        if not fitting:
            filters = {
                "tags": tags,
                "properties": properties,
                "run_id": run_id,
                "model_framework": model_framework,
                "alias": alias,
            }
            raise model_arguments.not_found(workspace, name, known, wanted, filters)
        self.workspace = workspace
        self._record = fitting[-1]

    @classmethod
    def _of(cls, workspace: Workspace, record: ModelVersion) -> Model:
        model = cls.__new__(cls)
        model.workspace = workspace
        model._record = record
        return model

    @staticmethod
    def register(
        workspace: Workspace,
        model_path: PathLike,
        model_name: str,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
        datasets: Iterable[Any] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        child_paths: Iterable[str] | None = None,
        alias: str | None = None,
        **ignored: object,
    ) -> Model:
        """Make a local file or folder the next version of a model.

        Args:
            workspace: where to register.
            model_path: a file, or a folder with at least one file.
            model_name: 1 to 255 letters, digits, ``-``, ``.`` or ``_``.
            tags: free strings.
            properties: strings that never change.
            description: free text.
            datasets: the data it was trained on: names, or (purpose, data set) pairs.
            model_framework: see :class:`Model.Framework`.
            model_framework_version: its version.
            child_paths: restricts a folder to these files and folders in it.
            alias: is moved to the new version; see :meth:`set_alias`.
            **ignored: accepted for old notebooks.

        Raises:
            UserErrorException: the name or the alias is not allowed, ``model_path`` is empty, or something in the
                folder cannot be part of a model.
            ModelPathNotFoundException: there is nothing at ``model_path``, or at one of ``child_paths``.
            StoreException: the disk refuses.
        """
        check_name("model", model_name)
        if alias is not None:
            check_name("alias", alias)
        said = model_arguments.description(tags, properties, description, model_framework, model_framework_version)
        if not os.fspath(model_path):
            raise UserErrorException("model_path is empty: name a file or a folder; '.' is the current folder")
        path = Path(model_path).expanduser()
        model_contents.existing(path)
        check_writable(workspace.layout)
        print(f"Registering model {model_name}")  # noqa: T201 (as Azure ML does)
        lineage = Lineage(datasets=model_arguments.datasets(datasets))
        with BlobStore(workspace.layout.blobs).referring():
            content = model_contents.content_of_path(workspace.layout, path, child_paths)
            by = run_details.user_name()
            made = model_records.register(workspace.layout, model_name, content, said, lineage, alias=alias, by=by)
        return Model._of(workspace, made)

    @staticmethod
    def register_from_run(
        run: RunFacts,
        model_name: str,
        model_path: str | None = None,
        *,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
        datasets: Iterable[Any] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        child_paths: Iterable[str] | None = None,
        alias: str | None = None,
        request_id: str | None = None,
    ) -> Model:
        """Make a file or folder of a run the next version of a model; see :meth:`Run.register_model`.

        Args:
            run: running or ended; of an ended one no byte is copied.
            model_name: 1 to 255 letters, digits, ``-``, ``.`` or ``_``.
            model_path: a name, or the folders that names begin with; default: the model's name.
            tags: free strings.
            properties: strings that never change.
            description: free text.
            datasets: as for :meth:`register`.
            model_framework: see :class:`Model.Framework`.
            model_framework_version: its version.
            child_paths: restricts a folder to these files and folders in it.
            alias: is moved to the new version; see :meth:`set_alias`.
            request_id: names the wish: one that was granted already is answered with the same version.

        Raises:
            UserErrorException: the name or the alias is not allowed, the path leads out, or a file is just being
                written to.
            ModelPathNotFoundException: nothing lies under the path; the text lists the run's files.
            StoreException: a file was changed after the run was sealed, or the disk refuses.
        """
        check_name("model", model_name)
        if alias is not None:
            check_name("alias", alias)
        said = model_arguments.description(tags, properties, description, model_framework, model_framework_version)
        workspace, record = run.workspace, run.record
        check_writable(workspace.layout)
        lineage = Lineage(
            run_id=record.id,
            experiment=record.experiment,
            snapshot=record.spec.snapshot,
            environment=str(record.environment.get("key") or ""),
            datasets=model_arguments.datasets(datasets),
        )
        layout, path = workspace.layout, model_name if model_path is None else model_path
        with BlobStore(layout.blobs).referring():
            content = model_contents.content_of_run(layout, layout.run(record.id), path, child_paths)
            by = run_details.user_name()
            made = model_records.register(
                layout, model_name, content, said, lineage, alias=alias, by=by, request_id=request_id
            )
        return Model._of(workspace, made)

    @staticmethod
    def list(
        workspace: Workspace,
        name: str | None = None,
        tags: model_arguments.Filter | None = None,
        properties: model_arguments.Filter | None = None,
        run_id: str | None = None,
        latest: bool = False,
    ) -> list[Model]:
        """Return the registered models, the newest first.

        Args:
            workspace: where to look.
            name: only versions of this model.
            tags: only versions with these tags.
            properties: only versions with these properties.
            run_id: only versions registered from this run.
            latest: only the newest fitting version of each model.
        """
        found: list[ModelVersion] = []
        for known in [name] if name is not None else model_records.names(workspace.layout):
            fitting = [
                record
                for record in model_records.load(workspace.layout, known).values()
                if model_arguments.fits(record.tags, tags)
                and model_arguments.fits(record.properties, properties)
                and run_id in (None, record.lineage.run_id)
            ]
            found += fitting[-1:] if latest else fitting
        found.sort(key=lambda record: (-record.created, record.name, -record.version))
        return [Model._of(workspace, record) for record in found]

    @staticmethod
    def get_model_path(model_name: str, version: int | str | None = None, _workspace: Workspace | None = None) -> str:
        """Return the path of a model's file or folder, as scoring scripts ask for it.

        It is looked for below the current folder: in ``azureml-models/<name>/<version>/``, the newest version if
        none is given; then, if none is given, as ``./<name>``. With ``_workspace`` it is downloaded to the first
        of these places if it is not there; without a version, the newest one registered.

        Args:
            model_name: the model's name, or ``name:version``.
            version: which one.
            _workspace: where to fetch it from.

        Raises:
            ModelNotFoundException: it is in none of these places, or a version's folder holds several entries.
        """
        name, _, tail = str(model_name).partition(":")
        check_name("model", name)
        given = tail or version
        wanted = None if given is None else model_arguments.number(given)
        if _workspace is not None and wanted is None:
            wanted = Model(_workspace, name).version
        found = local_models.find(name, wanted)
        if found is not None:
            return found
        if wanted is None and Path(name).exists():
            return name
        if _workspace is not None:
            model = Model(_workspace, name, version=wanted)
            return fetch(_workspace.layout, model._record)
        which = f"model {name!r}" + (f" in version {wanted}" if wanted is not None else "")
        raise ModelNotFoundException(
            f"{which} was found neither in {local_models.folder_of(name)!r} nor as {name!r}, looked for in "
            f"{str(absolute('.'))!r}. Download it there, or give _workspace."
        )

    def download(self, target_dir: PathLike = ".", exist_ok: bool = False) -> str:
        """Copy the model's file or folder into ``target_dir``, and return the path of the copy.

        Every file is checked against its SHA-256.

        Args:
            target_dir: a folder, made if it is missing.
            exist_ok: overwrite what is there already.

        Raises:
            UserErrorException: it is there already, and ``exist_ok`` is false.
            StoreException: a content is missing or damaged, or the disk refuses.
        """
        target = Path(target_dir).expanduser()
        return str(model_contents.download(self.workspace.layout, self._record.content, target, exist_ok=exist_ok))

    def places(self) -> dict[str, Any]:
        """Return where the files lie in the workspace, only to be read: what a job copies its models from.

        Returns:
            "root": name of the file or folder; "folder": whether it is one; "files": by path below it (for a single
            file by its name) "path", "mode" and "sha256".

        Raises:
            StoreException: a content is missing.
        """
        return model_contents.places(self.workspace.layout, self._record.content)

    def delete(self) -> None:
        """Delete this version, and what of its files nothing else refers to; its number is never given again.

        Raises:
            ModelNotFoundException: it was deleted before.
            ModelAliasException: an alias stands for it: move or remove that first.
        """
        layout = self.workspace.layout
        with releasing.releasing(layout, [file.sha256 for file in self._record.content.files.values()]):
            model_records.delete(layout, self.name, self.version)

    def add_tags(self, tags: Mapping[str, Any]) -> None:
        """Add tags, or replace their values."""
        self._change({"type": "tags", "set": check_strings("tag", tags)})

    def remove_tags(self, tags: Iterable[str]) -> None:
        """Remove tags by their names; names that are not there are passed over."""
        self._change({"type": "tags", "remove": [tags] if isinstance(tags, str) else [str(tag) for tag in tags]})

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Add properties, for ever.

        Raises:
            UserErrorException: one is there already with another value.
        """
        added = check_strings("property", properties)

        def decide(record: ModelVersion) -> list[Event]:
            for key, value in added.items():
                if record.properties.get(key, value) != value:
                    raise UserErrorException(
                        f"property {key!r} of model {self.id} is {record.properties[key]!r} and cannot change: "
                        "properties are for ever; use a tag"
                    )
            return [{"type": "properties", "add": added}]

        self._record = model_records.change(self.workspace.layout, self.name, self.version, decide)

    def update(
        self,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        **ignored: object,
    ) -> None:
        """Change what is said about this version; arguments that are None change nothing.

        Args:
            tags: replace all tags.
            description: replaces the description.
            model_framework: replaces the framework.
            model_framework_version: replaces its version.
            **ignored: accepted for old notebooks.
        """
        given = None if tags is None else check_strings("tag", tags)

        def decide(record: ModelVersion) -> Iterable[Event]:
            if given is not None:
                yield {"type": "tags", "remove": sorted(record.tags), "set": given}
            if description is not None:
                yield {"type": "description", "value": str(description)}
            if model_framework is not None or model_framework_version is not None:
                yield {
                    "type": "framework",
                    "value": record.framework if model_framework is None else str(model_framework),
                    "framework_version": (
                        record.framework_version if model_framework_version is None else str(model_framework_version)
                    ),
                }

        self._record = model_records.change(self.workspace.layout, self.name, self.version, decide)

    def set_alias(self, alias: str) -> None:
        """Have a name such as ``production`` stand for this version from now on, and for no other of the model.

        Args:
            alias: 1 to 255 letters, digits, ``_`` or ``-``, starting with a letter; not ``latest`` or like ``v1``.

        Raises:
            UserErrorException: this can be no alias.
            ModelNotFoundException: this version was deleted.
        """
        layout = self.workspace.layout
        check_writable(layout)
        model_aliases.move(layout, self.name, alias, self.version, run_details.user_name())
        self._reload()

    def remove_alias(self, alias: str) -> None:
        """Have a name that stands for this version stand for nothing; its history stays.

        Raises:
            ModelNotFoundException: the model has no such alias.
            ModelAliasException: it stands for another version (by now).
        """
        layout = self.workspace.layout
        check_writable(layout)
        model_aliases.remove(layout, self.name, alias, run_details.user_name(), expected=self.version)
        self._reload()

    def roll_back_alias(self, alias: str) -> Model:
        """Move a name that stands for this version back to the one it stood for before, and return that.

        Raises:
            ModelNotFoundException: the model has no such alias.
            ModelAliasException: it stands for another version (by now), or there is none to go back to.
        """
        layout = self.workspace.layout
        check_writable(layout)
        moved = model_aliases.roll_back(layout, self.name, alias, run_details.user_name(), expected=self.version)
        self._reload()
        return Model(self.workspace, self.name, version=moved.version)

    def alias_history(self, alias: str | None = None) -> Moves:
        """Return who moved the model's aliases when, from where and whereto, the newest move first.

        Args:
            alias: only moves of this one.
        """
        return model_aliases.history(self.workspace.layout, self.name, alias)

    def _reload(self) -> None:
        self._record = model_records.load(self.workspace.layout, self.name).get(self.version, self._record)

    def _change(self, event: Event) -> None:
        self._record = model_records.change(self.workspace.layout, self.name, self.version, lambda _: [event])
