"""Reading the metrics of a run: whole, since a cursor, or in buckets for a chart.

The format, and who writes it, is described in ``traindock.runtime.metric_format``. Readers never change what a job
wrote, and can read while it writes: only complete records count. What is torn or damaged is passed over and counted.
"""

from __future__ import annotations

import random
import struct
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from traindock.errors import UserErrorException
from traindock.runtime.metric_format import LAYOUTS, azure_value, valid_time
from traindock.store.layout import RunLayout
from traindock.store.metric_cursor import decoded, encoded
from traindock.store.metric_files import NumberFile, Record, WriterFiles, opened, read_range, writer_folders
from traindock.store.metric_points import (
    Points,
    Series,
    merged_points,
    numeric,
    series_of,
    sound,
    total_of,
    total_of_records,
)

if TYPE_CHECKING:
    from traindock.store.buckets import Buckets
    from traindock.store.chunks import ChunkedFile
    from traindock.store.sums import Axis, PointsSource

#: Files of at most so many records are summed up without numpy, whose calls would take longer than the work.
_FEW: Final = 64

#: Files whose summaries a reader keeps in memory.
_KEPT: Final = 256


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """What there is under one name.

    Attributes:
        name: the metric.
        kind: "scalar", "list", "row", "table", "image", "confusion_matrix", …; of mixed kinds the first one.
        count: how many times it was logged.
        stepped: whether any point has a step.
        description: what the script said about it, or "".
    """

    name: str
    kind: str
    count: int
    stepped: bool
    description: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What was logged since a cursor.

    Attributes:
        series: numbers.
        records: everything else, in the order of each writer.
        more: whether the limit cut it short; ask again at once.
    """

    series: list[Series]
    records: list[Record]
    more: bool

    def __len__(self) -> int:
        return len(self.records) + sum(len(one.times) for one in self.series)


@dataclass(frozen=True, slots=True)
class Summary:
    """The numbers logged under one name, summed up.

    Attributes:
        last: the value logged last, be it NaN.
        min: the smallest, NaN apart; NaN if there is no other.
        max: the largest, NaN apart; NaN if there is no other.
        count: how many.
    """

    last: float
    min: float
    max: float
    count: int


class MetricReader:
    """Reads one run's metrics. Keep it while you follow a run: it remembers what it has read. Safe for threads.

    Args:
        metrics_dir: the run's ``metrics`` folder; need not exist yet.
        imported_dir: the run's ``imported`` folder, where that counts too; need not exist yet.
    """

    def __init__(self, metrics_dir: Path, imported_dir: Path | None = None) -> None:
        # A job can name a writer as it likes, but for a slash.
        self._folders = {"": Path(metrics_dir), **({} if imported_dir is None else {"imported/": imported_dir})}
        self._writers: dict[str, WriterFiles] = {}
        self._chunked: OrderedDict[Path, ChunkedFile] = OrderedDict()
        self._merged: tuple[Any, PointsSource] | None = None
        self._lock = threading.RLock()

    @classmethod
    def of_run(cls, layout: RunLayout) -> MetricReader:
        """Return a reader of all that is a metric of a run: what it logs, and what is imported from its files."""
        return cls(layout.metrics, layout.imported)

    # -- what there is --------------------------------------------------------------------------------------

    def names(self) -> list[MetricInfo]:
        """Return what there is, sorted by name."""
        with self._lock:
            files, records = self._refreshed()
            found = []
            for name in sorted({*files, *records}):
                mine, others = files.get(name, []), records.get(name, [])
                count = sum(file.size() // file.record_size for file in mine) + sum(map(len, others))
                if not count:
                    continue
                listed = [record for series in others for record in series]
                kind = "scalar" if mine else listed[0].kind
                stepped = any(file.stepped for file in mine) or any(record.step is not None for record in listed)
                said = [file.description for file in mine] + [record.description for record in listed[:1]]
                found.append(MetricInfo(name, kind, count, stepped, next(filter(None, said), "")))
            return found

    def lost(self) -> int:
        """How many points the job could not write, for instance because the disk was full."""
        with self._lock:
            return sum(writer.lost() for writer in self._scan())

    def damaged(self) -> int:
        """How many lines, records, ends of files and files without a name were passed over: torn, or without sense."""
        with self._lock:
            found = sum(writer.unnamed() for writer in self._scan())
            files, _ = self._refreshed()
            found += sum(writer.damaged for writer in self._writers.values())
            for file in (file for group in files.values() for file in group):
                if file.size() > _FEW * file.record_size:
                    chunked = self._chunks_of(file)
                    found += chunked.records - chunked.sound()
                else:
                    found += sum(not valid_time(row[-1]) for row in _rows(file))
                found += bool(file.size() % file.record_size)
            return found

    def held_bytes(self) -> int:
        """About how much memory the reader holds, for whoever keeps several of them; waits for nothing."""
        # A record's value takes about ten times its text.
        records = 10 * sum(writer.records_offset for writer in list(self._writers.values()))
        chunks = sum(chunked.held_bytes for chunked in list(self._chunked.values()))
        merged = self._merged
        return records + chunks + (0 if merged is None else merged[1].held_bytes)

    # -- whole ----------------------------------------------------------------------------------------------

    def values(self, name: str) -> list[Any]:
        """Return everything logged under ``name`` in the order of time, as Python's own values.

        Lists, rows and tables come as what was given in each call; empty if nothing was logged.
        """
        with self._lock:
            files, records = self._refreshed(name)
            return [value for _, value in self._entries(files.get(name, []), records.get(name, []))]

    def points(self, name: str) -> Points:
        """Return the numbers logged under ``name`` in the order of time; bools count as 0 and 1.

        Texts, None, lists and the like are left out, and integers beyond 64 bits become floats.
        """
        with self._lock:
            files, records = self._refreshed(name)
            return merged_points(files.get(name, []), records.get(name, []))

    def blocks(self, name: str, size: int = 4096) -> Iterator[Points]:
        """Yield what :meth:`points` returns, in blocks: it may be more than there is memory for.

        Args:
            name: the metric; one that does not exist has no blocks. What is logged from now on is left out.
            size: about how many points a block has.

        Raises:
            StoreException: the metric's files have become shorter, or are gone, before all was yielded.
        """
        from traindock.store.metric_blocks import merged_blocks

        with self._lock:
            files, records = self._refreshed(name)
            return merged_blocks(files.get(name, []), [numeric(series) for series in records.get(name, [])], size)

    def as_azure(self, name: str | None = None) -> dict[str, Any]:
        """Return what ``get_metrics`` gives, by name: logged once the value, more often a list.

        One row gives a dict of scalars, several a dict of lists, an image its file's name.

        Args:
            name: only this one; a name without values gives an empty dict.
        """
        with self._lock:
            files, records = self._refreshed(name)
            found = {}
            for one in sorted({*files, *records}) if name is None else [name]:
                entries = self._entries(files.get(one, []), records.get(one, []))
                if entries:
                    found[one] = azure_value(entries)
            return found

    def to_frame_columns(self, names: Iterable[str] | None = None) -> dict[str, Any]:
        """Return the numbers in long form, as columns for a data frame: name, step (NaN if none), time, value.

        Args:
            names: only these; default is all that have numbers.
        """
        import numpy as np

        with self._lock:
            wanted = [info.name for info in self.names()] if names is None else list(names)
            found = [(name, self.points(name)) for name in wanted]
            empty: list[Any] = [np.empty(0)]
            steps = [
                np.full(len(points.times), np.nan)
                if points.steps is None or points.has_step is None
                else np.where(points.has_step, points.steps, np.nan)
                for _, points in found
            ]
            return {
                "name": [name for name, points in found for _ in range(len(points.times))],
                "step": np.concatenate(steps or empty),
                "time": np.concatenate([points.times for _, points in found] or empty),
                "value": np.concatenate([points.values for _, points in found] or empty),
            }

    def summary(self) -> dict[str, Summary]:
        """Return last, min, max and count of each metric that has numbers, in the order in which they came."""
        with self._lock:
            files, records = self._refreshed()
            found = {}
            for name in dict.fromkeys((*files, *records)):
                totals = [self._total(file) for file in files.get(name, ())]
                totals += [total_of_records(series) for series in records.get(name, ())]
                used = [total for total in totals if total[4]]
                if used:
                    last = max(used, key=lambda total: total[0])[1]
                    low, high = min(total[2] for total in used), max(total[3] for total in used)
                    bare = low > high
                    nan = float("nan")
                    count = sum(total[4] for total in used)
                    found[name] = Summary(last, nan if bare else low, nan if bare else high, count)
            return found

    # -- following ------------------------------------------------------------------------------------------

    def since(
        self, cursor: str | None = None, limit: int = 100_000, most_series: int | None = None
    ) -> tuple[Batch, str]:
        """Return what was logged since ``cursor``, over all metrics, and the next cursor.

        Only complete records are returned, each of them once. A cursor outlives reader, kernel and server.

        Args:
            cursor: as an earlier call returned it; None for the beginning.
            limit: at most so many points and records.
            most_series: at most so many series; by default all.

        Raises:
            UserErrorException: the text is no cursor.
        """
        places = decoded(cursor)
        left = max(1, limit)
        series: list[Series] = []
        records: list[Record] = []
        files: list[tuple[dict[str, int], NumberFile]] = []
        more = False
        with self._lock:
            for key, writer in self._scanned():
                writer.refresh_names()
                place = places.setdefault(key, [0, {}])
                if left > 0:
                    new, place[0], damaged = writer.records_since(place[0], left)
                    records += new
                    left -= len(new) + damaged
                    more |= left <= 0
                files += [(place[1], file) for file in writer.files.values()]
            most_series = len(files) if most_series is None else most_series
            if most_series < len(files):  # begun anywhere, so that nothing waits for what is always logged
                begin = random.randrange(len(files))  # noqa: S311 -- nobody gains by guessing it
                files = files[begin:] + files[:begin]
            for read, file in files:
                start = read.get(str(file.number), 0)
                available = file.size() // file.record_size - start
                if available <= 0:
                    continue
                if left <= 0 or len(series) >= most_series:
                    more = True
                    break
                found = file.read(start, start + left)
                read[str(file.number)] = start + len(found)
                more |= len(found) < available
                left -= len(found)
                series.append(series_of(file, found))
        return Batch([one for one in series if len(one.times)], records, more), encoded(places)

    # -- charts ---------------------------------------------------------------------------------------------

    def buckets(
        self,
        name: str,
        count: int = 800,
        start: float | None = None,
        stop: float | None = None,
        axis: Axis = "index",
    ) -> Buckets:
        """Return the numbers of ``name`` in about ``count`` buckets; its cost hardly grows with their number.

        Args:
            name: the metric; one that does not exist has no buckets.
            count: how many buckets to aim at, 1 to 100,000.
            start: smallest x to look at (index, seconds since the epoch, or step); None for the first point.
            stop: x to look at no more; None for behind the last point.
            axis: "index", "time" or "step". If no point has a step, "index" is taken, and the answer says so.

        Raises:
            UserErrorException: no such axis, or a count out of range.
        """
        from traindock.store import buckets

        if axis not in ("index", "time", "step"):
            raise UserErrorException(f"{axis!r} is no axis of a chart: use 'index', 'time' or 'step'")
        if not 1 <= count <= 100_000:
            raise UserErrorException(f"count must be from 1 to 100,000, but is {count!r}")
        with self._lock:
            files, records = self._refreshed(name)
            mine, others = files.get(name, []), records.get(name, [])
            numbers = [series for series in others if numeric(series)]
            chunked = [self._chunks_of(file) for file in mine]
            chunked = [one for one in chunked if one.records]
            stepped = any(one.file.stepped for one in chunked)
            stepped |= any(record.step is not None for series in numbers for record in series)
            if axis == "step" and not stepped:
                axis = "index"
            sources: list[ChunkedFile | PointsSource] = []
            if axis == "step":
                chunked = [one for one in chunked if one.file.stepped]
            if (axis == "index" and len(chunked) + len(numbers) > 1) or (
                axis == "step" and not all(one.ascending() for one in chunked)
            ):
                sources.append(self._merge(name, mine, others))
            else:
                sources += chunked
                if numbers:
                    sources.append(_source(merged_points([], numbers)))
            return buckets.bucketed(sources, axis, int(count), start, stop)

    # -- inside ---------------------------------------------------------------------------------------------

    def _scanned(self) -> list[tuple[str, WriterFiles]]:
        """Return the writers' folders by what a cursor calls them, in order."""
        for prefix, folder in self._folders.items():
            for name in writer_folders(folder):
                if prefix + name not in self._writers:
                    self._writers[prefix + name] = WriterFiles(folder / name)
        return sorted(self._writers.items())

    def _scan(self) -> list[WriterFiles]:
        return [writer for _, writer in self._scanned()]

    def _refreshed(self, name: str | None = None) -> tuple[dict[str, list[NumberFile]], dict[str, list[list[Record]]]]:
        """Return the number files and, one list per writer, the records of each name; or of one name only."""
        files: dict[str, list[NumberFile]] = {}
        records: dict[str, list[list[Record]]] = {}
        for writer in self._scan():
            writer.refresh()
            for file in writer.files.values():
                if name is None or file.name == name:
                    files.setdefault(file.name, []).append(file)
            for one, series in writer.records.items() if name is None else [(name, writer.records.get(name, []))]:
                if series:
                    records.setdefault(one, []).append(series)
        return files, records

    @staticmethod
    def _entries(files: list[NumberFile], records: list[list[Record]]) -> list[tuple[str, Any]]:
        """Return (kind, value) of everything, in the order of time."""
        from traindock.runtime.metric_format import merge

        parts: list[list[tuple[float, Any]]] = []
        for file in files:
            times, values = sound(file.read())[:2]
            parts.append(list(zip(times.tolist(), values.tolist(), strict=True)))
        if len(parts) == 1 and not records:
            return [("scalar", value) for _, value in parts[0]]
        both = [[(t, ("scalar", value)) for t, value in part] for part in parts]
        both += [[(record.time, (record.kind, record.value)) for record in series] for series in records]
        return [entry for _, entry in merge(both)]

    def _chunks_of(self, file: NumberFile) -> ChunkedFile:
        from traindock.store.chunks import ChunkedFile

        chunked = self._chunked.pop(file.path, None) or ChunkedFile(file)
        self._chunked[file.path] = chunked
        while len(self._chunked) > _KEPT:
            self._chunked.popitem(last=False)
        chunked.refresh()
        return chunked

    def _merge(self, name: str, files: list[NumberFile], records: list[list[Record]]) -> PointsSource:
        """Return all points of a name as one source; the last one asked for is kept while nothing is added."""
        state = (name, [file.size() for file in files], [len(series) for series in records])
        if self._merged is None or self._merged[0] != state:
            self._merged = (state, _source(merged_points(files, records)))
        return self._merged[1]

    def _total(self, file: NumberFile) -> tuple[float, float, float, float, int]:
        """Return time of the last point, last, min, max, count."""
        if file.size() > _FEW * file.record_size:
            total = self._chunks_of(file).total()
            low, high = float(total.min[0]), float(total.max[0])
            return float(total.time[0]), float(total.last[0]), low, high, int(total.count[0])
        return total_of([(row[-1], float(row[0])) for row in _rows(file) if valid_time(row[-1])])


def _rows(file: NumberFile) -> list[tuple[Any, ...]]:
    """Return the records of a short file, damaged ones included; the time comes last."""
    with opened(file.path) as descriptor:
        data = b"" if descriptor is None else read_range(descriptor, 0, _FEW * file.record_size)
    layout: struct.Struct = LAYOUTS[file.kind, file.stepped]
    return list(layout.iter_unpack(data[: len(data) // layout.size * layout.size]))


def _source(points: Points) -> PointsSource:
    from traindock.store.sums import PointsSource

    return PointsSource(points.values, points.times, points.steps, points.has_step)
