"""``settings.toml`` of a workspace: what its owner may want otherwise.

[snapshot]
max_bytes = 2_000_000_000        # a larger source folder is refused
max_files = 50_000

[packages]                       # how environments are built; see images.uv.BuildSettings
index_url = "https://…"
extra_index_urls = []
find_links = []
offline = false
proxy = ""
ca_bundle = ""

[jobs]
grace_seconds = 10               # between SIGTERM and SIGKILL

[dispatcher]
idle_seconds = 60                # it leaves after so long without work

[docker]                         # what containers are made of
base_image = "python:{python}-slim"  # {python} is the version that the environment asks for
environment_form = "auto"        # "volume" or "image": how environments are kept where a target does not say
registry = ""                    # "host:port/path" to which images are pushed and from which nodes pull them
patience_seconds = 60            # an engine that is gone is waited for so long, where only it knows how a job ended

[network_disk]                   # several hosts may have it; one of them writes, see store.ownership
use = "auto"                     # "yes" or "no" where the type of the file system misleads
silence_seconds = 60             # a host that was not heard for so long may be succeeded by another
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from traindock.errors import StoreException


@dataclass(frozen=True, slots=True)
class SnapshotSettings:
    """Limits on source folders."""

    max_bytes: int = 2_000_000_000
    max_files: int = 50_000


@dataclass(frozen=True, slots=True)
class PackageSettings:
    """Where packages come from; empty means what uv finds by itself."""

    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    offline: bool = False
    proxy: str = ""
    ca_bundle: str = ""


@dataclass(frozen=True, slots=True)
class JobSettings:
    """How jobs are treated; seconds."""

    grace_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class DispatcherSettings:
    """How the dispatcher behaves; seconds."""

    idle_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class NetworkDiskSettings:
    """Whether the workspace is on a disk that several hosts have, and when one of them has gone; seconds."""

    use: str = "auto"
    silence_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class ContainerSettings:
    """What containers are made of; see ``images.containers``."""

    base_image: str = "python:{python}-slim"
    environment_form: str = "auto"
    registry: str = ""
    patience_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a workspace."""

    snapshot: SnapshotSettings = field(default_factory=SnapshotSettings)
    packages: PackageSettings = field(default_factory=PackageSettings)
    jobs: JobSettings = field(default_factory=JobSettings)
    dispatcher: DispatcherSettings = field(default_factory=DispatcherSettings)
    network_disk: NetworkDiskSettings = field(default_factory=NetworkDiskSettings)
    docker: ContainerSettings = field(default_factory=ContainerSettings)


_SECTIONS: dict[str, type[Any]] = {
    "snapshot": SnapshotSettings,
    "packages": PackageSettings,
    "jobs": JobSettings,
    "dispatcher": DispatcherSettings,
    "network_disk": NetworkDiskSettings,
    "docker": ContainerSettings,
}
#: Texts of which only some are allowed.
_CHOICES = {
    ("network_disk", "use"): ("auto", "yes", "no"),
    ("docker", "environment_form"): ("auto", "volume", "image"),
}


def load(path: Path) -> Settings:
    """Read the settings; a missing file means all defaults.

    Raises:
        StoreException: it cannot be read, is no TOML, or a section, a name or a value in it is not allowed; the
            text says which.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Settings()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StoreException(f"{path} is no TOML: {error}") from None
    except OSError as error:
        raise StoreException(f"cannot read {path}: {error.strerror}") from error
    sections = {}
    for name, values in document.items():
        if name not in _SECTIONS or not isinstance(values, dict):
            raise StoreException(f"{path} has an unknown section {name!r}; known: {', '.join(_SECTIONS)}")
        sections[name] = _section(path, name, values)
    return Settings(**sections)


def _section(path: Path, section: str, values: dict[str, Any]) -> Any:
    known = {f.name: f.default for f in fields(_SECTIONS[section])}
    taken = {}
    for name, value in values.items():
        if name not in known:
            raise StoreException(f"{path}: [{section}] has no {name!r}; known: {', '.join(known)}")
        wanted, allowed = _check(known[name], value)
        if not allowed:
            raise StoreException(f"{path}: [{section}] {name} must be {wanted}, not {value!r}")
        if value not in (choices := _CHOICES.get((section, name), (value,))):
            raise StoreException(f"{path}: [{section}] {name} must be one of {', '.join(choices)}, not {value!r}")
        taken[name] = tuple(value) if isinstance(value, list) else value
    return _SECTIONS[section](**taken)


def _check(default: Any, value: Any) -> tuple[str, bool]:
    """Say what may stand where ``default`` stands, and whether ``value`` may."""
    if isinstance(default, bool):
        return "true or false", isinstance(value, bool)
    if isinstance(default, str):
        return "a text", isinstance(value, str)
    if isinstance(default, tuple):
        return "a list of texts", isinstance(value, list) and all(isinstance(each, str) for each in value)
    if isinstance(default, float):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return "a number of seconds, 0 or more", number and 0 <= value < float("inf")
    return "a whole number, 0 or more", isinstance(value, int) and not isinstance(value, bool) and value >= 0
