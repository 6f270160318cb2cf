"""Whether a job can be started from a snapshot: what it never could is refused at submit, with the reason."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from traindock.errors import ExperimentExecutionException, SnapshotException
from traindock.snapshot import Snapshot
from traindock.source_tree import Scanner, SourceTree
from traindock.store.copying import temporary_name

#: Longest path that a system call takes, in bytes.
_PATH_MAX: Final = 4095


def check_layout(taken: Snapshot | SourceTree, work: Path) -> None:
    """Check that the job's working directory can be made of a snapshot.

    Args:
        taken: the snapshot, or what it would hold.
        work: where the working directory will be.

    Raises:
        SnapshotException: ``outputs`` or ``logs`` is no folder in it, or a path would be longer than the system takes.
    """
    for name in ("outputs", "logs"):
        if name in taken.files or name in taken.links:
            what = "file" if name in taken.files else "link"
            raise SnapshotException(
                f"{name!r} in the source folder is a {what}, and in the job it has to be the folder for what the "
                f"script leaves there: give it another name, or drop the line '!{name}' from .amlignore."
            )
    room = _PATH_MAX - len(os.fsencode(work)) - len("/..new")
    # A file is written under a name of its own first.
    least = len(temporary_name())
    for path in (*taken.files, *taken.links, *taken.empty_folders):
        if 4 * len(path) + least < room:  # no character has more bytes
            continue
        folder, _, own = os.fsencode(path).rpartition(b"/")
        if len(folder) + 1 + max(len(own), least) > room:
            raise SnapshotException(
                f"the path {f'{path[:60]} … {path[-60:]}'!r} in the source folder has {len(os.fsencode(path)):,} "
                f"bytes, and its copy for the job, in {work}, would have more than the {_PATH_MAX:,} that the system "
                "takes: use shorter names, or name it in .amlignore."
            )


def check_script(taken: Snapshot | SourceTree, script: str, source: Path, workspace: Path) -> None:
    """Check that a script, or a notebook, which is in the source folder is in its snapshot, too.

    Args:
        taken: the snapshot, or what it would hold.
        script: its path.
        source: the source folder.
        workspace: the workspace's folder.

    Raises:
        ExperimentExecutionException: it was left out; the text says by what.
    """
    if _resolved(taken, script) in taken.files:
        return
    why = Scanner(source, workspace, 0, {}).why_left_out(script)
    what = "notebook" if script.endswith(".ipynb") else "script"
    raise ExperimentExecutionException(
        f"the {what} {script!r} is not part of what is sent to the job{f': {why}' if why else ''}. Take that back, or "
        f"move the {what}."
    )


def _resolved(taken: Snapshot | SourceTree, path: str) -> str:
    """The path without the links of the snapshot that lie on it."""
    for _ in range(40):
        parts = path.split("/")
        prefixes = ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
        link = next((prefix for prefix in prefixes if prefix in taken.links), None)
        if link is None:
            break
        path = os.path.normpath(f"{link.rpartition('/')[0] or '.'}/{taken.links[link]}{path[len(link) :]}")
    return path
