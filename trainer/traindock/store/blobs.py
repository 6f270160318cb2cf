"""The content store: each content once, read-only, under its SHA-256.

A content lies at ``blobs/<first 2 hex>/<sha256>``, mode 0444. It is written under a temporary name, synced and
renamed, so that a name in the store always stands for the whole content, whoever is killed when; writers of the
same content do not disturb each other. What is read is hashed while it is read: bit rot and hands that edit a
file are noticed at the first use.

A content is only deleted where nothing refers to it, see ``store.releasing``. What refers to one is written after it
was stored, or found to be there: in between nobody else can know of it. So whoever is about to refer to contents keeps
all of them by a shared lock on ``blobs.lock`` (:meth:`BlobStore.referring`), from the first look at the store until the
reference is written, and whoever deletes some has the lock alone (:meth:`BlobStore.alone`) from the last look for
references on. Those who share it never wait for each other; to take it costs 10 µs.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from traindock.errors import StoreException
from traindock.store.copying import (
    BLOCK,
    copy_checked,
    open_regular,
    pump,
    read_up_to,
    storage_error,
    temporary_name,
    write_all,
)
from traindock.store.files import sync_folder

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
#: From this many new contents on, one syncfs is cheaper than an fsync for each (0.5 to 5 ms apiece).
_SYNC_ALL_FROM: Final = 64
#: Seconds between two tries to have the store alone.
_PAUSE: Final = 0.005


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file whose content is stored: SHA-256 (hex), size in bytes, and permission bits (0o755 or 0o644)."""

    sha256: str
    size: int
    mode: int


class BlobStore:
    """Contents of one workspace by SHA-256.

    Args:
        root: the folder ``blobs`` of the workspace; made when the first content comes. Its lock lies beside it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = root.with_name(f"{root.name}.lock")

    @contextmanager
    def referring(self) -> Iterator[None]:
        """Let nobody delete a content for the length of the block.

        For whoever refers to contents: the block begins before the first of them is stored or looked for, and ends
        after what refers to them was written. May be nested.

        Raises:
            StoreException: the disk refuses.
        """
        descriptor = self._open_lock()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def alone(self, patience_seconds: float) -> Iterator[bool]:
        """Keep out everybody who is about to refer to a content, for the length of the block, which should be short.

        Yields:
            Whether that could be had in so many seconds; else somebody may just be referring to any content.

        Raises:
            StoreException: the disk refuses.
        """
        descriptor = self._open_lock()
        try:
            yield _try_lock(descriptor, patience_seconds)
        finally:
            os.close(descriptor)

    def path(self, sha256: str) -> Path:
        """Where this content lies, or would lie.

        Raises:
            StoreException: ``sha256`` is not 64 lower-case hexadecimal digits.
        """
        if not _SHA256.fullmatch(sha256):
            raise StoreException(f"{sha256!r} is no SHA-256: 64 lower-case hexadecimal digits are")
        return self.root / sha256[:2] / sha256

    def holds(self, sha256: str, size: int) -> bool:
        """Whether the content is there with this size in bytes (its bytes are not read)."""
        try:
            found = os.lstat(self.path(sha256))
        except OSError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == size

    def put_descriptor(self, descriptor: int, *, durable: bool = True) -> tuple[str, int]:
        """Copy what an open file holds from its position on into the store, hashing it in the same pass.

        Args:
            descriptor: of a regular file, see :func:`~traindock.store.copying.open_regular`.
            durable: sync it to disk now; else call :meth:`flush` before anything refers to it.

        Returns:
            SHA-256 (hex) and size in bytes of what was read.

        Raises:
            OSError: the file cannot be read.
            StoreException: the store's disk is full or refuses; nothing half written stays.
        """
        size = os.fstat(descriptor).st_size
        if size <= BLOCK:
            # A small file fits into memory: when the store has it already, nothing is written at all.
            block = read_up_to(descriptor, BLOCK + 1)
            if len(block) <= BLOCK:
                sha256 = hashlib.sha256(block).hexdigest()
                self.put_bytes(block, sha256=sha256, durable=durable)
                return sha256, len(block)
            head = block
        else:
            head = b""
        return self._receive(lambda target: pump(descriptor, target, head), durable=durable)

    def put_bytes(self, content: bytes, *, sha256: str | None = None, durable: bool = True) -> str:
        """Store ``content`` and return its SHA-256; ``sha256`` spares the hashing when the caller knows it."""
        known = sha256 or hashlib.sha256(content).hexdigest()
        if self.holds(known, len(content)):
            return known

        def write(target: int) -> tuple[str, int]:
            write_all(target, content)
            return known, len(content)

        return self._receive(write, durable=durable)[0]

    def adopt(self, path: Path, *, exclusive: bool = True, durable: bool = True) -> str:
        """Make a file part of the store without copying it: afterwards ``path`` is a read-only link to the content.

        Where the file system refuses hard links, or ``path`` lies on another one, the content is copied and
        ``path`` stays a read-only file of its own.

        Args:
            path: a regular file.
            exclusive: False when somebody may still write to the file: then the store gets a copy, and ``path``
                becomes a link to that copy, out of the writer's reach.
            durable: as in :meth:`put_descriptor`.

        Returns:
            SHA-256 (hex).

        Raises:
            OSError: ``path`` cannot be opened, read or replaced.
            StoreException: the store's disk is full or refuses.
        """
        descriptor = open_regular(path)
        try:
            if not exclusive:
                sha256, _size = self.put_descriptor(descriptor, durable=durable)
                self._link_back(sha256, path)
                return sha256
            os.fchmod(descriptor, 0o444)
            before = os.fstat(descriptor)
            sha256, size = pump(descriptor, None)
            after = os.fstat(descriptor)
            if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
                os.lseek(descriptor, 0, os.SEEK_SET)
                sha256, _size = self.put_descriptor(descriptor, durable=durable)
                self._link_back(sha256, path)
                return sha256
            blob = self.path(sha256)
            if self.holds(sha256, size):
                if not os.path.samestat(os.lstat(blob), after):
                    self._link_back(sha256, path)
                return sha256
            self._make_folder(blob.parent)
            if durable:
                os.fsync(descriptor)
            try:
                blob.unlink(missing_ok=True)  # one of another size is no content of this name
                # Linking instead of moving and linking back: there is no moment without the file.
                os.link(path, blob, follow_symlinks=False)
            except FileExistsError:  # somebody else stored the same content just now
                self._link_back(sha256, path)
            except OSError:
                os.lseek(descriptor, 0, os.SEEK_SET)
                return self.put_descriptor(descriptor, durable=durable)[0]
            if durable:
                sync_folder(blob.parent)
            return sha256
        finally:
            os.close(descriptor)

    def open(self, sha256: str) -> int:
        """Return a descriptor for reading a content; its bytes are not checked.

        Raises:
            StoreException: it is missing, or cannot be read.
        """
        path = self.path(sha256)
        try:
            return open_regular(path)
        except FileNotFoundError as error:
            raise StoreException(
                f"blob {sha256} is missing: {path} is not there. Restore it from a backup of the workspace, "
                "or submit or register again from files that still have this content."
            ) from error
        except OSError as error:
            raise StoreException(f"blob {sha256} cannot be read: {path}: {error.strerror}.") from error

    def copy_out(self, sha256: str, target: Path, mode: int = 0o644) -> None:
        """Write a copy of a content to ``target``, checking its hash while copying.

        Args:
            sha256: the content.
            target: the file to make or replace, all at once; its folder exists.
            mode: permission bits of the copy, before the umask.

        Raises:
            StoreException: the content is missing or damaged, or the disk refuses; ``target`` is as it was.
        """
        source = self.open(sha256)
        try:
            copy_checked(source, target, mode, expected=sha256, damaged=lambda: self._damaged(sha256))
        finally:
            os.close(source)

    def flush(self, contents: Iterable[str]) -> None:
        """Sync contents that were stored with ``durable=False``; missing ones are passed over.

        Raises:
            StoreException: the disk refuses.
        """
        wanted = set(contents)
        if not wanted:
            return
        try:
            if len(wanted) >= _SYNC_ALL_FROM and _sync_file_system(self.root):
                return
            folders = set()
            for sha256 in wanted:
                blob = self.path(sha256)
                try:
                    descriptor = open_regular(blob)
                except FileNotFoundError:
                    continue
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
                folders.add(blob.parent)
            for folder in folders:
                sync_folder(folder)
        except OSError as error:
            raise storage_error(error, f"sync {self.root}") from error

    def _open_lock(self) -> int:
        try:
            return os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise storage_error(error, f"lock {self.root}") from error

    def _receive(self, fill: Callable[[int], tuple[str, int]], *, durable: bool) -> tuple[str, int]:
        """Let ``fill`` write a new content and give it the name of what was written."""
        temporary = self.root / temporary_name()
        try:
            self._make_folder(self.root)
            target = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise storage_error(error, f"store a file in {self.root}") from error
        try:
            try:
                sha256, size = fill(target)
                if not self.holds(sha256, size):
                    if durable:
                        os.fsync(target)
                    os.fchmod(target, 0o444)
                    blob = self.path(sha256)
                    self._make_folder(blob.parent)
                    temporary.rename(blob)
                    if durable:
                        sync_folder(blob.parent)
            finally:
                os.close(target)
        except OSError as error:
            raise storage_error(error, f"store a file in {self.root}") from error
        finally:
            temporary.unlink(missing_ok=True)
        return sha256, size

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)
        except OSError as error:
            raise storage_error(error, f"make {folder}") from error

    def _link_back(self, sha256: str, path: Path) -> None:
        """Replace ``path`` by a link to the content; by a read-only copy where the file system refuses links."""
        # Its temporary name lies in the store, so that a kill leaves nothing among the user's files.
        temporary = self.root / temporary_name()
        try:
            os.link(self.path(sha256), temporary)
            temporary.rename(path)
        except OSError:
            self.copy_out(sha256, path, 0o444)
        finally:
            temporary.unlink(missing_ok=True)

    def _damaged(self, sha256: str) -> StoreException:
        return StoreException(
            f"blob {sha256} is damaged: the content of {self.path(sha256)} no longer has this SHA-256. Restore the "
            "file from a backup of the workspace; or delete it, and submit or register again from good files."
        )


def _try_lock(descriptor: int, patience_seconds: float) -> bool:
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE)
        else:
            return True


def _sync_file_system(path: Path) -> bool:
    """Sync the file system of ``path``; False where that cannot be done (not Linux)."""
    if sys.platform != "linux":
        return False
    import ctypes

    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        return False
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)
    return True
