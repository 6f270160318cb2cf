"""ScriptRunConfig: what can be asked for, and what is refused before anything is written."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit, wait_for

from traindock import (
    ActivityFailedException,
    ComputeTargetException,
    Environment,
    Experiment,
    ExperimentExecutionException,
    Run,
    RunConfigurationException,
    ScriptRunConfig,
    UserErrorException,
    Workspace,
)
from traindock.submit import checked_spec

pytestmark = pytest.mark.shared_workspace


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text("import sys; print(*sys.argv[1:], sep='|')")
    return tmp_path / "src"


@pytest.fixture
def experiment(workspace: Workspace) -> Experiment:
    return Experiment(workspace, "tests")


class Communicator:
    """What a notebook's configuration of several processes looks like."""

    def __init__(self, node_count: int = 1, **more: int) -> None:
        self.node_count = node_count
        self.__dict__.update(more)


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--num_epochs", 30, "--output_dir", "./outputs"], ("--num_epochs", "30", "--output_dir", "./outputs")),
            (["--lr", 1e-05, "--on", True, Path("a") / "b"], ("--lr", "1e-05", "--on", "True", "a/b")),
            (["--layers", [64, 32], ("x", ["y"])], ("--layers", "64", "32", "x", "y")),
            (["--gpus", range(3)], ("--gpus", "0", "1", "2")),
            (["", " ", "a b", "--x=1"], ("", " ", "a b", "--x=1")),
            ((), ()),
            (None, ()),
        ],
    )
    def test_strings_numbers_paths_and_lists_become_words(
        self, source: Path, arguments: Any, words: tuple[str, ...]
    ) -> None:
        assert ScriptRunConfig(source, "train.py", arguments).to_request().arguments == words

    def test_scalars_of_numpy_become_words(self, source: Path) -> None:
        np = pytest.importorskip("numpy")
        config = ScriptRunConfig(source, "train.py", [np.int64(3), np.float32(0.5), np.float64(0.1)])
        assert config.to_request().arguments == ("3", "0.5", "0.1")

    @pytest.mark.parametrize("wrong", [None, {"a": 1}, b"x", object(), {1, 2}, "a\0b", [None]])
    def test_what_cannot_be_a_word_is_named(self, source: Path, wrong: Any) -> None:
        with pytest.raises(UserErrorException, match="arguments"):
            ScriptRunConfig(source, "train.py", ["--x", wrong])

    @pytest.mark.parametrize("wrong", ["--epochs 3", {"--epochs": 3}, b"x", 5])
    def test_one_text_is_no_list(self, source: Path, wrong: Any) -> None:
        with pytest.raises(UserErrorException, match=r"arguments are a list such as \['--epochs', 3\]"):
            ScriptRunConfig(source, "train.py", wrong)

    def test_they_may_be_changed_until_the_submit(self, source: Path) -> None:
        config = ScriptRunConfig(source, "train.py", ["--lr", 0.1])
        config.arguments[1] = 0.2
        assert config.to_request().arguments == ("--lr", "0.2")
        config.arguments.append(None)
        with pytest.raises(UserErrorException, match="None"):
            config.to_request()

    def test_a_run_to_resume_from_is_passed_on(self, submit: Submit, source: Path, experiment: Experiment) -> None:
        first = submit("open('outputs/epoch1', 'w').write('weights')")
        first.wait_for_completion()
        (source / "train.py").write_text("import sys, os; print(sys.argv[1:2], os.listdir(sys.argv[2]))")
        second = experiment.submit(ScriptRunConfig(source, "train.py", resume_from=first))
        second.wait_for_completion()
        assert (second.path / "driver" / "stdout.txt").read_text() == "['--resume-from'] ['epoch1']\n"
        with pytest.raises(UserErrorException, match="resume_from is a run"):
            ScriptRunConfig(source, "train.py", resume_from="./outputs").to_request()  # type: ignore[arg-type]


class TestCommands:
    def test_a_text_is_split_as_a_shell_would_do_it(self, source: Path) -> None:
        config = ScriptRunConfig(source, command="python -c 'print(1); print(2)' --name \"a b\" $HOME")
        assert config.to_request().command == ("python", "-c", "print(1); print(2)", "--name", "a b", "$HOME")

    def test_a_list_is_taken_as_it_is(self, source: Path) -> None:
        config = ScriptRunConfig(source, command=["sh", "-c", "a && b", 5])
        assert config.to_request().command == ("sh", "-c", "a && b", "5")

    @pytest.mark.parametrize("command", ["a && b", "a; b", "a | b", "a > log.txt", "a &", "(a)"])
    def test_a_shells_own_signs_are_not_quietly_passed_on(self, source: Path, command: str) -> None:
        with pytest.raises(RunConfigurationException, match=r"without a shell.*\['sh', '-c', "):
            ScriptRunConfig(source, command=command)

    @pytest.mark.parametrize("command", ["", "  ", [], [""], "echo 'open"])
    def test_an_empty_or_torn_one(self, source: Path, command: Any) -> None:
        with pytest.raises(RunConfigurationException, match=r"is empty|cannot be taken apart"):
            ScriptRunConfig(source, command=command)

    def test_either_a_script_or_a_command(self, source: Path) -> None:
        with pytest.raises(RunConfigurationException, match="either a script or a command"):
            ScriptRunConfig(source)
        with pytest.raises(RunConfigurationException, match="either a script or a command"):
            ScriptRunConfig(source, "train.py", command="python train.py")
        with pytest.raises(RunConfigurationException, match="takes no arguments"):
            ScriptRunConfig(source, command="python train.py", arguments=["--x"])

    def test_a_command_cannot_lose_what_it_resumes_from(self, submit: Submit, source: Path) -> None:
        run = submit("pass")
        with pytest.raises(RunConfigurationException, match="takes no resume_from"):
            ScriptRunConfig(source, command="python train.py", resume_from=run)
        run.wait_for_completion()


class TestTheScript:
    def test_may_be_given_with_the_path_of_its_folder(self, source: Path, tmp_path: Path) -> None:
        (tmp_path / "linked").symlink_to(source)
        for folder in (source, tmp_path / "linked"):
            for script in (source / "train.py", tmp_path / "linked/train.py"):
                request = ScriptRunConfig(folder, str(script)).to_request()
                assert checked_spec(request, "local").script == "train.py"


class TestTheInterpreter:
    """Of an environment that names one."""

    @pytest.fixture
    def named(self, source: Path) -> Callable[[str], ScriptRunConfig]:
        def named(path: str) -> ScriptRunConfig:
            environment = Environment("named")
            environment.python.interpreter_path = path
            environment.python.user_managed_dependencies = True
            return ScriptRunConfig(source, "train.py", environment=environment)

        return named

    def test_on_local_is_found_as_the_submitter_would_find_it(
        self, named: Callable[[str], ScriptRunConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The dispatcher has another PATH and another working directory."""
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "my-python").symlink_to(sys.executable)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        for path in ("my-python", "bin/my-python", "~/bin/my-python"):
            spec = checked_spec(named(path).to_request(), "local")
            assert spec.environment["interpreter"] == str(tmp_path / "bin" / "my-python")

    def test_on_local_is_refused_where_it_is_not(
        self, experiment: Experiment, named: Callable[[str], ScriptRunConfig]
    ) -> None:
        with pytest.raises(UserErrorException, match="'/no/such/python' does not exist or cannot be executed"):
            experiment.submit(named("/no/such/python"))

    def test_elsewhere_is_what_is_there(self, named: Callable[[str], ScriptRunConfig]) -> None:
        for path in ("/opt/in/the/image/bin/python", "python3"):
            spec = checked_spec(named(path).to_request(), "containers", interpreters_here=False)
            assert spec.environment["interpreter"] == path


class TestRefusedAtSubmit:
    @pytest.mark.shared_workspace(False)
    @pytest.mark.parametrize(
        ("script", "says"),
        [
            ("nope.py", "no script 'nope.py' in the source folder .*there are: train.py"),
            ("/etc/passwd", "is not in the source folder .*name a folder that holds it"),
            ("../x.py", "is not in the source folder .*name a folder that holds it"),
            ("", "'' is no script.*such as 'train.py'"),
            (5, "5 is no script.*such as 'train.py'"),
            ("pipe.py", r"'pipe\.py' is no file in the source folder .*there are: train\.py$"),
        ],
    )
    def test_scripts_that_are_not_there(self, experiment: Experiment, source: Path, script: Any, says: str) -> None:
        os.mkfifo(source / "pipe.py")
        with pytest.raises(UserErrorException, match=says):
            experiment.submit(ScriptRunConfig(source, script))
        assert list(experiment.get_runs()) == []

    def test_a_notebook_is_no_script(self, experiment: Experiment, source: Path) -> None:
        (source / "train.ipynb").write_text("{}")
        with pytest.raises(ExperimentExecutionException, match=r"NotebookRunConfig.*traindock submit train.ipynb"):
            experiment.submit(ScriptRunConfig(source, "train.ipynb"))

    def test_source_folders_that_are_none(self, experiment: Experiment, source: Path) -> None:
        with pytest.raises(ExperimentExecutionException, match="nowhere' does not exist"):
            experiment.submit(ScriptRunConfig(source / "nowhere", "train.py"))
        with pytest.raises(ExperimentExecutionException, match="is no folder"):
            experiment.submit(ScriptRunConfig(source / "train.py", "train.py"))
        with pytest.raises(UserErrorException, match="source_directory is the path of a folder"):
            experiment.submit(ScriptRunConfig(5, "train.py"))  # type: ignore[arg-type]

    def test_no_source_folder_means_the_current_one(
        self, experiment: Experiment, source: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(source)
        run = experiment.submit(ScriptRunConfig(None, "train.py", ["here"]))  # type: ignore[arg-type]
        run.wait_for_completion()
        assert (run.path / "driver" / "stdout.txt").read_text() == "here\n"

    @pytest.mark.parametrize("wrong", [0, -1, math.nan, "1 h", True])
    def test_durations(self, experiment: Experiment, source: Path, wrong: Any) -> None:
        with pytest.raises(UserErrorException, match="max_run_duration_seconds is a number of seconds above 0"):
            experiment.submit(ScriptRunConfig(source, "train.py", max_run_duration_seconds=wrong))

    @pytest.mark.parametrize("endless", [None, math.inf])
    def test_no_end_can_be_asked_for(self, experiment: Experiment, source: Path, endless: float | None) -> None:
        run = experiment.submit(ScriptRunConfig(source, "train.py", max_run_duration_seconds=endless))
        assert run.get_details()["runDefinition"]["max_run_duration_seconds"] is None
        run.wait_for_completion()

    def test_azures_default_is_30_days(self, source: Path) -> None:
        assert ScriptRunConfig(source, "train.py").max_run_duration_seconds == 2_592_000

    @pytest.mark.parametrize("wrong", ["AzureML-PyTorch-1.6-GPU", {"pip": []}])
    def test_environments_that_are_none(self, experiment: Experiment, source: Path, wrong: Any) -> None:
        with pytest.raises(UserErrorException, match="is no Environment"):
            experiment.submit(ScriptRunConfig(source, "train.py", environment=wrong))

    def test_gpus_that_are_not_there(
        self, experiment: Experiment, source: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("traindock.compute.local.list_gpus", list)
        with pytest.raises(ComputeTargetException, match=r"asks for 2 GPUs and this machine has 0.*gpu='optional'"):
            experiment.submit(ScriptRunConfig(source, "train.py", gpus=2))
        with pytest.raises(UserErrorException, match="gpus is a whole number"):
            experiment.submit(ScriptRunConfig(source, "train.py", gpus=-1))

    def test_several_nodes_or_processes_are_not_quietly_made_one(self, experiment: Experiment, source: Path) -> None:
        for communicator, error, says in (
            (Communicator(node_count=2), ComputeTargetException, "asks for 2 nodes"),
            (Communicator(process_count=4), RunConfigurationException, "asks for 4 processes"),
            (Communicator(process_count_per_node=2), RunConfigurationException, "asks for 2 processes"),
        ):
            with pytest.raises(error, match=says):
                experiment.submit(ScriptRunConfig(source, "train.py", distributed_job_config=communicator))
        run = experiment.submit(ScriptRunConfig(source, "train.py", distributed_job_config=Communicator()))
        run.wait_for_completion()

    def test_a_run_config_is_not_supported_and_says_what_is(self, source: Path) -> None:
        with pytest.raises(RunConfigurationException, match="pass script, arguments, compute_target"):
            ScriptRunConfig(source, "train.py", run_config=object())

    def test_options_of_estimators(self, experiment: Experiment, source: Path) -> None:
        with pytest.raises(UserErrorException, match="takes no script_params"):
            experiment.submit(ScriptRunConfig(source, "train.py"), script_params={"--x": 1})

    @pytest.mark.parametrize("wrong", [None, "train.py", {"script": "train.py"}])
    def test_something_that_is_no_configuration(self, experiment: Experiment, wrong: Any) -> None:
        with pytest.raises(UserErrorException, match="cannot be submitted: use a ScriptRunConfig"):
            experiment.submit(wrong)


def test_it_runs_in_the_submitting_interpreter_unless_told_otherwise(experiment: Experiment, source: Path) -> None:
    (source / "train.py").write_text("import sys; print(sys.executable)")
    run = experiment.submit(ScriptRunConfig(source, "train.py"))
    run.wait_for_completion()
    assert (run.path / "driver" / "stdout.txt").read_text() == f"{sys.executable}\n"


def test_a_command_that_ends_badly_fails(experiment: Experiment, source: Path) -> None:
    run = experiment.submit(ScriptRunConfig(source, command=["sh", "-c", "exit 3"]))
    with pytest.raises(ActivityFailedException) as caught:
        run.wait_for_completion()
    assert caught.value.exit_code == 3


def test_variables_of_the_environment_reach_the_job(experiment: Experiment, source: Path) -> None:
    environment = Environment.from_existing_interpreter("mine")
    environment.environment_variables = {"COLOUR": "red", "NUMBER": "5"}
    (source / "train.py").write_text("import os; print(os.environ['COLOUR'], os.environ['NUMBER'])")
    run = experiment.submit(ScriptRunConfig(source, "train.py", environment=environment))
    wait_for(lambda: run.record.state.terminal, "the end")
    assert (run.path / "driver" / "stdout.txt").read_text() == "red 5\n"
    assert isinstance(Run.get(run.workspace, run.id).get_environment(), Environment)


def test_it_shows_itself(source: Path) -> None:
    assert "script='train.py'" in repr(ScriptRunConfig(source, "train.py"))
    assert "command='ls'" in repr(ScriptRunConfig(source, command="ls"))
