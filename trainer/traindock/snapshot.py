"""Snapshots: the content of a source folder, kept so that a run can be started from exactly it, at any time.

A snapshot is a list of names and hashes, ``snapshots/<id>.json``, and the contents lie in the content store, so
that an unchanged file is stored once however often it is submitted. Its id is the SHA-256 of the list: equal
folders have equal ids, on every machine. Kept are files with their executable bit, empty folders, and links as
:mod:`traindock.source_tree` describes; what stays out is described in :mod:`traindock.ignore`.

Which hash a file had is remembered with its size, times and inode in the workspace's ``cache/``, so that a second
look at an unchanged folder reads no file again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from traindock.errors import SnapshotException, StoreException, UserErrorException
from traindock.names import check_relative
from traindock.settings import SnapshotSettings
from traindock.source_tree import Scanner, SourceFile, SourceTree, size_text
from traindock.store.blobs import BlobStore, FileRecord
from traindock.store.copying import open_regular, storage_error
from traindock.store.files import canonical_json, write_atomic
from traindock.store.layout import WorkspaceLayout
from traindock.store.ownership import check_writable

WARN_BYTES: Final = 300_000_000
WARN_FILES: Final = 2_000
#: A file changed so shortly before it was looked at may change again without its time changing.
_RACY_NS: Final = 2_000_000_000
_READS: Final = 3


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A stored source folder.

    Attributes:
        id: SHA-256 (hex) of the list of its content.
        files: by path with forward slashes.
        links: path of each link to its target, relative to the link's folder.
        empty_folders: paths.
        total_bytes: sum of the files' sizes.
        warnings: what the user should know: left out, changed meanwhile, unusually large.
    """

    id: str
    files: Mapping[str, FileRecord]
    links: Mapping[str, str]
    empty_folders: tuple[str, ...]
    total_bytes: int
    warnings: tuple[str, ...] = ()


def take(
    source: Path,
    *,
    layout: WorkspaceLayout,
    limits: SnapshotSettings | None = None,
    cache: Path | None = None,
    added: Mapping[str, Path] = MappingProxyType({}),
) -> Snapshot:
    """Store the content of ``source``; what the store has already is not written again.

    Args:
        source: an existing folder.
        layout: the workspace.
        limits: sizes beyond which a folder is refused; the defaults of the settings if None.
        cache: folder that remembers hashes of unchanged files; in the workspace if None.
        added: files that are stored besides the folder's, or in their place, whatever its ignore files say: by their
            names in the folder, where they are read.

    Raises:
        WorkspaceReadOnlyException: another host has the workspace.
        SnapshotException: the folder is too large (nothing was copied), or something in it cannot be read.
        StoreException: the store's disk is full or refuses.
    """
    check_writable(layout)
    limits = limits or SnapshotSettings()
    remembered = _Cache.load((cache or layout.root / "cache" / "snapshots"), source)
    scanner = Scanner(source, layout.root, limits.max_files, remembered.verdicts)
    tree = content_of(scanner, limits, added)
    blobs = BlobStore(layout.blobs)
    reader = _Reader(blobs, remembered, tree.warnings)
    files = {}
    with blobs.referring():
        for path in sorted(tree.files):
            record = reader.store(path, tree.files[path])
            if record is not None:
                files[path] = record
        content = canonical_json(
            {
                "format": 1,
                "files": {p: {"sha256": f.sha256, "size": f.size, "mode": f.mode} for p, f in files.items()},
                "links": tree.links,
                "folders": tree.empty_folders,
            }
        )
        snapshot_id = hashlib.sha256(content).hexdigest()
        blobs.flush(reader.new)
        record_path = _record(layout, snapshot_id)
        if not record_path.exists():
            try:
                layout.snapshots.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise storage_error(error, f"make {layout.snapshots}") from error
            write_atomic(record_path, content)
    remembered.save(reader.seen, scanner.verdicts)
    return Snapshot(
        snapshot_id,
        files,
        tree.links,
        tuple(tree.empty_folders),
        sum(file.size for file in files.values()),
        tuple(tree.warnings),
    )


def content_of(scanner: Scanner, limits: SnapshotSettings, added: Mapping[str, Path]) -> SourceTree:
    """Return what a snapshot of a folder would hold, with the same warnings, unless it would be refused for its size.

    Args:
        scanner: of the folder.
        limits: sizes beyond which a folder is refused.
        added: as :func:`take` has it.

    Raises:
        SnapshotException: the folder is too large, or something in it cannot be read.
        GivenUp: nobody wants to know any more.
    """
    tree = scanner.scan()
    tree.add(added)
    _check_size(scanner.source, tree, limits)
    return tree


def check_readable(files: Mapping[str, SourceFile]) -> None:
    """Check that files of a source folder may be read, without doing it.

    Raises:
        SnapshotException: one may not; the text names it.
    """
    for path, file in files.items():
        if not os.access(file.path, os.R_OK):
            raise _unreadable(path, os.strerror(errno.EACCES))


def _unreadable(path: str, why: str | None) -> SnapshotException:
    return SnapshotException(
        f"{path!r} in the source folder cannot be read: {why}. Correct its permissions, or name it in .amlignore."
    )


def load(snapshot_id: str, layout: WorkspaceLayout) -> Snapshot:
    """Return a stored snapshot.

    Raises:
        SnapshotException: there is none with this id.
        StoreException: its list is damaged.
    """
    path = _record(layout, snapshot_id)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise SnapshotException(f"there is no snapshot {snapshot_id!r} in {layout.root}.") from None
    except OSError as error:
        raise StoreException(f"snapshot {snapshot_id} cannot be read: {path}: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != snapshot_id:
        raise StoreException(
            f"snapshot {snapshot_id} is damaged: {path} no longer has this SHA-256. Restore it from a backup, or "
            "delete it and submit the source folder again."
        )
    try:
        return _parse(snapshot_id, json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError, UserErrorException) as error:
        raise StoreException(f"snapshot {snapshot_id} of {path} cannot be used: {error}") from error


def materialise(snapshot_id: str, target: Path, layout: WorkspaceLayout) -> None:
    """Make ``target`` a writable copy of a snapshot, all at once: whoever sees the folder sees all of it.

    Args:
        snapshot_id: which one.
        target: a folder that does not exist yet, or is empty; its parent exists.
        layout: the workspace.

    Raises:
        SnapshotException: there is no such snapshot.
        StoreException: a content is missing or damaged, the disk refuses, or ``target`` holds something.
    """
    snapshot = load(snapshot_id, layout)
    blobs = BlobStore(layout.blobs)
    building = target.with_name(f".{target.name}.new")
    try:
        if building.exists():  # of an attempt that was killed
            shutil.rmtree(building)
        building.mkdir()
        folders = {str(Path(path).parent) for path in (*snapshot.files, *snapshot.links)}
        for folder in sorted(folders.union(snapshot.empty_folders)):
            (building / folder).mkdir(parents=True, exist_ok=True)
        for path, file in snapshot.files.items():
            blobs.copy_out(file.sha256, building / path, file.mode)
        # Last, so that nothing can be written through a link.
        for path, pointed in snapshot.links.items():
            (building / path).symlink_to(pointed)
        building.rename(target)
    except OSError as error:
        raise storage_error(error, f"make the working folder {target}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _record(layout: WorkspaceLayout, snapshot_id: str) -> Path:
    if len(snapshot_id) != 64 or not set(snapshot_id) <= set("0123456789abcdef"):
        raise SnapshotException(f"{snapshot_id!r} is no snapshot id: 64 lower-case hexadecimal digits are.")
    return layout.snapshots / f"{snapshot_id}.json"


def _parse(snapshot_id: str, document: dict[str, Any]) -> Snapshot:
    """Check a list that came from disk: no path of it may lead out of the folder that it is put into."""
    if document["format"] != 1:
        raise ValueError(f"its format is {document['format']}, this version of Traindock knows 1: update Traindock")
    files = {
        path: FileRecord(entry["sha256"], entry["size"], entry["mode"]) for path, entry in document["files"].items()
    }
    links, folders = document["links"], document["folders"]
    for path in (*files, *links, *folders):
        if check_relative(path) != path:
            raise ValueError(f"{path!r} is no clean path")
    for path, pointed in links.items():
        if Path(pointed).is_absolute() or os.path.normpath(Path(path).parent / pointed).startswith(".."):
            raise ValueError(f"link {path!r} leads out")
    return Snapshot(snapshot_id, files, links, tuple(folders), sum(file.size for file in files.values()))


def _check_size(source: Path, tree: SourceTree, limits: SnapshotSettings) -> None:
    count, size = len(tree.files), tree.total_bytes
    remedy = "Name what the script does not need in .amlignore, or hand data over as a path"
    if count > limits.max_files:
        raise SnapshotException(
            f"source folder {str(source)!r} holds more than the {limits.max_files:,} files that are allowed. Of those "
            f"counted until then, most lie in {tree.most_populous() or 'the folder itself'}. {remedy}; or raise "
            "max_files in the section [snapshot] of the workspace's settings.toml."
        )
    if size > limits.max_bytes:
        raise SnapshotException(
            f"source folder {str(source)!r} holds {size_text(size)}, and {size_text(limits.max_bytes)} are "
            f"allowed. The biggest: {tree.biggest()}. {remedy}; or raise max_bytes in the section [snapshot] of "
            "the workspace's settings.toml."
        )
    if count > WARN_FILES:
        tree.warnings.append(
            f"the source folder holds {count:,} files; most lie in {tree.most_populous() or 'the folder itself'}. "
            f"{remedy}."
        )
    if size > WARN_BYTES:
        tree.warnings.append(f"the source folder holds {size_text(size)}; the biggest: {tree.biggest()}. {remedy}.")


class _Reader:
    """Brings single files into the store, by their remembered hash where that is safe."""

    def __init__(self, blobs: BlobStore, remembered: _Cache, warnings: list[str]) -> None:
        self.new: list[str] = []
        self.seen: dict[str, list[Any]] = {}
        self._blobs = blobs
        self._remembered = remembered.files
        self._warnings = warnings

    def store(self, path: str, file: SourceFile) -> FileRecord | None:
        """Store one file; None if it vanished meanwhile."""
        stamp = _stamp(file.status)
        mode = 0o755 if file.status.st_mode & stat.S_IXUSR else 0o644
        known = self._remembered.get(path)
        if known is not None and known[1:] == stamp and self._blobs.holds(known[0], file.status.st_size):
            self.seen[path] = known
            return FileRecord(known[0], file.status.st_size, mode)
        try:
            sha256, size, status = self._read(path, file)
        except FileNotFoundError:
            self._warnings.append(f"{path!r} vanished while the source folder was read; it is left out.")
            return None
        except OSError as error:
            raise _unreadable(path, error.strerror) from error
        self.new.append(sha256)
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _RACY_NS:
            self.seen[path] = [sha256, *_stamp(status)]
        return FileRecord(sha256, size, mode)

    def _read(self, path: str, file: SourceFile) -> tuple[str, int, os.stat_result]:
        for _attempt in range(_READS):
            descriptor = open_regular(file.path, follow=file.linked)
            try:
                before = os.fstat(descriptor)
                sha256, size = self._blobs.put_descriptor(descriptor, durable=False)
                after = os.fstat(descriptor)
            finally:
                os.close(descriptor)
            if _stamp(before) == _stamp(after):
                return sha256, size, after
        self._warnings.append(f"{path!r} changed while it was read; the snapshot holds it as it was in between.")
        return sha256, size, after


def _stamp(status: os.stat_result) -> list[int]:
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev]


class _Cache:
    """What was found the last time: hashes by file and stamp, verdicts by ignore rules and path.

    It only ever saves work: a missing or broken one is an empty one.
    """

    def __init__(self, path: Path, files: dict[str, list[Any]], verdicts: dict[str, dict[str, str]]) -> None:
        self._path = path
        self.files = files
        self.verdicts = verdicts

    @classmethod
    def load(cls, folder: Path, source: Path) -> _Cache:
        key = hashlib.sha256(os.fsencode(os.path.realpath(source))).hexdigest()[:32]
        path = folder / f"{key}.json"
        try:
            content = path.read_bytes()
            digest, _, body = content.partition(b"\n")
            if hashlib.sha256(body).hexdigest().encode() != digest:
                return cls(path, {}, {})
            document = json.loads(body)
            return cls(path, document["files"], document["verdicts"])
        except (OSError, ValueError, KeyError):
            return cls(path, {}, {})

    def save(self, files: dict[str, list[Any]], verdicts: dict[str, dict[str, str]]) -> None:
        """Remember for the next time; not being able to is no fault."""
        if files == self.files and verdicts == self.verdicts:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            body = json.dumps({"files": files, "verdicts": verdicts}).encode("ascii")
            digest = hashlib.sha256(body).hexdigest().encode("ascii")
            write_atomic(self._path, digest + b"\n" + body, durable=False)
        except (OSError, StoreException):
            return
