"""One run on its way from NotStarted to its terminal state, on a thread of its own.

Every step may be the last one this process makes: whoever comes next finds the run's state and the job's own marks,
and goes on from there. So a step is recorded after it was made, except for the launch, which the launcher records
itself before the script starts.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from traindock import faultpoints
from traindock.compute.base import Backend, EnvironmentGone, Job, LaunchError, NeverStarted, Outcome, Plan
from traindock.compute.held import follow as follow_held
from traindock.compute.held import logged_bytes
from traindock.compute.kinds import backend as make_backend
from traindock.dispatcher.admission import Admission
from traindock.dispatcher.children import Children
from traindock.dispatcher.endings import Ending, ending_of, with_lost_gpus
from traindock.dispatcher.errands import Errands
from traindock.dispatcher.finish import finish
from traindock.dispatcher.held import ending_of_held
from traindock.dispatcher.importing import EventFileImporter
from traindock.dispatcher.place import Place
from traindock.dispatcher.queue import Demand, Withdrawn
from traindock.dispatcher.requests import RequestServer
from traindock.dispatcher.sampling import ResourceSampler
from traindock.errors import (
    ComputeTargetException,
    EnvironmentBuildException,
    IndexBusyException,
    RunNotFoundException,
    StoreException,
    TraindockError,
    WorkspaceReadOnlyException,
)
from traindock.masking import Veil
from traindock.run_types import WITHOUT_JOB
from traindock.states import Reason, State
from traindock.store import computes, submitter
from traindock.store.files import read_json, write_json
from traindock.store.ownership import check_writable
from traindock.store.run_records import RunRecord
from traindock.workspace import Workspace

log = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_METRICS_SECONDS = 2.0
# What is left of a run is removed once the next one has started, and after so many seconds in any case.
_CLEAN_SECONDS = 2.0


class Stopped(Exception):
    """The dispatcher leaves; the run stays as it is for the next one."""


class RunDriver(threading.Thread):
    """Takes one run through its states.

    Args:
        workspace: where the run is.
        place: its folder.
        run_id: a run of this user that has no terminal state.
        admission: to the nodes of the workspace's compute targets.
        done: called when the thread ends.
        errands: takes what remains to be done for the run in the background.

    Attributes:
        ended: whether the run has its terminal state; False in the end if it was left as it is.
        unclean: whether its compute target still keeps something of it.
    """

    def __init__(
        self,
        workspace: Workspace,
        place: Place,
        run_id: str,
        admission: Admission,
        done: Callable[[], None],
        errands: Errands,
    ) -> None:
        super().__init__(name=f"run {run_id}", daemon=True)
        self.folder = workspace.run_folder(run_id)
        self.ended = False
        self.unclean = False
        self._workspace = workspace
        self._place = place
        self._admission = admission
        self._queue = admission.queue
        self._done = done
        self._errands = errands
        self._cancel = threading.Event()
        self._leaving = threading.Event()
        self._backend: Backend | None = None
        self._job: Job | None = None
        spec = self.folder.load().spec
        self._target = spec.compute_target
        self._veil = Veil.of_run(spec)
        self._metrics_indexed = 0.0
        self._metrics_bytes = 0
        self._waits_for = ""
        self._is_running = False
        self._news = threading.Event()
        self._used: list[dict[str, Any]] = []
        self._imported: list[dict[str, Any]] = []

    def notice(self) -> None:
        """Look whether the run is to be canceled, or was moved; called whenever its record has grown, by one thread."""
        self._news.set()
        record = self.folder.load()
        self._queue.move(self._target, self.folder.id, record.order)
        if record.cancel_requested and not record.state.terminal and not self._cancel.is_set():
            self._cancel.set()
            self._queue.wake(self.folder.id)
            if self._backend is not None and self._job is not None:
                self._backend.cancel(self._job)
            self.folder.transact(_request_cancel, durable=True)

    def stop(self) -> None:
        """Leave the run as it is, soon."""
        self._leaving.set()
        self._news.set()
        self._queue.wake(self.folder.id)

    def run(self) -> None:
        """Drive; whatever goes wrong ends the run or is tried again, and never this process."""
        try:
            self._persist(self._drive)
            self.ended = True
        except Stopped:
            log.info("left %s as it is", self.folder.id)
        except RunNotFoundException:
            log.warning("the folder of %s was removed", self.folder.id)
        except WorkspaceReadOnlyException:
            log.warning("left %s to the host that has taken over", self.folder.id)
        except Exception:
            log.exception("a fault of Traindock while driving %s", self.folder.id)
        finally:
            self._queue.release(self._target, self.folder.id)
            self._done()

    def _drive(self) -> None:
        record = self.folder.load()
        if record.state.terminal:
            return
        if record.cancel_requested:
            self._cancel.set()
        try:
            ending = self._perform(record)
        except Withdrawn:
            if self._leaving.is_set():
                raise Stopped from None
            ending = Ending(Reason.CANCELED_BY_USER, "canceled before the script was started")
        except EnvironmentBuildException as error:
            if self._leaving.is_set():
                raise Stopped from None
            reason = Reason.CANCELED_BY_USER if self._cancel.is_set() else Reason.ENVIRONMENT_FAILED
            ending = Ending(reason, error.summary)
        except LaunchError as error:
            ending = Ending(Reason(error.reason), str(error))
        except (Stopped, StoreException, WorkspaceReadOnlyException):
            raise
        except TraindockError as error:
            ending = Ending(Reason.LAUNCH_FAILED, str(error))
        except Exception as error:
            log.exception("a fault of Traindock while driving %s", self.folder.id)
            self._end_job()
            ending = Ending(Reason.INTERNAL_ERROR, f"{type(error).__name__}: {error}; see dispatcher.log")
        self._end(ending)

    def _perform(self, record: RunRecord) -> Ending:
        """Bring the job to its end, from wherever an earlier dispatcher left it, and say how it ended."""
        if record.spec.type in WITHOUT_JOB:
            return self._accompany()
        if not self.folder.layout.started_json.exists():
            self._check_withdrawn()
        backend = self._backend = self._backend_of()
        job = self._job = self._workspace.job(record)
        if self._is_new(record) or not backend.started(job):
            self._launch(backend, job, record)
        else:
            log.info("adopted %s", job.run_id)
            self._queue.occupy(self._target, job.run_id, job.spec.node_count)
        while True:
            try:
                outcome = self._follow(backend, job)
                break
            except NeverStarted as error:
                log.warning("%s is launched again: %s", job.run_id, error)
                self._tell(f"{error}: launching it again")
                self._queue.give_back(self._target, job.run_id, self.folder.load().order)
                self._launch(backend, job, self.folder.load())
        ending = ending_of(outcome, self.folder.load(), job.layout)
        return ending if ending.state is not State.FAILED else with_lost_gpus(ending, self._lost_gpus(backend, job))

    def _follow(self, backend: Backend, job: Job) -> Outcome:
        """Follow a job to its end; the run is Running from when there is a mark of its start."""
        requests = RequestServer(self._workspace, self.folder)

        def tick() -> None:
            self._tick(requests)
            self._note_start()

        self._errands.take(backend, job, self.folder.load())
        self._note_start()
        faultpoints.reached("dispatcher.running")
        if self._cancel.is_set():
            backend.cancel(job)
        sampler = ResourceSampler(backend, job, self.folder, _leased(job))
        sampler.start()
        with self._importing():
            try:
                outcome = backend.follow(job, tick, self._tell)
            finally:
                self._used = sampler.stop()
        self._note_start()
        requests.serve()
        return outcome

    @contextlib.contextmanager
    def _importing(self) -> Iterator[None]:
        """Have the run's event files read as long as the block is in, and to their end once that has ended well."""
        importer = EventFileImporter(self.folder)
        importer.start()
        try:
            yield
        finally:
            importer.stop()
        self._queue.release(self._target, self.folder.id)  # what is still to be read keeps no run from beginning
        self._imported = importer.finish()

    def _note_start(self) -> None:
        if not self._is_running and self.folder.layout.started_json.exists():
            self._advance(State.RUNNING, since=(State.NOT_STARTED, State.PREPARING, State.QUEUED))
            self._is_running = True

    def _lost_gpus(self, backend: Backend, job: Job) -> list[str]:
        """Return devices that the job was leased and that are not there any more."""
        leased = _leased(job)
        there = backend.devices() if leased else []
        return [device for device in leased if device not in there]

    def _is_new(self, record: RunRecord) -> bool:
        """Whether no dispatcher can have launched the job: only its own mark speaks louder than its record."""
        return record.state is State.NOT_STARTED and not self.folder.layout.started_json.exists()

    def _accompany(self) -> Ending:
        """Take a run through its states whose process was there before, and is not ours to start or to end."""
        self._queue.release(self._target, self.folder.id)  # it takes no node
        self._advance(State.PREPARING, since=(State.NOT_STARTED,))
        self._advance(State.QUEUED, since=(State.PREPARING,))
        self._advance(State.RUNNING, since=(State.NOT_STARTED, State.PREPARING, State.QUEUED))
        if self._cancel.is_set():  # asked for before there was a dispatcher
            self.folder.transact(_request_cancel, durable=True)
        with self._importing():
            outcome = follow_held(self.folder.layout, self._look_at_held, self._news)
        return ending_of_held(outcome, self.folder.load(), self.folder.layout)

    def _look_at_held(self) -> None:
        if self._leaving.is_set() or not self._place.is_here:
            raise Stopped
        logged = logged_bytes(self.folder.layout)
        if logged != self._metrics_bytes:
            self._metrics_bytes = logged
            self._index_metrics()

    def _launch(self, backend: Backend, job: Job, record: RunRecord) -> None:
        self._check_withdrawn()
        backend.check(job.spec, job.settings)
        planned = backend.plan(job)
        write_json(job.layout.plan_json, planned.to_json(), durable=False)  # it is written again before the launch
        if planned.environment.get("action") == "build":  # which may take minutes, in which others may go first
            self._queue.expect(self._target, self.folder.id, record.order)
        self._advance(State.PREPARING, since=(State.NOT_STARTED,))
        plan = backend.prepare(job, planned, self._withdrawn)
        self._check_withdrawn()
        self._tell_of_environment(plan)
        self._advance(State.QUEUED, since=(State.PREPARING,))
        write_json(job.layout.plan_json, plan.to_json())
        demand = self._demand(backend, job, lambda: self._get_ready(backend, job, plan))
        lease = self._admission.acquire(self.folder, demand, self._withdrawn, self._tell)
        try:
            self._check_withdrawn()
            leased = plan
            if lease is not None:
                leased = replace(plan, devices=tuple(lease.uuids))
                write_json(job.layout.plan_json, leased.to_json())
            check_writable(self._workspace.layout)
            faultpoints.reached("dispatcher.before-launch")
            try:
                backend.launch(job, leased, lease)
            except EnvironmentGone as error:
                self._tell(f"{error}: preparing it anew")
                leased = replace(backend.prepare(job, planned, self._withdrawn), devices=leased.devices)
                self._tell_of_environment(leased)
                self._check_withdrawn()
                backend.launch(job, leased, lease)
            faultpoints.reached("dispatcher.after-launch")
        finally:
            self._queue.launched(self._target, job.run_id)
            # From here on the job's launcher holds the devices, if it was started.
            if lease is not None:
                lease.release()

    def _get_ready(self, backend: Backend, job: Job, plan: Plan) -> None:
        try:
            backend.get_ready(job, plan)
        except (LaunchError, TraindockError) as error:  # the launch finds out whether that is so, and says it
            log.info("%s is not ready before it has its node: %s", job.run_id, error)

    def _end_job(self) -> None:
        """End a job that nobody follows any more: a run must not be over while its script goes on."""
        if self._backend is not None and self._job is not None and self._backend.started(self._job):
            self._backend.cancel(self._job)
            with contextlib.suppress(NeverStarted):
                self._backend.follow(self._job, lambda: None)

    def _end(self, ending: Ending) -> None:
        """End the children that the job made and did not end, then the run itself."""
        if self.folder.load().state is State.CANCEL_REQUESTED and ending.reason is Reason.LOST:
            ending = Ending(Reason.CANCELED_BY_USER, "canceled; its launcher had to be killed", ending.exit)
        # What a script or an engine says of an error may well name the proxy with its password, or quote a variable.
        spec = self.folder.load().spec
        veil = Veil.of_run(spec, submitter.known(self.folder.layout, spec.submitter))
        ending = replace(ending, detail=veil.over(ending.detail), exit=veil.over(ending.exit))
        self._queue.release(self._target, self.folder.id)  # nothing runs any more, whatever the disk says to the rest
        Children(self._workspace, self.folder).end_all(ending)
        finish(self._workspace.layout, self.folder, ending, [*self._used, *self._imported])
        log.info("%s: %s (%s)", self.folder.id, ending.state, ending.reason)
        faultpoints.reached("dispatcher.before-clean")
        if self._backend is None:
            # Nobody asked its target, which may be deleted, whether an earlier dispatcher has begun to launch it.
            self.unclean = self.folder.layout.plan_json.exists()
        elif self._job is not None:
            self._queue.await_launches(self._target, _CLEAN_SECONDS)
            try:
                self._backend.clean(self._job)
            except TraindockError as error:
                self.unclean = True
                log.warning("what is left of %s is removed later: %s", self.folder.id, error)

    def _backend_of(self) -> Backend:
        """Return the target's backend: a job that was started keeps the target that it was planned for."""
        if self.folder.layout.started_json.exists():
            with contextlib.suppress(StoreException, KeyError, TypeError, AttributeError):
                plan = read_json(self.folder.layout.plan_json)
                return make_backend(self._target, plan["kind"], dict(plan.get("target", {})))
        return self._present_backend()

    def _present_backend(self) -> Backend:
        found = computes.load(self._workspace.layout).get(self._target)
        if found is None:
            raise ComputeTargetException(f"the compute target {self._target!r} was deleted")
        return make_backend(self._target, found["kind"], found["settings"])

    def _demand(self, backend: Backend, job: Job, get_ready: Callable[[], None]) -> Demand:
        once = cache(get_ready)
        return Demand(
            run_id=job.run_id,
            target=self._target,
            order=self.folder.load().order,
            nodes=job.spec.node_count,
            max_nodes=lambda: self._present_backend().max_nodes,
            gpus=backend.gpus_needed(job.spec, job.settings),
            devices=backend.devices,
            occupied=backend.occupied,
            get_ready=lambda: once(),
            holder={
                "run_id": job.run_id,
                "workspace": self._workspace.name,
                "workspace_id": self._workspace.id,
            },
        )

    def _tick(self, requests: RequestServer) -> None:
        # A job whose folder was moved goes on elsewhere; one whose folder was deleted is to be ended here.
        if self._place.was_moved or (self._leaving.is_set() and self._place.is_here):
            raise Stopped
        requests.serve()
        self._index_metrics()

    def _index_metrics(self) -> None:
        # Lists that are ordered by a metric should move while a run is going, but not at every point.
        now = time.monotonic()
        if now - self._metrics_indexed > _METRICS_SECONDS:
            try:
                self._workspace.index.hasty.put_metrics(self.folder.id)
            except IndexBusyException:
                log.debug("the metrics of %s are indexed next time", self.folder.id)
            except Exception:
                # The index can be rebuilt at any time; a run must not suffer from its faults.
                log.exception("cannot index the metrics of %s", self.folder.id)
            self._metrics_indexed = time.monotonic()

    def _advance(self, state: State, *, since: tuple[State, ...]) -> None:
        """Go on to ``state`` if the run is in one of ``since``: else it is there already, or its end was asked for.

        More than one of them because a line of the record may have been damaged since it was written.
        """
        if self.folder.load().state in since:

            def decide(record: RunRecord) -> list[dict[str, Any]]:
                return [{"type": "state", "state": state.value}] if record.state in since else []

            self.folder.transact(decide, durable=True)

    def _tell(self, detail: str) -> None:
        self.folder.append({"type": "detail", "detail": self._veil.over(detail)})

    def _tell_of_environment(self, plan: Plan) -> None:
        environment = dict(plan.environment)
        self.folder.append(
            *({"type": "warning", "text": self._veil.over(text)} for text in environment.pop("warnings", ())),
            {"type": "environment", "value": self._veil.over(environment)},
        )

    def _withdrawn(self) -> bool:
        return self._cancel.is_set() or self._leaving.is_set()

    def _check_withdrawn(self) -> None:
        if self._withdrawn():
            raise Withdrawn

    def _persist(self, step: Callable[[], None]) -> None:
        """Perform ``step``, again and again while the disk refuses: a full disk ends no run."""
        while True:
            try:
                step()
                return
            except StoreException as error:
                log.warning("%s waits for the disk: %s", self.folder.id, error)
                self._tell_of_wait(str(error))
                if self._place.was_moved or self._leaving.wait(_RETRY_SECONDS):
                    raise Stopped from None

    def _tell_of_wait(self, why: str) -> None:
        """Say in the run why it does not go on: not every fault passes by itself, and this disk may take a line."""
        if why != self._waits_for:
            self._waits_for = why
            with contextlib.suppress(TraindockError):
                self._tell(f"waiting, since {why}")


def _leased(job: Job) -> list[str]:
    """Return the UUIDs of the devices that a job was launched with."""
    if job.spec.gpus:
        with contextlib.suppress(OSError, StoreException, AttributeError):
            return list(read_json(job.layout.plan_json).get("devices") or ())
    return []


def _request_cancel(record: RunRecord) -> list[dict[str, Any]]:
    if record.state.terminal or record.state in (State.CANCEL_REQUESTED, State.FINALIZING):
        return []
    return [{"type": "state", "state": State.CANCEL_REQUESTED.value}]
