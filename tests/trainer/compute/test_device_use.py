"""The use of GPUs, as far as the driver says."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from traindock.compute.device_use import GpuUse, gpu_use


class NVMLError(Exception):
    """What the driver's library raises."""


def driver(**changes: Any) -> ModuleType:
    """A driver's library with three devices, of which the second says nothing and the third is lost."""
    module = ModuleType("pynvml")

    def refuse_second(value: Any) -> Any:
        def ask(handle: int) -> Any:
            if handle == 1:
                raise NVMLError("not supported")
            return value

        return ask

    def handle(uuid: str) -> int:
        if uuid == "GPU-2":
            raise NVMLError("fell off the bus")
        return int(uuid.removeprefix("GPU-"))

    functions: dict[str, Any] = {
        "NVMLError": NVMLError,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetHandleByUUID": handle,
        "nvmlDeviceGetMemoryInfo": refuse_second(SimpleNamespace(used=5_000_000_000, total=80_000_000_000)),
        "nvmlDeviceGetUtilizationRates": refuse_second(SimpleNamespace(gpu=87)),
        **changes,
    }
    for name, function in functions.items():
        setattr(module, name, function)
    return module


def refuse(*_: object) -> None:
    raise NVMLError("driver not loaded")


def test_each_device_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", driver())

    found = gpu_use(["GPU-0", "GPU-1", "GPU-2"])

    assert found == {"GPU-0": GpuUse(5_000_000_000, 87, 80_000_000_000), "GPU-1": GpuUse(None, None, None)}


@pytest.mark.parametrize("library", [None, driver(nvmlInit=refuse), driver(nvmlDeviceGetHandleByUUID=refuse)])
def test_no_driver_is_no_error(monkeypatch: pytest.MonkeyPatch, library: ModuleType | None) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", library)

    assert gpu_use(["GPU-0"]) == {}
