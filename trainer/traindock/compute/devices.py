"""The GPUs of this machine, as the driver names them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

#: Names the devices to use, separated by commas, see :func:`list_gpus`.
VARIABLE = "TRAINDOCK_GPU_DEVICES"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One device.

    Attributes:
        uuid: the driver's name for it, the same for every user and process and after a restart.
        index: its number in the driver's order.
        name: the product.
        memory_bytes: its memory; 0 where the driver does not say.
    """

    uuid: str
    index: int
    name: str
    memory_bytes: int


def list_gpus() -> list[Gpu]:
    """Return the GPUs that jobs may use, in the driver's order; [] without a driver. Never raises.

    The environment variable ``TRAINDOCK_GPU_DEVICES`` restricts them: a list of UUIDs or indices, in the order of
    preference; empty means none. Names the driver does not know are left out, with one exception: names that begin
    with ``fake-`` are taken as devices that are there, for tests on machines without a GPU.
    """
    named = os.environ.get(VARIABLE)
    if named is None:
        return _ask_driver()
    names = [name.strip() for name in named.split(",") if name.strip()]
    known: dict[str, Gpu] = {}
    if not all(name.startswith("fake-") for name in names):
        for gpu in _ask_driver():
            known[gpu.uuid] = known[str(gpu.index)] = gpu
    chosen: dict[str, Gpu] = {}
    for name in names:
        if name.startswith("fake-"):
            chosen[name] = Gpu(name, len(chosen), f"invented by {VARIABLE}", 0)
        elif name in known:
            chosen[known[name].uuid] = known[name]
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


def _ask_driver() -> list[Gpu]:
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # noqa: BLE001 -- no library, no driver, a driver of another version: no GPU either way
        return []
    try:
        found = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            # One that fell off the bus, or that this user may not use, says nothing of the others.
            with suppress(pynvml.NVMLError):
                found.append(_describe(pynvml, index))
        return found
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def _describe(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    try:
        memory = int(nvml.nvmlDeviceGetMemoryInfo(handle).total)
    except nvml.NVMLError:  # devices that share the machine's own memory have none to tell
        memory = 0
    return Gpu(_text(nvml.nvmlDeviceGetUUID(handle)), index, _text(nvml.nvmlDeviceGetName(handle)), memory)


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value  # bytes before version 12
