"""Making and starting a job's container, until it is certain that its launcher has the job, or that it has not."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from traindock import faultpoints
from traindock.compute.base import EnvironmentGone, Job, LaunchError, NeverStarted, Plan
from traindock.compute.devices import ask_driver_of_itself, list_gpus
from traindock.compute.docker import cancelling, containers, gpus
from traindock.compute.docker.engine import Engine
from traindock.compute.docker.job_variables import make_home
from traindock.compute.docker.job_variables import of_image as image_variables
from traindock.compute.docker.mounts import is_missing, missing_mount
from traindock.compute.docker.naming import is_own
from traindock.compute.docker.request import Devices, own_folders, with_devices
from traindock.compute.job_folder import lay_out, write_launch_request
from traindock.compute.leases import VARIABLE as LEASE_FOLDER
from traindock.compute.leases import Lease
from traindock.compute.variables import job_environment
from traindock.errors import EngineException, EngineRefusedException, StoreException
from traindock.images.containers import environments as environments
from traindock.images.containers.engine_work import disk_full
from traindock.runtime.supervisor import CANNOT_RECORD, LEASE_LOST
from traindock.states import Reason
from traindock.store.copying import storage_error
from traindock.store.files import write_json

log = logging.getLogger(__name__)

_START_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.005
_LOOK_SECONDS: Final = 0.25
#: Seconds for which an engine that broke off in the middle of a launch is waited for.
_BREAK_SECONDS: Final = 30.0
_ATTEMPTS: Final = 5
#: How the container's first process ends where the program that it is to start is not there, or is none.
_NO_PROGRAM: Final = (126, 127)
_MISSING_SOURCE: Final = re.compile(r"bind source path does not exist: (\S.*)|statfs (\S.*?): no such file")


@dataclass(frozen=True, slots=True)
class Made:
    """A container that was made before its run had a node.

    Attributes:
        container: its id.
        asked: the plan that it was made for.
        plan: the same as it was carried out.
    """

    container: str
    asked: Plan
    plan: Plan


def make_ahead(engine: Engine, job: Job, plan: Plan) -> Made | None:
    """Make a job's container without starting it, where it needs no devices; nobody else launches the job meanwhile.

    Raises:
        LaunchError, EngineException, StoreException: it cannot be made, as :func:`launch` would say more clearly.
    """
    if plan.gpus or not _cleared(engine, job, plan.request["name"]):
        return None
    _lay_out(job, plan)
    found = _requested(job, plan, gpus.none_given(), image_variables(_image(engine, plan)), None)
    return Made(_created(engine, job, found), plan, found)


def launch(engine: Engine, job: Job, plan: Plan, lease: Lease | None, made: Made | None = None) -> None:
    """See :meth:`traindock.compute.base.Backend.launch`; nobody else launches the job meanwhile.

    Args:
        engine: where.
        job: the run.
        plan: with its devices.
        lease: of these.
        made: what :func:`make_ahead` has made, if anything.
    """
    name = str(plan.request["name"])
    try:
        if made is None or made.asked != plan or not _started_ahead(engine, job, made):
            _launch_once(engine, job, plan, lease, name)
    except NeverStarted as error:
        log.info("%s: %s; launching it again", job.run_id, error)
        try:
            _launch_once(engine, job, plan, lease, name)
        except NeverStarted as again:
            raise LaunchError(str(again), Reason.LEASES_UNUSABLE) from again
    if (found := containers.find(engine, name)) and (main := containers.main_process(found)):
        cancelling.mains[cancelling.key_of(job)] = main


def _launch_once(engine: Engine, job: Job, plan: Plan, lease: Lease | None, name: str) -> None:
    """Launch the job in a new container, or find that one which an earlier dispatcher made has it.

    Raises:
        NeverStarted: that one's launcher came too late for the devices that it was made for, and is removed; or the
            lease is of no use.
    """
    if _cleared(engine, job, name):
        _lay_out(job, plan)
        if lease is not None:
            _share(lease)
        _launch_somehow(engine, job, plan, lease)
    else:
        _await_mark(engine, job, plan, name)


def _started_ahead(engine: Engine, job: Job, made: Made) -> bool:
    """Start a container that was made ahead; returns False where that is refused, for which the job starts anew."""
    try:
        _start(engine, job, made.plan, made.container)
    except EngineRefusedException as error:
        log.info("the container that was made for %s cannot be used: %s", job.run_id, error)
        return False
    except EngineException as error:
        _after_break(engine, job, made.plan, error)
    return True


def _lay_out(job: Job, plan: Plan) -> None:
    cancelling.begin(job)
    lay_out(job)
    _make_folders(job)
    _check_sources(job, plan)


def _share(lease: Lease) -> None:
    try:
        lease.share()
    except StoreException as error:
        raise LaunchError(str(error), Reason.LEASES_UNUSABLE) from error


def _launch_somehow(engine: Engine, job: Job, plan: Plan, lease: Lease | None) -> None:
    """Launch with the job's GPUs in the first of the ways that the engine turns out to have."""
    of_image = image_variables(_image(engine, plan))
    refused: list[EngineRefusedException] = []
    for devices in _devices(engine, plan, lease, of_image):
        packages = plan.environment.get("packages") or ()
        gpus.check_driver(devices, {**of_image, **plan.variables}, packages, ask_driver_of_itself)
        found = _requested(job, plan, devices, of_image, lease)
        try:
            _start(engine, job, found, _created(engine, job, found))
            return
        except EngineRefusedException as error:
            refused.append(error)
            if not (plan.devices and gpus.is_no_such_way(error.explanation)):
                break
        except EngineException as error:
            _after_break(engine, job, found, error)
            return
    raise _explained(engine, refused, job, plan, lease) from refused[-1]


def _requested(job: Job, plan: Plan, devices: Devices, of_image: Mapping[str, str], lease: Lease | None) -> Plan:
    """Write down what the launcher is to do, and return the plan with the job's devices."""
    found = replace(plan, request=with_devices(plan.request, devices))
    variables = job_environment({**of_image, **devices.variables}, found, gpus.visible_in_container(found.devices))
    leases = [(file, lease.token) for file in devices.leases] if lease is not None else []
    limited = "Memory" in found.request["body"]["HostConfig"]
    write_launch_request(job, found, variables, leases=leases, own_group=limited)
    write_json(job.layout.plan_json, found.to_json())
    return found


def _devices(engine: Engine, plan: Plan, lease: Lease | None, of_image: Mapping[str, str]) -> list[Devices]:
    """Return the ways to try, as what the request says in each."""
    if not plan.devices:
        return [gpus.none_given()]
    facts = engine.facts()
    files = [str(file) for file in lease.files] if lease is not None else []
    ways = gpus.ways_of(facts, plan.devices)
    if not ways:
        raise LaunchError(gpus.cannot(facts), Reason.NO_GPU_TOOLKIT)
    return [gpus.given(way, plan.devices, files, of_image) for way in ways]


def _cleared(engine: Engine, job: Job, name: str) -> bool:
    """Remove a container that a dispatcher made and did not start; returns False where it runs after all."""
    found = containers.find(engine, name)
    if found is None:
        return True
    if not is_own(found, job):
        raise LaunchError(
            f"the container engine has a container {name!r} that is not this run's: remove or rename it "
            f"(docker rm {name}) and submit the run again"
        )
    # It is not started: the devices that it was made for were given back when its dispatcher died. Nor is it removed
    # by force, since that dispatcher's last words may have been to start it.
    return containers.remove(engine, found["Id"], force=False)


def _image(engine: Engine, plan: Plan) -> dict[str, Any]:
    from docker.errors import NotFound

    image = plan.request["body"]["Image"]
    with engine.translated("look at the image"):
        try:
            return engine.image_config(image)
        except NotFound:
            raise EnvironmentGone(f"the image {image} was removed from the container engine") from None


def _created(engine: Engine, job: Job, plan: Plan) -> str:
    """Make the container; returns its id."""
    request = plan.request
    for _ in range(_ATTEMPTS):
        try:
            with engine.translated("make the job's container"):
                create = engine.api.create_container_from_config
                made = create(request["body"], request["name"])  # type: ignore[no-untyped-call]
            faultpoints.reached("docker.created")
            return str(made["Id"])
        except EngineRefusedException as error:
            if error.status != 409 or "already in use" not in error.explanation:
                raise
        # Asked for by a dispatcher that died since, and made only now.
        if not _cleared(engine, job, request["name"]):
            return str(request["name"])
    raise LaunchError(f"the container engine has, again and again, a container {request['name']!r}")


def _start(engine: Engine, job: Job, plan: Plan, container: str) -> None:
    try:
        with engine.translated("start the job's container"):
            engine.api.start(container)
    except EngineRefusedException:
        containers.remove(engine, container, force=True)
        raise
    faultpoints.reached("docker.started")
    _await_mark(engine, job, plan, container)


def _await_mark(engine: Engine, job: Job, plan: Plan, container: str) -> None:
    begun = looked = time.monotonic()
    while not job.layout.started_json.exists():
        now = time.monotonic()
        if now - looked > _LOOK_SECONDS:
            looked = now
            found = containers.find(engine, container)
            if found is None or not containers.is_running(found):
                if not job.layout.started_json.exists():
                    _fail(engine, job, plan, found)
                return
        if now - begun > _START_SECONDS:
            words = containers.last_words(engine, container)
            containers.remove(engine, container, force=True)
            said = f": {words}" if words else ""
            raise LaunchError(f"the launcher did not start the job within {_START_SECONDS:.0f} s{said}")
        time.sleep(_POLL_SECONDS)


def _fail(engine: Engine, job: Job, plan: Plan, found: dict[str, Any] | None) -> None:
    """Raise why a container ended before its launcher had made its mark, and remove it."""
    if found is None:
        raise LaunchError("the job's container was removed from outside Traindock before the job was started")
    state = found["State"]
    code = int(state.get("ExitCode") or 0)
    words = containers.last_words(engine, found["Id"]) or str(state.get("Error") or "") or "without a word"
    containers.remove(engine, found["Id"], force=True)
    python = plan.environment["python"]
    if code == CANNOT_RECORD:
        raise StoreException(f"the job was not started: {words}")
    if code == LEASE_LOST:
        raise NeverStarted(f"the job was not started: {words}")
    if code in _NO_PROGRAM and plan.environment["volume"] is not None:
        environments.forget(job.workspace.environments, engine, plan.environment["key"])
        raise EnvironmentGone(f"the environment's Python {python} is not in the volume {plan.environment['volume']}")
    if code in _NO_PROGRAM:
        raise LaunchError(
            f"the Python {python} is not in the image {plan.environment['base']}, or cannot be executed: name one by "
            f"environment.python.interpreter_path ({words})"
        )
    raise LaunchError(f"the launcher ended with code {code} at once: {words}")


def _explained(
    engine: Engine, refused: Sequence[EngineRefusedException], job: Job, plan: Plan, lease: Lease | None
) -> Exception:
    """Return what an engine's refusals to make or start a container mean."""
    error = refused[-1]
    text = error.explanation
    if plan.devices:
        texts = [one.explanation for one in refused]
        found_gpus = gpus.refusal(texts, plan.devices, engine.facts(), lambda: {gpu.uuid for gpu in list_gpus()})
        if found_gpus is not None:
            return found_gpus
    if error.status == 404 and "image" in text.lower():
        return EnvironmentGone(f"the image {plan.request['body']['Image']} was removed from the container engine")
    if found := _MISSING_SOURCE.search(text):
        source = found[1] or found[2]
        if lease is not None and source in map(str, lease.files):
            return LaunchError(
                f"the container engine does not see {source}, by which the GPU is leased: name a folder that all users "
                f"and the engine have in common by {LEASE_FOLDER}",
                Reason.LEASES_UNUSABLE,
            )
        return _missing(job, source)
    if (full := disk_full(engine, text)) is not None:
        return StoreException(str(full))
    return LaunchError(str(error))


def _check_sources(job: Job, plan: Plan) -> None:
    """Refuse mounts of what is not there: Podman would make an empty folder in its place."""
    for mount in plan.request["body"]["HostConfig"]["Mounts"]:
        if mount["Type"] == "bind" and is_missing(mount["Source"]):
            raise _missing(job, mount["Source"])


def _missing(job: Job, source: str) -> LaunchError:
    if source.startswith(str(job.workspace.root)):
        return LaunchError(f"{source}, which the job needs, is gone")
    return LaunchError(missing_mount(source, job.spec.compute_target))


def _after_break(engine: Engine, job: Job, plan: Plan, error: EngineException) -> None:
    """Find out whether the job was started by an engine that broke off; returns if so.

    Raises:
        LaunchError: it was not.
    """
    deadline = time.monotonic() + _BREAK_SECONDS
    while time.monotonic() < deadline:
        if job.layout.started_json.exists():
            return
        try:
            found = containers.find(engine, plan.request["name"])
            if found is None or (is_own(found, job) and containers.remove(engine, found["Id"], force=False)):
                raise LaunchError(str(error)) from error
            _await_mark(engine, job, plan, found["Id"])
            return
        except EngineException:
            time.sleep(_LOOK_SECONDS)
    raise LaunchError(str(error), Reason.ENGINE_LOST) from error


def _make_folders(job: Job) -> None:
    make_home(job.workspace.home)
    for folder in (*own_folders(job), job.workspace.blobs):
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise storage_error(error, f"make {folder}") from error
