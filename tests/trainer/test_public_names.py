"""The public face: which names there are, what importing them costs, and how errors look."""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import traindock
from traindock import errors

NAMES = [
    "ActivityFailedException", "AttributeNotFoundException", "ComputeTarget", "ComputeTargetException",
    "CondaDependencies", "Detached", "DockerCompute", "EngineException", "EngineNotFoundException",
    "EnginePermissionException", "EngineRefusedException", "EngineTooOldException", "EngineUnfitException",
    "EngineUnreachableException", "Environment", "EnvironmentBuildException", "Estimator", "Experiment",
    "ExperimentExecutionException", "ImageNotFoundException", "IndexBusyException", "InternalError", "LocalCompute",
    "Model", "ModelAliasException",
    "ModelNotFoundException", "ModelPathNotFoundException", "NameNotFoundException", "NotAnEngineException",
    "PyTorch", "Reason", "RegistryDeniedException", "RegistryException", "RegistryInsecureException",
    "RegistryUnreachableException", "RemoteEngineException", "Run", "RunCanceledException",
    "RunConfigurationException", "RunEnvironmentException", "RunHasChildrenException", "RunNotEndedException",
    "RunNotFoundException", "RunNotSignedException", "RunNotWaitingException",
    "ScriptFileException", "ScriptRunConfig", "SnapshotException", "State", "StoreException", "TraindockError",
    "TrainingException", "UserErrorException", "Workspace", "WorkspaceException", "WorkspaceReadOnlyException",
    "NotebookRunConfig", "__version__",
]  # fmt: skip

HEAVY = [
    "docker", "numpy", "pandas", "matplotlib", "torch", "torchvision", "optuna", "onnx", "ray", "mlflow",
    "IPython", "ipywidgets", "sqlite3", "platformdirs", "packaging", "psutil", "yaml", "pynvml", "uv",
    "inotify_simple", "asyncio", "subprocess", "typing", "importlib.metadata",
]  # fmt: skip

ERRORS = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, Exception)]


def modules_after(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded for ``statement``, beyond those it has anyway."""
    code = (
        "import sys; before = set(sys.modules)\n"
        f"{statement}\n"
        "found = sorted(set(sys.modules) - before); import json; print(json.dumps(found))"
    )
    source = str(Path(traindock.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": source}
    # -S and -I would lose the installed packages; what the site folder's .pth files import is there before.
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


class TestNames:
    def test_these_are_all(self) -> None:
        assert sorted(traindock.__all__) == sorted(NAMES)
        assert set(NAMES) <= set(dir(traindock))

    def test_on_windows_they_say_what_is_needed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.delitem(vars(traindock), "Workspace", raising=False)
        with pytest.raises(ImportError, match="Traindock needs Linux or macOS; on Windows, run it in WSL2"):
            from traindock import Workspace  # noqa: F401
        assert traindock.UserErrorException is errors.UserErrorException

    @pytest.mark.parametrize("name", NAMES)
    def test_each_can_be_had_and_is_described(self, name: str) -> None:
        value = getattr(traindock, name)
        if name == "__version__":
            assert value[0].isdigit()
            return
        assert value.__name__ == name
        assert value.__doc__
        assert len(value.__doc__) > 20
        for member, thing in vars(value).items():
            if not member.startswith("_") and (callable(thing) or isinstance(thing, (property, staticmethod))):
                assert inspect.getdoc(getattr(value, member)), f"{name}.{member}"

    def test_editors_see_the_same_names_as_python(self) -> None:
        text = Path(traindock.__file__).read_text("utf-8")
        for name in NAMES:
            assert f" import {name} as {name}\n" in text

    def test_every_error_that_users_can_meet_is_among_them(self) -> None:
        assert {error.__name__ for error in ERRORS} - set(NAMES) == {"InvalidTransition"}, "a fault of ours"

    def test_a_name_that_is_not_there_lists_those_that_are(self) -> None:
        with pytest.raises(AttributeError, match=r"no attribute 'Worksapce'; it has: .*Workspace"):
            traindock.Worksapce  # type: ignore[attr-defined]  # noqa: B018
        with pytest.raises(ImportError, match="Worksapce"):
            exec("from traindock import Worksapce")

    def test_errors_of_old_notebooks_have_their_names(self) -> None:
        for name in (
            "TrainingException", "ExperimentExecutionException", "SnapshotException", "RunEnvironmentException",
            "WorkspaceException", "ComputeTargetException", "UserErrorException", "RunConfigurationException",
            "ModelNotFoundException", "ModelPathNotFoundException", "ActivityFailedException",
        ):  # fmt: skip
            assert issubclass(getattr(traindock, name), traindock.TraindockError)
        compute_target = importlib.import_module("traindock.compute_target")
        assert compute_target.ComputeTargetException is traindock.ComputeTargetException


class TestImports:
    def test_import_traindock_loads_nothing_else(self) -> None:
        loaded = modules_after("import traindock")
        assert not loaded & set(HEAVY)
        assert {name for name in loaded if name.startswith("traindock")} == {"traindock"}
        assert len(loaded) < 5

    @pytest.mark.parametrize(
        "name",
        ["Workspace", "Experiment", "Run", "ScriptRunConfig", "PyTorch", "ComputeTarget", "Environment", "Model"],
    )
    def test_public_names_load_few_packages_of_others(self, name: str) -> None:
        loaded = modules_after(f"from traindock import {name}")
        others = {each for each in loaded if each.split(".")[0] not in {*sys.stdlib_module_names, "traindock"}}
        assert len(others) < 12
        assert {each.split(".")[0] for each in others} <= {"platformdirs"}

    def test_heavy_packages_are_loaded_by_no_module_of_the_face(self) -> None:
        loaded = modules_after(f"from traindock import {', '.join(NAMES)}")
        cheap = {"sqlite3", "platformdirs", "subprocess", "typing", "asyncio", "importlib.metadata"}
        assert not loaded & (set(HEAVY) - cheap)


def example(error: type[Exception]) -> Exception:
    """Return an error with all that it can hold."""
    if error is errors.ActivityFailedException:
        return errors.ActivityFailedException(
            "tests_1_a", "exited_nonzero", "it failed", exit_code=3, log_tail=["one", "two"], log_path="/x", hint="Mend"
        )
    if error is errors.EnvironmentBuildException:
        return errors.EnvironmentBuildException("no such package", ["last line"])
    if error is errors.EngineRefusedException:
        return errors.EngineRefusedException("start a container", "no space left on device", 500)
    if error is errors.InvalidTransition:
        return errors.InvalidTransition("Running", "Queued", ["Finalizing"])
    return error("what is wrong, and what to do")


class TestErrors:
    @pytest.mark.parametrize("error", ERRORS, ids=lambda error: str(error.__name__))
    def test_they_survive_pickling_and_copying(self, error: type[Exception]) -> None:
        original = example(error)
        original.add_note("a note")
        for again in (pickle.loads(pickle.dumps(original)), copy.copy(original), copy.deepcopy(original)):
            assert type(again) is error
            assert str(again) == str(original)
            assert again.__dict__ == original.__dict__
            assert again.args == original.args

    def test_each_has_a_code_of_its_own(self) -> None:
        codes = [vars(error)["code"] for error in ERRORS]
        assert len(set(codes)) == len(codes)

    def test_a_failure_tells_code_last_lines_log_and_what_to_do(self) -> None:
        text = str(example(errors.ActivityFailedException))
        assert text.splitlines() == [
            "Run tests_1_a failed: it failed (reason: exited_nonzero)",
            "Last lines of its log:",
            "    one",
            "    two",
            "The whole log: /x",
            "Mend",
        ]

    def test_ipython_shows_the_text_alone_but_the_way_to_a_fault_of_ours(self, tmp_path: Path) -> None:
        pytest.importorskip("IPython")
        script = tmp_path / "cells.py"
        script.write_text(
            "from IPython.core.interactiveshell import InteractiveShell\n"
            "shell = InteractiveShell.instance(colors='nocolor')\n"
            "shell.run_cell(\"import traindock\\ntraindock.Workspace('/nowhere/at/all')\")\n"
            "print('=====')\n"
            "shell.run_cell(\"def culprit():\\n    raise traindock.InternalError('oops')\\nculprit()\")\n"
        )
        environment = {**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")}
        done = subprocess.run(
            [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True
        )
        user, ours = done.stdout.split("=====\n")
        assert user == "WorkspaceException: there is no workspace in /nowhere/at/all: it has no workspace.json\n"
        assert "culprit" in ours
        assert "InternalError: oops" in ours


def test_representations_are_never_empty_or_markup(workspace: traindock.Workspace) -> None:
    experiment = traindock.Experiment(workspace, "tests")
    things: list[Any] = [workspace, experiment, workspace.compute_targets["local"]]
    for thing in things:
        assert "object at 0x" not in repr(thing)
        assert thing._repr_html_().startswith("<table>")
