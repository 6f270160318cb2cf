"""Which kinds of compute targets there are, and where their backends live; imported only when used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from traindock.compute.base import Backend
from traindock.errors import ComputeTargetException

_BACKENDS: Final[dict[str, str]] = {
    "local": "traindock.compute.local:LocalBackend",
    "docker": "traindock.compute.docker.backend:DockerBackend",
}


def backend(name: str, kind: str, settings: Mapping[str, Any]) -> Backend:
    """Return the backend of a compute target.

    Raises:
        ComputeTargetException: this version of Traindock does not know the kind.
    """
    if kind not in _BACKENDS:
        known = ", ".join(sorted(_BACKENDS))
        raise ComputeTargetException(
            f"compute target {name!r} is of kind {kind!r}, which this version of Traindock does not know ({known})"
        )
    module, _, attribute = _BACKENDS[kind].partition(":")
    cls = getattr(import_module(module), attribute)
    instance = cls(name, settings)
    assert isinstance(instance, Backend)
    return instance
