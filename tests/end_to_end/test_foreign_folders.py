"""Folders that came by another way than a submit: forged runs, copied, moved and deleted workspaces."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
from tests.conftest import Submit, dispatcher_of, end_everything_in, kill, processes_of, submitter, wait_for

from traindock import Run, Workspace
from traindock.dispatcher import start
from traindock.errors import RunNotSignedException

pytestmark = pytest.mark.slow

COUNTER = """
    import os, sys, time
    from traindock import Run
    open(sys.argv[1], "a").write("started\\n")
    run = Run.get_context()
    print("started")
    number = 0
    while not os.path.exists("outputs/go"):
        run.log("number", number)
        number += 1
        time.sleep(0.01)
    print("ended")
"""


def stdout(run: Run) -> str:
    try:
        return (run.path / "driver" / "stdout.txt").read_text()
    except FileNotFoundError:
        return ""


def forged(run: Run, **changes: object) -> Run:
    """Put a copy of a run's folder next to it, under another id, as somebody might who sends you a file."""
    workspace = run.workspace
    run_id = f"{run.id[:-8]}0badf00d"
    target = workspace.layout.runs / run_id
    shutil.copytree(run.path, target)
    (target / "driver").joinpath("started.json").unlink(missing_ok=True)
    document = json.loads((target / "run.json").read_text())
    (target / "run.json").write_text(json.dumps({**document, "id": run_id, **changes}))
    (target / "events.jsonl").write_text('{"t": 1, "type": "state", "state": "NotStarted"}\n')
    return Run.get(workspace, run_id)


def test_a_forged_run_is_shown_but_never_launched_or_changed(
    submit: Submit, workspace: Workspace, tmp_path: Path
) -> None:
    run = submit("import sys; open(sys.argv[1], 'a').write('ran ')", tmp_path / "evidence")
    run.wait_for_completion()
    evil = forged(run)
    before = {path: path.read_bytes() for path in evil.path.rglob("*") if path.is_file()}
    kill(dispatcher_of(workspace))
    start.ensure(workspace.layout)  # one that looks at all folders anew
    submit("pass").wait_for_completion()
    assert evil.id in [found.id for found in Run.list(workspace)]
    [row] = [row for row in workspace.index.runs(_all()) if row.id == evil.id]
    assert not row.signed
    with pytest.raises(RunNotSignedException):
        evil.wait_for_completion()
    with pytest.raises(RunNotSignedException):
        evil.cancel()
    with pytest.raises(RunNotSignedException):
        evil.tag("a", "b")
    assert {path: path.read_bytes() for path in evil.path.rglob("*") if path.is_file()} == before
    assert (tmp_path / "evidence").read_text() == "ran "


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 10**30},
        {"tags": {"a": {"not": "text"}}, "parent": ["no", "text"]},
        {"experiment": "../../elsewhere"},
        {"spec": {"compute_target": {"no": "name"}}},
        {"created": "yesterday"},
    ],
)
def test_a_forged_run_full_of_nonsense_hides_no_other(
    submit: Submit, workspace: Workspace, changes: dict[str, object]
) -> None:
    run = submit("pass")
    run.wait_for_completion()
    target = workspace.layout.runs / f"{run.id[:-8]}0badf00d"
    target.mkdir()
    document = json.loads((run.path / "run.json").read_text())
    (target / "run.json").write_text(json.dumps({**document, "id": target.name, **changes}))
    (workspace.layout.runs / "stray.txt").write_text("?")
    workspace.rebuild_index()
    assert run.id in [found.id for found in Run.list(workspace)]
    kill(dispatcher_of(workspace))
    later = submit("pass")
    later.wait_for_completion()
    assert {run.id, later.id} <= {found.id for found in Run.list(workspace)}


def _all() -> object:
    from traindock.store.index import RunQuery

    return RunQuery()


def test_a_copied_workspace_leaves_the_unfinished_runs_to_the_original(
    submit: Submit, workspace: Workspace, tmp_path: Path
) -> None:
    run = submit(COUNTER, tmp_path / "starts")
    wait_for(lambda: "started" in stdout(run), "the script")
    # The job goes on writing meanwhile, as it would under cp -a.
    shutil.copytree(workspace.layout.root, tmp_path / "copy", symlinks=True)
    copy = Workspace(tmp_path / "copy")
    (tmp_path / "more").mkdir()
    try:
        assert copy.id != workspace.id
        twin = Run.get(copy, run.id)
        with pytest.raises(RunNotSignedException, match="copy"):
            twin.wait_for_completion()
        # The copy is a workspace like any other; its dispatcher takes its own runs and no others.
        submitter(copy, tmp_path / "more")("print('in the copy')").wait_for_completion()
        assert not twin.record.state.terminal
        (run.path / "outputs" / "go").touch()
        run.wait_for_completion()
        assert stdout(run) == "started\nended\n"
        assert (tmp_path / "starts").read_text() == "started\n"
        assert run.get_metrics()["number"] == list(range(len(run.get_metrics()["number"])))
        assert not twin.record.state.terminal
        assert {found.get_status() for found in Run.list(copy)} == {"Completed", twin.get_status()}
    finally:
        end_everything_in(copy)


def test_a_copied_workspace_with_a_run_that_was_never_started_does_not_start_it(
    submit: Submit, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(start, "ensure", lambda layout: None)
        run = submit("import sys; open(sys.argv[1], 'a').write('ran ')", tmp_path / "evidence")
    shutil.copytree(workspace.layout.root, tmp_path / "copy", symlinks=True)
    copy = Workspace(tmp_path / "copy")
    (tmp_path / "more").mkdir()
    try:
        submitter(copy, tmp_path / "more")("pass").wait_for_completion()
        assert Run.get(copy, run.id).get_status() == "NotStarted"
        assert not (tmp_path / "evidence").exists()
        run.wait_for_completion()
        assert (tmp_path / "evidence").read_text() == "ran "
    finally:
        end_everything_in(copy)


def test_a_workspace_moved_under_a_running_job_goes_on_in_its_new_place(
    submit: Submit, workspace: Workspace, tmp_path: Path
) -> None:
    run = submit(COUNTER, tmp_path / "starts")
    wait_for(lambda: "started" in stdout(run), "the script")
    wait_for(lambda: run.get_status() == "Running", "the state")
    waiting = submit("print('waited')")
    wait_for(lambda: waiting.get_status() == "Queued", "the second run to queue")
    old = dispatcher_of(workspace)
    workspace.layout.root.rename(tmp_path / "moved")
    moved = Workspace(tmp_path / "moved")
    try:
        assert moved.id == workspace.id
        run, waiting = Run.get(moved, run.id), Run.get(moved, waiting.id)
        wait_for(lambda: not old.is_running() or old.status() == "zombie", "the old dispatcher to leave")
        (run.path / "work" / "outputs" / "go").touch()
        run.wait_for_completion()
        waiting.wait_for_completion()
        assert stdout(run) == "started\nended\n"
        assert stdout(waiting) == "waited\n"
        assert (tmp_path / "starts").read_text() == "started\n"
        assert run.get_metrics()["number"] == list(range(len(run.get_metrics()["number"])))
        assert "Traceback" not in moved.layout.dispatcher_log.read_text()
        assert not workspace.layout.root.exists(), "nobody made the old folder again"
    finally:
        end_everything_in(moved)


def test_a_workspace_deleted_under_a_running_job_takes_all_its_processes_along(
    submit: Submit, workspace: Workspace, tmp_path: Path
) -> None:
    run = submit(COUNTER, tmp_path / "starts")
    wait_for(lambda: run.get_metrics().get("number"), "the script to log")  # the first point makes folders
    assert len(processes_of(workspace)) >= 3
    shutil.rmtree(workspace.layout.root, ignore_errors=True)
    while workspace.layout.root.exists():  # the job was still writing
        shutil.rmtree(workspace.layout.root, ignore_errors=True)
        time.sleep(0.01)
    wait_for(lambda: not processes_of(workspace), "everything to end", 30)
    assert not workspace.layout.root.exists(), list(workspace.layout.root.rglob("*"))
