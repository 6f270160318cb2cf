"""The package that jobs import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from traindock.compute.injection import inject, injected_folder
from traindock.store.layout import WorkspaceLayout


def test_jobs_that_cannot_write_to_it_need_not_compile_it(tmp_path: Path) -> None:
    """As in containers: neither what scripts import, nor the launcher of each job."""
    layout = WorkspaceLayout(tmp_path)
    inject(layout)
    package = injected_folder(layout) / "traindock"
    code = f"import sys; sys.path.insert(0, {str(package.parent)!r}); import traindock.context, traindock.supervisor"
    said = subprocess.run([sys.executable, "-I", "-B", "-v", "-c", code], capture_output=True, text=True, check=True)
    for module in ("context", "supervisor", "job_process"):
        assert f"{module}.cpython-{sys.version_info[0]}{sys.version_info[1]}.pyc matches" in said.stderr


def test_it_is_made_once(tmp_path: Path) -> None:
    layout = WorkspaceLayout(tmp_path)
    inject(layout)
    folder = injected_folder(layout)
    made = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    inject(layout)
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == made
    assert [path.name for path in folder.parent.iterdir()] == [folder.name], "nothing half-made stays"
