"""Which run a script finds itself in, and what that says of itself."""

from __future__ import annotations

import inspect
import io
import os
from pathlib import Path
from typing import Any

import pytest
from tests.trainer.runtime.run.conftest import parameters

from traindock import errors
from traindock.interactive import InteractiveRun
from traindock.runtime.context import JobRun, Run
from traindock.runtime.offline import OfflineRun


class TestContext:
    def test_inside_a_job_it_is_one_object(self, job: Run) -> None:
        assert isinstance(job, JobRun)
        assert Run.get_context() is job

    def test_outside_it_is_one_object_too(self, offline: Run) -> None:
        assert isinstance(offline, OfflineRun)
        assert Run.get_context() is offline

    def test_outside_it_can_be_refused(self, offline: Run) -> None:
        with pytest.raises(errors.RunEnvironmentException, match="submit"):
            Run.get_context(allow_offline=False)

    def test_who_it_is(self, job: Run) -> None:
        assert job.id == "exp_1700000000_0123abcd"
        assert (job.number, job.parent) == (7, None)
        assert (job.experiment.name, job.experiment.workspace.name) == ("exp", "ws")
        assert (job.display_name, job.name, job.description) == ("first try", "first try", "")
        assert str(job).splitlines() == [
            "Run(Experiment: exp,",
            "Id: exp_1700000000_0123abcd,",
            "Type: traindock.scriptrun,",
            "Status: Running)",
        ]
        assert (job.input_datasets, job.output_datasets) == ({}, {})
        details = job.get_details()
        assert (details["runId"], details["status"], details["target"]) == (job.id, "Running", "local")
        assert job.get_snapshot_id() == "5" * 64
        assert job.workspace.name == "ws"
        assert (job.reason, job.get_detailed_status()["status"]) == (None, "Running")
        assert details["runDefinition"] == {"arguments": ["--lr", "0.1"]}

    def test_its_parent_is_known_but_not_written_to(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TRAINDOCK_PARENT_RUN_ID", "sweep_1")
        parent = Run.get_context().parent
        assert parent is not None
        assert (parent.id, parent.experiment.name) == ("sweep_1", "exp")
        with pytest.raises(errors.UserErrorException, match="only the run of the job itself"):
            parent.log("loss", 1)

    @pytest.mark.parametrize("content", ["", "[]", "{broken", '{"tags": 5}', None])
    def test_a_damaged_record_costs_only_its_names(self, job: Run, folder: Path, content: str | None) -> None:
        path = folder / "job.json"
        path.unlink()
        if content is not None:
            path.write_text(content)
        assert job.get_tags() == {}
        assert job.display_name == job.id
        job.tag("a", 1)
        assert job.get_tags() == {"a": "1"}

    def test_nothing_is_missing_outside_of_a_job(self) -> None:
        def public(kind: type) -> dict[str, Any]:
            found = {name: getattr(kind, name) for name in dir(kind) if not name.startswith("_")}
            return {name: inspect.signature(one) if callable(one) else type(one) for name, one in found.items()}

        assert public(OfflineRun) == public(JobRun) == public(Run)

    def test_nothing_that_runs_have_is_missing_in_their_own_script(self) -> None:
        """Under the same names, with the same parameters: code moves between notebook and script as it is."""
        only_outside = {
            "record": "what the run's folder says",
            "signed": "a job was signed, or it would not run",
            "resources": "what a job uses is looked at from outside of it",
            "get_resources": "as above",
            "move_before": "a run that waits executes nothing",
            "move_to_front": "as above",
        }

        def public(kind: type) -> dict[str, Any]:
            return {name: inspect.getattr_static(kind, name) for name in dir(kind) if not name.startswith("_")}

        outside, inside = public(InteractiveRun), public(Run)
        assert set(outside) - set(inside) == set(only_outside)
        for name in outside.keys() & inside.keys():
            assert isinstance(outside[name], property) == isinstance(inside[name], property), name
            assert isinstance(outside[name], staticmethod) == isinstance(inside[name], staticmethod), name
            if not isinstance(outside[name], property):
                wanted = parameters(getattr(InteractiveRun, name))
                assert parameters(getattr(Run, name))[: len(wanted)] == wanted, name
        assert hasattr(Run, "_repr_html_")

    def test_what_only_the_outside_can_do_says_so(self, job: Run) -> None:
        for call in (
            lambda: Run.get(job.workspace, "x"),
            lambda: Run.list(job.experiment, metric="loss", above=1),
            lambda: Run.list_by_compute("local"),
            lambda: job.submit_child("config"),
            lambda: job.restore_snapshot(path="there"),
            lambda: job.delete(),
            lambda: job.resubmit(arguments=["--lr", 1]),
        ):
            with pytest.raises(
                errors.RunEnvironmentException, match=r"not available to a training script: .*(job|outside)"
            ):
                call()
        for call in (
            lambda: job.metrics.since(),
            lambda: job.metrics.buckets("loss"),
            lambda: job.metrics.damaged(),
        ):
            with pytest.raises(errors.RunEnvironmentException, match=r"follows the run from outside.*values\(name\)"):
                call()
        with pytest.raises(AttributeError, match="'record': a run has fewer"):
            job.record  # noqa: B018
        assert not hasattr(job, "_ipython_display_")

    def test_outside_of_a_job_these_are_printed(self, offline: Run, capsys: pytest.CaptureFixture[str]) -> None:
        child = offline.submit_child(object(), tags={"a": "1"})
        assert (child.parent, child.get_tags()) == (offline, {"a": "1"})
        assert Path(offline.restore_snapshot(path="there")) == Path.cwd()
        assert (offline.get_snapshot_id(), offline.workspace.name) == ("", "offline")
        assert capsys.readouterr().out.count("Attempted") == 2

    def test_as_html(self, either: Run) -> None:
        assert f"<td>{either.id}</td>" in either._repr_html_()

    def test_its_logs(self, job: Run, folder: Path) -> None:
        Path("logs/own.txt").write_text("mine")
        (folder / "driver").mkdir()
        (folder / "driver" / "stdout.txt").write_text("printed")
        (folder / "driver" / "build.txt").write_text("x" * 2_000_000 + "built")
        names = ["logs/build.txt", "logs/own.txt", "logs/stdout.txt"]
        assert job.get_file_names() == names
        assert job.get_details()["logFiles"]["logs/own.txt"] == str(Path("logs/own.txt").absolute())
        found = job.get_details_with_logs()["logFiles"]
        assert (found["logs/stdout.txt"], found["logs/own.txt"]) == ("printed", "mine")
        assert (len(found["logs/build.txt"]), found["logs/build.txt"][-5:]) == (1_000_000, "built")
        assert job.get_all_logs(folder / "there") == [str(folder / "there" / name) for name in names]
        assert (folder / "there" / "logs" / "stdout.txt").read_text() == "printed"
        job.download_file("azureml-logs/70_driver_log.txt")
        assert Path("70_driver_log.txt").read_text() == "printed"
        for name in ("logs/stdout.txt", "azureml-logs/20_image_build_log.txt"):
            with pytest.raises(errors.UserErrorException, match="already"):
                job.upload_file(name, io.BytesIO(b"forged"))

    def test_a_family_of_this_process(self, offline: Run) -> None:
        first, second = offline.create_children(tag_key="fold", tag_values=[1, 2])
        below = first.child_run("below")
        second.log("loss", 0.5)
        assert list(offline.get_children()) == [second, first]
        assert list(offline.get_children(recursive=True)) == [second, first, below]
        assert list(offline.get_children(tags={"fold": "2"})) == [second]
        assert list(offline.get_children(tags="fold", status="Running", type=first.type)) == [second, first]
        assert list(offline.get_children(status="Failed")) == list(offline.get_children(properties="x")) == []
        assert offline.get_metrics(recursive=True) == {
            offline.id: {},
            second.id: {"loss": 0.5},
            first.id: {},
            below.id: {},
        }
        assert offline.get_metrics("loss", recursive=True, run_type="other") == {}

    def test_what_the_script_says_about_its_end_changes_nothing(
        self, either: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        either.start()
        either.complete()
        either.cancel()
        either.fail("out of patience", 7)
        assert "7: out of patience" in capsys.readouterr().out
        assert either.get_status() == "Running"
        assert either.wait_for_completion(show_output=True)["runId"] == either.id
        assert "cannot wait" in capsys.readouterr().out

    def test_a_with_block_lets_exceptions_through(self, either: Run) -> None:
        with either as inside:
            assert inside is either
        with pytest.raises(ZeroDivisionError), either:
            raise ZeroDivisionError

    def test_its_environment(self, either: Run) -> None:
        found = either.get_environment()
        assert Path(found.python).exists()
        assert found.environment_variables["PATH"] == os.environ["PATH"]
