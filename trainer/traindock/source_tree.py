"""What of a source folder goes into a snapshot, found without reading any file but the ignore files.

Links: one that points to a stored file or folder of the source folder stays a link, rewritten as a relative one.
One that points to any other file is stored as the content of that file. One that points to another folder, or
nowhere, is left out with a warning. FIFOs, sockets and devices are left out with a warning and never opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from traindock.errors import SnapshotException
from traindock.ignore import (
    AMLIGNORE,
    GITIGNORE,
    IgnoreRules,
    Verdict,
    holds_checkpoints,
    is_environment_or_cache,
    left_out_by_default,
)
from traindock.store.copying import open_regular

_NAMED: Final = 5
_RANKED: Final = 500


class GivenUp(Exception):
    """A scan was given up, since nobody wants to know any more what it finds."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to store.

    Attributes:
        path: where to read it.
        status: of the file itself, links followed.
        linked: whether ``path`` is a link.
    """

    path: str
    status: os.stat_result
    linked: bool = False


@dataclass(slots=True)
class SourceTree:
    """A source folder's content; all paths are relative, with forward slashes."""

    files: dict[str, SourceFile] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    empty_folders: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    total_bytes: int = 0

    def add(self, files: Mapping[str, Path]) -> None:
        """Add files from elsewhere, or have them take the place of the folder's own.

        Args:
            files: by their names in the folder, where they are read.
        """
        for name, path in files.items():
            self.links.pop(name, None)
            replaced = self.files.get(name)
            self.files[name] = SourceFile(str(path), path.stat())
            self.total_bytes += self.files[name].status.st_size - (replaced.status.st_size if replaced else 0)

    def stamp(self) -> str:
        """Return hexadecimal digits that are others as soon as anything of it was written, made or removed."""
        files = {
            name: [file.status.st_size, file.status.st_mtime_ns, bool(file.status.st_mode & stat.S_IXUSR)]
            for name, file in self.files.items()
        }
        content = json.dumps([files, self.links, self.empty_folders], sort_keys=True)
        return hashlib.sha256(content.encode("ascii")).hexdigest()

    def biggest(self) -> str:
        """Name the files and folders that hold most of the bytes, largest first."""
        return ", ".join(f"{name} ({size_text(size)})" for name, size in self._heaviest(weigh_bytes=True))

    def most_populous(self) -> str:
        """Name the folders that hold most of the files, largest first."""
        return ", ".join(f"{name} ({count:,} files)" for name, count in self._heaviest(weigh_bytes=False))

    def _heaviest(self, *, weigh_bytes: bool) -> list[tuple[str, int]]:
        weights: dict[str, int] = {}
        for name, file in self.files.items():
            weight = file.status.st_size if weigh_bytes else 1
            if weigh_bytes:
                weights[name] = weight
            parts = name.split("/")[:-1]
            for depth in range(1, len(parts) + 1):
                folder = "/".join(parts[:depth]) + "/"
                weights[folder] = weights.get(folder, 0) + weight
        chosen: list[tuple[str, int]] = []
        ranked = sorted(weights.items(), key=lambda item: (-item[1], -len(item[0])))[:_RANKED]
        for name, weight in ranked:
            # Of a file and the folders around it that hold little else, the innermost says most.
            inner = max((w for n, w in ranked if n != name and _within(n, name)), default=0)
            if inner > 0.8 * weight or any(_within(name, n) or _within(n, name) for n, _ in chosen):
                continue
            chosen.append((name, weight))
            if len(chosen) == _NAMED:
                break
        return chosen


def _within(name: str, folder: str) -> bool:
    return folder.endswith("/") and name.startswith(folder)


def size_text(size: int) -> str:
    """Write a number of bytes for people."""
    if size < 1_000_000:
        return f"{size / 1000:,.1f} kB"
    return f"{size / 1_000_000:,.1f} MB" if size < 1_000_000_000 else f"{size / 1_000_000_000:,.2f} GB"


class Scanner:
    """Walks one source folder.

    Args:
        source: the folder.
        workspace: the folder of the workspace that the snapshot is for; never part of it.
        max_files: as the settings allow; the scan ends where there is one more, since the folder is refused then.
        known: verdicts of earlier scans by the rules' digest and the path; added to.
        is_wanted: whether anybody still waits for what is found; asked often, by the thread that scans.
    """

    def __init__(
        self,
        source: Path,
        workspace: Path,
        max_files: int,
        known: dict[str, dict[str, str]],
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self.source = Path(os.path.realpath(source))
        self.tree = SourceTree()
        self.verdicts: dict[str, dict[str, str]] = {}
        self._known = known
        self._max_files = max_files
        self._is_wanted = is_wanted
        self._folders: set[str] = set()
        self._pending_links: dict[str, str] = {}
        try:
            status = workspace.stat()
            self._workspace = (status.st_dev, status.st_ino)
        except OSError:
            self._workspace = (-1, -1)

    def scan(self) -> SourceTree:
        """Walk the folder and return what is to be stored.

        Raises:
            SnapshotException: the folder or something in it cannot be read, or it is a workspace.
            GivenUp: nobody wants to know any more.
        """
        names = self._names("")
        if self._is_workspace("", names):
            raise SnapshotException(
                f"source folder {str(self.source)!r} is a Traindock workspace: give the folder with your scripts."
            )
        kind = AMLIGNORE if any(entry.name == AMLIGNORE for entry in names.values()) else GITIGNORE
        pending = [("", IgnoreRules("", kind), names)]
        while pending and not self._is_full():
            base, rules, names = pending.pop()
            rules = self._own_rules(base, rules, names)
            pending.extend(self._folder(base, rules, names))
        self._settle_links()
        parents = {path.rpartition("/")[0] for path in (*self.tree.files, *self.tree.links, *self._folders)}
        self.tree.empty_folders = sorted(self._folders - parents)
        return self.tree

    def why_left_out(self, path: str) -> str:
        """Say what keeps a file of the source folder out of its snapshot; "" if nothing is known that does."""
        names = self._names("")
        rules = IgnoreRules("", AMLIGNORE if AMLIGNORE in names else GITIGNORE)
        base, parts = "", path.split("/")
        for depth, name in enumerate(parts, 1):
            where, folder = f"{base}{name}", depth < len(parts)
            rules = self._own_rules(base, rules, names)
            verdict = rules.verdict(where, folder=folder)
            what = f"the {'folder' if folder else 'file'} {where!r} is left out"
            if verdict is Verdict.LEFT_OUT:
                return f"{what} by {rules.decisive_line(where, folder=folder)}"
            if verdict is Verdict.UNSAID and left_out_by_default(name, top=not base):
                return (
                    f"{what} by default, as is all of this name, unless a line '!{where}' in {AMLIGNORE} brings it back"
                )
            if not folder:
                break
            base = f"{where}/"
            names = self._names(base)
            if self._is_workspace(base, names):
                return f"{what}, since it is a Traindock workspace"
            if verdict is not Verdict.KEPT and is_environment_or_cache(names):
                return f"{what}, since it is a virtual environment or a cache"
            if verdict is not Verdict.KEPT and holds_checkpoints(name, names):
                return f"{what}, since it looks like saved weights"
        return ""

    def _folder(
        self, base: str, rules: IgnoreRules, names: dict[str, os.DirEntry[str]]
    ) -> Iterator[tuple[str, IgnoreRules, dict[str, os.DirEntry[str]]]]:
        """Take in the files of one folder and yield the folders to go on with."""
        for name, entry in names.items():
            if self._is_full():
                return
            path = base + name
            try:
                folder = entry.is_dir(follow_symlinks=False)
                verdict = self._verdict(rules, path, folder=folder)
                if verdict is Verdict.LEFT_OUT:
                    continue
                if verdict is Verdict.UNSAID and left_out_by_default(name, top=not base):
                    continue
                if folder:
                    inner = self._names(f"{path}/")
                    if not self._skipped(path, name, inner, verdict):
                        self._folders.add(path)
                        yield f"{path}/", rules, inner
                elif entry.is_symlink():
                    self._pending_links[path] = entry.path
                else:
                    self._file(path, entry.path, entry.stat(follow_symlinks=False))
            except FileNotFoundError:
                self.tree.warnings.append(f"{path!r} vanished while the source folder was read; it is left out.")

    def _is_full(self) -> bool:
        """Whether there are more files than may be; the one place where a scan is given up."""
        if not self._is_wanted():
            raise GivenUp
        return len(self.tree.files) > self._max_files

    def _file(self, path: str, where: str, status: os.stat_result, *, linked: bool = False) -> None:
        if not stat.S_ISREG(status.st_mode):
            what = _KINDS.get(stat.S_IFMT(status.st_mode), "special file")
            self.tree.warnings.append(f"{path!r} is a {what}, which no snapshot can hold; it is left out.")
            return
        self.tree.files[path] = SourceFile(where, status, linked)
        self.tree.total_bytes += status.st_size

    def _skipped(self, path: str, name: str, inner: dict[str, os.DirEntry[str]], verdict: Verdict) -> bool:
        """Whether a folder is left out for what it holds."""
        if self._is_workspace(f"{path}/", inner):
            return True
        if verdict is Verdict.KEPT:
            return False
        if holds_checkpoints(name, inner):
            self.tree.warnings.append(
                f"{path + '/'!r} looks like saved weights and is left out; to send it, write a line "
                f"'!{path}/' into {AMLIGNORE}."
            )
            return True
        return is_environment_or_cache(inner)

    def _is_workspace(self, base: str, names: dict[str, os.DirEntry[str]]) -> bool:
        if "workspace.json" not in names:
            return False
        folder = self.source / base
        status = folder.stat()
        if (status.st_dev, status.st_ino) == self._workspace:
            return True
        if not names.keys() & {"runs", "blobs", "changes.log", "index.sqlite"}:
            return False
        content = self._read(names["workspace.json"].path)
        try:
            document = json.loads(content or b"")
        except ValueError:
            return False
        return isinstance(document, dict) and isinstance(document.get("format"), int)

    def _own_rules(self, base: str, rules: IgnoreRules, names: dict[str, os.DirEntry[str]]) -> IgnoreRules:
        content = self._read(names[rules.kind].path) if rules.kind in names else None
        return rules if content is None else rules.within(base, content)

    def _verdict(self, rules: IgnoreRules, path: str, *, folder: bool) -> Verdict:
        if not rules.digest:
            return Verdict.UNSAID
        key = f"{path}/" if folder else path
        remembered = self._known.get(rules.digest, {}).get(key)
        verdict = Verdict(remembered) if remembered is not None else rules.verdict(path, folder=folder)
        self.verdicts.setdefault(rules.digest, {})[key] = verdict.value
        return verdict

    def _names(self, base: str) -> dict[str, os.DirEntry[str]]:
        try:
            with os.scandir(self.source / base) as entries:
                return {entry.name: entry for entry in sorted(entries, key=lambda entry: entry.name)}
        except FileNotFoundError:
            if not base:
                raise SnapshotException(f"source folder {str(self.source)!r} does not exist.") from None
            raise
        except OSError as error:
            where = f"folder {base!r} of the source folder" if base else f"source folder {str(self.source)!r}"
            raise SnapshotException(
                f"{where} cannot be read: {error.strerror}. Correct its permissions, or name it in {AMLIGNORE}."
            ) from error

    def _read(self, path: str) -> bytes | None:
        """Content of a small control file; None if it is no regular file."""
        try:
            descriptor = open_regular(path, follow=True)
        except PermissionError as error:
            raise SnapshotException(f"{path!r} cannot be read: {error.strerror}. Correct its permissions.") from error
        except OSError:
            return None
        with open(descriptor, "rb") as file:
            return file.read()

    def _settle_links(self) -> None:
        """Decide what becomes of each link, now that it is known what is stored."""
        root = str(self.source)
        for path, where in self._pending_links.items():
            if self._is_full():
                return
            target = os.path.realpath(where)
            try:
                status = Path(target).stat()
            except OSError:
                self.tree.warnings.append(f"{path!r} is a link to nowhere ({target!r}); it is left out.")
                continue
            inside = target == root or target.startswith(root.rstrip("/") + "/")
            relative = os.path.relpath(target, root) if inside else ""
            if inside and (relative in self._folders or relative in self.tree.files or relative == "."):
                self.tree.links[path] = os.path.relpath(target, self.source / Path(path).parent)
            elif stat.S_ISDIR(status.st_mode):
                self.tree.warnings.append(
                    f"{path!r} is a link to a folder that is not part of the snapshot ({target!r}); it is left "
                    "out. Hand that folder's path to the script as an argument instead."
                )
            else:
                self._file(path, where, status, linked=True)


_KINDS: Final = {
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}
