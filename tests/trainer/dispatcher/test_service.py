"""The dispatcher's own life: one at a time, started on demand, gone when there is nothing to do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from tests.conftest import dispatcher_of, end_everything_in, make_workspace, submitter, wait_for

from traindock import ActivityFailedException, Run, Workspace, waiting
from traindock.cli import logs
from traindock.cli.main import main
from traindock.dispatcher import service, start
from traindock.dispatcher.driver import RunDriver
from traindock.store.changes import Changes
from traindock.store.layout import WorkspaceLayout


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace whose dispatcher leaves almost at once."""
    yield (made := make_workspace(tmp_path / "hasty", idle_seconds=0.2))
    end_everything_in(made)


@pytest.mark.slow
def test_it_leaves_when_there_is_nothing_to_do_and_comes_back_when_there_is(hasty: Workspace, tmp_path: Path) -> None:
    submit = submitter(hasty, tmp_path)
    submit("pass").wait_for_completion()
    wait_for(lambda: not start.is_running(hasty.layout), "the dispatcher to leave")
    submit("pass").wait_for_completion()


@pytest.mark.slow
def test_no_submit_is_missed_by_a_dispatcher_that_is_just_leaving(hasty: Workspace, tmp_path: Path) -> None:
    submit = submitter(hasty, tmp_path)
    for _ in range(6):
        run = submit("pass")
        # Not waited for with run.wait_for_completion(), which would start a dispatcher if none were there.
        wait_for(lambda run=run: run.record.state.terminal, "the run to end by itself")


@pytest.mark.slow
def test_one_that_is_about_to_leave_looks_again_and_stays_for_what_has_come(
    hasty: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, runs = Changes.unless_changed, list[Run]()

    def submit_just_before(changes: Changes, offset: int, leave: Callable[[], None]) -> bool:
        if not runs:
            # Its lock is still held: whoever submits leaves the run to it.
            runs.append(submitter(hasty, tmp_path)("pass"))
            assert not [each for each in start._started if each.root == hasty.layout.root]
        return really(changes, offset, leave)

    monkeypatch.setattr(Changes, "unless_changed", submit_just_before)
    monkeypatch.setattr(service.Service, "_stop_on_signals", lambda _: None)
    assert service.Service(hasty.layout.root).serve() == 0
    assert [run.get_status() for run in runs] == ["Completed"]
    assert not start.is_running(hasty.layout)


@pytest.mark.slow
def test_there_is_only_one_however_many_are_started(workspace: Workspace) -> None:
    for _ in range(4):
        start.start(workspace.layout)
    first = dispatcher_of(workspace)
    started = [each.process for each in start._started if str(workspace.layout.root) in each.process.args]
    others = [process for process in started if process.pid != first.pid]
    for process in others:
        assert process.wait(30) == 0
    assert first.is_running()


def test_one_process_starts_one_however_many_of_its_threads_ask(workspace: Workspace) -> None:
    root = workspace.layout.root
    upkeeps = [start.Upkeep(workspace.layout) for _ in range(10)]
    asking = [threading.Thread(target=start.ensure, args=(workspace.layout,)) for _ in range(10)]
    asking += [threading.Thread(target=upkeep.look) for upkeep in upkeeps]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    wait_for(lambda: start.is_running(workspace.layout), "the dispatcher to take its lock")
    assert len([each for each in start._started if each.root == root]) == 1


def test_one_that_dies_before_it_is_at_work_is_replaced_by_whoever_looks_next(workspace: Workspace) -> None:
    start.ensure(workspace.layout)
    [first] = [each.process for each in start._started if each.root == workspace.layout.root]
    first.kill()
    first.wait(10)
    start.ensure(workspace.layout)
    assert dispatcher_of(workspace).pid != first.pid


def test_one_that_gave_its_lock_back_is_not_waited_for(workspace: Workspace) -> None:
    start.ensure(workspace.layout)
    first = dispatcher_of(workspace)
    first.suspend()  # as it is between its lock and its end, for longer than that takes
    workspace.layout.dispatcher_lock.unlink()
    start.ensure(workspace.layout)
    wait_for(lambda: start.is_running(workspace.layout), "another dispatcher")
    wait_for(lambda: dispatcher_of(workspace).pid != first.pid, "its record")


@pytest.mark.slow
def test_it_outlives_whoever_started_it(workspace: Workspace) -> None:
    code = "import sys; from traindock import Workspace; from traindock.dispatcher import start; "
    code += "start.ensure(Workspace(sys.argv[1]).layout)"
    subprocess.run([sys.executable, "-c", code, workspace.layout.root], check=True)
    process = dispatcher_of(workspace)
    assert process.is_running()
    assert os.getsid(process.pid) == process.pid, "it leads a session of its own"


WAITS = """
    import os, sys, time
    print("started", flush=True)
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    print("ended")
"""


@pytest.mark.slow
def test_it_leaves_when_told_to_and_the_next_one_adopts_its_runs(workspace: Workspace, tmp_path: Path) -> None:
    run = submitter(workspace, tmp_path)(WAITS, tmp_path / "go on")
    wait_for(lambda: run.get_status() == "Running", "the run")
    first = dispatcher_of(workspace)
    first.send_signal(signal.SIGTERM)
    first.wait(20)
    assert run.get_status() == "Running"
    (tmp_path / "go on").touch()
    run.wait_for_completion()
    assert dispatcher_of(workspace).pid != first.pid
    assert (run.path / "driver" / "stdout.txt").read_text() == "started\nended\n"


def test_when_it_leaves_it_waits_once_for_all_its_drivers(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Busy:
        """A driver in the middle of something that takes long."""

        def stop(self) -> None: ...

        def join(self, timeout: float) -> None:
            waited.append(timeout)
            threading.Event().wait(timeout)

    waited: list[float] = []
    monkeypatch.setattr(service, "_LEAVE_SECONDS", 0.2)
    leaving = service.Service(workspace.layout.root)
    assert leaving._take_lock()
    leaving._drivers.update({f"run_{number}": cast("RunDriver", Busy()) for number in range(5)})
    leaving._leave()
    assert len(waited) == 5
    assert sum(waited) < 0.4
    assert not start.is_running(workspace.layout)


@pytest.mark.slow
def test_a_newer_version_takes_over_from_an_older_one(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = submitter(workspace, tmp_path)(WAITS, tmp_path / "go on")
    wait_for(lambda: run.get_status() == "Running", "the run")
    older = dispatcher_of(workspace)
    with monkeypatch.context() as newer:
        newer.setattr(start, "__version__", "99.0")
        start.ensure(workspace.layout)
    older.wait(20)
    wait_for(lambda: start.is_running(workspace.layout), "the newer dispatcher")
    assert run.get_status() == "Running"
    (tmp_path / "go on").touch()
    run.wait_for_completion()


def test_a_dispatcher_whose_record_is_garbage_is_left_alone(workspace: Workspace) -> None:
    start.start(workspace.layout)
    process = dispatcher_of(workspace)
    workspace.layout.dispatcher_json.write_text(json.dumps({"version": 3, "process": "?"}))
    start.ensure(workspace.layout)
    assert process.is_running()


@pytest.mark.slow
def test_a_lease_folder_that_cannot_be_used_stops_no_run_but_those_that_need_gpus(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINDOCK_GPU_DEVICES", "fake-0")
    monkeypatch.setenv("TRAINDOCK_LEASE_DIR", str(tmp_path / "a-file"))
    (tmp_path / "a-file").touch()
    submit = submitter(workspace, tmp_path)
    without, with_gpu = submit("pass"), submit("pass", gpus=1)
    wait_for(lambda: without.get_status() == "Completed", "the run without GPUs to end")
    wait_for(lambda: with_gpu.get_status() == "Failed", "the run with a GPU to fail")
    with pytest.raises(ActivityFailedException, match=r"a-file, the folder of this machine's GPU leases") as failed:
        with_gpu.wait_for_completion()
    assert failed.value.reason == "leases_unusable"
    assert "do not need it" in failed.value.hint


@pytest.fixture
def dying(dying_dispatchers: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """The first five dispatchers that are started die as they begin; the next one works."""
    for module in (waiting, logs):
        monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.1)
    count = iter(range(1, 1000))
    really = start.start

    def begin(layout: WorkspaceLayout) -> None:
        number = next(count)
        own = [each for each in start._started if each.root == layout.root and number <= 6]
        for each in own:  # none is to write into another's words
            each.process.wait(30)
        if number == 6:
            dying_dispatchers()
        really(layout)

    monkeypatch.setattr(start, "start", begin)


@pytest.mark.slow
@pytest.mark.usefixtures("dying")
def test_whoever_waits_is_told_what_dispatchers_die_of(workspace: Workspace, tmp_path: Path) -> None:
    run = submitter(workspace, tmp_path)("pass")
    with pytest.warns(UserWarning, match="RuntimeError: nothing works here") as told:
        run.wait_for_completion()
    assert len(told) == 1, "once, though it went on"
    assert str(workspace.layout.dispatcher_log) in str(told[0].message)


@pytest.mark.usefixtures("dying")
@pytest.mark.slow
def test_whoever_watches_reads_what_dispatchers_die_of(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    submitter(workspace, tmp_path)("pass").wait_for_completion(show_output=True)
    printed = capsys.readouterr().out
    assert "\nWarning: no run of " in printed
    assert "RuntimeError: nothing works here" in printed


@pytest.mark.usefixtures("dying")
@pytest.mark.slow
def test_whoever_follows_a_log_is_told_what_dispatchers_die_of(
    workspace: Workspace, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    submitter(workspace, tmp_path)("pass")
    assert main(["--workspace", str(workspace.layout.root), "logs", "last", "-f"]) == 0
    assert "warning: no run of " in capfd.readouterr().err
