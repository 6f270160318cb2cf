"""Points that were logged since the last look, as few enough for a page: as they are, or in buckets of several.

A bucket keeps minimum, maximum and last value, and counts what it stands for, so that no spike gets lost.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from traindock.documents import plain
from traindock.store.metric_files import Record
from traindock.store.metric_points import Series, as_float
from traindock.store.metrics import Batch

Floats = npt.NDArray[np.float64]

#: Most points and buckets of all metrics in one message.
MOST: Final = 4_000
#: Most metrics in one message; those left out come with the next one.
MOST_SERIES: Final = 500
#: Most of one metric.
MOST_OF_ONE: Final = 400
#: Most records (rows, tables, pictures, …) in one message.
MOST_RECORDS: Final = 100
#: Most characters of a record's value in a message.
RECORD_SIZE: Final = 2048

_FIELDS: Final = ("first", "final", "first_step", "final_step", "min", "max", "last", "count", "nans")


class Merged:
    """Gathers batches of one run, in the order in which they were read, and gives what a message has of them."""

    def __init__(self) -> None:
        self._series: dict[str, npt.NDArray[np.float64]] = {}
        self._records: list[dict[str, Any]] = []
        self._left_out = 0
        self.points = 0

    def add(self, batch: Batch) -> None:
        """Take the next batch."""
        self.points += len(batch)
        for series in batch.series:
            self._put(series.name, _buckets_of(series))
        for record in batch.records:
            self._add_record(record)

    @property
    def room(self) -> int:
        """How many more metrics can be taken."""
        return max(0, MOST_SERIES - len(self._series))

    def __bool__(self) -> bool:
        return bool(self._series or self._records or self._left_out)

    def document(self) -> dict[str, Any]:
        """Return ``series`` and ``records`` for a message.

        A series of points has ``times``, ``values`` and ``steps`` (None without steps); one of buckets has ``buckets``
        with columns ``first`` and ``final`` (times), ``first_step`` and ``final_step``, ``min``, ``max``, ``last``,
        ``count`` and ``nans``.
        """
        most = min(MOST_OF_ONE, MOST // max(len(self._series), 1))
        return {
            "series": [_described(name, _fewer(table, most)) for name, table in self._series.items()],
            "records": self._records,
            "records_left_out": self._left_out,
        }

    def _put(self, name: str, table: npt.NDArray[np.float64]) -> None:
        before = self._series.get(name)
        if before is not None:
            table = np.concatenate([before, table], axis=1)
        # Twice as many as can be sent are kept, so that much is never merged pair by pair again and again.
        self._series[name] = _fewer(table, MOST_OF_ONE) if table.shape[1] > 2 * MOST_OF_ONE else table

    def _add_record(self, record: Record) -> None:
        scalar = record.kind == "scalar" and isinstance(record.value, bool | int | float)
        if scalar and (self.room or record.name in self._series):
            value = as_float(record.value)
            step = None if record.step is None else np.array([record.step])
            self._put(record.name, _buckets_of(Series(record.name, np.array([record.time]), np.array([value]), step)))
            return
        if scalar or len(self._records) >= MOST_RECORDS:
            self._left_out += 1
            return
        shown = plain(record.value)
        if len(repr(shown)) > RECORD_SIZE:
            shown = None
        self._records.append(
            {"name": record.name, "kind": record.kind, "time": record.time, "step": record.step, "value": shown}
        )


def _buckets_of(series: Series) -> npt.NDArray[np.float64]:
    """Return the points as buckets of one each: a row for each of the fields, a column for each point."""
    values = series.values.astype(np.float64)
    steps = np.full(len(values), np.nan) if series.steps is None else series.steps.astype(np.float64)
    ones = np.ones(len(values))
    table = np.stack([series.times, series.times, steps, steps, values, values, values, ones, np.isnan(values)])
    return _fewer(table, MOST_OF_ONE) if len(values) > 2 * MOST_OF_ONE else table


def _fewer(table: npt.NDArray[np.float64], most: int) -> npt.NDArray[np.float64]:
    """Return at most ``most`` buckets that stand for those of ``table``, in order."""
    count = table.shape[1]
    if count <= most:
        return table
    starts = np.linspace(0, count, most, endpoint=False).astype(np.int64)
    ends = np.append(starts[1:], count) - 1
    first, final, first_step, final_step, low, high, last, counts, nans = table
    return np.stack(
        [
            first[starts],
            final[ends],
            first_step[starts],
            final_step[ends],
            np.fmin.reduceat(low, starts),
            np.fmax.reduceat(high, starts),
            last[ends],
            np.add.reduceat(counts, starts),
            np.add.reduceat(nans, starts),
        ]
    )


def _described(name: str, table: npt.NDArray[np.float64]) -> dict[str, Any]:
    columns = dict(zip(_FIELDS, table, strict=True))
    stepped = not np.isnan(columns["first_step"]).all()
    if (columns["count"] == 1).all():
        steps = _whole(columns["first_step"]) if stepped else None
        return {"name": name, "times": columns["first"].tolist(), "values": _plain(columns["last"]), "steps": steps}
    buckets: dict[str, Any] = {field: _plain(columns[field]) for field in ("first", "final", "min", "max", "last")}
    for field in ("first_step", "final_step"):
        buckets[field] = _whole(columns[field]) if stepped else None
    for field in ("count", "nans"):
        buckets[field] = columns[field].astype(np.int64).tolist()
    return {"name": name, "buckets": buckets}


def _plain(values: Floats) -> list[float | str]:
    if np.isfinite(values).all():
        found: list[float | str] = values.tolist()
        return found
    return [
        value if math.isfinite(value) else "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        for value in values.tolist()
    ]


def _whole(steps: Floats) -> list[int | None]:
    return [None if math.isnan(step) else int(step) for step in steps.tolist()]
