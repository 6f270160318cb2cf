"""The container engine of this machine: connected to once per process, and its errors in words.

An :class:`Engine` may be used by many threads. Each request has a connection of its own from the client's pool, also
one that streams; what docker-py keeps beside that is set once, when the client is made.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from traindock.compute.docker import restarts, socket_faults
from traindock.compute.docker.addresses import socket_path
from traindock.compute.docker.facts import EngineFacts, facts_of, is_podman
from traindock.errors import (
    EngineException,
    EngineRefusedException,
    EngineTooOldException,
    EngineUnreachableException,
    NotAnEngineException,
)

if TYPE_CHECKING:
    import docker

#: Docker 20.10, Podman 4: the first with device requests, cgroup v2 and what else a job's container is made of.
OLDEST_API: Final = "1.41"
#: How long an engine may take to say what it is, in seconds.
_HELLO_SECONDS: Final = 10.0
#: How long an answer that is no stream may take to begin, in seconds.
_ANSWER_SECONDS: Final = 60
#: Connections that are kept open; more are made where needed, and closed after use.
_CONNECTIONS: Final = 32
#: How long facts are believed, in seconds.
_FACTS_SECONDS: Final = 60.0

_engines: dict[tuple[int, str], Engine] = {}
_engines_lock = Lock()


class Engine:
    """An engine that answered; made by :func:`connect`.

    Attributes:
        url: its address.
        path: its socket.
        api_version: the version of Docker's API that is spoken with it.
    """

    def __init__(self, url: str, version: dict[str, Any]) -> None:
        self.url = url
        self.path = socket_path(url)
        self.api_version = _spoken(version)
        self._version = version
        self._facts: tuple[float, EngineFacts] | None = None
        self._image_configs: dict[str, dict[str, Any]] = {}

    @cached_property
    def client(self) -> docker.DockerClient:
        """docker-py's client: an answer has to begin within a minute, except to pull, build, wait and events."""
        return _client(self.url, self.api_version, _ANSWER_SECONDS)

    @property
    def api(self) -> docker.APIClient:
        """The same client's low-level interface."""
        return self.client.api

    @cached_property
    def patient(self) -> docker.DockerClient:
        """A client without any time-out, for what takes as long as it takes: commit, push, removal, archives.

        To follow logs, too: Podman begins to answer with their first line.
        """
        return _client(self.url, self.api_version, None)

    def facts(self) -> EngineFacts:
        """Return what the engine says of itself, at most a minute old.

        Raises:
            EngineException: it does not answer.
        """
        if self._facts is None or time.monotonic() - self._facts[0] > _FACTS_SECONDS:
            with self.translated("say what it is"):
                facts = facts_of(self._info(), self._version, self._controllers())
            self._facts = (time.monotonic(), facts)
        return self._facts[1]

    def image_config(self, image_id: str) -> dict[str, Any]:
        """Return the configuration of an image, asked once: what an id names never changes, but it may be removed.

        Raises:
            docker.errors.DockerException: the engine does not have it, or does not answer.
        """
        found = self._image_configs.get(image_id)
        if found is None:
            found = self.api.inspect_image(image_id)["Config"]  # type: ignore[no-untyped-call]
            self._image_configs[image_id] = found
        return found

    def _info(self) -> dict[str, Any]:
        """Ask in the engine's own version of the API, which leaves out its devices in those that docker-py knows."""
        url = f"{self.api.base_url}/v{self._version['ApiVersion']}/info"
        answer = self.api.get(url, timeout=_ANSWER_SECONDS)
        found: dict[str, Any] = self.api._result(answer, json=True)  # type: ignore[attr-defined]  # as its own info()
        return found

    def _controllers(self) -> list[str] | None:
        """Return the cgroup controllers that Podman may use; None of Docker, which tells otherwise."""
        if not is_podman(self._version):
            return None
        answer = self.api.get(f"{self.api.base_url}/v{self._version['Version']}/libpod/info", timeout=_ANSWER_SECONDS)
        host = answer.json().get("host", {}) if answer.ok else {}
        return list(host.get("cgroupControllers") or ())

    def started_after(self, moment: float) -> bool | None:
        """Whether the engine was stopped and started since ``moment``, in such a way that containers may have ended.

        A container that began before such a start and is not running was ended by it: as the engine stopped (SIGTERM,
        exit code 143 or 137), or, where that was killed, as it started again (so that it may have ended a
        little later than the engine was started). An engine with ``live_restore`` keeps its containers: there
        the answer says nothing about why one ended, and one that is still running goes on.

        Args:
            moment: in seconds since the epoch, by this machine's clock.

        Returns:
            None where it cannot be told, and for Podman, where nothing that is stopped and started has containers.

        Raises:
            EngineException: the engine does not answer; it may just be starting again.
        """
        if self.facts().kind.is_podman:
            return None
        with self.translated("say when it was started"):
            started = restarts.started_at(self.path, self.api)
        return None if started is None else started > moment

    @contextmanager
    def translated(self, what: str) -> Iterator[None]:
        """Turn errors of docker-py and what lies below it into those of Traindock.

        Args:
            what: what is being asked, to complete "the container engine could not …".

        Raises:
            EngineException: instead of any error of docker-py, requests or urllib3. What can be done about a refusal
                in particular (``docker.errors.NotFound``) is to be caught within.
        """
        with _translated(self.path, what):
            yield


def connect(url: str) -> Engine:
    """Return the engine at an address, the same one to all threads of a process.

    Raises:
        EngineException: there is none, or it cannot be used; the subclass tells why.
    """
    key = (os.getpid(), url)  # a forked child must not share the connections of its parent
    engine = _engines.get(key)
    if engine is None:
        made = Engine(url, _hello(url))
        with _engines_lock:
            engine = _engines.setdefault(key, made)
    return engine


def _hello(url: str) -> dict[str, Any]:
    """Return the engine's answer to ``/version``."""
    path = socket_path(url)
    socket_faults.connect(path, _HELLO_SECONDS).close()
    try:
        with _translated(path, "say its version"), closing(_client(url, OLDEST_API, _HELLO_SECONDS)) as client:
            version = client.api.version(api_version=False)
    except EngineRefusedException as error:
        if error.status < 500:  # every engine knows its version
            raise _no_engine(path) from error
        raise
    if not isinstance(version, dict) or not isinstance(version.get("ApiVersion"), str):
        raise _no_engine(path)
    if _numbers(version["ApiVersion"]) < _numbers(OLDEST_API):
        raise EngineTooOldException(
            f"the container engine at {path} is too old: it is version {version.get('Version', '?')} with API "
            f"{version['ApiVersion']}; Traindock needs API {OLDEST_API} (Docker 20.10, Podman 4). Upgrade it"
        )
    return version


def _client(url: str, api_version: str, seconds: float | None) -> docker.DockerClient:
    import docker

    # docker-py adds to the number where it waits for a container's end; its stubs want a whole one.
    client = docker.DockerClient(
        base_url=url,
        version=api_version,
        timeout=seconds,  # type: ignore[arg-type]
        max_pool_size=_CONNECTIONS,
    )
    # Proxies and passwords by host have no say on a socket; to look for them took a fifth of each question.
    client.api.trust_env = False
    return client


def _spoken(version: dict[str, Any]) -> str:
    """Return the version to speak: the engine's, but none that docker-py does not know, unless it takes no older."""
    from docker.constants import DEFAULT_DOCKER_API_VERSION as KNOWN

    newest, oldest = str(version["ApiVersion"]), str(version.get("MinAPIVersion") or OLDEST_API)
    return max(min(newest, KNOWN, key=_numbers), oldest, key=_numbers)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


@contextmanager
def _translated(path: Path, what: str) -> Iterator[None]:
    import docker.errors
    import requests
    import urllib3.exceptions

    try:
        yield
    except docker.errors.APIError as error:
        explanation = str(error.explanation or error).strip()
        raise EngineRefusedException(what, explanation, error.status_code or 0) from error
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise EngineUnreachableException(
            f"the container engine at {path} could not {what}: it did not answer in time. It hangs, or the machine is "
            "overloaded; see its log (`journalctl -u docker`)"
        ) from error
    except (requests.JSONDecodeError, docker.errors.StreamParseError) as error:
        raise _no_engine(path) from error
    except (requests.ConnectionError, urllib3.exceptions.HTTPError, requests.RequestException) as error:
        raise _broken(path, what, error) from error
    except docker.errors.DockerException as error:
        raise EngineRefusedException(what, str(error)) from error


def _broken(path: Path, what: str, error: Exception) -> EngineException:
    """Return why a connection broke, as far as the socket tells now."""
    try:
        socket_faults.connect(path, _HELLO_SECONDS).close()
    except EngineException as found:
        return found
    if _is_other_protocol(error):
        return _no_engine(path)
    return EngineUnreachableException(f"the container engine at {path} broke off as it was to {what}: {error}")


def _is_other_protocol(error: BaseException | None) -> bool:
    from http.client import BadStatusLine, RemoteDisconnected

    while error is not None:
        if isinstance(error, BadStatusLine) and not isinstance(error, RemoteDisconnected):
            return True
        inner = [each for each in error.args if isinstance(each, BaseException)]
        error = inner[0] if inner else error.__cause__ or error.__context__
    return False


def _no_engine(path: Path) -> NotAnEngineException:
    return NotAnEngineException(
        f"what answers at {path} is no container engine. Name the engine's socket {socket_faults.NAME_IT}"
    )
