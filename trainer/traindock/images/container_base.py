"""What an environment says of the container it is for: base image or Dockerfile, system packages, shared memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from traindock.errors import UserErrorException

_APT: Final = re.compile(r"[a-z0-9][a-z0-9.+-]*(?::[a-z0-9]+)?(?:[=/][A-Za-z0-9.+:~-]+)?")
_IMAGE: Final = re.compile(
    r"(?P<name>(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+|/)[a-z0-9]+)*)"
    r"(?::[A-Za-z0-9_][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?|(?:sha256:)?[0-9a-f]{12,64}"
)

#: Of a name without tag and digest, as engines and registries agree (distribution's ``reference.NameTotalLengthMax``).
_LONGEST_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class ContainerBase:
    """The part of a recipe that only containers look at; what it builds goes into the key by the id of the image.

    Attributes:
        image: name of the image to build upon; None takes the workspace's for the Python that is asked for.
        dockerfile: text of a Dockerfile that makes the image to build upon.
        context: absolute path of the folder whose files the Dockerfile may copy; None for none.
        dockerfile_path: where it was read in that folder; None for elsewhere.
        apt: packages of Debian or Ubuntu to install first.
        registry: where ``image`` comes from, as "https://user:password@host"; None leaves it to the engine's user.
        shm_size: size of the shared memory, such as "2g"; None leaves it to the compute target.
        arguments: as for ``docker run``; of these "--shm-size" is used.

    Raises:
        UserErrorException: an image or a package has no valid name, or image and Dockerfile are both given.
    """

    image: str | None = None
    dockerfile: str | None = None
    context: str | None = None
    dockerfile_path: str | None = None
    apt: tuple[str, ...] = ()
    registry: str | None = None
    shm_size: str | None = None
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "apt", tuple(self.apt))
        object.__setattr__(self, "arguments", tuple(self.arguments))
        if self.image is not None and self.dockerfile is not None:
            raise UserErrorException(
                "base_image and base_dockerfile are both given: name the image in the Dockerfile's FROM line, or leave "
                "one of the two out"
            )
        if self.image is not None:
            check_image_name(self.image)
        for package in self.apt:
            if not isinstance(package, str) or not _APT.fullmatch(package):
                raise UserErrorException(
                    f"{package!r} is no apt package: use a name such as 'libgl1' or 'ffmpeg=7:5.1'"
                )

    @property
    def shared_memory(self) -> str | None:
        """Size of the shared memory that is asked for, such as "2g", in whichever of the two ways; None for none."""
        if self.shm_size is not None:
            return self.shm_size
        for number, argument in enumerate(self.arguments):
            if argument == "--shm-size":
                return "".join(self.arguments[number + 1 : number + 2])
            if argument.startswith("--shm-size="):
                return argument.partition("=")[2]
        return None

    @property
    def unused_arguments(self) -> tuple[str, ...]:
        """The arguments that are not used."""
        words = [*self.arguments]
        if "--shm-size" in words:
            place = words.index("--shm-size")
            del words[place : place + 2]
        return tuple(word for word in words if not word.startswith("--shm-size="))

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ContainerBase:
        """Return what :meth:`to_json` gave; fields of newer versions are left out.

        Raises:
            UserErrorException: it is something else.
        """
        if not isinstance(document, Mapping):
            raise UserErrorException(f"this describes no base of a container: {document!r:.80}")
        known = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in document.items() if name in known})


def check_image_name(name: object) -> None:
    """Check that an engine could take ``name`` for an image.

    Raises:
        UserErrorException: it could not; the text says what is wrong.
    """
    found = _IMAGE.fullmatch(name) if isinstance(name, str) else None
    if found is not None and len(found["name"] or "") > _LONGEST_NAME:
        raise UserErrorException(
            f"{name!r:.60}… cannot be the name of an image: it has {len(found['name'])} characters without its tag, "
            f"and {_LONGEST_NAME} is the most"
        )
    if found is not None:
        host, slash, _ = found[0].partition("/")
        # without one of these it is no host, and the engine takes it for a part of the name
        if not slash or host == host.lower() or "." in host or ":" in host:
            return
    lower = isinstance(name, str) and _IMAGE.fullmatch(name.lower())
    hint = "its name must be in lower case" if lower else "use a name such as 'python:3.11-slim' or 'ghcr.io/me/it:1.0'"
    raise UserErrorException(f"{name!r} cannot be the name of an image: {hint}")
