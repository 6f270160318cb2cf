"""Where packages come from, as seen from inside a container: variables, files to put there, folders to mount.

A build in a container honours what a build on this machine honours: the workspace's settings, then the submitter's
variables for uv, pip and proxies, uv's configuration file, ``.netrc`` and certificates. Files are put into the
container; folders of packages are mounted at the same path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from traindock.errors import EnvironmentBuildException
from traindock.images.builder import sources
from traindock.images.recipe import Recipe, parse_requirement
from traindock.images.uv import BuildSettings, mask

#: Where files are put in the container that builds.
PLACE: Final = "/traindock-build"

_PROXIES: Final = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})
#: Variables that name a file of certificates, and others that name files to put into the container.
_CERTIFICATES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")
_FILES: Final = ("UV_CONFIG_FILE", "UV_OVERRIDE", "UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "UV_EXCLUDE", "NETRC")
#: Folders, interpreters and habits of this machine, of which a container must hear nothing.
_LEFT_OUT: Final = re.compile(
    r"UV_(CACHE_DIR|NO_CACHE|LINK_MODE|WORKING_DIR\w*|PROJECT\w*|ENV_FILE|NO_ENV_FILE|INSTALL\w*|TOOL\w*|SYSTEM_PYTHON|"
    r"BREAK_SYSTEM_PACKAGES|PYTHON|PYTHON_\w*DIR|PYTHON_PREFERENCE|MANAGED_PYTHON|NO_MANAGED_PYTHON|CREDENTIALS_DIR)|"
    r"PIP_(TARGET|PREFIX|ROOT|USER|SRC|BUILD|LOG|CACHE_DIR|NO_CACHE_DIR|CONFIG_FILE|PYTHON|REQUIREMENT|CONSTRAINT|"
    r"REQUIRE_VIRTUALENV|BREAK_SYSTEM_PACKAGES|DOWNLOAD_CACHE)"
)
#: Names of variables whose values nobody may see.
_SECRET: Final = re.compile(r"PASSWORD|TOKEN|SECRET|USERNAME|CLIENT_CERT|KEYRING|NETRC|CONFIG_FILE")
#: Addresses that mean this machine, and in a container the container.
_LOOPBACK: Final = re.compile(r"://(?:[^/@\s]*@)?(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?=[:/\s]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where packages come from.

    Attributes:
        arguments: for ``uv pip install``.
        variables: for uv and pip.
        files: contents of the files that the variables name, by their name in :data:`PLACE`.
        folders: folders and files of this machine to have at the same path.
        on_this_machine: whether an index or a proxy listens on this machine only.
        secrets: names of what holds passwords, masked.
    """

    arguments: tuple[str, ...]
    variables: Mapping[str, str]
    files: Mapping[str, bytes]
    folders: tuple[str, ...]
    on_this_machine: bool
    secrets: tuple[str, ...]


def sources_in_container(recipe: Recipe, requirements: Iterable[str], settings: BuildSettings) -> Sources:
    """Translate the settings of builds for a container.

    Args:
        recipe: its index and options are added.
        requirements: all pip requirements; those that name files of this machine have these mounted.
        settings: as for a build on this machine.

    Raises:
        EnvironmentBuildException: a file or folder that the settings or the variables name is missing.
    """
    extra = [o.split(" ", 1)[1] for o in recipe.pip_options if o.startswith("--extra-index-url ")]
    given = settings.environment(recipe.index_url, extra)
    variables = {name: value for name, value in given.items() if _concerns(name) and value}
    files: dict[str, bytes] = {}
    for name in _CERTIFICATES:
        if given.get(name):
            variables[name] = _put(name, given[name], "certificates.pem", files)
    for name, path in _configuration(given):
        variables[name] = _put(name, path, name.lower(), files)
    variables |= {"UV_NO_PROGRESS": "1", "UV_NO_WRAP": "1", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    if settings.index_url or recipe.index_url:  # for the pip that conda or the lack of a fitting uv calls
        variables["PIP_INDEX_URL"] = recipe.index_url or settings.index_url or ""
    if extra or settings.extra_index_urls:
        variables["PIP_EXTRA_INDEX_URL"] = " ".join((*extra, *settings.extra_index_urls))
    if settings.find_links:
        variables["PIP_FIND_LINKS"] = " ".join(settings.find_links)
    arguments = sources(recipe, settings)
    told = {**variables, "--find-links": " ".join(arguments)}
    return Sources(
        arguments=tuple(arguments),
        variables=variables,
        files=files,
        folders=tuple(dict.fromkeys(_folders(arguments, requirements, variables))),
        on_this_machine=any(_LOOPBACK.search(f"{value} ") for name, value in told.items() if name != "NO_PROXY"),
        secrets=tuple(f"{name}={mask(value)}" for name, value in told.items() if _is_secret(name, value)),
    )


def _concerns(name: str) -> bool:
    if name.upper() in _PROXIES:
        return True
    return name.startswith(("UV_", "PIP_")) and not _LEFT_OUT.fullmatch(name) and name not in (*_FILES, "PIP_CERT")


def _is_secret(name: str, value: str) -> bool:
    return mask(value) != value or bool(name.startswith(("UV_", "NETRC")) and _SECRET.search(name))


def _configuration(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Files that uv reads by itself on this machine, and those that variables name."""
    for name in _FILES:
        if given.get(name):
            yield name, given[name]
    home = Path(given.get("HOME") or "/nonexistent")
    places = [Path(given.get("XDG_CONFIG_HOME") or home / ".config") / "uv" / "uv.toml", Path("/etc/uv/uv.toml")]
    if not given.get("UV_CONFIG_FILE") and not given.get("UV_NO_CONFIG"):
        yield from [("UV_CONFIG_FILE", str(path)) for path in places if path.is_file()][:1]
    if not given.get("NETRC") and (home / ".netrc").is_file():
        yield "NETRC", str(home / ".netrc")


def _put(name: str, path: str, as_name: str, files: dict[str, bytes]) -> str:
    """Take a file along; returns its path in the container."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise EnvironmentBuildException(
            f"{name}={path!r}, which packages are to be fetched with, cannot be read: {error.strerror}"
        ) from error
    while files.get(as_name, content) != content:
        as_name = f"other-{as_name}"
    files[as_name] = content
    return f"{PLACE}/{as_name}"


def _folders(arguments: list[str], requirements: Iterable[str], variables: Mapping[str, str]) -> Iterator[str]:
    """What of this machine is named by path: where links lead, and what is installed from a folder or a file."""
    places = [value for name, value in pairwise(arguments) if name == "--find-links"]
    places += variables.get("UV_FIND_LINKS", "").replace(",", " ").split()
    for index in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"):
        places += [url.rpartition("=")[2] for url in variables.get(index, "").split() if "file:" in url]
    for text in requirements:
        requirement = parse_requirement(text)
        url = requirement.url if requirement is not None else text.strip()
        if url and url.startswith("file:"):
            places.append(url)
    for place in places:
        path = unquote(urlsplit(place).path) if place.startswith("file:") else place
        if "://" in path:
            continue
        if not path.startswith("/") or not Path(path).exists():
            raise EnvironmentBuildException(f"{path!r}, which packages are to come from, does not exist here")
        yield str(Path(path))
