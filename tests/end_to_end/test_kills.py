"""SIGKILL at every named step, to the submitter, the dispatcher, the launcher and the job in turn.

Whatever is killed: each run ends in one terminal state, no script runs twice, every printed line is in the log once
and in order, every logged point is there.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from tests.conftest import Submit, dispatcher_of, processes_of, wait_for

from traindock import Run, State, Workspace
from traindock.dispatcher import start
from traindock.store import run_records

LINES = 200

SCRIPT = f"""
    import os, sys, time
    from traindock import Run
    # Fails where the script was started before: this is how the tests know.
    os.close(os.open(sys.argv[1] + "/" + os.environ["TRAINDOCK_RUN_ID"], os.O_CREAT | os.O_EXCL))
    run = Run.get_context()
    for number in range({LINES}):
        run.log("number", number)
        print("line", number)
        if number == 100:
            open(sys.argv[1] + "/half-way", "w").close()
        time.sleep(0.002)
    open("outputs/done", "w").write("yes")
"""


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


def finished(run: Run) -> State:
    """Let whoever has to restart what was killed, and return the terminal state."""
    run.wait_for_completion(raise_on_error=False)
    state = run.record.state
    assert state.terminal
    assert [change.state.terminal for change in run.record.history].count(True) == 1
    return state


def assert_complete(run: Run, marks: Path) -> None:
    assert finished(run) is State.COMPLETED, run.get_details()
    assert (marks / run.id).exists()
    assert_whole(run, LINES)
    assert "outputs/done" in run.get_file_names()
    assert not run.workspace.layout.run(run.id).work.exists()


def assert_whole(run: Run, count: int | None = None) -> None:
    """Every line and every point up to where the script got, once and in order."""
    printed = (run.path / "driver" / "stdout.txt").read_text()
    lines = [line for line in printed.splitlines() if line.startswith("line ")]
    numbers = run.metrics.values("number") if "number" in run.get_metrics() else []
    assert lines == [f"line {number}" for number in range(len(lines))]
    assert numbers == list(range(len(numbers)))
    if count is not None:
        assert (len(lines), len(numbers)) == (count, count)
    else:
        assert 0 <= len(numbers) - len(lines) <= 1, "a point is logged before its line is printed"


SUBMITTER = """
import sys
from traindock import Experiment, ScriptRunConfig, Workspace
config = ScriptRunConfig(sys.argv[2], "train.py", [sys.argv[3]])
Experiment(Workspace(sys.argv[1]), "tests").submit(config)
"""


@pytest.mark.slow
@pytest.mark.parametrize("point", ["after-snapshot", "after-event", "after-publish"])
def test_a_submitter_killed_in_the_act_leaves_a_whole_run_or_none(
    workspace: Workspace, tmp_path: Path, marks: Path, point: str
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").write_text(textwrap.dedent(SCRIPT))
    killed = subprocess.run(
        [sys.executable, "-c", SUBMITTER, workspace.layout.root, tmp_path / "source", marks],
        env={**os.environ, "TRAINDOCK_FAULT": f"submit.{point}:kill"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    runs = list(Run.list(workspace))
    assert len(runs) == (1 if point == "after-publish" else 0)
    for run in runs:
        assert_complete(run, marks)
    assert run_records.run_ids(workspace.layout) == [run.id for run in runs]


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        "running",
        *(
            pytest.param(point, marks=pytest.mark.slow)
            for point in ("after-index", "before-launch", "after-launch", "before-seal", "after-seal")
        ),
    ],
)
def test_a_dispatcher_killed_at_a_step_is_replaced_and_the_run_goes_on(
    workspace: Workspace, submit: Submit, marks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    monkeypatch.setenv("TRAINDOCK_FAULT", f"dispatcher.{point}:kill")
    monkeypatch.setenv("TRAINDOCK_FAULT_ONCE", str(tmp_path / "killed"))
    run = submit(SCRIPT, marks)
    wait_for((tmp_path / "killed").exists, "the dispatcher to be killed")
    wait_for(lambda: not start.is_running(workspace.layout), "its lock to be free")
    assert_complete(run, marks)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["started", "half-way", "ended"])
def test_a_dispatcher_killed_at_a_moment_of_the_job_is_replaced(
    workspace: Workspace, submit: Submit, marks: Path, moment: str
) -> None:
    run = submit(SCRIPT, marks)
    layout = workspace.layout.run(run.id)
    conditions = {
        "started": layout.started_json.exists,
        "half-way": (marks / "half-way").exists,
        "ended": lambda: layout.exit_json.exists() and layout.exit_json.read_bytes().strip(b" \0\n"),
    }
    wait_for(conditions[moment], moment)
    killed = dispatcher_of(workspace)
    killed.send_signal(signal.SIGKILL)
    killed.wait(10)
    assert_complete(run, marks)


@pytest.mark.slow
def test_a_dispatcher_killed_again_and_again_starts_no_script_twice(
    workspace: Workspace, submit: Submit, marks: Path
) -> None:
    runs = [submit(SCRIPT, marks) for _ in range(3)]
    for _ in range(5):
        start.ensure(workspace.layout)
        wait_for(lambda: start.is_running(workspace.layout), "a dispatcher")
        for process in processes_of(workspace):
            if "traindock.dispatcher" in (process.info["cmdline"] or []):
                process.send_signal(signal.SIGKILL)
                process.wait(10)
    for run in runs:
        assert_complete(run, marks)


@pytest.mark.slow
def test_a_run_submitted_while_the_dispatcher_is_being_killed_is_not_forgotten(
    workspace: Workspace, submit: Submit, marks: Path
) -> None:
    first = submit(SCRIPT, marks)
    wait_for(lambda: first.get_status() == "Running", "the first run")
    dispatcher_of(workspace).send_signal(signal.SIGKILL)
    second = submit(SCRIPT, marks)
    assert_complete(second, marks)
    assert_complete(first, marks)


@pytest.mark.slow
def test_a_kernel_killed_while_it_waits_takes_nothing_with_it(
    workspace: Workspace, tmp_path: Path, marks: Path
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").write_text(textwrap.dedent(SCRIPT))
    code = SUBMITTER.replace(".submit(config)", ".submit(config).wait_for_completion(show_output=True)")
    kernel = subprocess.Popen(
        [sys.executable, "-c", code, workspace.layout.root, tmp_path / "source", marks],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for((marks / "half-way").exists, "the script to be half-way")
    os.killpg(kernel.pid, signal.SIGKILL)
    kernel.wait(10)
    [run] = Run.list(workspace)
    assert_complete(run, marks)


def job_of(workspace: Workspace, word: str) -> psutil.Process:
    """Return the launcher ("launcher.py") or the script's process ("train.py") of the only run."""
    found = [
        process
        for process in processes_of(workspace)
        if any(Path(argument).name == word for argument in process.info["cmdline"] or [])
    ]
    return found[0]


@pytest.mark.slow
def test_a_script_that_is_killed_fails_by_that_signal(workspace: Workspace, submit: Submit, marks: Path) -> None:
    run = submit(SCRIPT, marks)
    wait_for((marks / "half-way").exists, "the script to be half-way")
    job_of(workspace, "train.py").send_signal(signal.SIGKILL)
    assert finished(run) is State.FAILED
    assert run.reason is not None
    assert run.reason.value == "killed_by_signal"
    assert_whole(run)
    assert len(run.metrics.values("number")) > 100


@pytest.mark.slow
def test_a_launcher_that_is_killed_takes_its_script_along_and_the_run_is_lost(
    workspace: Workspace, submit: Submit, marks: Path
) -> None:
    run = submit(SCRIPT.replace("time.sleep(0.002)", "time.sleep(0.01)"), marks)
    wait_for((marks / "half-way").exists, "the script to be half-way")
    script = job_of(workspace, "train.py")
    job_of(workspace, "launcher.py").send_signal(signal.SIGKILL)
    assert finished(run) is State.FAILED
    assert run.reason is not None
    assert run.reason.value == "lost"
    assert not script.is_running() or script.status() == psutil.STATUS_ZOMBIE
    assert_whole(run)
    assert len(run.metrics.values("number")) > 100


@pytest.mark.slow
def test_a_launcher_that_is_killed_takes_along_what_dropped_the_jobs_variables(
    workspace: Workspace, submit: Submit, tmp_path: Path
) -> None:
    daemon, quiet = tmp_path / "daemon", tmp_path / "quiet"
    run = submit(
        f"""
        import os, subprocess, time
        script = "echo $$ > {{}}; exec sleep 1000"
        if os.fork() == 0:
            subprocess.Popen(["env", "-i", "setsid", "sh", "-c", script.format({str(daemon)!r})])
            os._exit(0)
        command = ["env", "-i", "sh", "-c", script.format({str(quiet)!r})]
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        time.sleep(1000)
        """
    )
    left = [
        psutil.Process(int(wait_for(lambda mark=mark: mark.exists() and mark.read_text().strip(), "a process")))
        for mark in (daemon, quiet)
    ]
    job_of(workspace, "launcher.py").send_signal(signal.SIGKILL)
    assert finished(run) is State.FAILED
    assert not [process for process in left if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.slow
@pytest.mark.parametrize("point", ["launcher.locked", "launcher.started", "launcher.spawned", "launcher.ended"])
def test_a_launcher_killed_at_a_step_never_leaves_a_script_behind(
    submit: Submit, marks: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    monkeypatch.setenv("TRAINDOCK_FAULT", f"{point}:kill")
    run = submit(SCRIPT, marks)
    assert finished(run) is State.FAILED
    assert_whole(run, LINES if point == "launcher.ended" else None)


@pytest.mark.slow
def test_everything_killed_at_once_as_by_a_power_cut_ends_as_lost(
    workspace: Workspace, submit: Submit, marks: Path
) -> None:
    run = submit(SCRIPT.replace("time.sleep(0.002)", "time.sleep(0.01)"), marks)
    wait_for((marks / "half-way").exists, "the script to be half-way")
    victims = processes_of(workspace)
    for process in victims:
        process.send_signal(signal.SIGSTOP)
    for process in victims:
        process.send_signal(signal.SIGKILL)
    assert finished(run) is State.FAILED
    assert run.reason is not None
    assert run.reason.value == "lost"
    assert_whole(run)
