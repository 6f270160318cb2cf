"""Deleting contents that nothing refers to any more, such that no space is lost and nobody loses a content.

A content is referred to by snapshots, by the versions of models, and by runs that were sealed. When a run or a version
is deleted, each of its contents is looked for in all of these; what is found nowhere is deleted. The long look needs
no lock. The second, at what came meanwhile, is made while nobody else can be about to refer to a content (see
``store.blobs``); it takes milliseconds also among ten thousand runs, and files that are large are only unlinked then,
and given back to the disk afterwards.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from traindock import faultpoints
from traindock.errors import StoreException
from traindock.store import model_records
from traindock.store.blobs import BlobStore
from traindock.store.files import write_json
from traindock.store.layout import WorkspaceLayout
from traindock.store.run_records import run_ids

#: How long to wait for those who are just referring to contents, in seconds; then it is left to the next one.
PATIENCE_SECONDS: Final = 10.0
#: Contents that are deleted at once, while others wait; each takes a file descriptor meanwhile.
_AT_ONCE: Final = 100
_SHA256: Final = re.compile(rb"[0-9a-f]{64}")


def release(layout: WorkspaceLayout, contents: Iterable[str], patience_seconds: float = PATIENCE_SECONDS) -> int | None:
    """Delete those of the contents that nothing refers to.

    Args:
        layout: the workspace.
        contents: their SHA-256; what is none is passed over.
        patience_seconds: how long to wait for those who are about to refer to contents.

    Returns:
        How many bytes that has given back to the disk; None where it was not to be had in that time: to be done again.

    Raises:
        StoreException: the disk refuses, or what may refer to one cannot be read. To be done again.
    """
    blobs = BlobStore(layout.blobs)
    search = _Search(layout, {sha256 for sha256 in contents if os.path.lexists(blobs.path(sha256))})
    if not search.unreferred:
        return 0
    freed = 0
    try:
        search.look()
        faultpoints.reached("release.before-lock")
        found = sorted(search.unreferred)
        for begin in range(0, len(found), _AT_ONCE):
            # The store is given free first, then what is kept open.
            with contextlib.ExitStack() as kept, blobs.alone(patience_seconds) as alone:
                if not alone:
                    return None
                search.look()
                for sha256 in search.unreferred.intersection(found[begin : begin + _AT_ONCE]):
                    with contextlib.suppress(FileNotFoundError):  # somebody else deletes as well
                        freed += _unlink(blobs.path(sha256), kept)
    except OSError as error:
        raise StoreException(f"contents of {layout.blobs} cannot be deleted: {error}") from error
    return freed


@contextmanager
def releasing(layout: WorkspaceLayout, contents: Iterable[str]) -> Iterator[None]:
    """Release contents after the block, which deletes something that refers to them; a later start makes up for it."""
    note = None
    with contextlib.suppress(OSError, StoreException):  # a full disk, where there is room for an event yet
        note = _note(layout, contents)
    try:
        yield
    except BaseException:
        if note is not None:
            note.unlink(missing_ok=True)
        raise
    with contextlib.suppress(StoreException):
        if note is not None:
            _finish(layout, note, PATIENCE_SECONDS)


def finish_all(layout: WorkspaceLayout, patience_seconds: float = PATIENCE_SECONDS) -> str:
    """Release what was left to be released later, and return what kept it from being done, or ""."""
    trouble = ""
    with contextlib.suppress(FileNotFoundError):
        for note in sorted(layout.releases.iterdir()):
            try:
                if not _finish(layout, note, patience_seconds):
                    trouble = "files are being stored just now"
            except (OSError, StoreException) as error:
                trouble = str(error)
    return trouble


def contents_in(recorded: bytes) -> set[str]:
    """Return all that a snapshot's or a sealed run's record can refer to, also where it is damaged."""
    return set(map(bytes.decode, _SHA256.findall(recorded)))


def leave(layout: WorkspaceLayout, contents: Iterable[str]) -> None:
    """Leave it to a later :func:`finish_all` to release contents.

    Raises:
        StoreException: the disk refuses.
    """
    try:
        _note(layout, contents)
    except OSError as error:
        raise StoreException(f"cannot write to {layout.releases}: {error.strerror}") from error


def _note(layout: WorkspaceLayout, contents: Iterable[str]) -> Path:
    layout.releases.mkdir(exist_ok=True)
    note = layout.releases / secrets.token_hex(8)
    write_json(note, sorted(contents), durable=False)
    return note


def _finish(layout: WorkspaceLayout, note: Path, patience_seconds: float) -> bool:
    done = release(layout, contents_in(note.read_bytes()), patience_seconds) is not None
    if done:
        note.unlink(missing_ok=True)
    return done


class _Search:
    """Looks for what refers to contents; looking again reads only what is new since.

    Args:
        layout: the workspace.
        contents: which.

    Attributes:
        unreferred: those of them that nothing was found to refer to.
    """

    def __init__(self, layout: WorkspaceLayout, contents: set[str]) -> None:
        self.unreferred = contents
        self._layout = layout
        self._models: dict[str, int] = {}  # size of each record, which only grows
        self._final: set[str] = set()  # snapshots and sealed runs whose records were read: they never change

    def look(self) -> None:
        """Look at all that there is now.

        Raises:
            OSError: something cannot be read, so that it may refer to any of them.
        """
        for name in model_records.names(self._layout):
            recorded = _read(self._layout.model_events(name), self._models.get(name, -1))
            if recorded is not None:
                self._models[name] = len(recorded)
                self.unreferred -= model_records.contents_in(recorded)
        for name, path in self._finals():
            if name not in self._final and (recorded := _read(path)) is not None:
                self._final.add(name)
                self.unreferred -= contents_in(recorded)

    def _finals(self) -> Iterator[tuple[str, str]]:
        """Yield name and path of each record of a snapshot, and of each that a run has or may get."""
        # As texts: among ten thousand runs a Path for each would take longer than all else.
        snapshots, runs = os.fspath(self._layout.snapshots), os.fspath(self._layout.runs)
        sealed = self._layout.run("").sealed_json.name
        yield from ((name, f"{snapshots}/{name}") for name in _names(snapshots) if name.endswith(".json"))
        yield from ((run_id, f"{runs}/{run_id}/{sealed}") for run_id in run_ids(self._layout))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _read(path: str | Path, known_size: int = -1) -> bytes | None:
    """Return what is in a file; None where there is none, or where it still has the size that is known."""
    try:
        with open(path, "rb") as file:
            return file.read() if os.fstat(file.fileno()).st_size != known_size else None
    except (FileNotFoundError, NotADirectoryError):
        return None


def _unlink(path: Path, kept: contextlib.ExitStack) -> int:
    """Take a content its name, and return how many bytes that gives back, once what is ``kept`` is let go of."""
    with contextlib.suppress(PermissionError):
        # Held open, a large file is not given back to the disk before others may go on.
        kept.callback(os.close, os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC))
    found = path.lstat()
    path.unlink()
    return found.st_blocks * 512 if found.st_nlink == 1 else 0
