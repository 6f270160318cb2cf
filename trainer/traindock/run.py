"""A run as the user sees it: what it is, what it does now, what it has left."""

from __future__ import annotations

import builtins
import os
import re
import warnings
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from traindock import run_details, run_query
from traindock.errors import RunNotFoundException, RunNotSignedException, UserErrorException
from traindock.run_outputs import RunOutputs
from traindock.runtime.context import Run as JobRun
from traindock.store.index import RunQuery
from traindock.store.metrics import MetricReader
from traindock.store.run_records import RunRecord
from traindock.store.signing import Signature

if TYPE_CHECKING:
    import pandas as pd

    from traindock.compute_target import ComputeTarget
    from traindock.environment import Environment
    from traindock.experiment import Experiment
    from traindock.interactive import InteractiveRun
    from traindock.workspace import Workspace

PathLike: TypeAlias = str | os.PathLike[str]


class Run(RunOutputs):
    """The run of this id.

    Every property is read from the run's folder when it is asked for, so a Run is never out of date.

    Args:
        experiment: the experiment it belongs to; its workspace is where the run is looked for.
        run_id: as :attr:`id` gives it.

    Raises:
        RunNotFoundException: there is none, or it belongs to another experiment.
    """

    def __init__(self, experiment: Experiment, run_id: str) -> None:
        self.experiment = experiment
        self._folder = experiment.workspace.run_folder(run_id)
        of = self._folder.document().get("experiment")
        if of != experiment.name:
            raise RunNotFoundException(
                f"run {run_id} belongs to experiment {of!r}, not to {experiment.name!r}: use Run.get(workspace, run_id)"
            )

    # -- finding runs ---------------------------------------------------------------------------------------

    @staticmethod
    def get_context(allow_offline: bool = True) -> JobRun:
        """Return the run that this code is part of.

        Outside of a job that is an offline run, whose every call prints or does nothing, so that a training
        script works the same without Traindock.

        Raises:
            RunEnvironmentException: there is no job around, and ``allow_offline`` is False.
        """
        return JobRun.get_context(allow_offline=allow_offline)

    @staticmethod
    def get(workspace: Workspace, run_id: str) -> Run:
        """Return the run of this id.

        Raises:
            RunNotFoundException: there is none.
            UserErrorException: ``workspace`` is none, such as that of a run outside of a job.
        """
        from traindock.experiment import Experiment

        if not hasattr(workspace, "run_folder"):
            raise UserErrorException(f"{workspace!r:.80} is no workspace: Run.get(workspace, run_id)")
        document = workspace.run_folder(run_id).document()
        return Run(Experiment._named(workspace, document.get("experiment")), run_id)

    @staticmethod
    def _known(experiment: Experiment, run_id: str) -> Run:
        """Return a run that the index has just named; its folder is not looked into yet."""
        run = object.__new__(Run)
        run.experiment = experiment
        run._folder = experiment.workspace.run_folder(run_id)
        return run

    @staticmethod
    def list(
        experiment: Experiment | Workspace,
        type: str | None = None,  # noqa: A002 (Azure ML's name)
        tags: str | Mapping[str, str] | None = None,
        properties: str | Mapping[str, str] | None = None,
        status: str | None = None,
        include_children: bool = False,
        *,
        compute_target: str | None = None,
        text: str | None = None,
        metric: str | None = None,
        above: float | None = None,
        below: float | None = None,
        order: str = "created",
        statistic: str = "last",
        descending: bool = True,
        limit: int | None = None,
        offset: int = 0,
    ) -> Iterator[Run]:
        """Return runs, one after the other, the newest first unless ``order`` says otherwise.

        Args:
            experiment: whose runs; a workspace stands for all of its experiments.
            type: only runs of this type.
            tags: only runs with this tag, or with these tags and values (None: any value).
            properties: likewise.
            status: only runs in this state.
            include_children: also runs that have a parent.
            compute_target: only runs on this compute target.
            text: only runs whose display name, id or experiment contains it, without regard to case.
            metric: name of a scalar metric that ``above`` and ``below`` bound.
            above: the metric's ``statistic`` is at least this.
            below: the metric's ``statistic`` is at most this.
            order: "created", "name", "duration" (those that have not begun come last), or the name of a metric, by
                which only those that have it are listed; "metric:NAME" for one that is called like another order.
            statistic: "last", "min" or "max" of the metrics meant.
            descending: the newest, last, longest or greatest first.
            limit: how many at most.
            offset: how many to leave out first.

        Raises:
            UserErrorException: ``status`` or ``statistic`` is not one of the known ones, a bound lacks its metric, or
                something is of another kind than it has to be.
        """
        from traindock.experiment import Experiment
        from traindock.workspace import Workspace

        if not isinstance(experiment, Experiment | Workspace):
            raise UserErrorException(f"{experiment!r:.80} is no experiment and no workspace: Run.list(experiment)")
        if metric is None and (above is not None or below is not None):
            raise UserErrorException("above and below are bounds of a metric: name it, for example metric='loss'")
        workspace = experiment.workspace if isinstance(experiment, Experiment) else experiment
        if statistic not in ("last", "min", "max"):
            raise UserErrorException(f"statistic is 'last', 'min' or 'max', not {statistic!r}")
        query = RunQuery(
            experiment=experiment.name if isinstance(experiment, Experiment) else None,
            type=run_query.kind(type),
            tags=run_query.wanted("tags", tags),
            properties=run_query.wanted("properties", properties),
            states=run_query.states(status),
            top_level=not include_children,
            compute_target=run_query.text("compute_target", compute_target),
            text=run_query.text("text", text),
            metric=run_query.text("metric", metric),
            above=run_query.bound("above", above),
            below=run_query.bound("below", below),
            order=run_query.text("order", order) or "created",
            statistic=statistic,
            descending=bool(descending),
            only_ordered=True,
            limit=None if limit is None else run_query.count("limit", limit),
            offset=run_query.count("offset", offset),
        )
        # Asked now, so that what is wrong is said by this call and not by the first step of a loop.
        return run_query.runs(workspace, query)

    @staticmethod
    def list_by_compute(
        compute: ComputeTarget,
        type: str | None = None,  # noqa: A002 (Azure ML's name)
        tags: str | Mapping[str, str] | None = None,
        properties: str | Mapping[str, str] | None = None,
        status: str | None = None,
    ) -> Iterator[Run]:
        """Return all runs on a compute target, children included, the newest first; see :meth:`list`."""
        if not hasattr(compute, "workspace"):
            raise UserErrorException(f"{compute!r:.80} is no compute target: take one of workspace.compute_targets")
        return Run.list(
            compute.workspace, type, tags, properties, status, include_children=True, compute_target=compute.name
        )

    # -- how it was submitted, and how to end it -------------------------------------------------------------

    def get_snapshot_id(self) -> str:
        """Return the id of the snapshot of the source folder."""
        return self.record.spec.snapshot

    def get_environment(self) -> Environment:
        """Return the environment the run was submitted with."""
        from traindock.environment import Environment
        from traindock.images.recipe import Recipe

        spec = self.record.spec
        return Environment.from_recipe(spec.environment_name or "environment", Recipe.from_json(spec.environment))

    def restore_snapshot(self, snapshot_id: str | None = None, path: PathLike | None = None) -> str:
        """Write the source folder as it was submitted into a folder, and return its path.

        Args:
            snapshot_id: default: the run's own, see :meth:`get_snapshot_id`.
            path: a new or empty folder; default: one named after the run in the current folder.

        Raises:
            UserErrorException: ``path`` exists and is not empty, or the run has no snapshot.
            StoreException: the snapshot is missing or damaged, or the disk refuses.
        """
        from traindock.snapshot import materialise

        wanted = snapshot_id if snapshot_id is not None else self.get_snapshot_id()
        if not re.fullmatch("[0-9a-f]{64}", wanted):
            raise UserErrorException(
                f"{wanted!r:.80} is no snapshot's id, which has 64 hex digits (path=… is the folder)"
            )
        target = Path(path if path is not None else f"{self.id}-snapshot")
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise UserErrorException(f"{target} exists already: name a new or empty folder for the snapshot")
        materialise(wanted, target, layout=self.workspace.layout)
        return str(target)

    def cancel(self) -> None:
        """Ask for the run to end: SIGTERM to its processes, SIGKILL after a grace time. Returns at once.

        A run that has ended is left as it is. No process is ended for a run that a notebook logs into: there the next
        call that logs raises :class:`RunCanceledException`. A child run that a job has made ends as Canceled when its
        code ends it, or with the job; to end the code, cancel its parent.
        """
        from traindock.dispatcher import start

        def decide(record: RunRecord) -> list[dict[str, Any]]:
            if record.state.terminal or record.cancel_requested:
                return []
            if record.signature is Signature.COPIED:
                raise RunNotSignedException(
                    f"run {self.id} was copied with its workspace and is never launched here: cancel the original"
                )
            return [{"type": "cancel", "by": run_details.user_name()}]

        record = self._folder.transact(decide, durable=True)
        if not record.state.terminal:
            start.ensure(self.workspace.layout)

    def move_before(self, other: Run | None) -> None:
        """Move the run in the queue of its compute target, where it waits: before another one, or to the end.

        Where two people move runs at the same time, one of them is first. What others do to a queue meanwhile, and runs
        that begin, may leave nothing to be moved: that is an error, and changes nothing.

        Args:
            other: a run that waits for the same compute target; None for the end of the queue.

        Raises:
            RunNotWaitingException: this run or ``other`` has begun, ended or waits for another target; nothing is
                changed.
            RunNotSignedException: somebody else submitted it, or it was copied with its workspace.
            UserErrorException: ``other`` is this run, or no run of its workspace.
            StoreException: the disk is full or refuses; nothing is changed.
        """
        from traindock import run_queue

        run_queue.move(self, other)

    def move_to_front(self) -> None:
        """Move the run in the queue of its compute target before all others that wait, whichever these are by then.

        Raises:
            RunNotWaitingException: this run has begun or ended; nothing is changed.
            RunNotSignedException: somebody else submitted it, or it was copied with its workspace.
            StoreException: the disk is full or refuses; nothing is changed.
        """
        from traindock import run_queue

        run_queue.move(self, None, first=True)

    def resubmit(
        self,
        *,
        arguments: Sequence[Any] | None = None,
        compute_target: ComputeTarget | str | None = None,
        gpus: int | None = None,
        environment_variables: Mapping[str, str] | None = None,
        max_run_duration_seconds: float | None = None,
        display_name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Run:
        """Submit the same snapshot and request once more, but for what is given here, and return the new run at once.

        Its property ``traindock.resubmitted_from`` is this run's id. Variables of the submitting process are those of
        this one, as at any submit.

        Args:
            arguments: of the script, all of them.
            compute_target: a compute target, or its name.
            gpus: how many devices each node needs.
            environment_variables: added to those it had, or put over them.
            max_run_duration_seconds: after which it ends as Failed; infinity for no end.
            display_name: a name for people.
            tags: all of them.

        Raises:
            UserErrorException: nothing was launched for this run, or what is asked for cannot be done.
            RunNotSignedException: somebody else submitted it.
            StoreException: the snapshot is missing or damaged, or the disk refuses.
        """
        from traindock.resubmission import Changes, resubmit

        changes = Changes(
            arguments=arguments,
            compute_target=compute_target,
            gpus=gpus,
            environment_variables=environment_variables,
            max_run_duration_seconds=max_run_duration_seconds,
            display_name=display_name,
            tags=tags,
        )
        return resubmit(self, changes)

    def delete(self, with_children: bool = False) -> None:
        """Delete the run with all that it left: it is gone at once, and its space given back to the disk.

        Models that were registered from it stay whole, and go on naming it as their origin. So does the snapshot, which
        other runs may share. A run that somebody else submitted, or that was copied with its workspace, may be deleted
        in any state, since nothing of it runs here.

        Args:
            with_children: whether its children, and theirs, are deleted with it.

        Raises:
            RunNotEndedException: it, or a run below it, has not ended.
            RunHasChildrenException: it has children, and ``with_children`` is false.
            RunNotFoundException: it was deleted before.
            StoreException: the disk refuses; nothing is deleted.
        """
        from traindock.run_deletion import delete

        trouble = delete(self.workspace, [self.id], with_children=bool(with_children)).trouble
        if trouble:
            warnings.warn(f"run {self.id} is deleted, but not all of its space is free yet: {trouble}", stacklevel=2)

    # -- metrics --------------------------------------------------------------------------------------------

    def get_metrics(
        self, name: str | None = None, recursive: bool = False, run_type: str | None = None, populate: bool = False
    ) -> dict[str, Any]:
        """Return the metrics: logged once, a value; more often, a list; tables as dicts of lists.

        Args:
            name: only this metric.
            recursive: also those of all descendants, as ``{run id: metrics}``.
            run_type: with ``recursive``, only of runs of this type.
            populate: accepted for old notebooks.
        """
        if recursive:
            family = [self, *self.get_children(recursive=True)]
            wanted = run_query.kind(run_type)
            return {run.id: run.get_metrics(name) for run in family if wanted in (None, run.type)}
        return self.metrics.as_azure(name)

    @property
    def metrics(self) -> MetricReader:
        """The run's metrics, to read whole, in buckets, or as they come."""
        return MetricReader.of_run(self._folder.layout)

    def to_pandas(self) -> pd.DataFrame:
        """Return all points of all scalar metrics as a table with columns name, time, step and value.

        Raises:
            UserErrorException: pandas is not installed.
        """
        return run_details.metrics_frame(self.metrics)

    # -- family ---------------------------------------------------------------------------------------------

    @property
    def parent(self) -> Run | None:
        """The run that this one is a child of."""
        parent = self.record.parent
        return Run.get(self.workspace, parent) if parent else None

    def submit_child(self, config: Any, tags: Mapping[str, str] | None = None, **options: Any) -> Run:
        """Submit a run that has this one as its parent; see :meth:`Experiment.submit`."""
        from traindock.submit import submit

        return submit(self.experiment, config, tags=tags, parent=self.id, **options)

    def child_run(
        self, name: str | None = None, run_id: str | None = None, outputs: PathLike | bool | None = None
    ) -> InteractiveRun:
        """Start a run below this one that this process logs into; see :meth:`Experiment.start_logging`.

        Args:
            name: its display name.
            run_id: its id; default is a new one.
            outputs: as for :meth:`Experiment.start_logging`.

        Raises:
            UserErrorException: this run has ended, or ``run_id`` is taken or not allowed.
            StoreException: the disk is full or refuses.
        """
        from traindock.interactive import start_child

        return start_child(self, name, run_id, outputs)

    def create_children(
        self, count: int | None = None, tag_key: str | None = None, tag_values: Iterable[Any] | None = None
    ) -> builtins.list[InteractiveRun]:
        """Start several runs below this one that this process logs into.

        Args:
            count: how many, at most 100; or
            tag_key: a tag that each of them gets, with
            tag_values: its value for each: one child for each value, at most 100.

        Raises:
            UserErrorException: neither or half of it is given, it is too many, or this run has ended.
            StoreException: the disk is full or refuses.
        """
        from traindock.interactive import start_children

        return start_children(self, count, tag_key, tag_values)

    def get_children(
        self,
        recursive: bool = False,
        tags: str | Mapping[str, str] | None = None,
        properties: str | Mapping[str, str] | None = None,
        type: str | None = None,  # noqa: A002 (Azure ML's name)
        status: str | None = None,
    ) -> Iterator[Run]:
        """Return the runs that have this one as their parent, one after the other, the newest first.

        Args:
            recursive: also their children, and so on, whatever their parents are like.
            tags: see :meth:`list`.
            properties: see :meth:`list`.
            type: see :meth:`list`.
            status: see :meth:`list`.
        """
        query = RunQuery(
            parent=self.id,
            type=run_query.kind(type),
            tags=run_query.wanted("tags", tags),
            properties=run_query.wanted("properties", properties),
            states=run_query.states(status),
        )
        return run_query.descendants(self, query) if recursive else run_query.runs(self.workspace, query)

    # -- waiting --------------------------------------------------------------------------------------------

    def wait_for_completion(
        self, show_output: bool = False, wait_post_processing: bool = False, raise_on_error: bool = True
    ) -> dict[str, Any]:
        """Wait for the run's end and return :meth:`get_details`.

        In a notebook ``await run`` does the same, and prints nothing where the run's card is shown.

        Args:
            show_output: print states and logs as they come; in a notebook that has not got it yet, show the run's card.
                One that has gets no more than the end of what was logged before.
            wait_post_processing: accepted for old notebooks; outputs are always there when the run has ended.
            raise_on_error: raise if the run failed.

        Raises:
            ActivityFailedException: it failed; the text has the reason, the last lines of its log and what to do.
            Detached: waiting was interrupted. The run goes on.
            RunNotSignedException: the run has not ended, and never will here, since it was not submitted here.
        """
        from traindock import waiting

        return waiting.wait(self, show_output=show_output, raise_on_error=raise_on_error)

    def __await__(self) -> Generator[Any, None, dict[str, Any]]:
        from traindock import waiting

        return waiting.wait_async(self, show_output=True, raise_on_error=True).__await__()
