"""What a node of a compute target of containers has: by its settings, the workspace's words, and the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from traindock.compute.docker.facts import EngineFacts
from traindock.compute.node_shapes import NodeShape, may_be_azures, memory_text, nearest, shape_of
from traindock.errors import ComputeTargetException


@dataclass(frozen=True, slots=True)
class Node:
    """One node.

    Attributes:
        shape: what it has.
        notices: what its owner should know about it, in sentences.
    """

    shape: NodeShape
    notices: tuple[str, ...] = ()


def node_of(
    target: str, settings: Mapping[str, Any], vm_sizes: Mapping[str, NodeShape], facts: EngineFacts | None
) -> Node:
    """Return what each node of a target has.

    Numbers that its owner gave have to fit the machine. What a name of Azure ML's means is cut down to the machine:
    such a name says what another machine was rented for.

    Args:
        target: its name.
        settings: its settings: ``vm_size``, ``cpus``, ``memory`` (bytes), ``gpus_per_node``.
        vm_sizes: what the workspace's settings say that names of machines mean.
        facts: the engine's; None where they cannot be had: then nothing is compared with the machine.

    Raises:
        ComputeTargetException: the machine has less than was asked for in numbers, and the text has both; or there can
            be no size of that name.
    """
    named, notices = _named(target, settings, vm_sizes, facts)
    cpus, memory, gpus = settings.get("cpus"), settings.get("memory"), settings.get("gpus_per_node")
    if cpus is not None and facts is not None and facts.cpus and cpus > facts.cpus:
        raise ComputeTargetException(
            f"compute target {target!r} asks for {cpus:g} cpus for each node and the machine of its engine has "
            f"{facts.cpus}: use cpus={facts.cpus} (--cpus {facts.cpus}), or fewer"
        )
    if memory is not None and facts is not None and facts.memory_bytes and memory > facts.memory_bytes:
        raise ComputeTargetException(
            f"compute target {target!r} asks for {memory_text(memory)} of memory for each node and the machine of its "
            f'engine has {memory_text(facts.memory_bytes)}: use memory="{facts.memory_bytes >> 20}m" '
            f"(--memory {facts.memory_bytes >> 20}m), or less"
        )
    shape = NodeShape(
        cpus=named.cpus if cpus is None else cpus,
        memory_bytes=named.memory_bytes if memory is None else memory,
        gpus=named.gpus if gpus is None else gpus,
    )
    return Node(shape, notices)


def _unknown(target: str, settings: Mapping[str, Any], vm_sizes: Mapping[str, NodeShape]) -> tuple[str, ...]:
    """Return what to say of a ``vm_size`` that no table has; nothing where numbers say all, and it is a mere label.

    Azure has more sizes than the table, and notebooks that name one of these are to run. What does not even look like
    one is a mistake.

    Raises:
        ComputeTargetException: it is one; the text has the names that are nearest.
    """
    if any(settings.get(number) is not None for number in ("cpus", "memory", "gpus_per_node")):
        return ()
    label = settings["vm_size"]
    near = ", ".join(nearest(label, vm_sizes))
    own = (
        'in numbers (cpus=4, memory="16g", gpus_per_node=0; --cpus 4 --memory 16g --gpus-per-node 0), or say what it '
        f'means in settings.toml: [vm_sizes] {label} = {{ cpus = 4, memory = "16g", gpus = 0 }}'
    )
    if not may_be_azures(label):
        raise ComputeTargetException(
            f"compute target {target!r} has the vm_size {label!r}, and there is no such size. The nearest are {near}. "
            f"Use one of them, describe the nodes {own}"
        )
    return (
        f"nothing is known of the vm_size {label!r} of compute target {target!r} (the nearest that are known: {near}): "
        f"its nodes have all that the machine has. Describe them {own}",
    )


def _named(
    target: str, settings: Mapping[str, Any], vm_sizes: Mapping[str, NodeShape], facts: EngineFacts | None
) -> tuple[NodeShape, tuple[str, ...]]:
    label = settings.get("vm_size") or ""
    if not label:
        return NodeShape(), ()
    found = shape_of(label, vm_sizes)
    if found is None:
        return NodeShape(), _unknown(target, settings, vm_sizes)
    if facts is None:
        return found, ()
    cpus, memory, less = found.cpus, found.memory_bytes, []
    if cpus is not None and facts is not None and facts.cpus and cpus > facts.cpus:
        less.append(f"{facts.cpus} of its {cpus:g} cpus")
        cpus = float(facts.cpus)
    if memory is not None and facts is not None and facts.memory_bytes and memory > facts.memory_bytes:
        less.append(f"{memory_text(facts.memory_bytes)} of its {memory_text(memory)} of memory")
        memory = facts.memory_bytes
    notices = (f"the machine has only {' and '.join(less)} for a node of the vm_size {label!r}",) if less else ()
    return NodeShape(cpus, memory, found.gpus), notices
