"""What sealing has recorded of a run's files, and whether they are still as it found them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from traindock.errors import StoreException
from traindock.store.copying import open_regular, pump
from traindock.store.layout import RunLayout


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A file that will not change any more.

    Attributes:
        sha256: hex.
        size: in bytes.
        mode: 0o755 if the script made it executable, else 0o644; on disk it is read-only.
        ctime_ns: change time of the file in the run's folder, which any change of its content would move.
        inode: likewise.
    """

    sha256: str
    size: int
    mode: int
    ctime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class SealedFiles:
    """The sealed files of a run by name, and what could not be sealed: ``{"name", "why"}`` each, why as a clause."""

    files: Mapping[str, SealedFile]
    left_out: tuple[Mapping[str, str], ...] = ()


def read_sealed(run: RunLayout) -> SealedFiles | None:
    """Return what sealing recorded, or None while the run is not sealed.

    Raises:
        StoreException: the record is damaged.
    """
    try:
        document = json.loads(run.sealed_json.read_bytes())
        if document["format"] != 1:
            raise StoreException(
                f"{run.sealed_json} has format {document['format']}, and this Traindock knows 1: update Traindock."
            )
        files = {name: SealedFile(**entry) for name, entry in document["files"].items()}
        return SealedFiles(files, tuple(document["left_out"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreException(f"{run.sealed_json} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreException(
            f"{run.sealed_json} is damaged ({error}). Restore it from a backup; or delete it: the run's files are "
            "then sealed again as they are now."
        ) from error


def verify_sealed(run: RunLayout, name: str, expected: SealedFile) -> str:
    """Return the SHA-256 of a sealed file after making sure, as quickly as can be, that it still has it.

    Size, change time and inode tell; only where they differ is the content read.

    Args:
        run: a sealed run.
        name: such as ``outputs/model.pt``.
        expected: what the run's record says of it.

    Raises:
        StoreException: the file is gone, or its content was changed after the run was sealed.
    """
    path = sealed_path(run, name)
    try:
        found = os.lstat(path)
        if (found.st_size, found.st_ctime_ns, found.st_ino) == (expected.size, expected.ctime_ns, expected.inode):
            return expected.sha256
        descriptor = open_regular(path)
        try:
            sha256, _size = pump(descriptor, None)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StoreException(
            f"{name!r} of run {run.root.name} is sealed but cannot be read: {path}: {error.strerror}. Its content "
            f"may still be in the content store as blob {expected.sha256}."
        ) from error
    if sha256 != expected.sha256:
        raise StoreException(
            f"{name!r} of run {run.root.name} was changed after the run was sealed: {path} has SHA-256 {sha256}, "
            f"and had {expected.sha256}. Restore it from a backup of the workspace."
        )
    return sha256


def sealed_path(run: RunLayout, name: str) -> Path:
    """Where a sealed file lies; ``name`` must come from :class:`SealedFiles`."""
    return run.root / name if name.startswith("outputs/") else run.uploads / name
