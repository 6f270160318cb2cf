"""What a node has: by numbers, by a name of Azure ML's, and by what the machine has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from traindock import ComputeTargetException
from traindock.compute.docker.facts import EngineFacts, facts_of
from traindock.compute.docker.nodes import Node, node_of
from traindock.compute.node_shapes import NodeShape

MACHINE = replace(facts_of({"ID": "AAAA"}, {"Version": "28.2"}), cpus=8, memory_bytes=64 << 30)


def node(settings: dict[str, Any], own: dict[str, NodeShape] | None = None, machine: EngineFacts = MACHINE) -> Node:
    return node_of("gpucluster", settings, own or {}, machine)


def test_without_a_word_a_node_has_all_that_the_machine_has() -> None:
    assert node({}) == Node(NodeShape())


def test_a_name_stands_for_numbers_and_numbers_go_first() -> None:
    assert node({"vm_size": "STANDARD_NC6"}) == Node(NodeShape(6.0, 56 << 30, 1))
    given = {"vm_size": "STANDARD_NC6", "cpus": 2.0, "memory": 1 << 30, "gpus_per_node": 0}
    assert node(given) == Node(NodeShape(2.0, 1 << 30, 0))


def test_the_workspace_may_mean_another_shape_by_a_name() -> None:
    assert node({"vm_size": "STANDARD_NC6"}, {"STANDARD_NC6": NodeShape(4.0, 1 << 30, 0)}).shape.gpus == 0


def test_a_name_of_a_greater_machine_is_cut_down_to_this_one_and_says_so() -> None:
    found = node({"vm_size": "STANDARD_NC24"})
    assert found.shape == NodeShape(8.0, 64 << 30, 4)
    assert found.notices == (
        "the machine has only 8 of its 24 cpus and 64 GiB of its 224 GiB of memory for a node of the vm_size "
        "'STANDARD_NC24'",
    )


def test_a_size_of_azures_that_no_table_has_is_no_error_and_says_how_to_give_it_a_meaning() -> None:
    """Notebooks that name one are to run."""
    found = node({"vm_size": "STANDARD_NC66"}, {"STANDARD_NC65": NodeShape(1.0)})
    assert found.shape == NodeShape()
    assert (
        "'STANDARD_NC66' of compute target 'gpucluster' (the nearest that are known: STANDARD_NC6" in found.notices[0]
    )
    assert "STANDARD_NC65" in found.notices[0], "the workspace's own are known, too"
    assert "[vm_sizes] STANDARD_NC66 = {" in found.notices[0]


@pytest.mark.parametrize(
    ("name", "near"), [("STANDARD_NOPE", "STANDARD_N"), ("STANDARD_NCSIX", "STANDARD_NC"), ("STANDARD_D_V2", "_V2")]
)
def test_what_can_be_no_size_at_all_is_refused_with_the_nearest_there_are(name: str, near: str) -> None:
    with pytest.raises(ComputeTargetException) as refused:
        node({"vm_size": name})
    text = str(refused.value)
    assert f"'gpucluster' has the vm_size {name!r}, and there is no such size. The nearest are STANDARD_" in text
    assert near in text.partition("The nearest are")[2]
    assert "--cpus 4" in text
    assert "[vm_sizes]" in text


@pytest.mark.parametrize("numbers", [{"cpus": 2.0}, {"memory": 1 << 30}, {"gpus_per_node": 0}])
def test_beside_numbers_any_name_is_a_label(numbers: dict[str, Any]) -> None:
    assert node({"vm_size": "STANDARD_NOPE", **numbers}).notices == ()


def test_the_workspace_may_give_any_name_a_meaning() -> None:
    assert node({"vm_size": "STANDARD_OURS"}, {"STANDARD_OURS": NodeShape(4.0)}).shape == NodeShape(4.0)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"cpus": 9.0}, "asks for 9 cpus for each node and the machine of its engine has 8: use cpus=8"),
        ({"memory": 65 << 30}, 'asks for 65 GiB .* has 64 GiB: use memory="65536m"'),
    ],
)
def test_numbers_that_the_machine_has_not_are_refused_with_both(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ComputeTargetException, match=says):
        node(settings)


def test_an_engine_that_does_not_say_what_its_machine_has_refuses_nothing() -> None:
    silent = replace(MACHINE, cpus=0, memory_bytes=0)
    assert node({"cpus": 99.0, "memory": 1 << 50}, machine=silent).shape == NodeShape(99.0, 1 << 50)
