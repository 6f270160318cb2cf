"""Runs that a notebook's kernel logs into, as their users see them."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from tests.conftest import Submit, wait_for
from tests.end_to_end.interactive.conftest import Kernel, ended, line_of, states

from traindock import (
    ActivityFailedException,
    Experiment,
    Reason,
    Run,
    SnapshotException,
    UserErrorException,
    Workspace,
)
from traindock.interactive import InteractiveRun
from traindock.store.run_records import run_ids


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

    @pytest.mark.slow
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
