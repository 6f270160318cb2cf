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
        "the machine has only 8 of its 24 cpus and 64 GB of its 224 GB of memory for a node of the vm_size "
        "'STANDARD_NC24'",
    )


def test_an_unknown_name_is_no_error_and_says_how_to_give_it_a_meaning() -> None:
    found = node({"vm_size": "STANDARD_X9"})
    assert found.shape == NodeShape()
    assert "[vm_sizes] STANDARD_X9 = {" in found.notices[0]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"cpus": 9.0}, "asks for 9 cpus for each node and the machine of its engine has 8: use cpus=8"),
        ({"memory": 65 << 30}, 'asks for 65 GB .* has 64 GB: use memory="65536m"'),
    ],
)
def test_numbers_that_the_machine_has_not_are_refused_with_both(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ComputeTargetException, match=says):
        node(settings)


def test_an_engine_that_does_not_say_what_its_machine_has_refuses_nothing() -> None:
    silent = replace(MACHINE, cpus=0, memory_bytes=0)
    assert node({"cpus": 99.0, "memory": 1 << 50}, machine=silent).shape == NodeShape(99.0, 1 << 50)
