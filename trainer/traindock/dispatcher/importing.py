"""Scalars of a run's TensorBoard files become metrics of the run, while it writes them and once more at its end.

All files with "tfevents" in their name below the run's ``outputs`` and ``logs`` are followed, on a thread of their own,
for which no run waits until it has ended. What is read lies in the run's folder ``imported``, see
``store.imported_metrics``; in which folders there are event files is recorded in the run itself.

A metric is called as its tag is. Where several folders have event files, those of the folder that was begun first keep
their names, and others have the path of their folder in front (``validation/epoch_loss``). What the script also logs by
``run.log`` under the same name is called ``tensorboard/<tag>``, so that no chart has both in one line.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import posixpath
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from traindock.errors import TraindockError
from traindock.names import readable
from traindock.store import run_files
from traindock.store.copying import may_pass
from traindock.store.event_files import MARK, Damaged, begun, scalars
from traindock.store.imported_metrics import ImportedMetrics, imported_from
from traindock.store.metrics import MetricReader
from traindock.store.run_records import RunFolder
from traindock.store.sealed_files import read_sealed

log = logging.getLogger(__name__)

#: Seconds between two looks; more where a look takes long, so that looking takes a twentieth of the time at most.
USUAL_SECONDS: Final = 1.0
_PART: Final = 20
#: Files and series beyond these are left out, and the run's warnings say so.
MOST_FILES: Final = 1000
MOST_SERIES: Final = 10_000
#: What ``add_hparams`` of PyTorch calls the folder for the figures of its hyperparameters: a time, in each run another.
_HPARAMS: Final = re.compile(r"\d{9,10}\.\d+")
#: Folders that the run's record names at most.
_NAMED: Final = 20
#: Seconds that the end of a run waits for a look that is under way.
_END_SECONDS: Final = 60.0


class EventFileImporter(threading.Thread):
    """Follows one run's event files until it is told that the run has ended.

    Args:
        folder: the run's record.
    """

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(name=f"event files {folder.id}", daemon=True)
        self._folder = folder
        self._layout = folder.layout
        self._stopping = threading.Event()
        self._files: dict[str, ImportedMetrics] | None = None
        self._sizes: dict[str, int] = {}
        self._recorded: list[str] = list(folder.load().event_files)
        self._warnings: dict[str, None] = {}

    def stop(self) -> None:
        """Look no more: another dispatcher goes on."""
        self._stopping.set()

    def finish(self) -> list[dict[str, Any]]:
        """Look for the last time, and return the events by which the run tells what there was to be warned of.

        Raises:
            StoreException: the disk is full, or refuses for now; it can be tried again by another one of these.
        """
        self._stopping.set()
        if self.is_alive():
            self.join(_END_SECONDS)
        if not self.is_alive():
            try:
                self.look(last=True)
            except TraindockError as error:
                if may_pass(error):
                    raise
                self._warnings[f"scalars of TensorBoard's event files could not be read: {error}"] = None
            except Exception:
                log.exception("cannot read the event files of %s", self._folder.id)
                self._warnings["scalars of TensorBoard's event files could not be read; see dispatcher.log"] = None
        return [{"type": "warning", "text": text} for text in self._warnings]

    def run(self) -> None:
        """Look, again and again; what goes wrong is no matter of the run's until its end."""
        pause = USUAL_SECONDS
        while not self._stopping.wait(pause):
            begin = time.monotonic()
            try:
                self.look()
            except (TraindockError, OSError) as error:
                log.info("event files of %s cannot be read now: %s", self._folder.id, error)
            except Exception:
                log.exception("cannot read the event files of %s", self._folder.id)
                return
            pause = max(USUAL_SECONDS, _PART * (time.monotonic() - begin))

    def look(self, *, last: bool = False) -> None:
        """Read what is new in all event files.

        Args:
            last: whether nothing will be written any more.

        Raises:
            TraindockError: the disk refuses.
        """
        # A folder that was moved or deleted must not be made anew; and of what is sealed all was read before.
        if not self._layout.events.exists() or read_sealed(self._layout) is not None:
            return
        if self._files is None:
            self._files = {one.file: one for one in imported_from(self._layout.imported)}
        self._take_up(self._new(list(self._found())))
        for name in self._files:
            if self._stopping.is_set() and not last:
                return
            self._read(name, last=last)
        self._record()

    # -- which files -----------------------------------------------------------------------------------------

    def _found(self) -> Iterator[str]:
        """Yield the names of event files; what lies behind a link is none of the run's."""
        for head in (self._layout.logs, self._layout.outputs):
            top = os.path.realpath(head)
            if not top.startswith(f"{os.path.realpath(self._layout.root)}/"):
                continue
            for where, _folders, names in os.walk(top):
                below = posixpath.normpath(posixpath.join(head.name, os.path.relpath(where, top)))
                yield from (f"{below}/{name}" for name in names if MARK in name)

    def _new(self, names: list[str]) -> list[tuple[float, str, bytes]]:
        """Return those files that are not followed yet, by when they were begun, with their first record."""
        assert self._files is not None
        found: list[tuple[float, str, bytes]] = []
        for name in names:
            if name in self._files or len(self._files) + len(found) >= MOST_FILES:
                if name not in self._files:
                    text = f"of its TensorBoard event files {MOST_FILES:,} were read, and no more"
                    self._warnings[text] = None
                continue
            with self._opened(name) as descriptor:
                first = None if descriptor is None else begun(descriptor)
            if first is not None:
                found.append((first[0], name, first[1]))
        return sorted(found)

    def _take_up(self, new: list[tuple[float, str, bytes]]) -> None:
        assert self._files is not None
        for _, name, first in new:
            where = self._place(name, first)
            self._files[name] = ImportedMetrics(where, name, self._prefix(posixpath.dirname(name)))

    def _place(self, name: str, first: bytes) -> Path:
        """Return where the scalars of a file are kept; of another file under its name they are kept elsewhere."""
        identity = hashlib.sha256(name.encode("utf-8", "surrogateescape") + b"\0" + first).hexdigest()[:16]
        return self._layout.imported / f"tensorboard-{identity}"

    def _prefix(self, folder: str) -> str:
        """Return what stands before the names of the series of a folder's files."""
        assert self._files is not None
        known = {posixpath.dirname(name): one.prefix for name, one in self._files.items()}
        if folder in known:
            return known[folder]
        first = next((each for each, prefix in known.items() if not prefix), None)
        if first is None:
            return ""
        if _HPARAMS.fullmatch(posixpath.basename(folder)):
            return "hparams/"
        common = posixpath.commonpath([first, folder])
        below = folder[len(common) :].strip("/") or posixpath.basename(folder)
        prefix = f"{readable(below)}/"
        return prefix if prefix not in known.values() else f"{readable(folder)}/"

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[int | None]:
        try:
            descriptor = run_files.find_file(self._layout, name)
        except (TraindockError, OSError):
            descriptor = None  # a link, or closed to us; it may be another thing at the next look
        try:
            yield descriptor
        finally:
            if descriptor is not None:
                os.close(descriptor)

    # -- what they say ---------------------------------------------------------------------------------------

    def _read(self, name: str, *, last: bool) -> None:
        assert self._files is not None
        with self._opened(name) as descriptor:
            size = -1 if descriptor is None else os.fstat(descriptor).st_size
            if descriptor is None or (size == self._sizes.get(name) and not last):
                return
            imported = self._files[name]
            first = begun(descriptor)
            if first is not None and self._place(name, first[1]) != imported.folder:  # it was made anew
                imported = ImportedMetrics(self._place(name, first[1]), name, imported.prefix)
                self._files[name] = imported
            namer = self._namer(imported)
            try:
                for found, offset in scalars(descriptor, imported.offset):
                    if not self._layout.events.exists() or (self._stopping.is_set() and not last):
                        return
                    imported.add(found, offset, namer)
            except Damaged:
                if last:
                    self._warnings[
                        f"{name} is damaged at byte {imported.offset:,}: scalars behind it were not read"
                    ] = None
            except OSError as error:
                log.info("%s of %s cannot be read now: %s", name, self._folder.id, error)
                return
            self._sizes[name] = size

    def _namer(self, imported: ImportedMetrics) -> Callable[[str], str | None]:
        logged: set[str] | None = None

        def name_of(tag: str) -> str | None:
            nonlocal logged
            assert self._files is not None
            if sum(one.series for one in self._files.values()) >= MOST_SERIES:
                self._warnings[f"{MOST_SERIES:,} series of its TensorBoard event files were read, and no more"] = None
                return None
            if logged is None:
                logged = {info.name for info in MetricReader(self._layout.metrics).names()}
            name = imported.prefix + tag
            return f"tensorboard/{name}" if name in logged else name

        return name_of

    def _record(self) -> None:
        assert self._files is not None
        folders = sorted({readable(posixpath.dirname(name)) for name in self._files})[:_NAMED]
        if folders != self._recorded:
            self._folder.append({"type": "event_files", "value": folders})
            self._recorded = folders
