"""Compute targets: found, made, changed and deleted by name."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit, make_workspace, wait_for

from traindock import (
    ComputeTarget,
    ComputeTargetException,
    DockerCompute,
    Experiment,
    LocalCompute,
    ScriptRunConfig,
    StoreException,
    UserErrorException,
    Workspace,
)
from traindock.store import computes

AZURE_STATUS_KEYS = {
    "currentNodeCount", "targetNodeCount", "nodeStateCounts", "allocationState", "allocationStateTransitionTime",
    "errors", "creationTime", "modifiedTime", "provisioningState", "provisioningStateTransitionTime", "scaleSettings",
    "vmPriority", "vmSize",
}  # fmt: skip
AZURE_NODE_KEYS = {
    "preparingNodeCount", "runningNodeCount", "idleNodeCount", "unusableNodeCount", "leavingNodeCount",
    "preemptedNodeCount",
}  # fmt: skip


@pytest.fixture
def single(workspace: Workspace) -> ComputeTarget:
    """A compute target with one node."""
    return ComputeTarget.create(workspace, "single", LocalCompute.provisioning_configuration(max_nodes=1))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").touch()
    return tmp_path / "src"


class TestFinding:
    def test_local_is_there_without_being_made(self, workspace: Workspace) -> None:
        local = ComputeTarget(workspace, "local")
        assert isinstance(local, LocalCompute)
        assert (local.name, local.type) == ("local", "local")
        assert workspace.compute_targets["local"] == local

    def test_the_usual_block_of_azure_notebooks(self, workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
        for _ in range(2):
            try:
                found = ComputeTarget(workspace=workspace, name="gpu-cluster")
            except ComputeTargetException:
                configuration = LocalCompute.provisioning_configuration(max_nodes=4)
                found = ComputeTarget.create(workspace, "gpu-cluster", configuration)
            found.wait_for_completion(show_output=True, min_node_count=None, timeout_in_minutes=20)
        assert capsys.readouterr().out == "Compute target 'gpu-cluster' (local): Succeeded\n" * 2
        assert found.get_status().serialize()["scaleSettings"]["maxNodeCount"] == 4
        assert isinstance(found, LocalCompute)

    @pytest.mark.parametrize("name", ["nope", "LOCAL", "", None, 5, "a/b"])
    def test_an_unknown_one_names_those_there_are(self, workspace: Workspace, single: ComputeTarget, name: Any) -> None:
        with pytest.raises(ComputeTargetException, match=r"ComputeTargetNotFound.*there are: 'local', 'single'"):
            ComputeTarget(workspace, name)

    def test_something_that_is_no_workspace(self) -> None:
        with pytest.raises(UserErrorException, match="'ws' is no workspace"):
            ComputeTarget("ws", "local")  # type: ignore[arg-type]

    def test_equal_ones_are_equal_and_can_be_copied_and_sent(self, workspace: Workspace, single: ComputeTarget) -> None:
        assert ComputeTarget(workspace, "single") == single == copy.copy(single) == pickle.loads(pickle.dumps(single))
        assert single != ComputeTarget(workspace, "local")
        assert len({single, ComputeTarget(workspace, "single")}) == 1

    def test_it_shows_itself(self, single: ComputeTarget) -> None:
        assert repr(single) == "LocalCompute(workspace='test', name='single')"
        assert "<td>single</td><td>local</td>" in single._repr_html_()
        assert json.loads(json.dumps(single.serialize()))["settings"] == {"max_nodes": 1, "gpu": "required"}


class TestMaking:
    def test_the_same_again_is_the_same(self, workspace: Workspace, single: ComputeTarget) -> None:
        same = LocalCompute.provisioning_configuration(max_nodes=1)
        assert ComputeTarget.create(workspace, "single", same) == single
        other = LocalCompute.provisioning_configuration(max_nodes=2)
        with pytest.raises(ComputeTargetException, match=r"'single' .* already \(max_nodes is 1, not 2\)"):
            ComputeTarget.create(workspace, "single", other)
        containers = DockerCompute.provisioning_configuration(engine="unix:///nowhere/docker.sock")
        with pytest.raises(ComputeTargetException, match=r"already \(it is of the kind 'local', not 'docker'\)"):
            ComputeTarget.create(workspace, "single", containers)
        assert ComputeTarget(workspace, "single").settings["max_nodes"] == 1

    @pytest.mark.parametrize("name", ["local", "amlcompute", "containerinstance", "AmlCompute"])
    def test_reserved_names(self, workspace: Workspace, name: str) -> None:
        with pytest.raises(UserErrorException, match="reserved"):
            ComputeTarget.create(workspace, name, LocalCompute.provisioning_configuration())

    @pytest.mark.parametrize("name", ["", "1st", "a b", "-x", "x" * 25, "a_b", None])
    def test_names_that_are_not_allowed(self, workspace: Workspace, name: Any) -> None:
        with pytest.raises(UserErrorException, match="no compute target name"):
            ComputeTarget.create(workspace, name, LocalCompute.provisioning_configuration())

    @pytest.mark.parametrize("settings", [{"max_nodes": 0}, {"max_nodes": "2"}, {"max_nodes": True}, {"gpu": "maybe"}])
    def test_settings_that_are_not_allowed(self, settings: dict[str, Any]) -> None:
        with pytest.raises(UserErrorException, match=next(iter(settings))):
            LocalCompute.provisioning_configuration(**settings)

    def test_something_that_is_no_configuration(self, workspace: Workspace) -> None:
        with pytest.raises(UserErrorException, match=r"no configuration: use DockerCompute\.provisioning"):
            ComputeTarget.create(workspace, "single", {"max_nodes": 1})  # type: ignore[arg-type]

    def test_processes_that_make_some_at_once_make_them_all(self, workspace: Workspace) -> None:
        code = (
            "import sys; from traindock import ComputeTarget, LocalCompute, Workspace; "
            "ws = Workspace(sys.argv[1]); "
            "ComputeTarget.create(ws, sys.argv[2], LocalCompute.provisioning_configuration(max_nodes=1))"
        )
        root = str(workspace.layout.root)
        started = [subprocess.Popen([sys.executable, "-c", code, root, f"target{n}"]) for n in range(4)]
        assert [process.wait(60) for process in started] == [0] * 4
        assert set(workspace.compute_targets) == {"local", *(f"target{n}" for n in range(4))}


class TestChanging:
    def test_a_change_is_seen_by_all_and_leaves_the_rest(self, workspace: Workspace, single: ComputeTarget) -> None:
        stale = ComputeTarget(workspace, "single")
        single.update(max_nodes=3)
        stale.update(gpu="optional")
        assert stale.settings == ComputeTarget(workspace, "single").settings == {"max_nodes": 3, "gpu": "optional"}

    def test_unknown_settings_and_values(self, workspace: Workspace, single: ComputeTarget) -> None:
        with pytest.raises(UserErrorException, match="has no 'min_nodes': it has max_nodes, gpu"):
            single.update(min_nodes=1)
        with pytest.raises(UserErrorException, match="max_nodes is a number"):
            single.update(max_nodes=0)
        assert ComputeTarget(workspace, "single").settings["max_nodes"] == 1

    def test_a_deleted_one_is_gone(self, workspace: Workspace, single: ComputeTarget, source: Path) -> None:
        single.delete()
        assert list(workspace.compute_targets) == ["local"]
        for act in (single.delete, single.update, single.get_status):
            with pytest.raises(ComputeTargetException, match="'single' is gone"):
                act()
        with pytest.raises(ComputeTargetException, match="no compute target 'single'"):
            Experiment(workspace, "tests").submit(ScriptRunConfig(source, "train.py", compute_target=single))

    def test_local_stays_as_it_is(self, workspace: Workspace) -> None:
        local = ComputeTarget(workspace, "local")
        with pytest.raises(ComputeTargetException, match=r"'local' cannot be deleted: make one of your own"):
            local.delete()
        with pytest.raises(ComputeTargetException, match="'local' cannot be changed"):
            local.update(max_nodes=2)


class TestSubmitting:
    @pytest.mark.parametrize("by", ["name", "object"])
    def test_a_run_goes_to_a_target_by_name_or_object(
        self, workspace: Workspace, single: ComputeTarget, source: Path, by: str
    ) -> None:
        target = single if by == "object" else "single"
        run = Experiment(workspace, "tests").submit(ScriptRunConfig(source, "train.py", compute_target=target))
        assert run.get_details()["target"] == "single"
        run.wait_for_completion()

    def test_a_target_of_another_workspace_is_refused(self, workspace: Workspace, tmp_path: Path, source: Path) -> None:
        other = make_workspace(tmp_path / "other")
        foreign = ComputeTarget.create(other, "theirs", LocalCompute.provisioning_configuration())
        ComputeTarget.create(workspace, "theirs", LocalCompute.provisioning_configuration())
        with pytest.raises(ComputeTargetException, match=r"'theirs' belongs to workspace 'test' \(.*/other\)"):
            Experiment(workspace, "tests").submit(ScriptRunConfig(source, "train.py", compute_target=foreign))

    @pytest.mark.parametrize("wrong", [5, ["local"], object()])
    def test_something_that_is_no_target(self, workspace: Workspace, source: Path, wrong: Any) -> None:
        with pytest.raises(UserErrorException, match="no compute target: give one, or its name"):
            Experiment(workspace, "tests").submit(ScriptRunConfig(source, "train.py", compute_target=wrong))
        with pytest.raises(UserErrorException, match="no compute target: give one, or its name"):
            Experiment(workspace, "tests").submit(ScriptRunConfig(source, "train.py", compute_target=workspace))  # type: ignore[arg-type]

    @pytest.mark.slow
    def test_its_status_and_its_active_runs(self, submit: Submit, workspace: Workspace, single: ComputeTarget) -> None:
        status = single.get_status().serialize()
        assert set(status) == AZURE_STATUS_KEYS
        assert set(status["nodeStateCounts"]) == AZURE_NODE_KEYS
        assert json.loads(json.dumps(status)) == status
        assert status["nodeStateCounts"]["idleNodeCount"] == 1
        first = submit("import time; time.sleep(600)", compute_target="single")
        second = submit("pass", compute_target="single")
        wait_for(lambda: first.get_status() == "Running", "the first run")
        assert single.get_status().serialize()["nodeStateCounts"]["runningNodeCount"] == 1
        assert "1 of 1 nodes running" in repr(single.get_status())
        assert set(single.get_active_runs()) == {first, second}
        assert list(single.get_active_runs(status="Running")) == [first]
        first.cancel()
        second.wait_for_completion()
        assert list(single.get_active_runs()) == []

    def test_the_status_of_local_is_as_old_as_the_workspace(self, workspace: Workspace) -> None:
        status = ComputeTarget(workspace, "local").get_status().serialize()
        assert status["creationTime"] == status["modifiedTime"]
        assert status["creationTime"][:3] == "202"

    def test_its_status_tells_when_it_was_made_and_when_it_was_changed(
        self, workspace: Workspace, single: ComputeTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = single.get_status().serialize()
        assert made["modifiedTime"] == made["creationTime"]
        with monkeypatch.context() as later:
            later.setattr(time, "time", lambda: single.created + 3600)
            single.update(max_nodes=2)
        for target in (single, ComputeTarget(workspace, "single")):
            status = target.get_status().serialize()
            moments = [datetime.fromisoformat(status[key]) for key in ("creationTime", "modifiedTime")]
            assert (status["creationTime"], moments[1] - moments[0]) == (made["creationTime"], timedelta(hours=1))
        ComputeTarget.create(workspace, "single", LocalCompute.provisioning_configuration(max_nodes=2))
        assert ComputeTarget(workspace, "single").modified == single.modified, "it is the same as it was"

    def test_one_that_an_older_version_has_made_counts_as_never_changed(
        self, workspace: Workspace, single: ComputeTarget
    ) -> None:
        computes.change(workspace.layout, lambda records: records["single"].pop("modified"))
        assert ComputeTarget(workspace, "single").modified == single.created


class TestDamage:
    @pytest.mark.parametrize("content", ["{", "[]", '{"format": 1}', '{"format": 1, "computes": {"a": {"kind": "x"}}}'])
    def test_a_damaged_file_is_named(self, workspace: Workspace, content: str) -> None:
        workspace.layout.computes.write_text(content)
        with pytest.raises(StoreException, match=r"computes\.json is damaged.*mend it, or delete it"):
            ComputeTarget(workspace, "local")

    def test_a_newer_format_is_refused(self, workspace: Workspace) -> None:
        workspace.layout.computes.write_text('{"format": 2, "computes": {}}')
        with pytest.raises(StoreException, match=r"has format 2.*upgrade"):
            workspace.compute_targets  # noqa: B018

    def test_a_kind_of_a_newer_version_hides_no_other(self, workspace: Workspace, single: ComputeTarget) -> None:
        document = json.loads(workspace.layout.computes.read_text())
        document["computes"]["cloud"] = {"kind": "balloon", "settings": {}, "created": 1.0}
        workspace.layout.computes.write_text(json.dumps(document))
        with pytest.warns(UserWarning, match="'cloud' is of kind 'balloon'"):
            assert list(workspace.compute_targets) == ["local", "single"]
        with pytest.raises(ComputeTargetException, match=r"'balloon', which this .* \(docker, local\): upgrade"):
            ComputeTarget(workspace, "cloud")

    def test_nobody_can_put_another_local_there(self, workspace: Workspace) -> None:
        document = {"format": 1, "computes": {"local": {"kind": "balloon", "settings": {}, "created": 1.0}}}
        workspace.layout.computes.write_text(json.dumps(document))
        assert ComputeTarget(workspace, "local").type == "local"
