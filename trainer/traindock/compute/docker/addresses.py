"""Where the container engine of this user listens: variables, Docker's contexts, and the places that are customary.

The order is that of the ``docker`` command, so that both mean the same engine: ``DOCKER_HOST``, ``DOCKER_CONTEXT``,
the context that ``docker context use`` has chosen. Where none of them says anything, the command knows one socket;
here those of rootless engines, Docker Desktop and Podman are looked for as well.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from traindock.errors import EngineException, EngineNotFoundException, RemoteEngineException, UserErrorException

_DEFAULT_CONTEXT: Final = "default"
_NONE_HERE: Final = "there is no container engine on this machine, or it is not running"
_START: Final = "Start it (`sudo systemctl start docker`, or `systemctl --user start podman.socket`)"
_ELSEWHERE: Final = "Run Traindock on the machine of that engine"
#: What to do about an address that is no socket of this machine.
_ADVICE: Final = {
    "ssh": f"{_ELSEWHERE} (ssh there, start JupyterLab, forward its port)",
    "tcp": f"{_ELSEWHERE}, or, where it is this one, name its socket: unix:///var/run/docker.sock",
    "http": f"{_ELSEWHERE}, or, where it is this one, name its socket: unix:///var/run/docker.sock",
    "https": f"{_ELSEWHERE}, or, where it is this one, name its socket: unix:///var/run/docker.sock",
    "npipe": "Run Traindock in WSL2, where Docker Desktop offers unix:///var/run/docker.sock",
    "fd": "That is how systemd names an engine's socket to the engine; name the socket itself, unix:///…",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine listens.

    Attributes:
        url: ``unix://`` and the absolute path of its socket.
        source: what said so, for people: "DOCKER_HOST", "docker context 'rootless'", "found at its usual place", or
            "engine" where a compute target was given one.
    """

    url: str
    source: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine that there may be.

    Attributes:
        name: what names it, or the path of its socket.
        named: whether a variable or a context names it; else it was found at a customary place.
        url: its address; "" where it cannot be told.
        trouble: why it can be no engine for jobs; None where that is for ``engine.connect`` to find out.
    """

    name: str
    named: bool
    url: str = ""
    trouble: EngineException | None = None


def candidates(environment: Mapping[str, str]) -> list[Candidate]:
    """Return all engines that :func:`find_address` may come upon, in its order, each once.

    Args:
        environment: the user's environment variables.
    """
    found = []
    if host := environment.get("DOCKER_HOST"):
        found.append(_candidate("DOCKER_HOST", lambda: host))
    folder = _configuration(environment)
    try:
        name, source = _context(environment, folder)
    except EngineNotFoundException as error:
        found.append(Candidate("of docker's context", True, trouble=error))
    else:
        if name != _DEFAULT_CONTEXT:
            found.append(_candidate(f"docker context {name!r}", lambda: _context_host(folder, name, source)))
    found += [
        Candidate(str(place), False, f"unix://{place}") for place in usual_places(environment) if _is_there(place)
    ]
    known: dict[str, Candidate] = {}
    for one in found:
        # One socket may have several paths: /var/run is /run, and Podman takes Docker's place by a link.
        known.setdefault(os.path.realpath(one.url.removeprefix("unix://")) if one.trouble is None else one.name, one)
    return list(known.values())


def _candidate(name: str, told: Callable[[], str]) -> Candidate:
    url = ""
    try:
        url = told()
        return Candidate(name, True, _checked(url, name).url)
    except (EngineNotFoundException, RemoteEngineException) as error:
        return Candidate(name, True, url, error)


def find_address(environment: Mapping[str, str]) -> Address:
    """Return the address of this user's engine; whether it works is for ``engine.connect`` to find out.

    Args:
        environment: the user's environment variables; ``os.environ``, or those of whoever submitted.

    Raises:
        EngineNotFoundException: nothing names an engine, and there is no socket; the text has all places looked at.
        RemoteEngineException: the engine that is named is not a socket of this machine.
    """
    if host := environment.get("DOCKER_HOST"):
        return _checked(host, "DOCKER_HOST")
    folder = _configuration(environment)
    name, source = _context(environment, folder)
    if name != _DEFAULT_CONTEXT:
        return _checked(_context_host(folder, name, source), f"docker context {name!r}")
    return _usual(environment)


def given_address(url: object) -> Address:
    """Return the address of the engine that somebody names for a compute target.

    Raises:
        RemoteEngineException: it is not a socket of this machine.
        UserErrorException: it is no text.
    """
    if not isinstance(url, str):
        raise UserErrorException(f"engine is an address such as 'unix:///var/run/docker.sock', not {url!r}")
    return _checked(url, "engine")


def socket_path(url: str) -> Path:
    """Return the path of the socket that an address names.

    Raises:
        RemoteEngineException: it names none of this machine.
    """
    scheme, separator, path = url.partition("://")
    if scheme == "unix" and path.startswith("/"):
        return Path(path)
    if scheme in _ADVICE and separator:
        raise RemoteEngineException(
            f"the container engine {url} cannot be used: jobs need an engine that sees this machine's files. "
            f"{_ADVICE[scheme]}"
        )
    raise RemoteEngineException(
        f"{url!r} is no address of a container engine; it has to be unix:// and an absolute path, such as "
        "unix:///var/run/docker.sock"
    )


def usual_places(environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield where the sockets of engines usually are, those that belong to the user first, Docker before Podman."""
    runtime = Path(environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    home = _home(environment)
    yield runtime / "docker.sock"
    yield home / ".docker" / "run" / "docker.sock"
    yield home / ".docker" / "desktop" / "docker.sock"
    yield Path("/var/run/docker.sock")
    yield runtime / "podman" / "podman.sock"
    yield Path("/run/podman/podman.sock")


def _usual(environment: Mapping[str, str]) -> Address:
    """Return the first usual place where somebody listens, else the first where there is at least a socket."""
    places = list(usual_places(environment))
    there = [place for place in places if _is_there(place)]
    for place in [*filter(_listens, there), *there]:
        return Address(f"unix://{place}", "found at its usual place")
    raise EngineNotFoundException(
        f"{_NONE_HERE}: DOCKER_HOST and DOCKER_CONTEXT are not set, no docker context is chosen, and there is no "
        f"socket at {', '.join(map(str, places))}. {_START}, or set DOCKER_HOST to unix:// and the path of its socket",
        f"{_NONE_HERE}. {_START}",
    )


def _is_there(place: Path) -> bool:
    try:
        return place.is_socket()
    except OSError:  # in a folder that this user may not look into
        return False


def _listens(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        try:
            client.connect(str(place))
        except OSError:
            return False
    return True


def _checked(url: str, source: str) -> Address:
    try:
        socket_path(url)
    except RemoteEngineException as error:
        raise RemoteEngineException(f"{source}: {error}") from None
    return Address(url, source)


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("HOME") or Path.home())


def _configuration(environment: Mapping[str, str]) -> Path:
    given = environment.get("DOCKER_CONFIG")
    return Path(given) if given else _home(environment) / ".docker"


def _context(environment: Mapping[str, str], folder: Path) -> tuple[str, str]:
    """Return the name of the context in use, and what says so."""
    if name := environment.get("DOCKER_CONTEXT"):
        return name, "DOCKER_CONTEXT"
    file = folder / "config.json"
    name = _read(file).get("currentContext")
    return (name if isinstance(name, str) and name else _DEFAULT_CONTEXT), str(file)


def _context_host(folder: Path, name: str, source: str) -> str:
    metadata = folder / "contexts" / "meta"
    file = metadata / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    endpoints = _read(file).get("Endpoints")
    endpoint = endpoints.get("docker") if isinstance(endpoints, dict) else None
    host = endpoint.get("Host") if isinstance(endpoint, dict) else None
    if isinstance(host, str) and host:
        return host
    names = {_read(other).get("Name") for other in metadata.glob("*/meta.json")}
    known = ", ".join(sorted({_DEFAULT_CONTEXT, *(each for each in names if isinstance(each, str))}))
    raise EngineNotFoundException(
        f"{source} names the docker context {name!r}, which {metadata} has no address for. Known contexts: {known}. "
        "Choose one with `docker context use`, or set DOCKER_HOST"
    )


def _read(file: Path) -> dict[str, Any]:
    """Return a JSON file of Docker's configuration; {} where there is none."""
    try:
        content = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EngineNotFoundException(
            f"which container engine to use cannot be told: {file} cannot be read ({error}). "
            "Mend that file, or set DOCKER_HOST"
        ) from error
    return content if isinstance(content, dict) else {}
