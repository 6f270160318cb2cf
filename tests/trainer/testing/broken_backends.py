"""Compute targets that break one promise each; not tests themselves, but what the contract's tests have to refuse."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from traindock.compute import processes
from traindock.compute.base import Job, Outcome, Plan
from traindock.compute.job_folder import lay_out
from traindock.compute.leases import Lease
from traindock.compute.local import LocalBackend
from traindock.compute.resource_use import ResourceUse
from traindock.settings import Settings
from traindock.spec import RunSpec
from traindock.store.files import write_json

Tick = Callable[[], None]
Tell = Callable[[str], None]

_numbers = itertools.count()


def mark_of(job: Job) -> Path:
    """What those keep that keep something of a job."""
    folder = job.workspace.root / "kept" / str(job.facts["workspace_id"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder / job.run_id


def kept(job: Job) -> list[str]:
    """What is kept of a job."""
    return [mark_of(job).name] if mark_of(job).exists() else []


def _nothing(text: str) -> None:
    """Where nobody wants to be told."""


class PlanWritesFiles(LocalBackend):
    def plan(self, job: Job) -> Plan:
        write_json(job.layout.plan_json, {})
        return super().plan(job)


class PlanIsNeverTheSame(LocalBackend):
    def plan(self, job: Job) -> Plan:
        return replace(super().plan(job), limits={"number": next(_numbers)})


class PlanIsNoPlainData(LocalBackend):
    def plan(self, job: Job) -> Plan:
        return replace(super().plan(job), limits={"folder": job.layout.root})


class StartsAheadOfItsTurn(LocalBackend):
    def get_ready(self, job: Job, plan: Plan) -> None:
        self.launch(job, plan)


class LaunchesAgain(LocalBackend):
    def launch(self, job: Job, plan: Plan, lease: Lease | None = None) -> None:
        if self.started(job):
            lay_out(job)
        super().launch(job, plan, lease)


class LaunchesAgainAfterTheEnd(LocalBackend):
    def launch(self, job: Job, plan: Plan, lease: Lease | None = None) -> None:
        if job.layout.exit_json.exists():
            job.layout.started_json.unlink()
            job.layout.exit_json.unlink()
        super().launch(job, plan, lease)


class JobDiesWithItsLauncher(LocalBackend):
    def launch(self, job: Job, plan: Plan, lease: Lease | None = None) -> None:
        super().launch(job, plan, lease)
        started = processes.read_started(job.layout.started_json)
        assert started is not None
        parent = os.getpid()
        if os.fork() == 0:
            while os.getppid() == parent:
                time.sleep(0.01)
            processes.signal_launcher(started.launcher)
            os._exit(0)


class KnowsOnlyItsOwnJobs(LocalBackend):
    def launch(self, job: Job, plan: Plan, lease: Lease | None = None) -> None:
        super().launch(job, plan, lease)
        self._mine = os.getpid()

    def started(self, job: Job) -> bool:
        return getattr(self, "_mine", None) == os.getpid() and super().started(job)


class AnswersOnlyOnce(LocalBackend):
    def follow(self, job: Job, tick: Tick, tell: Tell = _nothing) -> Outcome:
        outcome = super().follow(job, tick, tell)
        job.layout.exit_json.unlink(missing_ok=True)
        return outcome


class FollowsWithoutTicks(LocalBackend):
    def follow(self, job: Job, tick: Tick, tell: Tell = _nothing) -> Outcome:
        return super().follow(job, lambda: None, tell)


class FollowSwallowsErrors(LocalBackend):
    def follow(self, job: Job, tick: Tick, tell: Tell = _nothing) -> Outcome:
        def careful() -> None:
            with contextlib.suppress(Exception):
                tick()

        return super().follow(job, careful, tell)


class MeasuresItsCaller(LocalBackend):
    def measure(self, job: Job, devices: Sequence[str]) -> ResourceUse | None:
        found = super().measure(job, devices)
        return found and replace(found, memory_bytes=psutil.Process().memory_info().rss)


class MeasuresTheScriptAlone(LocalBackend):
    def measure(self, job: Job, devices: Sequence[str]) -> ResourceUse | None:
        found, started = super().measure(job, devices), processes.read_started(job.layout.started_json)
        if found is None or started is None or started.child is None:
            return found
        return replace(found, memory_bytes=psutil.Process(started.child.pid).memory_info().rss)


class MeasuresAfterTheEnd(LocalBackend):
    _last: ResourceUse | None = None

    def measure(self, job: Job, devices: Sequence[str]) -> ResourceUse | None:
        self._last = super().measure(job, devices) or self._last
        return self._last


class CancelWaits(LocalBackend):
    def cancel(self, job: Job) -> None:
        super().cancel(job)
        if self.started(job):
            self.follow(job, lambda: None)
            time.sleep(3)


class CancelNeedsAJob(LocalBackend):
    def cancel(self, job: Job) -> None:
        if not self.started(job):
            raise KeyError(job.run_id)
        super().cancel(job)


class CancelKillsAtOnce(LocalBackend):
    def cancel(self, job: Job) -> None:
        started = processes.read_started(job.layout.started_json)
        if started is not None and processes.lock_is_held(job.layout.launch_lock):
            os.killpg(started.launcher.pid, signal.SIGKILL)


class LeavesDaemons(LocalBackend):
    def follow(self, job: Job, tick: Tick, tell: Tell = _nothing) -> Outcome:
        while not (job.layout.outputs / "alive").exists() and not job.layout.exit_json.exists():
            tick()
            time.sleep(0.01)
        started = processes.read_started(job.layout.started_json)
        assert started is not None
        os.kill(started.launcher.pid, signal.SIGKILL)
        return Outcome({"exit_code": 0})


class BuildsInSilence(LocalBackend):
    def prepare(self, job: Job, plan: Plan, cancelled: Callable[[], bool]) -> Plan:
        prepared = super().prepare(job, plan, cancelled)
        job.layout.build_log.write_text("")
        return prepared


class PreparesNothing(LocalBackend):
    def prepare(self, job: Job, plan: Plan, cancelled: Callable[[], bool]) -> Plan:
        super().prepare(job, plan, cancelled)
        return plan


class ForgetsVariables(LocalBackend):
    def plan(self, job: Job) -> Plan:
        planned = super().plan(job)
        kept = {name: value for name, value in planned.variables.items() if name not in job.spec.environment_variables}
        return replace(planned, variables=kept)


class HidesWhyNothingStarted(LocalBackend):
    def follow(self, job: Job, tick: Tick, tell: Tell = _nothing) -> Outcome:
        super().follow(job, tick, tell)
        return Outcome(None)


class ForgetsTheTime(LocalBackend):
    def plan(self, job: Job) -> Plan:
        return super().plan(replace(job, spec=replace(job.spec, max_run_duration_seconds=None)))


class CleansOnlyOnce(LocalBackend):
    def clean(self, job: Job) -> None:
        job.layout.facts_json.unlink()


class CleansTheRun(LocalBackend):
    def clean(self, job: Job) -> None:
        job.layout.started_json.unlink(missing_ok=True)


class CleansNothing(LocalBackend):
    """Keeps a file of each job until its run is swept."""

    def launch(self, job: Job, plan: Plan, lease: Lease | None = None) -> None:
        super().launch(job, plan, lease)
        self._kept = mark_of(job)
        self._kept.touch()

    def sweep(self, workspace_id: str, ended: Callable[[str], bool]) -> None:
        if self._kept.parent.name == workspace_id and ended(self._kept.name):
            self._kept.unlink()


class SweepsNothing(CleansNothing):
    def clean(self, job: Job) -> None:
        mark_of(job).unlink(missing_ok=True)

    def sweep(self, workspace_id: str, ended: Callable[[str], bool]) -> None:
        pass


class SweepsEverything(LocalBackend):
    _jobs: list[Job]

    def launch(self, job: Job, plan: Plan, lease: Lease | None = None) -> None:
        super().launch(job, plan, lease)
        self._jobs = [job]

    def sweep(self, workspace_id: str, ended: Callable[[str], bool]) -> None:
        for job in self._jobs:
            self.cancel(job)


class SweepsOtherWorkspaces(SweepsEverything):
    def sweep(self, workspace_id: str, ended: Callable[[str], bool]) -> None:
        for job in self._jobs:
            if ended(job.run_id):
                self.cancel(job)


class TakesAnyNumberOfNodes(LocalBackend):
    def check(self, spec: RunSpec, settings: Settings) -> None:
        pass


class TakesGpusUnasked(LocalBackend):
    def gpus_needed(self, spec: RunSpec, settings: Settings) -> int:
        return 1


class DescribesItselfByObjects(LocalBackend):
    def describe(self, settings: Settings | None = None) -> dict[str, Any]:
        return {**super().describe(settings), "self": self}
