"""A file that is open, to be sent piece by piece."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from jupyterlab_traindock.media_types import media_type
from traindock.errors import StoreException

#: Most bytes that are held of a file at once.
PIECE: Final = 256 << 10
#: A file that was changed so shortly ago (in seconds) may change again without its time or size changing.
_RACY_SECONDS: Final = 2.0


class OpenedFile:
    """A file that stays readable whatever becomes of its name. Whoever is given one closes it.

    Args:
        descriptor: of a regular file; closed with this.
        name: its path as its user knows it.
        sha256: of its content (hex), if that is to change no more.
        kind: media type that it is served as; by default what its name says.

    Attributes:
        name: its path as its user knows it.
        media_type: what it is served as.
        size: in bytes, when it was opened.
        modified: in seconds since 1970.
        tag: text that another content does not have: an HTTP entity tag without its quotes.
        settled: whether ``tag`` is sure to be another one when a byte changes.
    """

    def __init__(self, descriptor: int, name: str, sha256: str | None = None, kind: str | None = None) -> None:
        status = os.fstat(descriptor)
        self._descriptor = descriptor
        self._sha256 = sha256
        self.name = name
        self.media_type = kind or media_type(name)
        self.size = status.st_size
        self.modified = status.st_mtime
        self.tag = sha256 or f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"
        self.settled = sha256 is not None or time.time() - status.st_mtime > _RACY_SECONDS

    @property
    def last_name(self) -> str:
        """Its name without folders."""
        return PurePosixPath(self.name).name

    def read(self, start: int, stop: int) -> bytes:
        """Return what is there from byte ``start`` to ``stop``, which are no more than :data:`PIECE` apart."""
        return os.pread(self._descriptor, min(stop - start, PIECE), start)

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from ``start`` to ``stop``.

        Of a whole file whose hash is known, the last piece comes only once all of it is known to be what it was.

        Raises:
            StoreException: the file has become shorter than it was, or is damaged.
        """
        digest = hashlib.sha256() if self._sha256 and (start, stop) == (0, self.size) else None
        while start < stop:
            piece = self.read(start, stop)
            if not piece:
                raise StoreException(f"{self.name!r} became shorter while it was sent: ask for it again")
            start += len(piece)
            if digest is not None:
                digest.update(piece)
                if start == stop and digest.hexdigest() != self._sha256:
                    raise StoreException(
                        f"{self.name!r} is damaged: its content no longer has the SHA-256 {self._sha256}. Restore it "
                        "from a backup of the workspace, or make it anew"
                    )
            yield piece

    def close(self) -> None:
        """Give the file back."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
