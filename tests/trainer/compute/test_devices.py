"""The GPUs of the machine, by whatever name they are given; none is an answer, not an error."""

from __future__ import annotations

import sys
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from traindock.compute.devices import (
    VARIABLE,
    Driver,
    Gpu,
    ask_driver_of_itself,
    in_mig_mode_without_devices,
    list_gpus,
)


class NVMLError(Exception):
    """What the driver's library raises."""


def _refuse(*_: Any) -> None:
    raise NVMLError("driver not loaded, or not supported")


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
        "NVML_DEVICE_MIG_ENABLE": 1,
        "nvmlDeviceGetMigMode": _refuse,
        "nvmlDeviceGetBrand": lambda _: 5,
        "nvmlSystemGetDriverVersion": lambda: "535.104.05",
        "nvmlSystemGetCudaDriverVersion_v2": lambda: 12020,
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


# -------------------------------------------------------------------------------------------------------- MIG devices


def in_mig_mode(**changes: Any) -> ModuleType:
    """A library with two GPUs, the second in MIG mode, of whose seven numbers the first and the third are in use."""

    def part(handle: int, number: int) -> tuple[int, int]:
        if number not in (0, 2):
            raise NVMLError("not found")
        return handle, number

    def uuid(handle: int | tuple[int, int]) -> str:
        return f"MIG-{handle[0]}-{handle[1]}" if isinstance(handle, tuple) else f"GPU-{handle}"

    functions: dict[str, Any] = {
        "nvmlDeviceGetMigMode": lambda handle: [int(handle == 1), 1],  # the first is to be so after the next start
        "nvmlDeviceGetMaxMigDeviceCount": lambda _: 7,
        "nvmlDeviceGetMigDeviceHandleByIndex": part,
        "nvmlDeviceGetUUID": uuid,
        "nvmlDeviceGetName": lambda handle: "Model MIG 1g.10gb" if isinstance(handle, tuple) else "Model",
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=10 if isinstance(handle, tuple) else 80),
        **changes,
    }
    return driver(2, **functions)


def test_the_parts_of_a_gpu_in_mig_mode_are_devices_and_it_is_none_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", in_mig_mode())
    whole, first, second = list_gpus()
    assert whole == Gpu("GPU-0", 0, "Model", 80)
    assert first == Gpu("MIG-1-0", 1, "Model MIG 1g.10gb", 10, 0, "GPU-1")
    assert second == Gpu("MIG-1-2", 1, "Model MIG 1g.10gb", 10, 2, "GPU-1")
    assert [gpu.number for gpu in (whole, first, second)] == ["0", "1:0", "1:2"]
    assert in_mig_mode_without_devices() == []


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("MIG-1-2", ["MIG-1-2"]),
        ("1:2,0", ["MIG-1-2", "GPU-0"]),
        ("1", ["MIG-1-0", "MIG-1-2"]),
        ("1:2,GPU-1", ["MIG-1-2", "MIG-1-0"]),
        ("1:1", []),
    ],
)
def test_the_variable_names_parts_or_all_of_a_gpu(
    monkeypatch: pytest.MonkeyPatch, named: str, expected: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", in_mig_mode())
    monkeypatch.setenv(VARIABLE, named)
    assert [gpu.uuid for gpu in list_gpus()] == expected


def test_a_gpu_in_mig_mode_without_parts_is_of_no_use_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", in_mig_mode(nvmlDeviceGetMigDeviceHandleByIndex=_refuse))
    assert [gpu.uuid for gpu in list_gpus()] == ["GPU-0"]
    assert in_mig_mode_without_devices() == ["GPU-1"]


# ------------------------------------------------------------------------------------ what the driver says of itself


def test_the_driver_says_which_cuda_it_can_do_and_which_brands_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", in_mig_mode(nvmlDeviceGetBrand=lambda handle: (14, 2)[handle]))
    brands = {"GPU-0": "nvidia", "MIG-1-0": "tesla", "MIG-1-2": "tesla"}
    assert ask_driver_of_itself() == Driver("535.104.05", (12, 2), brands)


def test_what_the_driver_does_not_say_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = dict.fromkeys(
        ("nvmlSystemGetDriverVersion", "nvmlSystemGetCudaDriverVersion_v2", "nvmlDeviceGetBrand"), _refuse
    )
    monkeypatch.setitem(sys.modules, "pynvml", driver(1, **silent))
    assert ask_driver_of_itself() == Driver("", None, {})
    monkeypatch.setitem(sys.modules, "pynvml", driver(1, nvmlDeviceGetBrand=lambda _: 11))  # cloud gaming
    assert ask_driver_of_itself() == Driver("535.104.05", (12, 2), {})
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert ask_driver_of_itself() is None
