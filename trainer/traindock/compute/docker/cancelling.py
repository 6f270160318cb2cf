"""Ending a job in a container on request: its launcher is told, and whatever does not listen is killed."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from typing import Final

from traindock.compute import processes
from traindock.compute.base import Job
from traindock.compute.docker import containers
from traindock.compute.docker.engine import Engine
from traindock.compute.docker.naming import container_name, is_own
from traindock.errors import EngineException

log = logging.getLogger(__name__)

#: Seconds beyond the grace time that a launcher has to end its job.
_HANG_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.1
_AGAIN_SECONDS: Final = 1.0

Key = tuple[str, int]

_guard = threading.Lock()
_enders: dict[Key, _Ender] = {}
_asked: set[Key] = set()
#: Each container's first process, where this machine shows it.
mains: dict[Key, processes.Identity] = {}


def key_of(job: Job) -> Key:
    """What the jobs of this process are told apart by."""
    return job.run_id, job.attempt


def end(job: Job, engine: Callable[[], Engine]) -> None:
    """End a job, from a thread of its own; returns at once, and does nothing more where that is under way."""
    with _guard:
        _asked.add(key_of(job))
        if key_of(job) not in _enders:
            ender = _enders[key_of(job)] = _Ender(job, engine)
            ender.start()


def was_asked(job: Job) -> bool:
    """Whether this process was asked to end the job."""
    return key_of(job) in _asked


def begin(job: Job) -> None:
    """Forget what was asked of an earlier container of this run: a new one is about to be made."""
    with _guard:
        _asked.discard(key_of(job))
        mains.pop(key_of(job), None)
        ender = _enders.pop(key_of(job), None)
        if ender is not None:
            ender.withdrawn = True


def forget(job: Job) -> None:
    """Forget a job that is over."""
    with _guard:
        _asked.discard(key_of(job))
        mains.pop(key_of(job), None)


class _Ender(threading.Thread):
    def __init__(self, job: Job, engine: Callable[[], Engine]) -> None:
        super().__init__(name=f"end {job.run_id}", daemon=True)
        self._job, self._engine = job, engine
        self.withdrawn = False

    def run(self) -> None:
        try:
            self._work()
        finally:
            with _guard:
                if _enders.get(key_of(self._job)) is self:
                    del _enders[key_of(self._job)]

    def _work(self) -> None:
        patience = time.monotonic() + self._job.settings.jobs.grace_seconds + _HANG_SECONDS
        told = False
        while not self.withdrawn:
            late = time.monotonic() > patience
            if late or not told:
                sent = self._send("SIGKILL" if late else "SIGTERM")
                if sent is False:
                    return  # there is nothing to end
                told = told or sent is True
                if late and sent:
                    log.warning("%s did not end when it was asked to: killed", self._job.run_id)
            elif not processes.lock_is_held(self._job.layout.launch_lock) and not self._is_running():
                return
            time.sleep(_LOOK_SECONDS if told and not late else _AGAIN_SECONDS)

    def _send(self, name: str) -> bool | None:
        """Send a signal; returns whether it was sent, None where the engine does not answer and nothing else helps."""
        main = mains.get(key_of(self._job))
        if main is not None and not self.withdrawn and processes.send_signal(main, getattr(signal, name)):
            return True  # an engine that hangs keeps whoever asks it for a minute
        try:
            engine = self._engine()
            found = containers.find(engine, container_name(*key_of(self._job)))
            if found is None or not is_own(found, self._job) or not containers.is_running(found):
                return False
            return not self.withdrawn and containers.send_signal(engine, found["Id"], name)
        except EngineException as error:
            if main is None:
                log.warning("%s cannot be ended yet: %s", self._job.run_id, error)
                return None
            return not processes.alive(main)

    def _is_running(self) -> bool:
        main = mains.get(key_of(self._job))
        if main is not None:
            return processes.alive(main)
        try:
            found = containers.find(self._engine(), container_name(*key_of(self._job)))
        except EngineException:
            return True
        return found is not None and containers.is_running(found)
