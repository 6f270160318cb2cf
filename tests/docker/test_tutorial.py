"""The tutorial's notebook with its run in a container: what it names gets there, and all that it leaves is here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import docker
import nbformat
import pytest
from tests.conftest import REPOSITORY, wait_for
from tests.docker.conftest import lacking
from tests.docker.jobs import WHOLE_LIFE, container_of

from traindock import ComputeTarget, DockerCompute, Experiment, Model, Workspace

NOTEBOOKS = REPOSITORY / "notebooks"
NAME = "train_and_register_pytorch.ipynb"
EPOCHS = 3


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of pictures on this machine, of which a container knows nothing by itself."""
    folder = tmp_path / "pictures"
    program = NOTEBOOKS / "pytorch-hymenoptera" / "drawn_insects.py"
    subprocess.run([sys.executable, program, folder], check=True, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture
def settings(workspace: Workspace, engine_url: str, tmp_path: Path) -> dict[str, str]:
    """The variables that the notebook is executed with, but for what each test is about."""
    if find_spec("torchvision") is None:
        lacking("the tutorial's group of packages is not installed")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TUTORIAL_")}
    return {
        **kept,
        "DOCKER_HOST": engine_url,
        "TRAINDOCK_WORKSPACE": str(workspace.layout.root),
        "TUTORIAL_FOLDER": str(tmp_path / "tutorial"),
        "TUTORIAL_COMPUTE": "docker",
        "TUTORIAL_GPU": "no",
    }


def execute(settings: dict[str, str], **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, NOTEBOOKS / "run_notebook.py", NOTEBOOKS / NAME],
        env={**settings, **{f"TUTORIAL_{name}": str(value) for name, value in more.items()}},
        capture_output=True,
        text=True,
    )


@pytest.mark.timeout(900)  # the first time on an engine, torch with its CUDA libraries is fetched into its volume
def test_the_notebook_trains_in_a_container_and_registers_the_model(
    workspace: Workspace, engine: docker.DockerClient, settings: dict[str, str], pictures: Path, tmp_path: Path
) -> None:
    done = execute(settings, DATA=pictures, MODEL="tiny", EPOCHS=EPOCHS)
    assert done.returncode == 0, f"{done.stdout[-5000:]}\n{done.stderr}"
    assert "Creating a new compute target..." in done.stdout
    assert f"400 pictures to train with, 160 to validate with: {pictures}" in done.stdout
    assert isinstance(ComputeTarget(workspace, "gpucluster"), DockerCompute)

    (run,) = Experiment(workspace, "pytorch-hymenoptera").get_runs()
    assert [change.state for change in run.record.history] == WHOLE_LIFE
    plan = json.loads((run.path / "plan.json").read_text())
    assert plan["kind"] == "docker"
    mounts = {mount["Target"]: mount["ReadOnly"] for mount in plan["request"]["body"]["HostConfig"]["Mounts"]}
    assert mounts[str(pictures)] is True
    wait_for(lambda: container_of(engine, run) is None, "the container to be removed")

    assert {"outputs/model.pt", "outputs/curves.png", "outputs/predictions.png"} <= set(run.get_file_names())
    assert len(run.metrics.values("val_acc")) == EPOCHS
    model = Model(workspace, "pt-dnn")
    assert (model.version, model.run_id) == (1, run.id)
    assert {path.stat().st_uid for path in run.path.rglob("*")} == {os.getuid()}
    executed = nbformat.read(tmp_path / "tutorial" / NAME, as_version=4)
    figures = [cell.id for cell in executed.cells for output in cell.get("outputs", ()) if "image/png" in str(output)]
    assert figures == ["card", "curves", "predictions"]


def test_the_notebook_names_the_compute_targets_that_there_are(settings: dict[str, str]) -> None:
    done = execute({**settings, "TUTORIAL_COMPUTE": "dokcer"})
    assert done.returncode == 1
    assert "\nTUTORIAL_COMPUTE=dokcer is wrong: it may be docker, local" in done.stderr
