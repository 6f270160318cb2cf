"""What making an environment for containers would do, and what it has come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

How = Literal["cached", "built", "conda", "pulled", "base", "user_managed"]


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """What :func:`traindock.images.containers.environments.prepare` would do.

    Attributes:
        how: "cached" where all is there, "build" where something is to be pulled, built or looked for in the volume,
            "base" where the image's own Python has all that is asked for, "user_managed" where it is used as it is.
        key: SHA-256 (hex) of what the environment consists of; "" where the base image is not there yet.
        why: one sentence for people.
        form: what holds the packages.
        base_asked: the base image as it was asked for, for people.
        base_id: id of the base image that the environment is built upon (with the user's Dockerfile and apt packages
            in it); "" where it is not there yet.
        base_digest: "name@sha256:…" of the base image, or "" where it comes from no registry.
        python: path of the interpreter in the container; "" where it is not known yet.
        image: what to run, by id; "" where it is not known yet.
        volume: name of the volume to mount read-only at ``engines.VOLUME_PLACE``, or None.
        variables: PATH of the container and, where there is one, VIRTUAL_ENV.
        warnings: what is changed in what the user asked for, as far as that is known.
        packages: "name==version" of what is installed, where that is known.
    """

    how: Literal["cached", "build", "base", "user_managed"]
    key: str
    why: str
    form: Literal["volume", "image"]
    base_asked: str
    base_id: str = ""
    base_digest: str = ""
    python: str = ""
    image: str = ""
    volume: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return asdict(self)

    def ready(self, how: How) -> ContainerEnvironment:
        """The environment that was made as planned."""
        values = {name: getattr(self, name) for name in self.__slots__ if name != "how"}
        return ContainerEnvironment(how=how, **values, seconds=0.0)


@dataclass(frozen=True, slots=True)
class ContainerEnvironment:
    """An environment that containers can run in; what is not described here is as in :class:`ContainerPlan`.

    Attributes:
        how: whose it is: built earlier, built now by uv or conda, pulled from the workspace's registry, or the image's
            own.
        seconds: what making it ready took.
        images: ids of the images that were made for it, by their names: what the workspace's registry is to have.
    """

    how: How
    key: str
    why: str
    form: Literal["volume", "image"]
    base_asked: str
    base_id: str
    base_digest: str
    python: str
    image: str
    volume: str | None
    variables: Mapping[str, str]
    warnings: tuple[str, ...]
    packages: tuple[str, ...]
    seconds: float
    images: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The environment as plain JSON values."""
        return asdict(self)
