"""Runs that no dispatcher looks at, and pages without a server, for tests of what the hub tells."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from tests.conftest import wait_for

from jupyterlab_traindock.live.hub import Hub
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from jupyterlab_traindock.managers.runs import RunManager
from traindock import Run, Workspace
from traindock.runtime.context import JobRun
from traindock.store import run_records

_numbers = count(1)


class Page:
    """Keeps what the hub tells it.

    Attributes:
        messages: in order.
        times: when each came, in seconds.
        refused: names whose subscriptions ended, and why.
        room: how many more it takes.
    """

    def __init__(self, room: float = float("inf")) -> None:
        self.messages: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.refused: list[tuple[str, BaseException]] = []
        self.room = room

    def takes(self) -> bool:
        return self.room > 0

    def send(self, text: str) -> None:
        self.room -= 1
        self.times.append(time.monotonic())
        self.messages.append(json.loads(text))

    def refuse(self, name: str, error: BaseException) -> None:
        self.refused.append((name, error))

    def values(self, metric: str) -> list[Any]:
        """All values of a metric that came."""
        return [
            value
            for message in self.messages
            for series in message.get("metrics", {}).get("series", [])
            if series["name"] == metric
            for value in series["values"]
        ]

    def until(self, condition: Any, what: str) -> None:
        """Wait until there is a message for which the condition holds."""
        wait_for(lambda: any(map(condition, list(self.messages))), what)


@contextmanager
def a_hub(workspaces: OpenedWorkspaces, faults: list[BaseException]) -> Iterator[Hub]:
    """A hub that adds what is a fault of ours to ``faults``."""
    with closing_hub(Hub(workspaces, RunManager(workspaces).described, faults.append)) as hub:
        yield hub


@contextmanager
def closing_hub(hub: Hub) -> Iterator[Hub]:
    """Stop a hub in the end."""
    try:
        yield hub
    finally:
        hub.stop()


def published(workspace: Workspace, **facts: Any) -> Run:
    """A run that waits for a process that never comes."""
    number = next(_numbers)
    run_id = f"tests_{number}_{number:08x}"
    spec = {
        "type": "traindock.interactive",
        "snapshot": "",
        "environment": {},
        "interpreter": "",
        "compute_target": "local",
    }
    run_records.publish(
        workspace.layout,
        workspace.record,
        **{
            "run_id": run_id,
            "experiment": "tests",
            "number": number,
            "created": time.time(),
            "turn": time.time(),
            "user": "me",
            "parent": None,
            "spec": spec,
            **facts,
        },
    )
    return Run.get(workspace, run_id)


def job_of(run: Run) -> JobRun:
    """The run as its job sees it."""
    layout = run._folder.layout
    variables = {"TRAINDOCK_RUN_ID": run.id, "TRAINDOCK_METRICS_DIR": str(layout.metrics)}
    return JobRun({**variables, "TRAINDOCK_UPLOADS_DIR": str(layout.uploads)})
