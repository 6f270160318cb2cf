"""How much of each GPU is in use at the moment, by whatever program, as the driver says."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class GpuUse:
    """The use of one device; what the driver does not say is None.

    Attributes:
        memory_used_bytes: of all programs together.
        busy_percent: of the last moments, in which something was computed: 0 to 100.
    """

    memory_used_bytes: int | None = None
    busy_percent: int | None = None


def gpu_use() -> dict[str, GpuUse]:
    """Return the use of all devices by UUID; {} without a driver. Never raises, and takes milliseconds."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # noqa: BLE001 -- no library, no driver, a driver of another version: no GPU either way
        return {}
    try:
        found = {}
        for index in range(pynvml.nvmlDeviceGetCount()):
            # One that fell off the bus, or that this user may not use, says nothing of the others.
            with suppress(pynvml.NVMLError):
                handle = pynvml.nvmlDeviceGetHandleByIndex(index)
                uuid = pynvml.nvmlDeviceGetUUID(handle)
                found[uuid.decode("utf-8", "replace") if isinstance(uuid, bytes) else uuid] = _use(pynvml, handle)
        return found
    except pynvml.NVMLError:
        return {}
    finally:
        pynvml.nvmlShutdown()


def _use(nvml: Any, handle: Any) -> GpuUse:
    used = busy = None
    with suppress(nvml.NVMLError):
        used = int(nvml.nvmlDeviceGetMemoryInfo(handle).used)
    with suppress(nvml.NVMLError):
        busy = int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    return GpuUse(used, busy)
