"""The GPUs of this machine, as the driver names them, and what the driver says of itself.

A GPU in MIG mode ("multi-instance GPU") cannot be used itself: its instances, which the driver calls MIG devices and
gives names like a GPU's, are devices of their own here, and the GPU is none
(https://docs.nvidia.com/datacenter/tesla/mig-user-guide/). Traindock makes and changes no instances.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

#: Names the devices to use, separated by commas, see :func:`list_gpus`.
VARIABLE = "TRAINDOCK_GPU_DEVICES"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One device.

    Attributes:
        uuid: the driver's name for it, the same for every user and process and after a restart.
        index: its number in the driver's order; of a MIG device: its GPU's.
        name: the product; of a MIG device with its profile, such as "NVIDIA A100 80GB PCIe MIG 1g.10gb".
        memory_bytes: its memory; 0 where the driver does not say.
        instance: number of a MIG device within its GPU; None for a whole GPU.
        gpu: UUID of the GPU that a MIG device is a part of; "" for a whole GPU.
    """

    uuid: str
    index: int
    name: str
    memory_bytes: int
    instance: int | None = None
    gpu: str = ""

    @property
    def number(self) -> str:
        """What people call it by: "0", or "0:1" for the second MIG device of the first GPU, as NVIDIA's tools do."""
        return str(self.index) if self.instance is None else f"{self.index}:{self.instance}"


@dataclass(frozen=True, slots=True)
class Driver:
    """What the driver says of itself.

    Attributes:
        version: such as "535.104.05"; "" where it does not say.
        cuda: the newest CUDA that it can do, such as (12, 2); None where it does not say.
        brands: the brand of each GPU by its UUID, also by those of its MIG devices, in the words of NVIDIA's container
            toolkit, such as "geforce"; without those that it has no word for.
    """

    version: str
    cuda: tuple[int, int] | None
    brands: Mapping[str, str]


#: NVML's numbers of the brands (``nvmlBrandType_t``) that NVIDIA's images name in NVIDIA_REQUIRE_CUDA.
_BRANDS: Final = {
    **{1: "quadro", 2: "tesla", 3: "nvs", 4: "grid", 5: "geforce", 6: "titan", 12: "quadrortx", 13: "nvidiartx"},
    **{14: "nvidia", 15: "geforcertx", 16: "titanrtx"},
}


def list_gpus() -> list[Gpu]:
    """Return the GPUs that jobs may use, in the driver's order; [] without a driver. Never raises.

    The environment variable ``TRAINDOCK_GPU_DEVICES`` restricts them: a list of UUIDs or indices ("0", and "0:1" for a
    MIG device), in the order of preference; empty means none. A GPU in MIG mode stands for all its MIG devices. Names
    the driver does not know are left out, with one exception: names that begin with ``fake-`` are taken as devices that
    are there, for tests on machines without a GPU.
    """
    named = os.environ.get(VARIABLE)
    if named is None:
        return _ask_driver()
    names = [name.strip() for name in named.split(",") if name.strip()]
    known: dict[str, list[Gpu]] = {}
    if not all(name.startswith("fake-") for name in names):
        for gpu in _ask_driver():
            for called in {gpu.uuid, gpu.number, str(gpu.index), gpu.gpu} - {""}:
                known.setdefault(called, []).append(gpu)
    chosen: dict[str, Gpu] = {}
    for name in names:
        if name.startswith("fake-"):
            chosen[name] = Gpu(name, len(chosen), f"invented by {VARIABLE}", 0)
        chosen.update((gpu.uuid, gpu) for gpu in known.get(name, ()))
    return list(chosen.values())


def described_gpus() -> list[dict[str, Any]]:
    """Return the GPUs of :func:`list_gpus` as a compute target describes them: "uuid" and "name" of each."""
    return [{"uuid": gpu.uuid, "name": gpu.name} for gpu in list_gpus()]


def vanished(uuids: Sequence[str]) -> str:
    """Return that GPUs of a run are gone, in a sentence with what to do."""
    one = len(uuids) == 1
    return (
        f"the GPU{'' if one else 's'} {', '.join(uuids)}, which the run was leased, {'is' if one else 'are'} not there "
        f"any more: the driver does not list {'it' if one else 'them'}. Look at `nvidia-smi -L`, and for Xid in "
        "`sudo dmesg`; a restart of the machine may help"
    )


def ask_driver_of_itself() -> Driver | None:
    """Return what the driver says of itself; None without a driver. Never raises."""
    with library() as nvml:
        if nvml is None:
            return None
        version, cuda, brands = "", None, {}
        with suppress(nvml.NVMLError):
            version = _text(nvml.nvmlSystemGetDriverVersion())
        with suppress(nvml.NVMLError):
            number = int(nvml.nvmlSystemGetCudaDriverVersion_v2())  # 12020 is 12.2
            cuda = (number // 1000, number % 1000 // 10)
        for index in range(_count(nvml)):
            with suppress(nvml.NVMLError):
                handle = nvml.nvmlDeviceGetHandleByIndex(index)
                brand = _BRANDS.get(int(nvml.nvmlDeviceGetBrand(handle)))
                if brand is not None:
                    brands.update(dict.fromkeys((gpu.uuid for gpu in _describe(nvml, index)), brand))
        return Driver(version, cuda, brands)


def in_mig_mode_without_devices() -> list[str]:
    """Return the UUIDs of GPUs that are in MIG mode and have no MIG device, so that nobody can use them."""
    with library() as nvml:
        found = []
        for index in range(_count(nvml)) if nvml is not None else ():
            with suppress(nvml.NVMLError):
                handle = nvml.nvmlDeviceGetHandleByIndex(index)
                if _is_in_mig_mode(nvml, handle) and not _describe(nvml, index):
                    found.append(_text(nvml.nvmlDeviceGetUUID(handle)))
        return found


def _ask_driver() -> list[Gpu]:
    with library() as nvml:
        found: list[Gpu] = []
        for index in range(_count(nvml)) if nvml is not None else ():
            # One that fell off the bus, or that this user may not use, says nothing of the others.
            with suppress(nvml.NVMLError):
                found += _describe(nvml, index)
        return found


@contextmanager
def library() -> Iterator[Any]:
    """The driver's library, ready to be asked; None where there is none, or no driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # noqa: BLE001 -- no library, no driver, a driver of another version: no GPU either way
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _count(nvml: Any) -> int:
    try:
        return int(nvml.nvmlDeviceGetCount())
    except nvml.NVMLError:
        return 0


def _describe(nvml: Any, index: int) -> list[Gpu]:
    """Return the GPU of this number, or its MIG devices where it is in MIG mode."""
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    uuid = _text(nvml.nvmlDeviceGetUUID(handle))
    if not _is_in_mig_mode(nvml, handle):
        return [Gpu(uuid, index, _text(nvml.nvmlDeviceGetName(handle)), _memory(nvml, handle))]
    found = []
    for instance in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        with suppress(nvml.NVMLError):  # there are numbers without a device
            part = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, instance)
            name = _text(nvml.nvmlDeviceGetName(part))
            found.append(Gpu(_text(nvml.nvmlDeviceGetUUID(part)), index, name, _memory(nvml, part), instance, uuid))
    return found


def _is_in_mig_mode(nvml: Any, handle: Any) -> bool:
    """Whether a GPU is in MIG mode now; most cannot be, and older drivers do not know of it."""
    try:
        current, _ = nvml.nvmlDeviceGetMigMode(handle)
    except nvml.NVMLError:
        return False
    return bool(current == nvml.NVML_DEVICE_MIG_ENABLE)


def _memory(nvml: Any, handle: Any) -> int:
    try:
        return int(nvml.nvmlDeviceGetMemoryInfo(handle).total)
    except nvml.NVMLError:  # devices that share the machine's own memory have none to tell
        return 0


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value  # bytes before version 12
