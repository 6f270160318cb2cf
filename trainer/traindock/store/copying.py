"""Copying single files with care: no special file is ever opened, hashes cost no extra pass, all or nothing."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from traindock.errors import StoreException
from traindock.runtime.local_models import TEMPORARY

BLOCK: Final = 1 << 20
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
#: What a disk or a machine refuses now and may take later, by itself or once somebody has made room.
_PASSING: Final = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE, errno.ETIMEDOUT, errno.ENOLCK),
        *(errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    }
)


def temporary_name() -> str:
    """A new name for an unfinished file, in the folder in which the finished one will be."""
    return f"{TEMPORARY}{secrets.token_hex(8)}"


def is_temporary(name: str) -> bool:
    """Whether a file or folder of this name is unfinished, or was left so by a kill: it is nobody's content."""
    return name.startswith(TEMPORARY)


def open_regular(path: str | Path, *, follow: bool = False, dir_fd: int | None = None) -> int:
    """Open an existing regular file for reading and return its descriptor.

    Anything else is refused without being opened, or without waiting on it: a FIFO never blocks, a device is
    never touched.

    Args:
        path: the file.
        follow: whether ``path`` itself may be a symbolic link.
        dir_fd: descriptor of the folder that a relative ``path`` starts in.

    Raises:
        OSError: as ``open`` does; ``ELOOP`` for a link that may not be followed; ``EINVAL`` for a special file.
    """
    before = os.stat(path, dir_fd=dir_fd, follow_symlinks=follow)
    if stat.S_ISLNK(before.st_mode):
        raise OSError(errno.ELOOP, "is a symbolic link", str(path))
    if not stat.S_ISREG(before.st_mode):
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags, dir_fd=dir_fd)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # replaced between the two calls
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    return descriptor


def storage_error(error: OSError, doing: str) -> StoreException:
    """Turn what the operating system refused into a :class:`StoreException` that says what to do."""
    if error.errno in _FULL:
        return StoreException(
            f"cannot {doing}: the disk is full ({error.strerror}). Nothing was half written; make room and try again."
        )
    return StoreException(
        f"cannot {doing}: {error.strerror or error}. Check that the folder belongs to you and is writable."
    )


def may_pass(error: BaseException) -> bool:
    """Whether trying again later can help: the disk or the machine refused, and not what was asked for is at fault."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__
    return cause is not None and cause.errno in _PASSING


def copy_checked(
    source: int,
    target: Path,
    mode: int,
    *,
    expected: str | None = None,
    damaged: Callable[[], StoreException] | None = None,
) -> tuple[str, int]:
    """Copy an open file to ``target``, all at once or not at all, and return SHA-256 and size of the copy.

    Args:
        source: descriptor to read from, from its position on.
        target: the file to make or replace; its folder exists.
        mode: permission bits of the copy, before the umask.
        expected: SHA-256 that the content must have.
        damaged: makes the exception for a content that has another one.

    Raises:
        StoreException: the content is another one, or the disk refuses; ``target`` is as it was.
    """
    temporary = target.with_name(temporary_name())
    try:
        copy = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            found, size = pump(source, copy)
        finally:
            os.close(copy)
        if expected is not None and found != expected:
            raise damaged() if damaged else StoreException(f"the content of {target.name} is damaged")
        temporary.rename(target)
    except OSError as error:
        raise storage_error(error, f"write {target}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return found, size


def pump(source: int, target: int | None, head: bytes = b"") -> tuple[str, int]:
    """Hash ``head`` and all that ``source`` still gives, in one pass.

    Args:
        source: descriptor to read from, from its position on.
        target: descriptor to write everything to, ``head`` included; None to hash only.
        head: what was read from ``source`` already.

    Returns:
        SHA-256 (hex) and size in bytes.
    """
    digest = hashlib.sha256(head)
    size = len(head)
    if head and target is not None:
        write_all(target, head)
    buffer = bytearray(min(BLOCK, max(os.fstat(source).st_size, 4096)))
    view = memoryview(buffer)
    while count := os.readv(source, [buffer]):
        block = view[:count]
        digest.update(block)
        if target is not None:
            write_all(target, block)
        size += count
    return digest.hexdigest(), size


def read_up_to(source: int, limit: int) -> bytes:
    """Read until the end or until ``limit`` bytes are there."""
    first = os.read(source, limit)
    if not first:
        return first
    blocks, have = [first], len(first)
    while have < limit and (block := os.read(source, limit - have)):
        blocks.append(block)
        have += len(block)
    return b"".join(blocks)


def write_all(target: int, content: bytes | memoryview) -> None:
    """Write all of ``content``, however many calls it takes."""
    view = memoryview(content)
    while view:
        view = view[os.write(target, view) :]
