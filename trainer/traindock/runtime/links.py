"""Which files a folder has, where links within it stand for others: ``best.pt -> epoch-7.pt``, ``latest -> run-3``.

A link that stays inside of its folder stands for what it leads to, so that the file has both names. One that leads
out of the folder, to nowhere, or to a folder that it lies in, is no file.

Nothing outside of the folder is ever opened, also while a script moves things about: what is looked up by name says
only where to look, and folders are then opened step by step, through no link.
"""

from __future__ import annotations

import errno
import os
import stat

from .errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Tuple

#: Files and folders that links to folders may add; such links multiply when they lead to folders with such links.
MOST_LINKED = 10_000
_MOST_STEPS = 40

OUT = "it is a link that leads out of its folder"
NOWHERE = "it is a link to nothing"
AROUND = "it is a link to a folder that it lies in"
TOO_MANY = f"it and others behind links to folders would be more than {MOST_LINKED:,} names"
_KINDS = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}


class LinkOut(UserErrorException):
    """A link leads out of the folder, to nowhere, or in a circle."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class LinkedFolder:
    """A folder in which links are understood.

    Args:
        root: the folder; no link.
        known_as: other absolute paths that the folder has or had for the script.

    Attributes:
        left_out: why links and special files that :meth:`files` met are no files, by name.
    """

    def __init__(self, root: str, *known_as: str) -> None:
        self.root = root.rstrip("/")
        self.left_out: Dict[str, str] = {}
        paths = [self.root, *known_as]
        # A script may have asked for its working directory, whose path then has no links.
        self._known_as = {path.rstrip("/") for path in [*paths, *map(_real, paths)]}

    def files(self) -> Iterator[Tuple[str, str]]:
        """Yield name and place of each regular file; they differ where a link stands for it.

        Whatever vanishes meanwhile is passed over.
        """
        self.left_out = {}
        linked = 0
        # Name and place of a folder, and the places from which links led there.
        pending: List[Tuple[str, str, Tuple[str, ...]]] = [("", "", ())]
        while pending:
            base, where, came_from = pending.pop()
            for entry, mode in self._entries(where):
                name, place = _join(base, entry), _join(where, entry)
                if came_from:
                    linked += 1
                    if linked > MOST_LINKED:
                        self.left_out[name] = TOO_MANY
                        pending = [one for one in pending if not one[2]]
                        break
                if stat.S_ISLNK(mode):
                    try:
                        place, mode = self.find(place)
                        if stat.S_ISDIR(mode) and any(_holds(place, one) for one in (*came_from, where)):
                            raise LinkOut(AROUND)
                        if stat.S_ISDIR(mode):
                            pending.append((name, place, (*came_from, where)))
                            continue
                    except LinkOut as error:
                        self._leave_out(name, error.why, came_from)
                        continue
                    except OSError:
                        continue
                if stat.S_ISDIR(mode):
                    pending.append((name, place, came_from))
                elif not stat.S_ISREG(mode):
                    self._leave_out(name, f"it is a {_KINDS.get(stat.S_IFMT(mode), 'special file')}", came_from)
                else:
                    yield name, place

    def find(self, name: str) -> Tuple[str, int]:
        """Return the place of the file or folder ``name``, a path below the folder without any link, and its mode.

        Raises:
            LinkOut: a link on the way leads out of the folder, to nowhere, or in a circle.
            OSError: FileNotFoundError where there is nothing, or it just vanished.
        """
        # As if below the parent of the folder, so that ``../outputs/model.pt`` comes back in.
        own = os.path.basename(self.root)
        done, steps = [own], name.split("/")[::-1]
        links, mode = 0, stat.S_IFDIR
        while steps:
            step = steps.pop()
            if step in ("", "."):
                continue
            if step == "..":
                if not done:
                    raise LinkOut(OUT)
                done.pop()
                continue
            if not done:
                if step != own:
                    raise LinkOut(OUT)
                done.append(own)
                continue
            path = os.path.join(self.root, *done[1:], step)
            try:
                mode = os.lstat(path).st_mode
                text = os.readlink(path) if stat.S_ISLNK(mode) else ""
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EINVAL):
                    raise
                if links:
                    raise LinkOut(NOWHERE) from None
                # EINVAL: it was a link a moment ago.
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
            if not stat.S_ISLNK(mode):
                done.append(step)
                continue
            links += 1
            if links > _MOST_STEPS:
                raise LinkOut(NOWHERE)
            if text.startswith("/"):
                done, text = [own], self._below(text)
            steps += text.split("/")[::-1]
        if not done:
            raise LinkOut(OUT)
        place = "/".join(done[1:])
        return place, mode if place else stat.S_IFDIR

    def _below(self, path: str) -> str:
        """Return what of an absolute path lies below the folder."""
        for known in self._known_as:
            if path == known or path.startswith(f"{known}/"):
                return path[len(known) :]
        raise LinkOut(OUT)

    def _leave_out(self, name: str, why: str, came_from: Tuple[str, ...]) -> None:
        if not came_from:  # else it is named where it lies
            self.left_out[name] = why

    def _entries(self, place: str) -> List[Tuple[str, int]]:
        folder = None
        try:
            folder = self.open_folder(place)
            with os.scandir(folder) as entries:
                found = [(entry.name, _mode(entry)) for entry in entries]
        except OSError:
            return []
        finally:
            if folder is not None:
                os.close(folder)
        return sorted((name, mode) for name, mode in found if mode is not None)

    def open_folder(self, place: str) -> int:
        """Return a descriptor of the folder at ``place``, to which no link has led.

        Raises:
            OSError: there is none, or one of the steps is a link.
        """
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        where = os.open(self.root, flags)
        for step in filter(None, place.split("/")):
            try:
                inner = os.open(step, flags, dir_fd=where)
            finally:
                os.close(where)
            where = inner
        return where


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except OSError:  # a link that became a folder between its two looks
        return path


def _mode(entry: os.DirEntry[str]) -> int | None:
    try:
        return entry.stat(follow_symlinks=False).st_mode
    except OSError:
        return None


def _join(base: str, name: str) -> str:
    return f"{base}/{name}" if base else name


def _holds(folder: str, place: str) -> bool:
    """Whether ``place`` is ``folder`` or lies below it."""
    return folder in ("", place) or place.startswith(f"{folder}/")
