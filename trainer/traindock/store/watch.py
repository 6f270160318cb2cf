"""Waiting until files change: by inotify where that works, by looking five times a second where it does not.

inotify sees what other processes of this machine write on its own disks, and through bind mounts of containers. It
is blind on network and FUSE file systems and absent on macOS: paths there are polled by size and time of change.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from traindock.store.disks import is_remote

if TYPE_CHECKING:
    from inotify_simple import INotify

#: Seconds between two looks at what cannot be watched.
POLL_SECONDS: Final = 0.2

_Signature: TypeAlias = tuple[int, int, int]  # size, time of change, inode


@dataclass(slots=True)
class _Watched:
    """One path that the caller asked about.

    Attributes:
        path: as it was given.
        polled: whether inotify is of no use for it.
        names: by watch descriptor the one name in that folder which counts; None where all do.
        seen: if polled, what lay there at the last look, by path below ``path``.
    """

    path: Path
    polled: bool
    names: dict[int, str | None] = field(default_factory=dict)
    seen: dict[str, _Signature] = field(default_factory=dict)


class Watcher:
    """Tells which of some files and folders changed.

    A file or folder may not exist yet, and may be replaced or removed; each of these counts as a change. A folder
    changes when something in it is made, written, renamed or removed; with ``recursive`` also at any depth below.
    Changes made between two calls of :meth:`wait` are reported by the second one. A path can be reported once too
    often, never once too little: look at it after each report. Links below a watched folder are not followed.

    For one thread at a time, except for :meth:`wake`.

    Args:
        paths: what to watch.
        recursive: whether folders are watched with all that is below them.
        poll: True to look five times a second instead of using inotify; None decides by the file system.
    """

    def __init__(self, paths: Iterable[Path] = (), *, recursive: bool = False, poll: bool | None = None) -> None:
        self._recursive = recursive
        self._poll = poll
        self._watched: dict[Path, _Watched] = {}
        self._users: dict[int, set[Path]] = {}
        self._remote: dict[Path, bool] = {}
        self._inotify: INotify | None = None
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        if poll is not True and sys.platform == "linux":
            self._inotify = _new_inotify()
        try:
            for path in paths:
                self.add(path)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back what the kernel keeps for this watcher. Closing twice does no harm."""
        if self._inotify is not None:
            # The kernel keeps whoever closes it for some 10 ms: the end of a run, and the next one, need not wait.
            threading.Thread(target=self._inotify.close, name="close inotify", daemon=True).start()
            self._inotify = None
        for descriptor in (self._wake_read, self._wake_write):
            if descriptor >= 0:
                os.close(descriptor)
        self._wake_read = self._wake_write = -1
        self._watched.clear()

    def add(self, path: Path) -> None:
        """Watch ``path`` too; only what changes from now on counts."""
        path = Path(path)
        if path in self._watched:
            return
        watched = self._watched[path] = _Watched(path, self._inotify is None or self._is_remote(path))
        self._arm(watched)
        if watched.polled:
            watched.seen = dict(self._look(path))

    def remove(self, path: Path) -> None:
        """Stop watching ``path``; does nothing if it is not watched."""
        watched = self._watched.pop(Path(path), None)
        if watched is not None:
            self._disarm(watched)

    def wake(self) -> None:
        """Make the :meth:`wait` in progress, or else the next one, return at once. May be called by any thread."""
        with contextlib.suppress(BlockingIOError):  # full: it will wake up anyway
            os.write(self._wake_write, b"\0")

    @property
    def polls(self) -> bool:
        """Whether there are paths whose changes :meth:`fileno` does not tell of."""
        return any(watched.polled for watched in self._watched.values())

    def fileno(self) -> int | None:
        """A descriptor that is readable once a path that is not polled may have changed; None without inotify."""
        return None if self._inotify is None else self._inotify.fileno()

    def wait(self, timeout: float | None = None) -> set[Path]:
        """Wait until something changes and return the paths, as they were given, that did.

        Args:
            timeout: seconds to wait at most; None waits for ever, 0 looks once.

        Returns:
            The changed paths; empty after ``timeout`` or :meth:`wake`.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            polled = [watched for watched in self._watched.values() if watched.polled]
            changed = {watched.path for watched in polled if self._differs(watched)}
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            pause = 0.0 if changed else left
            if polled and (pause is None or pause > POLL_SECONDS):
                pause = POLL_SECONDS
            woken = self._sleep(pause)
            changed |= self._notified()
            if changed or woken or left == 0.0:
                return changed

    def _sleep(self, seconds: float | None) -> bool:
        """Sleep until inotify has something, or somebody calls wake(); return whether it was the latter."""
        poller = select.poll()
        poller.register(self._wake_read, select.POLLIN)
        if self._inotify is not None:
            poller.register(self._inotify.fileno(), select.POLLIN)
        # Rounded up: a rest of less than a millisecond would otherwise be spent turning round.
        ready = {fd for fd, _ in poller.poll(None if seconds is None else -int(-seconds * 1000 // 1))}
        if self._wake_read not in ready:
            return False
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake_read, 4096):
                pass
        return True

    # -- inotify --------------------------------------------------------------------------------------------

    def _is_remote(self, path: Path) -> bool:
        if self._poll is not None:
            return self._poll
        if path.parent not in self._remote:
            self._remote[path.parent] = is_remote(path.parent)
        return self._remote[path.parent] or is_remote(path)

    def _arm(self, watched: _Watched) -> None:
        """Have inotify report what concerns ``watched``: its folder, or the nearest one that exists above it."""
        if watched.polled or self._inotify is None:
            return
        self._disarm(watched)
        path = watched.path
        try:
            if self._watch(watched, path, None):
                if self._recursive:
                    for folder in _folders_below(path):
                        self._watch(watched, folder, None)
                return
            # No folder (yet): a file is seen through its parent, which also shows it being replaced.
            while not self._watch(watched, path.parent, path.name):
                path = path.parent
            if path.is_dir() and not path.is_symlink():
                self._arm(watched)  # it came to be in between
        except OSError:
            # The kernel's limit of watches is reached: look for ourselves.
            self._disarm(watched)
            watched.polled = True
            watched.seen = {}

    def _watch(self, watched: _Watched, folder: Path, name: str | None) -> bool:
        """Watch ``folder``; False if there is no such folder."""
        from inotify_simple import flags

        assert self._inotify is not None
        mask = flags.CREATE | flags.MODIFY | flags.ATTRIB | flags.DELETE | flags.MOVED_FROM | flags.MOVED_TO
        try:
            # One mask for all: a second watch of a folder replaces the first one's.
            descriptor = self._inotify.add_watch(
                folder, mask | flags.DELETE_SELF | flags.MOVE_SELF | flags.ONLYDIR | flags.EXCL_UNLINK
            )
        except (FileNotFoundError, NotADirectoryError):
            return False
        watched.names[descriptor] = None if descriptor in watched.names else name
        self._users.setdefault(descriptor, set()).add(watched.path)
        return True

    def _disarm(self, watched: _Watched) -> None:
        for descriptor in watched.names:
            users = self._users.get(descriptor, set())
            users.discard(watched.path)
            if not users and self._users.pop(descriptor, None) is not None and self._inotify is not None:
                with contextlib.suppress(OSError):  # its folder is gone
                    self._inotify.rm_watch(descriptor)
        watched.names.clear()

    def _notified(self) -> set[Path]:
        """Read what inotify has and return the paths that it concerns."""
        if self._inotify is None:
            return set()
        from inotify_simple import flags

        changed: set[Path] = set()
        rearm: set[Path] = set()
        gone = flags.DELETE_SELF | flags.MOVE_SELF | flags.IGNORED | flags.UNMOUNT
        come = flags.CREATE | flags.MOVED_TO
        for event in self._inotify.read(timeout=0):
            if event.mask & flags.Q_OVERFLOW:
                changed.update(watched.path for watched in self._watched.values() if not watched.polled)
                rearm |= changed
                continue
            for path in self._users.get(event.wd, ()):
                name = self._watched[path].names.get(event.wd)
                if name is not None and name != event.name and not event.mask & gone:
                    continue  # a neighbour
                if event.mask & gone or (event.mask & come and (name is not None or event.mask & flags.ISDIR)):
                    rearm.add(path)
                if name is None or name == path.name or event.mask & gone:
                    changed.add(path)
        for path in rearm:
            self._arm(self._watched[path])
            # Parents came one by one: the file may have come with them, before anybody watched for it.
            if os.path.lexists(path):
                changed.add(path)
        return changed

    # -- looking for ourselves ------------------------------------------------------------------------------

    def _differs(self, watched: _Watched) -> bool:
        now = dict(self._look(watched.path))
        differs = now != watched.seen
        watched.seen = now
        return differs

    def _look(self, path: Path) -> Iterator[tuple[str, _Signature]]:
        try:
            found = os.lstat(path)
        except OSError:
            return
        yield "", (found.st_size, found.st_mtime_ns, found.st_ino)
        if stat.S_ISDIR(found.st_mode):
            yield from self._look_into(str(path), "")

    def _look_into(self, folder: str, prefix: str) -> Iterator[tuple[str, _Signature]]:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                try:
                    found = entry.stat(follow_symlinks=False)
                except OSError:
                    continue  # gone in between
                yield prefix + entry.name, (found.st_size, found.st_mtime_ns, found.st_ino)
                if self._recursive and entry.is_dir(follow_symlinks=False):
                    yield from self._look_into(entry.path, f"{prefix}{entry.name}/")


def _new_inotify() -> INotify | None:
    """Return an inotify instance; None where this user has used up theirs, so that we look for ourselves."""
    from inotify_simple import INotify

    try:
        return INotify()
    except OSError:
        return None


def _folders_below(folder: Path) -> Iterator[Path]:
    for here, folders, _ in os.walk(folder):
        for name in folders:
            below = Path(here, name)
            if not below.is_symlink():
                yield below
