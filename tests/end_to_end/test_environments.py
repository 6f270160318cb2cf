"""Environments as a run meets them: built once, cached, cancelled, failed, and right inside the job."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from tests.conftest import Submit, dispatcher_of, kill, processes_of, wait_for
from tests.trainer.images.conftest import Shelf

from traindock import (
    ActivityFailedException,
    ComputeTarget,
    Environment,
    Experiment,
    LocalCompute,
    PyTorch,
    Run,
    Workspace,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def shelf(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """A folder of packages that the workspace builds from, without any index, and a cache nobody else has used."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    shelf = Shelf(tmp_path / "shelf")
    with open(workspace.layout.settings, "a") as file:
        file.write(f"[packages]\nfind_links = [{json.dumps(str(shelf.folder))}]\noffline = true\n")
    ComputeTarget.create(workspace, "wide", LocalCompute.provisioning_configuration(max_nodes=4))
    return shelf


def needing(*packages: str, python: str | None = None) -> Environment:
    environment = Environment("needs")
    for package in packages:
        environment.python.conda_dependencies.add_pip_package(package)
    if python is not None:
        environment.python.conda_dependencies.set_python_version(python)
    return environment


def stdout(run: Run) -> str:
    return (run.path / "driver" / "stdout.txt").read_text()


def build_log(run: Run) -> str:
    try:
        return (run.path / "driver" / "build.txt").read_text()
    except FileNotFoundError:
        return ""


def test_an_environment_is_built_once_for_runs_that_need_it_at_once_and_later(
    submit: Submit, workspace: Workspace, shelf: Shelf
) -> None:
    shelf.slow("traindock_tests_slow", "1.0")
    script = "import traindock_tests_slow as slow, sys; print(slow.version, sys.prefix)"
    runs = [submit(script, environment=needing("traindock_tests_slow"), compute_target="wide") for _ in range(2)]
    wait_for(shelf.started.exists, "the build to begin")
    assert "Miss for key" in build_log(runs[0]) + build_log(runs[1]), "the log is there from the first second"
    wait_for(lambda: any("waiting for it" in build_log(run) for run in runs), "the other run to wait for the build")
    shelf.go.touch()
    for run in runs:
        run.wait_for_completion()
    assert stdout(runs[0]) == stdout(runs[1])
    assert sorted(run.get_details()["environment"]["action"] for run in runs) == ["built", "cached"]
    assert len(list(workspace.layout.environments.glob("*/complete.json"))) == 1
    shelf.go.unlink()  # a second build would wait for ever
    later = submit(script, environment=needing("traindock_tests_slow"), compute_target="wide")
    later.wait_for_completion()
    assert stdout(later) == stdout(runs[0])
    environment = later.get_details()["environment"]
    assert environment["action"] == "cached"
    assert environment["seconds"] < 2
    assert "Hit for key" in build_log(later)
    assert "it was built before" in build_log(later)


def test_cancelling_a_build_kills_the_builder_and_leaves_nothing_half_built(
    submit: Submit, workspace: Workspace, shelf: Shelf
) -> None:
    shelf.slow("traindock_tests_slow")
    run = submit("pass", environment=needing("traindock_tests_slow"))
    wait_for(lambda: shelf.started.exists() and shelf.started.read_text(), "the build to begin")
    builder = psutil.Process(int(shelf.started.read_text()))
    assert run.get_status() == "Preparing"
    run.cancel()
    assert run.wait_for_completion()["status"] == "Canceled"
    wait_for(lambda: not builder.is_running() or builder.status() == psutil.STATUS_ZOMBIE, "the builder to be gone")
    assert len(processes_of(workspace)) == 1, "only the dispatcher is left"
    assert not [path for path in workspace.layout.environments.iterdir() if path.is_dir() and path.name[0] != "."]
    assert "Canceled" in build_log(run)


def test_a_dispatcher_that_is_killed_in_a_build_leaves_it_to_the_next_one(
    submit: Submit, workspace: Workspace, shelf: Shelf
) -> None:
    shelf.slow("traindock_tests_slow")
    run = submit(
        "import traindock_tests_slow; print(traindock_tests_slow.version)", environment=needing("traindock_tests_slow")
    )
    wait_for(shelf.started.exists, "the build to begin")
    kill(dispatcher_of(workspace))
    shelf.go.touch()
    run.wait_for_completion()
    assert stdout(run) == "1.0\n"


def test_a_package_that_fails_to_build_is_named_with_the_builders_last_lines(submit: Submit, shelf: Shelf) -> None:
    shelf.broken("traindock_tests_broken", "1.0")
    run = submit("print('never')", environment=needing("traindock_tests_broken"))
    with pytest.raises(ActivityFailedException) as caught:
        run.wait_for_completion()
    assert caught.value.reason == "environment_failed"
    assert "traindock-tests-broken" in str(caught.value)
    assert "could not be found for jpeg" in str(caught.value)
    assert caught.value.log_path.endswith("build.txt")
    assert any("could not be found for jpeg" in line for line in caught.value.log_tail)
    assert not (run.path / "driver" / "started.json").exists()


def test_a_package_that_does_not_exist_fails_with_the_resolvers_words_within_a_minute(submit: Submit) -> None:
    """On the real index, or offline: either way the resolver's last lines are in the exception."""
    begun = time.monotonic()
    run = submit("pass", environment=needing("traindock-tests-no-such-package-2f7c"))
    with pytest.raises(ActivityFailedException) as caught:
        run.wait_for_completion()
    assert time.monotonic() - begun < 60
    assert caught.value.reason == "environment_failed"
    assert "traindock-tests-no-such-package-2f7c" in str(caught.value)
    assert caught.value.log_tail
    sentence = run.get_details()["error"]["message"]
    assert sentence.startswith("the packages cannot be installed: ")
    assert "traindock-tests-no-such-package-2f7c" in sentence
    assert "\n" not in sentence
    assert "logs/build.txt" in caught.value.hint


def test_offline_means_that_no_index_is_asked_even_where_one_has_the_package(submit: Submit, shelf: Shelf) -> None:
    run = submit("pass", environment=needing("toolz"))
    with pytest.raises(ActivityFailedException, match="toolz was not found in the provided package locations"):
        run.wait_for_completion()


def test_the_job_sees_its_environment_and_the_injected_package(submit: Submit, shelf: Shelf) -> None:
    shelf.wheel("traindock-tests-pebble", "2.0")
    run = submit(
        """
        import json, os, shutil, subprocess, sys
        import traindock_tests_pebble, traindock
        from traindock import Run
        Run.get_context().log("x", 1)
        child = subprocess.run(
            ["python", "-c", "import sys, traindock_tests_pebble, traindock; print(sys.prefix)"],
            stdout=subprocess.PIPE, text=True
        )
        try:
            import psutil  # of the submitter's environment, and of Traindock's own needs
            leaked = True
        except ImportError:
            leaked = False
        print(json.dumps({
            "prefix": sys.prefix, "virtual_env": os.environ.get("VIRTUAL_ENV"), "which": shutil.which("python"),
            "child": child.stdout.strip(), "leaked": leaked, "traindock": traindock.__file__,
        }))
        """,
        environment=needing("traindock-tests-pebble"),
    )
    run.wait_for_completion()
    seen = json.loads(stdout(run))
    assert seen["prefix"] == seen["virtual_env"] == seen["child"]
    assert Path(seen["which"]).parent == Path(seen["prefix"]) / "bin"
    assert Path(seen["prefix"]).parent == run.workspace.layout.environments
    assert Path(seen["traindock"]).is_relative_to(run.workspace.layout.runtime)
    assert not seen["leaked"]
    assert run.get_metrics() == {"x": 1}


def test_the_callers_interpreter_is_used_where_it_satisfies_the_recipe_and_that_is_said(
    workspace: Workspace, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("import sys; print(sys.executable)")
    config = PyTorch(source, entry_script="train.py", compute_target="local", pip_packages=["numpy"])
    run = Experiment(workspace, "tests").submit(config)
    details = run.wait_for_completion()
    assert stdout(run) == f"{sys.executable}\n"
    assert details["environment"]["action"] == "caller"
    assert "the submitter's interpreter" in build_log(run)
    assert "satisfies it" in build_log(run)
    assert not list(workspace.layout.environments.glob("*/complete.json"))


def old_python() -> str | None:
    """Return a CPython 3.8, or None where there is none."""
    known = [
        shutil.which("python3.8"),
        *map(str, (Path.home() / ".pyenv" / "versions").glob("3.8.*/bin/python")),
    ]
    for path in known:
        if path is None:
            continue
        done = subprocess.run([path, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True)
        if done.stdout.strip() == "(3, 8)":
            return path
    return None


def test_a_job_in_python_3_8_logs_metrics_tags_and_outputs(submit: Submit) -> None:
    python = old_python()
    if python is None:
        pytest.skip("no Python 3.8 on this machine")
    environment = Environment("old")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = python
    run = submit(
        """
        import sys
        from traindock import Run
        run = Run.get_context()
        run.log("version", sys.version_info[1])
        run.log_list("list", [1, 2, 3])
        run.tag("from", "the past")
        open("outputs/model", "w").write("weights")
        model = run.register_model("old-model", "outputs/model")
        print(model.version)
        """,
        environment=environment,
    )
    run.wait_for_completion()
    assert run.get_metrics() == {"version": 8, "list": [1, 2, 3]}
    assert run.tags == {"from": "the past"}
    assert stdout(run) == "1\n"
    assert run.workspace.models["old-model"].version == 1


def test_an_environment_that_is_gone_from_disk_is_built_again(
    submit: Submit, workspace: Workspace, shelf: Shelf
) -> None:
    shelf.wheel("traindock-tests-pebble", "2.0")
    for action in ("built", "cached"):
        run = submit("import traindock_tests_pebble", environment=needing("traindock-tests-pebble"))
        assert run.wait_for_completion()["environment"]["action"] == action
    [complete] = workspace.layout.environments.glob("*/complete.json")
    shutil.rmtree(complete.parent / "bin")
    run = submit("import traindock_tests_pebble", environment=needing("traindock-tests-pebble"))
    assert run.wait_for_completion()["environment"]["action"] == "built"
    assert os.access(complete.parent / "bin" / "python", os.X_OK)
