"""The networks that an engine has for its containers."""

from __future__ import annotations

from typing import Final

from traindock.compute.changing import how_to_change
from traindock.compute.docker.engine import Engine
from traindock.errors import ComputeTargetException

#: What containers can be on without a network of that name.
_MODES: Final = ("none", "host", "bridge", "default")
_MODES_OF_PODMAN: Final = ("private", "slirp4netns", "pasta")


def check_network(engine: Engine, target: str, name: str | None) -> None:
    """Check that an engine has the network that a compute target's containers are to be on.

    Args:
        engine: of the target.
        target: its name, for people.
        name: of the network; None for the engine's default.

    Raises:
        ComputeTargetException: it has none; the text has those that there are.
        EngineException: it does not answer.
    """
    import docker.errors

    modes = (*_MODES, *_MODES_OF_PODMAN) if engine.facts().kind.is_podman else _MODES
    if name is None or name.partition(":")[0] in modes:
        return
    with engine.translated(f"say whether it has the network {name!r}"):
        try:
            engine.api.inspect_network(name)
        except docker.errors.NotFound:
            there = sorted({str(found["Name"]) for found in engine.api.networks()} | {"none"})
            raise ComputeTargetException(
                f"compute target {target!r} has network={name!r}, and the container engine has no network of that name "
                f"(it has {', '.join(there)}): make it with `docker network create {name}`, or name another: "
                f"{how_to_change(target, network=...)}"
            ) from None
