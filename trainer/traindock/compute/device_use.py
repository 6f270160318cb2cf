"""How much of each GPU is in use at the moment, by whatever program, as the driver says."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from traindock.compute.devices import library


@dataclass(frozen=True, slots=True)
class GpuUse:
    """The use of one device; what the driver does not say is None.

    Attributes:
        memory_used_bytes: of all programs together.
        busy_percent: of the last moments, in which something was computed: 0 to 100; not told of MIG devices.
        memory_bytes: that it has.
    """

    memory_used_bytes: int | None = None
    busy_percent: int | None = None
    memory_bytes: int | None = None


def gpu_use(uuids: Iterable[str]) -> dict[str, GpuUse]:
    """Return the use of those of the devices that the driver knows. Never raises, and takes milliseconds."""
    found = {}
    with library() as nvml:
        for uuid in uuids if nvml is not None else ():
            # One that fell off the bus, or that this user may not use, says nothing of the others.
            with suppress(nvml.NVMLError):
                found[uuid] = _use(nvml, nvml.nvmlDeviceGetHandleByUUID(uuid))
    return found


def _use(nvml: Any, handle: Any) -> GpuUse:
    used = busy = memory = None
    with suppress(nvml.NVMLError):
        told = nvml.nvmlDeviceGetMemoryInfo(handle)
        used, memory = int(told.used), int(told.total)
    with suppress(nvml.NVMLError):
        busy = int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    return GpuUse(used, busy, memory)
