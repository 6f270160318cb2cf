"""What an engine says of itself, and what that means for jobs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final


class EngineKind(str, Enum):
    """Whose engine it is, and who root in its containers is on this machine."""

    ROOTFUL = "rootful"  # Docker as root: users in containers are those of the machine
    ROOTLESS = "rootless"  # Docker as a user: root in containers is that user
    USERNS = "userns"  # Docker as root with userns-remap: users in containers are subordinate ids
    DESKTOP = "desktop"  # Docker in a virtual machine: files come through a share that maps owners
    PODMAN = "podman"  # Podman as root
    PODMAN_ROOTLESS = "podman-rootless"

    @property
    def is_podman(self) -> bool:
        """Whether it is Podman, which has no daemon: its containers do not end with the service that answers here."""
        return self in (EngineKind.PODMAN, EngineKind.PODMAN_ROOTLESS)

    def __str__(self) -> str:
        return self.value


#: Which entries of ``/info`` have to be true for a limit to be applied.
_LIMITS: Final = {"memory": ("MemoryLimit",), "pids": ("PidsLimit",), "cpus": ("CpuCfsPeriod", "CpuCfsQuota")}
_CONTROLLERS: Final = {"memory": "memory", "pids": "pids", "cpu": "cpus"}
#: The first Podman whose Docker interface has device requests (https://github.com/containers/podman/pull/25171).
_PODMAN_CDI: Final = (5, 4)


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What is known of an engine.

    Attributes:
        id: tells engines apart, and stays over restarts and upgrades; can be used as a file's name.
        kind: see :class:`EngineKind`.
        version: such as "20.10.24".
        api_version: the newest version of Docker's API that it speaks, such as "1.41".
        cgroup_version: "1" or "2"; "" where it does not say.
        applies: which limits it enforces: "memory", "pids", "cpus"; others are ignored by it.
        runtimes: names of its OCI runtimes, such as "runc", "nvidia".
        cdi: whether it gives out devices by the Container Device Interface, when it is asked by a device request.
        cdi_devices: the names of those that it has found, such as "nvidia.com/gpu=0"; None where it does not say, as
            before Docker 28.2.
        cpus: processors of the machine it runs on.
        memory_bytes: that machine's memory.
        root_dir: where it keeps images and volumes.
        security: its security options, such as "name=seccomp,profile=default".
        selinux: whether containers are confined by SELinux, so that they cannot use files of the machine that are
            mounted into them, unless they run with ``label=disable``.
        live_restore: whether containers go on while it is stopped.
        os: name of its operating system, for people.
    """

    id: str
    kind: EngineKind
    version: str
    api_version: str
    cgroup_version: str
    applies: frozenset[str]
    runtimes: tuple[str, ...]
    cdi: bool
    cdi_devices: tuple[str, ...] | None
    cpus: int
    memory_bytes: int
    root_dir: str
    security: tuple[str, ...]
    selinux: bool
    live_restore: bool
    os: str


def facts_of(
    info: Mapping[str, Any], version: Mapping[str, Any], controllers: Collection[str] | None = None
) -> EngineFacts:
    """Return the facts in an engine's answers.

    Args:
        info: its answer to ``/info``.
        version: its answer to ``/version``.
        controllers: of Podman, the cgroup controllers that it may use, from its own ``/libpod/info``.
    """
    security = tuple(str(option) for option in info.get("SecurityOptions") or ())
    kind = _kind(info, version, security)
    return EngineFacts(
        id=_id(info, kind),
        kind=kind,
        version=str(version.get("Version", "")),
        api_version=str(version.get("ApiVersion", "")),
        cgroup_version=str(info.get("CgroupVersion") or ""),
        applies=_applied(info, controllers),
        runtimes=tuple(sorted(info.get("Runtimes") or ())),
        cdi=_has_cdi(info, version, kind),
        cdi_devices=_cdi_devices(info),
        cpus=int(info.get("NCPU") or 0),
        memory_bytes=int(info.get("MemTotal") or 0),
        root_dir=str(info.get("DockerRootDir") or ""),
        security=security,
        selinux="selinux" in _names(security),
        live_restore=bool(info.get("LiveRestoreEnabled")),
        os=str(info.get("OperatingSystem") or ""),
    )


def is_podman(version: Mapping[str, Any]) -> bool:
    """Whether an answer to ``/version`` is Podman's."""
    return any(component.get("Name") == "Podman Engine" for component in version.get("Components") or ())


def _applied(info: Mapping[str, Any], controllers: Collection[str] | None) -> frozenset[str]:
    # On cgroup v1 a rootless Docker has no groups of its own ("none"), so that it can limit nothing.
    if info.get("CgroupDriver") == "none":
        return frozenset()
    applied = {limit for limit, entries in _LIMITS.items() if all(info.get(entry) for entry in entries)}
    if controllers is not None:  # Podman answers for the machine, also where it is rootless and got no controllers
        applied &= {_CONTROLLERS[name] for name in controllers if name in _CONTROLLERS}
    return frozenset(applied)


def _kind(info: Mapping[str, Any], version: Mapping[str, Any], security: tuple[str, ...]) -> EngineKind:
    names = _names(security)
    rootless = "rootless" in names or info.get("Rootless") is True
    if is_podman(version):
        return EngineKind.PODMAN_ROOTLESS if rootless else EngineKind.PODMAN
    if info.get("OperatingSystem") == "Docker Desktop":
        return EngineKind.DESKTOP
    if rootless:
        return EngineKind.ROOTLESS
    return EngineKind.USERNS if "userns" in names else EngineKind.ROOTFUL


def _names(security: tuple[str, ...]) -> set[str]:
    """Return the names in options such as "name=selinux" or "name=seccomp,profile=default"."""
    return {option.partition(",")[0].removeprefix("name=") for option in security}


def _id(info: Mapping[str, Any], kind: EngineKind) -> str:
    # Docker has one identity for all engines of a machine that share /etc/docker; Podman makes one up for each answer.
    own = str(info.get("Name", "")) if kind.is_podman else str(info.get("ID", ""))
    digest = hashlib.sha256(f"{own}\0{info.get('DockerRootDir', '')}".encode()).hexdigest()
    return f"{'podman' if kind.is_podman else 'docker'}-{digest[:16]}"


def _has_cdi(info: Mapping[str, Any], version: Mapping[str, Any], kind: EngineKind) -> bool:
    if kind.is_podman:  # which before that passed over device requests without a word
        return numbers(str(version.get("Version", ""))) >= _PODMAN_CDI
    return bool(info.get("CDISpecDirs"))


def _cdi_devices(info: Mapping[str, Any]) -> tuple[str, ...] | None:
    found = info.get("DiscoveredDevices")
    if not isinstance(found, list):
        return None
    return tuple(str(device["ID"]) for device in found if isinstance(device, dict) and "ID" in device)


def numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version such as "5.4.0-rc1", to compare it by."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()
