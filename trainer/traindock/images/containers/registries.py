"""Pulling images from registries and pushing them there, by the engine, as who is logged in."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from traindock.errors import RegistryDeniedException
from traindock.images.containers.engine_work import disk_full, events
from traindock.images.containers.engines import ContainerEngine
from traindock.images.containers.registry_faults import Whose, not_pulled, not_pushed
from traindock.images.containers.registry_names import repository_of, tag_of

if TYPE_CHECKING:
    from docker.auth import AuthConfig

#: Seconds between two lines about a transfer that goes on.
_PROGRESS: Final = 5.0
#: What tells that nobody in particular asks; an engine wants to have that, too, for a push.
NOBODY: Final = "e30="


def credentials(name: str, given: str | None, variables: Mapping[str, str] | None) -> str:
    """What tells a registry who asks, as an engine takes it; :data:`NOBODY` where nobody is logged in.

    Docker's configuration is read each time, so that ``docker login`` helps a dispatcher that runs already.

    Args:
        name: of the image.
        given: credentials as "https://user:password@host"; else those of Docker's own configuration are taken.
        variables: the submitter's environment variables, with HOME and DOCKER_CONFIG; None for this process's.

    Raises:
        RegistryDeniedException: Docker's configuration, or a program that it names, does not tell.
    """
    import docker.errors
    from docker import auth

    if given and "@" in given:
        parts = urlsplit(given if "://" in given else f"https://{given}")
        told = {
            "username": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "serveraddress": parts.hostname + (f":{parts.port}" if parts.port else "") if parts.hostname else "",
        }
        return auth.encode_header(told).decode("ascii")
    host, _ = auth.resolve_repository_name(repository_of(name))
    found = None
    file, configuration = _configuration(variables)
    try:
        found = configuration.resolve_authconfig(host)
    except docker.errors.DockerException as error:
        raise RegistryDeniedException(
            f"the program that {file} names for the credentials of {host} does not give "
            f"them: install it and put it into PATH, or log in anew with `docker login {host}` ({error})"
        ) from error
    return auth.encode_header(found).decode("ascii") if found else NOBODY


def all_credentials(variables: Mapping[str, str] | None) -> str:
    """What tells each registry that a build may pull from who asks; "" where nobody is logged in anywhere.

    Raises:
        RegistryDeniedException: as for :func:`credentials`.
    """
    import docker.errors
    from docker import auth

    file, configuration = _configuration(variables)
    try:
        told = configuration.get_all_credentials()  # type: ignore[no-untyped-call]
    except docker.errors.DockerException as error:
        raise RegistryDeniedException(
            f"a program that {file} names for credentials does not give them: install it "
            f"and put it into PATH, or log in anew with `docker login` ({error})"
        ) from error
    found = {host: each for host, each in told.items() if each}
    return auth.encode_header(found).decode("ascii") if found else ""


def _configuration(variables: Mapping[str, str] | None) -> tuple[Path | None, AuthConfig]:
    import docker.errors
    from docker import auth

    given = os.environ if variables is None else variables
    folder = Path(given.get("DOCKER_CONFIG") or Path(given.get("HOME") or "~", ".docker").expanduser())
    file = folder / "config.json" if (folder / "config.json").is_file() else None
    if file is None:
        return None, auth.AuthConfig({})
    try:
        json.loads(file.read_text("utf-8"))  # docker-py would take one that is damaged for an empty one
        return file, auth.load_config(config_path=str(file))
    except (OSError, ValueError, docker.errors.DockerException) as error:
        raise RegistryDeniedException(
            f"{file}, Docker's configuration with the credentials of registries, cannot be read: {error}. Mend it, or "
            "log in anew with `docker login`"
        ) from error


def pull(
    engine: ContainerEngine,
    name: str,
    credentials: str,
    whose: Whose,
    say: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> None:
    """Pull an image.

    Args:
        engine: where to.
        name: of the image; without a tag, "latest" is meant.
        credentials: see :func:`credentials`.
        whose: where the name is from, for what to do about an error.
        say: is told how it goes.
        cancelled: asked many times a second; true breaks the pull off.

    Raises:
        BuildCanceled: ``cancelled`` said so.
        RegistryException: it cannot be pulled; the text says why and what to do.
        EnvironmentBuildException: the engine's disk is full.
    """
    parameters = {"fromImage": repository_of(name), "tag": tag_of(name)}
    started = _post(engine, "/images/create", parameters, credentials)
    try:
        for line in _progress(events(started, engine, cancelled)):
            say(line)
    except _Refused as error:
        raise disk_full(engine, str(error)) or not_pulled(name, str(error), whose) from error


def ask(engine: ContainerEngine, name: str, credentials: str, seconds: float) -> None:
    """Have the engine ask whether a registry would give it an image; nothing is pulled.

    Args:
        engine: which; Podman has no such question.
        name: of the image; without a tag, "latest" is meant.
        credentials: see :func:`credentials`.
        seconds: how long to wait for the answer.

    Raises:
        RegistryException: it would not, or did not answer in time; the text says why and what to do.
    """
    import docker.errors
    import requests

    api = engine.api
    url = api._url("/distribution/{0}/json", f"{repository_of(name)}:{tag_of(name)}")
    try:
        api._result(api.get(url, headers={"X-Registry-Auth": credentials}, timeout=seconds), json=True)
    except docker.errors.APIError as error:
        raise not_pulled(name, str(error.explanation or error), "base") from error
    except requests.Timeout as error:
        raise not_pulled(name, f"i/o timeout: no answer within {seconds:g} s", "base") from error


def push(
    engine: ContainerEngine,
    image: str,
    name: str,
    credentials: str,
    say: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> str:
    """Push an image.

    What was transferred when a push is broken off is not transferred again.

    Args:
        engine: where from.
        image: its id.
        name: in the registry, with a tag; the image gets it here, too.
        credentials: see :func:`credentials`.
        say: is told how it goes.
        cancelled: asked many times a second; true breaks the push off.

    Returns:
        The image's digest in the registry, "sha256:…"; "" where the engine does not tell.

    Raises:
        BuildCanceled: ``cancelled`` said so.
        RegistryException: it cannot be pushed; the text says why and what to do.
    """
    import docker.errors

    place, tag = repository_of(name), tag_of(name)
    try:
        engine.api.tag(image, place, tag)
    except docker.errors.NotFound:
        raise not_pushed(name, f"the image {image[:19]} was removed from the container engine meanwhile") from None
    digest = ""

    def told() -> Iterator[dict[str, Any]]:
        nonlocal digest
        for event in events(started, engine, cancelled):
            digest = str((event.get("aux") or {}).get("Digest") or digest)
            yield event

    started = _post(engine, f"/images/{place}/push", {"tag": tag}, credentials)
    try:
        for line in _progress(told()):
            say(line)
    except _Refused as error:
        raise not_pushed(name, str(error)) from error
    return digest


class _Refused(Exception):
    """The engine refused, at once or in the middle of its answer; the text is its own."""


def _post(engine: ContainerEngine, path: str, parameters: Mapping[str, str], credentials: str) -> Callable[[], Any]:
    """Return what sends a request whose answer is a stream."""
    import docker.errors

    def start() -> Any:
        api = engine.api
        headers = {"X-Registry-Auth": credentials}
        response = api._post(api._url(path), params=parameters, headers=headers, stream=True, timeout=None)
        try:
            api._raise_for_status(response)
        except docker.errors.APIError as error:
            raise _Refused(str(error.explanation or error)) from error
        return response

    return start


def _progress(stream: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Lines for people: each layer when it is there, and now and then how far all of them are."""
    layers: dict[str, tuple[int, int]] = {}
    said = time.monotonic()
    for event in stream:
        # An error in the middle of a stream has no status of HTTP: the push itself was answered with "200 OK".
        if text := event.get("error") or (event.get("errorDetail") or {}).get("message"):
            raise _Refused(str(text))
        status, layer, detail = (
            str(event.get("status", "")),
            str(event.get("id", "")),
            event.get("progressDetail") or {},
        )
        if status in ("Downloading", "Pushing") and detail.get("total"):
            layers[layer] = (int(detail.get("current", 0)), int(detail["total"]))
            if time.monotonic() - said > _PROGRESS:
                said = time.monotonic()
                done, whole = (sum(column) / 1e6 for column in zip(*layers.values(), strict=True))
                yield f"{done:.0f} of {whole:.0f} MB"
        elif status in ("Pull complete", "Already exists", "Pushed", "Layer already exists"):
            yield f"{layer}: {status}"
        elif status.startswith(("Digest:", "Status:", "Mounted from")):
            yield f"{layer}: {status}" if layer and status.startswith("Mounted") else status
