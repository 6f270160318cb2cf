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
registry = ""                    # "host:port/path" to which images are pushed and from which nodes pull them, with
                                 # what `docker login` keeps; makes images the default of environment_form
patience_seconds = 60            # an engine that is gone is waited for so long, where only it knows how a job ended

[curated_environments]           # what Environment.get(workspace, NAME) stands for; see images.curated
NAME = { pip = ["torch==2.2.*"], python = "3.10", image = "pytorch/pytorch:latest" }

[vm_sizes]                       # what Azure ML's names of machines mean here; names in any case
STANDARD_NC6 = { cpus = 4, memory = "16g", gpus = 0 }

[network_disk]                   # several hosts may have it; one of them writes, see store.ownership
use = "auto"                     # "yes" or "no" where the type of the file system misleads
silence_seconds = 60             # a host that was not heard for so long may be succeeded by another
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from traindock.compute.node_shapes import NodeShape, cpus_of, gpus_of, memory_bytes_of, vm_size_of
from traindock.errors import StoreException, UserErrorException
from traindock.images.container_base import check_image_name
from traindock.images.containers.registry_names import check_registry
from traindock.images.curated import CuratedEnvironment, from_table


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
    """What containers are made of; see ``images.containers.environments``."""

    base_image: str = "python:{python}-slim"
    environment_form: str = "auto"
    registry: str = ""
    patience_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a workspace.

    Attributes:
        curated_environments: what names of environments stand for, by the name in small letters.
        vm_sizes: shapes of nodes by Azure ML's names of machines in upper case, in place of the table's.
    """

    snapshot: SnapshotSettings = field(default_factory=SnapshotSettings)
    packages: PackageSettings = field(default_factory=PackageSettings)
    jobs: JobSettings = field(default_factory=JobSettings)
    dispatcher: DispatcherSettings = field(default_factory=DispatcherSettings)
    network_disk: NetworkDiskSettings = field(default_factory=NetworkDiskSettings)
    docker: ContainerSettings = field(default_factory=ContainerSettings)
    vm_sizes: Mapping[str, NodeShape] = field(default_factory=dict)
    curated_environments: Mapping[str, CuratedEnvironment] = field(default_factory=dict)


_SECTIONS: dict[str, type[Any]] = {
    "snapshot": SnapshotSettings,
    "packages": PackageSettings,
    "jobs": JobSettings,
    "dispatcher": DispatcherSettings,
    "network_disk": NetworkDiskSettings,
    "docker": ContainerSettings,
}
_VM_SIZES = "vm_sizes"
_CURATED = "curated_environments"
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
    sections: dict[str, Any] = {}
    for name, values in document.items():
        if name not in (*_SECTIONS, _VM_SIZES, _CURATED) or not isinstance(values, dict):
            known = ", ".join((*_SECTIONS, _VM_SIZES, _CURATED))
            raise StoreException(f"{path} has an unknown section {name!r}; known: {known}")
        if name == _VM_SIZES:
            sections[name] = _vm_sizes(path, values)
        elif name == _CURATED:
            sections[name] = _curated(path, values)
        else:
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
    if section == "docker":
        _check_images(path, taken)
    return _SECTIONS[section](**taken)


def _check_images(path: Path, values: Mapping[str, Any]) -> None:
    """Refuse what would fail only in the middle of a run."""
    checks: dict[str, Callable[[str], None]] = {
        "base_image": lambda name: check_image_name(name.replace("{python}", "3.11")),
        "registry": lambda address: check_registry(address) if address else None,
    }
    for name, check in checks.items():
        try:
            if name in values:
                check(values[name])
        except UserErrorException as error:
            raise StoreException(f"{path}: [docker] {name}: {error}") from None


def _vm_sizes(path: Path, values: dict[str, Any]) -> dict[str, NodeShape]:
    example = 'NAME = { cpus = 4, memory = "16g", gpus = 0 }'
    shapes: dict[str, NodeShape] = {}
    for name, shape in values.items():
        place = f"{path}: [{_VM_SIZES}] {name}"
        if (
            not isinstance(shape, dict)
            or not set(shape) <= {"cpus", "memory", "gpus"}
            or not {"cpus", "memory"} <= set(shape)
        ):
            raise StoreException(
                f"{place} must be a table with cpus, memory and perhaps gpus, not {shape!r}: {example}"
            )
        try:
            label = vm_size_of(name)
            found = NodeShape(cpus_of(shape["cpus"]), memory_bytes_of(shape["memory"]), gpus_of(shape.get("gpus", 0)))
        except UserErrorException as error:
            raise StoreException(f"{place}: {error}") from None
        if label in shapes:
            raise StoreException(f"{place} is there twice, in capital and in small letters: leave one")
        shapes[label] = found
    return shapes


def _curated(path: Path, values: dict[str, Any]) -> dict[str, CuratedEnvironment]:
    found: dict[str, CuratedEnvironment] = {}
    for name, table in values.items():
        try:
            found[name.lower()] = from_table(name, table)
        except UserErrorException as error:
            raise StoreException(f"{path}: [{_CURATED}] {error}") from None
    return found


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
