"""Checks of ``traindock doctor`` that look into the records themselves: what is damaged, what does not belong."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from traindock.cli.findings import Finding, some
from traindock.names import is_name
from traindock.store import events, model_records
from traindock.store.layout import DELETED
from traindock.store.metrics import MetricReader

if TYPE_CHECKING:
    from traindock.store.layout import WorkspaceLayout
    from traindock.workspace import Workspace


def examine(workspace: Workspace, run_ids: Sequence[str]) -> Iterator[Finding]:
    """Yield what there is to say about the records of these runs, of models and experiments.

    Args:
        workspace: where.
        run_ids: the runs to look into.
    """
    layout = workspace.layout
    damaged = [f"{path.relative_to(layout.root)} ({count})" for path, count in _damaged(layout, run_ids) if count]
    if damaged:
        advice = "restore them from a copy; until then those parts are passed over"
        yield Finding("records", "warn", f"in part they cannot be read: {some(damaged)}", advice)
    else:
        yield Finding("records", "ok", "everything can be read")
    strangers = sorted(_strangers(workspace.layout))
    if strangers:
        advice = "move them out of the workspace; until then they are passed over"
        yield Finding("strange folders", "warn", f"put there by something else: {some(strangers)}", advice)


def _damaged(layout: WorkspaceLayout, run_ids: Sequence[str]) -> Iterator[tuple[Path, int]]:
    """Return the records and metrics, each with how much of it cannot be read."""
    with contextlib.suppress(FileNotFoundError):
        for name in sorted(os.listdir(layout.experiments)):
            if is_name("experiment", name):
                path = layout.experiment_events(name)
                yield path, events.damaged(path)
    for name in model_records.names(layout):
        path = layout.model_events(name)
        yield path, events.damaged(path)
    for run_id in run_ids:
        run = layout.run(run_id)
        yield run.events, events.damaged(run.events)
        yield run.metrics, MetricReader.of_run(run).damaged()


def _strangers(layout: WorkspaceLayout) -> Iterator[str]:
    """Folders whose names nothing of ours has; file managers and Jupyter make such."""
    for kind, folder in (("experiment", layout.experiments), ("run id", layout.runs), ("model", layout.models)):
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                ours = is_name(kind, entry.name) or (kind == "run id" and entry.name.startswith((".new-", DELETED)))
                if not ours and entry.is_dir(follow_symlinks=False):
                    yield str(Path(entry.path).relative_to(layout.root))
