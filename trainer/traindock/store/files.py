"""Small files written so that a reader, or a power cut, sees the old or the new content, never half of it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import stat
from pathlib import Path
from typing import Any

from traindock.errors import StoreException


def canonical_json(value: Any) -> bytes:
    """Encode ``value`` so that equal values give equal bytes: sorted keys, no spaces, ASCII only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600, durable: bool = True) -> None:
    """Replace ``path`` by a file with ``data``.

    Raises:
        StoreException: the disk is full or refuses; the old file is untouched.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        raise StoreException(f"cannot write {path}: {error.strerror}") from error


def write_json(path: Path, value: Any, *, mode: int = 0o600, durable: bool = True) -> None:
    """Replace ``path`` by ``value`` as indented JSON; see :func:`write_atomic`."""
    write_atomic(path, json.dumps(value, indent=2).encode() + b"\n", mode=mode, durable=durable)


def read_json(path: Path) -> Any:
    """Return the content of a JSON file of the store.

    Raises:
        FileNotFoundError: there is none.
        StoreException: it is damaged; the text names it.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise
    except ValueError as error:
        raise StoreException(f"{path} is damaged: {error}") from error
    except OSError as error:
        raise StoreException(f"cannot read {path}: {error.strerror}") from error


def sync_folder(path: Path) -> None:
    """Make renames in a folder survive a power cut."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def permit(folder: Path) -> None:
    """Let the owner into a folder that a script closed; somebody else's stays as it is."""
    with contextlib.suppress(OSError):
        if folder.lstat().st_mode & stat.S_IRWXU != stat.S_IRWXU:
            folder.chmod(0o700)


def remove_tree(folder: Path) -> bool:
    """Remove a folder with all that is in it, also where a script closed parts of it; follows no link.

    Returns:
        Whether nothing of it is left; what belongs to somebody else may be.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        for each, _folders, _files in os.walk(folder):
            permit(Path(each))
        shutil.rmtree(folder, ignore_errors=True)
    return not os.path.lexists(folder)
