"""What is done for runs in the background, such as pushing images: one thing after the other, and no run waits for it.

A run's errands are marked on disk until they are done or have failed, so that those of a dispatcher that leaves in the
middle, or is killed, are begun anew by the next one, also where the run itself is over.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from traindock import faultpoints
from traindock.compute.base import Backend, Errand, Job
from traindock.compute.kinds import backend as make_backend
from traindock.errors import TraindockError
from traindock.images.uv import BuildCanceled
from traindock.masking import Veil
from traindock.store.files import read_json
from traindock.store.run_records import RunRecord
from traindock.store.signing import Signature
from traindock.workspace import Workspace

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Open:
    """An errand that is not done yet, and for which runs."""

    errand: Errand
    runs: list[str]


class Errands:
    """The errands of a workspace's runs.

    Args:
        workspace: whose.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._folder = workspace.layout.errands
        self._open: dict[str, _Open] = {}
        self._done: set[str] = set()
        self._guard = threading.Lock()
        self._leaving = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether there is anything to do."""
        with self._guard:
            return bool(self._open)

    def take(self, backend: Backend, job: Job, record: RunRecord) -> None:
        """Take what a backend has to do for a run that was launched; what goes wrong with it hurts no run."""
        try:
            self._add(job.run_id, backend.errands(job, record.environment))
        except (TraindockError, OSError) as error:
            log.warning("what is to be done for %s in the background is left to the next run: %s", job.run_id, error)

    def resume(self) -> None:
        """Take what earlier dispatchers have left undone."""
        try:
            marks = sorted(self._folder.iterdir())
        except FileNotFoundError:
            return
        for mark in marks:
            try:
                record = self._workspace.run_folder(mark.name).load()
                plan = read_json(self._workspace.run_folder(mark.name).layout.plan_json)
                backend = make_backend(record.spec.compute_target, plan["kind"], dict(plan["target"]))
                if record.signature is Signature.VALID:
                    log.info("going on with what was to be done for %s in the background", mark.name)
                    self.take(backend, self._workspace.job(record), record)
            except (TraindockError, OSError, KeyError, TypeError) as error:
                log.warning(
                    "what was to be done for %s in the background is left to the next run: %s", mark.name, error
                )
            self._unmark(mark.name)

    def stop(self, seconds: float) -> None:
        """Break off what is being done, and wait so long for that; the next dispatcher begins it anew."""
        self._leaving.set()
        with self._guard:
            thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _add(self, run_id: str, errands: Sequence[Errand]) -> None:
        with self._guard:
            wanted = [each for each in errands if each.name not in self._done]
            if not wanted:
                return
            self._folder.mkdir(exist_ok=True)
            (self._folder / run_id).touch()
            for each in wanted:
                runs = self._open.setdefault(each.name, _Open(each, [])).runs
                if run_id not in runs:
                    runs.append(run_id)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="errands", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while not self._leaving.is_set():
            with self._guard:
                if not self._open:
                    self._thread = None
                    return
                name, current = next(iter(self._open.items()))
            faultpoints.reached("dispatcher.errand")
            fault = self._perform(current.errand)
            if self._leaving.is_set() and fault is not None:
                return
            with self._guard:
                del self._open[name]
                if fault is None:
                    self._done.add(name)
            for run_id in current.runs:
                if fault is not None:
                    self._warn(run_id, fault)
                self._unmark(run_id)

    def _perform(self, errand: Errand) -> str | None:
        """Returns what went wrong, or None."""
        try:
            errand.perform(self._leaving.is_set)
        except BuildCanceled:
            return "it was broken off"
        except TraindockError as error:
            log.warning("%s failed: %s", errand.name, error)
            return str(error)
        except Exception as error:
            log.exception("a fault of Traindock while %s", errand.name)
            return f"{type(error).__name__}: {error}; see dispatcher.log"
        return None

    def _warn(self, run_id: str, fault: str) -> None:
        with contextlib.suppress(TraindockError, OSError):  # the run may be gone
            folder = self._workspace.run_folder(run_id)
            text = Veil.of_run(folder.load().spec).over(fault)
            folder.append({"type": "warning", "text": f"{text} (tried again with the next run that uses it)"})

    def _unmark(self, run_id: str) -> None:
        """Forget a run of which nothing is to be done any more."""
        with self._guard, contextlib.suppress(OSError):  # at worst, the next dispatcher does it again
            if not any(run_id in each.runs for each in self._open.values()):
                (self._folder / run_id).unlink(missing_ok=True)
