"""The "local" kind: each job a process of this machine, in a cached virtual environment or the caller's own Python."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from traindock import runtime
from traindock.compute import processes
from traindock.compute.base import Backend, Job, LaunchError, Outcome, Plan
from traindock.compute.build_settings import build_settings
from traindock.compute.caches import stand_ins
from traindock.compute.changing import how_to_change, how_to_make
from traindock.compute.devices import described_gpus, list_gpus
from traindock.compute.job_folder import alone, command_of, lay_out, with_python, write_launch_request
from traindock.compute.leases import Lease
from traindock.compute.leftovers import Leftovers
from traindock.compute.resource_use import ResourceUse, use_of_processes
from traindock.compute.variables import added_variables, job_environment, submitters_variables
from traindock.errors import (
    ComputeTargetException,
    EnvironmentBuildException,
    StoreException,
    UserErrorException,
)
from traindock.images import venvs
from traindock.images.pythons import check_buildable
from traindock.images.recipe import Recipe
from traindock.images.uv import BuildLog
from traindock.run_types import WITHOUT_JOB
from traindock.runtime.supervisor import CANNOT_RECORD
from traindock.settings import Settings
from traindock.spec import RunSpec
from traindock.store.watch import Watcher

_START_SECONDS = 60.0
_TICK_SECONDS = 0.2
_POLL_SECONDS = 0.005


class LocalBackend(Backend):
    """Launches jobs as processes of this machine, under the launcher of ``runtime``."""

    kind = "local"
    interpreters_here = True

    @property
    def max_nodes(self) -> int:
        """``max_nodes`` of the settings, by default half the processor cores."""
        return int(self.settings.get("max_nodes") or max(1, (os.cpu_count() or 1) // 2))

    def check(self, spec: RunSpec, settings: Settings) -> None:
        """Check nodes, GPUs and whether there is, or can be, a Python for the environment."""
        if spec.node_count > 1:
            raise ComputeTargetException(
                f"the run asks for {spec.node_count} nodes, and compute target {self.name!r} (local) runs a script on "
                "one: use node_count=1"
            )
        if spec.gpus and not self._gpus_optional():
            devices = len(list_gpus())
            if spec.gpus > devices:
                # "local" itself stays as it is.
                is_fixed = self.name == "local"
                way = how_to_make("local", gpu="optional") if is_fixed else how_to_change(self.name, gpu="optional")
                raise ComputeTargetException(
                    f"the run asks for {spec.gpus} GPU{'s' if spec.gpus > 1 else ''} and this machine has {devices}: "
                    "submit it without (use_gpu=False, gpus=0, --gpu 0), or to a compute target that may do without: "
                    f"{way}"
                )
        check_buildable(_recipe(spec), spec.interpreter, offline=settings.packages.offline)

    def gpus_needed(self, spec: RunSpec, settings: Settings) -> int:
        """All that were asked for, or none where they are optional and not there."""
        return self._gpus_of(spec)

    def _gpus_of(self, spec: RunSpec) -> int:
        if spec.gpus and self._gpus_optional() and len(list_gpus()) < spec.gpus:
            return 0
        return spec.gpus

    def plan(self, job: Job) -> Plan:
        """Return the command line, the variables and the limits of the job."""
        spec = job.spec
        try:
            looked = venvs.plan(_recipe(spec), environments=job.workspace.environments, caller=spec.interpreter)
        except UserErrorException as error:
            raise EnvironmentBuildException(str(error)) from error
        return Plan(
            kind=self.kind,
            environment={
                "key": looked.key,
                "action": looked.how,
                "why": looked.why,
                "python": looked.python,
                "warnings": [*self._gpu_warnings(spec), *_container_warnings(spec)],
            },
            command=command_of(job),
            cwd=str(job.layout.work),
            variables=added_variables(job),
            gpus=self._gpus_of(spec),
            limits={"max_seconds": spec.max_run_duration_seconds, "grace_seconds": job.settings.jobs.grace_seconds},
            target=dict(self.settings),
        )

    def prepare(self, job: Job, plan: Plan, cancelled: Callable[[], bool]) -> Plan:
        """Find or build the environment, and put its interpreter into the plan."""
        caller = submitters_variables(job)
        moved, unusable = stand_ins({**caller, **plan.variables}, job.workspace.home)
        foreseen = [*plan.environment["warnings"], *unusable]
        if foreseen:
            with BuildLog(job.layout.build_log) as log:
                for text in foreseen:
                    log.say(f"Notice: {text}.")
        try:
            prepared = venvs.prepare(
                _recipe(job.spec),
                environments=job.workspace.environments,
                caller=job.spec.interpreter,
                log=job.layout.build_log,
                cancelled=cancelled,
                settings=build_settings(job.settings.packages, {**caller, **moved}),
            )
        except UserErrorException as error:
            raise EnvironmentBuildException(str(error)) from error
        except EnvironmentBuildException as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreException(str(error)) from error
            raise
        environment = {
            "key": prepared.key,
            "action": prepared.how,
            "why": prepared.why,
            "python": prepared.python,
            "seconds": prepared.seconds,
            "packages": list(prepared.packages),
            "warnings": [*foreseen, *prepared.warnings],
        }
        folder = str(Path(prepared.python).parent)
        path = plan.variables.get("PATH") or caller.get("PATH") or os.defpath
        variables = {**plan.variables, **moved, "PATH": os.pathsep.join((folder, path))}
        if (Path(folder).parent / "pyvenv.cfg").exists():
            variables["VIRTUAL_ENV"] = str(Path(folder).parent)
        command = with_python(plan.command, prepared.python)
        return replace(plan, environment=environment, command=command, variables=variables)

    def launch(self, job: Job, plan: Plan, lease: Lease | None = None) -> None:
        """Lay out the working directory and start the launcher, which records its own start."""
        # The launcher sees to it that no script runs twice; this, that nobody takes its folder away meanwhile.
        with alone(job.layout.driver):
            if not self.started(job) and not processes.lock_is_held(job.layout.launch_lock):
                lay_out(job)
                self._start(job, plan, lease.fds if lease is not None else ())

    def _start(self, job: Job, plan: Plan, lease_fds: Sequence[int]) -> None:
        layout = job.layout
        environment = job_environment(submitters_variables(job), plan)
        write_launch_request(job, plan, environment, held_fds=lease_fds)
        launcher = Path(runtime.__file__).with_name("launcher.py")
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(launcher), str(layout.launch_json)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",
                start_new_session=True,
                pass_fds=tuple(lease_fds),
            )
        except OSError as error:
            raise LaunchError(f"the launcher could not be started: {error}") from error
        _children[job.run_id] = process
        self._wait_for_start(job, process)

    def started(self, job: Job) -> bool:
        """Whether the launcher's mark is there."""
        return job.layout.started_json.exists()

    def follow(self, job: Job, tick: Callable[[], None], tell: Callable[[str], None] = lambda text: None) -> Outcome:
        """Wait for the exit record, or for the launcher's lock to be free without one."""
        layout = job.layout
        leftovers = Leftovers(job.run_id, job.attempt, layout.stdout)
        pause = _POLL_SECONDS
        with Watcher([layout.requests]) as requests:
            while processes.lock_is_held(layout.launch_lock):
                started = processes.read_started(layout.started_json)
                # The end of the launcher and requests are learned at once, all else a few times a second.
                if started is not None and not processes.wait_gone(started.launcher, _TICK_SECONDS, requests.fileno()):
                    pause = _POLL_SECONDS
                else:
                    # A launcher that ends frees the lock in the same moment. A mark that is gone, damaged or of another
                    # boot names nobody whose end could be waited for, however long the lock is held.
                    requests.wait(pause)
                    pause = min(2 * pause, _TICK_SECONDS)
                if started is not None:
                    leftovers.look(started.launcher)
                requests.wait(0)  # before they are served: what comes meanwhile is news again
                tick()
        if not layout.root.exists():
            tick()  # whoever follows may know that the folder only moved
        found = processes.read_exit(layout.exit_json)
        left: list[processes.Identity] = []
        if found is None:
            # Its launcher was killed, or its folder removed, and the job may go on.
            left = leftovers.kill(processes.read_started(layout.started_json))
        _reap(job.run_id)
        return Outcome(asdict(found) if found is not None else None, tuple(process.pid for process in left))

    def measure(self, job: Job, devices: Sequence[str]) -> ResourceUse | None:
        """Add up what the processes below the launcher use."""
        started = processes.read_started(job.layout.started_json)
        if started is None or not processes.alive(started.launcher):
            return None
        return use_of_processes(started.launcher, devices)

    def cancel(self, job: Job) -> None:
        """Tell the launcher to end the job. A process that was there before the run is not ours to end."""
        if job.spec.type in WITHOUT_JOB:
            return
        started = processes.read_started(job.layout.started_json)
        # The mark lies where the job can write, so it is believed only while some launcher lives.
        if started is None or not processes.lock_is_held(job.layout.launch_lock):
            return
        if not processes.signal_launcher(started.launcher) and job.run_id in _children:
            _children[job.run_id].terminate()  # the mark was damaged since, or names another boot's process

    def describe(self, settings: Settings | None = None) -> dict[str, Any]:
        """Return nodes and devices."""
        return {
            "max_nodes": self.max_nodes,
            "gpu": self.settings.get("gpu", "required"),
            "devices": described_gpus(),
        }

    def _gpu_warnings(self, spec: RunSpec) -> list[str]:
        if self._gpus_of(spec) == spec.gpus:
            return []
        devices = len(list_gpus())
        return [
            f"the run asks for {spec.gpus} GPU{'s' if spec.gpus > 1 else ''} and this machine has {devices}: it runs "
            f"without, as compute target {self.name!r} allows (gpu='optional')"
        ]

    def _gpus_optional(self) -> bool:
        return self.settings.get("gpu") == "optional"

    def _wait_for_start(self, job: Job, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self.started(job):
            code = process.poll()
            if code is not None and not self.started(job):
                if processes.lock_is_held(job.layout.launch_lock):
                    return  # another launcher, of a dispatcher that died, has the job
                if code == CANNOT_RECORD:
                    raise StoreException(f"the job was not started: {_errors_of(process)}")
                raise LaunchError(f"the launcher ended with code {code} at once: {_errors_of(process)}")
            if time.monotonic() > deadline:
                process.kill()
                raise LaunchError(f"the launcher did not start the job within {_START_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)


# Launchers that this process started, to be reaped when they end.
_children: dict[str, subprocess.Popen[bytes]] = {}


def _reap(run_id: str) -> None:
    process = _children.pop(run_id, None)
    if process is not None:
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def _errors_of(process: subprocess.Popen[bytes]) -> str:
    text = process.stderr.read().decode("utf-8", "replace").strip() if process.stderr is not None else ""
    return text[-500:] or "without a word"


def _recipe(spec: RunSpec) -> Recipe:
    return Recipe.from_json(spec.environment)


def _container_warnings(spec: RunSpec) -> list[str]:
    """Say of an image that nobody uses here that it is not used."""
    container = spec.environment.get("container") or {}
    asked = [name for name in ("image", "dockerfile", "apt") if container.get(name)]
    if not asked:
        return []
    named = (
        f"the image {container['image']!r}"
        if asked[0] == "image"
        else f"what the environment says of an image ({asked[0]})"
    )
    return [f"{named} is for compute targets of containers: here the run gets an environment of this machine"]
