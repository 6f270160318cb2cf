"""What a job asks for and gets from its dispatcher, from the script's side to the workspace and back."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import as_ordinary_user

from traindock import Experiment, Model, ModelNotFoundException, Run, State, StoreException, Workspace
from traindock.dispatcher.requests import RequestServer
from traindock.runtime import context
from traindock.runtime.model import Model as JobModel
from traindock.runtime.requests import send
from traindock.spec import RunSpec
from traindock.store import run_records
from traindock.store.blobs import BlobStore
from traindock.store.run_records import RunFolder
from traindock.store.watch import Watcher


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create("test", path=tmp_path / "workspace", show_output=False)


def running(workspace: Workspace) -> RunFolder:
    """Return a run whose job is running; no dispatcher is at work."""
    Experiment(workspace, "tests")
    folder = run_records.publish(
        workspace.layout,
        workspace.record,
        run_id="tests_1_job",
        experiment="tests",
        number=1,
        created=time.time(),
        user="me",
        spec=RunSpec(snapshot="", compute_target="local", environment={}, interpreter="python").to_json(),
    )
    for state in (State.PREPARING, State.QUEUED, State.RUNNING):
        folder.advance(state)
    folder.layout.requests.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def script(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory of a job's script, which this process is now; a thread serves its requests."""
    folder = running(workspace)
    layout = folder.layout
    for name, value in (("RUN_ID", folder.id), ("METRICS_DIR", layout.metrics), ("REQUESTS_DIR", layout.requests)):
        monkeypatch.setenv(f"TRAINDOCK_{name}", str(value))
    monkeypatch.setattr(context, "_current", None)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    over = threading.Event()
    watcher = Watcher([layout.requests])

    def serve() -> None:
        server = RequestServer(workspace, folder)
        while not over.is_set():
            server.serve()
            watcher.wait(10)

    thread = threading.Thread(target=serve)
    thread.start()
    yield work
    over.set()
    watcher.wake()
    thread.join()
    watcher.close()


def register(workspace: Workspace, folder: Path, *contents: str) -> None:
    """Register a folder with two files once for each of ``contents``."""
    for content in contents:
        (folder / "net/layers").mkdir(parents=True, exist_ok=True)
        (folder / "net/layers/first.pt").write_text(content)
        (folder / "net/run.sh").write_text("#!/bin/sh\n")
        (folder / "net/run.sh").chmod(0o755)
        Model.register(workspace, folder / "net", "net")


def test_a_script_gets_at_the_models_of_its_workspace(workspace: Workspace, script: Path, tmp_path: Path) -> None:
    register(workspace, tmp_path, "one", "two")
    newest = JobModel.get_model_path("net")
    assert newest == "azureml-models/net/2/net"
    assert Path(newest, "layers/first.pt").read_text() == "two"
    assert os.access(Path(newest, "run.sh"), os.X_OK)
    assert Path(JobModel.get_model_path("net", version="1"), "layers/first.pt").read_text() == "one"
    Path(newest, "layers/first.pt").write_text("changed by the script, which is its own affair")
    assert Model(workspace, "net").files == Model(workspace, "net", version=2).files
    assert "changed" in Path(JobModel.get_model_path("net:2"), "layers/first.pt").read_text()
    (tmp_path / "single.pt").write_text("single")
    Model.register(workspace, tmp_path / "single.pt", "single")
    assert Path(JobModel.get_model_path("single")).read_text() == "single"
    assert Model(workspace, "net").download(tmp_path / "again"), "and the workspace's own copy is whole"


def test_what_the_workspace_lacks_is_looked_for_in_the_source_folder(workspace: Workspace, script: Path) -> None:
    with pytest.raises(ModelNotFoundException, match="there is no model 'mine'"):
        JobModel.get_model_path("mine")
    (script / "mine").write_text("beside")
    assert JobModel.get_model_path("mine") == "mine"
    (script / "azureml-models/mine/3").mkdir(parents=True)
    (script / "azureml-models/mine/3/net.pt").write_text("brought along")
    assert JobModel.get_model_path("mine") == JobModel.get_model_path("mine", 3) == "azureml-models/mine/3/net.pt"
    with pytest.raises(ModelNotFoundException, match="no model 'mine'"):
        JobModel.get_model_path("mine", 4)


def test_a_damaged_model_is_not_handed_out(workspace: Workspace, script: Path, tmp_path: Path) -> None:
    register(workspace, tmp_path, "whole")
    blob = BlobStore(workspace.layout.blobs).path(Model(workspace, "net").files["layers/first.pt"])
    blob.chmod(0o644)
    blob.write_text("WHOLE")
    with pytest.raises(StoreException, match="net:1 is damaged"):
        JobModel.get_model_path("net")
    blob.unlink()
    with pytest.raises(StoreException, match="missing from the workspace"):
        JobModel.get_model_path("net")
    assert [name for name in os.listdir("azureml-models/net") if name != ".lock"] == []


def answer(folder: RunFolder, request: str) -> dict[str, Any]:
    """Return the answer to a request, which is gone."""
    assert not (folder.layout.requests / f"{request}.json").exists()
    reply: dict[str, Any] = json.loads((folder.layout.requests / f"{request}.reply.json").read_bytes())
    return reply


def test_what_the_system_refuses_for_good_is_answered_and_holds_up_nothing(tmp_path: Path) -> None:
    def check() -> None:
        workspace = Workspace.create("test", path=tmp_path / "workspace", show_output=False)
        folder = running(workspace)
        requests, model = str(folder.layout.requests), folder.layout.outputs / "m.bin"
        model.parent.mkdir(exist_ok=True)
        model.write_text("weights")
        model.chmod(0)
        unreadable = send(requests, "tag", tags={"lost": "yes"})
        (folder.layout.requests / f"{unreadable}.json").chmod(0)
        closed = send(requests, "register_model", model_name="mmm", model_path="outputs/m.bin")
        send(requests, "tag", tags={"next": "kept"})
        RequestServer(workspace, folder).serve()
        for request in (unreadable, closed):
            assert "Permission denied" in answer(folder, request)["error"]["message"]
        assert folder.load().tags == {"next": "kept"}

    as_ordinary_user(tmp_path, check)


def test_a_request_that_the_disk_refuses_for_now_waits(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = running(workspace)
    request = folder.layout.requests / f"{send(str(folder.layout.requests), 'tag', tags={'a': 'b'})}.json"
    server = RequestServer(workspace, folder)

    def refuse(_: Path) -> bytes:
        raise OSError(errno.EIO, "refused")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        with pytest.raises(StoreException, match="waits"):
            server.serve()
    assert request.exists()
    server.serve()
    assert folder.load().tags == {"a": "b"}
    assert not request.exists()


def test_what_cannot_be_answered_is_left_with_one_warning(workspace: Workspace) -> None:
    folder = running(workspace)
    request = send(str(folder.layout.requests), "model", name="net")
    (folder.layout.requests / f"{request}.reply.json").mkdir()
    send(str(folder.layout.requests), "tag", tags={"next": "kept"})
    server = RequestServer(workspace, folder)
    server.serve()
    server.serve()
    (warning,) = folder.load().warnings
    assert request in warning
    assert folder.load().tags == {"next": "kept"}


def test_a_folder_of_requests_that_is_none_is_told_and_ends_nothing(workspace: Workspace) -> None:
    folder = running(workspace)
    folder.layout.requests.rmdir()
    folder.layout.requests.write_text("made by the script")
    RequestServer(workspace, folder).serve()
    (warning,) = folder.load().warnings
    assert str(folder.layout.requests) in warning


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"request": ' + "[" * 100_000,
        '{"request": "end_child", "run": "mine", "exit": {"exit_code": 0, "seconds": ' + "9" * 400 + "}}",
        '{"request": "tag", "tags": 1}',
        '{"request": "fly"}',
    ],
)
def test_a_request_of_no_known_form_is_refused_and_ends_nothing(workspace: Workspace, text: str) -> None:
    folder = running(workspace)
    server = RequestServer(workspace, folder)
    send(str(folder.layout.requests), "child_run", run_id="mine")
    server.serve()
    (folder.layout.requests / "odd.json").write_text(text)
    server.serve()
    assert answer(folder, "odd")["ok"] is False
    assert Run.get(workspace, "mine").status == "Running"
