"""Whether the machine's driver is new enough for what an image, and the framework in it, were made with.

NVIDIA's runtime looks at that itself where it gives the devices. Where the engine does, by CDI, nobody looks: the
container starts, and its script finds no CUDA. So the same rules are applied before. NVIDIA's images say what they need
in variables NVIDIA_REQUIRE_*, such as "cuda>=12.4 brand=tesla,driver>=470,driver<471": alternatives between spaces,
each of conditions between commas; older ones say CUDA_VERSION alone. NVIDIA_DISABLE_REQUIRE turns that off
(https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html#constraints).

What cannot be read, or is not known of the driver, refuses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from traindock.compute.devices import Driver

_PREFIX: Final = "NVIDIA_REQUIRE_"
_CUDA: Final = "NVIDIA_REQUIRE_CUDA"
_OFF: Final = "NVIDIA_DISABLE_REQUIRE"
_TRUE: Final = ("1", "t", "true")
_CONDITION: Final = re.compile(r"(cuda|driver|brand)(<=|>=|!=|<|>|=)([\w.]+)", re.IGNORECASE)
_VERSION: Final = re.compile(r"\d+(\.\d+)*")
#: Packages that bring CUDA's own libraries ("nvidia-cuda-runtime-cu12==12.8.90", without the suffix from CUDA 13 on),
#: and builds of PyTorch for a CUDA of the image ("torch==2.0.1+cu118").
_RUNTIME: Final = re.compile(r"nvidia-cuda-runtime(?:-cu\d+)?==(\d+)\.", re.IGNORECASE)
_BUILD: Final = re.compile(r"torch==[^+]*\+cu(\d+)\d$", re.IGNORECASE)


def unmet_by_image(variables: Mapping[str, str], driver: Driver, uuids: Sequence[str]) -> str:
    """Return what an image asks for and the driver certainly does not give for these devices; "" where it may.

    Args:
        variables: the image's.
        driver: what is known of the driver.
        uuids: the devices that the container is to have.
    """
    wanted = {name: value for name, value in variables.items() if name.startswith(_PREFIX)}
    if _CUDA not in wanted and (version := re.match(r"\d+\.\d+", variables.get("CUDA_VERSION", ""))):
        wanted[_CUDA] = f"cuda>={version[0]}"
    for requirement in wanted.values():
        for uuid in uuids:
            if _is_met(requirement, driver, driver.brands.get(uuid)) is False:
                return requirement.split()[0]
    return ""


def unmet_by_framework(packages: Iterable[str], driver: Driver) -> str:
    """Return the CUDA that a framework was built for and the driver is too old for; "" where it may work.

    Within a major version newer libraries work with an older driver, and those of an older one always do
    (https://docs.nvidia.com/deploy/cuda-compatibility/).

    Args:
        packages: "name==version" of what is installed.
        driver: what is known of the driver.
    """
    for package in packages:
        found = _RUNTIME.match(package) or _BUILD.match(package)
        if found and driver.cuda is not None and int(found[1]) > driver.cuda[0]:
            return f"CUDA {found[1]} ({package})"
    return ""


def is_off(variables: Mapping[str, str]) -> bool:
    """Whether an image, or a run, wants nobody to look."""
    return variables.get(_OFF, "").lower() in _TRUE


def says_what_it_needs(variables: Mapping[str, str]) -> bool:
    """Whether an image has a CUDA of its own, which may have what makes up for an older driver."""
    return "CUDA_VERSION" in variables or any(name.startswith(_PREFIX) for name in variables)


def _is_met(requirement: str, driver: Driver, brand: str | None) -> bool | None:
    """Whether any alternative is met; None where that cannot be said."""
    alternatives = [
        _all(_holds(condition, driver, brand) for condition in alternative.split(",") if condition)
        for alternative in requirement.split()
    ]
    if True in alternatives or not alternatives:
        return True
    return None if None in alternatives else False


def _all(answers: Iterable[bool | None]) -> bool | None:
    found = list(answers)
    if False in found:
        return False
    return None if None in found else True


def _holds(condition: str, driver: Driver, brand: str | None) -> bool | None:
    found = _CONDITION.fullmatch(condition)
    if found is None:
        return None
    name, operator, value = found[1].lower(), found[2], found[3]
    if name == "brand":
        if brand is None or operator not in ("=", "!="):
            return None
        return (brand == value.lower()) is (operator == "=")
    has = _numbers(driver.version) if name == "driver" else driver.cuda
    asks = _numbers(value)
    if has is None or asks is None:
        return None
    length = max(len(has), len(asks))
    has, asks = (*has, *[0] * (length - len(has))), (*asks, *[0] * (length - len(asks)))
    return {
        "=": has == asks,
        "!=": has != asks,
        "<": has < asks,
        "<=": has <= asks,
        ">": has > asks,
        ">=": has >= asks,
    }[operator]


def _numbers(version: str) -> tuple[int, ...] | None:
    return tuple(map(int, version.split("."))) if _VERSION.fullmatch(version) else None
