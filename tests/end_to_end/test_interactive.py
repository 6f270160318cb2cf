"""Runs that a notebook's kernel logs into, and children that a job makes: as their users see them."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.conftest import PYTHON, Submit, dispatcher_of, kill, wait_for

from traindock import (
    ActivityFailedException,
    Experiment,
    Reason,
    Run,
    SnapshotException,
    StoreException,
    UserErrorException,
    Workspace,
    interactive,
)
from traindock.interactive import InteractiveRun
from traindock.store.run_records import run_ids


@pytest.fixture
def experiment(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """An experiment; the test works in an empty folder, as a notebook would in its own."""
    here = tmp_path / "notebook"
    here.mkdir()
    monkeypatch.chdir(here)
    return Experiment(workspace, "tests")


Kernel = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def kernel(experiment: Experiment) -> Iterator[Kernel]:
    """Start another process that logs into a run; its code finds ``experiment`` and says ``ready`` when it waits."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str) -> subprocess.Popen[str]:
        head = f"""
            import multiprocessing, os, sys, time
            from traindock import *
            experiment = Experiment(Workspace({str(experiment.workspace.layout.root)!r}), {experiment.name!r})
            def ready(*words):
                os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # whole, whoever else prints
        """
        process = subprocess.Popen(
            [PYTHON, "-c", textwrap.dedent(head) + textwrap.dedent(code)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its forks hold the pipe, too
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line that a kernel prints."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"the kernel ended with code {process.wait()}"
    return line.strip()


def ended(run: Run) -> str:
    """Wait for the end of a run, and return its state."""
    wait_for(lambda: run.record.state.terminal, f"the end of {run.id}")
    return run.get_status()


def states(run: Run) -> list[str]:
    return [change.state.value for change in run.record.history]


@pytest.mark.shared_workspace
class TestARunOfThisProcess:
    @pytest.mark.shared_workspace(False)
    def test_it_logs_runs_and_completes_with_its_outputs(self, experiment: Experiment, workspace: Workspace) -> None:
        run = experiment.start_logging(display_name="by hand", tags={"kind": "try"})
        for step in range(3):
            run.log("loss", 1.0 / (step + 1))
        run.log_row("table", a=1, b=2.0)
        run.log_list("list", [1, 2])
        wait_for(lambda: run.get_status() == "Running", "the dispatcher")
        Path("outputs/deep").mkdir(parents=True)
        Path("outputs/deep/model.pt").write_text("weights")
        run.complete()
        assert run.get_status() == "Completed"
        assert run.reason is Reason.FINISHED
        assert states(run) == ["NotStarted", "Preparing", "Queued", "Running", "Finalizing", "Completed"]
        assert run.get_metrics()["loss"] == [1.0, 0.5, 1 / 3]
        assert "outputs/deep/model.pt" in run.get_file_names()
        assert (run.display_name, run.tags, run.type) == ("by hand", {"kind": "try"}, "traindock.interactive")
        assert Path("outputs/deep/model.pt").read_text() == "weights"
        assert [found.id for found in experiment.get_runs(status="Completed")] == [run.id]
        assert workspace.run_folder(run.id).load().exit["exit_code"] == 0

    def test_files_are_uploaded_at_once_and_are_not_replaced_by_those_of_the_folder(
        self, experiment: Experiment, tmp_path: Path
    ) -> None:
        run = experiment.start_logging()
        Path("outputs").mkdir()
        Path("outputs/a.txt").write_text("of the folder")
        (tmp_path / "a.txt").write_text("uploaded")
        run.upload_file("outputs/a.txt", tmp_path / "a.txt")
        run.upload_files(["x/b.txt", "c.txt"], [tmp_path / "a.txt", tmp_path / "a.txt"])
        run.upload_folder("folder", tmp_path / "notebook" / "outputs")
        names = {"outputs/a.txt", "x/b.txt", "c.txt", "folder/a.txt"}
        assert set(run.get_file_names()) == names
        os.mkfifo("outputs/fifo")
        run.complete()
        assert set(run.get_file_names()) == names
        run.download_file("outputs/a.txt", tmp_path / "back.txt")
        assert (tmp_path / "back.txt").read_text() == "uploaded"
        warnings = [warning["message"] for warning in run.get_details()["warnings"]]
        assert any("'outputs/a.txt' was uploaded before" in text for text in warnings)
        assert any("fifo is no regular file" in text for text in warnings)

    @pytest.mark.parametrize("off", [None, False])
    def test_no_outputs_are_taken_where_none_are_wanted(self, experiment: Experiment, off: bool | None) -> None:
        Path("outputs").mkdir()
        Path("outputs/a.txt").write_text("x")
        run = experiment.start_logging(outputs=off)
        run.complete()
        assert run.get_file_names() == []

    def test_the_folder_of_outputs_is_the_one_of_the_start(
        self, experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = experiment.start_logging(outputs="results")
        Path("results").mkdir()
        Path("results/a.txt").write_text("x")
        monkeypatch.chdir(tmp_path)
        run.complete()
        assert run.get_file_names() == ["outputs/a.txt"]

    def test_its_folder_is_snapshot_unless_told_otherwise(self, experiment: Experiment, tmp_path: Path) -> None:
        Path("helper.py").write_text("x = 1\n")
        with experiment.start_logging() as run:
            pass
        run.restore_snapshot(path=tmp_path / "restored")
        assert (tmp_path / "restored" / "helper.py").read_text() == "x = 1\n"
        with experiment.start_logging(snapshot_directory=None) as run:
            pass
        assert run.get_snapshot_id() == ""

    @pytest.mark.shared_workspace(False)
    def test_a_folder_too_large_or_missing_is_refused_with_the_way_out(
        self, experiment: Experiment, workspace: Workspace
    ) -> None:
        Path("big").write_bytes(bytes(20))
        workspace.layout.settings.write_text("[snapshot]\nmax_bytes = 10\n")
        with pytest.raises(SnapshotException, match="snapshot_directory=None"):
            experiment.start_logging()
        with pytest.raises(UserErrorException, match="'absent' does not exist"):
            experiment.start_logging(snapshot_directory="absent")
        assert run_ids(workspace.layout) == []

    def test_a_block_that_raises_fails_with_the_error_which_goes_on(self, experiment: Experiment) -> None:
        with pytest.raises(ZeroDivisionError), experiment.start_logging() as run:
            run.log("loss", 1 / int(run.tags == "none"))
        assert run.get_status() == "Failed"
        assert run.get_detailed_status()["details"] == "ZeroDivisionError: division by zero"
        with pytest.raises(ActivityFailedException, match="ZeroDivisionError: division by zero") as caught:
            run.wait_for_completion()
        assert any("run.log(" in line for line in caught.value.log_tail)

    def test_a_failure_can_be_said(self, experiment: Experiment) -> None:
        run = experiment.start_logging()
        run.fail("no data", error_code="DataMissing")
        assert run.get_detailed_status() == {
            "status": "Failed",
            "reason": "exited_nonzero",
            "details": "DataMissing: no data",
        }

    def test_a_very_long_error_is_shortened_and_still_recorded(self, experiment: Experiment) -> None:
        with pytest.raises(ValueError), experiment.start_logging() as run:
            raise ValueError("ä" * 100_000)
        assert run.get_status() == "Failed"
        assert str(run.get_detailed_status()["details"]).startswith("ValueError: ää")

    def test_leaving_by_exit_0_completes(self, experiment: Experiment) -> None:
        with pytest.raises(SystemExit), experiment.start_logging() as run:
            sys.exit(0)
        assert run.get_status() == "Completed"

    def test_what_was_ended_stays_so(self, experiment: Experiment) -> None:
        run = experiment.start_logging()
        run.complete()
        run.complete()
        run.fail("too late")
        assert run.get_status() == "Completed"
        with pytest.raises(UserErrorException, match=r"was ended by complete\(\)"):
            run.log("loss", 1.0)

    def test_waiting_for_ones_own_end_does_not_hang(
        self, experiment: Experiment, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run = experiment.start_logging()
        assert run.wait_for_completion()["runId"] == run.id
        assert "not waiting" in capsys.readouterr().out
        run.complete()
        assert run.wait_for_completion()["status"] == "Completed"

    def test_the_context_stays_offline(self, experiment: Experiment) -> None:
        with experiment.start_logging():
            assert Run.get_context().id.startswith("OfflineRun_")

    @pytest.mark.shared_workspace(False)
    def test_it_takes_no_node(self, experiment: Experiment, workspace: Workspace, submit: Submit) -> None:
        from traindock import ComputeTarget, LocalCompute

        ComputeTarget.create(workspace, "one", LocalCompute.provisioning_configuration(max_nodes=1))
        runs = [experiment.start_logging() for _ in range(3)]
        assert submit("print('hello')", compute_target="one").wait_for_completion()["status"] == "Completed"
        limit = max(1, (os.cpu_count() or 1) // 2)
        jobs = [submit("print('hello')") for _ in range(limit)]
        assert {job.wait_for_completion()["status"] for job in jobs} == {"Completed"}
        assert {run.get_status() for run in runs} == {"Running"}
        for run in runs:
            run.complete()

    def test_its_model_can_be_registered(self, experiment: Experiment) -> None:
        Path("outputs").mkdir()
        Path("outputs/model.pt").write_text("weights")
        with experiment.start_logging() as run:
            pass
        model = run.register_model("net", "outputs/model.pt", datasets=["ants"])
        assert (model.version, model.lineage.datasets) == (1, ("ants",))


@pytest.mark.slow
class TestAsking:
    def test_a_cancel_from_elsewhere_is_noticed_and_kills_nobody(
        self, experiment: Experiment, workspace: Workspace, kernel: Kernel
    ) -> None:
        process = kernel(
            """
            try:
                with experiment.start_logging() as run:
                    ready(run.id)
                    while True:
                        run.log("loss", 1.0)
                        time.sleep(0.01)
            except RunCanceledException as error:
                ready("stopped:", error)
            input()
            ready("alive")
            """
        )
        run = Run.get(workspace, line_of(process))
        wait_for(lambda: run.get_status() == "Running", "the dispatcher")
        run.cancel()
        assert line_of(process).startswith(f"stopped: run {run.id} was canceled by")
        assert ended(run) == "Canceled"
        assert run.reason is Reason.CANCELED_BY_USER
        process.communicate("\n")
        assert process.returncode == 0

    def test_it_ends_as_canceled_when_it_completes_without_noticing(self, experiment: Experiment) -> None:
        run = experiment.start_logging()
        Run.get(experiment.workspace, run.id).cancel()
        wait_for(lambda: run.get_status() == "CancelRequested", "the dispatcher")
        run.complete()
        assert run.get_status() == "Canceled"

    def test_a_failure_after_a_cancel_is_a_failure(self, experiment: Experiment) -> None:
        run = experiment.start_logging()
        Run.get(experiment.workspace, run.id).cancel()
        run.fail("broken anyway")
        assert run.get_status() == "Failed"

    def test_its_own_process_cancels_at_once(self, experiment: Experiment) -> None:
        run = experiment.start_logging()
        run.cancel()
        assert run.get_status() == "Canceled"


@pytest.mark.slow
class TestWhenProcessesDie:
    def test_a_killed_kernel_leaves_a_lost_run_with_all_it_logged(
        self, experiment: Experiment, workspace: Workspace, kernel: Kernel
    ) -> None:
        process = kernel(
            """
            run = experiment.start_logging()
            run.upload_file("outputs/part.txt", __import__("io").BytesIO(b"half"))
            for value in range(100):
                run.log("loss", float(value))
            ready(run.id)
            time.sleep(600)
            """
        )
        run = Run.get(workspace, line_of(process))
        process.kill()
        assert ended(run) == "Failed"
        assert run.reason is Reason.LOST
        assert f"({process.pid} on " in str(run.get_detailed_status()["details"])
        assert run.get_metrics()["loss"] == [float(value) for value in range(100)]
        assert "outputs/part.txt" in run.get_file_names()

    def test_a_kernel_that_ends_without_a_word_is_no_success(self, workspace: Workspace, kernel: Kernel) -> None:
        process = kernel("run = experiment.start_logging(); ready(run.id)")
        run = Run.get(workspace, line_of(process))
        assert ended(run) == "Failed"
        assert run.reason is Reason.LOST

    def test_a_fork_that_outlives_the_kernel_does_not_keep_its_run_going(
        self, workspace: Workspace, kernel: Kernel
    ) -> None:
        process = kernel(
            """
            run = experiment.start_logging()
            child = os.fork()
            if child == 0:
                run.log("loss", 2.0)
                ready(os.getpid())
                time.sleep(600)
            run.log("loss", 1.0)
            ready(run.id)
            time.sleep(600)
            """
        )
        said = {line_of(process), line_of(process)}
        (fork,) = [int(word) for word in said if word.isdigit()]
        (run_id,) = [word for word in said if not word.isdigit()]
        try:
            process.kill()
            run = Run.get(workspace, run_id)
            assert ended(run) == "Failed"
            assert run.reason is Reason.LOST
            assert psutil.pid_exists(fork)
            assert sorted(run.get_metrics()["loss"]) == [1.0, 2.0]
        finally:
            psutil.Process(fork).kill()

    def test_a_fork_cannot_end_the_run_of_its_parent(self, workspace: Workspace, kernel: Kernel) -> None:
        process = kernel(
            """
            try:
                with experiment.start_logging() as run:
                    if os.fork() == 0:
                        try:
                            run.complete()
                        except UserErrorException as error:
                            run.log("refused", str(error))
                        sys.exit(3)
                    code = os.waitstatus_to_exitcode(os.wait()[1])
                    ready(run.id, code, run.get_status() in ("NotStarted", "Preparing", "Queued", "Running"))
                    input()
            except SystemExit as error:  # in the fork, untouched by the block that it left
                os._exit(error.code)
            """
        )
        run_id, code, going = line_of(process).split()
        run = Run.get(workspace, run_id)
        assert (code, going) == ("3", "True")
        wait_for(lambda: run.get_status() == "Running", "the dispatcher")
        process.communicate("\n")
        assert ended(run) == "Completed"
        assert "can only be ended by the process that started it" in run.get_metrics()["refused"]

    def test_workers_of_a_pool_log_too(self, workspace: Workspace, kernel: Kernel) -> None:
        process = kernel(
            """
            with experiment.start_logging() as run:
                def work(value):
                    run.log("loss", float(value))
                context = multiprocessing.get_context("fork")
                workers = [context.Process(target=work, args=(value,)) for value in range(5)]
                for worker in workers: worker.start()
                for worker in workers: worker.join()
            ready(run.id, run.get_status())
            """
        )
        run_id, status = line_of(process).split()
        assert status == "Completed"
        assert sorted(Run.get(workspace, run_id).get_metrics()["loss"]) == [0.0, 1.0, 2.0, 3.0, 4.0]

    def test_the_next_dispatcher_goes_on_with_it(self, experiment: Experiment, workspace: Workspace) -> None:
        run = experiment.start_logging()
        wait_for(lambda: run.get_status() == "Running", "the dispatcher")
        kill(dispatcher_of(workspace))
        run.log("loss", 1.0)
        run.complete()
        assert run.get_status() == "Completed"
        assert states(run).count("Running") == 1

    @pytest.mark.parametrize("point", ["before-seal", "after-seal"])
    def test_a_dispatcher_that_dies_while_it_ends_the_run_is_followed_by_one_that_does(
        self, experiment: Experiment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, point: str
    ) -> None:
        monkeypatch.setenv("TRAINDOCK_FAULT", f"dispatcher.{point}:kill")
        monkeypatch.setenv("TRAINDOCK_FAULT_ONCE", str(tmp_path / "hit"))
        monkeypatch.setattr(interactive, "_END_SECONDS", 1.0)  # nobody starts the next one as long as the block ends
        Path("outputs").mkdir()
        Path("outputs/model.pt").write_text("weights")
        with experiment.start_logging() as run:
            (child,) = run.create_children(1)
        assert {run.wait_for_completion()["status"], child.wait_for_completion()["status"]} == {"Completed"}
        assert (tmp_path / "hit").exists()
        assert states(run)[-2:] == ["Finalizing", "Completed"]
        assert run.get_file_names() == ["outputs/model.pt"]

    def test_a_disk_that_refuses_the_outputs_leaves_the_run_going_until_there_is_room(
        self, experiment: Experiment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def full(*_: object) -> None:
            raise StoreException("no space left on device")

        Path("outputs").mkdir()
        for name in "ab":
            Path("outputs", name).write_text(name)
        run = experiment.start_logging()
        with monkeypatch.context() as patched:
            patched.setattr("traindock.runtime.files.write_new", full)
            with pytest.raises(StoreException):
                run.complete()
            with pytest.raises(KeyError), run:
                raise KeyError("says more than the disk")
        assert "no space left" in capsys.readouterr().out
        run.log("loss", 1.0)
        assert run.get_status() != "Completed"
        run.complete()
        assert run.get_status() == "Completed"
        assert run.get_file_names() == ["outputs/a", "outputs/b"]
        assert "warnings" not in run.get_details()

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
    def test_whatever_the_system_refuses_when_it_ends_has_a_type_and_can_be_tried_again(
        self, experiment: Experiment, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(code, os.strerror(code))

        Path("outputs/below").mkdir(parents=True)
        Path("outputs/below/model.pt").write_text("weights")
        run = experiment.start_logging()
        for name in ("traindock.runtime.context.JobRun.upload_file", "os.walk", "os.pwrite"):
            with monkeypatch.context() as patched:
                patched.setattr(name, refuse)
                with pytest.raises(StoreException, match=os.strerror(code)):
                    run.complete()
        run.complete()
        assert (ended(run), run.get_file_names()) == ("Completed", ["outputs/below/model.pt"])

    def test_what_the_system_refuses_once_it_has_ended_is_told(
        self, experiment: Experiment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        for name, told in (
            ("traindock.store.changes._append", "the dispatcher takes note of it a little later"),
            ("traindock.dispatcher.start.ensure", "its end is recorded once a dispatcher is at work"),
            ("traindock.interactive.Watcher", "its end is recorded once a dispatcher is at work"),
        ):
            run = experiment.start_logging()
            with monkeypatch.context() as patched:
                patched.setattr(name, full)
                run.complete()
            said = capsys.readouterr().out
            assert f"run {run.id} has ended, and {told}: " in said
            assert "No space left" in said
            assert run.wait_for_completion()["status"] == "Completed"

    def test_a_run_that_died_before_it_was_published_leaves_nothing(self, workspace: Workspace, kernel: Kernel) -> None:
        process = kernel("os.environ['TRAINDOCK_FAULT'] = 'submit.after-event:kill'; experiment.start_logging()")
        assert process.wait() == -9
        assert run_ids(workspace.layout) == []


class TestChildrenOfThisProcess:
    def test_they_belong_to_their_parent_and_end_with_it(self, experiment: Experiment) -> None:
        with experiment.start_logging() as run:
            with run.child_run("fold-1") as first:
                first.log("loss", 0.5)
            others = run.create_children(tag_key="fold", tag_values=[2, 3])
            others[0].log("loss", 0.25)
            below = others[0].child_run("below")
            assert first.get_status() == "Completed"
            assert {child.id for child in run.get_children()} == {first.id, *(child.id for child in others)}
            assert below.id in {child.id for child in run.get_children(recursive=True)}
        assert [child.tags for child in others] == [{"fold": "2"}, {"fold": "3"}]
        assert {child.get_status() for child in run.get_children(recursive=True)} == {"Completed"}
        assert first.parent == run
        assert run.get_metrics(recursive=True)[first.id] == {"loss": 0.5}
        assert [found.id for found in experiment.get_runs()] == [run.id]

    def test_any_run_can_get_some_until_it_has_ended(self, submit: Submit, experiment: Experiment) -> None:
        job = submit("import time; time.sleep(600)")
        child: InteractiveRun = job.child_run("beside")
        (other,) = job.create_children(1)
        job.cancel()
        job.wait_for_completion()
        assert child.parent == job
        child.complete()
        other.fail()
        assert (child.get_status(), other.get_status()) == ("Completed", "Failed")
        with pytest.raises(UserErrorException, match=r"has ended \(Canceled\)"):
            job.child_run()

    def test_wrong_numbers_are_refused(self, experiment: Experiment) -> None:
        with experiment.start_logging() as run:
            with pytest.raises(UserErrorException, match="1 to 100"):
                run.create_children(101)
            with pytest.raises(UserErrorException, match="a count, or both"):
                run.create_children()
            with pytest.raises(UserErrorException, match="choose another id"):
                run.child_run(run_id=run.id)
            assert list(run.get_children()) == []


@pytest.mark.slow
@pytest.mark.shared_workspace
class TestChildrenOfAJob:
    def test_a_job_logs_into_children_of_its_own(self, submit: Submit, workspace: Workspace) -> None:
        run = submit(
            """
            from traindock import Run
            run = Run.get_context()
            with run.child_run("fold-1") as child:
                child.log("loss", 0.5)
                child.tag("kind", "first")
                child.upload_file("outputs/fold.txt", __file__)
                model = child.register_model("fold", "outputs/fold.txt")
                print("model", model.version, "parent", child.parent.id == run.id)
            for child in run.create_children(tag_key="fold", tag_values=[2, 3]):
                child.log("loss", 0.25)
                child.complete()
            """
        )
        assert run.wait_for_completion()["status"] == "Completed"
        assert "model 1 parent True" in (run.path / "driver" / "stdout.txt").read_text()
        children = {child.display_name: child for child in run.get_children()}
        assert {child.get_status() for child in children.values()} == {"Completed"}
        assert len(children) == 3
        first = children["fold-1"]
        assert first.tags == {"kind": "first"}
        assert run.tags == {}
        assert first.get_metrics() == {"loss": 0.5}
        assert first.get_file_names() == ["outputs/fold.txt"]
        assert (first.type, first.experiment, first.parent) == ("traindock.childrun", run.experiment, run)
        assert sorted(child.tags.get("fold", "") for child in children.values()) == ["", "2", "3"]
        assert len({child.number for child in children.values()}) == 3
        assert first.get_snapshot_id() == run.get_snapshot_id()
        assert workspace.models["fold"].version == 1

    def test_an_error_in_the_block_fails_the_child_alone(self, submit: Submit) -> None:
        run = submit(
            """
            from traindock import Run
            run = Run.get_context()
            try:
                with run.child_run("broken") as child:
                    raise ValueError("no such luck")
            except ValueError:
                print("went on")
            run.child_run("said").fail("by hand", error_code="E1")
            run.child_run("given up").cancel()
            """
        )
        assert run.wait_for_completion()["status"] == "Completed"
        found = {child.display_name: child.get_detailed_status() for child in run.get_children()}
        assert found["broken"]["status"] == "Failed"
        assert found["broken"]["details"] == "ValueError: no such luck"
        assert found["said"]["details"] == "E1: by hand"
        assert found["given up"]["status"] == "Canceled"

    @pytest.mark.parametrize(
        ("end", "reason"), [("pass", Reason.FINISHED), ("raise SystemExit(3)", Reason.EXITED_NONZERO)]
    )
    def test_what_the_job_leaves_open_ends_like_the_job(self, submit: Submit, end: str, reason: Reason) -> None:
        run = submit(
            f"""
            from traindock import Run
            child = Run.get_context().child_run("open")
            child.log("loss", 1.0)
            below = child.child_run("below")
            {end}
            """
        )
        run.wait_for_completion(raise_on_error=False)
        children = list(run.get_children(recursive=True))
        assert [child.reason for child in children] == [reason, reason]
        assert all(f"ended with the job of {run.id}" in child.record.detail for child in children)
        assert {child.display_name: child.get_metrics() for child in children} == {"open": {"loss": 1.0}, "below": {}}

    def test_a_killed_job_takes_its_children_along(self, submit: Submit) -> None:
        run = submit(
            """
            import os
            from traindock import Run
            Run.get_context().create_children(3)
            os.kill(os.getpid(), 9)
            """
        )
        run.wait_for_completion(raise_on_error=False)
        assert [child.reason for child in run.get_children()] == [Reason.KILLED_BY_SIGNAL] * 3

    def test_a_canceled_child_ends_as_canceled_and_its_job_goes_on(self, submit: Submit, tmp_path: Path) -> None:
        run = submit(
            f"""
            import os, time
            from traindock import Run
            with Run.get_context().child_run("fold") as child:
                while not os.path.exists({str(tmp_path / "go")!r}):
                    time.sleep(0.01)
            """
        )
        (child,) = wait_for(lambda: list(run.get_children()), "the child")
        child.cancel()
        wait_for(lambda: child.get_status() == "CancelRequested", "the dispatcher")
        (tmp_path / "go").touch()
        assert run.wait_for_completion()["status"] == "Completed"
        assert child.get_status() == "Canceled"

    @pytest.mark.shared_workspace(False)
    def test_a_dispatcher_that_dies_makes_no_child_twice_and_forgets_none(
        self, submit: Submit, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Killed within the making of a child, after its event and before anybody can see it."""
        run = submit(
            f"""
            import os, time
            from traindock import Run
            run = Run.get_context()
            open({str(tmp_path / "there")!r}, "w")
            while not os.path.exists({str(tmp_path / "go")!r}):
                time.sleep(0.01)
            for child in run.create_children(5):
                child.log("loss", 1.0)
                child.complete()
            """
        )
        wait_for((tmp_path / "there").exists, "the script")
        kill(dispatcher_of(workspace))
        monkeypatch.setenv("TRAINDOCK_FAULT", "submit.after-event:kill")
        monkeypatch.setenv("TRAINDOCK_FAULT_ONCE", str(tmp_path / "hit"))
        (tmp_path / "go").touch()
        assert run.wait_for_completion()["status"] == "Completed"
        assert (tmp_path / "hit").exists()
        children = list(run.get_children())
        assert [child.get_status() for child in children] == ["Completed"] * 5
        assert [child.get_metrics() for child in children] == [{"loss": 1.0}] * 5
        assert [path.name for path in workspace.layout.runs.glob(".new-*")] == []

    def test_an_ended_child_takes_nothing_more(self, submit: Submit) -> None:
        run = submit(
            """
            from traindock import Run, UserErrorException
            child = Run.get_context().child_run()
            child.complete()
            calls = [(child.log, "a", 1.0), (child.log_list, "b", [1]), (child.upload_file, "x", "y")]
            for call, *arguments in calls:
                try:
                    call(*arguments)
                except UserErrorException as error:
                    print("refused:", "was ended by complete()" in str(error))
            """
        )
        run.wait_for_completion()
        assert (run.path / "driver" / "stdout.txt").read_text() == "refused: True\n" * 3

    def test_a_fork_that_leaves_the_block_does_not_end_the_child(self, submit: Submit) -> None:
        run = submit(
            """
            import os, sys
            from traindock import Run
            with Run.get_context().child_run() as child:
                if os.fork() == 0:
                    raise SystemExit(1)
                os.wait()
                child.log("loss", 1.0)
            """
        )
        run.wait_for_completion()
        (child,) = run.get_children()
        assert (child.get_status(), child.get_metrics()) == ("Completed", {"loss": 1.0})

    @pytest.mark.shared_workspace(False)
    def test_a_job_reaches_no_other_run(self, submit: Submit, experiment: Experiment, workspace: Workspace) -> None:
        other = experiment.start_logging()
        run = submit(
            f"""
            import os
            from traindock import Run, TraindockError
            from traindock.requests import ask, send
            folder = os.environ["TRAINDOCK_REQUESTS_DIR"]
            for about in ({other.id!r}, "../../elsewhere", 7):
                send(folder, "tag", run=about, tags={{"stolen": "yes"}})
                send(folder, "end_child", run=about, exit={{"exit_code": 0}})
                try:
                    ask(folder, "child_run", 30, run=about)
                except TraindockError as error:
                    print(error)
            for wrong in ({other.id!r}, "../escape", "x" * 300):
                try:
                    Run.get_context().child_run(run_id=wrong)
                except TraindockError as error:
                    print(error)
            send(folder, "end_child", run=os.environ["TRAINDOCK_RUN_ID"], exit={{"exit_code": 1}})
            """
        )
        assert run.wait_for_completion()["status"] == "Completed"
        said = (run.path / "driver" / "stdout.txt").read_text().splitlines()
        assert [("neither the run of this job" in line) for line in said[:3]] == [True] * 3
        assert "already" in said[3]
        assert all("is no run id name" in line for line in said[4:])
        assert len(said) == 6
        assert other.tags == {}
        assert other.get_status() == "Running"
        assert set(run_ids(workspace.layout)) == {run.id, other.id}
        other.complete()

    def test_what_is_no_end_is_refused_or_taken_for_a_failure(self, submit: Submit) -> None:
        run = submit(
            """
            import os
            from traindock import Run
            from traindock.requests import send
            run = Run.get_context()
            children = run.create_children(3)
            ends = [{"exit_code": "0", "error": ["x"], "seconds": "long"}, {}, "done"]
            for child, end in zip(children, ends):
                send(os.environ["TRAINDOCK_REQUESTS_DIR"], "end_child", run=child.id, exit=end)
            """
        )
        assert run.wait_for_completion()["status"] == "Completed"
        children = sorted(run.get_children(), key=lambda child: child.number)
        assert [child.get_details()["status"] for child in children] == ["Failed", "Failed", "Completed"]


def test_a_thousand_points_are_not_slowed_by_looking_for_a_cancel(experiment: Experiment) -> None:
    """Looking reads the run's record only when it has grown: not once for each point."""
    run = experiment.start_logging()
    wait_for(lambda: run.get_status() == "Running", "the dispatcher")
    run.log("loss", 1.0)
    reads: list[float] = []
    original = type(run).record

    class Counting(InteractiveRun):
        @property
        def record(self):  # type: ignore[no-untyped-def]
            reads.append(time.monotonic())
            return original.fget(self)

    run.__class__ = Counting
    for _ in range(1000):
        run.log("loss", 1.0)
    assert len(reads) <= 1
    run.complete()
