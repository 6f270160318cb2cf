"""Curves small enough to stand in a line of a list."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from traindock.errors import StoreException
from traindock.store.index import RunRow
from traindock.store.metrics import MetricReader
from traindock.telling import telling
from traindock.workspace import Workspace

#: Most values of one.
MOST_VALUES: Final = 40
#: So many of runs that have ended are remembered, for about half a kilobyte each.
KEPT: Final = 4000

Sparkline = dict[str, Any]


class SparklineManager:
    """The sparklines of the runs of the workspaces.

    Args:
        workspaces: what may be opened.
    """

    def __init__(self, workspaces: OpenedWorkspaces) -> None:
        self._workspaces = workspaces
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str, float, str], Sparkline] = OrderedDict()

    def get(self, asked: Mapping[str, Any]) -> dict[str, Sparkline]:
        """Return the sparklines by run; runs that are gone, or have not logged the metric, have none.

        Args:
            asked: the parameters of ``getSparklines``, as the OpenAPI document has them; without a metric, that one of
                each run that tells most.
        """
        workspace, wanted = self._workspaces.get(asked["workspace"]), asked["metric"]
        rows = {row.id: row for row in workspace.index.rows(asked["run"])}
        metrics = workspace.index.metrics(list(rows))
        found: dict[str, Sparkline] = {}
        for run_id in dict.fromkeys(asked["run"]):
            if (row := rows.get(run_id)) is None:
                continue
            # Deleted meanwhile, or just being written.
            with contextlib.suppress(StoreException, OSError):
                made = self._of(workspace, row, wanted, list(metrics[run_id]))
                if made is not None:
                    found[run_id] = made
        return found

    def close(self) -> None:
        """Remember none any more."""
        with self._lock:
            self._kept.clear()

    def _of(self, workspace: Workspace, row: RunRow, wanted: str | None, names: list[str]) -> Sparkline | None:
        if row.ended is None:
            # What it logs comes into the index some seconds later.
            reader = MetricReader.of_run(workspace.layout.run(row.id))
            names = sorted(reader.summary())
            name = wanted if wanted is not None else telling(names)
            return None if name not in names or name is None else drawn(reader, name)
        name = wanted if wanted is not None else telling(sorted(names))
        if name is None or name not in names:
            return None
        key = (workspace.id, row.id, row.ended, name)
        with self._lock:
            if (kept := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return kept
        made = drawn(MetricReader.of_run(workspace.layout.run(row.id)), name)
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made


def drawn(reader: MetricReader, name: str) -> Sparkline:
    """Return at most :data:`MOST_VALUES` of the numbers logged under a name, from its first to its last.

    Of many, these are the last ones of parts of equal length; the smallest and the largest of all stand for the part in
    which they are, so that no spike gets lost.
    """
    # There may be one bucket more than is asked for.
    buckets = reader.buckets(name, MOST_VALUES - 1)
    count = int(buckets.count.sum())
    if count <= MOST_VALUES:
        values = reader.points(name).values[:MOST_VALUES].tolist()
        return {"metric": name, "values": values, "count": count}
    shown = buckets.last.copy()
    for extremes, find in ((buckets.min, np.nanargmin), (buckets.max, np.nanargmax)):
        if not np.isnan(extremes).all():
            at = int(find(extremes))
            if at < len(shown) - 1:  # the last one is what the run has come to
                shown[at] = extremes[at]
    return {"metric": name, "values": shown.tolist(), "count": count}
