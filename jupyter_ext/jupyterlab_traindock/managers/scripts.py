"""Which options scripts take: those below the server's root, before they are submitted, and those of runs."""

from __future__ import annotations

from contextlib import closing
from pathlib import PurePosixPath
from typing import Any

from jupyterlab_traindock.errors import not_found
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from jupyterlab_traindock.managers.places import below_root
from jupyterlab_traindock.managers.snapshots import SnapshotManager
from traindock.names import experiment_like
from traindock.run import Run
from traindock.script_options.options import ScriptOptions
from traindock.script_options.reading import MOST_BYTES, read_content, read_script


class ScriptManager:
    """Reads scripts; executes none.

    Args:
        workspaces: what may be opened, and the server's root.
        snapshots: where the scripts of runs are.
    """

    def __init__(self, workspaces: OpenedWorkspaces, snapshots: SnapshotManager) -> None:
        self._workspaces = workspaces
        self._snapshots = snapshots

    def options(self, path: str) -> dict[str, Any]:
        """Return which options a script takes.

        Args:
            path: as the file browser has it.

        Raises:
            ApiError: 403 or 404: it is not below the server's root, or not there.
            ScriptFileException: it is no script that can be read.
        """
        place = below_root(self._workspaces.root, path, "path")
        try:
            found = place.exists()
        except OSError:  # a name that is too long
            found = False
        if not found:
            raise not_found("script_not_found", f"path: there is no file {path!r} below the server's root folder")
        name = PurePosixPath(path.strip("/"))
        return _document(name, experiment_like(name.parent.name or name.stem), read_script(place))

    def options_of_run(self, workspace_id: str, run_id: str) -> dict[str, Any]:
        """Return which options the script of a run takes, as it was submitted.

        Raises:
            ApiError: 404: it executes a whole command or a notebook, or its snapshot is not there.
            ScriptFileException: it is no script that can be read.
        """
        run = Run.get(self._workspaces.get(workspace_id), run_id)
        script = run.record.spec.script
        if not script:
            raise not_found("script_not_found", f"run {run_id} executes no script whose options could be told")
        with closing(self._snapshots.open(workspace_id, run_id, script)) as file:
            content = b"".join(file.pieces(0, min(file.size, MOST_BYTES + 1)))
        name = PurePosixPath(script)
        return _document(name, run.record.experiment, read_content(name.name, content))


def _document(path: PurePosixPath, experiment: str, options: ScriptOptions) -> dict[str, Any]:
    return {
        "path": str(path),
        "folder": "" if str(path.parent) == "." else str(path.parent),
        "script": path.name,
        "kind": "notebook" if path.suffix == ".ipynb" else "script",
        "experiment": experiment,
        **options.to_json(),
    }
