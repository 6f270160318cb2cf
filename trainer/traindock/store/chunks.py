"""Files of records as sources of buckets: each :data:`CHUNK` points are summed up once.

The sums are kept in memory and, for long files, beside the records in ``<n>.chunks``, so that a chart of ten million
points reads some megabytes and not some hundred. That file is a cache: it may be thrown away, is not needed where it
cannot be written, and is left alone if it does not fit to the records.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from traindock.store.metric_files import NumberFile, opened, read_range
from traindock.store.sums import Axis, Sums, running_max, sound_times, sums_of_points

if TYPE_CHECKING:
    import numpy.typing as npt

    from traindock.store.sums import Floats

#: Records that one summary stands for: a block of the file system holds just that many.
CHUNK: Final = 256

#: Files with fewer full chunks are read as they are; a cache would not be quicker.
_CACHED_FROM: Final = 64

#: Records that are held at once while they are summed up: no more memory however long the file is, and the copies
#: stay within the processor's caches.
_READ_AT_ONCE: Final = 512 * CHUNK

_HEADER: Final = b"TDCHUNK1" + CHUNK.to_bytes(8, "little")

#: Without points: min is +inf, max is -inf, times and steps the same.
_SUMMARY: Final = np.dtype(
    [
        ("min", "<f8"),
        ("max", "<f8"),
        ("last", "<f8"),
        ("time_first", "<f8"),
        ("time_last", "<f8"),
        ("step_min", "<i8"),
        ("step_max", "<i8"),
        ("count", "<u2"),
        ("nans", "<u2"),
        ("first", "<u2"),  # places within the chunk of the first and last record that was written whole
        ("final", "<u2"),
        ("ascending", "<u2"),  # whether steps never go back
        ("reserved", "<u2", (3,)),
    ]
)

_STEP_LOW: Final = -(2**63)
_STEP_HIGH: Final = 2**63 - 1


class ChunkedFile:
    """A file of records as a source of buckets, by way of its chunks' summaries. Keep it: it remembers them.

    Args:
        file: the file.
        cache: whether the summaries of a long file are kept beside it.
    """

    def __init__(self, file: NumberFile, *, cache: bool = True) -> None:
        self.file = file
        self.records = 0
        self._chunks = np.empty(0, _SUMMARY)
        self._tail = np.empty(0, file.dtype())
        self._cache = file.path.with_suffix(".chunks") if cache else None
        self._cached = -1  # chunks in the cache; -1 before it was looked at

    def refresh(self) -> None:
        """Sum up what has been added since the last time."""
        records = self.file.size() // self.file.record_size
        if records == self.records:
            return
        if self._cached < 0 and records >= _CACHED_FROM * CHUNK:
            self._load()
        parts, at = [self._chunks], len(self._chunks) * CHUNK
        more = True
        while more:
            new = self.file.read(at, at + _READ_AT_ONCE)
            more = len(new) == _READ_AT_ONCE
            whole = len(new) // CHUNK * CHUNK
            if whole:
                parts.append(summarize(new[:whole]))
            at += whole
        self._chunks = np.concatenate(parts)
        self._tail = new[whole:].copy()
        self.records = at + len(self._tail)
        if len(self._chunks) - max(self._cached, 0) >= _CACHED_FROM:
            self._save()

    @property
    def held_bytes(self) -> int:
        """How much memory the summaries take."""
        return self._chunks.nbytes + self._tail.nbytes

    def sound(self) -> int:
        """How many records were written whole."""
        return int(self._chunks["count"].sum(dtype=np.int64) + sound_times(self._tail["time"]).sum())

    def total(self) -> Sums:
        """Return the sums over the whole file, by time."""
        both = [self._sums(self._chunks, "time"), self._raw(self._tail, "time", np.empty(0))]
        return both[0].whole().with_other(both[1].whole())

    def extent(self, axis: Axis) -> tuple[float, float] | None:
        """Return the smallest and the largest x; None where no point has one, or it is not in order of steps."""
        if not self.records or (axis == "step" and not self.file.stepped):
            return None
        if axis == "index":
            return 0.0, self.records - 1.0
        tail = self._raw(self._tail, axis, np.empty(0))
        firsts = np.concatenate([self._sums(self._chunks, axis).first, tail.first])
        finals = np.concatenate([self._sums(self._chunks, axis).final, tail.final])
        low, high = float(firsts.min()), float(finals.max())
        return (low, high) if low <= high else None

    def ascending(self) -> bool:
        """Whether steps never go back, so that buckets of steps are stretches of the file."""
        chunks, tail = self._chunks, self._tail["step"][sound_times(self._tail["time"])]
        if not ((chunks["ascending"] > 0) | (chunks["count"] == 0)).all():
            return False
        used = chunks[chunks["count"] > 0]
        if (used["step_min"][1:] < used["step_max"][:-1]).any() or (tail[1:] < tail[:-1]).any():
            return False
        return not len(tail) or not len(used) or bool(tail[0] >= used["step_max"][-1])

    def part(self, axis: Axis, edges: Floats) -> Sums:
        """Return the sums between each two of ``edges``. The axis "step" needs :meth:`ascending`.

        A record belongs behind an edge if x has reached it there or earlier: so buckets are stretches of the file
        even where two threads wrote their times crosswise.
        """
        chunks = self._sums(self._chunks, axis)
        reach = running_max(chunks.final)
        before = np.concatenate([[-np.inf], reach])
        low, high = np.searchsorted(reach, edges[[0, -1]], "left")
        high = min(high + 1, len(reach))

        # Chunks that an edge runs through are read and summed up again, piece by piece between the edges.
        cut = np.searchsorted(reach, edges, "left")
        inside = cut < len(reach)
        cut = cut[inside]
        cut = np.unique(cut[np.maximum(before[cut], chunks.first[cut]) < edges[inside]])
        numbers = np.append(cut, len(self._chunks))  # the tail is one too
        records = self._read_chunks(cut)
        index = (numbers[:, None] * float(CHUNK) + np.arange(CHUNK)).ravel()[: len(records)]
        points = self._raw(records, axis, index)
        at = np.searchsorted(running_max(points.final), edges, "left")
        splits = np.unique(np.concatenate([np.arange(len(numbers)) * CHUNK, at, [len(records)]]))
        pieces = points.grouped(splits)

        uncut = np.setdiff1d(np.arange(low, high), cut, assume_unique=True)
        both = np.concatenate([uncut, numbers[np.minimum(splits[:-1] // CHUNK, len(cut))]])
        order = np.argsort(both, kind="stable")
        sums = chunks.taken(uncut).followed_by(pieces).taken(order)
        ends = running_max(np.concatenate([before[low : low + 1], sums.final]))[1:]
        return sums.grouped(np.searchsorted(ends, edges, "left"))

    def _sums(self, chunks: npt.NDArray[Any], axis: Axis) -> Sums:
        used = chunks["count"] > 0
        if axis == "index":
            begin = np.arange(len(chunks), dtype=np.float64) * CHUNK
            first = np.where(used, begin + chunks["first"], np.inf)
            final = np.where(used, begin + chunks["final"], -np.inf)
        elif axis == "time":
            first, final = chunks["time_first"], chunks["time_last"]
        else:
            first = np.where(used, chunks["step_min"], np.inf)
            final = np.where(used, chunks["step_max"], -np.inf)
        count, nans = chunks["count"].astype(np.int64), chunks["nans"].astype(np.int64)
        return Sums(chunks["min"], chunks["max"], chunks["last"], chunks["time_last"], first, final, count, nans)

    def _raw(self, records: npt.NDArray[Any], axis: Axis, index: npt.NDArray[Any]) -> Sums:
        sound = sound_times(records["time"])
        return sums_of_points(records["value"], records["time"], index if axis == "index" else records[axis], sound)

    def _read_chunks(self, numbers: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
        """Return the records of these chunks, then those of the tail."""
        whole = len(numbers) * CHUNK
        found = np.empty(whole + len(self._tail), self.file.dtype())
        found[whole:] = self._tail
        if not whole:
            return found
        size = self.file.record_size * CHUNK
        view = found.view(np.uint8).data
        # Neighbours are read in one go.
        breaks = (np.flatnonzero(np.diff(numbers) != 1) + 1).tolist()
        first = numbers.tolist()
        with opened(self.file.path) as descriptor:
            for begin, end in zip([0, *breaks], [*breaks, len(numbers)], strict=True):
                place = view[begin * size : end * size]
                done = 0 if descriptor is None else os.preadv(descriptor, [place], first[begin] * size)
                if done < len(place):  # the file has shrunk: what is gone counts as damaged
                    place[done:] = b"\xff" * (len(place) - done)
        return found

    # -- the cache ------------------------------------------------------------------------------------------

    def _load(self) -> None:
        self._cached = 0
        if self._cache is None:
            return
        with opened(self._cache) as descriptor:
            data = b"" if descriptor is None else read_range(descriptor, 0, 1 << 62)
        if data[: len(_HEADER)] != _HEADER:
            if data:
                self._cache = None  # of another version, or not ours
            return
        size = _SUMMARY.itemsize
        count = (len(data) - len(_HEADER)) // size
        chunks = np.frombuffer(data, _SUMMARY, count, len(_HEADER))
        if count:
            # Whether it belongs to these records shows at its end.
            check = self.file.read((count - 1) * CHUNK, count * CHUNK)
            if len(check) < CHUNK or summarize(check).tobytes() != chunks[-1:].tobytes():
                self._cache = None
                return
        self._chunks, self._cached = chunks, count

    def _save(self) -> None:
        """Append the new summaries. Whoever else does so writes the very same bytes to the same place."""
        start = max(self._cached, 0)
        self._cached = len(self._chunks)
        if self._cache is None:
            return
        with contextlib.suppress(OSError):  # a folder that is read-only, or a full disk: it is only a cache
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(self._cache, flags, 0o600)
            try:
                if os.fstat(descriptor).st_size < len(_HEADER):
                    os.pwrite(descriptor, _HEADER, 0)
                    start = 0
                offset = len(_HEADER) + start * _SUMMARY.itemsize
                if os.fstat(descriptor).st_size >= offset:
                    os.pwrite(descriptor, self._chunks[start:].tobytes(), offset)
            finally:
                os.close(descriptor)


def summarize(records: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return one summary for each :data:`CHUNK` of ``records``, whose number must be a multiple of it."""
    shaped = records.reshape(-1, CHUNK)
    found = np.zeros(len(shaped), _SUMMARY)
    time, value = shaped["time"], shaped["value"]
    stepped = "step" in (records.dtype.names or ())
    low = value.min(axis=1)
    found["min"], found["max"], found["last"] = low, value.max(axis=1), value[:, -1]
    found["time_first"], found["time_last"] = time.min(axis=1), time.max(axis=1)
    found["count"], found["final"] = CHUNK, CHUNK - 1
    if stepped:
        step = shaped["step"]
        found["step_min"], found["step_max"] = step.min(axis=1), step.max(axis=1)
        found["ascending"] = (step[:, 1:] >= step[:, :-1]).all(axis=1)
    # A NaN shows in the minimum, a damaged record in its time: the usual chunk pays nothing for them.
    odd = ~(sound_times(found["time_first"]) & sound_times(found["time_last"])) | np.isnan(low)
    for row in np.flatnonzero(odd):
        _summarize_odd(shaped[row], found[row : row + 1], stepped)
    return found


def _summarize_odd(records: npt.NDArray[Any], found: npt.NDArray[Any], stepped: bool) -> None:
    places = np.flatnonzero(sound_times(records["time"]))
    records = records[places]
    value = records["value"].astype(np.float64)
    numbers = value[~np.isnan(value)]
    found["min"], found["max"] = numbers.min(initial=np.inf), numbers.max(initial=-np.inf)
    found["last"] = value[-1] if len(value) else np.nan
    found["time_first"] = records["time"].min(initial=np.inf)
    found["time_last"] = records["time"].max(initial=-np.inf)
    found["count"], found["nans"] = len(value), len(value) - len(numbers)
    found["first"], found["final"] = places[[0, -1]] if len(places) else (0, 0)
    if stepped:
        step = records["step"]
        found["step_min"], found["step_max"] = step.min(initial=_STEP_HIGH), step.max(initial=_STEP_LOW)
        found["ascending"] = bool((step[1:] >= step[:-1]).all())
