"""As much of a workspace and of a run as models need."""

from __future__ import annotations

import hashlib
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from traindock.store.blobs import BlobStore
from traindock.store.layout import RunLayout, WorkspaceLayout
from traindock.store.sealing import seal


@dataclass(frozen=True)
class Workspace:
    """As much of a workspace as models need."""

    layout: WorkspaceLayout
    name: str = "ws"


@dataclass
class Run:
    """As much of a run as models need."""

    workspace: Workspace
    record: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(
            id="run_1",
            experiment="ants",
            spec=SimpleNamespace(snapshot="5" * 64),
            environment={"key": "e" * 64, "how": "cached"},
        )
    )

    @property
    def layout(self) -> RunLayout:
        return self.workspace.layout.run(self.record.id)

    def seal(self) -> None:
        seal(self.layout, BlobStore(self.workspace.layout.blobs))


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    (tmp_path / "ws").mkdir()
    return Workspace(WorkspaceLayout(tmp_path / "ws"))


@pytest.fixture
def run(ws: Workspace) -> Run:
    run = Run(ws)
    write(run.layout.work / "outputs/model.pt", b"weights")
    write(run.layout.work / "outputs/best/net.pt", b"best")
    write(run.layout.work / "outputs/best/tool.sh", b"#!/bin/sh")
    (run.layout.work / "outputs/best/tool.sh").chmod(0o755)
    (run.layout.work / "logs").mkdir()
    run.layout.outputs.symlink_to("work/outputs")
    run.layout.logs.symlink_to("work/logs")
    write(run.layout.stdout, b"hello\n")
    return run


@pytest.fixture(params=["running", "sealed"])
def any_run(request, run) -> Run:
    if request.param == "sealed":
        run.seal()
    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write(tmp_path / "local/model.pt", b"local weights")
    return tmp_path / "local/model.pt"


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def kill_at_rename(number: int) -> None:
    """Have this process killed instead of renaming for the ``number``-th time, counted from 0."""
    renamed = iter(range(1_000))
    rename = os.rename

    def rename_or_die(source: str, target: str) -> None:
        if next(renamed) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target)

    os.rename = rename_or_die  # type: ignore[assignment]
