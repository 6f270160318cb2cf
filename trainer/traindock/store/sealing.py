"""Sealing: what a run leaves behind becomes final once its last process is gone.

``outputs`` and ``logs`` move out of the job's working directory into the run's folder and the rest of that
directory is dropped. Then each file of ``outputs/`` and ``uploads/`` is hashed and becomes a read-only link into
the content store; no byte is copied, except of a file that somebody still has open for writing, or has under a name
outside of the run (a hard link). Links from one output to another become what they mean. All others are never
followed; they, FIFOs, sockets and devices are left where they are and named. ``sealed.json`` is written last: a run
that has it is sealed, and sealing one that was interrupted anywhere, again, gives the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from traindock.runtime.links import LinkedFolder
from traindock.store.blobs import BlobStore
from traindock.store.copying import may_pass, storage_error
from traindock.store.files import canonical_json, permit, remove_tree, sync_folder, write_atomic
from traindock.store.layout import RunLayout
from traindock.store.open_files import is_open_for_writing
from traindock.store.sealed_files import SealedFile, SealedFiles, read_sealed

#: Names that the API gives to other files than the ones below ``uploads/``.
_RESERVED: Final = ("outputs/", "logs/")
#: Start of the names of files that a job had not finished writing.
UNFINISHED: Final = ".traindock-"


def seal(run: RunLayout, blobs: BlobStore, *, reached: Callable[[str], None] = lambda step: None) -> SealedFiles:
    """Make a run's files final; for a sealed run, only return what is recorded.

    Args:
        run: a run none of whose processes is alive.
        blobs: the workspace's content store.
        reached: called with a step's name before each step, so that tests can interrupt there.

    Raises:
        StoreException: the disk is full or refuses; sealing again, later, goes on.
    """
    permit(run.root)
    sealed = read_sealed(run)
    if sealed is not None:
        _notes(run).unlink(missing_ok=True)
        return sealed
    try:
        with blobs.referring():
            return _Sealing(run, blobs, reached).perform()
    except OSError as error:
        raise storage_error(error, f"seal {run.root}") from error


class _Sealing:
    def __init__(self, run: RunLayout, blobs: BlobStore, reached: Callable[[str], None]) -> None:
        self._run = run
        self._blobs = blobs
        self._reached = reached
        self._left_out: dict[str, str] = {}
        # What sealing itself makes unknowable is noted on disk first, for the case that it is interrupted.
        self._noted = _read_notes(run)
        # Hashes of files in the store by device and inode: two outputs may be one file.
        self._stored: dict[tuple[int, int], str] = {}

    def perform(self) -> SealedFiles:
        moved = [self._move_out(name) for name in ("outputs", "logs")]
        self._reached("drop work")
        if all(moved):
            self._drop_work()
        self._resolve_inner_links()
        names = dict(self._regular_files())
        self._note(executable=[name for name, path in names.items() if path.lstat().st_mode & stat.S_IXUSR])
        own_links = Counter(_identity(path) for path in names.values())
        hashes = {}
        for name, path in names.items():
            self._reached(f"store {name}")
            try:
                hashes[name] = self._store(path, own_links)
            except OSError as error:
                self._left_out[name] = f"it cannot be read: {error.strerror}"
        self._reached("sync")
        self._blobs.flush(hashes.values())
        # Only now: each further link to a content moves its change time.
        files = {name: self._describe(name, names[name], sha256) for name, sha256 in hashes.items()}
        self._reached("record")
        left_out = self._left_out | self._noted.left_out
        sealed = SealedFiles(files, tuple({"name": name, "why": left_out[name]} for name in sorted(left_out)))
        document = {
            "format": 1,
            "files": {name: asdict(file) for name, file in files.items()},
            "left_out": list(sealed.left_out),
        }
        write_atomic(self._run.sealed_json, canonical_json(document))
        self._reached("tidy")
        _notes(self._run).unlink(missing_ok=True)
        return sealed

    @contextlib.contextmanager
    def _sparing(self, name: str) -> Iterator[None]:
        """Leave out what can never be sealed: no run may wait for ever for what its script has made."""
        try:
            yield
        except OSError as error:
            if may_pass(error):
                raise
            self._left_out[name] = f"it cannot be sealed: {error.strerror}"

    def _move_out(self, name: str) -> bool:
        """Move one folder out of the working directory; return whether nothing of it is left there."""
        with self._sparing(f"{name}/"):
            self._move(self._run.work / name, self._run.root / name)
        return f"{name}/" not in self._left_out

    def _move(self, made: Path, kept: Path) -> None:
        """Move one folder, whatever the script made of it."""
        name = kept.name
        # A folder that cannot be written to cannot be moved either, for its ".." changes.
        permit(self._run.work)
        if _kind(made) == stat.S_IFDIR:
            permit(made)
        if _kind(kept) == stat.S_IFLNK:
            self._reached(f"unlink {name}")
            kept.unlink()
        elif _kind(kept) not in (stat.S_IFDIR, None):
            # A script that replaced our link by something else: out of the way, but not away.
            aside = self._run.root / f"{name}.replaced"
            self._note(left_out={name: f"the script replaced it; what it put there is {aside.name}"})
            kept.rename(aside)
        found = _kind(made) if _kind(self._run.work) == stat.S_IFDIR else None
        self._reached(f"move {name}")
        if found == stat.S_IFDIR and _kind(kept) is None:
            made.rename(kept)
        elif found == stat.S_IFDIR:
            _merge(made, kept)
        else:
            kept.mkdir(exist_ok=True)
            if found == stat.S_IFREG:
                made.rename(kept / name)
            elif found is not None:
                self._note(left_out={name: f"the script replaced the folder by a {_kind_name(found)}"})
        sync_folder(self._run.root)

    def _drop_work(self) -> None:
        work = self._run.work
        kind = _kind(work)
        if kind is None:
            return
        if kind != stat.S_IFDIR:
            self._note(left_out={"work": f"the script replaced its working directory by a {_kind_name(kind)}"})
            work.unlink()
            return
        if not remove_tree(work):
            self._left_out["work"] = "parts of the working directory could not be removed, and are still there"

    def _resolve_inner_links(self) -> None:
        """Replace links from one output to another ("last.ckpt", "latest/") by the files they mean.

        A link is judged by where it leads after sealing, so that one which was made with the absolute path of the
        working directory counts as well.
        """
        if _kind(self._run.outputs) != stat.S_IFDIR:
            return
        entries = list(self._entries(self._run.outputs))
        if not self._noted.linked and not any(_kind(path) == stat.S_IFLNK for path in entries):
            return
        if not self._noted.linked:
            # Once the first link to a folder is replaced, what it stood for can be read nowhere but here.
            folder = output_links(self._run, "outputs", self._run.outputs)
            linked = {name: place for name, place in folder.files() if name != place}
            self._note(linked=linked, left_out={f"outputs/{name}": why for name, why in folder.left_out.items()})
        for name, place in self._noted.linked.items():
            self._reached(f"resolve {name}")
            with self._sparing(f"outputs/{name}"):
                target = self._run.outputs / name
                self._make_folders(target.parent)
                aside = target.with_name(f"{UNFINISHED}link")
                aside.unlink(missing_ok=True)
                os.link(self._run.outputs / place, aside, follow_symlinks=False)
                aside.replace(target)
                aside.unlink(missing_ok=True)  # it stays where an interrupted sealing has been here before

    def _make_folders(self, folder: Path) -> None:
        """Make real folders of all those between the outputs and ``folder`` that are links."""
        for parent in [*reversed(folder.relative_to(self._run.outputs).parents), folder.relative_to(self._run.outputs)]:
            path = self._run.outputs / parent
            if _kind(path) == stat.S_IFLNK:
                path.unlink()
            path.mkdir(exist_ok=True)

    def _regular_files(self) -> Iterator[tuple[str, Path]]:
        """Yield name and path of each file to seal; note the other things."""
        for folder, prefix in ((self._run.outputs, "outputs/"), (self._run.uploads, "")):
            if _kind(folder) != stat.S_IFDIR:
                continue
            for path in self._entries(folder):
                name = prefix + path.relative_to(folder).as_posix()
                kind = _kind(path)
                if path.name.startswith(UNFINISHED):
                    self._left_out[name] = "it was never finished"
                elif kind == stat.S_IFREG and (prefix or not name.startswith(_RESERVED)):
                    yield name, path
                elif kind == stat.S_IFREG:
                    self._left_out[f"uploads/{name}"] = "its name belongs to another folder of the run"
                elif kind is not None:
                    # All other links are noted, or were replaced.
                    empty = " to a folder without files" if kind == stat.S_IFLNK else ""
                    self._left_out[name] = f"it is a {_kind_name(kind)}{empty}"

    def _entries(self, folder: Path) -> Iterator[Path]:
        """Yield all entries below ``folder`` but folders, in a fixed order."""
        pending = [folder]
        while pending:
            where = pending.pop()
            permit(where)
            try:
                entries = sorted(where.iterdir())
            except OSError as error:
                name = where.relative_to(self._run.root).as_posix()
                self._left_out[f"{name}/"] = f"it cannot be read: {error.strerror}"
                continue
            found = []
            for entry in entries:
                with self._sparing(entry.relative_to(self._run.root).as_posix()):
                    if _kind(entry) == stat.S_IFDIR:
                        pending.append(entry)
                    else:
                        found.append(entry)
            yield from found

    def _store(self, path: Path, own_links: Counter[tuple[int, int]]) -> str:
        file = _identity(path)
        sha256 = self._stored.get(file) or self._store_first(path, own_links[file])
        if _identity(path) == file:
            self._stored[file] = sha256
        else:  # a link to a copy now, which other links to the file are not
            own_links[file] -= 1
        return sha256

    def _store_first(self, path: Path, own_links: int) -> str:
        if path.lstat().st_nlink > own_links:
            # Somebody else's file as well, under a name outside of the run: theirs stays as it is.
            return self._blobs.adopt(path, exclusive=False, durable=False)
        try:
            path.chmod(0o444)  # from here on, only who has it open already can write to it
        except PermissionError:  # somebody else's, such as a container's root: it cannot be made read-only
            return self._blobs.adopt(path, exclusive=False, durable=False)
        return self._blobs.adopt(path, exclusive=not is_open_for_writing(path), durable=False)

    def _describe(self, name: str, path: Path, sha256: str) -> SealedFile:
        found = path.lstat()
        mode = 0o755 if name in self._noted.executable else 0o644
        return SealedFile(sha256, found.st_size, mode, found.st_ctime_ns, found.st_ino)

    def _note(
        self,
        *,
        executable: Iterable[str] = (),
        left_out: Mapping[str, str] | None = None,
        linked: Mapping[str, str] | None = None,
    ) -> None:
        noted = self._noted
        now = _Notes(
            sorted({*noted.executable, *executable}),
            noted.left_out | dict(left_out or {}),
            noted.linked | dict(linked or {}),
        )
        if now != noted:
            self._reached("note")
            self._noted = now
            write_atomic(_notes(self._run), canonical_json(asdict(now)))


@dataclass(frozen=True, slots=True)
class _Notes:
    """What an interrupted sealing could not find out again.

    Attributes:
        executable: names of files that the script made executable.
        left_out: what is not kept because of a link or of what the script put in place of our folders, and why.
        linked: places, below the outputs, of the files that links stand for, by name.
    """

    executable: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    linked: dict[str, str] = field(default_factory=dict)


def _notes(run: RunLayout) -> Path:
    return run.sealed_json.with_suffix(".notes")


def _read_notes(run: RunLayout) -> _Notes:
    try:
        return _Notes(**json.loads(_notes(run).read_bytes()))
    except (OSError, ValueError, TypeError):
        return _Notes()


def output_links(run: RunLayout, name: str, folder: Path) -> LinkedFolder:
    """Return a run's folder ``outputs`` or ``logs``, which lies at ``folder`` now, with its links understood."""
    return LinkedFolder(str(folder), str(run.root / name), str(run.work / name))


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _kind(path: Path) -> int | None:
    """Type of what lies at ``path`` itself; None if there is nothing."""
    try:
        return stat.S_IFMT(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _kind_name(kind: int) -> str:
    return _KINDS.get(kind, "special file")


def _merge(source: Path, target: Path) -> None:
    """Move the entries of ``source`` into ``target``; where a name is taken, under a name with a number."""
    permit(source)
    permit(target)
    for entry in sorted(source.iterdir()):
        place = target / entry.name
        number = 1
        while _kind(place) is not None:
            if _kind(place) == _kind(entry) == stat.S_IFDIR:
                _merge(entry, place)
                break
            number += 1
            place = target / f"{entry.stem} ({number}){entry.suffix}"
        else:
            if _kind(entry) == stat.S_IFDIR:
                permit(entry)
            entry.rename(place)


_KINDS: Final = {
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}
