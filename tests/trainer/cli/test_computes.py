"""`traindock computes create`, `show`, `update` and `delete` are what ComputeTarget is in Python."""

from __future__ import annotations

import argparse
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from tests.recorded_runs import Record

from traindock import ComputeTarget, ComputeTargetException, DockerCompute, LocalCompute, Workspace
from traindock.cli.compute_options import add_settings, all_settings, given_settings, settings_of
from traindock.compute_target import class_of, kinds
from traindock.states import State

from .conftest import Cli

ENGINE = "unix:///nowhere/docker.sock"


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets of containers can be made without an engine."""
    monkeypatch.setattr(DockerCompute, "check", lambda _: ("the machine is small",))


def parsed(*words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_settings(parser)
    return given_settings(parser.parse_args(words))


class TestSettings:
    @pytest.mark.parametrize("kind", kinds())
    def test_each_that_python_has_has_an_option_and_says_what_it_means(self, kind: str) -> None:
        found = settings_of(class_of(kind))
        assert list(found) == list(inspect.signature(class_of(kind).provisioning_configuration).parameters)
        for name, setting in found.items():
            assert len(setting.text) > 5, name
            assert setting.option.lstrip("-").replace("-", "_") in (name, name.removesuffix("s")), name
        assert set(found) <= set(all_settings())

    def test_they_come_as_python_would_have_them(self) -> None:
        assert parsed(
            *("--vm-size", "STANDARD_NC6", "--min-nodes", "1", "--max-nodes", "4", "--cpus", "0.5", "--memory", "56g"),
            *("--gpus-per-node", "0", "--idle-seconds-before-scaledown", "60", "--engine", ENGINE, "--network", "none"),
            *("--mount", "/a:/a", "--mount", "/b:/b:ro", "--read-only", "--tag", "a=b", "--tag", "c=d=e"),
        ) == {
            "vm_size": "STANDARD_NC6",
            "min_nodes": 1,
            "max_nodes": 4,
            "cpus": 0.5,
            "memory": "56g",
            "gpus_per_node": 0,
            "idle_seconds_before_scaledown": 60.0,
            "engine": ENGINE,
            "network": "none",
            "mounts": ["/a:/a", "/b:/b:ro"],
            "read_only": True,
            "tags": {"a": "b", "c": "d=e"},
        }
        assert parsed("--no-read-only", "--memory", "1073741824") == {"read_only": False, "memory": 1 << 30}
        assert parsed() == {}, "what is not given is the kind's business"

    def test_what_is_no_number_is_left_to_the_kind_to_refuse(self) -> None:
        assert parsed("--max-nodes", "two", "--cpus", "many") == {"max_nodes": "two", "cpus": "many"}


class TestCreating:
    def test_a_target_is_made_with_what_is_given(self, cli: Cli, workspace: Workspace) -> None:
        answer = cli("computes", "create", "many", "--kind", "local", "--max-nodes", 4, "--gpu", "optional")
        assert (answer.code, answer.err) == (0, "")
        assert answer.out.startswith("Compute target many (local) was made\nUse it: traindock ")
        assert "submit --compute many train.py" in answer.out
        made = ComputeTarget(workspace, "many")
        assert isinstance(made, LocalCompute)
        assert made.settings == {"max_nodes": 4, "gpu": "optional"}
        again = cli("computes", "create", "many", "--kind", "local", "--max-nodes", 4, "--gpu", "optional")
        assert (again.code, "many (local) is there, as described" in again.out) == (0, True)

    @pytest.mark.usefixtures("unchecked")
    def test_by_default_it_has_containers_and_its_owner_is_told_what_python_tells(
        self, cli: Cli, workspace: Workspace, tmp_path: Path
    ) -> None:
        answer = cli(
            *("computes", "create", "gpucluster", "--engine", ENGINE, "--vm-size", "nc6", "--max-nodes", 4),
            *("--mount", f"{tmp_path}:/data:ro", "--tag", "team=ants"),
        )
        assert (answer.code, answer.err) == (0, "traindock: warning: the machine is small\n")
        wanted = DockerCompute.provisioning_configuration(
            vm_size="nc6", max_nodes=4, engine=ENGINE, mounts=[f"{tmp_path}:/data:ro"], tags={"team": "ants"}
        )
        assert ComputeTarget(workspace, "gpucluster").settings == wanted.settings

    def test_with_json_it_is_a_document(self, cli: Cli, workspace: Workspace) -> None:
        words = ("computes", "create", "many", "--kind", "local", "--max-nodes", 4, "--json")
        document = cli(*words).document
        assert (document["name"], document["kind"], document["made"]) == ("many", "local", True)
        assert document["settings"] == {"max_nodes": 4, "gpu": "required"}
        assert document["created"] == document["modified"]
        assert cli(*words).document["made"] is False

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (("many", "--kind", "local", "--max-nodes", "two"), "max_nodes is a number of 1 or more, not 'two'"),
            (("many", "--kind", "local", "--cpus", "2"), "LocalCompute has no 'cpus': it has max_nodes, gpu"),
            (("local", "--kind", "local"), "the name 'local' is reserved"),
            (("a b", "--kind", "local"), "'a b' is no compute target name"),
            (("box", "--engine", "tcp://box:2376"), "box:2376 cannot be used"),
            (("box", "--engine", ENGINE, "--memory", "lots"), 'memory is a text such as "56g"'),
            (("box", "--engine", ENGINE, "--mount", "/no/such:/data"), "/no/such, which is to be mounted at /data, is"),
            (("box", "--engine", ENGINE), "there is no container engine at /nowhere/docker.sock"),
        ],
    )
    def test_mistakes_are_those_of_python(
        self, cli: Cli, workspace: Workspace, words: tuple[str, ...], says: str
    ) -> None:
        answer = cli("computes", "create", *words)
        assert (answer.code, answer.out) == (1, "")
        assert says in answer.err
        assert answer.err.startswith("traindock: ")
        assert list(workspace.compute_targets) == ["local"]

    def test_a_name_that_is_taken_is_told_by_the_difference(self, cli: Cli) -> None:
        cli("computes", "create", "many", "--kind", "local", "--max-nodes", 4)
        error = cli("computes", "create", "many", "--kind", "local", "--max-nodes", 3, "--json").error
        assert error["code"] == "compute_target"
        assert "other settings already (max_nodes is 4, not 3)" in error["message"]

    @pytest.mark.parametrize(
        "words",
        [
            ("create",),
            ("create", "many", "more"),
            ("create", "many", "--no-such", "1"),
            ("create", "many", "--kind", "balloon"),
            ("create", "many", "--tag", "novalue"),
            ("update", "many"),
            ("update", "many", "--unset", "no_such"),
            ("update", "many", "--max-nodes", "2", "--unset", "max_nodes"),
            ("show",),
            ("delete",),
            ("fly", "many"),
        ],
    )
    def test_what_is_not_understood_exits_with_2(self, cli: Cli, words: tuple[str, ...]) -> None:
        answer = cli("computes", *words)
        assert (answer.code, answer.out) == (2, "")
        assert "usage: traindock computes" in answer.err
        assert cli("computes", *words, "--json").error["code"] == "usage"


class TestShowing:
    @pytest.mark.usefixtures("unchecked")
    def test_it_tells_all_in_words(self, cli: Cli, workspace: Workspace, record: Record, tmp_path: Path) -> None:
        configuration = DockerCompute.provisioning_configuration(
            engine=ENGINE, cpus=2, memory="8g", max_nodes=3, mounts=[f"{tmp_path}:/data:ro"], tags={"team": "ants"}
        )
        with pytest.warns(UserWarning, match="small"):
            ComputeTarget.create(workspace, "box", configuration)
        spec = {"snapshot": "0" * 64, "environment": {}, "interpreter": "python", "script": "train.py"}
        waiting = record(State.NOT_STARTED, spec={**spec, "compute_target": "box"})
        lines = [" ".join(line.split()) for line in cli("computes", "show", "box").out.splitlines()]
        for line in (
            "Compute target box",
            "Kind docker",
            "State Failed",
            "Nodes 0 at work, 0 idle, at most 3",
            "A node has 2 cpus, 8 GiB",
            f"Engine does not answer at {ENGINE}",
            "max_nodes 3",
            "memory 8 GiB",
            f"mounts {tmp_path}:/data:ro",
            "read_only no",
            "tags team=ants",
            "idle_seconds_before_scaledown 1800",
            waiting,
        ):
            assert line in lines, line
        assert any("there is no container engine at /nowhere/docker.sock" in line for line in lines)
        document = cli("computes", "show", "box", "--json").document
        assert document["unfinished_runs"] == [waiting]
        assert document["status"]["scaleSettings"]["maxNodeCount"] == 3
        assert document["settings"]["memory"] == 8 << 30

    def test_local_is_there_too(self, cli: Cli) -> None:
        assert "Kind        local" in cli("computes", "show", "local").out

    def test_one_that_is_not_there_names_those_that_are_and_how_to_make_one(self, cli: Cli) -> None:
        answer = cli("computes", "show", "nope")
        assert answer.code == 1
        assert "no compute target 'nope'" in answer.err
        assert "are: 'local'. Make one with ComputeTarget.create, or with 'traindock computes create'" in answer.err


class TestWhatANodeHas:
    @pytest.mark.parametrize(
        ("asked", "devices", "says"),
        [
            (1, "", "1 GPU asked for, none here"),
            (4, "fake-a,fake-b", "4 GPUs asked for, 2 here"),
            (2, "fake-a,fake-b", "2 GPUs"),
            (0, "fake-a", "0 GPUs"),
        ],
    )
    @pytest.mark.usefixtures("unchecked")
    def test_is_told_with_what_the_machine_lacks_of_it(
        self, cli: Cli, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, asked: int, devices: str, says: str
    ) -> None:
        monkeypatch.setenv("TRAINDOCK_GPU_DEVICES", devices)
        configuration = DockerCompute.provisioning_configuration(engine=ENGINE, gpus_per_node=asked)
        with pytest.warns(UserWarning, match="small"):
            ComputeTarget.create(workspace, "box", configuration)
        assert re.search(f"^  A node has +{says}$", cli("computes", "show", "box").out, re.MULTILINE)
        assert re.search(f"  {says}  ", cli("computes").out)


class TestUpdating:
    @pytest.mark.usefixtures("unchecked")
    def test_what_is_named_changes_and_the_rest_stays(self, cli: Cli, workspace: Workspace, tmp_path: Path) -> None:
        made = ("--engine", ENGINE, "--cpus", 2, "--max-nodes", 4, "--mount", f"{tmp_path}:/a", "--read-only")
        cli("computes", "create", "box", *made)
        words = ("--max-nodes", 2, "--mount", f"{tmp_path}:/b:ro", "--no-read-only", "--unset", "cpus")
        answer = cli("computes", "update", "box", *words)
        assert (answer.code, answer.err) == (0, "traindock: warning: the machine is small\n")
        assert answer.out.startswith("Compute target box (docker) was changed\n")
        settings = ComputeTarget(workspace, "box").settings
        changed = ("max_nodes", "mounts", "read_only", "cpus", "engine")
        assert [settings[name] for name in changed] == [2, [[str(tmp_path), "/b", True]], False, None, ENGINE]
        document = cli("computes", "update", "box", "--max-nodes", 3, "--json").document
        assert document["settings"] == {**settings, "max_nodes": 3}
        assert document["modified"] > document["created"]

    def test_mistakes_are_those_of_python(self, cli: Cli, workspace: Workspace) -> None:
        cli("computes", "create", "many", "--kind", "local", "--max-nodes", 4)
        for words, says in (
            (("many", "--max-nodes", "0"), "max_nodes is a number of 1 or more, not 0"),
            (("many", "--cpus", "2"), "LocalCompute has no 'cpus'"),
            (("many", "--unset", "cpus"), "LocalCompute has no 'cpus'"),
            (("local", "--max-nodes", "2"), "the compute target 'local' cannot be changed"),
            (("nope", "--max-nodes", "2"), "no compute target 'nope'"),
        ):
            answer = cli("computes", "update", *words)
            assert (answer.code, answer.out) == (1, "")
            assert says in answer.err
        assert ComputeTarget(workspace, "many").settings["max_nodes"] == 4


class TestDeleting:
    def test_a_deleted_one_is_gone_and_its_unfinished_runs_are_named(
        self, cli: Cli, workspace: Workspace, record: Record
    ) -> None:
        cli("computes", "create", "many", "--kind", "local")
        cli("computes", "create", "more", "--kind", "local")
        spec = {"snapshot": "0" * 64, "environment": {}, "interpreter": "python", "script": "train.py"}
        waiting = record(State.NOT_STARTED, spec={**spec, "compute_target": "many"})
        record(State.COMPLETED, spec={**spec, "compute_target": "more"})
        answer = cli("computes", "delete", "many")
        assert (answer.code, answer.out) == (0, "Compute target many (local) was deleted\n")
        assert f"1 run on it had not ended ({waiting})" in answer.err
        assert cli("computes", "delete", "more", "--json").document == {"deleted": "more", "unfinished_runs": []}
        assert list(workspace.compute_targets) == ["local"]
        with pytest.raises(ComputeTargetException):
            ComputeTarget(workspace, "many")
        assert "'local' cannot be deleted" in cli("computes", "delete", "local").err
