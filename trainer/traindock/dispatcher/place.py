"""Whether the workspace's folder is still where it was when the dispatcher started."""

from __future__ import annotations

import os
from pathlib import Path

from traindock.errors import WorkspaceException


class Place:
    """A folder that may be moved or deleted under a running process.

    A folder that was moved goes on living elsewhere, jobs and all, and gets a dispatcher of its own there; of one
    that was deleted nothing may be left running.

    Args:
        root: the folder.

    Raises:
        WorkspaceException: there is no such folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            self._fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise WorkspaceException(f"the workspace {root} cannot be opened: {error.strerror}") from error

    @property
    def is_here(self) -> bool:
        """Whether the path still leads to the same folder."""
        try:
            return os.path.samestat(self._root.stat(), os.fstat(self._fd))
        except OSError:
            return False

    @property
    def was_moved(self) -> bool:
        """Whether the folder lives on under another path."""
        return not self.is_here and os.fstat(self._fd).st_nlink > 0
