"""``changes.log``: what changed in a workspace, in order, so that readers need not look everywhere.

One line a change, holding a subject such as ``run/<id>`` or ``model/<name>``. Whoever changes a record announces
it here first, while holding the record's lock; a reader that has seen the line waits for that lock and so sees the
change, or learns that its writer died before making it. On a network disk it is here that a host which may only read
is stopped.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from traindock.store import ownership
from traindock.store.copying import storage_error
from traindock.store.layout import WorkspaceLayout


class Changes:
    """The log of changes of the workspace that ``layout`` describes."""

    def __init__(self, layout: WorkspaceLayout) -> None:
        self.path = layout.changes
        self._layout = layout

    def announce(self, subject: str) -> None:
        """Append ``subject``; cheap, not synced (a rebuild of the index finds what a power cut lost).

        Raises:
            WorkspaceReadOnlyException: another host has the workspace.
            StoreException: the disk is full or refuses.
        """
        ownership.check_writable(self._layout)
        try:
            with self._locked(fcntl.LOCK_EX) as fd:
                _append(fd, subject)
        except OSError as error:
            raise storage_error(error, f"write {self.path}") from error

    def publish(self, subject: str, action: Callable[[], None]) -> None:
        """Announce ``subject`` and perform ``action``, such that no reader sees the one without the other.

        Raises:
            WorkspaceReadOnlyException: another host has the workspace.
        """
        ownership.check_writable(self._layout)
        with self._locked(fcntl.LOCK_EX) as fd:
            _append(fd, subject)
            action()

    def publish_all(
        self, offset: int, decide: Callable[[list[str]], Sequence[str]], action: Callable[[], None]
    ) -> bool:
        """Announce several subjects and perform one ``action``, as :meth:`publish` does for one of them.

        Args:
            offset: what was announced up to here the caller knows.
            decide: gets the subjects that were announced since, and returns those to announce; none of them if, in
                the light of these, nothing is to be done.
            action: what is announced.

        Returns:
            Whether it was performed.

        Raises:
            WorkspaceReadOnlyException: another host has the workspace.
            OSError: the subjects cannot be written; nothing was performed.
        """
        ownership.check_writable(self._layout)
        with self._locked(fcntl.LOCK_EX) as fd:
            subjects = decide(self._tail(fd, offset)[0])
            if subjects:
                _append(fd, "\n".join(subjects))
                action()
            return bool(subjects)

    def read(self, offset: int) -> tuple[list[str], int]:
        """Return the distinct subjects announced since byte ``offset``, in order, and the next offset.

        A log that was shortened or replaced is read from its start again.
        """
        with self._locked(fcntl.LOCK_SH) as fd:
            return self._tail(fd, offset)

    def grown(self, offset: int) -> bool:
        """Whether there may be something to read after ``offset``."""
        try:
            return self.path.stat().st_size != offset
        except FileNotFoundError:
            return offset != 0

    def unless_changed(self, offset: int, action: Callable[[], None]) -> bool:
        """Perform ``action`` if nothing was announced since ``offset``, keeping writers out meanwhile.

        Returns:
            Whether it was performed.
        """
        with self._locked(fcntl.LOCK_EX) as fd:
            if os.fstat(fd).st_size != offset:
                return False
            action()
            return True

    @contextmanager
    def _locked(self, mode: int) -> Iterator[int]:
        fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, mode)
            yield fd
        finally:
            os.close(fd)

    @staticmethod
    def _tail(fd: int, offset: int) -> tuple[list[str], int]:
        size = os.fstat(fd).st_size
        if size < offset:
            offset = 0
        data = os.pread(fd, size - offset, offset)
        end = data.rfind(b"\n") + 1
        lines = data[:end].decode("utf-8", "replace").split("\n")
        return list(dict.fromkeys(line for line in lines if line)), offset + end


def _append(fd: int, subject: str) -> None:
    """Write one line, on a line of its own whatever a full disk left of the one before."""
    size = os.fstat(fd).st_size
    line = subject.encode() + b"\n"
    if size and os.pread(fd, 1, size - 1) != b"\n":
        line = b"\n" + line
    if os.write(fd, line) < len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
