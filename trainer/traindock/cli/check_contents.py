"""Checks of ``traindock doctor`` that look into the records themselves: what does not belong among them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from traindock.cli.findings import Finding, some
from traindock.names import is_name

if TYPE_CHECKING:
    from traindock.store.layout import WorkspaceLayout
    from traindock.workspace import Workspace


def examine(workspace: Workspace) -> Iterator[Finding]:
    """Yield what there is to say about the records of runs, models and experiments; nothing if all is well."""
    strangers = sorted(_strangers(workspace.layout))
    if strangers:
        advice = "move them out of the workspace; until then they are passed over"
        yield Finding("strange folders", "warn", f"put there by something else: {some(strangers)}", advice)


def _strangers(layout: WorkspaceLayout) -> Iterator[str]:
    """Folders whose names nothing of ours has; file managers and Jupyter make such."""
    for kind, folder in (("experiment", layout.experiments), ("run id", layout.runs), ("model", layout.models)):
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                ours = is_name(kind, entry.name) or (kind == "run id" and entry.name.startswith(".new-"))
                if not ours and entry.is_dir(follow_symlinks=False):
                    yield str(Path(entry.path).relative_to(layout.root))
