"""Runs that no dispatcher has seen: quick to make, in whatever state."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from traindock.runtime.metric_log import MetricLog
from traindock.states import Reason, State, outcome
from traindock.store import run_records
from traindock.workspace import Workspace

Record = Callable[..., str]

_LIVES = {
    State.NOT_STARTED: (),
    State.RUNNING: (State.PREPARING, State.QUEUED, State.RUNNING),
    State.COMPLETED: (State.PREPARING, State.QUEUED, State.RUNNING, State.FINALIZING),
    State.FAILED: (State.PREPARING, State.QUEUED, State.RUNNING, State.FINALIZING),
    State.CANCELED: (State.CANCEL_REQUESTED,),
}


def recorder(workspace: Workspace) -> Record:
    """Return a function that records a run as if it had been submitted and driven, and returns its id."""
    count = iter(range(10_000))

    def record(
        state: State = State.COMPLETED,
        *,
        reason: Reason = Reason.FINISHED,
        experiment: str = "digits",
        metrics: dict[str, list[float]] | None = None,
        files: dict[str, str] | None = None,
        log: bytes = b"",
        script: str = "train.py",
        detail: str = "",
        **facts: Any,
    ) -> str:
        number = next(count)
        created = 1_700_000_000.0 + 60 * number
        folder = run_records.publish(
            workspace.layout,
            workspace.record,
            run_id=f"{experiment}_{int(created)}_{number * 0x11111111 & 0xFFFFFFFF:08x}",
            experiment=experiment,
            number=run_records.take_number(workspace.layout, experiment),
            created=created,
            **{
                "user": "ann",
                "spec": {
                    "snapshot": "0" * 64,
                    "compute_target": "local",
                    "environment": {},
                    "interpreter": sys.executable,
                    "script": script,
                    "arguments": ["--lr", "0.1"],
                },
                **facts,
            },
        )
        layout = folder.layout
        layout.stdout.write_bytes(log)
        for name, values in (metrics or {}).items():
            for value in values:
                MetricLog(str(layout.metrics)).number(name, value)
        for name, content in (files or {}).items():
            path = layout.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        for each in _LIVES[state]:
            folder.advance(each)
        if state.terminal:
            assert outcome(reason) is state
            folder.advance(state, reason=reason, detail=detail)
        return folder.id

    return record
