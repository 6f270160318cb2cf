"""Whether an engine's containers can work on this machine's files as this user, found out by one short container.

What a job relies on is tried, not deduced: that the engine sees the files of this machine at all, that what a
container writes belongs to the user, that a lock on a file holds on both sides, that ``/tmp`` can be used. As whom a
container has to run for that depends on the engine:

- rootful Docker and Podman: as the user, by number.
- rootless Docker and Podman: as root, which there is the user; any other number would be a subordinate one.
- Docker with userns-remap: as the user by number, in the machine's own user namespace.
- Docker Desktop: by number on macOS, as root on Linux, as its shares map owners.

The answer is remembered in the workspace, for each engine and image.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from traindock.compute.docker.facts import EngineFacts, EngineKind
from traindock.errors import EngineException, EngineRefusedException, EngineUnfitException, StoreException
from traindock.images.containers.engines import NO_GPUS
from traindock.store.copying import storage_error
from traindock.store.files import read_json, write_json
from traindock.store.layout import WorkspaceLayout

if TYPE_CHECKING:
    from traindock.compute.docker.engine import Engine

#: Tells containers of probes from those of jobs and builds.
ROLE_LABEL: Final = "traindock.role"
#: How long a container may take from its start to its answer, in seconds.
_ANSWER_SECONDS: Final = 60.0
#: What the first process of a container ends with where the program is not there, or cannot be executed.
_NOT_STARTED: Final = (126, 127)
#: Images that are remembered for each engine.
_MOST_IMAGES: Final = 200
#: Engines in whose containers root is the user that the engine runs as.
_AS_ROOT: Final = frozenset({EngineKind.ROOTLESS, EngineKind.PODMAN_ROOTLESS})
#: Of the answer's file; raised when older answers do not say enough.
_FORMAT: Final = 1

#: What the container executes, with the folder as its argument; for Python 3.8 and the standard library alone. It
#: keeps its lock until it is killed, or a minute has passed because nobody is left to do that.
_SCRIPT: Final = """
import fcntl, json, os, sys, tempfile, time
folder = sys.argv[1]
answer = {"token": open(os.path.join(folder, "token")).read()}
try:
    fcntl.flock(open(os.path.join(folder, "outer"), "rb+"), fcntl.LOCK_EX | fcntl.LOCK_NB)
    answer["outer_held"] = False
except OSError:
    answer["outer_held"] = True
inner = open(os.path.join(folder, "inner"), "rb+")
try:
    fcntl.flock(inner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    answer["inner_taken"] = True
except OSError:
    answer["inner_taken"] = False
try:
    tempfile.TemporaryFile(dir="/tmp").close()
    answer["tmp"] = True
except OSError:
    answer["tmp"] = False
with open(os.path.join(folder, ".answer"), "w") as file:
    json.dump(answer, file)
os.rename(os.path.join(folder, ".answer"), os.path.join(folder, "answer"))
time.sleep(60)
"""


@dataclass(frozen=True, slots=True)
class Probe:
    """How containers run so that they work on this machine's files as this user.

    Attributes:
        user: ``user`` of the container, numbers of user and group, such as "1000:1000".
        group_add: numbers of the further groups.
        userns_mode: "host" where the engine would map users otherwise, else "".
        security_opt: further ``security_opt`` of the container.
        locks_cross: whether a lock on a file that one side holds keeps the other from it.
        tmp_writable: whether that user can write to ``/tmp`` in this image.
    """

    user: str
    group_add: tuple[int, ...] = ()
    userns_mode: str = ""
    security_opt: tuple[str, ...] = ()
    locks_cross: bool = True
    tmp_writable: bool = True


def probe(
    engine: Engine, image: str, python: str, workspace: WorkspaceLayout, labels: Mapping[str, str] | None = None
) -> Probe:
    """Return how containers of ``image`` are to run; asks a container the first time, which takes about a second.

    Args:
        engine: the engine.
        image: id of an image that the engine has.
        python: absolute path of a Python, 3.8 or later, in that image.
        workspace: where a folder is shared with the container, and the answer is kept.
        labels: of the container, besides ``traindock.role=probe``.

    Raises:
        EngineUnfitException: jobs cannot work there; the text says what is wrong and what to do.
        EngineException: the engine refuses to run the container, or does not answer.
        StoreException: the disk refuses to take the folder.
    """
    facts = engine.facts()
    file = workspace.engine(facts.id)
    told_for = _told_for(facts, workspace)
    known = _remembered(file, told_for)
    if image in known:
        return _from_json(known[image])
    with _folder(workspace) as folder:
        found = _ask(engine, facts, image, python, folder, labels or {})
    images = {**dict(list(known.items())[1 - _MOST_IMAGES :]), image: asdict(found)}
    write_json(file, {"format": _FORMAT, "told_for": told_for, "images": images}, durable=False)
    return found


def forget(engine: Engine, workspace: WorkspaceLayout) -> None:
    """Have the next :func:`probe` ask the engine again."""
    workspace.engine(engine.facts().id).unlink(missing_ok=True)


def _told_for(facts: EngineFacts, workspace: WorkspaceLayout) -> dict[str, Any]:
    """Return what an answer depends on besides the image."""
    return {
        "kind": facts.kind,
        "version": facts.version,
        "security": list(facts.security),
        "user": [os.getuid(), os.getgid(), *sorted(os.getgroups())],
        "workspace": str(workspace.root),
    }


def _remembered(file: Path, told_for: Mapping[str, Any]) -> dict[str, Any]:
    try:
        content = read_json(file)
    except (FileNotFoundError, StoreException):  # what is damaged is asked for again
        return {}
    if not isinstance(content, dict) or content.get("format") != _FORMAT or content.get("told_for") != told_for:
        return {}
    images = content.get("images")
    return images if isinstance(images, dict) else {}


def _from_json(value: dict[str, Any]) -> Probe:
    lists = {name: tuple(value[name]) for name in ("group_add", "security_opt")}
    return Probe(**{**value, **lists})


def _wanted(facts: EngineFacts) -> Probe:
    """Return how containers should run, by what the engine says of itself."""
    security = ("label=disable",) if facts.selinux else ()
    as_root = facts.kind in _AS_ROOT or (facts.kind is EngineKind.DESKTOP and sys.platform != "darwin")
    if as_root:
        return Probe("0:0", security_opt=security)
    return Probe(
        f"{os.getuid()}:{os.getgid()}",
        group_add=tuple(sorted(set(os.getgroups()) - {os.getgid()})),
        userns_mode="host" if facts.kind is EngineKind.USERNS else "",
        security_opt=security,
    )


@contextlib.contextmanager
def _folder(workspace: WorkspaceLayout) -> Iterator[Path]:
    """Make a folder to share with the container; gone afterwards, as far as what it wrote can be removed."""
    folder = workspace.engines / f".probe-{secrets.token_hex(6)}"
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise storage_error(error, f"make {folder}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ask(engine: Engine, facts: EngineFacts, image: str, python: str, folder: Path, labels: Mapping[str, str]) -> Probe:
    wanted = _wanted(facts)
    token = secrets.token_hex(16)
    try:
        (folder / "token").write_text(token)
        for name in ("inner", "outer"):
            (folder / name).touch()
    except OSError as error:
        raise storage_error(error, f"write to {folder}") from error
    with open(folder / "outer", "rb+") as outer:
        fcntl.flock(outer, fcntl.LOCK_EX)
        with _container(engine, facts, image, python, folder, wanted, labels) as container:
            answer = _answer(engine, facts, container, folder, wanted)
            inner_held = not _can_lock(folder / "inner")
    if answer.get("token") != token:
        raise _sees_nothing(facts, folder)
    owner = (folder / "answer").stat().st_uid
    if owner != os.getuid():
        raise EngineUnfitException(
            f"what containers of {_name(facts)} write on this machine belongs to user {owner}, not to you (user "
            f"{os.getuid()}), though they ran as {wanted.user}. Use a Docker engine without userns-remap, or rootless "
            "Docker or Podman that you started yourself"
        )
    if not (answer.get("outer_held") and answer.get("inner_taken") and inner_held):
        raise EngineUnfitException(
            f"locks on files of {folder.parent} do not hold between this machine and containers of {_name(facts)}, so "
            "that neither the end of a job nor the use of a GPU could be told. Run Traindock where the engine itself "
            "runs (on Linux; on Windows within WSL2), with the workspace on a disk of that machine"
        )
    return Probe(**{**asdict(wanted), "tmp_writable": bool(answer.get("tmp"))})


@contextlib.contextmanager
def _container(
    engine: Engine,
    facts: EngineFacts,
    image: str,
    python: str,
    folder: Path,
    wanted: Probe,
    labels: Mapping[str, str],
) -> Iterator[str]:
    """Run the container, and give its id; it is removed afterwards."""
    import docker.errors
    from docker.types import Mount

    api = engine.api
    host_config = api.create_host_config(
        mounts=[Mount(str(folder), str(folder), type="bind")],
        network_mode="none",
        init=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges", *wanted.security_opt],
        group_add=list(wanted.group_add) or None,
        userns_mode=wanted.userns_mode or None,
    )
    created = None
    try:
        with engine.translated(f"run {python} in a container of the image {image}"):
            created = api.create_container(
                image,
                entrypoint=[python, "-I", "-S", "-c", _SCRIPT, str(folder)],
                name=f"traindock-probe-{secrets.token_hex(6)}",
                user=wanted.user,
                working_dir="/",
                environment=NO_GPUS,
                labels={**labels, ROLE_LABEL: "probe"},
                host_config=host_config,
            )["Id"]
            api.start(created)
        yield created
    except EngineRefusedException as error:
        raise _judged(error, facts, folder) from error
    finally:
        if created is not None:
            with contextlib.suppress(docker.errors.NotFound), engine.translated("remove a container"):
                api.remove_container(created, force=True)


def _judged(error: EngineRefusedException, facts: EngineFacts, folder: Path) -> Exception:
    """Return what a refusal to start the container means, where that is about the folder shared with it."""
    said = error.explanation
    if "container-init" in said:  # Podman's packages only recommend it
        return EngineUnfitException(
            f"{_name(facts)} lacks the program that starts and ends what is in a container: {said}. Install it: "
            "`sudo apt-get install catatonit`, or the package of that name of your system"
        )
    if str(folder) not in said and "denied" not in said:
        return error
    if re.search(r"no such file or directory|does not exist|not shared|mounts denied", said, re.IGNORECASE):
        return _sees_nothing(facts, folder)
    if re.search(r"permission denied", said, re.IGNORECASE) and str(folder) in said:
        why, advice = "It is closed to root, as network disks often are", "rootless Docker or Podman of your own"
        if facts.kind in _AS_ROOT:
            why, advice = "The engine runs as another user", "an engine that you started yourself"
        return EngineUnfitException(
            f"{_name(facts)} may not look into {folder.parent}, where the workspace is: {said}. {why}; use {advice}, "
            "or a workspace elsewhere"
        )
    return error


def _sees_nothing(facts: EngineFacts, folder: Path) -> EngineUnfitException:
    if facts.kind is EngineKind.DESKTOP:
        advice = "Share that folder with it: Docker Desktop, Settings, Resources, File sharing"
    else:
        advice = (
            "It runs in another file system, as where this is a container that was given the socket of the machine "
            "around it, or where the socket leads to another machine. Run Traindock where the engine runs, or mount "
            "the workspace's folder into this container at the very path that it has out there"
        )
    return EngineUnfitException(
        f"{_name(facts)} does not see the files of this machine, such as {folder.parent}. {advice}"
    )


def _answer(engine: Engine, facts: EngineFacts, container: str, folder: Path, wanted: Probe) -> dict[str, Any]:
    """Wait for what the container says."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    file = folder / "answer"
    while not file.exists():
        with engine.translated("say how a container is"):
            state = engine.api.inspect_container(container)["State"]
        if not state["Running"] and not file.exists():
            raise _died(engine, facts, container, folder, wanted, int(state.get("ExitCode") or 0))
        if time.monotonic() > deadline:
            raise EngineUnfitException(
                f"nothing that a container of {_name(facts)} writes to {folder.parent} arrives there within "
                f"{_ANSWER_SECONDS:.0f} seconds. Run Traindock on the machine of that engine"
            )
        time.sleep(0.01)
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):  # its owner is judged next
        return {}
    return content if isinstance(content, dict) else {}


def _died(
    engine: Engine, facts: EngineFacts, container: str, folder: Path, wanted: Probe, code: int
) -> EngineException:
    with engine.translated("read what a container printed"):
        lines = engine.api.logs(container).decode("utf-8", "replace").strip().splitlines()
        command = engine.api.inspect_container(container)["Config"]["Entrypoint"]
    said = lines[-1].strip() if lines else "it said nothing"
    if code in _NOT_STARTED or "failed to exec" in said:  # Podman's init program has another code for it
        return EngineRefusedException(f"run {command[0]} in a container", said)
    if str(folder / "token") in said and "FileNotFoundError" in said:
        return _sees_nothing(facts, folder)
    return EngineUnfitException(
        f"containers of {_name(facts)} cannot work on {folder.parent} as user {wanted.user}: {said}. Use Docker "
        "without userns-remap, or rootless Docker or Podman that you started yourself"
    )


def _can_lock(path: Path) -> bool:
    with open(path, "rb+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _name(facts: EngineFacts) -> str:
    return f"the container engine ({facts.kind}, version {facts.version})"
