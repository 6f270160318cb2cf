"""A run submitted once more: the same snapshot and request, but for what is to be different."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
from tests.conftest import Submit

from traindock import (
    ComputeTargetException,
    Experiment,
    Run,
    RunNotSignedException,
    SnapshotException,
    UserErrorException,
    Workspace,
)

PRINTING = """
    import os, sys
    print(sys.argv[1:], os.environ.get("FLAVOUR"))
"""


@pytest.fixture
def original(submit: Submit) -> Run:
    run = submit(PRINTING, "--lr", 0.1, tags={"stage": "one"})
    run.display_name = "first try"
    run.wait_for_completion()
    return run


def printed(run: Run) -> str:
    run.wait_for_completion()
    return run._folder.layout.stdout.read_text()


class TestWithoutChanges:
    def test_the_same_is_run_again_as_a_run_of_its_own(self, original: Run) -> None:
        again = original.resubmit()

        assert printed(again) == printed(original)
        assert again.id != original.id
        assert again.number == original.number + 1
        assert again.display_name == "first try"
        assert again.tags == {"stage": "one"}
        assert again.get_snapshot_id() == original.get_snapshot_id()
        assert again.properties["traindock.resubmitted_from"] == original.id

    def test_the_source_folder_is_not_needed(self, original: Run, tmp_path: Path) -> None:
        for source in tmp_path.glob("source-*"):
            shutil.rmtree(source)

        assert printed(original.resubmit()) == printed(original)

    def test_a_run_that_has_not_ended_can_be_too(self, submit: Submit) -> None:
        going = submit("import time; time.sleep(600)")

        again = going.resubmit()

        assert again.get_snapshot_id() == going.get_snapshot_id()
        for run in (going, again):
            run.cancel()
            run.wait_for_completion(raise_on_error=False)


class TestWithChanges:
    def test_arguments_and_variables(self, original: Run) -> None:
        again = original.resubmit(arguments=["--lr", 0.5, "x y"], environment_variables={"FLAVOUR": "sweet"})

        assert printed(again) == "['--lr', '0.5', 'x y'] sweet\n"

    def test_variables_are_added_to_those_it_had(self, original: Run) -> None:
        once = original.resubmit(environment_variables={"FLAVOUR": "sweet"})

        again = once.resubmit(environment_variables={"OTHER": "1"})

        assert again.record.spec.environment_variables == {"FLAVOUR": "sweet", "OTHER": "1"}
        assert printed(again) == "['--lr', '0.1'] sweet\n"

    @pytest.mark.slow
    def test_names_and_tags_and_limits(self, original: Run) -> None:
        again = original.resubmit(display_name="", tags={}, max_run_duration_seconds=60, arguments=[])

        assert (again.record.display_name, again.tags) == ("", {})
        assert again.record.spec.max_run_duration_seconds == 60
        assert again.record.spec.arguments == ()
        assert original.resubmit(max_run_duration_seconds=math.inf).record.spec.max_run_duration_seconds is None


class TestRefused:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"compute_target": "nowhere"}, "'nowhere'"),
            ({"gpus": -1}, "-1"),
            ({"arguments": "--lr 0.1"}, "--lr 0.1"),
            ({"environment_variables": {"TRAINDOCK_X": "1"}}, "TRAINDOCK_X"),
            ({"max_run_duration_seconds": 0}, "max_run_duration_seconds"),
            ({"tags": {"": "x"}}, "tag"),
        ],
    )
    def test_what_cannot_be_done_leaves_nothing_behind(
        self, original: Run, changes: dict[str, object], named: str
    ) -> None:
        with pytest.raises(UserErrorException, match=named):
            original.resubmit(**changes)  # type: ignore[arg-type]

        assert len(list(original.experiment.get_runs())) == 1

    def test_more_gpus_than_there_are(self, original: Run) -> None:
        with pytest.raises(ComputeTargetException, match="GPU"):
            original.resubmit(gpus=64)

    def test_a_run_that_was_never_launched(self, workspace: Workspace) -> None:
        with Experiment(workspace, "notebook").start_logging(snapshot_directory=None) as logged:
            logged.log("loss", 1.0)

        with pytest.raises(UserErrorException, match="nothing to launch again"):
            Run.get(workspace, logged.id).resubmit()

    def test_a_run_of_somebody_else(self, original: Run) -> None:
        path = original._folder.layout.run_json
        document = json.loads(path.read_text())
        document["spec"]["arguments"] = ["rm", "-rf"]
        path.chmod(0o600)
        path.write_text(json.dumps(document))

        with pytest.raises(RunNotSignedException, match=original.id):
            original.resubmit()

    def test_a_run_whose_snapshot_is_gone(self, original: Run) -> None:
        (original.workspace.layout.snapshots / f"{original.get_snapshot_id()}.json").unlink()

        with pytest.raises(SnapshotException, match=original.get_snapshot_id()):
            original.resubmit()
