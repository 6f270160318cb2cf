"""Finding runs, looking at them, changing and ending them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from jupyterlab_traindock.errors import trouble_document, with_names, without_paths
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from jupyterlab_traindock.managers.tensorboards import url_of
from traindock.dispatcher import start
from traindock.documents import row_document, run_document, timestamp
from traindock.errors import StoreException, TraindockError
from traindock.hints import BUILD_LOG_BELOW
from traindock.resubmission import Changes, resubmit
from traindock.run import Run
from traindock.states import Reason, State
from traindock.store.index import RunQuery
from traindock.store.run_records import RunRecord
from traindock.store.signing import Signature
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
        trouble = look_after(workspace)
        limit = asked["limit"]
        children = asked["children"] or asked["parent"] is not None
        query = replace(_wanted(asked), order=asked["order"], descending=asked["descending"], top_level=not children)
        rows = workspace.index.runs(query)
        metrics = workspace.index.metrics([row.id for row in rows[:limit]])
        found = [row_document(row, metrics[row.id]) for row in rows[:limit]]
        return {"runs": found, "more": len(rows) > limit, "trouble": self._told(trouble)}

    def groups(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return groups of the runs that ``asked`` describes, and whether there are more.

        Args:
            asked: the parameters of ``listRunGroups``, as the OpenAPI document has them.
        """
        workspace = self._workspaces.get(asked["workspace"])
        trouble = look_after(workspace)
        by, limit = asked["by"], asked["limit"]
        # Members of a parent's group are children.
        children = asked["children"] or asked["parent"] is not None or by == "parent"
        found = workspace.index.groups(replace(_wanted(asked), top_level=not children), by)
        parents = [one.value for one in found[:limit] if one.value is not None] if by == "parent" else []
        names = {row.id: row.display_name or f"{row.experiment} #{row.number}" for row in workspace.index.rows(parents)}
        groups = [
            {
                "value": one.value,
                "name": names.get(one.value or ""),
                "runs": one.runs,
                "unfinished": one.unfinished,
                "newest": timestamp(one.newest),
            }
            for one in found[:limit]
        ]
        return {"groups": groups, "more": len(found) > limit, "trouble": self._told(trouble)}

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
        found.update(self._places(run.path))
        found["tensorboard"] = url_of(run.workspace.id, run.id, found["event_files"])
        interpreter = found["spec"]["interpreter"]
        found["environment"] = self._without_places(found["environment"], interpreter)
        found["spec"]["interpreter"] = _last_part(interpreter)
        found["warnings"] = [without_paths(text, self._workspaces.places()) for text in found["warnings"]]
        if found["failure"] is not None:
            path = Path(found["failure"]["log"])
            found["failure"]["log"] = f"logs/{path.name}"
            if run.record.reason is Reason.ENVIRONMENT_FAILED:
                found["failure"]["hint"] = BUILD_LOG_BELOW
        found["trouble"] = self._told(trouble_of(run.workspace, run.record))
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
        different = {name: value for name, value in changes.items() if name != "request_id"}
        run = Run.get(self._workspaces.get(workspace_id), run_id)
        return self.described(resubmit(run, Changes(**different), changes.get("request_id")))

    def _told(self, trouble: start.Trouble | None) -> dict[str, str] | None:
        return trouble_document(trouble, self._workspaces.places())

    def _places(self, path: Path) -> dict[str, str | None]:
        """Return where a run's folder is below the server's root, as what the contents show or as what they hide."""
        root = self._workspaces.root
        if root is None or not path.is_relative_to(root):
            return {"folder": None, "hidden_folder": None}
        below = path.relative_to(root)
        hidden = not self._workspaces.shows_hidden and any(part.startswith(".") for part in below.parts)
        shown, kept = (None, below.as_posix()) if hidden else (below.as_posix(), None)
        return {"folder": shown, "hidden_folder": kept}

    def _without_places(self, environment: Mapping[str, Any], interpreter: str) -> dict[str, Any]:
        """Return what a run's environment came to, without where on this machine it is; paths in containers stay."""
        places = {**self._workspaces.places(), Path(interpreter): _last_part(interpreter)}
        return {
            name: with_names(value, places) if isinstance(value, str) else value for name, value in environment.items()
        }


def look_after(workspace: Workspace) -> start.Trouble | None:
    """Have a dispatcher at work if a run has no end yet: whoever looks wants it to go on.

    That it cannot be started, or that the index cannot be asked now, keeps nobody from looking.

    Returns:
        Why none gets to work.
    """
    try:
        if not workspace.index.hasty.has_unfinished():
            return None
    except StoreException:
        return start.trouble(workspace.layout)
    with contextlib.suppress(TraindockError, OSError):
        start.Upkeep(workspace.layout).look()
    return start.trouble(workspace.layout)


def trouble_of(workspace: Workspace, record: RunRecord) -> start.Trouble | None:
    """Return why a run that has no end yet does not go on, where that is for want of a dispatcher."""
    waits = record.signature is Signature.VALID and not record.state.terminal
    return start.trouble(workspace.layout) if waits else None


def _last_part(path: str) -> str:
    return f"…/{Path(path).name}" if path else ""


def _wanted(asked: Mapping[str, Any]) -> RunQuery:
    """Return which runs the parameters that lists and groups share describe, and one more than are asked for."""
    return RunQuery(
        experiment=asked["experiment"],
        parent=asked["parent"],
        states=_states(asked["state"]),
        type=asked["type"],
        compute_target=asked["compute_target"],
        text=asked["text"],
        tags=wanted_tags(asked["tag"]),
        without_tags=tuple(asked["without_tag"]),
        metric=asked["metric"],
        above=asked["above"],
        below=asked["below"],
        statistic=asked["statistic"],
        limit=asked["limit"] + 1,
        offset=asked["offset"],
    )


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
