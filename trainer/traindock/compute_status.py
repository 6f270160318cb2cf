"""How many nodes of a compute target there are, and what they do, in Azure ML's words."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from traindock.states import State
from traindock.store.index import RunQuery, RunRow

if TYPE_CHECKING:
    from traindock.compute_target import ComputeTarget

_AT_WORK = (State.RUNNING, State.FINALIZING, State.CANCEL_REQUESTED)


class ComputeStatus:
    """State of a compute target's nodes at one moment.

    A node is a share of the machine. It counts as there while a run is on it, for some time after that
    (``idle_seconds_before_scaledown``), and for ever as far as ``min_nodes`` reaches.

    Attributes:
        max_nodes: how many there may be.
        min_nodes: how many are there without any run.
        running_node_count: how many have a run.
        preparing_node_count: how many are about to get one.
        idle_node_count: how many are there without a run.
    """

    def __init__(self, target: ComputeTarget) -> None:
        backend = target.backend()
        now = time.time()
        self.max_nodes = backend.max_nodes
        settings = target.settings
        self.min_nodes = min(int(settings.get("min_nodes", self.max_nodes)), self.max_nodes)
        self._idle_seconds = float(settings.get("idle_seconds_before_scaledown") or 0)
        self._settings = settings
        self._kind = target.kind
        self._state = target.provisioning_state
        self._created, self._modified = target.created, target.modified
        index = target.workspace.index
        at_work = index.runs(RunQuery(compute_target=target.name, states=_AT_WORK))
        waiting = index.runs(RunQuery(compute_target=target.name, states=(State.QUEUED,)))
        recent = index.runs(RunQuery(compute_target=target.name, ended_after=now - self._idle_seconds))
        # More than there may be, where a target was made smaller under its runs.
        self.running_node_count = len([run for run in at_work if run.started])
        self.preparing_node_count = max(0, min(len(waiting), self.max_nodes - self.running_node_count))
        used = _most_at_once([*at_work, *recent], now - self._idle_seconds) if self._idle_seconds else 0
        there = max(min(max(used, self.min_nodes), self.max_nodes), self.running_node_count)
        self.idle_node_count = there - self.running_node_count
        self._changed = max((run.ended or run.started or 0.0 for run in [*at_work, *recent]), default=self._created)

    @property
    def current_node_count(self) -> int:
        """How many nodes there are."""
        return self.running_node_count + self.idle_node_count

    @property
    def target_node_count(self) -> int:
        """How many nodes there are to be."""
        return max(self.current_node_count, self.running_node_count + self.preparing_node_count)

    def serialize(self) -> dict[str, Any]:
        """Return the status with Azure ML's keys."""
        steady = self.current_node_count == self.target_node_count
        return {
            "currentNodeCount": self.current_node_count,
            "targetNodeCount": self.target_node_count,
            "nodeStateCounts": {
                "preparingNodeCount": self.target_node_count - self.current_node_count,
                "runningNodeCount": self.running_node_count,
                "idleNodeCount": self.idle_node_count,
                "unusableNodeCount": 0,
                "leavingNodeCount": 0,
                "preemptedNodeCount": 0,
            },
            "allocationState": "Steady" if steady else "Resizing",
            "allocationStateTransitionTime": _text(self._changed),
            "errors": None,
            "creationTime": _text(self._created),
            "modifiedTime": _text(self._modified),
            "provisioningState": self._state,
            "provisioningStateTransitionTime": None,
            "scaleSettings": {
                "minNodeCount": self.min_nodes,
                "maxNodeCount": self.max_nodes,
                "nodeIdleTimeBeforeScaleDown": f"PT{self._idle_seconds:.0f}S",
            },
            "vmPriority": str(self._settings.get("vm_priority") or "dedicated").capitalize(),
            "vmSize": self._settings.get("vm_size") or self._kind,
        }

    def __repr__(self) -> str:
        return f"ComputeStatus({self.running_node_count} of {self.max_nodes} nodes running)"


def _most_at_once(runs: list[RunRow], since: float) -> int:
    """Return how many of the runs went on at once, at the moment since ``since`` when they were the most."""
    moments: list[tuple[float, int]] = []
    for run in runs:
        if run.started:
            moments.append((max(run.started, since), 1))
            if run.ended:
                moments.append((run.ended, -1))
    there = most = 0
    for _, change in sorted(moments):  # at one moment, ends go first
        there += change
        most = max(most, there)
    return most


def _text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()
