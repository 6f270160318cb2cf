"""What a container engine says when a registry did not give or take an image, and what to do about it. Pure."""

from __future__ import annotations

import re
from typing import Final, Literal

from traindock.errors import (
    ImageNotFoundException,
    RegistryDeniedException,
    RegistryException,
    RegistryInsecureException,
    RegistryUnreachableException,
)
from traindock.images.uv import mask

_UNKNOWN: Final = re.compile(r"manifest (?:for .* )?(?:unknown|not found)|not found|name unknown|does not exist", re.I)
_DENIED: Final = re.compile(
    r"unauthorized|authentication required|access denied|denied:|access to the resource is denied|forbidden"
    r"|no basic auth credentials|incorrect user",
    re.IGNORECASE,
)
_OTHER_MACHINE: Final = re.compile(r"no matching manifest|does not match the (?:detected|specified|expected)", re.I)
_TOO_MANY: Final = re.compile(r"toomanyrequests|rate limit", re.IGNORECASE)
_HTTP: Final = re.compile(r"gave HTTP response to HTTPS client|first record does not look like a TLS", re.IGNORECASE)
_CERTIFICATE: Final = re.compile(r"x509|certificate|tls: ", re.IGNORECASE)
_NO_HOST: Final = re.compile(r"no such host|name resolution|server misbehaving|lookup \S+ .*(?:timeout|refused)", re.I)
_REFUSED: Final = re.compile(r"connection refused|connection reset|broken pipe|\bEOF\b", re.IGNORECASE)
_SILENT: Final = re.compile(
    r"i/o timeout|deadline exceeded|timeout exceeded|request canceled|no route to host|network is unreachable|TLS "
    r"handshake timeout",
    re.IGNORECASE,
)
_NO_ROOM: Final = re.compile(r"no space left|quota|insufficient storage|status: (?:413|507)", re.IGNORECASE)

#: Whose image it is: what an environment names, what its Dockerfile names, or one of the workspace's registry.
Whose = Literal["base", "dockerfile", "registry"]


def host_of(name: str) -> str:
    """The registry that the engine takes an image of this name to be of, as "host:port" or "Docker Hub"."""
    host, slash, _ = name.partition("/")
    return host if slash and ("." in host or ":" in host or host == "localhost") else "Docker Hub"


def not_pulled(name: str, text: str, whose: Whose) -> RegistryException:
    """Why an image was not pulled.

    Args:
        name: of the image, with its registry.
        text: what the engine says.
        whose: where the name is from, for what to change.
    """
    reason, host = _reason(text), host_of(name)
    if _OTHER_MACHINE.search(text):
        other = ": use another" if whose != "registry" else ""
        return RegistryException(
            f"the image {name} is not made for the container engine's kind of processor{other} ({reason})"
        )
    if _TOO_MANY.search(text):
        return RegistryException(
            f"{host} gives out no more images for now: log in with {_login(host)}, or wait ({reason})"
        )
    also = ", or set environment.docker.base_image_registry.username and .password" if whose == "base" else ""
    if "repository does not exist or may require" in text:
        return ImageNotFoundException(
            f"there is no image {name} at {host}, or it is not for everybody: check its name, or log in with "
            f"{_login(host)}{also} ({reason})"
        )
    if _DENIED.search(text):
        return RegistryDeniedException(
            f"{host} does not give out the image {name} to you: log in with {_login(host)}{also} ({reason})"
        )
    head = (
        f"the image {name} {'is not on this machine and ' if whose != 'registry' else ''}cannot be pulled from {host}"
    )
    if fault := _connection(head, host, text, whose):
        other = ". Or load it with `docker load`, or name another base_image (--image)" if whose == "base" else ""
        return type(fault)(f"{fault.summary}{other}")
    if _UNKNOWN.search(text):
        return ImageNotFoundException(f"there is no image {name} at {host}: check its name and its tag ({reason})")
    if whose == "registry":
        return RegistryException(f"{head}: {reason}")
    return RegistryException(
        f"{head}: {reason}. Load it with `docker load` or `docker pull`, or name another base_image (--image)"
    )


def not_pushed(name: str, text: str) -> RegistryException:
    """Why an image was not pushed.

    Args:
        name: of the image, with its registry.
        text: what the engine says.
    """
    reason, host = _reason(text), host_of(name)
    head = f"the image {name} cannot be pushed to {host}"
    if _DENIED.search(text):
        return RegistryDeniedException(
            f"{host} does not take the image {name} from you: log in with {_login(host)}, as somebody who may write "
            f"there ({reason})"
        )
    if _TOO_MANY.search(text):
        return RegistryException(f"{head}: it takes no more for now, so wait ({reason})")
    if _NO_ROOM.search(text):
        return RegistryException(f"{head}: it has no room for it, or takes no layer as large: make room ({reason})")
    if fault := _connection(head, host, text, "registry"):
        return fault
    if _UNKNOWN.search(text):
        return ImageNotFoundException(
            f"{head}: it has no such repository, and makes none by itself: make it there first ({reason})"
        )
    return RegistryException(f"{head}: {reason}")


def _connection(head: str, host: str, text: str, whose: Whose) -> RegistryException | None:
    """What is wrong with the connection; None where it is something else."""
    reason = _reason(text)
    address = "of [docker] registry in settings.toml" if whose == "registry" else "in the image's name"
    if _HTTP.search(text):
        return RegistryInsecureException(
            f"{head}: it speaks HTTP, and the container engine wants HTTPS. Give it a certificate, or allow it in the "
            f'engine\'s daemon.json, {{"insecure-registries": ["{host}"]}}, and restart the engine ({reason})'
        )
    if _NO_HOST.search(text):
        return RegistryUnreachableException(
            f"{head}: no such host is known to the container engine. Check the address {address}, and the machine's "
            f"DNS ({reason})"
        )
    if _SILENT.search(text):
        return RegistryUnreachableException(
            f"{head}: it does not answer. Check the address {address}, the network, and the engine's proxy ({reason})"
        )
    if _CERTIFICATE.search(text):
        return RegistryInsecureException(
            f"{head}: the container engine does not trust its certificate. Put that of who signed it at "
            f"/etc/docker/certs.d/{host}/ca.crt, or have one made for this name ({reason})"
        )
    if _REFUSED.search(text):
        return RegistryUnreachableException(
            f"{head}: nothing answers there. Start it, or correct the address {address} ({reason})"
        )
    return None


def _login(host: str) -> str:
    return "`docker login`" if host == "Docker Hub" else f"`docker login {host}`"


def _reason(text: str) -> str:
    return mask(text.strip().splitlines()[0]) if text.strip() else "no reason is given"
