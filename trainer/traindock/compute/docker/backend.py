"""The "docker" kind: each job a container of an engine on this machine, under the launcher of ``runtime``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath
from typing import Any, cast

from traindock.compute import processes
from traindock.compute.base import Backend, Errand, Job, Outcome, Plan
from traindock.compute.build_settings import build_settings
from traindock.compute.changing import how_to_change
from traindock.compute.devices import described_gpus
from traindock.compute.docker import cancelling, containers, gpus, sharing
from traindock.compute.docker.engine import Engine, connect
from traindock.compute.docker.follow import follow
from traindock.compute.docker.job_variables import planned_variables, with_environment
from traindock.compute.docker.launching import Made, launch, make_ahead
from traindock.compute.docker.measuring import measure
from traindock.compute.docker.mounts import Mounted, check_mounts, is_missing, missing_mount
from traindock.compute.docker.naming import GPUS, KEY, RUN, USER, WORKSPACE, container_name, identity, is_own
from traindock.compute.docker.networks import check_network
from traindock.compute.docker.nodes import Node, node_of
from traindock.compute.docker.probe import probe
from traindock.compute.docker.request import (
    PIDS,
    SHM_BYTES,
    Surroundings,
    all_mounts,
    create_request,
)
from traindock.compute.job_folder import alone, command_of, with_python
from traindock.compute.leases import Lease
from traindock.compute.node_shapes import NodeShape, memory_bytes_of
from traindock.compute.resource_use import ResourceUse
from traindock.compute.variables import submitters_variables
from traindock.errors import ComputeTargetException, EngineException, EnvironmentBuildException, UserErrorException
from traindock.images.containers import environments as environments
from traindock.images.containers import image_pythons
from traindock.images.containers.engine_memory import EngineMemory
from traindock.images.containers.engines import VOLUME_PLACE, DockerWishes, Form, Owner
from traindock.images.containers.environments import ContainerEnvironment, ContainerPlan
from traindock.images.recipe import Recipe
from traindock.run_types import WITHOUT_JOB
from traindock.settings import Settings
from traindock.spec import RunSpec
from traindock.store import signing


class DockerBackend(Backend):
    """Launches jobs as containers of an engine on this machine."""

    kind = "docker"
    #: What was made for the job that is about to be launched; each run has a backend of its own.
    _made: Made | None = None

    @property
    def max_nodes(self) -> int:
        """``max_nodes`` of the settings."""
        return int(self.settings.get("max_nodes") or 1)

    @property
    def url(self) -> str:
        """The engine's address."""
        return str(self.settings["engine"])

    def check(self, spec: RunSpec, settings: Settings) -> None:
        """Check nodes, network and mounts, and that the engine answers."""
        if spec.node_count > 1:
            raise ComputeTargetException(
                f"the run asks for {spec.node_count} nodes, and compute target {self.name!r} (docker) runs a script "
                "on one: use node_count=1"
            )
        engine = connect(self.url)
        check_network(engine, self.name, self.settings.get("network"))
        most = self._node(engine, settings).shape.gpus
        if most is not None and 0 < most < spec.gpus:
            raise ComputeTargetException(
                f"the run asks for {spec.gpus} GPUs and a node of compute target {self.name!r} has {most}: ask for "
                f"fewer, or change the target: {how_to_change(self.name, gpus_per_node=spec.gpus)}"
            )
        if spec.gpus and most != 0 and not self._gpus_optional() and (why := self._lacking(spec, engine)):
            raise ComputeTargetException(
                f"the run asks for {_gpus(spec.gpus)} and {why}: submit it without (use_gpu=False, gpus=0, --gpu 0), "
                f"or let runs of the target do without: {how_to_change(self.name, gpu='optional')}"
            )
        check_mounts(self.name, self._mounts())
        for mount in self._mounts():
            if is_missing(mount.source):
                raise ComputeTargetException(missing_mount(mount.source, self.name))

    def gpus_needed(self, spec: RunSpec, settings: Settings) -> int:
        """All that were asked for; none where the nodes have none, or where they are optional and not there."""
        if not spec.gpus:
            return 0
        engine = connect(self.url)
        if self._node(engine, settings).shape.gpus == 0 or (self._gpus_optional() and self._lacking(spec, engine)):
            return 0
        return spec.gpus

    def _gpus_optional(self) -> bool:
        return self.settings.get("gpu") == "optional"

    def _lacking(self, spec: RunSpec, engine: Engine) -> str:
        """Return why a run can never have its GPUs here; "" where it can, or may for all that is known."""
        devices = self.devices()
        if spec.gpus > len(devices):
            return f"this machine has {len(devices)}"
        return "" if gpus.ways_of(engine.facts(), devices) else gpus.cannot(engine.facts())

    def plan(self, job: Job) -> Plan:
        """Return the environment, the command, the variables and the request for the container."""
        engine = connect(self.url)
        check_network(engine, self.name, self.settings.get("network"))
        try:
            with engine.translated("say which images it has"):
                found = environments.plan(
                    _recipe(job),
                    engine=engine,
                    environments=job.workspace.environments,
                    settings=None,
                    docker=self._wishes(job),
                    caller=job.spec.interpreter,
                )
        except UserErrorException as error:
            raise EnvironmentBuildException(str(error)) from error
        # What the target's owner was told when it was made is told once more here, but not with each run.
        notices = [*self._node(engine, job.settings).notices, *self._node_warnings(job, engine)]
        planned = Plan(
            kind=self.kind,
            environment={**_facts(found), "warnings": [*notices, *found.warnings]},
            command=command_of(job),
            cwd=str(job.layout.work),
            variables=planned_variables(job),
            gpus=self.gpus_needed(job.spec, job.settings),
            limits={"max_seconds": job.spec.max_run_duration_seconds, "grace_seconds": job.settings.jobs.grace_seconds},
            target=dict(self.settings),
        )
        return self._with_environment(job, planned, found, self._surroundings(job, engine))

    def prepare(self, job: Job, plan: Plan, cancelled: Callable[[], bool]) -> Plan:
        """Find or build the environment, and put it, and as whom the container runs, into the request."""
        engine = connect(self.url)
        own = identity(job)

        def user_of(image: str, python: str) -> Any:
            return probe(engine, image, python, job.workspace, own)

        try:
            with engine.translated("make the environment"):
                prepared = environments.prepare(
                    _recipe(job),
                    engine=engine,
                    environments=job.workspace.environments,
                    settings=build_settings(job.settings.packages, submitters_variables(job)),
                    docker=self._wishes(job),
                    caller=job.spec.interpreter,
                    owner=Owner(user_of, own),
                    log=job.layout.build_log,
                    cancelled=cancelled,
                )
        except UserErrorException as error:
            raise EnvironmentBuildException(str(error)) from error
        python = _python_of_image(job, engine, prepared)
        check_mounts(self.name, self._mounts(), job.workspace, python)
        user = probe(engine, prepared.image, python, job.workspace, own)
        around = replace(
            self._surroundings(job, engine),
            user=user.user,
            group_add=tuple(map(str, user.group_add)),
            userns_mode=user.userns_mode,
            security=user.security_opt,
            tmp_writable=user.tmp_writable,
        )
        environment = {
            **_facts(prepared),
            "seconds": prepared.seconds,
            "packages": list(prepared.packages),
            "images": dict(prepared.images),
            "warnings": [*self._node_warnings(job, engine), *prepared.warnings],
        }
        plan = replace(plan, environment=environment, command=with_python(plan.command, prepared.python))
        return self._with_environment(job, plan, prepared, around)

    def get_ready(self, job: Job, plan: Plan) -> None:
        """Lay out the working directory and make the container of a job that needs no GPU."""
        with alone(job.layout.driver):
            if not _is_marked(job):
                self._made = make_ahead(connect(self.url), job, plan)

    def launch(self, job: Job, plan: Plan, lease: Lease | None = None) -> None:
        """Lay out the working directory, and make and start the container, whose launcher records its own start."""
        # The launcher sees to it that no script runs twice; this, that nobody takes its folder away meanwhile.
        with alone(job.layout.driver):
            if not _is_marked(job):  # a container that runs, and has not made its mark yet, is found by launch
                made, self._made = self._made, None
                launch(connect(self.url), job, plan, lease, made)

    def started(self, job: Job) -> bool:
        """Whether the launcher's mark is there, or its container runs and may be about to make it."""
        if _is_marked(job):
            return True
        found = containers.find(connect(self.url), container_name(job.run_id, job.attempt))
        return found is not None and is_own(found, job) and containers.is_running(found)

    def follow(self, job: Job, tick: Callable[[], None], tell: Callable[[str], None] = lambda text: None) -> Outcome:
        """Wait until the launcher's lock is free; the engine is asked only where that does not say how it ended."""
        return follow(job, self.url, tick, tell, patience=job.settings.docker.patience_seconds)

    def measure(self, job: Job, devices: Sequence[str]) -> ResourceUse | None:
        """Read what the container's control group uses, or ask the engine where this machine does not show that."""
        return measure(job, self.url, devices)

    def cancel(self, job: Job) -> None:
        """Have the launcher told to end the job, and the container killed where it does not."""
        if job.spec.type not in WITHOUT_JOB:
            cancelling.end(job, lambda: connect(self.url))

    def errands(self, job: Job, environment: Mapping[str, Any]) -> Sequence[Errand]:
        """Return the pushes to the workspace's registry of what was made for the environment."""
        return sharing.errands(job, self.url, environment)

    def clean(self, job: Job) -> None:
        """Remove the container."""
        engine = connect(self.url)
        found = containers.find(engine, container_name(job.run_id, job.attempt))
        if found is not None and is_own(found, job):
            containers.remove(engine, found["Id"], force=True)

    def sweep(self, workspace_id: str, ended: Callable[[str], bool]) -> None:
        """Remove the containers of runs that have ended, whatever they were for."""
        engine = connect(self.url)
        wanted = [f"{WORKSPACE}={workspace_id}", f"{KEY}={signing.key_fingerprint()}"]
        with engine.translated("list containers"):
            found = engine.api.containers(all=True, filters={"label": wanted})
        for one in found:
            run_id = (one.get("Labels") or {}).get(RUN)
            if run_id and ended(run_id):
                containers.remove(engine, one["Id"], force=True)

    def occupied(self, devices: Collection[str]) -> dict[str, str]:
        """Look which GPUs the engine's containers have, whosever they are, also where their launcher is gone."""
        engine = connect(self.url)
        with engine.translated("list the containers that have GPUs"):
            running = engine.api.containers(filters={"label": [GPUS]})
        found = {}
        for container in running:
            labels = container.get("Labels") or {}
            for device in set(devices) & set(labels.get(GPUS, "").split(",")):
                who = f"run {labels.get(RUN, '?')} of {labels.get(USER, '?')}"
                found[device] = f"the container of {who}, which has not ended yet"
        return found

    def describe(self, settings: Settings | None = None) -> dict[str, Any]:
        """Return nodes, their shape, their devices, and the engine, or why it does not answer."""
        facts, trouble = None, ""
        try:
            facts = connect(self.url).facts()
        except EngineException as error:
            trouble = str(error)
        shape = NodeShape()
        try:
            shape = node_of(self.name, self.settings, settings.vm_sizes if settings is not None else {}, facts).shape
        except ComputeTargetException as error:
            trouble = trouble or str(error)
        return {
            "max_nodes": self.max_nodes,
            "gpu": self.settings.get("gpu", "required"),
            "devices": [] if shape.gpus == 0 else described_gpus(),
            "node": asdict(shape),
            "engine": self.url,
            "engine_kind": str(facts.kind) if facts is not None else None,
            "engine_version": facts.version if facts is not None else None,
            "trouble": trouble,
        }

    def _wishes(self, job: Job) -> DockerWishes:
        docker = job.settings.docker
        return DockerWishes(
            form=cast("Form", self.settings.get("environment_form") or docker.environment_form),
            base_image=docker.base_image,
            registry=docker.registry,
        )

    def _node(self, engine: Engine, settings: Settings) -> Node:
        return node_of(self.name, self.settings, settings.vm_sizes, engine.facts())

    def _surroundings(self, job: Job, engine: Engine) -> Surroundings:
        settings, applies = self.settings, engine.facts().applies
        shape = self._node(engine, job.settings).shape
        container = _recipe(job).container
        return Surroundings(
            cpus=shape.cpus if "cpus" in applies else None,
            memory_bytes=shape.memory_bytes if "memory" in applies else None,
            pids=PIDS if "pids" in applies else None,
            shm_bytes=memory_bytes_of(shared) if (shared := container and container.shared_memory) else SHM_BYTES,
            network=settings.get("network"),
            read_only=bool(settings.get("read_only")),
            mounts=self._mounts(),
        )

    def on_host(self, path: str) -> Path | None:
        """Return it as far as the target's mounts have it."""
        for mount in sorted(self._mounts(), key=lambda each: -len(each.target)):
            if PurePosixPath(path).is_relative_to(mount.target):
                return Path(mount.source) / PurePosixPath(path).relative_to(mount.target)
        return None

    def _mounts(self) -> tuple[Mounted, ...]:
        return tuple(Mounted(*mount) for mount in self.settings.get("mounts") or ())

    def _node_warnings(self, job: Job, engine: Engine) -> list[str]:
        facts, node, found = engine.facts(), self._node(engine, job.settings), []
        limits = {"memory": node.shape.memory_bytes, "cpus": node.shape.cpus}
        if ignored := [what for what, limit in limits.items() if limit and what not in facts.applies]:
            found.append(
                f"the container engine ({facts.kind}) does not limit {' and '.join(ignored)}: the job may use all that "
                "the machine has"
            )
        if (container := _recipe(job).container) and (unused := container.unused_arguments):
            found.append(
                f"docker.arguments of the environment are not used: {' '.join(unused)}. The compute target has "
                "mounts, network, cpus and memory; an environment has docker.shm_size and environment_variables"
            )
        if job.spec.gpus and node.shape.gpus == 0:
            found.append(
                f"the run asks for {_gpus(job.spec.gpus)}, and the nodes of compute target {self.name!r} have none by "
                "its description: it runs without"
            )
        elif job.spec.gpus and self._gpus_optional() and (why := self._lacking(job.spec, engine)):
            found.append(
                f"the run asks for {_gpus(job.spec.gpus)} and {why}: it runs without, as compute target {self.name!r} "
                "allows (gpu='optional')"
            )
        return found

    def _with_environment(
        self, job: Job, plan: Plan, found: ContainerPlan | ContainerEnvironment, around: Surroundings
    ) -> Plan:
        around = replace(
            around,
            image=found.image,
            python=found.python,
            volume=None if found.volume is None else (found.volume, VOLUME_PLACE),
        )
        return replace(
            plan,
            variables=with_environment(plan.variables, found.variables, job),
            request=create_request(job, around),
            mounts={mount.source: mount.target for mount in all_mounts(job, around)},
        )


def _is_marked(job: Job) -> bool:
    return job.layout.started_json.exists() or processes.lock_is_held(job.layout.launch_lock)


def _gpus(count: int) -> str:
    return f"{count} GPU{'' if count == 1 else 's'}"


def _facts(found: ContainerPlan | ContainerEnvironment) -> dict[str, Any]:
    return {
        "key": found.key,
        "action": found.how,
        "why": found.why,
        "python": found.python,
        "form": found.form,
        "base": found.base_asked,
        "base_digest": found.base_digest,
        "image": found.image,
        "volume": found.volume,
    }


def _python_of_image(job: Job, engine: Engine, prepared: ContainerEnvironment) -> str:
    """A Python that the image has without the volume, which is not mounted in probes."""
    if prepared.volume is None:
        return prepared.python
    memory = EngineMemory(job.workspace.environments, engine)
    known = image_pythons.known(memory, prepared.base_id, _recipe(job).interpreter)
    return known.path if known is not None else prepared.python


def _recipe(job: Job) -> Recipe:
    return Recipe.from_json(job.spec.environment)
