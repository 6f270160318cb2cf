"""A run from submit to its end on `local`, as a user sees it."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from tests.conftest import Submit, wait_for

from traindock import (
    ActivityFailedException,
    Detached,
    Environment,
    Experiment,
    ExperimentExecutionException,
    ModelPathNotFoundException,
    Reason,
    Run,
    ScriptRunConfig,
    UserErrorException,
    Workspace,
)
from traindock.cli.main import main

pytestmark = pytest.mark.shared_workspace


def test_a_script_runs_and_leaves_its_log_metrics_and_outputs(submit: Submit, tmp_path: Path) -> None:
    run = submit(
        """
        import sys
        from traindock import Run
        run = Run.get_context()
        for step in range(3):
            run.log("loss", 1.0 / (step + 1))
        run.log("lr", 0.1)
        print("hello", *sys.argv[1:])
        open("outputs/model.pt", "w").write("weights")
        """,
        "--epochs",
        3,
    )
    details = run.wait_for_completion()
    assert run.get_status() == "Completed"
    assert run.reason is Reason.FINISHED
    assert run.get_metrics() == {"loss": [1.0, 0.5, 1 / 3], "lr": 0.1}
    assert "outputs/model.pt" in run.get_file_names()
    run.download_file("outputs/model.pt", tmp_path / "down" / "model.pt")
    assert (tmp_path / "down" / "model.pt").read_text() == "weights"
    assert Path(details["logFiles"]["logs/stdout.txt"]).read_text() == "hello --epochs 3\n"
    assert "is used as it is" in Path(details["logFiles"]["logs/build.txt"]).read_text()


def test_the_log_is_printed_live_and_every_state_is_told(submit: Submit, capsys: pytest.CaptureFixture[str]) -> None:
    run = submit("print('line one'); print('line two', end='')")
    run.wait_for_completion(show_output=True)
    printed = capsys.readouterr().out
    stages = [printed.index(f"[{state}]") for state in ("Preparing", "Queued", "Running")]
    assert stages == sorted(stages)
    assert f"RunId: {run.id}" in printed
    assert "Streaming logs/stdout.txt" in printed
    assert printed.count("line one\nline two\n") == 1
    assert "Execution Summary" in printed


def test_whoever_comes_late_is_told_everything_in_the_order_it_happened(
    submit: Submit, capsys: pytest.CaptureFixture[str]
) -> None:
    run = submit("print('line one')")
    run.wait_for_completion()
    capsys.readouterr()
    run.wait_for_completion(show_output=True)
    printed = capsys.readouterr().out
    marks = ["[NotStarted]", "[Preparing]", "logs/build.txt", "[Queued]", "[Running]", "logs/stdout.txt", "line one"]
    assert sorted(marks, key=printed.index) == marks


def test_files_of_a_run_that_goes_on_are_to_be_waited_for(submit: Submit) -> None:
    run = submit("import time; print('started', flush=True); time.sleep(600)")
    wait_for(lambda: "started" in stdout(run), "the script")
    for ask in (
        lambda: run.register_model("net", "outputs/model.pt"),
        lambda: run.download_file("outputs/model.pt"),
        lambda: run.download_files("outputs/"),
    ):
        with pytest.raises(ModelPathNotFoundException, match=r"still Running: run\.wait_for_completion\(\) first"):
            ask()
    run.cancel()
    run.wait_for_completion()
    with pytest.raises(ModelPathNotFoundException) as caught:
        run.register_model("net", "outputs/model.pt")
    assert "still" not in str(caught.value)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import no_such_module_of_anybody", "Ask for the package"),
        ("open('../data/train.csv')", "Only the source folder is copied"),
        ("import argparse; argparse.ArgumentParser().parse_args(['--epoch-count', '3'])", "understood its arguments"),
        ("raise ValueError('no')", "Mend the script"),
    ],
)
def test_a_failure_says_what_to_do_about_it(submit: Submit, script: str, words: str) -> None:
    with pytest.raises(ActivityFailedException) as caught:
        submit(script).wait_for_completion()
    assert words in caught.value.hint


def test_files_that_are_not_kept_are_named(submit: Submit) -> None:
    run = submit(
        """
        import os
        os.makedirs("data/__pycache__")
        for name in ("model.pt", "data/a.csv", "data/b.csv", "c.csv", "outputs/kept"):
            open(name, "w").write("x")
        for name in (".hidden", "data/__pycache__/d.pyc"):
            open(name, "w").write("x")
        """
    )
    (warning,) = run.wait_for_completion()["warnings"]
    assert warning["message"].startswith(
        "not kept, since only ./outputs and ./logs are: 'c.csv', 'model.pt', 'data/a.csv' and 1 more."
    )
    assert run.get_file_names().count("outputs/kept") == 1


def test_a_run_can_be_awaited(submit: Submit) -> None:
    run = submit("print('hello')")

    async def wait() -> dict[str, object]:
        return await run

    assert asyncio.run(wait())["status"] == "Completed"


def test_a_failing_script_fails_with_its_code_its_last_lines_and_its_error(submit: Submit) -> None:
    run = submit(
        """
        print("about to fail")
        raise ValueError("no such luck")
        """
    )
    with pytest.raises(ActivityFailedException) as caught:
        run.wait_for_completion()
    assert caught.value.reason == "exited_nonzero"
    assert caught.value.exit_code == 1
    assert "about to fail" in caught.value.log_tail
    assert "ValueError: no such luck (train.py, line 3)" in str(caught.value)
    assert run.get_details()["error"]["code"] == "exited_nonzero"
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Failed"


def test_a_run_that_is_cancelled_ends_as_canceled_and_keeps_what_it_wrote(submit: Submit) -> None:
    run = submit(
        """
        import time
        open("outputs/part.txt", "w").write("half")
        print("started")
        time.sleep(600)
        """
    )
    wait_for(lambda: "started" in stdout(run), "the script's first line")
    run.cancel()
    assert run.get_status() in ("Running", "CancelRequested", "Finalizing", "Canceled")
    assert run.wait_for_completion()["status"] == "Canceled"
    assert run.reason is Reason.CANCELED_BY_USER
    assert "outputs/part.txt" in run.get_file_names()
    run.cancel()
    assert run.get_status() == "Canceled"


@pytest.mark.slow
def test_a_script_that_ignores_sigterm_is_killed_with_all_its_children(submit: Submit) -> None:
    run = submit(
        """
        import os, signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import signal, time; "
            "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"],
            start_new_session=True)
        print("child", child.pid)
        time.sleep(600)
        """
    )
    wait_for(lambda: "ready" in stdout(run) and "child" in stdout(run), "both processes")
    child = int(stdout(run).split("child ")[1].split()[0])
    run.cancel()
    assert run.wait_for_completion()["status"] == "Canceled"
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.slow
def test_a_run_that_takes_too_long_is_ended(submit: Submit) -> None:
    run = submit("import time; time.sleep(600)", max_run_duration_seconds=0.5)
    with pytest.raises(ActivityFailedException, match=r"max_run_duration_seconds=0\.5"):
        run.wait_for_completion()
    assert run.reason is Reason.TIMED_OUT


def test_a_script_killed_by_a_signal_names_it(submit: Submit) -> None:
    run = submit("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(ActivityFailedException, match=r"signal 11 \(SIGSEGV\)"):
        run.wait_for_completion()
    assert run.reason is Reason.KILLED_BY_SIGNAL


def test_an_interrupt_stops_the_waiting_and_not_the_run(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    run = submit("import time; time.sleep(600)")
    from traindock.store.watch import Watcher

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Watcher, "wait", interrupt)
        with pytest.raises(Detached, match="the run goes on"):
            run.wait_for_completion()
    wait_for(lambda: run.get_status() == "Running", "the run to be running all the same")
    run.cancel()
    run.wait_for_completion()


@pytest.mark.slow
@pytest.mark.shared_workspace(False)
def test_runs_wait_for_a_node_and_say_who_holds_it(submit: Submit, workspace: Workspace) -> None:
    from traindock import ComputeTarget, LocalCompute

    ComputeTarget.create(workspace, "single", LocalCompute.provisioning_configuration(max_nodes=1))
    first = submit("import time; print('started'); time.sleep(600)", compute_target="single")
    wait_for(lambda: "started" in stdout(first), "the first run")
    second = submit("print('second')", compute_target="single")
    third = submit("print('third')", compute_target="single")
    detail = wait_for(lambda: second.get_detailed_status()["details"], "the second run to say what it waits for")
    assert first.id in detail
    assert "1 of 1" in detail
    status = ComputeTarget(workspace, "single").get_status().serialize()
    assert status["nodeStateCounts"]["runningNodeCount"] == 1
    first.cancel()
    second.wait_for_completion()
    third.wait_for_completion()
    assert second.record.ended is not None
    assert third.record.started is not None
    assert second.record.ended <= third.record.started, "first come, first served, one at a time"


@pytest.mark.slow
@pytest.mark.shared_workspace(False)
def test_runs_start_in_the_order_of_their_submission_though_the_clock_was_set_back(
    submit: Submit, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from traindock import ComputeTarget, LocalCompute

    ComputeTarget.create(workspace, "single", LocalCompute.provisioning_configuration(max_nodes=1))
    first = submit("import time; print('started'); time.sleep(600)", compute_target="single")
    wait_for(lambda: "started" in stdout(first), "the first run")
    second = submit("pass", compute_target="single")
    yesterday = time.time() - 86_400
    with monkeypatch.context() as clock:
        clock.setattr(time, "time", lambda: yesterday)
        third = submit("pass", compute_target="single")
    assert third.record.created == yesterday
    for run in (second, third):
        wait_for(lambda run=run: run.get_status() == "Queued", "the run to queue")
    wait_for(
        lambda: f"after {second.id}" in str(third.get_detailed_status()["details"]), "the third to let it go first"
    )
    first.cancel()
    third.wait_for_completion()
    started = [run.record.started for run in (second, third)]
    assert None not in started
    assert started == sorted(started, key=float)
    assert [found.id for found in Run.list(workspace)] == [third.id, second.id, first.id]


@pytest.mark.shared_workspace(False)
def test_a_cancelled_run_in_the_queue_never_starts(submit: Submit, workspace: Workspace) -> None:
    from traindock import ComputeTarget, LocalCompute

    ComputeTarget.create(workspace, "single", LocalCompute.provisioning_configuration(max_nodes=1))
    first = submit("import time; print('started'); time.sleep(600)", compute_target="single")
    wait_for(lambda: "started" in stdout(first), "the first run")
    second = submit("open('outputs/ran', 'w')", compute_target="single")
    wait_for(lambda: second.get_status() == "Queued", "the second run to queue")
    second.cancel()
    assert second.wait_for_completion()["status"] == "Canceled"
    assert "outputs/ran" not in second.get_file_names()
    first.cancel()
    first.wait_for_completion()


def test_the_working_directory_is_a_copy_and_is_gone_afterwards(submit: Submit, workspace: Workspace) -> None:
    run = submit(
        """
        import os
        print(os.getcwd())
        print(sorted(os.listdir(".")))
        open("scratch.txt", "w").write("x")
        open("train.py", "a").write("# changed")
        os.mkdir("outputs/empty")
        """
    )
    run.wait_for_completion()
    where, names = stdout(run).splitlines()
    assert names == "['logs', 'outputs', 'train.py']"
    assert not Path(where).exists()
    assert not any("scratch" in name for name in run.get_file_names())
    assert (run.path / "outputs").is_dir()
    assert not (run.path / "outputs").is_symlink()


def test_outputs_and_logs_that_the_script_deletes_and_makes_again_are_kept(submit: Submit) -> None:
    run = submit(
        """
        import os, shutil
        shutil.rmtree("outputs"); shutil.rmtree("logs")
        os.makedirs("outputs"); open("outputs/after.txt", "w").write("x")
        print("the log survives")
        """
    )
    run.wait_for_completion()
    assert "outputs/after.txt" in run.get_file_names()
    assert stdout(run) == "the log survives\n"


@pytest.mark.shared_workspace(False)
def test_links_between_outputs_are_files_at_any_time_and_what_is_not_kept_is_told(
    submit: Submit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = submit(
        """
        import os, sys, time
        from traindock import Run
        os.mkdir("outputs/epoch-3"); open("outputs/epoch-3/model.pt", "w").write("weights")
        os.symlink("epoch-3", "outputs/latest"); os.symlink("latest/model.pt", "outputs/best.pt")
        os.symlink("/etc/hostname", "outputs/host"); os.mkfifo("outputs/pipe")
        print(*(name for name in Run.get_context().get_file_names() if name.startswith("outputs/")), flush=True)
        while not os.path.exists(sys.argv[1]):
            time.sleep(0.01)
        """,
        tmp_path / "go on",
    )
    kept = ["outputs/best.pt", "outputs/epoch-3/model.pt", "outputs/latest/model.pt"]
    wait_for(lambda: "best.pt" in stdout(run), "the script")
    assert stdout(run).split() == kept
    assert [name for name in run.get_file_names() if name.startswith("outputs/")] == kept
    versions = [run.register_model("running", "outputs/"), run.register_model("best", "outputs/best.pt")]
    (tmp_path / "go on").touch()
    details = run.wait_for_completion(show_output=True)
    assert [name for name in run.get_file_names() if name.startswith("outputs/")] == kept
    versions += [run.register_model("running", "outputs/"), run.register_model("latest", "outputs/latest")]
    for number, version in enumerate(versions):
        path = Path(version.download(tmp_path / f"copy-{number}"))
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        assert [file.read_text() for file in files] == ["weights"] * (3 if version.name == "running" else 1)

    told = ["outputs/host was not kept: it is a link that leads out of its folder"]
    told += ["outputs/pipe was not kept: it is a FIFO"]
    assert [warning["message"] for warning in details["warnings"]] == told
    printed = capsys.readouterr().out
    assert all(f"Warning: {text}\n" in printed for text in told)
    assert main(["--workspace", str(run.workspace.layout.root), "show", run.id]) == 0
    printed = capsys.readouterr().out
    assert all(f"Warning: {text}\n" in printed for text in told)


def test_an_empty_script_completes(submit: Submit) -> None:
    run = submit("")
    run.wait_for_completion()
    assert run.get_status() == "Completed"


def test_a_command_runs_in_place_of_a_script(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "data.txt").write_text("some data\n")
    config = ScriptRunConfig(tmp_path / "src", command=["cat", "data.txt"])
    run = Experiment(workspace, "tests").submit(config)
    run.wait_for_completion()
    assert stdout(run) == "some data\n"


def test_a_command_that_is_not_there_names_itself(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "x").touch()
    run = Experiment(workspace, "tests").submit(ScriptRunConfig(tmp_path / "src", command=["no-such-program"]))
    with pytest.raises(ActivityFailedException, match="no-such-program") as caught:
        run.wait_for_completion()
    assert caught.value.reason == "launch_failed"


@pytest.mark.parametrize("odd", ["with space", "quote's \"", "new\nline", "ünïcode", "-dash", "semi;colon", "$HOME"])
def test_odd_names_and_arguments_arrive_as_they_are(workspace: Workspace, tmp_path: Path, odd: str) -> None:
    source = tmp_path / f"source {odd}"
    source.mkdir()
    (source / f"train {odd}.py").write_text(
        "import sys; print(repr(sys.argv[1:])); open('outputs/' + sys.argv[1], 'w')"
    )
    argument = odd.replace("$HOME", "$NOT_SET_ANYWHERE")
    run = Experiment(workspace, "tests").submit(ScriptRunConfig(source, f"train {odd}.py", [argument]), tags={odd: odd})
    run.wait_for_completion()
    assert stdout(run) == f"{[argument]!r}\n"
    assert run.tags == {odd: odd}
    assert f"outputs/{argument}" in run.get_file_names()


def test_variables_in_arguments_are_expanded_where_the_job_runs(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text("import sys; print(*sys.argv[1:])")
    environment = Environment("env")
    environment.python.user_managed_dependencies = True
    environment.environment_variables = {"COLOUR": "red"}
    config = ScriptRunConfig(tmp_path / "src", "train.py", ["$COLOUR", "${COLOUR}er", "$$"], environment=environment)
    run = Experiment(workspace, "tests").submit(config)
    run.wait_for_completion()
    assert stdout(run) == "red reder $$\n"


@pytest.mark.shared_workspace(False)
def test_a_missing_script_or_folder_is_refused_at_submit(workspace: Workspace, tmp_path: Path) -> None:
    experiment = Experiment(workspace, "tests")
    with pytest.raises(ExperimentExecutionException, match="does not exist"):
        experiment.submit(ScriptRunConfig(tmp_path / "nowhere", "train.py"))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "other.py").touch()
    with pytest.raises(ExperimentExecutionException, match=r"no script 'train\.py'.*there are: other\.py"):
        experiment.submit(ScriptRunConfig(tmp_path / "src", "train.py"))
    with pytest.raises(UserErrorException, match="is not in the source folder"):
        experiment.submit(ScriptRunConfig(tmp_path / "src", "../conftest.py"))
    assert list(Run.list(workspace)) == []


@pytest.mark.shared_workspace(False)
def test_a_source_folder_that_holds_the_workspace_leaves_it_out(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "train.py").write_text("import os; print(os.path.exists('workspace'))")
    run = Experiment(workspace, "tests").submit(ScriptRunConfig(tmp_path, "train.py"))
    run.wait_for_completion()
    assert stdout(run) == "False\n"


@pytest.mark.shared_workspace(False)
def test_children_know_their_parent_and_the_parent_its_children(submit: Submit, workspace: Workspace) -> None:
    parent = submit("print('parent')")
    (Path(parent.path) / "..").resolve()
    source = Path(workspace.layout.root).parent / "child"
    source.mkdir()
    (source / "train.py").write_text("import os; print(os.environ['TRAINDOCK_PARENT_RUN_ID'])")
    child = parent.submit_child(ScriptRunConfig(source, "train.py"))
    child.wait_for_completion()
    parent.wait_for_completion()
    assert stdout(child) == f"{parent.id}\n"
    assert child.parent == parent
    assert list(parent.get_children()) == [child]
    assert list(Run.list(workspace)) == [parent], "children are not listed unless they are asked for"
    assert set(Run.list(workspace, include_children=True)) == {parent, child}


def test_what_a_script_says_about_its_run_is_recorded(submit: Submit) -> None:
    run = submit(
        """
        from traindock import Run
        run = Run.get_context()
        run.tag("stage", "warm-up")
        run.add_properties({"data": "v1"})
        run.display_name = "my best run"
        """
    )
    run.wait_for_completion()
    assert run.tags["stage"] == "warm-up"
    assert run.properties["data"] == "v1"
    assert run.display_name == "my best run"


@pytest.mark.shared_workspace(False)
def test_a_script_registers_its_model(submit: Submit, workspace: Workspace) -> None:
    run = submit(
        """
        from traindock import Run
        open("outputs/model.pt", "w").write("weights")
        model = Run.get_context().register_model("from-job", "outputs/model.pt", tags={"by": "script"})
        print(model.name, model.version)
        """
    )
    run.wait_for_completion()
    assert stdout(run) == "from-job 1\n"
    assert workspace.models["from-job"].tags == {"by": "script"}


def test_the_plan_is_stored_with_the_run(submit: Submit) -> None:
    import json

    run = submit("pass", "--x", 1)
    run.wait_for_completion()
    plan = json.loads((run.path / "plan.json").read_text())
    assert plan["command"][-3:] == ["train.py", "--x", "1"]
    assert plan["environment"]["action"] == "user_managed"
    assert plan["variables"]["TRAINDOCK_RUN_ID"] == run.id


def test_a_run_prints_as_four_lines_and_as_a_table(submit: Submit) -> None:
    run = submit("pass", tags={"<b>": "&"})
    run.wait_for_completion()
    assert str(run).splitlines() == [
        "Run(Experiment: tests,",
        f"Id: {run.id},",
        "Type: traindock.scriptrun,",
        "Status: Completed)",
    ]
    run.display_name = "<script>alert(1)</script>"
    assert "<script>" not in run._repr_html_()


def stdout(run: Run) -> str:
    try:
        return (run.path / "driver" / "stdout.txt").read_text()
    except FileNotFoundError:
        return ""


def test_the_jobs_environment_is_clean(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINDOCK_SECRET_OF_THE_DISPATCHER", "x")
    run = submit("import os; print(sorted(n for n in os.environ if 'SECRET' in n), os.environ['CUDA_VISIBLE_DEVICES'])")
    run.wait_for_completion()
    assert stdout(run) == "[] \n"
    assert os.getpid() > 0


def test_search_paths_that_the_user_sets_come_after_those_that_the_job_needs(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "mine.py").write_text("value = 'mine'")
    (tmp_path / "lib" / "traindock.py").write_text("raise SystemExit('the wrong one')")
    tool = tmp_path / "lib" / "some-tool"
    tool.write_text("#!/bin/sh\necho tool")
    tool.chmod(0o755)
    (tmp_path / "train.py").write_text(
        "import mine, os, subprocess, sys\n"
        "from traindock import Run\n"
        "Run.get_context().log('x', 1)\n"
        "path = os.environ['PATH']\n"
        "print(mine.value, path.startswith(os.path.dirname(sys.executable)))\n"
        "sys.stdout.flush(); subprocess.run('some-tool')\n"
    )
    environment = Environment.from_existing_interpreter("mine")
    environment.environment_variables = {"PYTHONPATH": "./lib", "PATH": f"{tmp_path / 'lib'}:/usr/bin:/bin"}
    run = Experiment(workspace, "tests").submit(ScriptRunConfig(tmp_path, "train.py", environment=environment))
    run.wait_for_completion()
    assert stdout(run) == "mine True\ntool\n"
    assert run.get_metrics() == {"x": 1}


@pytest.mark.parametrize("name", ["CUDA_VISIBLE_DEVICES", "TRAINDOCK_METRICS_DIR"])
def test_variables_that_are_traindocks_own_are_refused_at_submit(submit: Submit, name: str) -> None:
    environment = Environment.from_existing_interpreter("mine")
    environment.environment_variables = {name: "0"}
    with pytest.raises(UserErrorException, match=f"{name}.* cannot be set for a run"):
        submit("pass", environment=environment)
