"""Readers of the metrics, or resources, of the runs that were asked for last, so that the next look is quick."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from traindock.run import Run
from traindock.store.layout import RunLayout
from traindock.store.metrics import MetricReader

#: Most readers that are kept.
MOST: Final = 64
#: Most memory that they hold together while none is in use, in bytes.
MOST_BYTES: Final = 12 << 20


@dataclass(frozen=True)
class _Kept:
    reader: MetricReader
    run: RunLayout
    stamp: tuple[int, ...]

    def fits(self) -> bool:
        """Whether the run is still there, and no other one under its name."""
        return self.stamp == _stamp(self.run)


class MetricReaders:
    """Keeps readers, and drops them when their runs go, or when they become too many or too large.

    Args:
        workspaces: what may be opened.
        of: gives the reader of a run.
    """

    def __init__(
        self, workspaces: OpenedWorkspaces, of: Callable[[Run], MetricReader] = lambda run: run.metrics
    ) -> None:
        self._workspaces = workspaces
        self._of = of
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    @contextmanager
    def reader(self, workspace_id: str, run_id: str) -> Iterator[MetricReader]:
        """Lend the reader of a run; safe for threads.

        Raises:
            ApiError: 404, where there is no such workspace.
            RunNotFoundException: there is no such run.
        """
        run = Run.get(self._workspaces.get(workspace_id), run_id)
        layout = run.workspace.layout.run(run_id)
        stamp = _stamp(layout)
        with self._lock:
            kept = self._kept.pop((workspace_id, run_id), None)
            if kept is None or kept.stamp != stamp or kept.run != layout:
                kept = _Kept(self._of(run), layout, stamp)
            self._kept[workspace_id, run_id] = kept
        try:
            yield kept.reader
        finally:
            self._tidy()

    def __len__(self) -> int:
        return len(self._kept)

    def close(self) -> None:
        """Keep none any more."""
        with self._lock:
            self._kept.clear()

    def _tidy(self) -> None:
        """Drop those of runs that are gone, and what is too much, beginning with what was asked for longest ago."""
        with self._lock:
            sizes = {}
            for key, kept in list(self._kept.items()):
                size = kept.reader.held_bytes()
                if kept.fits() and size <= MOST_BYTES:
                    sizes[key] = size
                else:
                    del self._kept[key]
            held = sum(sizes.values())
            while len(self._kept) > MOST or held > MOST_BYTES:
                held -= sizes[self._kept.popitem(last=False)[0]]


def _stamp(run: RunLayout) -> tuple[int, ...]:
    """What never changes of a run: another one in its place has another one."""
    try:
        found = run.run_json.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns
