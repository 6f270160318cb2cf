"""Following a container's job to its end, also while the engine is gone.

The lock that the launcher holds says that the job lives: it crosses the mount, and needs no engine. The container's
first process, where this machine shows it, says at once when that changes.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from traindock.compute import processes
from traindock.compute.base import Cause, Job, NeverStarted, Outcome
from traindock.compute.docker import cancelling, containers
from traindock.compute.docker.causes import Found, cause_of
from traindock.compute.docker.contact import Contact, contact
from traindock.compute.docker.engine import Engine, connect
from traindock.compute.docker.naming import container_name, is_own
from traindock.errors import EngineException
from traindock.runtime.supervisor import CANNOT_RECORD, LEASE_LOST
from traindock.states import Reason
from traindock.store.watch import Watcher

_TICK_SECONDS: Final = 0.2
_POLL_SECONDS: Final = 0.005
#: Seconds in which a container ends once its launcher has: nothing but its first process is left of it then.
_END_SECONDS: Final = 2.0
_KILL_SECONDS: Final = 15.0


def follow(job: Job, url: str, tick: Callable[[], None], tell: Callable[[str], None], *, patience: float) -> Outcome:
    """See :meth:`traindock.compute.base.Backend.follow`.

    Args:
        job: the run.
        url: address of the engine that its container is on.
        tick: called when requests come, and a few times a second.
        tell: is given a sentence about how the job fares.
        patience: seconds for which an engine that is gone is waited for where only it knows how the job ended.
    """
    follower = _Follower(job, tick, tell)
    with contact(url, follower.learn) as engine, Watcher([job.layout.requests]) as requests:
        follower.await_end(engine, requests)
        if not job.layout.root.exists():
            tick()  # whoever follows may know that the folder only moved
        found = processes.read_exit(job.layout.exit_json)
        # An end that its launcher has recorded is one of all its processes.
        cause = None
        if (found is None or found.canceled) and not cancelling.was_asked(job):
            cause = follower.find_cause(engine, requests, found, patience)
        ended = follower.make_sure(engine)
    cancelling.forget(job)
    return Outcome(asdict(found) if found is not None else None, () if ended else (1,), cause)


class _Follower:
    def __init__(self, job: Job, tick: Callable[[], None], tell: Callable[[str], None]) -> None:
        self._job, self._tick, self._tell = job, tick, tell
        self._name = container_name(job.run_id, job.attempt)
        self._gone = False
        self._told = False

    def learn(self, engine: Engine) -> None:
        """Look at the container, as the engine begins to answer."""
        found = containers.find(engine, self._name)
        own = found is not None and is_own(found, self._job)
        self._gone = found is None or (own and not containers.is_running(found))
        if found is not None and own and (main := containers.main_process(found)) is not None:
            cancelling.mains[cancelling.key_of(self._job)] = main

    def await_end(self, engine: Contact, requests: Watcher) -> None:
        """Return when the launcher's lock is free, and not only not yet taken."""
        layout = self._job.layout
        pause = _POLL_SECONDS
        while True:
            held = processes.lock_is_held(layout.launch_lock)
            if not held and (self._gone or layout.started_json.exists() or not layout.root.exists()):
                return
            main = cancelling.mains.get(cancelling.key_of(self._job))
            if not held and main is not None and not processes.alive(main):
                return
            if held and main is not None and not processes.wait_gone(main, _TICK_SECONDS, requests.fileno()):
                pause = _POLL_SECONDS
            else:
                requests.wait(pause)
                pause = min(2 * pause, _TICK_SECONDS)
            requests.wait(0)  # before they are served: what comes meanwhile is news again
            self._say(engine)
            self._tick()

    def find_cause(
        self, engine: Contact, requests: Watcher, found: processes.ExitRecord | None, patience: float
    ) -> Cause:
        """Ask the engine why the job ended, waiting for it if need be."""
        deadline = time.monotonic() + patience
        while True:
            try:
                if engine.lost_since is None:
                    return self._ask(connect(engine.url), found)
            except EngineException as error:
                why = str(error)
            else:
                why = engine.why
            if time.monotonic() > deadline:
                return Cause(
                    Reason.ENGINE_LOST,
                    f"the job is gone, and the container engine, which may know why, has not answered for "
                    f"{patience:.0f} s: {why}",
                )
            requests.wait(_TICK_SECONDS)
            self._say(engine)
            self._tick()

    def _ask(self, engine: Engine, found: processes.ExitRecord | None) -> Cause:
        container = containers.find(engine, self._name)
        if container is not None and not is_own(container, self._job):
            container = None
        words = ""
        if container is not None:
            if containers.is_running(container):
                # Its launcher is gone, so that nobody ends what is left.
                containers.await_end(engine, container["Id"], _END_SECONDS)
                containers.send_signal(engine, container["Id"], "SIGKILL")
                containers.await_end(engine, container["Id"], _KILL_SECONDS)
                container = containers.find(engine, self._name)
            words = containers.last_words(engine, self._name) if container is not None else ""
            if found is None and container is not None and self._is_unstarted(container):
                raise NeverStarted(f"the job was not started: {words}")
        return cause_of(self._job, found, Found(container, self._restarted(engine), words))

    def _is_unstarted(self, container: Mapping[str, Any]) -> bool:
        """Whether the launcher refused to start the job, which another one may be able to: its script did not run."""
        state = container.get("State") or {}
        refused = not containers.is_running(container) and state.get("ExitCode") in (LEASE_LOST, CANNOT_RECORD)
        return refused and not self._job.layout.started_json.exists()

    def _restarted(self, engine: Engine) -> bool:
        """Whether the engine was restarted since the job was started, and such that this ended the job."""
        started = processes.read_started(self._job.layout.started_json)
        if started is None or not started.time or engine.facts().live_restore:
            return False
        return engine.started_after(started.time) is True

    def make_sure(self, engine: Contact) -> bool:
        """Return whether nothing of the container runs any more, having ended it if need be."""
        main = cancelling.mains.get(cancelling.key_of(self._job))
        if main is not None and processes.wait_gone(main, _END_SECONDS):
            return True
        try:
            if engine.lost_since is None:
                connected = connect(engine.url)
                container = containers.find(connected, self._name)
                if container is None or not is_own(container, self._job) or not containers.is_running(container):
                    return True
                if main is None and containers.await_end(connected, container["Id"], _END_SECONDS):
                    return True
                containers.send_signal(connected, container["Id"], "SIGKILL")
                return containers.await_end(connected, container["Id"], _KILL_SECONDS)
        except EngineException:
            pass
        if main is None:
            return True  # its launcher recorded the end of all, or the engine is lost and says nothing else
        processes.send_signal(main, signal.SIGKILL)
        return processes.wait_gone(main, _KILL_SECONDS)

    def _say(self, engine: Contact) -> None:
        lost = engine.lost_since is not None
        if lost != self._told:
            self._told = lost
            self._tell(
                f"the container engine does not answer, and the job goes on without it: {engine.why}" if lost else ""
            )
