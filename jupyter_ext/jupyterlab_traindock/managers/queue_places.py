"""What the records of a queue's runs say and the index does not, kept while they are in it: each is read once."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from traindock import run_queue
from traindock.errors import TraindockError
from traindock.store.index import RunRow
from traindock.store.run_records import Order
from traindock.workspace import Workspace

_Stamp: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where a run stands in the queue of its target, and what it asks for.

    Attributes:
        waits: whether it can be moved; one that is being launched, or was asked to end, waits no more.
        admitted: whether it has got its nodes.
        order: to sort those by that wait.
        gpus: how many on each node.
        nodes: how many.
    """

    waits: bool
    admitted: bool
    order: tuple[Order, str]
    gpus: int
    nodes: int


@dataclass(frozen=True, slots=True)
class _Kept:
    """A place as it was read, with its run's file of events, whose path takes longer to make than to look at."""

    events: str
    stamp: _Stamp | None
    place: QueuePlace


class QueuePlaces:
    """Reads the places of runs, and keeps those of the runs that a target had when it was last asked for.

    A record is read again only once its events have grown: to look at them is little beside reading them. May be shared
    by threads.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], dict[str, _Kept]] = {}

    def of(self, workspace: Workspace, target: str, rows: Iterable[RunRow]) -> dict[str, QueuePlace]:
        """Return the places of the runs on a target that have no end yet, by id."""
        before = self._kept.get((workspace.id, target), {})
        found: dict[str, _Kept] = {}
        for row in rows:
            kept = before.get(row.id)
            events = kept.events if kept else str(workspace.layout.run(row.id).events)
            stamp = _stamp(events)  # first, so that what is read later is never older than it
            fresh = kept is not None and stamp is not None and kept.stamp == stamp
            found[row.id] = kept if kept and fresh else _Kept(events, stamp, _read(workspace, row))
        self._kept[workspace.id, target] = found
        return {run_id: kept.place for run_id, kept in found.items()}

    def forget(self, workspace: Workspace, target: str) -> None:
        """Keep nothing of a target that is gone."""
        self._kept.pop((workspace.id, target), None)


def _read(workspace: Workspace, row: RunRow) -> QueuePlace:
    try:
        record = workspace.run_folder(row.id).load()
    except TraindockError:  # deleted since, or damaged
        return QueuePlace(waits=False, admitted=False, order=(row.created, row.id), gpus=0, nodes=1)
    return QueuePlace(
        waits=run_queue.waits(record),
        admitted=record.admitted,
        order=run_queue.rank(record),
        gpus=record.spec.gpus,
        nodes=record.spec.node_count,
    )


def _stamp(events: str) -> _Stamp | None:
    """Return what changes with a run's events; None where there are none."""
    try:
        found = os.stat(events)  # noqa: PTH116 (a Path of each takes longer than the call)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino
