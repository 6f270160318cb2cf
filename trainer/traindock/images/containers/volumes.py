"""Environments in a volume of the engine: one for each user, with uv's cache and the environments side by side."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from traindock.errors import EnvironmentBuildException
from traindock.images import addresses
from traindock.images.builder import NOT_FOUND, fail, relax
from traindock.images.containers import fill_request
from traindock.images.containers.engine_memory import EngineMemory
from traindock.images.containers.engine_work import BUILDS_LABEL, Ended, NotStarted, Work, archive, owner_of, run
from traindock.images.containers.engines import VOLUME_PLACE, ContainerEngine, ContainerUser
from traindock.images.containers.fill_request import ContainerBuild
from traindock.images.containers.sources import PLACE
from traindock.images.recipe import canonical_requirement
from traindock.images.uv import Outcome

_IDENTITY: Final = "traindock.volume"
_ENVIRONMENTS: Final = f"{VOLUME_PLACE}/envs"
#: Gives the volume to its user, and puts uv in its place in one step.
_SETUP: Final = """
import os, sys
root, uid, gid, new, place = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
os.chown(root, uid, gid)
os.chmod(root, 0o700)
if new:
    os.replace(new, place)
"""
#: Of root's capabilities, those that giving away takes.
_GIVING: Final = ("CHOWN", "DAC_OVERRIDE", "FOWNER")


@dataclass(frozen=True, slots=True)
class Filled:
    """An environment in the volume.

    Attributes:
        python: path of its interpreter.
        record: what was written last: "how", "packages", "warnings", "began", "builder".
        found: whether it was there already.
    """

    python: str
    record: Mapping[str, Any]
    found: bool


@dataclass(frozen=True, slots=True)
class _Root:
    """Who gives the volume away."""

    userns_mode: str | None
    user: str = "0:0"
    group_add: tuple[str, ...] = ()


def volume_name() -> str:
    """Name of this user's volume, on any engine."""
    return f"traindock-{os.getuid()}"


def identity(engine: ContainerEngine) -> str | None:
    """What tells this volume from an earlier one of the same name; None where there is none."""
    import docker.errors

    try:
        found = engine.api.inspect_volume(volume_name())
    except docker.errors.NotFound:
        return None
    return str((found.get("Labels") or {}).get(_IDENTITY) or found.get("CreatedAt") or "")


def known(engine: ContainerEngine, memory: EngineMemory, key: str, after: float | None) -> Filled | None:
    """The environment of a key, if it is remembered of the volume that is there; starts nothing."""
    found = identity(engine)
    values = memory.recall("environment", f"{found} {key}") if found else None
    if values is None or (after is not None and values["record"].get("began", 0) < after):
        return None
    return Filled(values["python"], values["record"], found=True)


def forget(engine: ContainerEngine, memory: EngineMemory, key: str) -> None:
    """Look again next time."""
    memory.forget("environment", f"{identity(engine)} {key}")


def fill(engine: ContainerEngine, memory: EngineMemory, build: ContainerBuild, user: ContainerUser) -> Filled:
    """Build an environment in the volume, or find it there; who builds the same at the same time is waited for.

    Raises:
        BuildCanceled: ``build.cancelled`` said so; what is half-built is wiped by the next build.
        EnvironmentBuildException: it cannot be built; the text has the builder's last lines.
        UserErrorException: conda packages, and no conda in the image.
    """
    static = not fill_request.uv_runs(build.python)
    place = _ready(engine, memory, build, user, static=static)
    warnings = list(build.warnings)
    wanted = [canonical_requirement(text) for text in build.requirements]
    by_conda = bool(build.translation.unknown)
    while True:
        ended = _fill_once(engine, build, user, wanted, warnings, by_conda=by_conda, static=static)
        result = ended.result or {}
        if "folder" in result:
            filled = Filled(f"{result['folder']}/bin/python", result["record"], result["how"] == "found")
            memory.remember("environment", f"{place} {build.key}", {"python": filled.python, "record": filled.record})
            return filled
        output = fill_request.last_command(ended.output)
        outcome = Outcome(int(result.get("code", ended.code)), output)
        if ended.out_of_memory:
            raise EnvironmentBuildException("the build of the environment ran out of memory", outcome.tail)
        if result.get("failed") == "uv" and not static:
            static = True
            _ready(engine, memory, build, user, static=True)
            continue
        if result.get("failed") != "install":
            fill_request.failed(build, ended.result, outcome.tail, ended.code)
        told = relax(wanted, build.own, outcome, build.log)
        if not told and _not_on_pypi(build, output) and build.python.conda and not by_conda:
            build.log.say("PyPI has no counterpart of a conda package, so that all comes from conda.")
            by_conda = True
        elif not told:
            fail(outcome, warnings[len(build.warnings) :], wanted)
        warnings += told


def _not_on_pypi(build: ContainerBuild, output: tuple[str, ...]) -> bool:
    text = " ".join(output)
    names = {canonical_requirement(each).split(" ")[0] for each in build.translation.pip}
    return any(words in text for words in NOT_FOUND) and any(name in text for name in names)


def _fill_once(
    engine: ContainerEngine,
    build: ContainerBuild,
    user: ContainerUser,
    wanted: list[str],
    warnings: list[str],
    *,
    by_conda: bool,
    static: bool,
) -> Ended:
    request = fill_request.request_of(
        build,
        wanted,
        warnings,
        uv=f"{VOLUME_PLACE}/{_uv_place(build, static=static)}",
        pip_uv=f"{VOLUME_PLACE}/uv/{fill_request.uv_version()}-pip-{build.python.machine}",
        variables=_variables(build),
        arguments=["--refresh"] if build.recipe.built_after is not None else addresses.named(build.requirements),
    )
    request |= {"root": VOLUME_PLACE, "key": build.key, "after": build.recipe.built_after}
    if by_conda:
        request["conda"] = fill_request.conda_request(build)
    files = {name: (content, 0o600) for name, content in build.sources.files.items()}
    files |= {"request.json": (fill_request.json_bytes(request), 0o600), "fill.py": (fill_request.program(), 0o600)}
    folder = PLACE.strip("/")
    work = Work(
        image=build.base.id,
        command=(build.python.path, "-I", "-S", f"{PLACE}/fill.py", f"{PLACE}/request.json"),
        role="build",
        user=user,
        volume=(volume_name(), VOLUME_PLACE),
        folders=build.sources.folders,
        network=build.network,
        labels={**build.labels, BUILDS_LABEL: build.key},
        archives={"/": archive({f"{folder}/{name}": file for name, file in files.items()}, owner_of(user))},
    )
    return _run(engine, work, build)


def _variables(build: ContainerBuild) -> dict[str, str]:
    variables = {
        "HOME": f"{VOLUME_PLACE}/home",
        "TMPDIR": f"{VOLUME_PLACE}/tmp",  # noqa: S108 - the volume's own
        "UV_CACHE_DIR": f"{VOLUME_PLACE}/cache",
        "UV_PYTHON_INSTALL_DIR": f"{VOLUME_PLACE}/pythons",
        "CONDA_PKGS_DIRS": f"{VOLUME_PLACE}/conda/pkgs",
        "MAMBA_ROOT_PREFIX": f"{VOLUME_PLACE}/conda",
    }
    if build.settings.offline:
        variables |= {"CONDA_OFFLINE": "true", "MAMBA_OFFLINE": "true"}
    return variables


def _uv_place(build: ContainerBuild, *, static: bool) -> str:
    """Where uv is in the volume, which images of all kinds share."""
    kind = f"static-{build.python.machine}" if static else "here"
    return f"uv/{fill_request.uv_version()}-{kind}/uv"


def _ready(
    engine: ContainerEngine, memory: EngineMemory, build: ContainerBuild, user: ContainerUser, *, static: bool
) -> str:
    """Make the volume, give it to its user and put uv into it, each once; returns its identity."""
    if identity(engine) is None:
        engine.api.create_volume(volume_name(), labels={_IDENTITY: uuid.uuid4().hex})
    found = identity(engine)
    place = _uv_place(build, static=static)
    ready = f"{found} {user.user} {place}"
    if memory.recall("volume", ready) is None:
        build.log.say(f"The volume {volume_name()} is made ready.")
        uv = fill_request.uv_program(build, static=static)
        uid, gid = owner_of(user)
        new = f"{place}.{uuid.uuid4().hex}"
        paths = (f"{VOLUME_PLACE}/{new}", f"{VOLUME_PLACE}/{place}") if uv else ("", "")
        work = Work(
            image=build.base.id,
            command=(build.python.path, "-I", "-S", "-c", _SETUP, VOLUME_PLACE, str(uid), str(gid), *paths),
            role="build",
            user=_Root(user.userns_mode),
            volume=(volume_name(), VOLUME_PLACE),
            network="none",
            capabilities=_GIVING,
            labels=build.labels,
            archives={VOLUME_PLACE: archive({new: (uv, 0o755)}, (uid, gid))} if uv else {},
        )
        ended = _run(engine, work, build)
        if ended.code:
            raise EnvironmentBuildException(
                f"the volume {volume_name()} could not be given to user {user.user}", ended.output[-10:]
            )
        memory.remember("volume", ready, {"made": True})
    return str(found)


def _run(engine: ContainerEngine, work: Work, build: ContainerBuild) -> Ended:
    say: Callable[[str], None] = build.log.say
    try:
        return run(engine, work, say=say, cancelled=build.cancelled)
    except NotStarted as error:
        raise EnvironmentBuildException(
            f"the container that builds the environment upon {build.base.name} could not be started: {error}"
        ) from error
