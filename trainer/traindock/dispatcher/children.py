"""The child runs that a job makes by requests: made here, named by the request, and ended with the job at the latest.

A child has no process of its own, so it has no driver either: its job's driver makes it, ends it when the job says
so, and ends those that are left when the job ends. Its id follows from the request, so that a request which a
dispatcher died over makes no second one.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from traindock import run_types
from traindock.compute.base import Outcome
from traindock.compute.held import note_failure
from traindock.dispatcher.endings import Ending
from traindock.dispatcher.finish import finish
from traindock.dispatcher.held import ending_of_held
from traindock.errors import IndexBusyException, TraindockError, UserErrorException
from traindock.names import check_name
from traindock.run import Run
from traindock.states import Reason, State
from traindock.store import events, run_records
from traindock.store.child_folders import hand_out, take_back
from traindock.store.files import write_json
from traindock.store.index import RunQuery
from traindock.store.layout import RunLayout
from traindock.store.run_records import RunFolder, RunRecord, run_ids
from traindock.workspace import Workspace

#: Children that one job can make, and by one request.
MAX_CHILDREN: Final = 1000
MAX_AT_ONCE: Final = 100
MAX_NAME: Final = 256

_AT_ONCE: Final = (State.PREPARING, State.QUEUED, State.RUNNING)


class Children:
    """The children of one job.

    Args:
        workspace: where.
        job: the run whose job makes them.
    """

    def __init__(self, workspace: Workspace, job: RunFolder) -> None:
        self._workspace = workspace
        self._job = job
        self._known: dict[str, bool] | None = None  # id by id, whether it has ended

    def get(self, run_id: object) -> Run:
        """Return the run of this job that a request is about: its own, or a child that it has made.

        Raises:
            UserErrorException: it is neither.
        """
        if run_id != self._job.id and run_id not in self._all():
            raise UserErrorException(f"{run_id!r} is neither the run of this job nor a child that it has made")
        return Run.get(self._workspace, str(run_id))

    def make(
        self,
        parent: Run,
        request: str,
        tags: Sequence[Mapping[str, str]],
        *,
        name: object = None,
        run_id: object = None,
    ) -> list[dict[str, str]]:
        """Make one running child for each entry of ``tags``, or find those that this request has made already.

        Args:
            parent: the job's own run, or one of its children.
            request: id of the request.
            tags: free strings for each child.
            name: display name, if any.
            run_id: id of the one child, if the job wants a certain one.

        Returns:
            For each child the variables by which a job's code finds it, see ``runtime.context``.

        Raises:
            UserErrorException: too many, ``run_id`` is taken or not allowed, or the parent has ended.
            StoreException: the disk is full or refuses.
        """
        if not 0 < len(tags) <= MAX_AT_ONCE:
            raise UserErrorException(f"{len(tags)} children at once: ask for 1 to {MAX_AT_ONCE}")
        if name is not None and (not isinstance(name, str) or len(name) > MAX_NAME):
            raise UserErrorException(
                f"a child's name is a text of at most {MAX_NAME} characters, not {str(name)[:80]!r}"
            )
        record = parent.record
        found = []
        for number, own_tags in enumerate(tags):
            source = f"{self._job.id}/{request}/{number}"
            given = check_name("run id", run_id) if run_id is not None else None
            digest = hashlib.sha256(source.encode()).hexdigest()[:12]
            child = given or f"{record.experiment}_{int(record.created)}_{digest}"
            if not self._made(child, source):
                if record.state.terminal:
                    raise UserErrorException(
                        f"run {record.id} has ended ({record.state}) and can have no more children"
                    )
                if len(self._all()) >= MAX_CHILDREN:
                    raise UserErrorException(f"run {self._job.id} has {MAX_CHILDREN} children, and can have no more")
                self._publish(record, child, source, own_tags, name or "")
            self._all().setdefault(child, False)
            found.append(self._variables(child, record.id))
        return found

    def end(self, child: Run, exit_record: Mapping[str, Any]) -> None:
        """End a child as its job's code says; one that has ended stays as it is.

        Args:
            child: of :meth:`get`.
            exit_record: as :mod:`traindock.compute.held` writes them.

        Raises:
            UserErrorException: ``child`` is the job's own run, whose end is its process's.
        """
        if child.id == self._job.id:
            raise UserErrorException(f"run {child.id} ends when its script ends, and cannot be ended by a request")
        folder = self._workspace.run_folder(child.id)
        for below in self._below(child.id):
            self.end(below, exit_record)
        record = folder.load()
        if not record.state.terminal:
            take_back(folder.layout)
            outcome = Outcome(_checked(exit_record))
            finish(self._workspace.layout, folder, ending_of_held(outcome, record, folder.layout))
        self._all()[child.id] = True

    def end_all(self, ending: Ending) -> None:
        """End the children that are left as their job ends; must be done before the job's own end is recorded."""
        # The youngest first: nobody sees a child that goes on below one that has ended.
        for run_id in reversed([run_id for run_id, ended in self._all().items() if not ended]):
            take_back(self._workspace.layout.run(run_id))
            end_with_parent(self._workspace, run_id, self._job.id, ending)
            self._all()[run_id] = True
        shutil.rmtree(self._job.layout.children, ignore_errors=True)

    def _is_contained(self) -> bool:
        """Whether the job has not the workspace's folders, but only its own, see ``store.child_folders``."""
        return self._job.layout.children.is_dir()

    def _all(self) -> dict[str, bool]:
        if self._known is None:
            try:
                self._known = self._descendants(self._by_index)
            except IndexBusyException:
                self._known = self._descendants(self._by_records().__getitem__)
        return self._known

    def _descendants(self, children_of: Callable[[str], Iterable[tuple[str, bool]]]) -> dict[str, bool]:
        found: dict[str, bool] = {}
        parents = [self._job.id]
        while parents:
            for run_id, ended in children_of(parents.pop()):
                found[run_id] = ended
                parents.append(run_id)
        return found

    def _below(self, run_id: str) -> list[Run]:
        try:
            children = self._by_index(run_id)
        except IndexBusyException:
            children = self._by_records()[run_id]
        return [self.get(child) for child, ended in children if not ended]

    def _by_index(self, run_id: str) -> list[tuple[str, bool]]:
        """Return the children of a run, the oldest first, and whether each has ended."""
        rows = self._workspace.index.hasty.runs(RunQuery(parent=run_id, type=run_types.CHILD))
        return [(row.id, row.state.terminal) for row in reversed(rows)]

    def _by_records(self) -> dict[str, list[tuple[str, bool]]]:
        """Return those of all runs, by reading all: neither job nor its end waits for who has the index locked."""
        found = []
        for run_id in run_ids(self._workspace.layout):
            with contextlib.suppress(TraindockError):  # gone or damaged, as it would be missing in the index
                record = self._workspace.run_folder(run_id).load()
                if record.parent is not None and record.spec.type == run_types.CHILD:
                    found.append((record.turn, run_id, record.parent, record.state.terminal))
        by_parent: dict[str, list[tuple[str, bool]]] = defaultdict(list)
        for _, run_id, parent, ended in sorted(found):
            by_parent[parent].append((run_id, ended))
        return by_parent

    def _made(self, run_id: str, source: str) -> bool:
        folder = self._workspace.run_folder(run_id)
        if not folder.layout.run_json.exists():
            return False
        if folder.document().get("request") != source:
            raise UserErrorException(f"there is a run {run_id!r} already: choose another id")
        return True

    def _publish(self, parent: RunRecord, run_id: str, source: str, tags: Mapping[str, str], name: str) -> None:
        workspace = self._workspace
        # Only the one dispatcher makes children: what lies there is left of one that died.
        shutil.rmtree(workspace.layout.run(f".new-{run_id}").root, ignore_errors=True)

        def fill(layout: RunLayout) -> None:
            for folder in (layout.outputs, layout.logs):
                folder.mkdir()
            facts = {"display_name": name, "tags": dict(tags), "properties": {}, "arguments": []}
            write_json(
                layout.facts_json, {**facts, "target": parent.spec.compute_target, "snapshot": parent.spec.snapshot}
            )
            # The job is running already, and so the child is.
            events.append(layout.events, *({"type": "state", "state": state.value} for state in _AT_ONCE))
            if self._is_contained():
                hand_out(layout, self._job.layout, run_id)

        run_records.publish(
            workspace.layout,
            workspace.record,
            fill,
            run_id=run_id,
            experiment=parent.experiment,
            number=run_records.take_number(workspace.layout, parent.experiment),
            created=time.time(),
            turn=run_records.take_turn(workspace.layout),
            user=parent.user,
            parent=parent.id,
            display_name=name,
            tags=dict(tags),
            properties={},
            request=source,
            spec=replace(
                parent.spec, type=run_types.CHILD, submitter="", gpus=0, max_run_duration_seconds=None
            ).to_json(),
        )

    def _variables(self, run_id: str, parent: str) -> dict[str, str]:
        layout = self._job.layout.child(run_id) if self._is_contained() else self._workspace.layout.run(run_id)
        number = self._workspace.run_folder(run_id).document()["number"]
        return {
            "TRAINDOCK_RUN_ID": run_id,
            "AZUREML_RUN_ID": run_id,
            "TRAINDOCK_RUN_NUMBER": str(number),
            "TRAINDOCK_PARENT_RUN_ID": parent,
            "TRAINDOCK_JOB_RUN_ID": self._job.id,
            "TRAINDOCK_METRICS_DIR": str(layout.metrics),
            "TRAINDOCK_OUTPUTS_DIR": str(layout.outputs),
            "TRAINDOCK_LOGS_DIR": str(layout.logs),
            "TRAINDOCK_UPLOADS_DIR": str(layout.uploads),
            "TRAINDOCK_DRIVER_DIR": str(layout.driver),
            "TRAINDOCK_RUN_JSON": str(layout.facts_json),
        }


def _checked(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return of an exit record that a script wrote what has the form of one."""
    code, error = record.get("exit_code"), record.get("error")
    checked: dict[str, Any] = {
        "exit_code": code if type(code) is int else 1,
        "canceled": record.get("canceled") is True,
    }
    for name in ("started", "ended", "seconds"):
        value = record.get(name)
        checked[name] = float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0
    if isinstance(error, dict):
        checked["error"] = {name: str(error.get(name) or "")[:4000] for name in ("type", "message")}
        lines = error.get("traceback")
        if isinstance(lines, list):
            checked["error"]["traceback"] = [str(line)[:300] for line in lines[-100:]]
    return checked


def end_with_parent(workspace: Workspace, run_id: str, parent: str, ending: Ending) -> None:
    """End one child for the reason for which its parent ends."""
    folder = workspace.run_folder(run_id)
    record = folder.load()
    if record.cancel_requested and not record.state.terminal:
        own = Ending(Reason.CANCELED_BY_USER, f"canceled by {record.cancel_requested_by}")
    else:
        own = Ending(ending.reason, f"ended with the job of {parent}{': ' if ending.detail else ''}{ending.detail}")
    if own.state is State.FAILED:
        note_failure(folder.layout, own.detail)
    finish(workspace.layout, folder, own)


def notice_child(workspace: Workspace, record: RunRecord) -> None:
    """Take in a change to a child that has not ended: somebody asked for its end, or it outlived its parent.

    A cancel shows as CancelRequested; the child ends as Canceled as soon as its job's code ends it, or with its job.
    """
    folder = workspace.run_folder(record.id)
    if record.cancel_requested and record.state is State.RUNNING:

        def decide(now: RunRecord) -> list[dict[str, Any]]:
            return [{"type": "state", "state": State.CANCEL_REQUESTED.value}] if now.state is State.RUNNING else []

        folder.transact(decide, durable=True)
    parent = workspace.run_folder(str(record.parent)).load()
    if parent.state.terminal and parent.reason is not None:
        take_back(workspace.run_folder(record.id).layout)
        end_with_parent(workspace, record.id, parent.id, Ending(parent.reason, parent.detail))
