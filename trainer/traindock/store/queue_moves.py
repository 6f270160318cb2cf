"""Who may change the order of a workspace's queues: one at a time, and not while a run begins.

The orders themselves stand in the runs. The file holds how often they were changed, so that whoever knows them sees
whether that is still so.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from traindock.errors import StoreException
from traindock.store.layout import WorkspaceLayout

_COUNT_BYTES = 20


class Moves:
    """The moves of a workspace, while nobody else makes one.

    Attributes:
        count: how many there were.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        text = os.pread(fd, _COUNT_BYTES, 0).strip()
        # What is no number was never written by us: then whoever remembers one looks again.
        self.count = int(text) if text.isdigit() else 0

    def note(self) -> None:
        """Count one more, before it is recorded: who looks for it in vain has lost nothing."""
        self.count += 1
        os.pwrite(self._fd, str(self.count).rjust(_COUNT_BYTES).encode(), 0)


@contextmanager
def moving(layout: WorkspaceLayout) -> Iterator[Moves]:
    """Keep all others from moving runs of the workspace, and runs from beginning, for the length of the block.

    Raises:
        StoreException: the disk is full or refuses.
    """
    try:
        fd = os.open(layout.queue_moves, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreException(f"cannot write {layout.queue_moves}: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield Moves(fd)
    except OSError as error:
        raise StoreException(f"cannot write {layout.queue_moves}: {error.strerror}") from error
    finally:
        os.close(fd)
