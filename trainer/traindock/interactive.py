"""Interactive runs: the calling process, a notebook's kernel for instance, is the job and logs into its own run.

Such a run is published with its lock held by this process and marked as started, so that the dispatcher takes it for
a job that is running already. It goes on until this process calls ``complete()``, ``fail()`` or ``cancel()``, or
leaves the ``with`` block; if the process ends before, the run is Failed with the reason ``lost``, and what it had
logged and uploaded stays. It takes no node and no GPU of the compute target, and no signal is ever sent to the process.
"""

from __future__ import annotations

import builtins
import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from traindock import publishing
from traindock.compute.held import Hold
from traindock.errors import RunCanceledException, StoreException, UserErrorException
from traindock.held_record import publish_held, take_snapshot
from traindock.run import PathLike, Run
from traindock.runtime.children import child_tags, described, ends_well, failure
from traindock.runtime.context import JobRun
from traindock.runtime.files import pairs
from traindock.store.changes import Changes
from traindock.store.copying import storage_error
from traindock.store.watch import Watcher

if TYPE_CHECKING:
    from traindock.experiment import Experiment

#: A call looks at most so often whether somebody asked for the run's end.
_LOOK_SECONDS = 0.1
_END_SECONDS = 10.0


def start_logging(
    experiment: Experiment,
    *,
    outputs: PathLike | bool | None = "./outputs",
    snapshot_directory: PathLike | None = ".",
    display_name: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> InteractiveRun:
    """Start a run that this process logs into; see :meth:`Experiment.start_logging`."""
    return _start(
        experiment,
        outputs=outputs,
        snapshot=take_snapshot(experiment, snapshot_directory) if snapshot_directory is not None else "",
        display_name=display_name or "",
        tags=tags or {},
    )


def start_child(
    parent: Run, name: str | None = None, run_id: str | None = None, outputs: PathLike | bool | None = None
) -> InteractiveRun:
    """Start a run below ``parent`` that this process logs into; see :meth:`Run.child_run`."""
    _check_going(parent)
    return _child(parent, name=name, run_id=run_id, outputs=outputs)


def start_children(
    parent: Run, count: int | None = None, tag_key: str | None = None, tag_values: Iterable[Any] | None = None
) -> builtins.list[InteractiveRun]:
    """Start several runs below ``parent`` that this process logs into; see :meth:`Run.create_children`."""
    values = tag_values if tag_values is None or isinstance(tag_values, str) else list(tag_values)
    wanted = child_tags(count, tag_key, values)
    _check_going(parent)
    return [_child(parent, tags=tags) for tags in wanted]


class InteractiveRun(Run):
    """A run that this process logs into. As a context manager it ends with the block.

    Leaving the block completes the run; an exception that leaves it fails the run, with the exception's type and
    text, and goes on. Where somebody asks for the run's end (:meth:`Run.cancel` elsewhere), the next call that logs or
    uploads raises :class:`RunCanceledException`, and the run ends as Canceled when the block is left so, or when
    :meth:`complete` is called; the process itself is left alone.

    After a fork both processes can log; only the one that started the run can end it. Get one from
    :meth:`Experiment.start_logging`, :meth:`Run.child_run` or :meth:`Run.create_children`.
    """

    def __init__(self, experiment: Experiment, run_id: str, hold: Hold, outputs: Path | None) -> None:
        super().__init__(experiment, run_id)
        layout = self._folder.layout
        self._hold = hold
        self._outputs = outputs
        self._kept: set[str] = set()
        self._unsaid: builtins.list[str] = []
        self._owner = os.getpid()
        self._entered_by = 0
        self._ended = ""
        self._lock = threading.RLock()
        self._held_below: builtins.list[InteractiveRun] = []
        self._look_again = 0.0
        self._record_size = -1
        self._job = JobRun(
            {
                "TRAINDOCK_RUN_ID": run_id,
                "TRAINDOCK_EXPERIMENT": experiment.name,
                "TRAINDOCK_METRICS_DIR": str(layout.metrics),
                "TRAINDOCK_REQUESTS_DIR": str(layout.requests),
                "TRAINDOCK_OUTPUTS_DIR": str(layout.outputs),
                "TRAINDOCK_LOGS_DIR": str(layout.logs),
                "TRAINDOCK_UPLOADS_DIR": str(layout.uploads),
                "TRAINDOCK_DRIVER_DIR": str(layout.driver),
                "TRAINDOCK_RUN_JSON": str(layout.facts_json),
            }
        )
        _going.add(self)

    # -- logging --------------------------------------------------------------------------------------------

    def log(self, name: str, value: Any, description: str = "", step: int | None = None) -> None:
        """Log one value of the metric ``name``; logged again, it becomes a series.

        Args:
            name: any string.
            value: a number, string, bool or None, or a scalar of numpy or torch.
            description: a text for readers of the chart.
            step: a whole number for the chart's axis.

        Raises:
            UserErrorException: ``value`` is no scalar, or the run has ended.
            RunCanceledException: somebody asked for the run's end; this holds for all methods that log or upload.
        """
        self._check()
        self._job.log(name, value, description, step)

    def log_list(self, name: str, value: Any, description: str = "") -> None:
        """Log several values at once: a list, another iterable or a one-dimensional array."""
        self._check()
        self._job.log_list(name, value, description)

    def log_row(self, name: str, description: str | None = None, **columns: Any) -> None:
        """Log one row of named columns; called again, it becomes a table."""
        self._check()
        self._job.log_row(name, description, **columns)

    def log_table(self, name: str, value: dict[str, Any], description: str = "") -> None:
        """Log a table: a dict of column name to list, all of one length."""
        self._check()
        self._job.log_table(name, value, description)

    def log_image(self, name: str, path: PathLike | None = None, plot: Any = None, description: str = "") -> None:
        """Log a picture: an image file, or a matplotlib figure; exactly one of both."""
        self._check()
        self._job.log_image(name, path, plot, description)

    def log_confusion_matrix(self, name: str, value: Any, description: str = "") -> None:
        """Log a confusion matrix: a dict, or its JSON text, with schema_type and data."""
        self._check()
        self._job.log_confusion_matrix(name, value, description)

    def log_accuracy_table(self, name: str, value: Any, description: str = "") -> None:
        """Log an accuracy table: a dict, or its JSON text, with schema_type and data."""
        self._check()
        self._job.log_accuracy_table(name, value, description)

    def log_residuals(self, name: str, value: Any, description: str = "") -> None:
        """Log residuals: a dict, or its JSON text, with schema_type and data."""
        self._check()
        self._job.log_residuals(name, value, description)

    def log_predictions(self, name: str, value: Any, description: str = "") -> None:
        """Log predictions: a dict, or its JSON text, with schema_type and data."""
        self._check()
        self._job.log_predictions(name, value, description)

    def flush(self, timeout_seconds: float = 300) -> None:
        """Return once everything logged is stored, which it always is: each call writes by itself."""
        self._job.flush(timeout_seconds)

    # -- files ----------------------------------------------------------------------------------------------

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: str | None = None) -> None:
        """Add a file to the run at once; see :meth:`Run.upload_file`."""
        self._check()
        super().upload_file(name, path_or_stream, datastore_name)

    def upload_files(
        self,
        names: Sequence[str],
        paths: Sequence[PathLike],
        return_artifacts: bool = False,
        timeout_seconds: float | None = None,
    ) -> None:
        """Add several files: each path under the name at its place; see :meth:`Run.upload_file`."""
        for name, path in pairs(names, paths).items():
            self.upload_file(name, path)

    def upload_folder(self, name: str, path: PathLike) -> None:
        """Add all files of a folder, under names below ``name``; see :meth:`Run.upload_file`."""
        self._check()
        self._job.upload_folder(name, path)

    # -- life -----------------------------------------------------------------------------------------------

    def complete(self) -> None:
        """End the run well: take the files of the ``outputs`` folder into it, and record its end.

        Ends its children that this process started and did not end, in the same way. Returns when the end is
        recorded, after ten seconds at the latest. Does nothing if the run was ended before. A run whose end somebody
        has asked for ends as Canceled.

        Raises:
            UserErrorException: this process is a fork of the one that started the run.
            StoreException: the disk is full or refuses. The run goes on; free some space and call this again.
        """
        self._end("complete()", 0)

    def fail(self, error_details: Any = None, error_code: Any = None) -> None:
        """End the run as Failed; else as :meth:`complete`.

        Args:
            error_details: what went wrong: a text, or an exception.
            error_code: a short name for it.
        """
        self._end("fail()", 1, failure(error_details, error_code))

    def cancel(self) -> None:
        """End the run as Canceled; else as :meth:`complete`. In a fork, only ask for that."""
        super().cancel()
        if self._owner == os.getpid():
            self._end("cancel()", 0, canceled=True)

    def wait_for_completion(
        self, show_output: bool = False, wait_post_processing: bool = False, raise_on_error: bool = True
    ) -> dict[str, Any]:
        """Wait until the end is recorded, once the run was ended; until then, say so and return at once."""
        if not self._ended and self._owner == os.getpid():
            print(f"Run {self.id} goes on until this process calls complete() or fail(): not waiting.")  # noqa: T201
            return self.get_details()
        return super().wait_for_completion(show_output, wait_post_processing, raise_on_error)

    def child_run(
        self, name: str | None = None, run_id: str | None = None, outputs: PathLike | bool | None = None
    ) -> InteractiveRun:
        """Start a run below this one; see :meth:`Run.child_run`. It ends with this one at the latest."""
        self._check()
        child = start_child(self, name, run_id, outputs)
        self._held_below.append(child)
        return child

    def create_children(
        self, count: int | None = None, tag_key: str | None = None, tag_values: Iterable[Any] | None = None
    ) -> builtins.list[InteractiveRun]:
        """Start several runs below this one; see :meth:`Run.create_children`. They end with this one at the latest."""
        self._check()
        children = start_children(self, count, tag_key, tag_values)
        self._held_below += children
        return children

    def __enter__(self) -> InteractiveRun:
        self._entered_by = os.getpid()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._entered_by != os.getpid() or self._owner != os.getpid():
            return  # a fork that leaves the block ends by itself; the run goes on where it was started
        if error is None or ends_well(error):
            self.complete()
            return
        try:
            if isinstance(error, RunCanceledException):
                self._end("cancel()", 0, canceled=True)
            else:
                self._end("fail()", 1, described(error))
        except StoreException as trouble:
            # The exception that leaves the block says more than a disk that is full.
            print(f"Traindock: {trouble}")  # noqa: T201

    # -- how it is done -------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Check that the run goes on. Whether somebody asked for its end is looked for a few times a second."""
        if self._ended:
            raise UserErrorException(
                f"run {self.id} was ended by {self._ended}: nothing can be added to it. Start another with "
                "experiment.start_logging()"
            )
        now = time.monotonic()
        if now < self._look_again:
            return
        canceled_by = self._canceled_by()
        if canceled_by is not None:
            raise RunCanceledException(
                f"run {self.id} was canceled by {canceled_by}: nothing more is added to it. It ends as Canceled when "
                "its with block is left, or by run.complete()"
            )
        self._look_again = now + _LOOK_SECONDS

    def _canceled_by(self) -> str | None:
        """Who asked for the run's end; the record is only read if it has grown since the last look."""
        try:
            size = self._folder.layout.events.stat().st_size
            if size == self._record_size:
                return None
            by = self.record.cancel_requested_by
        except (OSError, StoreException):
            return None  # logging goes on, whatever the disk does
        if by is None:
            self._record_size = size
        return by

    def _end(self, by: str, exit_code: int, error: Mapping[str, Any] | None = None, *, canceled: bool = False) -> None:
        if self._owner != os.getpid():
            raise UserErrorException(
                f"run {self.id} can only be ended by the process that started it ({self._owner}), not by a fork of it"
            )
        ended = self._let_go(by, exit_code, error, canceled)
        if ended:
            self._await_ends(ended)

    def _let_go(
        self, by: str, exit_code: int, error: Mapping[str, Any] | None, canceled: bool
    ) -> builtins.list[InteractiveRun]:
        """Record the end of the run and those below it, and return what has not been ended before."""
        with self._lock:
            if self._ended:
                return []
            ended = [run for child in self._held_below for run in child._let_go(by, exit_code, error, canceled)]
            self._keep_outputs()
            self._hold.end(self._folder.layout, exit_code, error, canceled=canceled)
            self._ended = by
            self._job._close()
            _going.discard(self)
            return [*ended, self]

    def _keep_outputs(self) -> None:
        """Copy what lies in the user's folder of outputs into the run, but what was copied or uploaded before.

        Raises:
            StoreException: the disk refuses; what is missing is copied the next time.
        """
        try:
            if self._outputs is not None and self._outputs.is_dir():
                self._keep_outputs_in(self._outputs)
        except OSError as error:
            raise storage_error(error, f"keep the outputs in {self._outputs}") from error
        if self._unsaid:
            self._folder.append(*({"type": "warning", "text": text} for text in self._unsaid))
            self._unsaid.clear()

    def _keep_outputs_in(self, outputs: Path) -> None:
        for here, folders, files in os.walk(outputs):
            root = self.workspace.layout.root
            folders[:] = [name for name in folders if not root.samefile(Path(here, name))]
            for file in sorted(files):
                source = Path(here, file)
                name = f"outputs/{source.relative_to(outputs).as_posix()}"
                if name in self._kept:
                    continue
                if not source.is_file():
                    self._unsaid.append(f"{source} is no regular file, and was not taken as {name!r}")
                elif (self._folder.layout.root / name).exists():
                    self._unsaid.append(f"{name!r} was uploaded before; {source} was not taken in its place")
                else:
                    self._job.upload_file(name, source)
                self._kept.add(name)

    def _await_ends(self, runs: Sequence[InteractiveRun]) -> None:
        """Wait until the dispatcher has recorded the ends of runs that were let go of, but not for ever.

        They have ended: what fails from here on, as on a full disk, is told. The dispatcher comes by itself, too.
        """
        from traindock.dispatcher import start

        layout = self.workspace.layout
        with publishing.only_told(f"run {self.id} has ended, and the dispatcher takes note of it a little later"):
            for run in runs:
                Changes(layout).announce(f"run/{run.id}")
        with publishing.only_told(f"run {self.id} has ended, and its end is recorded once a dispatcher is at work"):
            start.ensure(layout)
            deadline = time.monotonic() + _END_SECONDS
            with Watcher([run._folder.layout.events for run in runs]) as watcher:
                while time.monotonic() < deadline and not all(run.record.state.terminal for run in runs):
                    watcher.wait(0.5)


def _child(
    parent: Run,
    *,
    name: str | None = None,
    run_id: str | None = None,
    outputs: PathLike | bool | None = None,
    tags: Mapping[str, str] | None = None,
) -> InteractiveRun:
    return _start(
        parent.experiment,
        outputs=outputs,
        snapshot=parent.get_snapshot_id(),
        display_name=name or "",
        tags=tags or {},
        parent=parent.id,
        run_id=run_id,
    )


def _start(experiment: Experiment, *, outputs: PathLike | bool | None, **facts: Any) -> InteractiveRun:
    """Publish a run that this process holds, and have a dispatcher look after it."""
    publishing.check(experiment.workspace)
    folder = _folder(outputs)
    run_id, hold = publish_held(experiment, **facts)
    try:
        run = InteractiveRun(experiment, run_id, hold, folder)
        publishing.follow_up(experiment.workspace, run_id)
    except BaseException:  # such as an interrupt: a run that nobody has in hand does not go on
        hold.drop()
        raise
    return run


def _folder(outputs: PathLike | bool | None) -> Path | None:
    if outputs is None or outputs is False:
        return None
    # Now, since the process may change its working directory before the run ends.
    return Path("./outputs" if outputs is True else outputs).absolute()


def _check_going(parent: Run) -> None:
    state = parent.record.state
    if state.terminal:
        raise UserErrorException(f"run {parent.id} has ended ({state}) and can have no more children")


#: The runs that this process holds. A fork must let go of their locks, or they would seem to go on without it.
_going: set[InteractiveRun] = set()


def _after_fork() -> None:
    for run in _going:
        run._hold.drop()
        run._lock = threading.RLock()
    _going.clear()


os.register_at_fork(after_in_child=_after_fork)
