"""Checks of ``traindock doctor`` that concern the image that containers start from where nobody names another."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from traindock.cli.findings import Finding
from traindock.errors import EngineException, RegistryDeniedException, RegistryException, TraindockError

if TYPE_CHECKING:
    from traindock.compute.docker.engine import Engine
    from traindock.workspace import Workspace

#: How long a registry may take to say whether it has an image, in seconds.
_PATIENCE: Final = 10.0


def examine(workspace: Workspace) -> Iterator[Finding]:
    """Yield for each engine of the compute targets whether it has the image, or could pull it; none is pulled."""
    from traindock.compute.docker.engine import connect

    try:
        template, addresses = workspace.settings.docker.base_image, _engines(workspace)
    except TraindockError:
        return  # told by the checks of settings and compute targets
    name = template.replace("{python}", f"{sys.version_info.major}.{sys.version_info.minor}")
    for address in addresses:
        check = "base image" if len(addresses) == 1 else f"base image {address}"
        try:
            engine = connect(address)
            with engine.translated(f"say whether it has the image {name}"):
                yield _image(check, engine, name)
        except EngineException:
            continue  # told by the checks of the compute targets


def _engines(workspace: Workspace) -> list[str]:
    from traindock.compute_target import ComputeTarget

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # kinds that are not known are told elsewhere
        found = [target.settings["engine"] for target in ComputeTarget.list(workspace) if target.kind == "docker"]
    return list(dict.fromkeys(found))


def _image(check: str, engine: Engine, name: str) -> Finding:
    from traindock.images.containers import bases, registries
    from traindock.images.containers.registry_faults import host_of

    if bases.inspect(engine, name) is not None:
        return Finding(check, "ok", f"{name} is on the container engine")
    pulled = "the first run that starts from it has it pulled"
    if engine.facts().kind.is_podman:
        return Finding(check, "ok", f"{name} is not on the container engine: {pulled}, if its registry gives it")
    try:
        registries.ask(engine, name, _credentials(name), _PATIENCE)
    except RegistryException as error:
        return Finding(check, "warn", error.summary)
    return Finding(check, "ok", f"{name} is not on the container engine, and {host_of(name)} has it: {pulled}")


def _credentials(name: str) -> str:
    from traindock.images.containers import registries

    try:
        return registries.credentials(name, None, None)
    except RegistryDeniedException:  # most images are for everybody, and a pull would ask likewise
        return registries.NOBODY
