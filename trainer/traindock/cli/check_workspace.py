"""Checks of ``traindock doctor`` that concern one workspace."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from traindock.cli import check_computes, check_contents, check_images
from traindock.cli.finding import command
from traindock.cli.findings import Finding, some
from traindock.cli.text import size
from traindock.errors import StoreException, TraindockError
from traindock.store.index import RunQuery
from traindock.store.layout import DELETED
from traindock.store.run_records import run_ids

if TYPE_CHECKING:
    from traindock.workspace import Workspace

_LITTLE_BYTES = 2_000_000_000
_TOO_LITTLE_BYTES = 100_000_000
_LITTLE_INODES = 1_000
_STALE_SECONDS = 3600.0
_LOG_BYTES = 64_000
_COMPARED = 500
_TROUBLE = re.compile(r" (WARNING|ERROR|CRITICAL) |^Traceback")


def examine(args: argparse.Namespace, workspace: Workspace) -> Iterator[Finding]:
    """Yield everything there is to say about a workspace that could be opened."""
    folder = _folder(workspace)
    yield folder
    yield _settings(workspace)
    yield from _disk(workspace)
    yield from check_computes.examine(workspace)
    yield from check_images.examine(workspace)
    index = _index(args, workspace)
    yield index
    if "FAIL" in (folder.level, index.level):
        return  # the index cannot be asked
    yield from _records(args, workspace)
    yield from _dispatcher(args, workspace)
    newest = [row.id for row in workspace.index.runs(RunQuery(limit=_COMPARED))]
    yield from check_contents.examine(workspace, newest)
    yield _leftovers(workspace)


def _folder(workspace: Workspace) -> Finding:
    root = workspace.layout.root
    words = f"{workspace.name} in {root}"
    if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        return Finding("workspace", "FAIL", f"{words} is not readable and writable", f"chmod 700 {root}")
    if root.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding("workspace", "warn", f"{words} is open to other users", f"chmod 700 {root}")
    return Finding("workspace", "ok", f"{words}, id {workspace.id}")


def _settings(workspace: Workspace) -> Finding:
    path = workspace.layout.settings
    try:
        workspace.settings  # noqa: B018 (reading is the check)
    except TraindockError as error:
        return Finding("settings", "FAIL", str(error), f"mend or remove {path}")
    return Finding("settings", "ok", str(path) if path.exists() else "all defaults")


def _disk(workspace: Workspace) -> Iterator[Finding]:
    from traindock.store.disks import file_system, is_remote
    from traindock.store.ownership import of

    root = workspace.layout.root
    free = shutil.disk_usage(root).free
    inodes = os.statvfs(root).f_favail
    advice = "make room: remove runs you no longer need, or move the workspace to a larger disk"
    if free < _TOO_LITTLE_BYTES:
        yield Finding("disk", "FAIL", f"{size(free)} free", advice)
    elif free < _LITTLE_BYTES or 0 < inodes < _LITTLE_INODES:
        yield Finding("disk", "warn", f"{size(free)} and {inodes} files free", advice)
    else:
        yield Finding("disk", "ok", f"{size(free)} free")
    kind = file_system(root)
    if workspace.layout.local is not None:
        owner = of(workspace.layout).elsewhere()
        writer = "this host may write" if owner is None else f"host {owner.host!r} writes, this one only reads"
        message = f"{kind}, a network file system: slower; {writer}; the index is in {workspace.layout.local}"
        yield Finding("file system", "warn", message, "keep the workspace on a disk of this machine if you can")
    elif is_remote(root):
        message = f"{kind}, whose changes the system does not tell of: what is live comes five times a second"
        yield Finding("file system", "ok", message)
    elif kind:
        yield Finding("file system", "ok", kind)


def _index(args: argparse.Namespace, workspace: Workspace) -> Finding:
    """The database's own integrity, looked at without the index's habit of mending itself."""
    path = workspace.layout.index
    rebuild = command(args, "rebuild-index")
    if not path.exists():
        return Finding("index", "ok", "not made yet")
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as base:
            answers = [row[0] for row in base.execute("PRAGMA integrity_check(3)")]
    except sqlite3.Error as error:
        return Finding("index", "FAIL", f"{path}: {error}", rebuild)
    if answers != ["ok"]:
        return Finding("index", "FAIL", f"{path} is damaged: {'; '.join(map(str, answers))}", rebuild)
    return Finding("index", "ok", f"sound, {size(path.stat().st_size)}")


def _records(args: argparse.Namespace, workspace: Workspace) -> Iterator[Finding]:
    """Whether index and folders say the same, and whether every folder can be read and is this user's."""
    rows = {row.id: row for row in workspace.index.runs(RunQuery())}
    folders = set(run_ids(workspace.layout))
    unreadable = []
    forgotten = []
    for run_id in sorted(folders - set(rows)):
        try:
            workspace.run_folder(run_id).load()
            forgotten.append(run_id)
        except TraindockError:
            unreadable.append(run_id)
    outdated = []
    for row in list(rows.values())[:_COMPARED]:
        with contextlib.suppress(TraindockError):
            record = workspace.run_folder(row.id).load()
            if record.state is not row.state and workspace.run_folder(row.id).load().state is record.state:
                outdated.append(row.id)
    wrong = [*forgotten, *sorted(set(rows) - folders), *outdated]
    if wrong:
        message = f"index and folders disagree about {some(wrong)}"
        yield Finding("runs", "FAIL", message, command(args, "rebuild-index"))
    else:
        yield Finding("runs", "ok", f"{len(rows)} in the index, as in the folders")
    if unreadable:
        advice = f"restore their run.json from a copy, or remove them from {workspace.layout.runs}"
        yield Finding("unreadable runs", "warn", some(unreadable), advice)
    strange = [row.id for row in rows.values() if not row.signed]
    if strange:
        yield Finding("unsigned runs", "warn", f"not submitted by you, so never launched: {some(strange)}")


def _dispatcher(args: argparse.Namespace, workspace: Workspace) -> Iterator[Finding]:
    from traindock._version import __version__
    from traindock.dispatcher import start
    from traindock.store.files import read_json
    from traindock.store.ownership import is_elsewhere

    waiting = workspace.index.unfinished()
    if is_elsewhere(workspace.layout):
        yield Finding("dispatcher", "ok", "not needed here: another host has the workspace")
    elif start.is_running(workspace.layout):
        try:
            document = read_json(workspace.layout.dispatcher_json)
            version, pid = document["version"], document["process"]["pid"]
        except (FileNotFoundError, StoreException, KeyError, TypeError):
            version, pid = __version__, "unknown"
        words = f"at work, version {version}, process {pid}, {len(waiting)} unfinished run{'s' * (len(waiting) != 1)}"
        if version != __version__:
            message = f"{words}; this is version {__version__}"
            yield Finding("dispatcher", "warn", message, "the newer one takes over at the next submit")
        else:
            yield Finding("dispatcher", "ok", words)
    elif waiting:
        runs = "1 run is" if len(waiting) == 1 else f"{len(waiting)} runs are"
        message = f"not at work, though {runs} unfinished: {some(waiting)}"
        yield Finding("dispatcher", "warn", message, f"{command(args, 'runs')} starts it")
    else:
        yield Finding("dispatcher", "ok", "not needed: no run is unfinished")
    trouble = _troubles(workspace)
    if trouble:
        message = f"its log tells of trouble: {' | '.join(trouble)}"
        yield Finding("dispatcher log", "warn", message, f"look into {workspace.layout.dispatcher_log}")


def _troubles(workspace: Workspace) -> list[str]:
    try:
        with open(workspace.layout.dispatcher_log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
    return [line[:200] for line in lines if _TROUBLE.search(line)][-3:]


def _leftovers(workspace: Workspace) -> Finding:
    """What crashes have left behind: harmless, but it takes room."""
    layout = workspace.layout

    def old(path: os.DirEntry[str]) -> bool:
        with contextlib.suppress(OSError):
            return time.time() - path.stat(follow_symlinks=False).st_mtime > _STALE_SECONDS
        return False

    places: list[tuple[os.PathLike[str], Callable[[str], bool]]] = [
        (layout.index.parent, lambda name: name.startswith("index.damaged-")),
        (layout.runs, lambda name: name.startswith((".new-", DELETED))),
        (layout.runtime, lambda name: name.startswith(".new-")),
    ]
    found = []
    for folder, is_leftover in places:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            found += [entry.path for entry in entries if is_leftover(entry.name) and old(entry)]
    if found:
        return Finding("leftovers", "warn", some(found), "remove them if you need the room")
    return Finding("leftovers", "ok", "none")
