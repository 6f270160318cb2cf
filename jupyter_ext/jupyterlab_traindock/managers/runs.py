"""Finding runs, looking at them, changing and ending them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jupyterlab_traindock.errors import with_names, without_paths
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from traindock.dispatcher import start
from traindock.documents import row_document, run_document
from traindock.errors import TraindockError
from traindock.run import Run
from traindock.states import State
from traindock.store.index import RunQuery
from traindock.workspace import Workspace

#: What the filter "state" understands besides the states themselves.
GROUPS: Final[Mapping[str, tuple[State, ...]]] = {
    "unfinished": tuple(state for state in State if not state.terminal),
    "ended": tuple(state for state in State if state.terminal),
}

#: Most files that a run's document lists; more are to be asked for in pages.
MOST_FILES: Final = 200


class RunManager:
    """The runs of the workspaces.

    Args:
        workspaces: what may be opened.
    """

    def __init__(self, workspaces: OpenedWorkspaces) -> None:
        self._workspaces = workspaces

    def list(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the runs that ``asked`` describes, and whether there are more.

        Args:
            asked: the parameters of ``listRuns``, as the OpenAPI document has them.
        """
        workspace = self._workspaces.get(asked["workspace"])
        look_after(workspace)
        limit = asked["limit"]
        rows = workspace.index.runs(
            RunQuery(
                experiment=asked["experiment"],
                parent=asked["parent"],
                states=_states(asked["state"]),
                type=asked["type"],
                compute_target=asked["compute_target"],
                tags=wanted_tags(asked["tag"]),
                metric=asked["metric"],
                above=asked["above"],
                below=asked["below"],
                statistic=asked["statistic"],
                order=asked["order"],
                descending=asked["descending"],
                top_level=not asked["children"] and asked["parent"] is None,
                limit=limit + 1,
                offset=asked["offset"],
            )
        )
        metrics = workspace.index.metrics([row.id for row in rows[:limit]])
        found = [row_document(row, metrics[row.id]) for row in rows[:limit]]
        return {"runs": found, "more": len(rows) > limit}

    def get(self, workspace_id: str, run_id: str) -> dict[str, Any]:
        """Return everything about one run."""
        workspace = self._workspaces.get(workspace_id)
        look_after(workspace)
        return self.described(Run.get(workspace, run_id))

    def described(self, run: Run) -> dict[str, Any]:
        """Return a run's document as the server tells it.

        Folders are as the server's own contents have them, there is no path of its Python, and no long list of files.
        """
        found = run_document(run, MOST_FILES)
        found["folder"] = self._below_root(run.path)
        interpreter = found["spec"]["interpreter"]
        found["environment"] = self._without_places(found["environment"], interpreter)
        found["spec"]["interpreter"] = _last_part(interpreter)
        found["warnings"] = [without_paths(text, self._workspaces.places()) for text in found["warnings"]]
        if found["failure"] is not None:
            path = Path(found["failure"]["log"])
            found["failure"]["log"] = f"logs/{path.name}"
        return found

    def change(self, workspace_id: str, run_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change what may be changed of a run: its name, description and tags.

        Args:
            workspace_id: where.
            run_id: which.
            changes: a ``RunChanges`` of the OpenAPI document; a tag whose value is None is removed.
        """
        run = Run.get(self._workspaces.get(workspace_id), run_id)
        tags = changes.get("tags", {})
        if added := {name: value for name, value in tags.items() if value is not None}:
            run.set_tags(added)
        if removed := [name for name, value in tags.items() if value is None]:
            run.remove_tags(removed)
        if "display_name" in changes:
            run.display_name = changes["display_name"]
        if "description" in changes:
            run.description = changes["description"]
        return self.described(run)

    def delete(self, workspace_id: str, run_id: str, *, with_children: bool) -> None:
        """Delete a run that has ended, and give its space back to the disk.

        Args:
            workspace_id: where.
            run_id: which.
            with_children: whether its children are deleted with it.
        """
        Run.get(self._workspaces.get(workspace_id), run_id).delete(with_children)

    def cancel(self, workspace_id: str, run_id: str) -> dict[str, Any]:
        """Ask for a run to end."""
        run = Run.get(self._workspaces.get(workspace_id), run_id)
        run.cancel()
        return self.described(run)

    def resubmit(self, workspace_id: str, run_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Submit a run once more.

        Args:
            workspace_id: where.
            run_id: which.
            changes: a ``Resubmission`` of the OpenAPI document.
        """
        return self.described(Run.get(self._workspaces.get(workspace_id), run_id).resubmit(**changes))

    def _below_root(self, path: Path) -> str | None:
        root = self._workspaces.root
        return path.relative_to(root).as_posix() if root is not None and path.is_relative_to(root) else None

    def _without_places(self, environment: Mapping[str, Any], interpreter: str) -> dict[str, Any]:
        """Return what a run's environment came to, without where on this machine it is; paths in containers stay."""
        places = {**self._workspaces.places(), Path(interpreter): _last_part(interpreter)}
        return {
            name: with_names(value, places) if isinstance(value, str) else value for name, value in environment.items()
        }


def look_after(workspace: Workspace) -> None:
    """Have a dispatcher at work if a run has no end yet: whoever looks wants it to go on.

    That it cannot be started keeps nobody from looking.
    """
    if workspace.index.has_unfinished():
        with contextlib.suppress(TraindockError, OSError):
            start.Upkeep(workspace.layout).look()


def _last_part(path: str) -> str:
    return f"…/{Path(path).name}" if path else ""


def _states(names: list[str]) -> tuple[State, ...]:
    found: dict[State, None] = {}
    for name in names:
        for state in GROUPS.get(name) or (State(name),):
            found[state] = None
    return tuple(found)


def wanted_tags(texts: list[str]) -> dict[str, str | None]:
    """Return the tags that a filter wants, with the value that each has to have, or None for any."""
    found: dict[str, str | None] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        found[name] = value if equals else None
    return found
