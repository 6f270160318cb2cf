"""Numbers logged under one name: out of files and records, into one order.

numpy is imported where it is used: a list of runs needs none of this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from traindock.store.metric_files import NumberFile, Record

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


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


def sound(records: npt.NDArray[Any]) -> tuple[Any, Any, Any]:
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


def merged_points(files: list[NumberFile], records: list[list[Record]]) -> Points:
    """Return all numbers of the files and records, by time; each one's own order is kept."""
    import numpy as np

    parts: list[tuple[Any, Any, Any]] = [sound(file.read()) for file in files]
    for series in records:
        numbers = numeric(series)
        whole = all(isinstance(record.value, int) and abs(record.value) < 2**63 for record in numbers)
        kind = np.int64 if whole else np.float64
        values = np.array([as_float(record.value) if not whole else record.value for record in numbers], kind)
        times = np.array([record.time for record in numbers], np.float64)
        for stepped in (True, False):
            mine = np.array([(record.step is not None) == stepped for record in numbers], np.bool_)
            steps = [record.step for record in numbers if record.step is not None]
            parts.append((times[mine], values[mine], np.array(steps, np.int64) if stepped else None))
    parts = [part for part in parts if len(part[0])]
    if not parts:
        return Points(np.empty(0), np.empty(0), None, None)
    if len(parts) == 1:
        times, values, steps = parts[0]
        has_step = None if steps is None else np.ones(len(times), np.bool_)
        return Points(times, values, steps, has_step)
    if any(part[1].dtype.kind == "f" for part in parts):
        parts = [(part[0], part[1].astype(np.float64), part[2]) for part in parts]
    # By the latest time so far, which keeps the order of each file even where two threads wrote it crosswise.
    reached = np.concatenate([np.maximum.accumulate(part[0]) for part in parts])
    order = np.argsort(reached, kind="stable")
    times = np.concatenate([part[0] for part in parts])[order]
    merged: npt.NDArray[Any] = np.concatenate([part[1] for part in parts])[order]
    if all(part[2] is None for part in parts):
        return Points(times, merged, None, None)
    none = [np.zeros(len(part[0]), np.int64) if part[2] is None else part[2] for part in parts]
    has = [np.full(len(part[0]), part[2] is not None) for part in parts]
    return Points(times, merged, np.concatenate(none)[order], np.concatenate(has)[order])
