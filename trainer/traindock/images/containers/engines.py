"""What making environments asks of a container engine, and of who wants a container, without knowing either."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

#: Where the volume of environments is mounted, in builds and in jobs; environments cannot be moved.
VOLUME_PLACE: Final = "/traindock"
#: What the base image of a version of Python is called, where nobody says otherwise.
BASE_IMAGE: Final = "python:{python}-slim"

#: Variables of a container that is to have no GPU, also where NVIDIA's runtime is the engine's default and the image
#: says "all".
NO_GPUS: Final = {"NVIDIA_VISIBLE_DEVICES": "void"}

#: Repositories of the images that are made here.
REPOSITORY: Final = "traindock"

Form = Literal["auto", "volume", "image"]


class EngineFacts(Protocol):
    """What is known of an engine; see ``compute.docker.engine.EngineFacts``."""

    @property
    def id(self) -> str:
        """The engine's own identity; facts are remembered by it."""

    @property
    def kind(self) -> str:
        """Such as "rootful", "rootless" or "podman"."""

    @property
    def selinux(self) -> bool:
        """Whether containers cannot use files of the machine unless they run with ``label=disable``."""

    @property
    def root_dir(self) -> str:
        """Where the engine keeps images and volumes, for texts about full disks."""


class ContainerEngine(Protocol):
    """A container engine that was connected to; see ``compute.docker.engine.Engine``."""

    @property
    def api(self) -> Any:
        """Its ``docker.APIClient``."""

    @property
    def url(self) -> str:
        """Its address, such as "unix:///var/run/docker.sock"."""

    def facts(self) -> EngineFacts:
        """What is known of it, asked once per process."""


class ContainerUser(Protocol):
    """As whom containers run so that what they write is the caller's; see ``compute.docker.probe.Probe``."""

    @property
    def user(self) -> str:
        """Such as "1000:1000"."""

    @property
    def group_add(self) -> Sequence[str | int]:
        """Further groups."""

    @property
    def userns_mode(self) -> str | None:
        """The user namespace: "host" where the engine maps users and must not."""


#: Says as whom to run containers of an image (its id), given the path of a Python in it.
UserOf = Callable[[str, str], ContainerUser]


@dataclass(frozen=True, slots=True)
class DockerWishes:
    """How containers are wanted, as the workspace's settings and the compute target say.

    Attributes:
        form: an environment as a volume of the engine or as an image; "auto" is an image where there is a registry.
        base_image: the image to build upon where an environment names none; ``{python}`` stands for the version.
        registry: where images are pushed to and pulled from, as "host:port/path"; "" for nowhere.
        network: the network of builds; None is the engine's default, or the host's where an index is on the host.
    """

    form: Form = "auto"
    base_image: str = BASE_IMAGE
    registry: str = ""
    network: str | None = None

    @property
    def makes_images(self) -> bool:
        """Whether environments become images."""
        return self.form == "image" or (self.form == "auto" and bool(self.registry))


def repository(engine: ContainerEngine, name: str) -> str:
    """Repository of images of our own; Podman takes a name without a host for one of a registry's."""
    host = "localhost/" if "podman" in str(engine.facts().kind) else ""
    return f"{host}{REPOSITORY}/{name}"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom containers that build are made for.

    Attributes:
        user_of: as whom they run.
        labels: what they are found by, besides what Traindock's builds add.
    """

    user_of: UserOf
    labels: Mapping[str, str] = field(default_factory=dict)
