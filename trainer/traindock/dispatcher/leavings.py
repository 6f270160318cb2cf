"""What a script left in its working directory outside of the folders that are kept."""

from __future__ import annotations

import os
from collections.abc import Iterator

from traindock.errors import TraindockError
from traindock.snapshot import load
from traindock.store.layout import RunLayout, WorkspaceLayout

_KEPT = ("outputs", "logs")
_PASSED_OVER = ("__pycache__", ".ipynb_checkpoints")
_NAMED = 3
_COUNTED = 10_000


def leavings(workspace: WorkspaceLayout, run: RunLayout, snapshot_id: str) -> str:
    """Name the new files of a job's working directory that end with it, in a sentence; "" where there are none.

    Hidden files and bytecode do not count, nor do files that came with the snapshot and were changed.
    """
    try:
        came = set(load(snapshot_id, workspace).files) if snapshot_id else set()
    except TraindockError:
        return ""
    new = []
    for name in _files(str(run.work), ""):
        if name not in came:
            new.append(name)
        if len(new) >= _COUNTED:
            break
    if not new:
        return ""
    named = ", ".join(map(repr, sorted(new, key=lambda name: (name.count("/"), name))[:_NAMED]))
    more = f" and {len(new) - _NAMED:,} more" if len(new) > _NAMED else ""
    return f"not kept, since only ./outputs and ./logs are: {named}{more}. Write what is to stay into ./outputs"


def _files(folder: str, prefix: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name in _PASSED_OVER or (not prefix and entry.name in _KEPT):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from _files(entry.path, f"{prefix}{entry.name}/")
                elif entry.is_file(follow_symlinks=False):
                    yield prefix + entry.name
    except OSError:
        return  # closed by the script, or too deep: nothing depends on it
