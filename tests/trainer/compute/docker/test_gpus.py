"""How engines give GPUs, and what they mean where they refuse to; the texts are those of real engines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from traindock.compute.docker import gpus
from traindock.compute.docker.facts import EngineFacts, EngineKind, facts_of
from traindock.compute.docker.gpus import (
    Way,
    given,
    handing_over,
    is_no_such_way,
    none_given,
    notices,
    refusal,
    visible_in_container,
    ways_of,
)
from traindock.compute.docker.request import Devices
from traindock.states import Reason

TWO = ["GPU-1", "GPU-2"]
DOCKER = facts_of({"ID": "AAAA", "Runtimes": {"runc": {}}}, {"Version": "20.10.24"})
NVIDIA = replace(DOCKER, runtimes=("nvidia", "runc"))
PODMAN = replace(DOCKER, kind=EngineKind.PODMAN, version="5.4.0", cdi=True)
OLD_PODMAN = replace(PODMAN, version="4.9.3", cdi=False)


@pytest.mark.parametrize(
    ("facts", "ways"),
    [
        (DOCKER, (Way.REQUEST,)),
        (NVIDIA, (Way.REQUEST, Way.RUNTIME)),
        (replace(DOCKER, cdi=True), (Way.REQUEST, Way.CDI)),
        (replace(NVIDIA, cdi=True), (Way.REQUEST, Way.RUNTIME, Way.CDI)),
        (
            replace(NVIDIA, cdi=True, cdi_devices=("nvidia.com/gpu=GPU-1", "nvidia.com/gpu=GPU-2")),
            (Way.CDI, Way.REQUEST, Way.RUNTIME),
        ),
        (replace(NVIDIA, cdi=True, cdi_devices=("nvidia.com/gpu=0", "nvidia.com/gpu=1")), (Way.REQUEST, Way.RUNTIME)),
        (replace(DOCKER, cdi=True, cdi_devices=("nvidia.com/gpu=GPU-1",)), (Way.REQUEST,)),
        (PODMAN, (Way.CDI,)),
        (OLD_PODMAN, ()),
    ],
)
def test_what_is_known_to_work_is_tried_first_and_what_is_not_known_is_tried(facts: object, ways: object) -> None:
    assert ways_of(facts, TWO) == ways  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "hook", "described", "works", "says"),
    [
        (
            replace(DOCKER, cdi=True, cdi_devices=("nvidia.com/gpu=GPU-1", "nvidia.com/gpu=GPU-2")),
            *(False, False, True, "by CDI"),
        ),
        (NVIDIA, False, False, True, "by NVIDIA's runtime"),
        (DOCKER, True, False, True, "by --gpus"),
        (replace(DOCKER, cdi=True), False, True, True, "by CDI"),
        (PODMAN, False, True, True, "by CDI"),
        (DOCKER, False, True, False, "Install the package nvidia-container-toolkit"),
        (PODMAN, True, False, False, "Install the package nvidia-container-toolkit"),
        (OLD_PODMAN, True, True, False, "Podman 4.9.3 gives containers no GPUs"),
        (replace(DOCKER, kind=EngineKind.DESKTOP), True, False, False, "Docker Desktop gives GPUs"),
    ],
)
def test_whether_an_engine_can_give_devices_is_told_before_anybody_asks_for_them(
    facts: EngineFacts,
    hook: bool,
    described: bool,
    works: bool,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gpus, "_CDI_FOLDERS", (str(tmp_path / "cdi"),))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for folder, name, is_there in (("cdi", "nvidia.yaml", described), ("bin", "nvidia-container-runtime-hook", hook)):
        (tmp_path / folder).mkdir()
        if is_there:
            (tmp_path / folder / name).touch(0o755)
    can, told = handing_over(facts, TWO)
    assert (can, told.startswith(says)) == (works, True), told


def test_devices_are_named_one_by_one_in_each_way() -> None:
    leases = ["/leases/GPU-1.lock", "/leases/GPU-2.lock"]
    visible = {"NVIDIA_VISIBLE_DEVICES": "GPU-1,GPU-2", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility,video"}
    own = Devices(uuids=("GPU-1", "GPU-2"), leases=tuple(leases))
    assert given(Way.REQUEST, TWO, leases, {}) == replace(
        own, requests=({"Driver": "nvidia", "DeviceIDs": TWO, "Capabilities": [["gpu"]]},), variables=visible
    )
    assert given(Way.RUNTIME, TWO, leases, {}) == replace(own, runtime="nvidia", variables=visible)
    # The runtime may be the default one, and is to add nothing of what the image says.
    assert given(Way.CDI, TWO, leases, {"NVIDIA_VISIBLE_DEVICES": "all"}) == replace(
        own,
        requests=({"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=GPU-1", "nvidia.com/gpu=GPU-2"]},),
        variables={"NVIDIA_VISIBLE_DEVICES": "void"},
    )


def test_an_image_says_itself_what_of_the_driver_it_needs() -> None:
    found = given(Way.REQUEST, TWO, [], {"NVIDIA_DRIVER_CAPABILITIES": "all", "NVIDIA_VISIBLE_DEVICES": "all"})
    assert found.variables == {"NVIDIA_VISIBLE_DEVICES": "GPU-1,GPU-2", "NVIDIA_DRIVER_CAPABILITIES": "all"}


def test_a_container_without_gpus_has_none_on_any_engine() -> None:
    assert none_given() == Devices(variables={"NVIDIA_VISIBLE_DEVICES": "void"})


def test_in_a_container_devices_are_counted_anew() -> None:
    assert [visible_in_container(TWO[:count]) for count in range(3)] == ["", "0", "0,1"]


HOOK = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: error during container init: error running prestart hook #0: exit status 1, "
    "stdout: , stderr: Auto-detected mode as 'legacy'\nnvidia-container-cli: "
)
OLDER_HOOK = (
    'OCI runtime create failed: container_linux.go:349: starting container process caused "process_linux.go:449: '
    'container init caused \\"process_linux.go:432: running prestart hook 0 caused \\\\\\"error running hook: exit '
    "status 1, stdout: , stderr: nvidia-container-cli: requirement error: unsatisfied condition: cuda >= 10.1, please "
    'update your driver to a newer version, or use an earlier cuda container\\\\\\\\n\\\\\\"\\"": unknown'
)
REFUSALS = [
    ('could not select device driver "" with capabilities: [[gpu]]', Reason.NO_GPU_TOOLKIT, "nvidia-ctk runtime"),
    ('could not select device driver "nvidia" with capabilities: [[gpu]]', Reason.NO_GPU_TOOLKIT, "nvidia-ctk runtime"),
    ('could not select device driver "cdi" with capabilities: []', Reason.NO_GPU_TOOLKIT, "nvidia-ctk runtime"),
    ("Unknown runtime specified nvidia", Reason.NO_GPU_TOOLKIT, "nvidia-container-toolkit"),
    ("unknown or invalid runtime name: nvidia", Reason.NO_GPU_TOOLKIT, "nvidia-container-toolkit"),
    ("CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=GPU-1", Reason.NO_GPU_TOOLKIT, "set up"),
    (
        HOOK
        + "requirement error: unsatisfied condition: cuda>=12.8, please update your driver to a newer version, or use "
        "an earlier cuda container: unknown",
        Reason.GPU_DRIVER_TOO_OLD,
        "asks for cuda>=12.8: update the driver",
    ),
    (OLDER_HOOK, Reason.GPU_DRIVER_TOO_OLD, "asks for cuda>=10.1: update the driver"),
    (HOOK + "initialization error: nvml error: driver not loaded: unknown", Reason.GPU_DRIVER_UNUSABLE, "nvidia-smi"),
    (
        HOOK
        + "initialization error: load library failed: libnvidia-ml.so.1: cannot open shared object file: no such file "
        "or directory: unknown",
        Reason.GPU_DRIVER_UNUSABLE,
        "nvidia-smi",
    ),
    (
        HOOK + "mount error: failed to add device rules: unable to find any existing device filters attached to the "
        "cgroup: bpf_prog_query(BPF_CGROUP_DEVICE) failed: operation not permitted: unknown",
        Reason.NO_GPU_TOOLKIT,
        "no-cgroups",
    ),
]


@pytest.mark.parametrize(("text", "reason", "says"), REFUSALS)
def test_a_refusal_is_told_by_its_reason_with_the_next_step(text: str, reason: Reason, says: str) -> None:
    found = refusal([text], ["GPU-1"], DOCKER, lambda: ["GPU-1", "GPU-2"])
    assert found is not None
    assert found.reason == reason
    assert says in str(found)
    assert text.strip() in str(found), "what the engine said is there to be searched for"


@pytest.mark.parametrize(
    "text",
    [
        HOOK + "device error: GPU-1: unknown device: unknown",
        HOOK + "device error: unknown device id: GPU-1: unknown",
        "setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=GPU-1",
    ],
)
def test_a_device_is_gone_if_neither_toolkit_nor_driver_knows_it(text: str) -> None:
    gone = refusal([text], TWO, DOCKER, lambda: ["GPU-2"])
    assert gone is not None
    assert gone.reason == Reason.GPU_VANISHED
    assert "the GPU GPU-1, which the run was leased, is not there any more" in str(gone)
    there = refusal([text], TWO, DOCKER, lambda: TWO)
    assert there is not None
    assert there.reason == Reason.NO_GPU_TOOLKIT


def test_the_driver_is_not_asked_for_its_devices_without_need() -> None:
    def ask() -> list[str]:
        raise AssertionError

    assert refusal([REFUSALS[0][0]], TWO, DOCKER, ask) is not None


def test_of_several_refusals_the_one_that_says_most_counts() -> None:
    found = refusal([REFUSALS[0][0], OLDER_HOOK], TWO, DOCKER, lambda: TWO)
    assert found is not None
    assert found.reason == Reason.GPU_DRIVER_TOO_OLD


@pytest.mark.parametrize("text", ["no space left on device", "invalid mount config for type", "driver failed"])
def test_what_is_not_about_gpus_is_left_to_others(text: str) -> None:
    assert refusal([text], TWO, DOCKER, lambda: TWO) is None
    assert not is_no_such_way(text)


def test_another_way_is_worth_a_try_only_where_the_engine_lacks_this_one() -> None:
    assert [is_no_such_way(text) for text, _, _ in REFUSALS] == [True] * 6 + [False] * 5


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (EngineKind.ROOTFUL, "sudo systemctl restart docker"),
        (EngineKind.ROOTLESS, "systemctl --user restart docker"),
        (EngineKind.DESKTOP, "WSL2"),
        (EngineKind.PODMAN, "nvidia-ctk cdi generate"),
    ],
)
def test_how_to_set_the_toolkit_up_depends_on_the_engine(kind: EngineKind, says: str) -> None:
    found = refusal([REFUSALS[0][0]], TWO, replace(DOCKER, kind=kind), lambda: TWO)
    assert found is not None
    assert says in str(found)


def test_the_owner_of_a_target_is_told_what_its_runs_will_not_get(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINDOCK_GPU_DEVICES", "fake-0")
    assert notices("t", 1, DOCKER, optional=False) == notices("t", None, DOCKER, optional=False) == []
    assert notices("t", 0, OLD_PODMAN, optional=False) == []
    [few] = notices("t", 2, DOCKER, optional=False)
    assert few.endswith("is to have 2 GPUs and this machine has 1: runs that ask for more are refused")
    [old] = notices("t", None, OLD_PODMAN, optional=True)
    assert "Podman 4.9.3" in old
    assert "upgrade it to 5.4" in old
    assert old.endswith("go without")
