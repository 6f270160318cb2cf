"""The model registry: finding versions, registering what runs left, changing what is said about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyterlab_traindock.errors import not_found
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from jupyterlab_traindock.managers.opened_file import OpenedFile
from jupyterlab_traindock.managers.runs import wanted_tags
from jupyterlab_traindock.media_types import BYTES
from traindock.documents import model_files, model_row
from traindock.model import Model
from traindock.run import Run
from traindock.store import model_records
from traindock.store.blobs import BlobStore
from traindock.workspace import Workspace


class ModelManager:
    """The models of the workspaces.

    Args:
        workspaces: what may be opened.
    """

    def __init__(self, workspaces: OpenedWorkspaces) -> None:
        self._workspaces = workspaces

    def list(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the newest version of each model that fits ``asked``, in the order that it names.

        Args:
            asked: the parameters of ``listModels``, as the OpenAPI document has them.
        """
        workspace = self._workspaces.get(asked["workspace"])
        part = (asked["name"] or "").lower()
        found = [
            model
            for model in Model.list(workspace, tags=wanted_tags(asked["tag"]), run_id=asked["run"], latest=True)
            if part in model.name.lower()
        ]
        if asked["order"] == "name":
            found.sort(key=lambda model: (model.name.lower(), model.name))
        shown = found[asked["offset"] : asked["offset"] + asked["limit"]]
        return {
            "models": [{**model_row(model), **_of_all_versions(workspace, model.name)} for model in shown],
            "more": len(found) > asked["offset"] + asked["limit"],
        }

    def versions(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the versions of a model, the newest first.

        Args:
            asked: the parameters of ``getModel``, as the OpenAPI document has them.

        Raises:
            ModelNotFoundException: it has none.
        """
        workspace = self._workspaces.get(asked["workspace"])
        found = sorted(Model.list(workspace, asked["model"]), key=lambda model: -model.version)
        if not found:
            Model(workspace, asked["model"])  # says what models there are
        shown = found[asked["offset"] : asked["offset"] + asked["limit"]]
        return {
            "name": asked["model"],
            "versions": [model_row(model) for model in shown],
            "more": len(found) > asked["offset"] + asked["limit"],
        }

    def register(self, workspace_id: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Make files of a run the next version of a model, and return it.

        Args:
            workspace_id: where.
            asked: a ``Registration`` of the OpenAPI document.
        """
        run = Run.get(self._workspaces.get(workspace_id), asked["run"])
        model = Model.register_from_run(
            run,
            asked["name"],
            asked.get("path"),
            tags=asked.get("tags"),
            properties=asked.get("properties"),
            description=asked.get("description"),
            datasets=asked.get("datasets"),
            model_framework=asked.get("framework"),
            model_framework_version=asked.get("framework_version"),
            child_paths=asked.get("child_paths"),
            alias=asked.get("alias"),
            request_id=asked.get("request_id"),
        )
        return model_row(model)

    def get(self, workspace_id: str, name: str, version: int) -> dict[str, Any]:
        """Return one version."""
        return model_row(self._get(workspace_id, name, version))

    def change(self, workspace_id: str, name: str, version: int, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change what is said about a version.

        Args:
            workspace_id: where.
            name: the model.
            version: of it.
            changes: a ``ModelChanges`` of the OpenAPI document; a tag whose value is None is removed.
        """
        model = self._get(workspace_id, name, version)
        if properties := changes.get("properties"):  # first, since they alone can be refused
            model.add_properties(properties)
        tags = changes.get("tags", {})
        if added := {tag: value for tag, value in tags.items() if value is not None}:
            model.add_tags(added)
        if removed := [tag for tag, value in tags.items() if value is None]:
            model.remove_tags(removed)
        if {"description", "framework", "framework_version"} & {*changes}:
            model.update(
                description=changes.get("description"),
                model_framework=changes.get("framework"),
                model_framework_version=changes.get("framework_version"),
            )
        return model_row(model)

    def delete(self, workspace_id: str, name: str, version: int) -> None:
        """Delete a version, and what of its files nothing else refers to."""
        self._get(workspace_id, name, version).delete()

    def files(self, workspace_id: str, name: str, version: int) -> dict[str, Any]:
        """Return the files of a version, and the name of the file or folder that they are."""
        model = self._get(workspace_id, name, version)
        return {"root": model.content.root, "folder": model.content.folder, "files": model_files(model)}

    def open(self, workspace_id: str, model_name: str, version: int, name: str) -> OpenedFile:
        """Open a file of a version for reading.

        Args:
            workspace_id: where.
            model_name: the model.
            version: of it.
            name: of the file, as :meth:`files` has it.

        Raises:
            ApiError: 404, where there is no such file.
            StoreException: its content is missing.
        """
        model = self._get(workspace_id, model_name, version)
        file = model.content.files.get(name)
        if file is None:
            raise not_found("model_file_not_found", f"model {model.id} has no file {name!r}")
        descriptor = BlobStore(model.workspace.layout.blobs).open(file.sha256)
        return OpenedFile(descriptor, name, file.sha256, BYTES)

    def _get(self, workspace_id: str, name: str, version: int) -> Model:
        return Model(self._workspaces.get(workspace_id), name, version=version)


def _of_all_versions(workspace: Workspace, name: str) -> dict[str, Any]:
    """Return what a list says about a model as a whole."""
    versions = model_records.load(workspace.layout, name)
    return {
        "versions": len(versions),
        "model_aliases": {alias: version.version for version in versions.values() for alias in version.aliases},
    }
