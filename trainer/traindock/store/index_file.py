"""The database file of the index: used by several processes at once, rebuilt while they use it, replaced if damaged.

A rebuild fills a database beside it and pours that into the live one in a single transaction, so that whoever asks
meanwhile sees the one state or the other. Only a file that is missing or damaged is replaced. SQLite finds the
write-ahead log of a database by its name: so nobody opens the file while it is replaced, and what was announced
since is in nobody's log alone (``changes.log`` has it).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from traindock.errors import IndexBusyException, StoreException
from traindock.store.migrations import migrate, version_of

T = TypeVar("T")

_TABLES: Final = ("runs", "run_tags", "run_metrics", "meta")
# What SQLite says of a damaged file under the same class of error as of a disk that refuses.
_DAMAGE: Final = ("no such table", "no such column", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_SHORT_READ")
_ATTEMPTS: Final = 3
_PATIENCE_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.02


class IndexFile:
    """The file, as one process uses it; may be shared by threads.

    Args:
        path: where it is; lock files and what crashes leave lie beside it.
        fill: writes all there is to know into an empty database, within a transaction.
        patience: seconds for which each step waits for others who use the file. By default half a minute where they
            have it locked, and as long as it takes where they rebuild it.
    """

    def __init__(self, path: Path, fill: Callable[[sqlite3.Connection], None], patience: float | None = None) -> None:
        self._path = path
        self._patience = patience
        self._lock_file = path.with_suffix(".lock")
        self._fill = fill
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def perform(self, action: Callable[[], T]) -> T:
        """Perform ``action``; if the file turns out to be damaged or replaced, once more on a sound one.

        Raises:
            IndexBusyException: others have used the file for longer than this one's patience.
            StoreException: the disk is full or refuses, or the file is of a newer version of Traindock.
        """
        with self._turn():
            try:
                for _ in range(_ATTEMPTS):
                    try:
                        return action()
                    except sqlite3.DatabaseError as error:
                        if self._present() == self._inode:
                            if not _is_damage(error):
                                raise
                            self._replace(error)
                    self.close()
                return action()
            except (sqlite3.Error, OSError) as error:
                self.close()
                if _is_busy(error):
                    raise self._busy() from error
                raise StoreException(f"the index {self._path} cannot be used: {error}") from error

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Keep this process's other threads from the file for the length of the block."""
        if not self._lock.acquire(timeout=-1 if self._patience is None else self._patience):
            raise self._busy()
        try:
            yield
        finally:
            self._lock.release()

    def _busy(self) -> IndexBusyException:
        return IndexBusyException(
            f"the index {self._path} is kept locked by another program: try again in a moment; if it stays so, "
            f"'fuser {self._path}' names the program, which is to be ended"
        )

    def check_version(self) -> None:
        """Check that no newer version of Traindock has made the file.

        Waits for nobody: where it cannot be told now, as while another process keeps the file to itself, where there
        is none or where it is damaged, whoever puts the next question waits, or mends it.

        Raises:
            StoreException: a newer version has; the text says what to do.
        """
        with contextlib.suppress(sqlite3.Error, OSError), _locked(self._lock_file, fcntl.LOCK_SH, patience=0):
            # One of its own: that of this object may be waiting for another process, by another thread.
            uri = f"{self._path.absolute().as_uri()}?mode=rw"
            with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=0)) as connection:
                version_of(connection)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the database as it is now: what others write meanwhile is not seen."""
        with self._lock, _transaction(self._open(), "BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the database, to this process alone; what is written is there as a whole or not at all."""
        with self._lock, _transaction(self._open(), "BEGIN IMMEDIATE") as connection:
            yield connection

    def rebuild(self) -> int:
        """Fill the database anew, and return the number of runs in it."""
        with self._lock, self._rebuilding():
            side = self._built()
            try:
                if (connection := self._opened()) is None:
                    self._put(side)
                    connection = self._made()
                else:
                    _pour(side, connection)
                return int(connection.execute("SELECT COUNT(*) FROM runs").fetchone()[0])
            finally:
                _remove(side)

    def close(self) -> None:
        """Close the database; the next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        """Return the open database; it is opened again if somebody has replaced the file, and made where it lacks."""
        if self._connection is not None and self._present() == self._inode:
            return self._connection
        if (connection := self._opened()) is None:
            with self._rebuilding():
                connection = self._made()
        return connection

    def _made(self) -> sqlite3.Connection:
        """Open the file, made as often as somebody deletes it; for whoever holds the lock of rebuilds."""
        while (connection := self._opened()) is None:
            self._put(self._built())
        return connection

    def _opened(self) -> sqlite3.Connection | None:
        """Open the file anew; returns None where there is none."""
        self.close()
        with _locked(self._lock_file, fcntl.LOCK_SH, self._patience):
            self._inode = self._present()
            if self._inode == 0:
                return None
            if self._path.stat().st_size == 0:
                # SQLite would make a database of it, and wait for that until nobody has the one open that it was.
                raise sqlite3.DatabaseError("the file is empty")
            connection = _connect(self._path, self._patience)
            try:
                migrate(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            return connection

    def _present(self) -> int:
        """Return the number by which the file system knows the file, 0 where there is none."""
        try:
            return self._path.stat().st_ino
        except FileNotFoundError:
            return 0

    def _rebuilding(self) -> contextlib.AbstractContextManager[None]:
        return _locked(self._path.with_suffix(".rebuild"), fcntl.LOCK_EX, self._patience)

    def _built(self) -> Path:
        """Return a new database, filled, in one file."""
        side = self._path.with_suffix(".new")
        _remove(side)
        connection = _connect(side)
        try:
            migrate(connection)
            with _transaction(connection, "BEGIN IMMEDIATE"):
                self._fill(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
        return side

    def _put(self, side: Path, away: Path | None = None) -> None:
        """Put a database in the file's place; what is there goes ``away``."""
        with _locked(self._lock_file, fcntl.LOCK_EX, self._patience):
            if away is not None:
                with contextlib.suppress(FileNotFoundError):
                    self._path.replace(away)
            _remove(self._path)
            side.replace(self._path)

    def _replace(self, error: sqlite3.Error) -> None:
        """Set the damaged file aside for whoever wants to know, unless somebody has done so already."""
        self.close()
        with self._rebuilding():
            if self._present() != self._inode:
                return
            warnings.warn(f"the index {self._path} was damaged ({error}) and is rebuilt", stacklevel=5)
            away = self._path.with_suffix(f".damaged-{int(time.time())}")
            self._put(self._built(), away=away)
            for older in self._path.parent.glob(f"{self._path.stem}.damaged-*"):
                if older != away:
                    older.unlink(missing_ok=True)


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    # Its other subclasses are about what was asked, not about the file.
    if type(error) is sqlite3.DatabaseError:
        return True
    words = f"{error} {getattr(error, 'sqlite_errorname', '')}"
    return isinstance(error, sqlite3.OperationalError) and any(sign in words for sign in _DAMAGE)


def _is_busy(error: sqlite3.Error | OSError) -> bool:
    name: str = getattr(error, "sqlite_errorname", "")
    return isinstance(error, BlockingIOError) or name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _connect(path: Path, patience: float | None = None) -> sqlite3.Connection:
    timeout = _PATIENCE_SECONDS if patience is None else patience
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # The folders are the record: a power cut may take the last changes, and the next catch-up brings them back.
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[sqlite3.Connection]:
    connection.execute(begin)
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _pour(side: Path, connection: sqlite3.Connection) -> None:
    """Replace the content of the open database by that of ``side``, at once for everybody."""
    connection.execute("ATTACH ? AS side", [str(side)])
    try:
        with _transaction(connection, "BEGIN IMMEDIATE"):
            for table in _TABLES:
                connection.execute(f"DELETE FROM main.{table}")  # noqa: S608 (our own names)
                connection.execute(f"INSERT INTO main.{table} SELECT * FROM side.{table}")  # noqa: S608
    finally:
        connection.execute("DETACH side")


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextmanager
def _locked(path: Path, mode: int, patience: float | None) -> Iterator[None]:
    """Hold a lock for the length of the block.

    Raises:
        BlockingIOError: others have held it for all of ``patience``, in seconds; None waits for them.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if patience is None:
            fcntl.flock(fd, mode)
        else:
            _lock_within(patience, fd, mode)
        yield
    finally:
        os.close(fd)


def _lock_within(seconds: float, fd: int, mode: int) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(fd, mode | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_POLL_SECONDS)
