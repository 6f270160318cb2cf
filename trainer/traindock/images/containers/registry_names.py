"""Addresses of registries, and the names that images have there. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from traindock.errors import UserErrorException
from traindock.images.container_base import check_image_name
from traindock.images.uv import mask

_REGISTRY: Final = re.compile(r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::(?P<port>\d+))?)(?P<path>/.*)?")
#: Docker takes names of 255 characters, of which what is added to the address takes up to 100.
_LONGEST: Final = 155


def check_registry(address: str) -> None:
    """Check that an address can be that of a workspace's registry: "host", "host:port" or "host:port/path".

    Raises:
        UserErrorException: it cannot; the text has the address and what to write in its place.
    """
    if "@" in address:
        raise UserErrorException(
            f"{mask(address if '://' in address else f'https://{address}')!r} has a password in it: leave that out, "
            "and log in with `docker login`, which keeps it for you"
        )
    if "://" in address:
        without = address.partition("://")[2].rstrip("/")
        raise UserErrorException(f"{address!r} begins with a scheme: write {without!r}, without it")
    if address.endswith("/"):
        raise UserErrorException(f"{address!r} ends with '/': write {address.rstrip('/')!r}")
    found = _REGISTRY.fullmatch(address)
    host = found["host"] if found else ""
    if not ("." in host or ":" in host or host == "localhost"):
        hint = f": write 'docker.io/{address}' for Docker Hub" if found else ""
        raise UserErrorException(
            f"{address!r} names no host: a registry is 'host:port/path', such as 'registry.example.org:5000/team'{hint}"
        )
    if found and found["port"] and not 0 < int(found["port"]) < 65536:
        raise UserErrorException(f"{address!r} has the port {found['port']}, and ports are between 1 and 65535")
    if len(address) > _LONGEST:
        raise UserErrorException(f"{address!r} is longer than {_LONGEST} characters")
    try:
        check_image_name(f"{address}/image:tag")
    except UserErrorException:
        lower = f": its path must be in lower case, such as {address.lower()!r}" if address != address.lower() else ""
        raise UserErrorException(f"{address!r} cannot begin the name of an image{lower}") from None


def name_in(registry: str, local: str) -> str:
    """The name in a workspace's registry of an image that is made here.

    Args:
        registry: "host:port/path".
        local: its name here, such as "traindock/environment:<key>"; Podman's begin with "localhost/".

    Returns:
        Such as "host:port/path/traindock-environment:<key>": two repositories for all images, since some registries
        want each to be made by hand.
    """
    return f"{registry}/{local.removeprefix('localhost/').replace('/', '-')}"


def in_registry(image: str, registry: str | None) -> str:
    """The name of an image in a registry, whose address it may have already.

    Raises:
        UserErrorException: that makes no name of an image.
    """
    if not registry:
        return image
    parts = urlsplit(registry if "://" in registry else f"https://{registry}")
    host = (parts.netloc.rpartition("@")[2] + parts.path).rstrip("/")
    name = image if not host or image.startswith(f"{host}/") else f"{host}/{image}"
    check_image_name(name)
    return name


def repository_of(name: str) -> str:
    """The name of an image without tag and digest."""
    name = name.partition("@")[0]
    head, colon, tail = name.rpartition(":")
    return head if colon and "/" not in tail else name


def tag_of(name: str) -> str:
    """The tag of the name of an image, or its digest; "latest" where it has none."""
    if "@" in name:
        return name.partition("@")[2]
    tail = name.rpartition(":")[2]
    return tail if ":" in name and "/" not in tail else "latest"
