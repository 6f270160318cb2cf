"""How a container gets the GPUs that its run was leased, and only these; and what an engine's refusal of them means.

There are three ways, and which of them an engine has depends on its version and on how NVIDIA's container toolkit was
set up for it. It does not always say, so that those that may work are tried in turn. GPUs are named one by one in each,
never counted: the engine knows nothing of the leases, and one GPU is always the first one to it.

- CDI, the Container Device Interface: the only way of Podman, and of Docker from 25 on (28 by default). What a device
  needs stands in a file that ``nvidia-ctk cdi generate`` makes, so it is preferred where the device is known to be in
  one. GPUs that were given in this way also survive a ``systemctl daemon-reload``, which takes the others away.
- A device request for the engine's driver "nvidia", which is ``docker run --gpus`` and needs the toolkit's hook.
- The toolkit's own runtime "nvidia", which goes by the variable ``NVIDIA_VISIBLE_DEVICES``.

That runtime may be the engine's default, and NVIDIA's images say "all" in that variable. Hence every container has it:
"void" where the runtime shall give it nothing.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final

from traindock.compute.base import LaunchError
from traindock.compute.devices import Driver, list_gpus, vanished
from traindock.compute.docker.cuda_needs import is_off, says_what_it_needs, unmet_by_framework, unmet_by_image
from traindock.compute.docker.facts import EngineFacts, EngineKind
from traindock.compute.docker.request import Devices
from traindock.images.containers.engines import NO_GPUS
from traindock.states import Reason

_VISIBLE: Final = "NVIDIA_VISIBLE_DEVICES"
#: What of the driver is put into the container, and where an image does not say itself: to compute, nvidia-smi, and to
#: decode videos.
_CAPABILITIES: Final = "NVIDIA_DRIVER_CAPABILITIES"
_NEEDED: Final = "compute,utility,video"
_RUNTIME: Final = "nvidia"
_CDI_KIND: Final = "nvidia.com/gpu="
#: The toolkit's program that Docker runs for ``--gpus``, and where descriptions of CDI's devices usually are.
_HOOK: Final = "nvidia-container-runtime-hook"
_CDI_FOLDERS: Final = ("/etc/cdi", "/var/run/cdi")

#: The engine does not have this way, or does not know the device by it.
_NO_SUCH_WAY: Final = re.compile(
    r"could not select device driver"
    r"|unknown (?:or invalid )?runtime"  # "Unknown runtime specified nvidia"; "unknown or invalid runtime name: nvidia"
    r"|no CDI device driver registered"
    r"|CDI device injection failed"
    r"|unresolvable CDI device"
    r"|failed to stat CDI host device"
    r"|nvidia-container-(?:runtime-hook|runtime|cli|toolkit)\\*\"?:? (?:executable file not found|no such file)",
    re.IGNORECASE,
)
#: What NVIDIA's images ask for in NVIDIA_REQUIRE_CUDA, such as "cuda>=12.8"; older toolkits write "cuda >= 9.0".
_TOO_OLD: Final = re.compile(r"unsatisfied condition:\s*([\w.]+\s*[<>=!]+\s*[\w.]+)")
_UNKNOWN_DEVICE: Final = re.compile(r"unknown device|unresolvable CDI device|failed to stat CDI host device", re.I)
_NO_DRIVER: Final = re.compile(
    r"nvml error|driver not loaded|libnvidia-ml\.so|driver/library version mismatch|failed to initialize NVML"
    r"|cuda error",
    re.IGNORECASE,
)
#: The toolkit may not write to the control groups of a rootless engine's containers.
_NO_CONTROL_GROUPS: Final = re.compile(r"bpf_prog_query|failed to add device rules|cgroup subsystem devices not found")


class Way(str, Enum):
    """How an engine gives a container devices."""

    CDI = "cdi"
    REQUEST = "request"
    RUNTIME = "runtime"


def ways_of(facts: EngineFacts, uuids: Sequence[str]) -> tuple[Way, ...]:
    """Return how an engine may give out these devices, the most promising way first; () where it cannot at all."""
    if facts.kind.is_podman:
        return (Way.CDI,) if facts.cdi else ()
    known = facts.cdi_devices is not None and {_CDI_KIND + uuid for uuid in uuids} <= set(facts.cdi_devices)
    found = [Way.CDI] if known else []
    found.append(Way.REQUEST)  # needs no more than a program on the engine's PATH, of which it does not tell
    if _RUNTIME in facts.runtimes:
        found.append(Way.RUNTIME)
    if facts.cdi and facts.cdi_devices is None:
        found.append(Way.CDI)
    return tuple(found)


def given(way: Way, uuids: Sequence[str], leases: Sequence[str], of_image: Mapping[str, str]) -> Devices:
    """Return what a container's request says of its GPUs.

    Args:
        way: one of :func:`ways_of`.
        uuids: the devices.
        leases: their lock files.
        of_image: the variables that the image sets.
    """
    if way is Way.CDI:
        request: dict[str, Any] = {"Driver": "cdi", "DeviceIDs": [_CDI_KIND + uuid for uuid in uuids]}
        return Devices(tuple(uuids), (request,), NO_GPUS, leases=tuple(leases))
    visible = {_VISIBLE: ",".join(uuids), _CAPABILITIES: of_image.get(_CAPABILITIES) or _NEEDED}
    if way is Way.REQUEST:
        request = {"Driver": "nvidia", "DeviceIDs": list(uuids), "Capabilities": [["gpu"]]}
        return Devices(tuple(uuids), (request,), visible, leases=tuple(leases))
    return Devices(tuple(uuids), (), visible, _RUNTIME, tuple(leases))


def none_given() -> Devices:
    """Return what the request of a container without GPUs says, which has none on any engine."""
    return Devices(variables=NO_GPUS)


def visible_in_container(uuids: Sequence[str]) -> str:
    """Return ``CUDA_VISIBLE_DEVICES`` of a job in a container.

    There CUDA counts those devices alone that the container was given: all of them, by numbers, which every script
    and every library understands.
    """
    return ",".join(map(str, range(len(uuids))))


def is_no_such_way(text: str) -> bool:
    """Whether an engine's refusal to make or start a container means that another way may work."""
    return _NO_SUCH_WAY.search(text) is not None


def cannot(facts: EngineFacts) -> str:
    """Return why an engine with no way at all has none, in a sentence with what to do."""
    return (
        f"Podman {facts.version} gives containers no GPUs through the interface that Traindock uses: upgrade it to 5.4 "
        "or later, or make the compute target on a Docker engine"
    )


def handing_over(facts: EngineFacts, uuids: Sequence[str]) -> tuple[bool, str]:
    """Return whether an engine can give devices to containers, as far as it can be told without trying it.

    Args:
        facts: the engine's.
        uuids: the devices.

    Returns:
        Whether it can, and the way; or what to do.
    """
    ways = ways_of(facts, uuids)
    if not ways:
        return False, cannot(facts)
    if ways[0] is Way.CDI and facts.cdi_devices is not None:
        return True, "by CDI, where it has found them"
    if Way.RUNTIME in ways:
        return True, "by NVIDIA's runtime"
    # What Docker looks for when somebody asks for --gpus; in a virtual machine that would be another PATH.
    if Way.REQUEST in ways and facts.kind is not EngineKind.DESKTOP and shutil.which(_HOOK):
        return True, "by --gpus, as NVIDIA's container toolkit is installed"
    if Way.CDI in ways and any(file for folder in _CDI_FOLDERS for file in Path(folder).glob("*nvidia*")):
        return True, "by CDI, as its devices are described"
    return False, _set_up(facts.kind)


def notices(target: str, gpus: int | None, facts: EngineFacts, *, optional: bool) -> list[str]:
    """Return what the owner of a compute target should know of its GPUs, in sentences.

    That an engine does not tell of NVIDIA's runtime says nothing: it may have the toolkit all the same.

    Args:
        target: its name.
        gpus: how many each node is to have; None for what there is.
        facts: the engine's.
        optional: whether runs may do without.
    """
    devices = [gpu.uuid for gpu in list_gpus()]
    what = "go without" if optional else "are refused"
    if gpus and gpus > len(devices):
        return [
            f"a node of compute target {target!r} is to have {gpus} GPU{'' if gpus == 1 else 's'} and this machine has "
            f"{len(devices)}: runs that ask for {'more' if devices else 'GPUs'} {what}"
        ]
    if gpus != 0 and devices and not ways_of(facts, devices):
        return [f"{cannot(facts)}: runs that ask for GPUs {what}"]
    return []


def refusal(
    texts: Sequence[str], uuids: Sequence[str], facts: EngineFacts, present: Callable[[], Collection[str]]
) -> LaunchError | None:
    """Return what an engine's refusals of a container with GPUs mean; None where they are about something else.

    Args:
        texts: what it said to each way that was tried.
        uuids: the devices that were asked for.
        facts: the engine's.
        present: returns the devices that the driver knows now.
    """
    for text in texts:
        if found := _of_driver(text):
            return found
    said = f" (the engine said: {' / '.join(text.strip() for text in texts)})"
    if any(_UNKNOWN_DEVICE.search(text) for text in texts):
        there = present()
        if gone := [uuid for uuid in uuids if uuid not in there]:
            return LaunchError(vanished(gone) + said, Reason.GPU_VANISHED)
    engine = f"{'Podman' if facts.kind.is_podman else 'Docker'} {facts.version}"
    if any(map(is_no_such_way, texts)) or any(_UNKNOWN_DEVICE.search(text) for text in texts):
        return LaunchError(
            f"{engine} cannot give GPUs to containers: NVIDIA's container toolkit is not installed, or not set up for "
            f"it. {_set_up(facts.kind)}{said}",
            Reason.NO_GPU_TOOLKIT,
        )
    if any(map(_NO_CONTROL_GROUPS.search, texts)):
        return LaunchError(
            f"NVIDIA's container toolkit may not use the control groups of {engine} ({facts.kind}). For a rootless "
            "engine: `sudo nvidia-ctk config --set nvidia-container-cli.no-cgroups --in-place`; else update the "
            f"toolkit{said}",
            Reason.NO_GPU_TOOLKIT,
        )
    return None


def check_driver(
    devices: Devices, variables: Mapping[str, str], packages: Iterable[str], ask: Callable[[], Driver | None]
) -> None:
    """Refuse a container whose CUDA is too new for the driver, where nobody else would.

    Args:
        devices: the container's.
        variables: those that the image sets, and the run's own.
        packages: "name==version" of what is installed in its environment.
        ask: returns what is known of the driver.

    Raises:
        LaunchError: the driver is too old.
    """
    if not devices.uuids or is_off(variables) or (driver := ask()) is None:
        return
    has = driver.version or "of unknown version"
    if driver.cuda is not None:
        has += f", for CUDA up to {driver.cuda[0]}.{driver.cuda[1]}"
    # NVIDIA's own runtime looks at the image itself, and its administrator may have told it not to.
    by_engine = any(request.get("Driver") == "cdi" for request in devices.requests)
    if by_engine and (asks := unmet_by_image(variables, driver, devices.uuids)):
        raise _too_old("image", asks, f" ({has})")
    if not says_what_it_needs(variables) and (asks := unmet_by_framework(packages, driver)):
        raise _too_old("environment's framework", asks, f" ({has})")


def _too_old(what: str, asks: str, has: str = "", said: str = "") -> LaunchError:
    return LaunchError(
        f"the NVIDIA driver of this machine{has} is too old for the {what}, which asks for {asks}: update the driver, "
        "or use an image or a framework_version with an older CUDA; `nvidia-smi` says up to which the driver goes"
        f"{said}",
        Reason.GPU_DRIVER_TOO_OLD,
    )


def _of_driver(text: str) -> LaunchError | None:
    if found := _TOO_OLD.search(text):
        return _too_old("image", "".join(found[1].split()), said=f" (the engine said: {text.strip()})")
    if _NO_DRIVER.search(text):
        return LaunchError(
            "NVIDIA's container toolkit cannot use the driver where the container engine runs: see whether "
            "`nvidia-smi` works there; after an update of the driver, restart the machine (the engine said: "
            f"{text.strip()})",
            Reason.GPU_DRIVER_UNUSABLE,
        )
    return None


def _set_up(kind: EngineKind) -> str:
    install = "Install the package nvidia-container-toolkit"
    if kind.is_podman:
        return f"{install} and list its devices: `sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`"
    if kind is EngineKind.ROOTLESS:
        return (
            f"{install}, then `nvidia-ctk runtime configure --runtime=docker "
            "--config=$HOME/.config/docker/daemon.json`, `systemctl --user restart docker` and `sudo nvidia-ctk config "
            "--set nvidia-container-cli.no-cgroups --in-place`"
        )
    if kind is EngineKind.DESKTOP:
        return (
            "Docker Desktop gives GPUs to containers on Windows alone, with WSL2: use this machine's own Docker engine"
        )
    return f"{install}, then `sudo nvidia-ctk runtime configure --runtime=docker` and `sudo systemctl restart docker`"
