"""The dispatcher of one workspace: finds runs that need driving and gives each a driver."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from traindock import faultpoints
from traindock._version import __version__
from traindock.compute.leases import Leases
from traindock.compute.processes import Identity
from traindock.dispatcher.admission import Admission
from traindock.dispatcher.children import notice_child
from traindock.dispatcher.driver import RunDriver
from traindock.dispatcher.errands import Errands
from traindock.dispatcher.heartbeat import Heartbeat
from traindock.dispatcher.place import Place
from traindock.dispatcher.queue import NodeQueue
from traindock.dispatcher.start import LOCK_PATIENCE_SECONDS
from traindock.dispatcher.sweeping import Sweeper
from traindock.errors import IndexBusyException, RunNotFoundException, StoreException, TraindockError
from traindock.run_types import CHILD
from traindock.settings import DispatcherSettings
from traindock.store import disks, ownership
from traindock.store.changes import Changes
from traindock.store.files import write_json
from traindock.store.layout import WorkspaceLayout
from traindock.store.run_records import run_ids
from traindock.store.signing import Signature
from traindock.store.watch import Watcher
from traindock.workspace import Workspace

log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0
_LOOK_AGAIN_SECONDS = 3.0
_STALE_SECONDS = 3600.0
_RETRY_SECONDS = 1.0
# Ending a job takes its processes; nothing of it is waited for longer.
_DELETED_SECONDS = 20.0
_LEAVE_SECONDS = 5.0
_ERRAND_SECONDS = 1.0


class Service:
    """The dispatcher of the workspace in ``root``."""

    def __init__(self, root: Path) -> None:
        self._place = Place(root)
        self._workspace = Workspace(root)
        self._layout = self._workspace.layout
        self._changes = Changes(self._layout)
        self._queue = NodeQueue(Leases)
        self._admission = Admission(self._workspace, self._queue)
        self._sweeper = Sweeper(self._workspace)
        self._errands = Errands(self._workspace)
        self._drivers: dict[str, RunDriver] = {}
        # Unfinished runs without a driver: children, which wait for their parents, and what cannot be driven.
        self._children: set[str] = set()
        self._left: set[str] = set()
        self._looked_again = 0.0
        # Other programs may keep the index locked; what is to be found in it then waits, and no run.
        self._index = self._workspace.index.hasty
        self._index_behind = False
        self._knows_all = False
        self._stop = threading.Event()
        self._heartbeat: Heartbeat | None = None
        self._offset = 0
        self._locks: list[int] = []

    @property
    def log_file(self) -> Path:
        """What :mod:`traindock.dispatcher.start` makes this process write into."""
        return self._layout.dispatcher_log

    def serve(self) -> int:
        """Work until there has been nothing to do for a while, or until SIGTERM; return the exit code.

        Raises:
            WorkspaceReadOnlyException: another host has the workspace.
        """
        if not self._take_lock():
            return 0
        if self._layout.local is not None:
            ownership.of(self._layout).beat()
        log.info("traindock %s (%s) at work in %s", __version__, sys.executable, self._layout.root)
        own = Identity.of(os.getpid())
        assert own is not None
        with Watcher([self._layout.changes]) as self._watcher:
            self._stop_on_signals()
            if self._layout.local is not None:
                self._heartbeat = Heartbeat(ownership.of(self._layout), self._end_soon)
                self._heartbeat.start()
            self._persist(lambda: self._introduce(own))
            self._admission.begin()
            self._persist(self._recover)
            idle_since = time.monotonic()
            while not self._stop.is_set():
                if not self._place.is_here:
                    self._await_ends()
                    break
                if not disks.is_current(self._layout):
                    log.info("another host has come, or [network_disk] was changed: leaving it to a new dispatcher")
                    break
                self._be_heard()
                self._look()
                self._look_again()
                if self._drivers or self._errands.busy:
                    idle_since = time.monotonic()
                elif self._idle_for(time.monotonic() - idle_since):
                    log.info("nothing to do: leaving")
                    return 0
                self._watcher.wait(_LOOK_SECONDS if self._drivers else 1.0)
            self._leave()
        return 0

    def _introduce(self, own: Identity) -> None:
        host = os.uname().nodename
        document = {"version": __version__, "process": asdict(own), "host": host, "since": time.time()}
        write_json(self._layout.dispatcher_json, document)

    def _be_heard(self) -> None:
        """Tell hosts to which this is a network disk that somebody is at work, see ``store.ownership``."""
        if self._layout.local is None:
            with contextlib.suppress(OSError):
                os.utime(self._layout.dispatcher_json)

    def _persist(self, step: Callable[[], None]) -> None:
        """Perform ``step``, again and again while the disk refuses."""
        while not self._stop.is_set() and self._place.is_here:
            try:
                step()
                return
            except (StoreException, OSError) as error:
                log.warning("waiting for the disk: %s", error)
                self._watcher.wait(_RETRY_SECONDS)

    def _await_ends(self) -> None:
        """The folder is gone. Its jobs live on where it was moved to; where it was deleted, their drivers end them."""
        if self._place.was_moved:
            log.info("the workspace was moved away")
            return
        log.info("the workspace was deleted")
        self._join_drivers(_DELETED_SECONDS)

    def _end_soon(self, *_: object) -> None:
        self._stop.set()
        self._watcher.wake()

    def _stop_on_signals(self) -> None:
        signal.signal(signal.SIGTERM, self._end_soon)
        signal.signal(signal.SIGINT, self._end_soon)

    def _idle_for(self, seconds: float) -> bool:
        """Give the lock back if there was no work for long enough and none has come in this very moment."""
        try:
            patience = self._workspace.settings.dispatcher.idle_seconds
        except StoreException:  # whoever submits is told; here the default will do
            patience = DispatcherSettings().idle_seconds
        return seconds > patience and self._changes.unless_changed(self._offset, self._give_back)

    def _look(self) -> None:
        """Take in what has changed, and give each new run a driver."""
        for run_id in [run_id for run_id, driver in self._drivers.items() if not driver.is_alive()]:
            driver = self._drivers.pop(run_id)
            if not driver.ended:
                self._left.add(run_id)
            if driver.unclean:
                self._sweeper.sweep()
            self._children.clear()  # those of this run may have outlived it
        try:
            subjects, self._offset = self._changes.read(self._offset)
        except OSError as error:
            log.warning("cannot read %s: %s", self._layout.changes, error)
            return
        if not subjects:
            return
        for subject in subjects:
            kind, _, name = subject.partition("/")
            if kind == "run":
                self._consider(name)
            elif kind == "computes":
                self._queue.wake()
        # Last, since another process may have it locked: no run waits for the index.
        with self._noting_index():
            self._index.catch_up()
        faultpoints.reached("dispatcher.after-index")

    def _look_again(self) -> None:
        """Take up runs that the index has found to be unfinished again: the line that told of their end is damaged.

        Nobody announces that. What could not be taken up before is left to whoever announces something about it.
        """
        if time.monotonic() - self._looked_again < _LOOK_AGAIN_SECONDS:
            return
        self._looked_again = time.monotonic()
        unfinished: list[str] = []
        with self._noting_index():
            if not self._knows_all:
                self._index.take_over_unknown()
                self._knows_all = True
            unfinished = self._index.unfinished()
        known = {*self._drivers, *self._children, *self._left}
        for run_id in unfinished:
            if run_id not in known:
                self._consider(run_id)
                if run_id not in self._drivers and run_id not in self._children:
                    self._left.add(run_id)

    @contextlib.contextmanager
    def _noting_index(self) -> Iterator[None]:
        """Tell, once, that the index cannot be used, or can be again: it is asked the next time round."""
        try:
            yield
        except StoreException as error:
            if not self._index_behind:
                log.warning("the index stays behind: %s", error)
            self._index_behind = True
        else:
            if self._index_behind:
                log.info("the index can be used again")
            self._index_behind = False

    def _consider(self, run_id: str) -> None:
        try:
            folder = self._workspace.run_folder(run_id)
            folder.settle()
            driver = self._drivers.get(run_id)
            if driver is not None:
                driver.notice()
                return
            record = folder.load()
            if record.state.terminal or record.signature is not Signature.VALID:
                return
            if record.spec.type == CHILD:  # it goes on and ends with its parent's job, which has a driver
                self._children.add(run_id)
                notice_child(self._workspace, record)
                return
            self._queue.expect(record.spec.compute_target, run_id, record.order, prepared=True)
            driver = RunDriver(self._workspace, self._place, run_id, self._admission, self._watcher.wake, self._errands)
            self._drivers[run_id] = driver
            driver.start()
            driver.notice()
        except RunNotFoundException:
            self._sweeper.sweep()  # it was deleted, perhaps by somebody who could not finish
        except (TraindockError, OSError) as error:
            log.warning("left %s alone: %s", run_id, error)

    def _recover(self) -> None:
        """Find the runs that an earlier dispatcher, or a submitter that died, left unfinished."""
        for entry in self._layout.runs.glob(".new-*"):
            with contextlib.suppress(OSError):
                if time.time() - entry.stat().st_mtime > _STALE_SECONDS:
                    shutil.rmtree(entry, ignore_errors=True)
        _, self._offset = self._changes.read(0)
        for run_id in self._unfinished():
            self._consider(run_id)
        self._sweeper.sweep()
        self._errands.resume()

    def _unfinished(self) -> Iterable[str]:
        """Return runs among which are all that are unfinished: all there are, where the index cannot be asked now."""
        try:
            self._index.take_over_unknown()
            self._knows_all = True
            return self._index.unfinished()
        except IndexBusyException as error:
            log.warning("looking at all runs, one by one: %s", error)
            return run_ids(self._layout)

    def _take_lock(self) -> bool:
        # Another process that only looks whether the lock is free holds it for microseconds; an older dispatcher
        # that was asked to leave needs a little longer.
        if not self._locked(self._layout.dispatcher_lock, fcntl.LOCK_EX):
            return False
        if self._layout.local is None:
            return True
        # Hosts of a network disk hold it together, which keeps out a dispatcher that takes the disk for its own.
        alone = WorkspaceLayout(self._layout.root).dispatcher_lock
        try:
            return self._locked(alone, fcntl.LOCK_SH)
        except OSError as error:
            log.info("no lock in %s (%s): the owner file decides", alone, error)
            return True

    def _locked(self, path: Path, mode: int) -> bool:
        """Take a lock for as long as this process is at work; False where another one keeps it."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(fd, mode | fcntl.LOCK_NB)
                self._locks.append(fd)
                return True
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(fd)
                    return False
                time.sleep(0.02)
            except OSError:
                os.close(fd)
                raise

    def _give_back(self) -> None:
        """Leave with nothing unfinished, so that another host need not wait."""
        if self._heartbeat is not None:
            self._heartbeat.release()
        self._release_locks()

    def _release_locks(self) -> None:
        if self._place.is_here:
            with contextlib.suppress(OSError):
                self._layout.dispatcher_json.unlink(missing_ok=True)
        while self._locks:
            os.close(self._locks.pop())

    def _leave(self) -> None:
        """Stop driving; jobs go on, and the next dispatcher adopts them."""
        log.info("asked to leave with %d runs unfinished", len(self._drivers))
        self._sweeper.stop()
        for driver in self._drivers.values():
            driver.stop()
        self._errands.stop(_ERRAND_SECONDS)
        self._join_drivers(_LEAVE_SECONDS)
        self._release_locks()

    def _join_drivers(self, seconds: float) -> None:
        """Wait for the drivers' ends, ``seconds`` for all of them together: the next dispatcher waits for the lock."""
        deadline = time.monotonic() + seconds
        for driver in self._drivers.values():
            driver.join(timeout=max(0.0, deadline - time.monotonic()))
