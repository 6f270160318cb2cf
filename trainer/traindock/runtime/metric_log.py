"""The writer of the metric log: one ``write`` per point, nothing buffered, nothing raised for I/O.

What :func:`os.write` has taken survives a SIGKILL of the job, so there is no thread, no queue and no flush here.
The format is described in :mod:`.metric_format`.

Three things make the quick road safe without a lock. Files are held only through the bound ``write`` of an
``io.FileIO``: whoever is about to write keeps the file open, even if it has just been put out of the table of open
files. Each file is opened for appending, and a record is one call. A fork gives the child a table of its own,
empty, before any of its code runs, so that no lock of the parent is ever waited for.
"""

from __future__ import annotations

import errno
import io
import os
import time
from _thread import RLock
from _weakref import ref
from itertools import count

from .metric_format import INT64_MAX, INT64_MIN, LAYOUTS, LOST, NAMES, RECORDS, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Tuple

#: At most so many metric files are open at once in one process; the one opened first is closed first.
MAX_OPEN = 64

#: Add to ``time.monotonic()`` for seconds since the epoch. Fixed, so that setting the clock changes nothing. Linux's
#: monotonic clock stands still while the machine is suspended, so that later points of this process lie too early by
#: that time; CLOCK_BOOTTIME does not, but to read it by ``time.clock_gettime`` makes the quick road slower by 8 %.
CLOCK = time.time() - time.monotonic()

_BLANK = bytes(8)


class _File(io.FileIO):
    """A file opened for appending, closed when nobody holds it any more."""

    torn = False

    def __init__(self, path: str) -> None:
        super().__init__(path, "ab", opener=_open_plain)

    def __del__(self) -> None:
        self.close()


def _open_plain(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


class MetricLog:
    """Writes the metrics of this process, and after a fork those of the child, under one folder.

    Args:
        folder: the run's ``metrics`` folder.

    Attributes:
        floats: for the quick road: the ``write`` of the open file of each float metric without a step.
        stepped: the same for float metrics with a step.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.floats: Dict[str, Callable[[bytes], int]] = {}
        self.stepped: Dict[str, Callable[[bytes], int]] = {}
        self._start_afresh()
        # While there is still room: a counter made only once the disk is full could not be made at all.
        try:  # noqa: SIM105 - importing contextlib would cost a job more than all of this package
            self._make_writer()
        except OSError:
            pass  # the first record tries again
        _logs.append(ref(self, _logs.remove))

    def _start_afresh(self) -> None:
        self._lock = RLock()
        self._pid = os.getpid()
        self._writer: str | None = None
        self._names: _File | None = None
        self._records: _File | None = None
        self._numbers: Dict[Tuple[str, str, bool], int] = {}
        self._next_number = count()  # a signal handler may log in the midst of it: next() is one step
        self._files: Dict[Tuple[str, str, bool], _File] = {}
        self._unsaved_losses = 0
        self._warned = False
        self.floats.clear()
        self.stepped.clear()

    # -- what is written ------------------------------------------------------------------------------------

    def number(self, name: str, value: float, step: int | None = None, description: str = "") -> None:
        """Append a float, or an int that fits into 64 bits. Never raises for I/O: a loss is counted."""
        t = CLOCK + time.monotonic()
        kind = "f" if value.__class__ is float else "i"
        key = (name, kind, step is not None)
        layout = LAYOUTS[key[1:]]
        record = layout.pack(value, t) if step is None else layout.pack(value, step, 0, t)
        with self._lock:
            try:
                file = self._retrying(self._append_number, key, record, description)
            except OSError as error:
                self.lose(name, error)
                return
            if kind == "f":
                (self.floats if step is None else self.stepped)[name] = file.write

    def record(self, name: str, kind: str, value: Any, step: int | None = None, description: str = "") -> None:
        """Append anything else as one JSON line. Never raises for I/O: a loss is counted."""
        import json

        entry = {"t": CLOCK + time.monotonic(), "name": name, "kind": kind, "value": to_json(value)}
        if step is not None:
            entry["step"] = step
        if description:
            entry["description"] = description
        line = json.dumps(entry, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"
        with self._lock:
            try:
                self._retrying(self._append_line, line)
            except OSError as error:
                self.lose(name, error)

    def lose(self, name: str, error: OSError | None, stepped: bool = False) -> None:
        """Count one point as lost: on disk if its counter can be reached, else later.

        Args:
            name: the metric; only said to the user.
            error: why it was lost; None where the disk took a part of the record, which is then filled up before
                the next one.
            stepped: with ``error`` None: which of the two tables the file stands in.
        """
        with self._lock:
            if error is None:
                file = self._files.get((name, "f", stepped))
                if file is not None:
                    file.torn = True
                (self.stepped if stepped else self.floats).pop(name, None)
            self._unsaved_losses += 1
            self._save_losses()
            if not self._warned:
                self._warned = True
                why = error.strerror if error is not None else os.strerror(errno.ENOSPC)
                text = f"Traindock: metric {name!r} could not be written ({why}). "
                text += "Training goes on; lost points are counted in the run's details.\n"
                try:  # noqa: SIM105
                    os.write(2, text.encode("utf-8", "backslashreplace"))
                except OSError:
                    pass  # standard error may lie on the same full disk

    def flush(self) -> None:
        """Nothing is held back; only losses that could not be counted on disk yet are tried again."""
        with self._lock:
            self._own_process()
            self._save_losses()

    def close(self) -> None:
        """Let go of all files. The log can be used on, and opens them again."""
        with self._lock:
            self.flush()
            self._start_afresh()

    # -- files ----------------------------------------------------------------------------------------------

    def _own_process(self) -> None:
        # Forks made by C code run no Python hook. Appending to the parent's files is harmless then, numbering
        # new ones beside the parent is not.
        if self._pid != os.getpid():
            self._start_afresh()

    def _retrying(self, act: Callable[..., Any], *args: Any) -> Any:
        self._own_process()
        try:
            return act(*args)
        except FileNotFoundError:
            self._start_afresh()  # somebody removed the writer's folder: what follows gets a new one
            return act(*args)

    def _append_number(self, key: Tuple[str, str, bool], record: bytes, description: str) -> _File:
        file = self._file(key, description)
        closing = b""
        if file.torn:
            closing = b"\xff" * (-os.fstat(file.fileno()).st_size % len(record))
        self._append(file, record, closing)
        return file

    def _append_line(self, line: bytes) -> None:
        if self._records is None:
            self._records = self._open(RECORDS)
        self._append(self._records, line, b"\n")

    def _file(self, key: Tuple[str, str, bool], description: str) -> _File:
        file = self._files.get(key)
        if file is not None:
            return file
        while len(self._files) >= MAX_OPEN:
            self._close_oldest()
        number = self._numbers.get(key)
        known = number is not None
        if number is None:
            number = self._numbers[key] = self._new_number(key, description)
        file = self._open(f"{number}.bin")
        file.torn = known  # perhaps: it may have been closed with a torn end
        self._files[key] = file
        return file

    def _new_number(self, key: Tuple[str, str, bool], description: str) -> int:
        import json

        if self._names is None:
            self._names = self._open(NAMES)
        # Taken even if the line fails: half a line may turn out to be a whole one, and then the number has a name.
        number = next(self._next_number)
        entry = {"file": number, "name": key[0], "kind": key[1], "step": key[2], "description": description}
        rank = os.environ.get("TRAINDOCK_RANK")
        if rank:
            entry["rank"] = rank
        self._append(self._names, json.dumps(entry).encode("ascii") + b"\n", b"\n")
        return number

    def _close_oldest(self) -> None:
        # In single steps: a signal handler that logs may close and open files between any two of them.
        for key in tuple(self._files)[:1]:
            name, kind, stepped = key
            if kind == "f":
                (self.stepped if stepped else self.floats).pop(name, None)
            self._files.pop(key, None)

    def _open(self, name: str) -> _File:
        """Open a file of this writer for appending, making the writer's folder on first use."""
        if self._writer is None:
            self._make_writer()
        path = os.path.join(self._writer or "", name)
        try:
            return _File(path)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE) or not self._files:
                raise
            while self._files:  # the script uses up its file numbers: make do with one
                self._close_oldest()
            return _File(path)

    def _make_writer(self) -> None:
        os.makedirs(self.folder, exist_ok=True)
        while True:
            writer = os.path.join(self.folder, f"{self._pid}-{os.urandom(4).hex()}")
            try:
                os.mkdir(writer)
                break
            except FileExistsError:
                continue
        self._writer = writer
        fd = os.open(os.path.join(writer, LOST), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.write(fd, _BLANK)
        finally:
            os.close(fd)

    @staticmethod
    def _append(file: _File, data: bytes, closing: bytes) -> None:
        """Append ``data`` in one call, after ``closing`` where the last call left a torn end."""
        if file.torn:
            if closing and file.write(closing) != len(closing):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            file.torn = False
        written = file.write(data)
        if written != len(data):
            file.torn = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    # -- losses ---------------------------------------------------------------------------------------------

    def _save_losses(self) -> None:
        if not self._unsaved_losses:
            return
        for path in self._counters():
            if add_lost(path, self._unsaved_losses):
                self._unsaved_losses = 0
                return

    def _counters(self) -> List[str]:
        """This writer's counter, then those of other processes: a child may have had no room for its own."""
        own = [os.path.join(self._writer, LOST)] if self._writer else []
        try:
            others = sorted(os.listdir(self.folder))
        except OSError:
            others = []
        return own + [os.path.join(self.folder, writer, LOST) for writer in others]


def add_lost(path: str, points: int) -> bool:
    """Add ``points`` to the counter at ``path``, in place and under a lock; False where that cannot be done."""
    import fcntl

    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        before = os.pread(fd, 8, 0)
        if len(before) < 8:  # its room was never allocated
            before = before.ljust(8, b"\0")
        total = min(int.from_bytes(before, "little") + points, 2**64 - 1)
        return os.pwrite(fd, total.to_bytes(8, "little"), 0) == 8
    except OSError:
        return False
    finally:
        os.close(fd)


def reserve(folder: str) -> None:
    """Make a counter of lost points in ``folder`` before the job starts, while the disk has room for it.

    Raises:
        OSError: there is no room even now.
    """
    writer = os.path.join(folder, "0-00000000")
    os.makedirs(writer, exist_ok=True)
    with open(os.path.join(writer, LOST), "ab") as file:
        if file.tell() == 0:
            file.write(_BLANK)


def fits(value: int) -> bool:
    """Whether an integer goes into a fixed-size record."""
    return INT64_MIN <= value <= INT64_MAX


#: None is kept alive by that: a dispatcher makes one for each run.
_logs: List[ref[MetricLog]] = []


def _after_fork() -> None:
    for each in tuple(_logs):
        log = each()
        if log is not None:
            log._start_afresh()


os.register_at_fork(after_in_child=_after_fork)

__all__ = ["CLOCK", "MAX_OPEN", "MetricLog", "add_lost", "fits", "reserve"]
