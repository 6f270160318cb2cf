"""Metrics that were read out of files of other tools, each point once, whoever is killed meanwhile.

``imported/<writer>/`` in a run's folder belongs to one file of which the dispatcher reads, and has the format of the
folder of a process that logs (see ``traindock.runtime.metric_format``), so that all readers of metrics see it. No job
can reach it. Besides there is ``place.json``: which file that is, how far it has been read, and how many points of each
series had been written by then. What was written after it is written again, at the same place.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from traindock.errors import StoreException
from traindock.runtime.metric_format import INT64_MAX, INT64_MIN, LAYOUTS, NAMES, STEPPED, valid_time
from traindock.store.copying import storage_error
from traindock.store.event_files import Scalar
from traindock.store.files import read_json, write_atomic, write_json
from traindock.store.metric_files import WriterFiles

_PLACE: Final = "place.json"
_LAYOUT: Final = LAYOUTS["f", True]


class ImportedMetrics:
    """The points that were read out of one file.

    Args:
        folder: of the writer; need not exist yet.
        file: the file's name in its run. Of a folder that was written to, it is what that says.
        prefix: what stands before the names of its series; the same holds.

    Attributes:
        folder: where they are.
        file: the file's name.
        prefix: what stands before the names of its series.
        offset: how far the file has been read, in bytes.

    Raises:
        StoreException: the disk refuses.
    """

    def __init__(self, folder: Path, file: str, prefix: str) -> None:
        self.file, self.prefix, self.offset = file, prefix, 0
        self.folder = folder
        self._numbers: dict[str, int] = {}
        self._written: list[int] = []
        self._lines: list[bytes] = []
        if not self._load():
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise storage_error(error, f"make the folder {folder}") from error
            self._keep_place()

    @property
    def series(self) -> int:
        """How many series there are."""
        return len(self._numbers)

    def add(self, scalars: Iterable[Scalar], offset: int, named: Callable[[str], str | None]) -> None:
        """Write the scalars that stand before ``offset`` in the file, and behind what was read before.

        Args:
            scalars: in the order of the file.
            offset: how far it has been read then.
            named: returns the name of the series for a tag that is new here; None leaves the tag out, this time.

        Raises:
            StoreException: the disk is full or refuses; nothing counts as read, and the same can be tried again.
        """
        new: dict[int, list[bytes]] = {}
        for tag, value, step, when in scalars:
            number = self._numbers.get(tag)
            if number is None:
                name = named(tag)
                if name is None:
                    continue
                number = self._numbers[tag] = len(self._written)
                self._written.append(0)
                self._lines.append(_line(number, name, tag))
            # A writer that was given no time of the day has its points where they were found.
            when = when if math.isfinite(when) and valid_time(when) else time.time()
            step = min(max(step, INT64_MIN), INT64_MAX)
            new.setdefault(number, []).append(_LAYOUT.pack(value, step, 0, when))
        try:
            if new:
                self._write_names()
            for number, records in new.items():
                self._write(number, records)
        except OSError as error:
            raise storage_error(error, f"write metrics to {self.folder}") from error
        written, before = list(self._written), (self._written, self.offset)
        for number, records in new.items():
            written[number] += len(records)
        self._written, self.offset = written, offset
        try:
            self._keep_place()
        except StoreException:
            self._written, self.offset = before
            raise

    def _write_names(self) -> None:
        content = b"".join(self._lines)
        names = self.folder / NAMES
        if not names.exists() or names.stat().st_size != len(content):
            write_atomic(names, content, durable=False)

    def _write(self, number: int, records: list[bytes]) -> None:
        data = b"".join(records)
        path = self.folder / f"{number}.bin"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if os.pwrite(descriptor, data, self._written[number] * STEPPED) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)

    def _keep_place(self) -> None:
        place = {"file": self.file, "prefix": self.prefix, "offset": self.offset, "written": self._written}
        write_json(self.folder / _PLACE, place, durable=False)

    def _load(self) -> bool:
        """Go on where the last one stopped; where that cannot be read any more, all is written again, as it was."""
        try:
            place = read_json(self.folder / _PLACE)
            file, prefix = str(place["file"]), str(place["prefix"])
            offset, written = int(place["offset"]), [int(count) for count in place["written"]]
            lines = []
            with contextlib.suppress(FileNotFoundError):
                lines = (self.folder / NAMES).read_bytes().splitlines(keepends=True)
            numbers = {json.loads(line)["tag"]: number for number, line in enumerate(lines)}
        except (FileNotFoundError, StoreException, KeyError, TypeError, ValueError):
            return False
        self.file, self.prefix, self._lines, self._numbers = file, prefix, lines, numbers
        written += [0] * (len(lines) - len(written))
        files = WriterFiles(self.folder)
        files.refresh_names()
        # After a power failure the place may be there and points before it not: all is written again then.
        whole = all(number in files.files and _whole(files, number, count) for number, count in enumerate(written))
        self._written = written if whole else [0] * len(written)
        self.offset = offset if whole else 0
        return True


def _whole(files: WriterFiles, number: int, count: int) -> bool:
    return files.files[number].size() >= count * STEPPED


def _line(number: int, name: str, tag: str) -> bytes:
    entry: dict[str, Any] = {"file": number, "name": name, "kind": "f", "step": True, "description": "", "tag": tag}
    return json.dumps(entry).encode("ascii") + b"\n"


def imported_from(folder: Path) -> list[ImportedMetrics]:
    """Return what was imported into a run's ``imported`` folder so far; what is damaged is left out.

    Args:
        folder: need not exist.
    """
    found = [ImportedMetrics(place.parent, "", "") for place in sorted(folder.glob(f"*/{_PLACE}"))]
    return [one for one in found if one.file]
