"""A compute target of containers is described in Azure ML's words or in numbers, and mistakes are named at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from traindock import ComputeTarget, ComputeTargetException, DockerCompute, UserErrorException, Workspace

ENGINE = "unix:///nowhere/docker.sock"


def described(**settings: Any) -> dict[str, Any]:
    return dict(DockerCompute.provisioning_configuration(**{"engine": ENGINE, **settings}).settings)


def test_azure_mls_words_are_understood() -> None:
    found = described(vm_size="Standard_NC6", vm_priority="lowpriority", min_nodes=1, max_nodes=4)
    assert (found["vm_size"], found["min_nodes"], found["max_nodes"]) == ("STANDARD_NC6", 1, 4)
    assert found["idle_seconds_before_scaledown"] == 1800


def test_so_are_numbers(tmp_path: Path) -> None:
    found = described(cpus=6, memory="56g", gpus_per_node=1, mounts=[f"{tmp_path}:/data:ro", (tmp_path, "/more")])
    assert (found["cpus"], found["memory"], found["gpus_per_node"], found["max_nodes"]) == (6.0, 56 << 30, 1, 1)
    assert found["mounts"] == [[str(tmp_path), "/data", True], [str(tmp_path), "/more", False]]


def test_what_was_described_can_be_described_again(tmp_path: Path) -> None:
    """So that an update changes what it names and nothing else."""
    found = described(cpus=0.5, memory="1g", mounts=[f"{tmp_path}:/data"], network="none", read_only=True)
    assert described(**found) == found


def test_the_engine_is_the_one_of_whoever_describes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that of whoever starts the dispatcher later."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///mine.sock")
    assert DockerCompute.provisioning_configuration().settings["engine"] == "unix:///mine.sock"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"vm_size": "no such"}, "vm_size is a name such as 'STANDARD_NC6'"),
        ({"vm_priority": "low"}, "'dedicated' or 'lowpriority', not 'low'"),
        ({"min_nodes": 2, "max_nodes": 1}, "min_nodes is 2 and max_nodes 1"),
        ({"min_nodes": -1}, "min_nodes is a number of 0 or more, not -1"),
        ({"max_nodes": 0}, "max_nodes is a number of 1 or more, not 0"),
        ({"max_nodes": True}, "max_nodes is a number"),
        ({"idle_seconds_before_scaledown": "soon"}, "is a number of seconds, 0 or more, not 'soon'"),
        ({"cpus": "six"}, "cpus is a number of processors"),
        ({"memory": "lots"}, "memory is a text such as"),
        ({"gpus_per_node": -1}, "gpus is a number of 0 or more"),
        ({"gpu": "maybe"}, "'required' or 'optional', not 'maybe'"),
        ({"network": "container:x"}, "network is the name of a network"),
        ({"network": ""}, "or 'none', not ''"),
        ({"network": "my net"}, r"letters, digits, '_', '\.', '-'\), or 'none', not 'my net'"),
        ({"network": ["none"]}, "network is the name of a network"),
        ({"environment_form": "zip"}, "'volume', 'image' or 'auto', not 'zip'"),
        ({"mounts": "/data:/data"}, "mounts is a list of texts"),
        ({"mounts": ["/data"]}, "a mount is a text such as"),
        ({"mounts": [("/", "/data", "ro?")]}, "'ro' or 'rw', not 'ro\\?'"),
        ({"mounts": ["data:/data"]}, "needs two absolute paths"),
        ({"mounts": ["/:/"]}, "needs two absolute paths"),
        ({"mounts": ["/no/such/folder:/data"]}, "/no/such/folder, which is to be mounted at /data, is not there"),
        ({"mounts": ["/tmp:/usr"]}, "mounts: /tmp cannot be mounted at /usr, which would hide programs and libraries"),
        (
            {"mounts": ["/tmp:/data", ("/", "//data/")]},
            "mounts: two mounts are at /data, of /tmp and of /: ",
        ),
        ({"engine": "tcp://example.org:2376"}, "^engine: the container engine tcp://example.org:2376 cannot be used"),
        ({"engine": ""}, "^engine: '' is no address of a container engine"),
        ({"engine": 5}, "engine is an address such as .*, not 5"),
    ],
)
def test_mistakes_are_named_with_what_is_allowed(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(UserErrorException, match=says):
        described(**settings)


@pytest.mark.parametrize("place", ["home", "home/me", "runs", "blobs", "."])
def test_mounts_that_would_hide_the_workspaces_own_folders_are_refused_before_it_is_made(
    workspace: Workspace, tmp_path: Path, place: str
) -> None:
    root = workspace.layout.root
    configuration = DockerCompute.provisioning_configuration(engine=ENGINE, mounts=[f"{tmp_path}:{root / place}"])
    with pytest.raises(ComputeTargetException, match=f"'gpucluster': {tmp_path} cannot be mounted at {root / place}, "):
        ComputeTarget.create(workspace, "gpucluster", configuration)
    assert list(workspace.compute_targets) == ["local"]


def test_none_is_made_where_no_engine_answers(workspace: Workspace, tmp_path: Path) -> None:
    configuration = DockerCompute.provisioning_configuration(engine=f"unix://{tmp_path}/docker.sock")
    with pytest.raises(ComputeTargetException, match=f"{tmp_path}/docker.sock"):
        ComputeTarget.create(workspace, "gpucluster", configuration)
    assert list(workspace.compute_targets) == ["local"]
