"""Runs: found, described, changed, listed; what a foreign run may and may not."""

from __future__ import annotations

import json
import pickle
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import Submit, end_everything_in, make_workspace, submitter, wait_for

from traindock import (
    ComputeTarget,
    Experiment,
    LocalCompute,
    Run,
    RunEnvironmentException,
    RunNotFoundException,
    RunNotSignedException,
    ScriptRunConfig,
    UserErrorException,
    Workspace,
)

LOGGING = """
    from traindock import Run
    run = Run.get_context()
    for value in (3.0, 1.0, 2.0):
        run.log("loss", value)
    run.log("accuracy", {accuracy})
    run.log("note", "text")
    run.log_row("row", x=1, y=2)
    run.log_list("list", [1, 2, 3])
"""

AZURE_DETAILS = {
    "runId", "target", "status", "startTimeUtc", "endTimeUtc", "properties", "inputDatasets", "outputDatasets",
    "runDefinition", "logFiles", "submittedBy",
}  # fmt: skip


@pytest.fixture
def finished(submit: Submit) -> Run:
    """A run that has logged and ended."""
    run = submit(LOGGING.format(accuracy=0.9), tags={"stage": "one"})
    run.wait_for_completion()
    return run


@pytest.mark.shared_workspace
class TestFinding:
    def test_by_its_id(self, finished: Run, workspace: Workspace) -> None:
        assert Run.get(workspace, finished.id) == finished == Run(finished.experiment, finished.id)
        assert Run.get(workspace, finished.id).experiment == finished.experiment
        assert finished.workspace is workspace
        assert len({finished, Run.get(workspace, finished.id)}) == 1
        assert pickle.loads(pickle.dumps(finished)) == finished

    def test_the_id_is_made_of_experiment_time_and_chance(self, finished: Run) -> None:
        assert re.fullmatch(r"tests_\d{10}_[0-9a-f]{8}", finished.id)

    @pytest.mark.parametrize("run_id", ["tests_1_aaaaaaaa", "nope"])
    def test_one_that_is_not_there(self, workspace: Workspace, run_id: str) -> None:
        with pytest.raises(RunNotFoundException, match=f"no run '{run_id}' in workspace 'test'"):
            Run.get(workspace, run_id)
        with pytest.raises(RunNotFoundException, match="no run"):
            Run(Experiment(workspace, "tests"), run_id)

    @pytest.mark.parametrize("run_id", ["", "../x", "a/b", ".", None, "x\0"])
    def test_what_can_be_no_id(self, workspace: Workspace, run_id: Any) -> None:
        with pytest.raises(UserErrorException, match="no run id"):
            Run.get(workspace, run_id)

    def test_one_of_another_experiment(self, finished: Run, workspace: Workspace) -> None:
        with pytest.raises(RunNotFoundException, match=r"belongs to experiment 'tests', not to 'other': use Run\.get"):
            Run(Experiment(workspace, "other"), finished.id)

    def test_outside_of_a_job_the_context_is_an_offline_run(self) -> None:
        assert Run.get_context().id.startswith("OfflineRun")
        with pytest.raises(RunEnvironmentException):
            Run.get_context(allow_offline=False)


@pytest.mark.shared_workspace
class TestDescribing:
    def test_right_after_the_submit_all_of_azures_keys_are_there(self, submit: Submit) -> None:
        run = submit("import time; time.sleep(600)", "--x", 1)
        details = run.get_details()
        assert set(details) >= AZURE_DETAILS
        assert details["runId"] == run.id
        assert details["status"] in ("NotStarted", "Preparing", "Queued", "Running")
        assert details["endTimeUtc"] is None
        assert details["runDefinition"]["arguments"] == ["--x", "1"]
        assert "error" not in details
        assert json.loads(json.dumps(details)) == details
        run.cancel()
        run.wait_for_completion()

    def test_at_the_end_times_and_logs_are_there(self, finished: Run) -> None:
        details = finished.wait_for_completion()
        assert details == finished.get_details()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", details["startTimeUtc"])
        assert details["startTimeUtc"] < details["endTimeUtc"]
        assert set(details["logFiles"]) == {"logs/build.txt", "logs/stdout.txt"}
        assert all(Path(path).is_file() for path in details["logFiles"].values())
        assert "is used as it is" in finished.get_details_with_logs()["logFiles"]["logs/build.txt"]

    def test_the_logs_have_azures_old_names_too(self, finished: Run) -> None:
        logs = finished.get_details()["logFiles"]
        assert logs["azureml-logs/70_driver_log.txt"] == logs["logs/stdout.txt"]
        assert "azureml-logs/20_image_build_log.txt" in logs
        assert logs.get("azureml-logs/20_image_build_log.txt") == logs["logs/build.txt"]
        assert "azureml-logs/55_azureml-execution.txt" not in logs
        assert logs.get("azureml-logs/55_azureml-execution.txt", "none") == "none"
        with pytest.raises(KeyError):
            logs["azureml-logs/55_azureml-execution.txt"]
        with_logs = finished.get_details_with_logs()["logFiles"]
        assert "is used as it is" in with_logs["azureml-logs/20_image_build_log.txt"]

    def test_a_failure_is_told_with_its_reason(self, submit: Submit) -> None:
        run = submit("raise SystemExit(3)")
        details = run.wait_for_completion(raise_on_error=False)
        assert details["error"]["code"] == "exited_nonzero"
        assert run.get_detailed_status()["status"] == "Failed"
        assert run.get_detailed_status()["reason"] == "exited_nonzero"
        assert run.get_detailed_status()["details"] == "the script ended with exit code 3"

    def test_short_questions(self, finished: Run) -> None:
        assert finished.status == finished.get_status() == "Completed"
        assert finished.type == "traindock.scriptrun"
        assert finished.parent is None
        assert finished.get_tags() == finished.tags == {"stage": "one"}
        assert finished.get_properties() == finished.properties
        assert finished.path.is_dir()
        assert finished.get_portal_url() == finished.path.as_uri()
        assert finished.signed

    def test_names_and_descriptions_can_be_set(self, finished: Run, workspace: Workspace) -> None:
        assert finished.display_name == finished.name == finished.id
        assert finished.description == ""
        finished.display_name = "the best"
        finished.description = "line one\nline two"
        again = Run.get(workspace, finished.id)
        assert (again.display_name, again.name, again.description) == ("the best", "the best", "line one\nline two")
        for attribute in ("display_name", "description"):
            for wrong in ("x" * 5001, 5, None):
                with pytest.raises(UserErrorException, match=f"{attribute} is a text of at most"):
                    setattr(finished, attribute, wrong)

    def test_it_prints_as_four_lines_and_a_table(self, finished: Run) -> None:
        finished.display_name = "<script>alert(1)</script>"
        assert str(finished).splitlines() == [
            "Run(Experiment: tests,",
            f"Id: {finished.id},",
            "Type: traindock.scriptrun,",
            "Status: Completed)",
        ]
        assert "&lt;script&gt;" in finished._repr_html_()
        assert "<script>" not in finished._repr_html_()

    def test_its_environment_and_its_source_can_be_had_again(
        self, finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert finished.get_environment().python.user_managed_dependencies
        assert finished.restore_snapshot(path=tmp_path / "again") == str(tmp_path / "again")
        assert "log_list" in (tmp_path / "again" / "train.py").read_text()
        with pytest.raises(UserErrorException, match="exists already: name a new or empty folder"):
            finished.restore_snapshot(path=tmp_path / "again")
        with pytest.raises(UserErrorException, match=r"no snapshot's id.*path="):
            finished.restore_snapshot(str(tmp_path / "elsewhere"))
        monkeypatch.chdir(tmp_path)
        assert finished.restore_snapshot(finished.get_snapshot_id()) == f"{finished.id}-snapshot"
        assert (tmp_path / f"{finished.id}-snapshot" / "train.py").is_file()


@pytest.mark.shared_workspace
class TestChanging:
    def test_tags_may_change(self, finished: Run) -> None:
        finished.tag("stage", "two")
        finished.tag("flag")
        finished.set_tags({"n": 5, "né\n": "ü"})  # type: ignore[dict-item]
        assert finished.tags == {"stage": "two", "flag": "", "n": "5", "né\n": "ü"}
        finished.remove_tags(["flag", "nope"])
        finished.remove_tags("n")
        assert finished.tags == {"stage": "two", "né\n": "ü"}
        for wrong in ({"": "x"}, {5: "x"}, {"x" * 501: ""}, "flag"):
            with pytest.raises(UserErrorException, match="tag"):
                finished.set_tags(wrong)  # type: ignore[arg-type]

    def test_properties_never_change(self, finished: Run) -> None:
        finished.add_properties({"data": "v1"})
        finished.add_properties({"data": "v1", "more": "x"})
        with pytest.raises(UserErrorException, match=r"'data' of run .* is 'v1' and can never be changed to 'v2'"):
            finished.add_properties({"new": "y", "data": "v2"})
        assert finished.properties["data"] == "v1"
        assert "new" not in finished.properties

    def test_files_can_be_added_until_it_has_ended(self, submit: Submit, tmp_path: Path) -> None:
        run = submit("import time; print('started'); time.sleep(600)")
        wait_for(lambda: run.get_status() == "Running", "the run")
        (tmp_path / "folder" / "sub").mkdir(parents=True)
        for name in ("a.txt", "sub/b.txt"):
            (tmp_path / "folder" / name).write_text(name)
        run.upload_file("notes/a.txt", tmp_path / "folder" / "a.txt")
        run.upload_files(["outputs/one.txt", "two.txt"], [tmp_path / "folder" / "a.txt"] * 2)
        run.upload_folder("data", tmp_path / "folder")
        run.cancel()
        run.wait_for_completion()
        added = {"notes/a.txt", "outputs/one.txt", "two.txt", "data/a.txt", "data/sub/b.txt"}
        assert added <= set(run.get_file_names())
        run.download_file("data/sub/b.txt", tmp_path / "back.txt")
        assert (tmp_path / "back.txt").read_text() == "sub/b.txt"
        with pytest.raises(UserErrorException, match="has ended"):
            run.upload_file("late.txt", tmp_path / "back.txt")
        with pytest.raises(UserErrorException, match="1 names for 2 paths"):
            run.upload_files(["a"], ["b", "c"])
        with pytest.raises(UserErrorException, match="no folder"):
            run.upload_folder("x", tmp_path / "nowhere")

    def test_cancelling_what_has_ended_changes_nothing(self, finished: Run) -> None:
        before = finished.record
        finished.cancel()
        assert finished.record == before


@pytest.mark.shared_workspace
class TestMetrics:
    def test_logged_once_a_value_more_often_a_list(self, finished: Run) -> None:
        assert finished.get_metrics() == {
            "loss": [3.0, 1.0, 2.0],
            "accuracy": 0.9,
            "note": "text",
            "row": {"x": 1, "y": 2},
            "list": [1, 2, 3],
        }
        assert finished.get_metrics("loss") == finished.get_metrics(name="loss") == {"loss": [3.0, 1.0, 2.0]}
        assert finished.get_metrics("nope") == {}

    def test_those_of_the_family_by_run(self, finished: Run, workspace: Workspace, tmp_path: Path) -> None:
        (tmp_path / "child").mkdir()
        (tmp_path / "child" / "train.py").write_text("from traindock import Run; Run.get_context().log('loss', 5)")
        child = finished.submit_child(ScriptRunConfig(tmp_path / "child", "train.py"))
        grandchild = child.submit_child(ScriptRunConfig(tmp_path / "child", "train.py"), tags={"deep": "yes"})
        for run in (child, grandchild):
            run.wait_for_completion()
        family = finished.get_metrics("loss", recursive=True)
        assert family == {finished.id: {"loss": [3.0, 1.0, 2.0]}, child.id: {"loss": 5}, grandchild.id: {"loss": 5}}
        assert set(finished.get_metrics(recursive=True, run_type="nope")) == set()
        assert list(finished.get_children()) == [child]
        assert list(finished.get_children(recursive=True)) == [child, grandchild]
        assert list(finished.get_children(recursive=True, tags="deep")) == [grandchild]
        assert list(finished.get_children(status="Failed")) == []
        assert grandchild.parent == child

    def test_as_a_table(self, finished: Run) -> None:
        pd = pytest.importorskip("pandas")
        frame = finished.to_pandas()
        assert isinstance(frame, pd.DataFrame)
        assert list(frame.columns) == ["name", "step", "time", "value"]
        assert list(frame[frame.name == "loss"].value) == [3.0, 1.0, 2.0]
        assert set(frame.name) >= {"loss", "accuracy"}


class TestListing:
    @pytest.fixture
    def runs(self, submit: Submit, workspace: Workspace) -> dict[str, Run]:
        ComputeTarget.create(workspace, "other", LocalCompute.provisioning_configuration(max_nodes=1))
        runs = {
            "good": submit(LOGGING.format(accuracy=0.9), tags={"net": "resnet", "good": ""}),
            "better": submit(LOGGING.format(accuracy=0.95), tags={"net": "squeeze"}, compute_target="other"),
            "failed": submit("raise SystemExit(1)", tags={"net": "resnet"}, experiment="elsewhere"),
        }
        for run in runs.values():
            run.wait_for_completion(raise_on_error=False)
        runs["good"].add_properties({"data": "v1"})
        return runs

    @pytest.mark.slow
    def test_filters_and_orders(self, runs: dict[str, Run], workspace: Workspace) -> None:
        named = {run: name for name, run in runs.items()}
        expected: list[tuple[dict[str, Any], list[str]]] = [
            ({}, ["failed", "better", "good"]),
            ({"limit": 1}, ["failed"]),
            ({"limit": 1, "offset": 1}, ["better"]),
            ({"tags": "good"}, ["good"]),
            ({"tags": {"net": "resnet"}}, ["failed", "good"]),
            ({"tags": {"net": "resnet", "good": None}}, ["good"]),
            ({"tags": {"net": "nope"}}, []),
            ({"properties": {"data": "v1"}}, ["good"]),
            ({"properties": "data"}, ["good"]),
            ({"properties": {"data": "v2"}}, []),
            ({"status": "Failed"}, ["failed"]),
            ({"status": "Running"}, []),
            ({"type": "traindock.scriptrun"}, ["failed", "better", "good"]),
            ({"type": "hyperdrive"}, []),
            ({"type": "azureml.scriptrun"}, ["failed", "better", "good"]),
            ({"compute_target": "other"}, ["better"]),
            ({"metric": "accuracy", "above": np.float32(0.92)}, ["better"]),
            ({"metric": "accuracy", "below": np.array(0.92)}, ["good"]),
            ({"limit": np.int64(1), "offset": np.uint8(1)}, ["better"]),
            ({"limit": 10**30}, ["failed", "better", "good"]),
            ({"limit": 0}, []),
            ({"metric": "accuracy", "above": 0.92}, ["better"]),
            ({"metric": "accuracy", "below": 0.92}, ["good"]),
            ({"metric": "loss", "statistic": "min", "below": 0.5}, []),
            ({"order": "accuracy"}, ["better", "good"]),
            ({"order": "accuracy", "descending": False}, ["good", "better"]),
            ({"order": "created", "descending": False}, ["good", "better", "failed"]),
            ({"text": "ELSEW"}, ["failed"]),
        ]
        for filters, names in expected:
            assert [named[run] for run in Run.list(workspace, **filters)] == names, filters

    @pytest.mark.slow
    def test_of_an_experiment_or_a_compute_target(self, runs: dict[str, Run], workspace: Workspace) -> None:
        assert list(Run.list(Experiment(workspace, "elsewhere"))) == [runs["failed"]]
        assert list(Experiment(workspace, "tests").get_runs(tags={"net": "resnet"})) == [runs["good"]]
        assert list(Run.list_by_compute(ComputeTarget(workspace, "other"))) == [runs["better"]]

    @pytest.mark.parametrize(
        ("filters", "says"),
        [
            ({"status": "Done"}, "no state of a run; known: NotStarted, Preparing"),
            ({"statistic": "mean"}, "statistic is 'last', 'min' or 'max'"),
            ({"above": 1.0}, "name it, for example metric='loss'"),
            ({"metric": "loss", "above": "a"}, "above is a number, not 'a'"),
            ({"metric": "loss", "below": np.nan}, "below is a number, not nan"),
            ({"metric": "loss", "below": [1.0]}, r"below is a number, not \[1.0\]"),
            ({"metric": 5}, "metric is a text, not 5"),
            ({"text": 5}, "text is a text, not 5"),
            ({"type": 5}, "type is a text, not 5"),
            ({"limit": -1}, "limit is a number of runs, 0 or more, not -1"),
            ({"limit": 1.5}, "limit is a number of runs"),
            ({"offset": None}, "offset is a number of runs"),
            ({"tags": ["n"]}, r"tags is a name, or a dict of names and values \(None: any value\), not \['n'\]"),
            ({"tags": 5}, "tags is a name, or a dict"),
            ({"properties": {5: "n"}}, "properties is a name, or a dict"),
        ],
    )
    def test_what_is_wrong_is_said_at_once(self, workspace: Workspace, filters: dict[str, Any], says: str) -> None:
        with pytest.raises(UserErrorException, match=says):
            Run.list(workspace, **filters)

    def test_tags_are_compared_as_they_are_kept(self, submit: Submit, workspace: Workspace) -> None:
        run = submit("pass", tags={"seed": 1})
        assert list(Run.list(workspace, tags={"seed": 1})) == list(Run.list(workspace, tags={"seed": "1"})) == [run]

    def test_whose_runs_are_meant_has_to_be_said(self) -> None:
        with pytest.raises(UserErrorException, match="'x' is no experiment and no workspace"):
            Run.list("x")  # type: ignore[arg-type]
        with pytest.raises(UserErrorException, match="'local' is no compute target"):
            Run.list_by_compute("local")  # type: ignore[arg-type]

    def test_a_state_is_seen_as_soon_as_it_changes(self, submit: Submit, workspace: Workspace) -> None:
        run = submit("import time; time.sleep(600)")
        wait_for(lambda: list(Run.list(workspace, status="Running")) == [run], "the list to know that it runs")
        run.cancel()
        run.wait_for_completion()
        assert list(Run.list(workspace, status="Canceled")) == [run]


class TestForeignRuns:
    @pytest.fixture
    def other(self, tmp_path: Path) -> Iterator[Workspace]:
        yield (made := make_workspace(tmp_path / "other"))
        end_everything_in(made)

    @pytest.fixture
    def foreign(self, other: Workspace, workspace: Workspace, tmp_path: Path) -> Run:
        """A run of another workspace whose folder somebody has put into this one."""
        (tmp_path / "theirs").mkdir()
        run = submitter(other, tmp_path / "theirs")("pass", experiment="theirs")
        run.wait_for_completion()
        shutil.copytree(run.path, workspace.layout.runs / run.id, symlinks=True)
        events = workspace.layout.run(run.id).events
        events.write_text(events.read_text().splitlines()[0] + "\n")  # as if it had not started yet
        workspace.rebuild_index()
        return Run.get(workspace, run.id)

    def test_it_is_shown_as_not_signed_by_you(self, foreign: Run, workspace: Workspace) -> None:
        assert not foreign.signed
        assert "Status: NotStarted (not signed by you))" in str(foreign)
        assert "NotStarted (not signed by you)" in foreign._repr_html_()
        assert list(Run.list(workspace)) == [foreign]

    def test_looking_at_it_changes_nothing(self, foreign: Run, workspace: Workspace) -> None:
        assert next(Run.list(workspace)).experiment.name == "theirs"
        assert workspace.experiments == {}
        assert not (workspace.layout.experiments / "theirs").exists()

    def test_it_cannot_be_changed_cancelled_or_waited_for(self, foreign: Run) -> None:
        before = (foreign.path / "events.jsonl").read_bytes(), foreign.get_file_names()
        (foreign.path / "sealed.json").unlink(missing_ok=True)
        for act in (
            foreign.cancel,
            foreign.wait_for_completion,
            lambda: foreign.tag("a"),
            lambda: foreign.upload_file("a", __file__),
            lambda: foreign.upload_folder("a", Path(__file__).parent),
        ):
            with pytest.raises(RunNotSignedException):
                act()
        assert ((foreign.path / "events.jsonl").read_bytes(), foreign.get_file_names()) == before

    @pytest.mark.slow
    def test_one_that_names_an_impossible_experiment_hides_no_other(
        self, foreign: Run, workspace: Workspace, submit: Submit
    ) -> None:
        own = submit("pass")
        own.wait_for_completion()
        document = json.loads((foreign.path / "run.json").read_text())
        (foreign.path / "run.json").chmod(0o600)
        (foreign.path / "run.json").write_text(json.dumps({**document, "experiment": "../../escape"}))
        workspace.rebuild_index()
        assert list(Run.list(workspace)) == [own]

    def test_runs_of_a_copied_workspace_are_yours_but_go_on_only_in_the_original(
        self, workspace: Workspace, submit: Submit, tmp_path: Path
    ) -> None:
        run = submit("import time; time.sleep(600)")
        wait_for(lambda: run.get_status() == "Running", "the run")
        shutil.copytree(workspace.layout.root, tmp_path / "copy", symlinks=True)
        copied = Run.get(Workspace(tmp_path / "copy"), run.id)
        assert copied.signed
        assert "(copied with its workspace, never launched here)" in str(copied)
        with pytest.raises(RunNotSignedException, match="cancel the original"):
            copied.cancel()
        run.cancel()
        run.wait_for_completion()
        assert "copied" not in str(run)
