"""Runs that are published without a dispatcher, for tests of what is known about many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from traindock.runtime.metric_log import MetricLog
from traindock.states import Reason, State
from traindock.store import run_records
from traindock.store.index import RunQuery
from traindock.workspace import Workspace

Publish = Callable[..., str]

SPEC: dict[str, Any] = {"snapshot": "0" * 64, "compute_target": "local", "environment": {}, "interpreter": "python"}


def publisher(workspace: Workspace) -> Publish:
    """Return such a function for ``workspace``."""

    def publish(
        run_id: str,
        *states: State,
        created: float = 1000.0,
        reason: Reason = Reason.FINISHED,
        metrics: dict[str, float] | None = None,
        experiment: str = "exp",
        parent: str | None = None,
        **facts: Any,
    ) -> str:
        folder = run_records.publish(
            workspace.layout,
            workspace.record,
            run_id=run_id,
            experiment=experiment,
            number=run_records.take_number(workspace.layout, experiment),
            created=created,
            user="me",
            parent=parent,
            spec=SPEC,
            **facts,
        )
        for name, value in (metrics or {}).items():
            MetricLog(str(folder.layout.metrics)).number(name, value)
        for state in states:
            folder.advance(state, reason=reason if state.terminal else None)
        return run_id

    return publish


WHOLE_LIFE = (State.PREPARING, State.QUEUED, State.RUNNING, State.FINALIZING, State.COMPLETED)


def ids(workspace: Workspace, **query: Any) -> list[str]:
    return [row.id for row in workspace.index.runs(RunQuery(**query))]
