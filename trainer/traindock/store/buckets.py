"""A chart's view of a metric: a few hundred buckets with minimum, maximum, last and count, however many points.

Bucket edges are multiples of a power of two, so that they stay where they are while points are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traindock.store.chunks import ChunkedFile
from traindock.store.sums import Axis, PointsSource

if TYPE_CHECKING:
    from traindock.store.sums import Floats, Ints


@dataclass(frozen=True, slots=True)
class Buckets:
    """Buckets that hold at least one point, in order.

    Attributes:
        axis: "index", "time" or "step"; "index" too where "step" was asked for and no point has one.
        width: width of each bucket on that axis, a power of two (points, seconds or steps).
        start: lower edge of each bucket, a multiple of ``width``.
        first: smallest x of the points in it.
        final: largest x of the points in it.
        min: smallest value, NaN apart; NaN if there is no other.
        max: largest value, NaN apart; NaN if there is no other.
        last: the value logged last, be it NaN.
        count: how many points, NaN included.
        nans: how many of these are NaN.
    """

    axis: Axis
    width: float
    start: Floats
    first: Floats
    final: Floats
    min: Floats
    max: Floats
    last: Floats
    count: Ints
    nans: Ints


def edges_between(low: float, high: float, count: int, *, whole: bool) -> tuple[Floats, float]:
    """Return at most ``count`` + 1 buckets' edges around [low, high], multiples of a power of two, and that power.

    Args:
        low: smallest x.
        high: largest x.
        count: how many buckets to aim at.
        whole: whether the width is at least 1.
    """
    span = max(high - low, 0.0)
    width = 2.0 ** np.ceil(np.log2(max(span / count, 2.0**-20)))
    if whole:
        width = max(width, 1.0)
    first = np.floor(low / width)
    buckets = int(np.floor(high / width) - first) + 1
    return (first + np.arange(buckets + 1)) * width, float(width)


def bucketed(
    sources: Sequence[ChunkedFile | PointsSource], axis: Axis, count: int, start: float | None, stop: float | None
) -> Buckets:
    """Return the buckets of all ``sources`` together.

    Args:
        sources: for the axis "index" one at most, since only that one knows its points' order.
        axis: what x is.
        count: how many buckets to aim at; there may be one more.
        start: smallest x to look at; None for the first point.
        stop: x to look at no more; None for behind the last point.
    """
    extents = [extent for source in sources if (extent := source.extent(axis)) is not None]
    low = min((extent[0] for extent in extents), default=0.0)
    high = max((extent[1] for extent in extents), default=-1.0)
    low = low if start is None else max(low, float(start))
    high = high if stop is None else min(high, float(np.nextafter(stop, -np.inf)))
    if low > high:
        nothing, none = np.empty(0), np.empty(0, np.int64)
        return Buckets(axis, 1.0, nothing, nothing, nothing, nothing, nothing, nothing, none, none)
    edges, width = edges_between(low, high, count, whole=axis != "time")
    cut = edges.copy()
    cut[0], cut[-1] = max(cut[0], low), min(cut[-1], np.nextafter(high, np.inf))
    sums = sources[0].part(axis, cut)
    for source in sources[1:]:
        sums = sums.with_other(source.part(axis, cut))
    used = sums.count > 0
    bare = sums.nans[used] == sums.count[used]
    return Buckets(
        axis=axis,
        width=width,
        start=edges[:-1][used],
        first=sums.first[used],
        final=sums.final[used],
        min=np.where(bare, np.nan, sums.min[used]),
        max=np.where(bare, np.nan, sums.max[used]),
        last=sums.last[used],
        count=sums.count[used],
        nans=sums.nans[used],
    )
