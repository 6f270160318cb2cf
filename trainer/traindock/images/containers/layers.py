"""Environments as images: framework and packages in layers of their own, named by the key of the recipe."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name

from traindock.errors import EnvironmentBuildException, StoreException
from traindock.images import addresses
from traindock.images.builder import fail, relax
from traindock.images.containers import dockerfiles, fill_request
from traindock.images.containers.bases import inspect, tagged
from traindock.images.containers.build_faults import StepFailed
from traindock.images.containers.build_inputs import BuildContext, ImageBuild
from traindock.images.containers.buildx import has_buildx
from traindock.images.containers.engine_builds import build_image, lock_file
from traindock.images.containers.engine_memory import EngineMemory
from traindock.images.containers.engine_work import ROLE_LABEL
from traindock.images.containers.engines import ContainerEngine, repository
from traindock.images.containers.fill_request import ContainerBuild
from traindock.images.containers.shared_images import SharedImages
from traindock.images.containers.sources import PLACE
from traindock.images.recipe import canonical_requirement, parse_requirement
from traindock.images.uv import Outcome
from traindock.images.venvs import locked

PYTHON: Final = f"{dockerfiles.ENVIRONMENT}/bin/python"
#: Requirements that get a layer of their own: large, and seldom changed.
_FRAMEWORK: Final = ("torch", "torchvision", "torchaudio", "triton", "pytorch-triton")
#: Packages of folders of this machine that may be sent to the builder, in bytes.
_SENT: Final = 1_000_000_000
_SECRETS: Final = f"{PLACE}/secrets.json"
_PACKAGES: Final = (".whl", ".tar.gz", ".zip", ".tar.bz2")


@dataclass(frozen=True, slots=True)
class Image:
    """An image with an environment.

    Attributes:
        id: "sha256:…".
        record: as in :class:`traindock.images.containers.volumes.Filled`.
        found: whether it was there already.
        pulled: the name in a registry that it was pulled by, or "".
    """

    id: str
    record: Mapping[str, Any]
    found: bool
    pulled: str = ""


def image_name(engine: ContainerEngine, key: str) -> str:
    """Name of the image of an environment."""
    return f"{repository(engine, 'environment')}:{key}"


def known(engine: ContainerEngine, memory: EngineMemory, key: str, after: float | None) -> Image | None:
    """The image of a key, if the engine has it; starts nothing."""
    found = inspect(engine, image_name(engine, key))
    if found is None:
        return None
    record = memory.recall("image", found.id)
    if after is not None and (record is None or record.get("began", 0) < after):
        return None
    return Image(found.id, record or {"packages": [], "warnings": []}, found=True)


def split(requirements: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The requirements of the framework's layer, and all of them for the layer upon it."""
    framework = tuple(text for text in requirements if _is_framework(text))
    ceilings = tuple(text for text in requirements if text.startswith("numpy<")) if framework else ()
    return (*framework, *ceilings), requirements


def _is_framework(text: str) -> bool:
    requirement = parse_requirement(text)
    if requirement is None or requirement.url:
        return False
    name = canonicalize_name(requirement.name)
    return name in _FRAMEWORK or name.startswith("nvidia-")


def build(engine: ContainerEngine, memory: EngineMemory, wanted: ContainerBuild, shared: SharedImages) -> Image:
    """Pull or build the image of an environment; who makes the same at the same time is waited for.

    Raises:
        BuildCanceled: ``wanted.cancelled`` said so.
        EnvironmentBuildException: it cannot be built; the text has the step and its last lines.
    """
    buildx = has_buildx(engine, wanted.settings.variables)
    with locked(lock_file(engine, image_name(engine, wanted.key)), wanted.log, wanted.cancelled):
        found = known(engine, memory, wanted.key, wanted.recipe.built_after)
        if found is not None:
            wanted.log.say("Hit: somebody else has made it meanwhile.")
            return found
        if pulled := _pulled(engine, memory, wanted, shared):
            return pulled
        _check(wanted, buildx)
        base = tagged(engine, wanted.base)
        warnings = list(wanted.warnings)
        requirements = [canonical_requirement(text) for text in wanted.requirements]
        static = not fill_request.uv_runs(wanted.python)
        while True:
            context, secrets = _context(wanted, base, requirements, warnings, buildx=buildx, static=static)
            how = ImageBuild(network=wanted.network, secrets=secrets, variables=wanted.settings.variables)
            try:
                anew = wanted.recipe.built_after is not None
                build_image(
                    engine,
                    how,
                    image_name(engine, wanted.key),
                    context,
                    anew=anew,
                    log=wanted.log,
                    cancelled=wanted.cancelled,
                )
                break
            except StepFailed as error:
                outcome = Outcome(1, fill_request.last_command(error.output))
                if not static and fill_request.step_failed(error.output) == "uv":
                    static = True
                    continue
                told = relax(requirements, wanted.own, outcome, wanted.log)
                if not told:
                    raise _explained(error, outcome, warnings[len(wanted.warnings) :], requirements) from error
                warnings += told
        made = inspect(engine, image_name(engine, wanted.key))
        if made is None:
            raise EnvironmentBuildException("the image was built, and the container engine does not have it")
        record = _record(engine, made.id, wanted.labels)
        memory.remember("image", made.id, record)
        return Image(made.id, record, found=False)


def _pulled(
    engine: ContainerEngine, memory: EngineMemory, wanted: ContainerBuild, shared: SharedImages
) -> Image | None:
    """The image as the workspace's registry has it; what somebody else has put there under its name is left alone."""
    import docker.errors

    local = image_name(engine, wanted.key)
    if wanted.recipe.built_after is not None or not shared.fetch(local):
        return None
    name, made = shared.fetched[-1], inspect(engine, local)
    if made is None:
        return None
    with contextlib.suppress(docker.errors.APIError, StoreException, ValueError):
        record = _record(engine, made.id, wanted.labels)
        if record.get("key") == wanted.key:
            memory.remember("image", made.id, record)
            return Image(made.id, record, found=False, pulled=name)
    shared.fetched.remove(name)
    shared.warnings.append(f"{name} is not an image of this environment, whatever its name says; so one was built here")
    wanted.log.say(f"Notice: {shared.warnings[-1]}.")
    for each in (local, name):
        with contextlib.suppress(docker.errors.APIError):
            engine.api.remove_image(each)
    return None


def record_of(
    engine: ContainerEngine, memory: EngineMemory, image: str, labels: Mapping[str, str]
) -> Mapping[str, Any]:
    """What is in an image (its id) of an environment, also where another workspace has made it."""
    record = memory.recall("image", image)
    if record is None:
        record = _record(engine, image, labels)
        memory.remember("image", image, record)
    return record


def _explained(
    error: StepFailed, outcome: Outcome, relaxations: list[str], requirements: list[str]
) -> EnvironmentBuildException:
    if not any("uv pip install" in line for line in error.output):
        return error
    try:
        fail(outcome, relaxations, requirements)
    except EnvironmentBuildException as told:
        return EnvironmentBuildException(f"{error.summary}. In its words: {told.summary}", error.log_tail)


def _check(wanted: ContainerBuild, buildx: bool) -> None:
    """Refuse what an image cannot be built with, or what it would show to everybody who gets it."""
    volume = (
        "have the environment as a volume: environment_form = 'volume' of the compute target (--environment-form "
        "volume) or the settings"
    )
    if wanted.translation.unknown:
        raise EnvironmentBuildException(
            f"{', '.join(wanted.translation.unknown)} can only come from conda, and images are built by uv: {volume}, "
            "or install them in a base_dockerfile"
        )
    if wanted.sources.secrets and not buildx:
        raise EnvironmentBuildException(
            f"{', '.join(wanted.sources.secrets)} would be readable in the image: the engine's classic builder keeps "
            f"no secrets, `docker buildx` does and is not installed. Install it, or {volume}"
        )
    hidden = [name for name in wanted.sources.files if "certificates" not in name]
    if hidden and not buildx:
        wanted.log.say(f"Notice: {', '.join(hidden)} of this machine is not used: it may hold passwords.")
    for text in wanted.requirements:
        requirement = parse_requirement(text)
        if ((requirement.url or "") if requirement is not None else text.strip()).startswith("file:"):
            raise EnvironmentBuildException(f"{text} is on this machine, where an image cannot take it from: {volume}")
    for folder in wanted.sources.folders:
        size = sum(path.stat().st_size for path in _packages(folder))
        if not 0 < size <= _SENT:
            holds = f"holds packages of {size / 1e9:.1f} GB, too much" if size else "holds no packages"
            raise EnvironmentBuildException(f"the folder {folder} {holds} to be sent to the builder: {volume}")


def _context(
    wanted: ContainerBuild, base: str, requirements: list[str], warnings: list[str], *, buildx: bool, static: bool
) -> tuple[BuildContext, dict[str, bytes]]:
    """The builder's context, and its secrets."""
    uv = fill_request.uv_program(wanted, static=static)
    files = {"uv": (uv or b"", 0o755), "fill.py": (fill_request.program(), 0o644)}
    copies: list[tuple[str, str]] = []
    secrets: dict[str, bytes] = {}
    mounts: list[tuple[str, str]] = []
    for name, content in wanted.sources.files.items():
        if buildx:
            secrets[name] = content
            mounts.append((name, f"{PLACE}/{name}"))
        elif "certificates" in name:
            files[name] = (content, 0o644)
            copies.append((name, f"{PLACE}/{name}"))
    for number, folder in enumerate(wanted.sources.folders):
        files |= {f"packages-{number}/{path.name}": (path.read_bytes(), 0o644) for path in _packages(folder)}
        copies.append((f"packages-{number}", f"{folder}/"))
    request = fill_request.request_of(
        wanted,
        (),
        warnings,
        uv=f"{dockerfiles.BUILDER}/uv",
        pip_uv=f"{dockerfiles.BUILDER}/pip",
        variables={**dockerfiles.cache_variables(mounted=buildx), "UV_PYTHON_INSTALL_DIR": dockerfiles.PYTHONS},
        arguments=addresses.named(wanted.requirements),
    )
    request |= {"root": None, "folder": dockerfiles.ENVIRONMENT, "key": ""}
    if buildx:
        secrets["variables"] = fill_request.json_bytes(request["variables"])
        mounts.append(("variables", _SECRETS))
        request["variables"] = {}
    else:
        kept = {f"{PLACE}/{name}" for name, _ in copies}
        request["variables"] = {n: v for n, v in request["variables"].items() if not v.startswith(PLACE) or v in kept}
    framework, everything = split(tuple(requirements))
    first = {**request, "requirements": framework, "constraints": [], "warnings": [], "last": False}
    first |= {"constraints": request["constraints"] if framework else []}
    last = {**request, "requirements": everything, "last": True, "key": wanted.key}
    files["framework.json"] = (fill_request.json_bytes(first), 0o644)
    files["packages.json"] = (fill_request.json_bytes(last), 0o644)
    layers = dockerfiles.EnvironmentLayers(
        base=base,
        python=wanted.python.path,
        requests=("framework.json", "packages.json") if framework else ("packages.json",),
        user=wanted.base.config.get("User") or "",
        key=wanted.key,
        files=tuple(copies),
        secrets=tuple(mounts),
        secret_variables=_SECRETS if buildx else None,
    )
    return BuildContext(dockerfiles.environment(layers), None, files), secrets


def _packages(folder: str) -> list[Path]:
    """The packages in a folder of this machine."""
    return [path for path in sorted(Path(folder).iterdir()) if path.is_file() and path.name.endswith(_PACKAGES)]


def _record(engine: ContainerEngine, image: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """What ``fill.py`` wrote last into the image."""
    import docker.errors

    api = engine.api
    container = api.create_container_from_config(
        {"Image": image, "Entrypoint": [PYTHON], "Labels": {**labels, ROLE_LABEL: "probe"}}
    )["Id"]
    try:
        stream, _ = api.get_archive(container, f"{dockerfiles.ENVIRONMENT}/complete.json")
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
            member = tar.extractfile("complete.json")
            record = json.load(member) if member is not None else None
    finally:
        with contextlib.suppress(docker.errors.APIError):
            api.remove_container(container, force=True)
    if not isinstance(record, dict):
        raise StoreException(f"the image {image} has no record of what is in it")
    return record
