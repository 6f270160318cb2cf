"""Mounts that a container cannot have are found before anything is started, and told with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from traindock import ComputeTargetException, ScriptRunConfig, Workspace
from traindock.compute.docker.mounts import Mounted, check_mounts, fault
from traindock.experiment import Experiment
from traindock.planning import plan_document
from traindock.run import Run
from traindock.store import computes

PYTHON = "/opt/conda/bin/python"


@pytest.mark.parametrize(
    "target",
    ["/data", "/usr/share/fonts", "/usr/local/data", "/etc/company.crt", "/var/tmp", "/dev/shm", "/opt/data"],
)
def test_what_hides_nothing_that_jobs_need_can_be_mounted(workspace: Workspace, target: str) -> None:
    assert fault([Mounted("/data", target)], workspace.layout, PYTHON) == ""


@pytest.mark.parametrize("target", ["/usr", "/usr/", "/usr/local/bin", "/lib64", "/etc", "/dev", "/sys"])
def test_folders_of_the_system_cannot_be_hidden(target: str) -> None:
    found = fault([Mounted("/data", target)])
    assert found.startswith(f"/data cannot be mounted at {target}, which would hide programs and libraries")
    assert found.endswith("mount it elsewhere, such as at /data")


@pytest.mark.parametrize("target", ["/proc", "/proc/sys", "/traindock", "/traindock/envs"])
def test_there_are_places_where_nothing_can_be_mounted(target: str) -> None:
    assert f"/data cannot be mounted at {target}, where a container" in fault([Mounted("/data", target)])


@pytest.mark.parametrize("target", ["home", "home/me", "runs", "blobs/aa", "runtime", ".", ".."])
def test_folders_that_jobs_have_of_the_workspace_cannot_be_hidden(workspace: Workspace, target: str) -> None:
    """At their path, above it, or within."""
    place = (workspace.layout.root / target).resolve()
    found = fault([Mounted("/data", str(place))], workspace.layout)
    assert f"/data cannot be mounted at {place}, which would hide {workspace.layout.root}/" in found


def test_other_folders_of_the_workspace_may_be_where_they_are(workspace: Workspace) -> None:
    place = str(workspace.layout.root / "datastores" / "ants")
    assert fault([Mounted(place, place)], workspace.layout) == ""


@pytest.mark.parametrize("target", ["/opt", "/opt/conda", "/opt/conda/bin"])
def test_neither_can_the_python_that_jobs_run_on(target: str) -> None:
    assert f"would hide the Python that jobs run on, {PYTHON}" in fault([Mounted("/data", target)], python=PYTHON)


def test_a_place_can_have_one_mount() -> None:
    found = fault([Mounted("/a", "/data"), Mounted("/b", "/more"), Mounted("/c", "//data/")])
    assert found.startswith("two mounts are at")
    assert "of /a and of /c" in found


def test_the_refusal_names_the_target_and_both_ways_to_change_it() -> None:
    with pytest.raises(ComputeTargetException) as refused:
        check_mounts("gpucluster", [Mounted("/data", "/usr")])
    assert str(refused.value).startswith("compute target 'gpucluster': /data cannot be mounted at /usr")
    assert "update(mounts=…) in Python, `traindock computes update gpucluster --mount …` at a terminal" in str(
        refused.value
    )


@pytest.mark.parametrize("target", ["/usr", "HOME"])
def test_a_target_that_has_such_a_mount_is_refused_at_submit_and_by_a_plan(
    workspace: Workspace, tmp_path: Path, target: str
) -> None:
    """Such as one of a workspace that has been moved since; no engine is asked."""
    place = target.replace("HOME", str(workspace.layout.home))
    settings = {"engine": f"unix://{tmp_path}/docker.sock", "mounts": [[str(tmp_path), place, False]]}
    made = {"kind": "docker", "settings": settings, "created": 1.0, "modified": 1.0}
    computes.change(workspace.layout, lambda records: records.update(box=made))
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").touch()
    config = ScriptRunConfig(tmp_path / "source", "train.py", compute_target="box")
    with pytest.raises(ComputeTargetException, match=f"'box': {tmp_path} cannot be mounted at {place}"):
        Experiment(workspace, "tests").submit(config)
    with pytest.raises(ComputeTargetException, match="cannot be mounted"):
        plan_document(workspace, "tests", config.to_request())
    assert list(Run.list(workspace)) == []
