"""A node's shape is given in numbers, or by a name of Azure ML's."""

from __future__ import annotations

import math
from typing import Any

import pytest

from traindock import UserErrorException
from traindock.compute.node_shapes import (
    _TABLE,
    NodeShape,
    cpus_of,
    gpus_of,
    may_be_azures,
    memory_bytes_of,
    memory_text,
    shape_of,
    vm_size_of,
)


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ("56g", 56 << 30),
        ("512M", 512 << 20),
        ("1.5 GiB", 3 << 29),
        ("2GB", 2 << 30),
        (1 << 30, 1 << 30),
        ("1t", 1 << 40),
    ],
)
def test_memory_is_a_number_of_bytes_or_a_text_with_a_unit(given: Any, size: int) -> None:
    assert memory_bytes_of(given) == size


@pytest.mark.parametrize("given", ["", "much", "-1g", "1 2g", None, True, 1.5, "56x", [1]])
def test_what_is_no_memory_is_refused_with_an_example(given: Any) -> None:
    with pytest.raises(UserErrorException, match="56g"):
        memory_bytes_of(given)


@pytest.mark.parametrize("given", [0, "1m", 1024])
def test_memory_in_which_nothing_runs_is_refused(given: Any) -> None:
    with pytest.raises(UserErrorException, match="too little"):
        memory_bytes_of(given)


def test_processors_may_be_a_part_of_one() -> None:
    assert (cpus_of(6), cpus_of(0.5)) == (6.0, 0.5)
    for given in (0, -1, math.nan, math.inf, "6", True, None):
        with pytest.raises(UserErrorException, match=r"such as 4 or 0\.5"):
            cpus_of(given)


def test_gpus_are_a_whole_number() -> None:
    assert (gpus_of(0), gpus_of(8)) == (0, 8)
    for given in (-1, 1.0, "1", True, None):
        with pytest.raises(UserErrorException, match="0 or more"):
            gpus_of(given)


@pytest.mark.parametrize("given", ["STANDARD_NC6", "Standard_NC6", "standard_nc6 ", "NC6"])
def test_a_name_of_a_machine_is_understood_in_any_case(given: str) -> None:
    assert shape_of(vm_size_of(given), {}) == NodeShape(6.0, 56 << 30, 1)


def test_a_workspaces_own_meaning_of_a_name_goes_first() -> None:
    cpu = NodeShape(4.0, 16 << 30, 0)
    assert shape_of("STANDARD_NC6", {"STANDARD_NC6": cpu}) is cpu


def test_a_name_that_nobody_knows_has_no_shape() -> None:
    assert shape_of(vm_size_of("STANDARD_X1_V9"), {}) is None


@pytest.mark.parametrize(
    "name",
    [*_TABLE, "STANDARD_M416S_8_V2", "STANDARD_E4-2S_V3", "STANDARD_NC4AS_T4_V3_PROMO", "STANDARD_HB120RS", "BASIC_A1"],
)
def test_sizes_of_azures_are_told_from_what_can_be_none(name: str) -> None:
    assert may_be_azures(name)
    assert not may_be_azures(name.replace("_", ""))
    assert not may_be_azures("STANDARD_GPU")


@pytest.mark.parametrize("given", ["", "two words", 6, None, "a/b"])
def test_what_can_be_no_name_is_refused(given: Any) -> None:
    with pytest.raises(UserErrorException, match="STANDARD_NC6"):
        vm_size_of(given)


def test_memory_is_told_in_the_unit_that_fits() -> None:
    assert [memory_text(size) for size in (56 << 30, 1 << 29, 3 << 39, 12)] == [
        "56 GiB",
        "512 MiB",
        "1.5 TiB",
        "12 bytes",
    ]
