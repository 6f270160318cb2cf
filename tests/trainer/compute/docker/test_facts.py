"""What engines say of themselves, as recorded from real ones, and what is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from traindock.compute.docker.facts import EngineKind, facts_of

DOCKER_VERSION = {"Version": "20.10.24+dfsg1", "ApiVersion": "1.41", "Components": [{"Name": "Engine"}]}
PODMAN_VERSION = {
    "Version": "4.3.1",
    "ApiVersion": "1.41",
    "Components": [{"Name": "Podman Engine"}, {"Name": "Conmon"}],
}
LIMITS = {"MemoryLimit": True, "PidsLimit": True, "CpuCfsPeriod": True, "CpuCfsQuota": True}
DOCKER = {
    "ID": "I3US:CVWL:ELQG",
    "Name": "vm",
    "OperatingSystem": "Debian GNU/Linux 12 (bookworm)",
    "CgroupDriver": "cgroupfs",
    "CgroupVersion": "1",
    "NCPU": 2,
    "MemTotal": 25276510208,
    "DockerRootDir": "/var/lib/docker",
    "Runtimes": {"runc": {"path": "runc"}, "io.containerd.runc.v2": {"path": "runc"}},
    "SecurityOptions": ["name=seccomp,profile=default"],
    "LiveRestoreEnabled": False,
    **LIMITS,
}
ROOTLESS = {
    **DOCKER,
    "CgroupDriver": "none",
    "DockerRootDir": "/home/me/.local/share/docker",
    "SecurityOptions": ["name=seccomp,profile=default", "name=rootless"],
}
PODMAN = {**DOCKER, "ID": "4a3fd25b-d485-4d45-a9fd-f9ac008e8ef9", "OperatingSystem": "debian", "Rootless": False}


def test_a_docker_of_the_system_is_told_with_what_it_has() -> None:
    facts = facts_of(DOCKER, DOCKER_VERSION)
    assert facts.kind is EngineKind.ROOTFUL
    assert facts.applies == {"memory", "pids", "cpus"}
    assert facts.runtimes == ("io.containerd.runc.v2", "runc")
    assert (facts.cpus, facts.memory_bytes, facts.cgroup_version) == (2, 25276510208, "1")
    assert (facts.version, facts.api_version) == ("20.10.24+dfsg1", "1.41")
    assert (facts.selinux, facts.cdi, facts.live_restore) == (False, False, False)


@pytest.mark.parametrize(
    ("info", "version", "kind"),
    [
        (DOCKER, DOCKER_VERSION, EngineKind.ROOTFUL),
        (ROOTLESS, DOCKER_VERSION, EngineKind.ROOTLESS),
        ({**DOCKER, "SecurityOptions": ["name=seccomp", "name=userns"]}, DOCKER_VERSION, EngineKind.USERNS),
        ({**DOCKER, "OperatingSystem": "Docker Desktop"}, DOCKER_VERSION, EngineKind.DESKTOP),
        (PODMAN, PODMAN_VERSION, EngineKind.PODMAN),
        ({**PODMAN, "Rootless": True}, PODMAN_VERSION, EngineKind.PODMAN_ROOTLESS),
    ],
)
def test_kinds_are_told_apart(info: dict[str, Any], version: dict[str, Any], kind: EngineKind) -> None:
    found = facts_of(info, version).kind
    assert found is kind
    assert found.is_podman == (version is PODMAN_VERSION)


def test_a_rootless_docker_without_control_groups_applies_no_limit() -> None:
    assert facts_of(ROOTLESS, DOCKER_VERSION).applies == frozenset()
    assert facts_of({**ROOTLESS, "CgroupDriver": "systemd"}, DOCKER_VERSION).applies == {"memory", "pids", "cpus"}


def test_podman_applies_what_it_has_controllers_for_whatever_its_docker_face_says() -> None:
    assert facts_of(PODMAN, PODMAN_VERSION, []).applies == frozenset()
    assert facts_of(PODMAN, PODMAN_VERSION, ["memory", "pids"]).applies == {"memory", "pids"}
    assert facts_of(PODMAN, PODMAN_VERSION, ["cpuset", "cpu", "memory", "pids"]).applies == {"memory", "pids", "cpus"}


def test_an_engine_that_lacks_one_half_of_the_cpu_limit_does_not_apply_it() -> None:
    assert "cpus" not in facts_of({**DOCKER, "CpuCfsQuota": False}, DOCKER_VERSION).applies


def test_podman_keeps_its_identity_though_it_makes_up_another_with_each_answer() -> None:
    other = {**PODMAN, "ID": "d0ad97ca-eb0c-481c-b26e-7cdf6d85a18e"}
    assert facts_of(PODMAN, PODMAN_VERSION).id == facts_of(other, PODMAN_VERSION).id
    assert facts_of(PODMAN, PODMAN_VERSION).id != facts_of({**PODMAN, "Name": "vm2"}, PODMAN_VERSION).id


def test_engines_of_one_machine_that_share_their_key_are_told_apart() -> None:
    ids = {facts_of({**DOCKER, "DockerRootDir": root}, DOCKER_VERSION).id for root in ("/var/lib/docker", "/data")}
    assert len(ids) == 2
    assert all("/" not in each and ":" not in each for each in ids)


def test_confinement_devices_and_live_restore_are_seen() -> None:
    special = {
        **DOCKER,
        "SecurityOptions": ["name=seccomp,profile=default", "name=selinux"],
        "CDISpecDirs": ["/etc/cdi", "/var/run/cdi"],
        "LiveRestoreEnabled": True,
    }
    facts = facts_of(special, DOCKER_VERSION)
    assert facts.selinux
    assert facts.cdi
    assert facts.live_restore


def test_an_engine_that_says_next_to_nothing_is_taken_for_one_that_has_nothing() -> None:
    facts = facts_of({"Runtimes": None, "SecurityOptions": None}, {"ApiVersion": "1.41", "Components": None})
    assert facts.kind is EngineKind.ROOTFUL
    assert facts.applies == frozenset()
    assert (facts.cpus, facts.memory_bytes, facts.runtimes) == (0, 0, ())


@pytest.mark.parametrize(("version", "cdi"), [("4.9.3", False), ("5.3.1", False), ("5.4.0-rc1", True), ("6.0", True)])
def test_podman_passes_over_requests_for_devices_before_its_version_5_4(version: str, cdi: bool) -> None:
    assert facts_of({**PODMAN, "CDISpecDirs": []}, {**PODMAN_VERSION, "Version": version}).cdi is cdi


def test_docker_says_whether_it_gives_devices_by_cdi_and_lately_which() -> None:
    directories = {**DOCKER, "CDISpecDirs": ["/etc/cdi", "/var/run/cdi"]}
    assert facts_of(directories, DOCKER_VERSION).cdi
    assert facts_of(directories, DOCKER_VERSION).cdi_devices is None
    listed = {**directories, "DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=GPU-1"}]}
    assert facts_of(listed, DOCKER_VERSION).cdi_devices == ("nvidia.com/gpu=GPU-1",)
    assert not facts_of({**DOCKER, "CDISpecDirs": []}, DOCKER_VERSION).cdi
