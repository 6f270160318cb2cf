"""What images and frameworks need of the driver; the requirements are those of NVIDIA's own images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from traindock.compute.base import LaunchError
from traindock.compute.devices import Driver
from traindock.compute.docker.cuda_needs import unmet_by_framework, unmet_by_image
from traindock.compute.docker.gpus import Way, check_driver, given, none_given
from traindock.states import Reason

GEFORCE = Driver("535.104.05", (12, 2), {"GPU-1": "geforce", "GPU-2": "geforce"})
OLD_TESLA = Driver("470.57.02", (11, 4), {"GPU-1": "tesla"})
#: Of nvidia/cuda:12.4.1-base-ubuntu22.04, shortened: older drivers will do on some brands.
CUDA_12_4 = (
    "cuda>=12.4 brand=tesla,driver>=470,driver<471 brand=unknown,driver>=470,driver<471 brand=nvidia,driver>=470,"
    "driver<471 brand=geforcertx,driver>=535,driver<536"
)


def unmet(requirement: str, driver: Driver = GEFORCE, uuids: tuple[str, ...] = ("GPU-1",)) -> str:
    return unmet_by_image({"NVIDIA_REQUIRE_CUDA": requirement}, driver, uuids)


@pytest.mark.parametrize(
    ("requirement", "met"),
    [
        ("cuda>=12.2", True),
        ("cuda>=12", True),
        ("cuda>=9.0", True),
        ("cuda>=12.3", False),
        ("CUDA>=12.3", False),
        ("cuda>=12.10", False),
        ("cuda=12.2", True),
        ("cuda!=12.2", False),
        ("cuda<12.2", False),
        ("cuda<=12.2.0", True),
        ("cuda>12.2", False),
        ("driver>=535", True),
        ("driver>=535.104.6", False),
        ("driver<535.105", True),
        ("brand=GeForce", True),
        ("brand!=geforce", False),
        ("cuda>=12.3 driver>=530", True),
        ("cuda>=12.1,driver>=540", False),
        ("", True),
        (CUDA_12_4, False),
    ],
)
def test_a_requirement_is_read_as_nvidias_runtime_reads_it(requirement: str, met: bool) -> None:
    assert unmet(requirement) == ("" if met else requirement.split()[0])


def test_an_older_driver_will_do_on_the_brands_that_the_image_names() -> None:
    assert unmet(CUDA_12_4, OLD_TESLA) == ""
    assert unmet(CUDA_12_4, replace(OLD_TESLA, brands={"GPU-1": "geforce"})) == "cuda>=12.4"
    two = replace(OLD_TESLA, brands={"GPU-1": "tesla", "GPU-2": "geforce"})
    assert unmet(CUDA_12_4, two, ("GPU-1", "GPU-2")) == "cuda>=12.4", "for each of the devices"


@pytest.mark.parametrize(
    ("requirement", "driver"),
    [
        ("cuda>=13.0", Driver("535.104.05", None, {})),
        ("driver>=600", Driver("", (12, 2), {})),
        ("driver>=600", Driver("535.x", (12, 2), {})),
        (CUDA_12_4, replace(OLD_TESLA, brands={})),
        ("cuda>=13.x", GEFORCE),
        ("cuda >= 13.0", GEFORCE),
        ("cuda~=13.0", GEFORCE),
        ("arch>=9.0", GEFORCE),
        ("cuda>=13.0 something=else", GEFORCE),
        ("brand>geforce", GEFORCE),
    ],
)
def test_what_cannot_be_read_or_is_not_known_refuses_nothing(requirement: str, driver: Driver) -> None:
    assert unmet(requirement, driver) == ""


def test_all_that_an_image_requires_has_to_be_met() -> None:
    both = {"NVIDIA_REQUIRE_CUDA": "cuda>=12.0", "NVIDIA_REQUIRE_DRIVER": "driver>=550"}
    assert unmet_by_image(both, GEFORCE, ["GPU-1"]) == "driver>=550"


def test_an_older_image_says_its_cuda_alone() -> None:
    assert unmet_by_image({"CUDA_VERSION": "12.3.2"}, GEFORCE, ["GPU-1"]) == "cuda>=12.3"
    assert unmet_by_image({"CUDA_VERSION": "12.2.140"}, GEFORCE, ["GPU-1"]) == ""
    assert unmet_by_image({"CUDA_VERSION": "latest"}, GEFORCE, ["GPU-1"]) == ""
    newer = {"CUDA_VERSION": "12.3.2", "NVIDIA_REQUIRE_CUDA": "cuda>=12.0"}
    assert unmet_by_image(newer, GEFORCE, ["GPU-1"]) == "", "where it says more, that counts"


@pytest.mark.parametrize(
    ("packages", "asks"),
    [
        (["numpy==2.4.6", "nvidia-cuda-runtime==13.2.86", "torch==2.15.0"], "CUDA 13 (nvidia-cuda-runtime==13.2.86)"),
        (["nvidia-cuda-runtime-cu12==12.8.90"], ""),  # newer than the driver's 12.2, within the same major version
        (["nvidia-cuda-runtime-cu11==11.7.99"], ""),
        (["torch==2.15.0+cu132"], "CUDA 13 (torch==2.15.0+cu132)"),
        (["torch==2.0.1+cu118"], ""),
        (["torch==2.13.0+cpu", "torch==2.13.0", "torch @ file:///torch.whl"], ""),
        ([], ""),
    ],
)
def test_a_framework_needs_a_driver_of_its_cudas_major_version(packages: list[str], asks: str) -> None:
    assert unmet_by_framework(packages, GEFORCE) == asks
    assert unmet_by_framework(packages, replace(GEFORCE, cuda=None)) == ""


CUDA_13 = {"NVIDIA_REQUIRE_CUDA": "cuda>=13.0"}
TORCH_13 = ["nvidia-cuda-runtime==13.2.86"]


def ask(driver: Driver | None = GEFORCE) -> Callable[[], Driver | None]:
    return lambda: driver


def test_the_driver_is_checked_for_the_image_where_the_engine_gives_the_devices_itself() -> None:
    with pytest.raises(
        LaunchError, match=r"the NVIDIA driver .*535\.104\.05, for CUDA up to 12\.2.* cuda>=13\.0"
    ) as info:
        check_driver(given(Way.CDI, ["GPU-1"], [], {}), CUDA_13, [], ask())
    assert info.value.reason == Reason.GPU_DRIVER_TOO_OLD
    for way in (Way.REQUEST, Way.RUNTIME):  # NVIDIA's runtime does it, unless it was told not to
        check_driver(given(way, ["GPU-1"], [], {}), CUDA_13, [], ask())


@pytest.mark.parametrize("way", Way)
def test_the_driver_is_checked_for_the_framework_whoever_gives_the_devices(way: Way) -> None:
    devices = given(way, ["GPU-1"], [], {})
    with pytest.raises(LaunchError, match="too old for the environment's framework, which asks for CUDA 13") as info:
        check_driver(devices, {}, TORCH_13, ask())
    assert info.value.reason == Reason.GPU_DRIVER_TOO_OLD
    # An image with a CUDA of its own may bring what makes up for the driver.
    check_driver(devices, {"NVIDIA_REQUIRE_CUDA": "cuda>=12.0"}, TORCH_13, ask())


@pytest.mark.parametrize("turned_off", ["1", "true", "True"])
def test_nothing_is_refused_without_devices_without_a_driver_or_where_it_is_turned_off(turned_off: str) -> None:
    devices = given(Way.CDI, ["GPU-1"], [], {})
    check_driver(devices, {**CUDA_13, "NVIDIA_DISABLE_REQUIRE": turned_off}, TORCH_13, ask())
    check_driver(devices, CUDA_13, TORCH_13, ask(None))
    check_driver(none_given(), CUDA_13, TORCH_13, ask())
    with pytest.raises(LaunchError):
        check_driver(devices, {**CUDA_13, "NVIDIA_DISABLE_REQUIRE": "0"}, TORCH_13, ask())
