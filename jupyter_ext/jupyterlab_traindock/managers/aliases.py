"""Names that stand for versions of models: listed, moved, rolled back, removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from traindock.documents import alias_document, alias_move_document
from traindock.model import Model
from traindock.run_details import user_name
from traindock.store import model_aliases
from traindock.store.model_aliases import ANYWHERE
from traindock.store.ownership import check_writable
from traindock.workspace import Workspace


class AliasManager:
    """The aliases of the models of the workspaces.

    Args:
        workspaces: what may be opened.
    """

    def __init__(self, workspaces: OpenedWorkspaces) -> None:
        self._workspaces = workspaces

    def list(self, workspace_id: str, model: str) -> dict[str, Any]:
        """Return the aliases of a model.

        Raises:
            ModelNotFoundException: there is no such model.
        """
        workspace = self._workspaces.get(workspace_id)
        found = model_aliases.load(workspace.layout, model)
        if not found:
            Model(workspace, model)  # says what models there are
        return {"aliases": [alias_document(alias) for alias in found.values()]}

    def history(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return what was done to a model's aliases, the newest first.

        Args:
            asked: the parameters of ``listAliasMoves``, as the OpenAPI document has them.

        Raises:
            ModelNotFoundException: there is no such model.
        """
        workspace = self._workspaces.get(asked["workspace"])
        found = model_aliases.history(workspace.layout, asked["model"], asked["alias"])
        if not found:
            Model(workspace, asked["model"])  # says what models there are
        shown = found[asked["offset"] : asked["offset"] + asked["limit"]]
        return {
            "moves": [alias_move_document(move) for move in shown],
            "more": len(found) > asked["offset"] + asked["limit"],
        }

    def set(self, workspace_id: str, model: str, alias: str, target: Mapping[str, Any]) -> dict[str, Any]:
        """Have an alias stand for a version.

        Args:
            workspace_id: where.
            model: whose.
            alias: its name.
            target: an ``AliasTarget`` of the OpenAPI document.
        """
        layout = self._writable(workspace_id).layout
        expected = target.get("expected", ANYWHERE)
        moved = model_aliases.move(layout, model, alias, target["version"], user_name(), expected)
        return alias_document(moved)

    def roll_back(self, workspace_id: str, model: str, alias: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Move an alias back to the version that it stood for before.

        Args:
            workspace_id: where.
            model: whose.
            alias: its name.
            wanted: a ``RollBack`` of the OpenAPI document.
        """
        layout = self._writable(workspace_id).layout
        moved = model_aliases.roll_back(layout, model, alias, user_name(), wanted.get("expected", ANYWHERE))
        return alias_document(moved)

    def remove(self, asked: Mapping[str, Any]) -> None:
        """Have an alias stand for nothing.

        Args:
            asked: the parameters of ``removeAlias``, as the OpenAPI document has them.
        """
        layout = self._writable(asked["workspace"]).layout
        expected = ANYWHERE if asked["expected"] is None else asked["expected"]
        model_aliases.remove(layout, asked["model"], asked["alias"], user_name(), expected)

    def _writable(self, workspace_id: str) -> Workspace:
        workspace = self._workspaces.get(workspace_id)
        check_writable(workspace.layout)
        return workspace
