"""What is new in a workspace since an offset of its log of changes: for lists of runs, experiments and models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from jupyterlab_traindock.errors import invalid
from traindock.dispatcher import start
from traindock.documents import plain, row_document
from traindock.errors import IndexBusyException, StoreException
from traindock.names import is_name
from traindock.store import events
from traindock.store.changes import Changes
from traindock.workspace import Workspace

#: Most runs in one message; where more have changed, the page is told to ask for its list again.
MOST_RUNS: Final = 100

#: The cursor before all changes.
BEGINNING: Final = "w1.0"

_CURSOR: Final = re.compile(r"w1\.([0-9]{1,17})", re.ASCII)


class ListFeed:
    """Reads the changes of one workspace. For one thread.

    Args:
        workspace: the workspace.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._changes = Changes(workspace.layout)
        #: Why no dispatcher gets to work on its runs, as the last :meth:`look_after` has found.
        self.trouble: start.Trouble | None = None

    @property
    def path(self) -> Path:
        """What changes with anything in the workspace."""
        return self._changes.path

    def end(self) -> str:
        """Return the cursor of now."""
        try:
            return f"w1.{self.path.stat().st_size}"
        except FileNotFoundError:
            return BEGINNING

    def look_after(self) -> None:
        """Look whether those who look at the runs have found that no dispatcher gets to work; starts none."""
        trouble = start.trouble(self.workspace.layout)
        try:
            going_on = trouble is not None and self.workspace.index.hasty.has_unfinished()
        except StoreException:
            going_on = True
        self.trouble = trouble if going_on else None

    def news(self, cursor: str) -> tuple[dict[str, Any], str]:
        """Return what has changed since ``cursor``, and where that ends; an empty message where nothing has.

        Raises:
            ApiError: 400, where the text is no cursor.
        """
        found = _CURSOR.fullmatch(cursor)
        if found is None:
            raise invalid(f"{cursor[:80]!r} is no cursor of a list: use the last one that came, or null")
        subjects, offset = self._changes.read(int(found[1]))
        by_kind: dict[str, list[str]] = {}
        for subject in subjects:
            kind, _, name = subject.partition("/")
            by_kind.setdefault(kind, []).append(name)
        if not by_kind:
            return {}, f"w1.{offset}"
        ids = by_kind.get("run", [])
        rows = self._rows(ids) if ids and len(ids) <= MOST_RUNS else None
        # An announcement precedes its event: what is told now has to be there for who asks at once. For runs the index
        # sees to that.
        for name in by_kind.get("model", []):
            if is_name("model", name):
                events.read_settled(self.workspace.layout.model_events(name))
        message: dict[str, Any] = {
            "experiments": by_kind.get("experiment", []),
            "models": by_kind.get("model", []),
            "computes": "computes" in by_kind,
            "changed_runs": ids,
            "runs": [],
            "gone": [],
            "reload": bool(ids) and rows is None,
        }
        if rows is not None:
            message["runs"] = rows
            message["gone"] = sorted({*ids} - {row["id"] for row in rows})
        return {"changes": plain(message)}, f"w1.{offset}"

    def _rows(self, ids: list[str]) -> list[dict[str, Any]] | None:
        """Return runs as they are now; None while another program keeps the index locked, for which nobody waits."""
        index = self.workspace.index.hasty
        try:
            rows = index.rows(ids)
            metrics = index.metrics([row.id for row in rows])
        except IndexBusyException:
            return None
        return [row_document(row, metrics[row.id]) for row in rows]
