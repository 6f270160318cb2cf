"""The GPUs of the machine, by whatever name they are given; none is an answer, not an error."""

from __future__ import annotations

import sys
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from traindock.compute.devices import VARIABLE, list_gpus


class NVMLError(Exception):
    """What the driver's library raises."""


def driver(count: int, **changes: Any) -> ModuleType:
    """A driver's library with ``count`` devices."""
    module = ModuleType("pynvml")

    def memory(handle: int) -> SimpleNamespace:
        if handle == 1:
            raise NVMLError("not supported")
        return SimpleNamespace(total=80_000_000_000)

    functions: dict[str, Any] = {
        "NVMLError": NVMLError,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: count,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUUID": lambda handle: f"GPU-{handle}".encode() if handle == 1 else f"GPU-{handle}",
        "nvmlDeviceGetName": lambda _: "Model",
        "nvmlDeviceGetMemoryInfo": memory,
        **changes,
    }
    for name, function in functions.items():
        setattr(module, name, function)
    return module


def test_the_drivers_devices_are_listed_in_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", driver(3))
    listed = list_gpus()
    assert [(gpu.uuid, gpu.index, gpu.name) for gpu in listed] == [(f"GPU-{i}", i, "Model") for i in range(3)]
    assert [gpu.memory_bytes for gpu in listed] == [80_000_000_000, 0, 80_000_000_000]


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("GPU-2,GPU-0", ["GPU-2", "GPU-0"]),
        (" 1 , GPU-1,", ["GPU-1"]),
        ("GPU-9,7", []),
        ("", []),
        ("fake-b,fake-a,fake-b", ["fake-b", "fake-a"]),
        ("fake-a,GPU-1", ["fake-a", "GPU-1"]),
    ],
)
def test_the_variable_restricts_or_invents(monkeypatch: pytest.MonkeyPatch, named: str, expected: list[str]) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", driver(3))
    monkeypatch.setenv(VARIABLE, named)
    assert [gpu.uuid for gpu in list_gpus()] == expected


def _refuse(*_: Any) -> None:
    raise NVMLError("driver not loaded")


@pytest.mark.parametrize(
    "library", [None, driver(0), driver(2, nvmlInit=_refuse), driver(2, nvmlDeviceGetHandleByIndex=_refuse)]
)
def test_without_a_working_driver_there_is_none(monkeypatch: pytest.MonkeyPatch, library: ModuleType | None) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", library)  # None: importing it fails
    assert list_gpus() == []


def test_the_real_library_of_this_machine_does_not_raise() -> None:
    begin = time.monotonic()
    assert all(gpu.uuid and gpu.name for gpu in list_gpus())
    assert time.monotonic() - begin < 20


def test_a_device_that_the_driver_has_lost_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def handle(index: int) -> int:
        if index == 1:
            raise NVMLError("GPU is lost")
        return index

    monkeypatch.setitem(sys.modules, "pynvml", driver(3, nvmlDeviceGetHandleByIndex=handle))
    assert [gpu.uuid for gpu in list_gpus()] == ["GPU-0", "GPU-2"]
