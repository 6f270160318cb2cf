"""Sums over groups of points: what a chunk, a bucket and a point by itself have in common."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from traindock.runtime.metric_format import TIME_MAX, TIME_MIN

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]
    Ints: TypeAlias = npt.NDArray[np.int64]

Axis: TypeAlias = Literal["index", "time", "step"]


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over groups of points (a point, a chunk or a bucket each), in the order of x.

    A group without points has ``count`` 0, ``min`` and ``first`` +inf, and ``max`` and ``final`` -inf, so that it
    adds nothing; its ``last`` and ``time`` mean nothing.
    """

    min: Floats
    max: Floats
    last: Floats
    time: Floats  # of the last point
    first: Floats  # smallest x
    final: Floats  # largest x
    count: Ints
    nans: Ints
    plain: bool = False  # each group is one point, not NaN, and x ascends

    def grouped(self, starts: npt.NDArray[np.intp]) -> Sums:
        """Return the sums over groups of these: from ``starts[i]`` to ``starts[i + 1]``, that excluded."""
        groups = len(starts) - 1
        filled = starts[1:] > starts[:-1]
        at, ends = starts[:-1][filled], starts[1:][filled]
        # reduceat() goes on to the end of its input, and an empty group would give its neighbour's element.
        stop = int(starts[-1])

        def spread(values: npt.NDArray[Any], nothing: float) -> npt.NDArray[Any]:
            found = np.full(groups, nothing, values.dtype)
            found[filled] = values
            return found

        def over(ufunc: np.ufunc, values: npt.NDArray[Any], nothing: float) -> npt.NDArray[Any]:
            return spread(ufunc.reduceat(values[:stop], at) if len(at) else values[:0], nothing)

        low, high = over(np.minimum, self.min, np.inf), over(np.maximum, self.max, -np.inf)
        if self.plain:
            latest = ends - 1
            first, final = spread(self.first[at], np.inf), spread(self.final[latest], -np.inf)
            count, nans = np.where(filled, starts[1:] - starts[:-1], 0), np.zeros(groups, np.int64)
        else:
            # In a group without points, any element: it counts for nothing.
            latest = (
                np.maximum.reduceat(np.where(self.count > 0, np.arange(len(self.count)), 0)[:stop], at)
                if len(at)
                else at
            )
            first, final = over(np.minimum, self.first, np.inf), over(np.maximum, self.final, -np.inf)
            count, nans = over(np.add, self.count, 0), over(np.add, self.nans, 0)
        return Sums(
            low, high, spread(self.last[latest], np.nan), spread(self.time[latest], np.nan), first, final, count, nans
        )

    def taken(self, numbers: npt.NDArray[np.intp]) -> Sums:
        """Return the groups with these numbers, in this order."""
        return Sums(**{name: getattr(self, name)[numbers] for name in _ARRAYS})

    def followed_by(self, other: Sums) -> Sums:
        """Return these groups, then the other ones."""
        joined: dict[str, Any] = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in _ARRAYS}
        return Sums(**joined)

    def with_other(self, other: Sums) -> Sums:
        """Return the sums over these groups and, group by group, those of ``other``."""
        later = (other.count > 0) & ((self.count == 0) | (other.time >= self.time))
        return Sums(
            min=np.minimum(self.min, other.min),
            max=np.maximum(self.max, other.max),
            last=np.where(later, other.last, self.last),
            time=np.where(later, other.time, self.time),
            first=np.minimum(self.first, other.first),
            final=np.maximum(self.final, other.final),
            count=self.count + other.count,
            nans=self.nans + other.nans,
        )

    def whole(self) -> Sums:
        """Return the sums over all of it, as one group."""
        return self.grouped(np.array([0, len(self.count)], np.intp))


# The bits of the times that can be. As whole numbers, positive floats have the same order, and negative ones and NaN
# come behind them: a single comparison tells whether a time lies between two others.
_LEAST = np.float64(TIME_MIN).view(np.uint64)
_SPAN = np.float64(TIME_MAX).view(np.uint64) - _LEAST

_ARRAYS = tuple(field.name for field in fields(Sums) if field.name != "plain")


def sums_of_points(values: npt.NDArray[Any], times: Floats, x: npt.NDArray[Any], sound: npt.NDArray[np.bool_]) -> Sums:
    """Return a group for each point; those that are not sound are empty groups."""
    value, time, along = (np.ascontiguousarray(one, np.float64) for one in (values, times, x))
    nan = np.isnan(value)
    if sound.all() and not nan.any():
        one = np.broadcast_to(np.int64(1), len(value))
        along = running_max(along)
        return Sums(value, value, value, time, along, along, one, np.broadcast_to(np.int64(0), len(value)), True)
    nan &= sound
    number = sound & ~nan
    return Sums(
        min=np.where(number, value, np.inf),
        max=np.where(number, value, -np.inf),
        last=value,
        time=time,
        first=np.where(sound, along, np.inf),
        final=np.where(sound, along, -np.inf),
        count=sound.astype(np.int64),
        nans=nan.astype(np.int64),
    )


def running_max(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the largest x so far at each place; usually that is ``x`` itself, which is quicker to see than to do."""
    return x if (x[1:] >= x[:-1]).all() else np.maximum.accumulate(x)


def sound_times(times: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which records were written whole, and are still what was written."""
    return np.asarray(times, np.float64).view(np.uint64) - _LEAST < _SPAN


class PointsSource:
    """Points in memory as a source of buckets: several files merged, or what is no fixed-size record.

    Args:
        values: numbers.
        times: seconds since the epoch.
        steps: their steps, or None where no point has one.
        has_step: which points have a step; only with ``steps``.
    """

    def __init__(
        self,
        values: npt.NDArray[Any],
        times: Floats,
        steps: Ints | None = None,
        has_step: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        self.values, self.times, self.steps, self.has_step = values, times, steps, has_step

    @property
    def held_bytes(self) -> int:
        """How much memory the points take: they may be columns of whole records."""
        return 32 * len(self.values)

    def extent(self, axis: Axis) -> tuple[float, float] | None:
        """Return the smallest and the largest x; None where no point has one."""
        x, _, _ = self._along(axis)
        return (float(x[0]), float(x[-1])) if len(x) else None

    def part(self, axis: Axis, edges: Floats) -> Sums:
        """Return the sums between each two of ``edges``."""
        x, values, times = self._along(axis)
        sums = sums_of_points(values, times, x, np.ones(len(x), np.bool_))
        return sums.grouped(np.searchsorted(x, edges, "left"))

    def _along(self, axis: Axis) -> tuple[Floats, npt.NDArray[Any], Floats]:
        if axis == "index":
            return np.arange(len(self.values), dtype=np.float64), self.values, self.times
        if axis == "time":
            return running_max(self.times), self.values, self.times
        if self.steps is None or self.has_step is None:
            return np.empty(0), np.empty(0), np.empty(0)
        steps = self.steps[self.has_step]
        # In the order of steps and, where the script went through them again, of time: the last one is the latest.
        order = np.argsort(steps, kind="stable")
        values, times = self.values[self.has_step], self.times[self.has_step]
        return steps[order].astype(np.float64), values[order], times[order]
