"""Estimators: what their arguments mean, and which contradict each other."""

from __future__ import annotations

import json
import sys
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from traindock import (
    ComputeTarget,
    ComputeTargetException,
    Environment,
    Estimator,
    Experiment,
    LocalCompute,
    PyTorch,
    RunConfigurationException,
    TrainingException,
    UserErrorException,
    Workspace,
)
from traindock.images.frameworks import requirements_of
from traindock.submit import checked_spec

pytestmark = pytest.mark.shared_workspace


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text("import sys; print(sys.argv[1:])")
    return tmp_path / "src"


@pytest.fixture
def common(source: Path) -> dict[str, Any]:
    """Arguments that every estimator needs."""
    return {"source_directory": source, "entry_script": "train.py", "compute_target": "local"}


class TestScriptParams:
    @pytest.mark.parametrize(
        ("params", "words"),
        [
            (
                {"--num_epochs": 30, "--output_dir": "./outputs"},
                ("--num_epochs", "30", "--output_dir", "./outputs"),
            ),
            ({"--fp16": "", "--lr": 0.1}, ("--fp16", "--lr", "0.1")),
            ({"--layers": [64, 32], "--sizes": (1, 2)}, ("--layers", "64", "32", "--sizes", "1", "2")),
            ({"--zero": 0, "--no": False}, ("--zero", "0", "--no", "False")),
            ({"--none": []}, ("--none",)),
            (
                {"--array": np.array([[1, 2], [3, 4]]), "--one": np.array(5), "--flag": np.array([True])},
                ("--array", "1", "2", "3", "4", "--one", "5", "--flag", "True"),
            ),
            ({"--number": np.float32(0.5), "--deque": deque(["a", "b"])}, ("--number", "0.5", "--deque", "a", "b")),
            (None, ()),
        ],
    )
    def test_they_become_words_in_order(self, common: dict[str, Any], params: Any, words: tuple[str, ...]) -> None:
        assert Estimator(**common, script_params=params).to_request().arguments == words

    @pytest.mark.parametrize("params", [{"--x": None}, {"": 1}, {5: 1}, {"--x": {"a": 1}}, {"--x": object()}, ["--x"]])
    def test_what_cannot_be_a_word_is_refused(self, common: dict[str, Any], params: Any) -> None:
        with pytest.raises(UserErrorException, match="script_params"):
            Estimator(**common, script_params=params)

    def test_a_set_is_refused_since_it_has_no_order(self, common: dict[str, Any]) -> None:
        with pytest.raises(UserErrorException, match=r"\(set\) cannot be one of the script_params: a set has no order"):
            Estimator(**common, script_params={"--layers": {64, 32}})

    def test_those_given_at_submit_replace_and_add(self, workspace: Workspace, common: dict[str, Any]) -> None:
        estimator = Estimator(**common, script_params={"--a": 1, "--b": 2}, user_managed=True)
        run = Experiment(workspace, "tests").submit(estimator, script_params={"--b": 3, "--c": ""})
        run.wait_for_completion()
        assert (run.path / "driver" / "stdout.txt").read_text() == "['--a', '1', '--b', '3', '--c']\n"
        assert estimator.script_params == {"--a": 1, "--b": 2}

    def test_submitting_takes_only_azures_own_options(self, workspace: Workspace, common: dict[str, Any]) -> None:
        experiment = Experiment(workspace, "tests")
        estimator = Estimator(**common, user_managed=True)
        with pytest.raises(TrainingException, match="takes script_params, not colour"):
            experiment.submit(estimator, colour="red")
        with pytest.raises(UserErrorException, match="inputs are not supported"):
            experiment.submit(estimator, inputs=[object()])
        with pytest.raises(UserErrorException, match="script_params is a dict"):
            experiment.submit(estimator, script_params=["--x"])
        run = experiment.submit(estimator, inputs=[], source_directory_data_store=None)
        run.wait_for_completion()


class TestValidation:
    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ({"compute_target": None}, "compute_target is missing"),
            ({"entry_script": None}, "entry_script is missing"),
            ({"node_count": 0}, "node_count is a whole number of 1 or more"),
            ({"node_count": "2"}, "node_count is a whole number"),
            ({"process_count_per_node": 0}, "process_count_per_node is a whole number"),
            ({"node_count": 2}, "node_count=2 needs distributed_backend or distributed_training"),
            ({"process_count_per_node": 4}, "process_count_per_node=4 needs distributed_backend"),
            ({"distributed_backend": "horovod"}, "one of mpi, gloo, nccl, not 'horovod'"),
            ({"colour": "red"}, "Estimator has no argument colour"),
            ({"pip_package": ["six"]}, r"no argument pip_package: did you mean pip_packages\?"),
            ({"environment_definition": Environment("e"), "pip_packages": ["x"]}, "environment_definition replaces"),
            ({"environment_definition": Environment("e"), "user_managed": True}, "environment_definition replaces"),
            ({"environment_definition": Environment("e"), "custom_docker_image": "x"}, "environment_definition repl"),
            ({"pip_requirements_file": "a", "pip_requirements_file_path": "b"}, "mean the same"),
        ],
    )
    def test_contradictions_are_training_exceptions(
        self, common: dict[str, Any], arguments: dict[str, Any], says: str
    ) -> None:
        with pytest.raises(TrainingException, match=says):
            Estimator(**{**common, **arguments})

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ({"user_managed": True, "pip_packages": ["pillow"]}, "user_managed=True installs nothing"),
            ({"user_managed": True, "conda_packages": ["pillow"]}, "leave out conda_packages"),
            ({"pip_packages": ["not a package!"]}, "not a package!"),
            ({"pip_packages": "pillow"}, "pillow"),
            ({"conda_packages": "pillow"}, "pillow"),
            ({"pip_requirements_file_path": "nope.txt"}, "nope.txt' does not exist"),
            ({"conda_dependencies_file_path": "nope.yml"}, "nope.yml' does not exist"),
            ({"inputs": ["x"]}, "inputs are not supported"),
            ({"environment_definition": "AzureML-PyTorch"}, "is no Environment"),
            ({"source_directory": 5}, "source_directory is the path of a folder"),
        ],
    )
    def test_values_that_are_not_allowed_are_user_errors(
        self, common: dict[str, Any], arguments: dict[str, Any], says: str
    ) -> None:
        with pytest.raises(UserErrorException, match=says):
            Estimator(**{**common, **arguments})

    def test_numbers_may_be_numpys(self, common: dict[str, Any]) -> None:
        estimator = Estimator(
            **common,
            node_count=np.int64(1),  # type: ignore[arg-type]
            process_count_per_node=np.int32(1),  # type: ignore[arg-type]
            max_run_duration_seconds=np.int64(60),  # type: ignore[arg-type]
        )
        spec = checked_spec(estimator.to_request(), "local")
        assert json.dumps([spec.node_count, spec.max_run_duration_seconds]) == "[1, 60]"
        estimator.max_run_duration_seconds = np.float32(0.5)  # type: ignore[assignment]
        assert json.dumps(checked_spec(estimator.to_request(), "local").max_run_duration_seconds) == "0.5"

    def test_backends_may_be_spelt_in_any_case(self, common: dict[str, Any]) -> None:
        assert Estimator(**common, distributed_backend="Nccl").to_request().node_count == 1

    def test_several_nodes_or_processes_are_refused_at_submit(
        self, workspace: Workspace, common: dict[str, Any]
    ) -> None:
        experiment = Experiment(workspace, "tests")
        with pytest.raises(ComputeTargetException, match="asks for 2 nodes"):
            experiment.submit(Estimator(**common, user_managed=True, node_count=2, distributed_backend="mpi"))
        several = Estimator(**common, user_managed=True, process_count_per_node=2, distributed_backend="nccl")
        with pytest.raises(RunConfigurationException, match="asks for 2 processes"):
            experiment.submit(several)

    def test_what_only_azure_needs_is_accepted(
        self, common: dict[str, Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        estimator = Estimator(
            **common, vm_size="STANDARD_NC6", vm_priority="lowpriority", use_docker=True, image_registry_details=None,
            shm_size="8g", custom_docker_base_image="pytorch/pytorch", _enable_optimized_mode=False,
        )  # fmt: skip
        assert estimator.environment.docker.base_image == "pytorch/pytorch"
        assert estimator.environment.docker.shm_size == "8g"
        assert capsys.readouterr().out == ""

    def test_a_machine_size_alone_stands_for_local_and_says_so(
        self, source: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        estimator = Estimator(source, entry_script="train.py", vm_size="STANDARD_NC6")
        assert estimator.to_request().compute_target == "local"
        assert "vm_size='STANDARD_NC6' names no machine here" in capsys.readouterr().out

    def test_a_gpu_that_is_not_there_is_refused_with_a_hint(
        self, workspace: Workspace, common: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("traindock.compute.local.list_gpus", list)
        experiment = Experiment(workspace, "tests")
        estimator = Estimator(**common, use_gpu=True, user_managed=True)
        with pytest.raises(ComputeTargetException, match=r"asks for 1 GPU and this machine has 0.*gpu='optional'"):
            experiment.submit(estimator)
        relaxed = LocalCompute.provisioning_configuration(gpu="optional")
        estimator.compute_target = ComputeTarget.create(workspace, "relaxed", relaxed)
        assert experiment.submit(estimator).wait_for_completion()["status"] == "Completed"


class TestEnvironments:
    def test_packages_of_all_kinds_come_together(self, common: dict[str, Any], source: Path) -> None:
        (source / "requirements.txt").write_text("--extra-index-url https://example.org/simple\nscipy==1.10\ntqdm\n")
        (source / "env.yml").write_text("dependencies:\n- python=3.10\n- numpy\n- pip:\n  - rich\n")
        estimator = Estimator(
            **common,
            pip_packages=["pillow", "tqdm>=4"],
            conda_packages=["scikit-learn"],
            pip_requirements_file_path="requirements.txt",
            conda_dependencies_file_path="env.yml",
        )
        recipe = estimator.to_request().recipe
        assert recipe.pip == ("rich", "scipy==1.10", "pillow", "tqdm>=4")
        assert recipe.conda == ("numpy", "scikit-learn")
        assert recipe.python == "3.10"
        assert recipe.pip_options == ("--extra-index-url https://example.org/simple",)

    @pytest.mark.parametrize("kind", [Estimator, PyTorch])
    def test_the_index_of_a_file_is_the_index_that_is_asked(
        self, common: dict[str, Any], source: Path, kind: type[Estimator]
    ) -> None:
        (source / "r.txt").write_text("--index-url https://ours.example/simple\n--find-links ./wheels\n--pre\nsecret\n")
        recipe = kind(**common, pip_requirements_file_path="r.txt").to_request().recipe
        assert recipe.index_url == "https://ours.example/simple"
        assert recipe.pip_options == (f"--find-links {source / 'wheels'}", "--pre")
        (source / "env.yml").write_text("dependencies: [{pip: [-i https://ours.example/simple, secret]}]\n")
        recipe = kind(**common, conda_dependencies_file_path="env.yml").to_request().recipe
        assert recipe.index_url == "https://ours.example/simple"

    def test_two_files_with_different_indexes_contradict_each_other(self, common: dict[str, Any], source: Path) -> None:
        (source / "r.txt").write_text("-i https://one.example\nsix\n")
        (source / "env.yml").write_text("dependencies: [{pip: [-i https://two.example, secret]}]\n")
        files = {"pip_requirements_file_path": "r.txt", "conda_dependencies_file_path": "env.yml"}
        with pytest.raises(TrainingException, match="name different package indexes"):
            Estimator(**common, **files)
        (source / "env.yml").write_text("dependencies: [{pip: [-i https://one.example, secret]}]\n")
        assert Estimator(**common, **files).to_request().recipe.index_url == "https://one.example"

    @pytest.mark.parametrize("name", ["pip_requirements_file_path", "pip_requirements_file"])
    def test_files_are_found_in_the_source_folder_or_where_they_are(
        self, common: dict[str, Any], source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        (source / "here.txt").write_text("one")
        (tmp_path / "there.txt").write_text("two")
        (tmp_path / "here.txt").write_text("three")
        monkeypatch.chdir(tmp_path)
        for file, package in (("here.txt", "one"), ("there.txt", "two"), (str(tmp_path / "here.txt"), "three")):
            assert Estimator(**common, **{name: file}).to_request().recipe.pip == (package,)

    def test_an_environment_definition_is_taken_as_it_is_also_with_a_gpu(self, common: dict[str, Any]) -> None:
        environment = Environment("mine")
        environment.python.conda_dependencies.add_pip_package("rich")
        environment.environment_variables = {"A": "1", "B": "1"}
        request = PyTorch(
            **common, environment_definition=environment, use_gpu=True, environment_variables={"B": "2"}
        ).to_request()
        assert (request.environment_name, request.recipe.pip, request.gpus) == ("mine", ("rich",), 1)
        assert request.environment_variables == {"A": "1", "B": "2"}
        assert request.recipe.framework is None

    def test_user_managed_is_the_submitters_own_interpreter(
        self, workspace: Workspace, common: dict[str, Any], source: Path
    ) -> None:
        (source / "train.py").write_text("import os, sys; print(sys.executable, os.environ['COLOUR'])")
        estimator = PyTorch(**common, user_managed=True, environment_variables={"COLOUR": "red"})
        run = Experiment(workspace, "tests").submit(estimator)
        run.wait_for_completion()
        assert (run.path / "driver" / "stdout.txt").read_text() == f"{sys.executable} red\n"

    def test_a_run_to_resume_from_is_passed_on(self, workspace: Workspace, common: dict[str, Any]) -> None:
        experiment = Experiment(workspace, "tests")
        first = experiment.submit(Estimator(**common, user_managed=True))
        second = Estimator(**common, user_managed=True, script_params={"--x": 1}, resume_from=first)
        assert second.to_request().arguments == ("--x", "1", "--resume-from", str(first.path / "outputs"))
        first.wait_for_completion()

    def test_no_source_folder_means_the_current_one(self, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(source)
        estimator = Estimator(None, entry_script="train.py", compute_target="local")
        assert Path(estimator.source_directory) == source


class TestPyTorch:
    def test_without_a_version_any_torch_with_its_torchvision_will_do(self, common: dict[str, Any]) -> None:
        recipe = PyTorch(**common, pip_packages=["pillow"]).to_request().recipe
        assert requirements_of(recipe) == ("torch", "torchvision", "pillow")

    def test_an_old_version_comes_with_what_belongs_to_it(self, common: dict[str, Any]) -> None:
        recipe = PyTorch(**common, framework_version="1.13").to_request().recipe
        assert requirements_of(recipe) == ("torch==1.13.*", "torchvision>=0.14.0,<0.15", "numpy<2")

    @pytest.mark.parametrize("version", ["9.9", "1", "latest", "", "1.13.7"])
    def test_an_unknown_version_lists_the_known_ones(self, common: dict[str, Any], version: str) -> None:
        with pytest.raises(TrainingException, match=r"is not known\. Known are 1\.0, .* 1\.13, 2\.0"):
            PyTorch(**common, framework_version=version)

    def test_the_known_versions_can_be_listed_and_asked_for(self, common: dict[str, Any]) -> None:
        versions = PyTorch.get_supported_versions()
        assert versions[:2] == ["1.0", "1.1"]
        for version in versions:
            assert PyTorch(**common, framework_version=version).framework_version == version

    def test_a_version_that_is_a_number_is_refused_since_it_may_mean_another(self, common: dict[str, Any]) -> None:
        with pytest.raises(TrainingException, match=r"as a number, 1\.10 is 1\.1"):
            PyTorch(**common, framework_version=1.10)  # type: ignore[arg-type]

    @pytest.mark.parametrize("other", [{"environment_definition": Environment("e")}, {"user_managed": True}])
    def test_a_version_and_what_replaces_it(self, common: dict[str, Any], other: dict[str, Any]) -> None:
        with pytest.raises(TrainingException, match="replaces framework_version"):
            PyTorch(**common, framework_version="2.1", **other)

    @pytest.mark.shared_workspace(False)
    def test_a_version_that_cannot_be_built_here_is_refused_at_submit_naming_its_python(
        self, workspace: Workspace, common: dict[str, Any]
    ) -> None:
        estimator = PyTorch(**common, framework_version="1.2")
        with pytest.raises(TrainingException, match=r"torch==1\.2\.\* has wheels for Python 3\.7 and older only"):
            Experiment(workspace, "tests").submit(estimator)
        assert list(Experiment(workspace, "tests").get_runs()) == []

    @pytest.mark.parametrize("fetchable", [(), ("3.10.13",)])
    def test_a_version_for_another_python_is_accepted_only_where_that_can_be_had(
        self,
        workspace: Workspace,
        common: dict[str, Any],
        monkeypatch: pytest.MonkeyPatch,
        fetchable: tuple[str, ...],
    ) -> None:
        monkeypatch.setattr("traindock.images.pythons._on_this_machine", lambda specifier: None)
        monkeypatch.setattr("traindock.images.pythons._fetchable", lambda: fetchable)
        request = PyTorch(**common, framework_version="1.13").to_request()
        target = ComputeTarget(workspace, "local")
        if fetchable:
            target.backend().check(checked_spec(request, "local"), workspace.settings)
        else:
            with pytest.raises(TrainingException, match=r"needs Python 3\.8 to 3\.10, .*`uv python install 3\.10`"):
                target.backend().check(checked_spec(request, "local"), workspace.settings)

    def test_subclasses_may_be_named_in_errors(self, common: dict[str, Any]) -> None:
        with pytest.raises(TrainingException, match=r"no argument source_dir: did you mean source_directory\?"):
            PyTorch(source_dir=".", entry_script="train.py", compute_target="local")
        with pytest.raises(TrainingException, match="PyTorch has no argument colour"):
            PyTorch(**common, colour="red")
