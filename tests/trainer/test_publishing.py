"""A call that raises has published nothing, and one that has published a run returns it: no script runs twice."""

from __future__ import annotations

import errno
import io
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import locked_index, wait_for

from traindock import Environment, Experiment, Run, ScriptRunConfig, Workspace
from traindock.compute.processes import lock_is_held
from traindock.dispatcher import start
from traindock.errors import StoreException
from traindock.interactive import InteractiveRun
from traindock.store import index_file, run_records
from traindock.store.files import sync_folder
from traindock.store.layout import WorkspaceLayout

Start = Callable[[], Run]

really_ensure = start.ensure


@pytest.fixture
def experiment(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """An experiment without a dispatcher, in a folder with a script."""
    monkeypatch.setattr(start, "ensure", lambda _: None)
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("print('executed')")
    os.mkfifo(source / "pipe")
    monkeypatch.chdir(source)
    return Experiment(workspace, "tests")


@pytest.fixture(params=["submit", "start_logging"])
def begin(request: pytest.FixtureRequest, experiment: Experiment) -> Start:
    """Begin a run in one of the ways there are."""
    if request.param == "submit":
        environment = Environment("own")
        environment.python.user_managed_dependencies = True
        return lambda: experiment.submit(ScriptRunConfig(".", "train.py", environment=environment))
    return lambda: experiment.start_logging(snapshot_directory=None)


def refuse(*_: object) -> None:
    raise StoreException("database or disk is full")


def break_down(*_: object) -> None:
    raise KeyError("a mistake of ours")


def test_an_index_of_a_newer_version_keeps_a_run_from_beginning(begin: Start, experiment: Experiment) -> None:
    newer = sqlite3.connect(experiment.workspace.layout.index)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(StoreException, match=r"newer version of Traindock .*: upgrade"):
        begin()
    assert not os.listdir(experiment.workspace.layout.runs)


@pytest.mark.parametrize("how", ["normal", "exclusive"])
@pytest.mark.parametrize("known", [True, False])
def test_an_index_that_another_process_has_locked_holds_no_run_up(
    begin: Start, workspace: Workspace, capsys: pytest.CaptureFixture[str], how: str, known: bool
) -> None:
    if known:
        workspace.index.count()
        workspace.index.close()
    with locked_index(workspace, how):
        began = time.monotonic()
        run = begin()
        seconds = time.monotonic() - began
    assert seconds < index_file._PATIENCE_SECONDS / 3, "it waited for the lock"
    assert run.get_status() == "NotStarted"
    assert "the index" not in capsys.readouterr().out
    assert [found.id for found in Run.list(workspace)] == [run.id], "the index catches up by itself"


@pytest.mark.parametrize("trouble", [refuse, break_down])
def test_a_dispatcher_that_cannot_be_started_is_told_and_started_by_whoever_waits(
    begin: Start,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    trouble: Callable[..., None],
) -> None:
    monkeypatch.setattr(start, "ensure", trouble)
    run = begin()
    assert f"run {run.id} was submitted, and waits for a dispatcher" in capsys.readouterr().out
    monkeypatch.setattr(start, "ensure", really_ensure)
    if isinstance(run, InteractiveRun):
        run.complete()
    assert run.wait_for_completion()["status"] == "Completed"


def test_what_cannot_be_told_is_not_raised_either(begin: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "ensure", refuse)
    published = run_records.publish

    def publish(*args: object, **facts: object) -> object:
        folder = published(*args, **facts)  # type: ignore[arg-type]
        closed = io.StringIO()
        closed.close()
        monkeypatch.setattr(sys, "stdout", closed)
        return folder

    monkeypatch.setattr(run_records, "publish", publish)
    assert begin().get_status() == "NotStarted"


def test_a_disk_that_refuses_the_sync_of_a_run_that_is_there_does_not_hide_it(
    begin: Start, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sync(path: Path) -> None:
        if path == workspace.layout.runs:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        sync_folder(path)

    monkeypatch.setattr("traindock.store.run_records.sync_folder", sync)
    assert [begin().id] == run_records.run_ids(workspace.layout)


def test_the_warnings_about_a_snapshot_are_in_the_record_before_anybody_sees_it(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    def look(_: WorkspaceLayout) -> None:
        [run_id] = run_records.run_ids(experiment.workspace.layout)
        seen.extend(experiment.workspace.run_folder(run_id).load().warnings)

    monkeypatch.setattr(start, "ensure", look)
    run = experiment.submit(ScriptRunConfig(".", "train.py"))
    [warning] = seen
    assert "pipe" in warning
    assert f"Warning: {warning}" in capsys.readouterr().out
    assert run.record.warnings == [warning]


def test_an_interrupt_after_the_publication_lets_go_of_an_interactive_run(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: WorkspaceLayout) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr(start, "ensure", interrupt)
        with pytest.raises(KeyboardInterrupt):
            experiment.start_logging(snapshot_directory=None)
    [run_id] = run_records.run_ids(experiment.workspace.layout)
    assert not lock_is_held(experiment.workspace.layout.run(run_id).launch_lock)
    really_ensure(experiment.workspace.layout)
    wait_for(lambda: Run.get(experiment.workspace, run_id).get_status() == "Failed", "the run to be found lost")


def test_a_folder_of_outputs_that_cannot_be_one_leaves_no_run(experiment: Experiment) -> None:
    with pytest.raises(TypeError):
        experiment.start_logging(outputs=3, snapshot_directory=None)  # type: ignore[arg-type]
    assert not os.listdir(experiment.workspace.layout.runs)


def test_runs_go_by_their_submission_though_the_clock_was_set_back(
    begin: Start, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = time.time()
    monkeypatch.setattr(time, "time", lambda: clock)
    runs = [begin(), begin()]
    clock -= 86_400
    runs.append(begin())
    clock += 43_200
    runs.append(begin())
    newest_first = [run.id for run in reversed(runs)]
    assert [run.id for run in Run.list(workspace)] == newest_first
    assert [run.id for run in Run.list(workspace, limit=1)] == newest_first[:1]
    assert workspace.index.unfinished() == [run.id for run in runs]
    workspace.rebuild_index()
    assert [run.id for run in Run.list(workspace)] == newest_first
    assert [round(run.record.created - clock) for run in runs] == [43_200, 43_200, -43_200, 0], "as the clock was"
