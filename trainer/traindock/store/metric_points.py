"""Numbers logged under one name: out of files and records, into one order.

numpy is imported where it is used: a list of runs needs none of this.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from traindock.store.metric_files import NumberFile, Record

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: Times, values, and steps or None, of points that all have a step, or none.
Parts: TypeAlias = "tuple[npt.NDArray[np.float64], npt.NDArray[Any], npt.NDArray[np.int64] | None]"


@dataclass(frozen=True, slots=True)
class Points:
    """The numbers logged under one name, in the order of time.

    Attributes:
        times: float64, seconds since the epoch.
        values: float64, or int64 if all of them are integers.
        steps: int64, or None if no point has a step.
        has_step: which points have one (the others' ``steps`` mean nothing), or None if no point has one.
    """

    times: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64] | npt.NDArray[np.int64]
    steps: npt.NDArray[np.int64] | None
    has_step: npt.NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True)
class Series:
    """New numbers of one file: those of a name may come as several of these.

    Attributes:
        name: the metric.
        times: float64, seconds since the epoch.
        values: float64 or int64.
        steps: int64, or None if these points have no steps.
    """

    name: str
    times: npt.NDArray[np.float64]
    values: npt.NDArray[Any]
    steps: npt.NDArray[np.int64] | None


def total_of_records(records: list[Record]) -> tuple[float, float, float, float, int]:
    """Return what :func:`total_of` does, for the records that are numbers."""
    return total_of([(record.time, as_float(record.value)) for record in numeric(records)])


def total_of(points: list[tuple[float, float]]) -> tuple[float, float, float, float, int]:
    """Return time of the last point, its value, minimum, maximum (NaN apart) and count of (time, value) pairs."""
    numbers = [value for _, value in points if value == value]  # only NaN differs from itself
    low, high = min(numbers, default=float("inf")), max(numbers, default=float("-inf"))
    return (*points[-1], low, high, len(points)) if points else (0.0, 0.0, low, high, 0)


def numeric(records: list[Record]) -> list[Record]:
    """Return the records that a chart can draw."""
    return [record for record in records if record.kind == "scalar" and isinstance(record.value, (bool, int, float))]


def as_float(value: float) -> float:
    """Return ``value`` as a float; an integer beyond its range becomes an infinity."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def sound(records: npt.NDArray[Any]) -> Parts:
    """Return times, values and steps (or None) of the records that were written whole."""
    from traindock.store.sums import sound_times

    sound = sound_times(records["time"])
    if not sound.all():
        records = records[sound]
    return records["time"], records["value"], records["step"] if "step" in (records.dtype.names or ()) else None


def series_of(file: NumberFile, records: npt.NDArray[Any]) -> Series:
    """Return the records of ``file`` that were written whole."""
    import numpy as np

    times, values, steps = sound(records)
    steps = None if steps is None else np.ascontiguousarray(steps)
    return Series(file.name, np.ascontiguousarray(times), np.ascontiguousarray(values), steps)


def parts_of_records(records: list[list[Record]]) -> Iterator[Parts]:
    """Yield the numbers of each writer's records: first those that have steps, then the others."""
    import numpy as np

    for series in records:
        numbers = numeric(series)
        whole = all(isinstance(record.value, int) and abs(record.value) < 2**63 for record in numbers)
        kind = np.int64 if whole else np.float64
        values = np.array([as_float(record.value) if not whole else record.value for record in numbers], kind)
        times = np.array([record.time for record in numbers], np.float64)
        for stepped in (True, False):
            mine = np.array([(record.step is not None) == stepped for record in numbers], np.bool_)
            steps = [record.step for record in numbers if record.step is not None]
            if mine.any():
                yield times[mine], values[mine], np.array(steps, np.int64) if stepped else None


def reached_times(times: npt.NDArray[np.float64], before: float = -math.inf) -> npt.NDArray[np.float64]:
    """Return the latest time so far at each point, which keeps its file's order even where two threads wrote it.

    Args:
        times: of the points.
        before: the latest time of the points before these.
    """
    import numpy as np

    return np.maximum(np.maximum.accumulate(times), before)


def joined(parts: list[Parts], order: npt.NDArray[np.intp], *, whole: bool, stepped: bool) -> Points:
    """Return the points of all parts in the given order.

    Args:
        parts: none of them empty.
        order: places in the row of all parts' points.
        whole: whether values are integers in all parts of the metric.
        stepped: whether any part of the metric has steps.
    """
    import numpy as np

    times = np.concatenate([part[0] for part in parts])[order]
    values: npt.NDArray[Any] = np.concatenate([part[1] for part in parts])[order]
    values = values if whole else values.astype(np.float64, copy=False)
    if not stepped:
        return Points(times, values, None, None)
    none = [np.zeros(len(part[0]), np.int64) if part[2] is None else part[2] for part in parts]
    has = [np.full(len(part[0]), part[2] is not None) for part in parts]
    return Points(times, values, np.concatenate(none)[order], np.concatenate(has)[order])


def merged_points(files: list[NumberFile], records: list[list[Record]]) -> Points:
    """Return all numbers of the files and records, by time; each one's own order is kept."""
    import numpy as np

    parts: list[Parts] = [*(sound(file.read()) for file in files), *parts_of_records(records)]
    parts = [part for part in parts if len(part[0])]
    if not parts:
        return Points(np.empty(0), np.empty(0), None, None)
    if len(parts) == 1:
        times, values, steps = parts[0]
        has_step = None if steps is None else np.ones(len(times), np.bool_)
        return Points(times, values, steps, has_step)
    order = np.argsort(np.concatenate([reached_times(part[0]) for part in parts]), kind="stable")
    whole = all(part[1].dtype.kind == "i" for part in parts)
    return joined(parts, order, whole=whole, stepped=any(part[2] is not None for part in parts))
