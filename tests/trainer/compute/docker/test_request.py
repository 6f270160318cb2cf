"""The request that makes a job's container is a pure function, fit to be shown and repeated."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from traindock.compute.base import Job
from traindock.compute.docker.mounts import Mounted
from traindock.compute.docker.naming import container_name, host_name, is_own
from traindock.compute.docker.request import Devices, Surroundings, create_request, own_folders, with_devices

AROUND = Surroundings(image="sha256:1", python="/env/bin/python", user="1000:1001", group_add=("27",))


def host(job: Job, **changes: Any) -> dict[str, Any]:
    config: dict[str, Any] = create_request(job, replace(AROUND, **changes))["body"]["HostConfig"]
    return config


def test_the_same_comes_out_each_time_as_plain_data(job: Job) -> None:
    """So that a plan can be shown, stored and performed again."""
    request = create_request(job, AROUND)
    assert request == create_request(job, AROUND) == json.loads(json.dumps(request))


def test_a_job_is_confined(job: Job) -> None:
    """No capabilities, no way to more rights, an init, and an engine's log that cannot grow."""
    config = host(job)
    assert config["CapDrop"] == ["ALL"]
    assert config["SecurityOpt"] == ["no-new-privileges"]
    assert config["Init"]
    assert config["PidsLimit"] == 32768
    assert config["ShmSize"] == 2 << 30
    assert config["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}}
    assert host(job, security=("label=disable",))["SecurityOpt"] == ["no-new-privileges", "label=disable"]


def test_folders_are_mounted_at_their_own_paths_each_by_itself(job: Job) -> None:
    """Nothing of the workspace but what is named here is in the container."""
    mounts = {mount["Target"]: mount for mount in host(job)["Mounts"]}
    writable = {target for target, mount in mounts.items() if not mount["ReadOnly"]}
    assert writable == {*map(str, own_folders(job)), str(job.workspace.home)}
    assert {target for target in mounts if target not in writable} == {
        str(job.workspace.blobs),
        *(target for target in mounts if target.startswith(str(job.workspace.runtime))),
    }
    assert all(mount["Source"] == target and mount["Type"] == "bind" for target, mount in mounts.items())
    assert {mount["BindOptions"]["Propagation"] for mount in mounts.values()} == {"rprivate"}


def test_a_volume_of_environments_is_read_only(job: Job) -> None:
    """Environments are shared by runs."""
    volume = host(job, volume=("traindock-1000", "/traindock"))["Mounts"][-1]
    assert volume == {"Type": "volume", "Source": "traindock-1000", "Target": "/traindock", "ReadOnly": True}


def test_limits_are_those_of_the_node(job: Job) -> None:
    """Without swap; and none where the engine applies none."""
    config = host(job, cpus=1.5, memory_bytes=1 << 30, pids=None)
    assert (config["NanoCpus"], config["Memory"], config["MemorySwap"]) == (1_500_000_000, 1 << 30, 1 << 30)
    assert "PidsLimit" not in config
    assert not {"NanoCpus", "Memory", "MemorySwap"} & set(host(job))


def test_the_user_is_the_probes(job: Job) -> None:
    """Groups and the user namespace only where there are any."""
    assert create_request(job, AROUND)["body"]["User"] == "1000:1001"
    assert host(job)["GroupAdd"] == ["27"]
    assert host(job, userns_mode="host")["UsernsMode"] == "host"
    assert not {"GroupAdd", "UsernsMode"} & set(host(job, group_add=()))


@pytest.mark.parametrize(
    ("changes", "folders"),
    [
        ({}, None),
        ({"tmp_writable": False}, ["/tmp"]),
        ({"read_only": True}, ["/tmp", "/var/tmp", "/run"]),
        ({"read_only": True, "mounts": (Mounted("/fast", "/var/tmp"),)}, ["/tmp", "/run"]),
    ],
)
def test_there_is_always_a_writable_tmp(job: Job, changes: dict[str, Any], folders: list[str] | None) -> None:
    """Of the image, in memory, or what the target mounts there."""
    found = host(job, **changes).get("Tmpfs")
    assert (None if found is None else list(found)) == folders
    assert all("exec" in options.split(",") for options in (found or {}).values()), "compilers need it"


def test_the_image_has_no_say_in_how_the_job_runs(job: Job) -> None:
    """Neither its entrypoint, nor its health checks, nor its signal."""
    body = create_request(job, AROUND)["body"]
    assert body["Entrypoint"][0] == "/env/bin/python"
    assert body["Entrypoint"][-1] == str(job.layout.launch_json)
    assert (body["Cmd"], body["WorkingDir"], body["StopSignal"]) == ([], "/", "SIGTERM")
    assert body["Healthcheck"] == {"Test": ["NONE"]}
    assert body["StopTimeout"] > job.settings.jobs.grace_seconds
    assert not body["OpenStdin"]


def test_variables_are_not_in_it(job: Job) -> None:
    """Whoever may use the engine could read them there."""
    assert create_request(job, AROUND)["body"]["Env"] == []


def test_devices_are_put_in_at_the_launch(job: Job) -> None:
    """When they are leased; the request that was planned stays as it was."""
    planned = create_request(job, AROUND)
    before = json.dumps(planned)
    request = with_devices(
        planned,
        Devices(
            uuids=("GPU-1", "GPU-2"),
            requests=({"Driver": "nvidia", "DeviceIDs": ["GPU-1", "GPU-2"], "Capabilities": [["gpu"]]},),
            variables={"NVIDIA_DRIVER_CAPABILITIES": "compute,utility"},
            leases=("/var/lock/traindock/GPU-1.lock",),
        ),
    )
    assert json.dumps(planned) == before
    body = request["body"]
    assert body["Labels"]["traindock.gpus"] == "GPU-1,GPU-2"
    assert body["Env"] == ["NVIDIA_DRIVER_CAPABILITIES=compute,utility"]
    assert body["HostConfig"]["DeviceRequests"][0]["DeviceIDs"] == ["GPU-1", "GPU-2"]
    assert body["HostConfig"]["Mounts"][-1]["Source"] == "/var/lock/traindock/GPU-1.lock"
    assert body["HostConfig"]["Mounts"][-1]["ReadOnly"]


@pytest.mark.parametrize("run_id", ["tests_1_a", "TESTS_1_a", "x" * 300, "ünï_1_a", "_a"])
def test_names_are_valid_and_differ_as_run_ids_do(run_id: str) -> None:
    """Also where a run's id is no valid name of a container or a machine."""
    import re

    name = container_name(run_id, 1)
    assert re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,199}", name)
    assert name != container_name(run_id, 2)
    assert container_name(run_id.swapcase(), 1) != name
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", host_name(name))


def test_a_container_is_ours_if_all_four_labels_are(job: Job) -> None:
    """Three are not enough."""
    labels = create_request(job, AROUND)["body"]["Labels"]
    assert is_own({"Config": {"Labels": labels}}, job)
    for name in ("workspace", "run", "attempt", "key"):
        assert not is_own({"Config": {"Labels": {**labels, f"traindock.{name}": "other"}}}, job)
    assert not is_own({"Config": {"Labels": None}}, job)
