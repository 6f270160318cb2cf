"""Runs of processes that are killed, forked or left alone."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import psutil
import pytest
from tests.conftest import dispatcher_of, kill, wait_for
from tests.end_to_end.interactive.conftest import Kernel, ended, line_of, states

from traindock import (
    Experiment,
    Reason,
    Run,
    StoreException,
    Workspace,
    interactive,
)
from traindock.store.run_records import run_ids


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
