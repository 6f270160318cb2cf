"""All numbers logged under one name in the order of time, block by block: no more memory for a million than for some.

Each file is in its own order. Of all files of a name one block each is held, and what comes next is merged out of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from traindock.errors import StoreException
from traindock.store.metric_files import NumberFile, Record
from traindock.store.metric_points import Parts, Points, joined, parts_of_records, reached_times, sound

#: Most points that are held at once, of all files together; each file has at least :data:`_LEAST`.
_HELD = 1 << 16
_LEAST = 64


def merged_blocks(files: list[NumberFile], records: list[list[Record]], size: int) -> Iterator[Points]:
    """Yield what :func:`~traindock.store.metric_points.merged_points` returns, in blocks that are not empty.

    Args:
        files: number files of one name; what is appended to them from now on is left out.
        records: one list per writer.
        size: how many points a block of a single file has; where several are merged, it may be fewer or some more.

    Raises:
        StoreException: a file has become shorter, or is gone, so that not everything was yielded.
    """
    number = len(files) + len(records)
    size = min(size, max(_LEAST, _HELD // max(number, 1)))
    sources: list[_Source] = [_FileSource(file, size) for file in files]
    sources += [_Source(parts) for parts in parts_of_records(records)]
    sources = [source for source in sources if source.more or source.fill()]
    for place, source in enumerate(sources):
        source.place = place
    whole = all(source.whole_numbers for source in sources)
    stepped = any(source.stepped for source in sources)
    while sources := [source for source in sources if source.fill()]:
        # Whatever has not been read yet comes behind the last point that has, of its own file.
        last = min(((source.last, source.place) for source in sources if source.more), default=(np.inf, len(sources)))
        taken = [source.take(*last) for source in sources]
        taken = [(reached, parts) for reached, parts in taken if len(reached)]
        order = np.argsort(np.concatenate([reached for reached, _ in taken]), kind="stable")
        yield joined([parts for _, parts in taken], order, whole=whole, stepped=stepped)


class _Source:
    """One file's points, or those of one writer that are no fixed-size records, in their own order.

    Attributes:
        place: among the sources; of points of the same time the one of the first source goes first.
        stepped: whether its points have steps.
        whole_numbers: whether all of its values are integers.
        more: whether there are points behind those that are held.
        last: time of the last point that is held, or of an earlier one that was later.
    """

    place = 0
    more = False

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reached = reached_times(parts[0])
        self.stepped = parts[2] is not None
        self.whole_numbers = parts[1].dtype.kind == "i"

    @property
    def last(self) -> float:
        return float(self._reached[-1])

    def fill(self) -> bool:
        """Hold a block, if there is one."""
        return len(self._reached) > 0

    def take(self, time: float, place: int) -> tuple[npt.NDArray[np.float64], Parts]:
        """Return the points that come before all that is not held, and hold them no more."""
        count = int(np.searchsorted(self._reached, time, "right" if self.place <= place else "left"))
        times, values, steps = self._parts
        taken = (times[:count], values[:count], None if steps is None else steps[:count])
        reached, self._reached = self._reached[:count], self._reached[count:]
        self._parts = (times[count:], values[count:], None if steps is None else steps[count:])
        return reached, taken


class _FileSource(_Source):
    """A number file as it is now, of which a block is held at a time."""

    def __init__(self, file: NumberFile, size: int) -> None:
        super().__init__(sound(np.empty(0, file.dtype())))
        self._file = file
        self._size = size
        self._next = 0
        self._count = file.size() // file.record_size
        self._latest = -np.inf
        self.more = self._count > 0

    def fill(self) -> bool:
        while not len(self._reached) and self.more:
            wanted = min(self._size, self._count - self._next)
            records: npt.NDArray[Any] = self._file.read(self._next, self._next + wanted)
            if len(records) < wanted:
                raise StoreException(
                    f"metric {self._file.name!r:.80} became shorter while it was read: ask again, or look whether "
                    "the run was deleted"
                )
            self._next += wanted
            self.more = self._next < self._count
            self._parts = sound(records)
            self._reached = reached_times(self._parts[0], self._latest)
            if len(self._reached):
                self._latest = self.last
        return len(self._reached) > 0
