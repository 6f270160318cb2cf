"""The files and logs of runs, while these go on and after they have ended."""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jupyterlab_traindock.errors import not_found
from jupyterlab_traindock.managers.log_search import Place, look
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from jupyterlab_traindock.managers.opened_file import OpenedFile
from jupyterlab_traindock.media_types import media_type
from jupyterlab_traindock.utf8 import begun, unfinished
from traindock.documents import timestamp
from traindock.errors import ModelPathNotFoundException, StoreException, UserErrorException
from traindock.names import check_relative
from traindock.run import Run
from traindock.runtime.files import ALIASES, DRIVER_LOGS
from traindock.store import run_files
from traindock.store.copying import pump
from traindock.store.layout import RunLayout
from traindock.store.sealed_files import SealedFile, read_sealed

#: Files of which is remembered that they were hashed.
_REMEMBERED: Final = 1000


@dataclass(frozen=True)
class LogPart:
    """A part of a log, which begins and ends between characters.

    Attributes:
        file: the log; None where nothing was written to it yet. Whoever is given it closes it.
        size: bytes in the log.
        start: where the part begins, in bytes.
        stop: where it ends: what comes next begins there.
    """

    file: OpenedFile | None
    size: int
    start: int
    stop: int

    def pieces(self) -> Iterator[bytes]:
        """Yield its bytes."""
        return iter(()) if self.file is None else self.file.pieces(self.start, self.stop)

    def close(self) -> None:
        """Give the file back."""
        if self.file is not None:
            self.file.close()


class FileManager:
    """The files of the runs of the workspaces.

    Args:
        workspaces: what may be opened.
    """

    def __init__(self, workspaces: OpenedWorkspaces) -> None:
        self._workspaces = workspaces
        self._hashed: OrderedDict[tuple[int, ...], str] = OrderedDict()

    def list(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return a page of a run's files, by name.

        Args:
            asked: the parameters of ``listFiles``, as the OpenAPI document has them.
        """
        run = self._run(asked)
        sealed = read_sealed(run)
        known = {} if sealed is None else sealed.files
        names = [name for name in run_files.list_files(run) if name.startswith(asked["prefix"] or "")]

        def described(name: str, status: os.stat_result) -> dict[str, Any]:
            sha256 = known[name].sha256 if name in known else None
            return {**_described(name, status), "media_type": media_type(name), "sha256": sha256}

        return _page("files", run, names, asked, described)

    def open(self, workspace_id: str, run_id: str, name: str) -> OpenedFile:
        """Open a file of a run.

        Raises:
            UserErrorException: the name leads out of the run, or means no regular file.
            ModelPathNotFoundException: there is no such file.
            StoreException: the run was sealed, and the file changed since.
        """
        return self._open(self._run({"workspace": workspace_id, "run": run_id}), name)

    def logs(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return a page of a run's logs, by name.

        Args:
            asked: the parameters of ``listLogs``, as the OpenAPI document has them.
        """
        run = self._run(asked)
        names = [name for name in run_files.list_files(run) if name.startswith("logs/")]
        return _page("logs", run, names, asked, _described)

    def open_log(self, asked: Mapping[str, Any]) -> LogPart:
        """Open a log, to read the part of it that ``asked`` names.

        Args:
            asked: the parameters of ``getLog``, as the OpenAPI document has them.

        Raises:
            ApiError: 404, where there is no such log.
        """
        file, ended = self._opened_log(asked)
        if file is None:
            return LogPart(None, 0, 0, 0)
        try:
            start, stop = _between_characters(file, asked["offset"], asked["limit"], ended=ended)
        except BaseException:
            file.close()
            raise
        return LogPart(file, file.size, start, stop)

    def search_log(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return lines of a log that have a text, as far as one look finds them.

        Args:
            asked: the parameters of ``searchLog``, as the OpenAPI document has them.

        Raises:
            ApiError: 404, where there is no such log.
        """
        place = Place.parse(asked["cursor"]) if asked["cursor"] else Place()
        file, _ = self._opened_log(asked)
        if file is None:
            return {"hits": [], "cursor": place.cursor(), "searched": 0, "size": 0, "more": False}
        with contextlib.closing(file):
            looked = look(file, asked["text"], place, asked["limit"])
        searched = looked.place.offset if looked.more else file.size
        hits = [{"line": hit.line, "offset": hit.offset} for hit in looked.hits]
        return {
            "hits": hits,
            "cursor": looked.place.cursor(),
            "searched": searched,
            "size": file.size,
            "more": looked.more,
        }

    def _opened_log(self, asked: Mapping[str, Any]) -> tuple[OpenedFile | None, bool]:
        """Return the log that ``asked`` names, None where nothing was printed to it, and whether its run has ended."""
        run = Run.get(self._workspaces.get(asked["workspace"]), asked["run"])
        name = check_relative(asked["name"])
        name = ALIASES.get(name, name)
        if not name.startswith("logs/"):
            raise not_found("log_not_found", f"{asked['name']!r} is no log: their names begin with logs/")
        # The state first: once it is terminal, nothing is appended any more to what is looked at after it.
        ended = run.record.state.terminal
        try:
            return self._open(run.workspace.layout.run(run.id), name), ended
        except ModelPathNotFoundException:
            if name in DRIVER_LOGS:
                return None, ended
            raise not_found("log_not_found", f"run {run.id} has no log {name!r}") from None

    def _run(self, asked: Mapping[str, Any]) -> RunLayout:
        run = Run.get(self._workspaces.get(asked["workspace"]), asked["run"])
        return run.workspace.layout.run(run.id)

    def _open(self, run: RunLayout, name: str) -> OpenedFile:
        descriptor = run_files.open_file(run, name)
        try:
            sealed = read_sealed(run)
            expected = None if sealed is None else sealed.files.get(check_relative(name))
            if expected is not None:
                self._check(descriptor, expected, f"{name!r} of run {run.root.name}")
            return OpenedFile(descriptor, name, None if expected is None else expected.sha256)
        except BaseException:
            os.close(descriptor)
            raise

    def _check(self, descriptor: int, expected: SealedFile, what: str) -> None:
        """Make sure that a sealed file has the content that it had; it is read only where its stamp is another one."""
        status = os.fstat(descriptor)
        if (status.st_size, status.st_ctime_ns, status.st_ino) == (expected.size, expected.ctime_ns, expected.inode):
            return
        # The workspace was copied, or somebody changed the file.
        stamp = (status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns)
        sha256 = self._hashed.get(stamp)
        if sha256 is None:
            sha256 = self._hashed[stamp] = pump(descriptor, None)[0]
            while len(self._hashed) > _REMEMBERED:
                self._hashed.popitem(last=False)
        if sha256 != expected.sha256:
            raise StoreException(
                f"{what} was changed after the run was sealed: it no longer has the SHA-256 it had. Restore it from a "
                "backup of the workspace."
            )


def _page(
    what: str,
    run: RunLayout,
    names: list[str],
    asked: Mapping[str, Any],
    described: Callable[[str, os.stat_result], dict[str, Any]],
) -> dict[str, Any]:
    """Return some of the files; those that vanish meanwhile are left out."""
    start, stop = asked["offset"], asked["offset"] + asked["limit"]
    found = []
    for name in names[start:stop]:
        with contextlib.suppress(UserErrorException, StoreException):
            status = run_files.status(run, name)
            if status is not None:
                found.append(described(name, status))
    return {what: found, "total": len(names), "more": len(names) > stop}


def _described(name: str, status: os.stat_result) -> dict[str, Any]:
    return {"name": name, "size": status.st_size, "modified": timestamp(status.st_mtime)}


def _between_characters(file: OpenedFile, offset: int, limit: int, *, ended: bool) -> tuple[int, int]:
    """Return from where to where a log is to be read.

    Args:
        file: the log.
        offset: where to begin, in bytes; negative: so many before its end.
        limit: how many bytes at most.
        ended: whether nothing will be appended to it any more.
    """
    start = min(offset, file.size) if offset >= 0 else max(0, file.size + offset)
    if offset < 0 < start:
        start += begun(file.read(start, min(start + 3, file.size)))
    stop = min(start + limit, file.size)
    if stop < file.size or not ended:
        whole = stop - unfinished(file.read(max(start, stop - 4), stop))
        # A character that is longer than the limit has to be sent in parts: else nothing would ever be.
        stop = stop if whole == start and stop < file.size else whole
    return start, stop
