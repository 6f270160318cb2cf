"""Damaged files hide only themselves."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import Submit, dispatcher_of, kill, locked_index, processes_of, wait_for
from tests.end_to_end.faults.helpers import SLEEPER, layout_of, started, stdout

from traindock import (
    ActivityFailedException,
    ComputeTarget,
    LocalCompute,
    Run,
    Workspace,
)
from traindock.store import index_file
from traindock.store.changes import Changes
from traindock.store.index import RunQuery

pytestmark = pytest.mark.slow

#: Seconds within which everything happens if nobody waits for SQLite's lock, on a busy machine too.
_SOON = index_file._PATIENCE_SECONDS * 0.8


@pytest.mark.parametrize("line", range(6))
def test_a_damaged_line_in_the_record_of_a_finished_run_does_not_bring_it_back(
    submit: Submit, workspace: Workspace, line: int
) -> None:
    run = submit("print('once')", tags={"a": "b"})
    run.wait_for_completion()
    ended = run.record.ended
    own = dispatcher_of(workspace)
    path = layout_of(run).events
    lines = path.read_bytes().splitlines(keepends=True)
    states = [number for number, text in enumerate(lines) if b'"state"' in text]
    assert len(states) == 6
    lines[states[line]] = b'{"t": 1, "type": "sta\x00\xff\n'
    path.write_bytes(b"".join(lines) + b'{"t": 17')
    workspace.rebuild_index()
    assert run.get_status() == ("Finalizing" if line == 5 else "Completed")
    wait_for(lambda: run.get_status() == "Completed", "the dispatcher to look again")
    assert dispatcher_of(workspace) == own, "nobody needs to wait until it leaves"
    assert [found.get_status() for found in Run.list(workspace)] == ["Completed"]
    assert run.record.ended == (layout_of(run).sealed_json.stat().st_mtime if line == 5 else ended)
    run.tag("c", "d")
    assert run.tags == {"a": "b", "c": "d"}
    assert stdout(run) == "once\n"


def test_whoever_waits_for_a_run_whose_end_was_damaged_since_has_it_ended_again(
    submit: Submit, workspace: Workspace
) -> None:
    run = submit("print('once')")
    run.wait_for_completion()
    own = dispatcher_of(workspace)
    assert [row.state.value for row in workspace.index.runs(RunQuery())] == ["Completed"]
    path = layout_of(run).events
    os.truncate(path, path.stat().st_size - 10)  # at once: a file emptied and written again can be read in between
    assert run.get_status() == "Finalizing"
    assert [row.state.value for row in workspace.index.runs(RunQuery())] == ["Completed"], "no change was announced"
    assert run.wait_for_completion()["status"] == "Completed"
    assert dispatcher_of(workspace) == own
    assert stdout(run) == "once\n"


def test_the_record_of_a_running_run_may_be_damaged_and_the_run_still_ends(
    submit: Submit, workspace: Workspace
) -> None:
    run = submit(
        """
        import os, time
        print("started")
        while not os.path.exists("outputs/go"):
            time.sleep(0.01)
        """
    )
    wait_for(lambda: started(run), "the script")
    wait_for(lambda: run.get_status() == "Running", "the state")
    path = layout_of(run).events
    data = path.read_bytes()
    path.write_bytes(b"\xff" * (len(data) - 5))
    (run.path / "outputs" / "go").touch()
    run.wait_for_completion()
    assert run.get_status() == "Completed"
    assert "Traceback" not in workspace.layout.dispatcher_log.read_text()


def test_damaged_metrics_hide_only_themselves(submit: Submit) -> None:
    run = submit(
        """
        import os, time
        from traindock import Run
        run = Run.get_context()
        for number in range(10):
            run.log("good", number)
            run.log("bad", number)
        run.log_list("list", [1, 2])
        print("started")
        while not os.path.exists("outputs/go"):
            time.sleep(0.01)
        run.log("good", 10)
        """
    )
    wait_for(lambda: started(run), "the script")
    [writer] = layout_of(run).metrics.iterdir()
    (writer / "1.bin").write_bytes(b"\xff" * 77)
    with open(writer / "records.jsonl", "ab") as file:
        file.write(b'{"name": "tor')
    (layout_of(run).metrics / "stray file").write_text("?")
    (layout_of(run).metrics / "stray folder").mkdir()
    assert run.get_metrics()["good"] == list(range(10)), "while it runs"
    (run.path / "outputs" / "go").touch()
    run.wait_for_completion()
    assert run.get_metrics()["good"] == list(range(11))
    assert run.get_metrics()["list"] == [1, 2]


def scribble(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(os.urandom(os.fstat(file.fileno()).st_size))


def cut(path: Path) -> None:
    os.truncate(path, 0)


def remove(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


@pytest.mark.filterwarnings("ignore:the index .* was damaged:UserWarning")
@pytest.mark.parametrize("damage", [scribble, cut, remove])
def test_an_index_that_is_damaged_under_a_running_dispatcher_is_made_anew(
    submit: Submit, workspace: Workspace, damage: object
) -> None:
    first = submit(SLEEPER)
    wait_for(lambda: started(first), "the script")
    own = dispatcher_of(workspace)
    assert callable(damage)
    damage(workspace.layout.index)
    second = submit("print('second')", compute_target="local")
    first.cancel()
    first.wait_for_completion()
    second.wait_for_completion()
    assert {run.id for run in Run.list(workspace)} == {first.id, second.id}
    assert {run.get_status() for run in Run.list(workspace)} == {"Canceled", "Completed"}
    assert dispatcher_of(workspace).pid == own.pid, "the dispatcher went on"


@pytest.mark.parametrize("verb", ["rebuild-index", "runs"])
def test_an_index_that_was_emptied_under_a_dispatcher_is_made_anew_by_whoever_comes(
    submit: Submit, workspace: Workspace, verb: str
) -> None:
    run = submit("pass")
    run.wait_for_completion()
    own = dispatcher_of(workspace)
    workspace.index.close()
    cut(workspace.layout.index)
    command = [sys.executable, "-m", "traindock", "--workspace", str(workspace.layout.root), verb]
    asked = subprocess.run(command, capture_output=True, text=True)
    assert (asked.returncode, own.is_running()) == (0, True), asked.stderr
    assert "was damaged (the file is empty) and is rebuilt" in asked.stderr
    assert (run.id if verb == "runs" else "1 runs in") in asked.stdout.replace("1 run in", "1 runs in")
    later = submit("pass")
    later.wait_for_completion()
    assert [found.id for found in Run.list(workspace)] == [later.id, run.id]
    assert dispatcher_of(workspace).pid == own.pid, "the dispatcher went on"


def test_an_index_that_another_process_has_locked_keeps_no_run_from_starting(
    submit: Submit, workspace: Workspace
) -> None:
    ComputeTarget.create(workspace, "double", LocalCompute.provisioning_configuration(max_nodes=2))
    first = submit(SLEEPER, compute_target="double")
    wait_for(lambda: started(first), "the dispatcher and its first script")
    others = []
    with locked_index(workspace):
        for word in ("second", "third"):  # while it looks for the second, it must not miss the third
            others.append(submit(f"print({word!r})", compute_target="double"))
            wait_for(lambda word=word: stdout(others[-1]) == f"{word}\n", f"the {word} script", seconds=_SOON)
            wait_for(lambda: others[-1].get_status() == "Completed", f"the end of the {word} run", seconds=_SOON)
        first.cancel()
        wait_for(lambda: first.get_status() == "Canceled", "the end of the first run", seconds=_SOON)
        assert dispatcher_of(workspace).is_running()
    assert {run.id: run.get_status() for run in Run.list(workspace)} == {
        first.id: "Canceled",
        **{run.id: "Completed" for run in others},
    }


@pytest.mark.parametrize("how", ["normal", "exclusive"])
def test_a_dispatcher_that_begins_while_another_process_has_the_index_locked_takes_up_all_runs(
    submit: Submit, workspace: Workspace, how: str
) -> None:
    ended = submit("pass")
    ended.wait_for_completion()
    kill(dispatcher_of(workspace))
    with locked_index(workspace, how):
        run = submit("from traindock import Run; Run.get_context().child_run('left behind')")
        wait_for(lambda: run.get_status() == "Completed", "the end of the run", seconds=_SOON)
    assert [(found.id, found.get_status()) for found in Run.list(workspace)] == [
        (run.id, "Completed"),
        (ended.id, "Completed"),
    ]
    assert [(child.display_name, child.get_status()) for child in run.get_children()] == [("left behind", "Completed")]
    assert stdout(ended) == "", "it was not started again"
    told = workspace.layout.dispatcher_log.read_text()
    assert told.count("looking at all runs, one by one") == 1
    wait_for(lambda: "the index can be used again" in workspace.layout.dispatcher_log.read_text(), "the index")
    assert workspace.layout.dispatcher_log.read_text().count("the index stays behind") == 1


def test_what_is_announced_and_about_to_be_recorded_is_waited_for(submit: Submit, workspace: Workspace) -> None:
    run = submit(SLEEPER)
    wait_for(lambda: started(run), "the script")
    record = run.path / "events.jsonl"
    wait_for(lambda: run.get_status() == "Running", "the state")

    def is_waited_for() -> bool:
        waiting = [line for line in Path("/proc/locks").read_text().splitlines() if " -> FLOCK" in line]
        return any(f":{record.stat().st_ino} " in line for line in waiting)

    with open(record, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        Changes(workspace.layout).announce(f"run/{run.id}")
        wait_for(is_waited_for, "the dispatcher to wait for who holds the record's lock")
        file.write(b'{"type": "cancel", "by": "me", "t": 1.0}\n')
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Canceled"


def test_a_run_folder_deleted_by_hand_ends_its_job_and_leaves_the_list(submit: Submit, workspace: Workspace) -> None:
    import shutil

    run, other = submit(SLEEPER), submit("pass", experiment="other")
    wait_for(lambda: started(run), "the script")
    shutil.rmtree(run.path)
    other.wait_for_completion()
    assert [found.id for found in Run.list(workspace)] == [other.id]
    wait_for(lambda: len(processes_of(workspace)) == 1, "all but the dispatcher to end")
    assert "Traceback" not in workspace.layout.dispatcher_log.read_text()


@pytest.mark.parametrize("damage", ["missing", "changed", "list missing", "list changed"])
def test_a_damaged_snapshot_fails_the_run_by_name(submit: Submit, workspace: Workspace, damage: str) -> None:
    ComputeTarget.create(workspace, "single", LocalCompute.provisioning_configuration(max_nodes=1))
    first = submit(SLEEPER, compute_target="single")
    wait_for(lambda: started(first), "the first run")
    second = submit("print('will be damaged')", compute_target="single")
    wait_for(lambda: second.get_status() == "Queued", "the second run to queue")
    record = workspace.layout.snapshots / f"{second.get_snapshot_id()}.json"
    digest = json.loads(record.read_text())["files"]["train.py"]["sha256"]
    file = record if "list" in damage else workspace.layout.blobs / digest[:2] / digest
    file.chmod(0o600)
    if "missing" in damage:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes().replace(b"i", b"j"))
    first.cancel()
    with pytest.raises(ActivityFailedException, match=second.get_snapshot_id()[:8] if "list" in damage else digest):
        second.wait_for_completion()
    assert second.reason is not None
    assert second.reason.value == "launch_failed"
