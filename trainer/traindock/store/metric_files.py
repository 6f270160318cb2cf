"""The files of one writing process, read safely.

A job owns its metrics folder and may have put anything there, so links are never followed, only regular files are
read, and nothing is mapped into memory: a mapped file that shrinks would kill its reader. What is torn or damaged is
passed over and counted.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from traindock.runtime.metric_format import LOST, NAMES, PLAIN, RECORDS, STEPPED, parse_name, parse_record

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Record:
    """One logged value that is no plain number, or that came with one of these through ``since``.

    Attributes:
        time: seconds since the epoch.
        name: the metric.
        kind: "scalar", "list", "row", "table", "image", "confusion_matrix", …
        value: the value; NaN and infinities are floats.
        step: the step, or None.
        description: what the script said about it.
    """

    time: float
    name: str
    kind: str
    value: Any
    step: int | None = None
    description: str = ""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int | None]:
    """Open a regular file for reading; None where there is none."""
    try:
        # Not blocking: a FIFO in place of the file would otherwise hold the reader for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield descriptor if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    finally:
        os.close(descriptor)


def read_range(descriptor: int, start: int, stop: int) -> bytes:
    """Return the bytes from ``start`` to ``stop``, or to the file's end."""
    size = min(stop, os.fstat(descriptor).st_size) - start
    parts = []
    while size > 0:
        part = os.pread(descriptor, min(size, 1 << 30), start)
        if not part:
            break
        parts.append(part)
        start += len(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def whole_lines(path: Path, offset: int) -> tuple[list[bytes], int]:
    """Return the complete lines from ``offset`` on, and the offset behind them."""
    with opened(path) as descriptor:
        data = b"" if descriptor is None else read_range(descriptor, offset, 1 << 62)
    lines = data.split(b"\n")
    rest = lines.pop()
    return lines, offset + len(data) - len(rest)


@dataclass(frozen=True, slots=True)
class NumberFile:
    """One file of fixed-size records.

    Attributes:
        path: the file.
        number: its number within the writer's folder.
        name: the metric.
        kind: "f" for float64, "i" for int64.
        stepped: whether its records have a step.
        description: what the script said about the metric.
    """

    path: Path
    number: int
    name: str
    kind: str
    stepped: bool
    description: str

    @property
    def record_size(self) -> int:
        """Bytes per record."""
        return STEPPED if self.stepped else PLAIN

    def dtype(self) -> np.dtype[Any]:
        """The record as numpy sees it: value, time and, if stepped, step."""
        import numpy as np

        value = "<f8" if self.kind == "f" else "<i8"
        if self.stepped:
            return np.dtype([("value", value), ("step", "<i8"), ("reserved", "<i8"), ("time", "<f8")])
        return np.dtype([("value", value), ("time", "<f8")])

    def size(self) -> int:
        """Bytes in the file; 0 where there is none, or something else than a file."""
        try:
            found = os.lstat(self.path)
        except OSError:
            return 0
        return found.st_size if stat.S_ISREG(found.st_mode) else 0

    def read(self, start: int = 0, stop: int = 1 << 56) -> npt.NDArray[Any]:
        """Return the complete records from index ``start`` to ``stop``, damaged ones included."""
        import numpy as np

        with opened(self.path) as descriptor:
            if descriptor is None:
                return np.empty(0, self.dtype())
            size = self.record_size
            count = max(0, min(stop, os.fstat(descriptor).st_size // size) - start)
            # An array that is filled in place: twice as quick as bytes that are made into an array.
            found = np.empty(count, self.dtype())
            view = found.view(np.uint8).data
            filled = 0
            while filled < len(view):
                part = os.preadv(descriptor, [view[filled : filled + (1 << 30)]], start * size + filled)
                if part == 0:
                    break
                filled += part
            return found[: filled // size]


@dataclass(slots=True)
class WriterFiles:
    """The folder of one writing process; remembers what it has read of the two line files.

    Attributes:
        folder: the folder.
        files: its number files, by number.
        records: what its ``records.jsonl`` holds, in order, by metric.
        damaged: how many lines made no sense.
        records_offset: how many bytes of ``records.jsonl`` have been read.
    """

    folder: Path
    files: dict[int, NumberFile] = field(default_factory=dict)
    records: dict[str, list[Record]] = field(default_factory=dict)
    damaged: int = 0
    records_offset: int = 0
    _names_offset: int = 0

    def refresh(self) -> None:
        """Read what has been added."""
        self.refresh_names()
        found, self.records_offset, damaged = self.records_since(self.records_offset)
        self.damaged += damaged
        for record in found:
            self.records.setdefault(record.name, []).append(record)

    def refresh_names(self) -> None:
        """Read the names that have been added."""
        lines, self._names_offset = whole_lines(self.folder / NAMES, self._names_offset)
        for line in lines:
            entry = parse_name(line)
            if entry is None:
                self.damaged += 1
            elif entry[0] not in self.files:
                number, name, kind, stepped, description = entry
                path = self.folder / f"{number}.bin"
                self.files[number] = NumberFile(path, number, name, kind, stepped, description)

    def records_since(self, offset: int, limit: int = 1 << 56) -> tuple[list[Record], int, int]:
        """Return at most ``limit`` records from ``offset`` on, the offset behind them, and how many were damaged."""
        lines, end = whole_lines(self.folder / RECORDS, offset)
        if len(lines) > limit:
            lines = lines[:limit]
            end = offset + sum(len(line) + 1 for line in lines)
        found = []
        for line in lines:
            entry = parse_record(line)
            if entry is not None:
                description = str(entry.get("description", ""))
                one = Record(entry["t"], entry["name"], entry["kind"], entry["value"], entry.get("step"), description)
                found.append(one)
        return found, end, len(lines) - len(found)

    def unnamed(self) -> int:
        """How many files hold numbers of which no line says any more what they are."""
        numbers = set()
        with contextlib.suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                number = _NUMBERED.fullmatch(entry.name)
                if number is not None and entry.is_file(follow_symlinks=False) and entry.stat().st_size:
                    numbers.add(int(number[1]))
        self.refresh_names()  # after the look: a line of names precedes its file
        return len(numbers - set(self.files))

    def lost(self) -> int:
        """How many points this writer could not write."""
        with opened(self.folder / LOST) as descriptor:
            return 0 if descriptor is None else int.from_bytes(os.pread(descriptor, 8, 0), "little")


_NUMBERED: Final = re.compile(r"(0|[1-9][0-9]{0,8})\.bin")

#: A name that no writer has is no writer: what else lies in the folder is passed over.
_HIDDEN: Final = "."


def writer_folders(metrics: Path) -> list[str]:
    """Return the names of the writers' folders, sorted; none where there is no metrics folder yet."""
    try:
        with os.scandir(metrics) as entries:
            return sorted(
                entry.name
                for entry in entries
                if not entry.name.startswith(_HIDDEN) and entry.is_dir(follow_symlinks=False)
            )
    except OSError:
        return []
