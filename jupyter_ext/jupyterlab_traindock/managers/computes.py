"""Compute targets: made, changed and deleted; what they have, who is at work on them, and who waits for what."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from jupyterlab_traindock.errors import ApiError, not_found, without_paths
from jupyterlab_traindock.managers.answers import Answers
from jupyterlab_traindock.managers.machine import MachineManager
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from jupyterlab_traindock.managers.queue_places import QueuePlace, QueuePlaces
from jupyterlab_traindock.managers.runs import look_after
from traindock import run_queue
from traindock.compute.kinds import backend
from traindock.compute_target import ComputeTarget, ProvisioningConfiguration, class_of, kinds
from traindock.documents import timestamp
from traindock.errors import StoreException, TraindockError
from traindock.run import Run
from traindock.run_types import WITHOUT_JOB
from traindock.states import State
from traindock.store import computes
from traindock.store.files import read_json
from traindock.store.index import RunQuery, RunRow
from traindock.workspace import Workspace

#: How long an engine is waited for, and for how long its answer is believed, in seconds.
_PATIENCE_SECONDS: Final = 3.0
_KEEP_SECONDS: Final = 2.0
_GOING_ON: Final = (State.RUNNING, State.FINALIZING, State.CANCEL_REQUESTED)


@dataclass(frozen=True, slots=True)
class _Page:
    """Which of the runs that wait are told of: ``limit`` of those with a text in them, from ``offset`` on."""

    text: str
    offset: int
    limit: int


class ComputeManager:
    """The compute targets of the workspaces.

    Args:
        workspaces: what may be opened.
        machine: tells who holds which GPU.
    """

    def __init__(self, workspaces: OpenedWorkspaces, machine: MachineManager) -> None:
        self._workspaces = workspaces
        self._machine = machine
        self._answers = Answers(_PATIENCE_SECONDS, _KEEP_SECONDS)
        self._places = QueuePlaces()

    def all(self, workspace_id: str) -> list[dict[str, Any]]:
        """Describe the compute targets, "local" first."""
        workspace = self._workspaces.get(workspace_id)
        return self._described(workspace, computes.load(workspace.layout))

    def get(self, workspace_id: str, name: str) -> dict[str, Any]:
        """Describe one."""
        workspace = self._workspaces.get(workspace_id)
        return self._described(workspace, {name: _record(workspace, name)})[0]

    def create(self, workspace_id: str, asked: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """Make one.

        Args:
            workspace_id: where.
            asked: a ``NewCompute`` of the OpenAPI document.

        Returns:
            Its description with what its owner should know, and whether it is new: one with equal settings stays.

        Raises:
            ApiError: 409, where there is one of this name with other settings.
        """
        workspace = self._workspaces.get(workspace_id)
        configuration = configured(asked["kind"], asked.get("settings", {}))
        name = asked["name"]
        known = computes.load(workspace.layout).get(name)
        wanted = (configuration.kind, dict(configuration.settings))
        if known is not None and name != "local" and (known["kind"], known["settings"]) != wanted:
            raise ApiError(
                HTTPStatus.CONFLICT,
                "compute_exists",
                f"there is a compute target {name!r} with other settings",
                "Change it with PATCH …/computes/{compute}, or choose another name.",
            )
        target = ComputeTarget.create(workspace, name, configuration)
        return self._with_notices(workspace, target), known is None

    def change(self, workspace_id: str, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Change settings; runs that have been launched keep those they had.

        Args:
            workspace_id: where.
            name: of the compute target.
            settings: what is to be different; those of its kind, as the OpenAPI document has them.
        """
        workspace = self._workspaces.get(workspace_id)
        target = _changeable(workspace, name)
        target.update(**_whole(settings))
        return self._with_notices(workspace, ComputeTarget(workspace, name))

    def delete(self, workspace_id: str, name: str) -> None:
        """Delete one; runs that wait for it end as failed, and say so."""
        workspace = self._workspaces.get(workspace_id)
        _changeable(workspace, name).delete()
        self._places.forget(workspace, name)

    def queue(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the runs that are at work on a target, and a page of those that wait, in the order in which they go.

        Args:
            asked: the parameters of ``getQueue``, as the OpenAPI document has them.

        Raises:
            ApiError: 404, where there is no such target.
        """
        workspace = self._workspaces.get(asked["workspace"])
        return self._queue(workspace, asked["compute"], _Page(asked["text"] or "", asked["offset"], asked["limit"]))[0]

    def move(self, asked: Mapping[str, Any], place: Mapping[str, Any]) -> dict[str, Any]:
        """Move a run that waits, and return a page of the queue as it is then, with the run's place in it.

        Args:
            asked: the parameters of ``moveRun``, as the OpenAPI document has them.
            place: ``before`` another run, whose id it is, or to the end with None; or ``first`` of all.

        Raises:
            TraindockError: it cannot be moved, see ``run_queue.move``; nothing is changed.
        """
        workspace = self._workspaces.get(asked["workspace"])
        run = Run.get(workspace, asked["run"])
        run_queue.move(run, place.get("before"), first="first" in place)
        page = _Page("", asked["offset"], asked["limit"])
        queue, waiting = self._queue(workspace, run.record.spec.compute_target, page)
        return {**queue, "position": waiting.index(run.id) + 1 if run.id in waiting else None}

    def _queue(self, workspace: Workspace, name: str, page: _Page) -> tuple[dict[str, Any], list[str]]:
        """Return the queue of a target, and the ids of all that wait in it, in their order."""
        record = _record(workspace, name)
        look_after(workspace)
        going = _going(workspace, name)
        places = self._places.of(workspace, name, going)
        running = [row for row in going if not places[row.id].waits]
        waiting = sorted((row for row in going if places[row.id].waits), key=lambda row: places[row.id].order)
        holders = [row for row in running if row.started is not None or places[row.id].admitted]
        most = _max_nodes(name, record)
        free = most - len(holders) if most is not None else 0
        held_nodes = (
            [] if free > 0 else [{"what": "node", "device": None, "run": row.id, "user": row.user} for row in holders]
        )
        held_gpus = [
            {"what": "gpu", "device": lease["device"], "run": lease["holder"]["run"], "user": lease["holder"]["user"]}
            for lease in self._machine.leases()
            if lease["holder"] is not None
        ]
        ids = [row.id for row in waiting]
        found = [at for at, row in enumerate(waiting) if _has(row, page.text)]
        entries = []
        for at in found[page.offset : page.offset + page.limit]:
            row = waiting[at]
            entry = _entry(row, places[row.id])
            waits = row.state is State.QUEUED
            held_by = [*held_nodes, *(held_gpus if entry["gpus"] else ())] if waits else []
            beside = {"ahead": ids[at - 1] if at else None, "behind": ids[at + 1 : at + 3]}
            entries.append({**entry, "position": at + 1, "held_by": held_by, **beside})
        queue = {
            "compute": name,
            "max_nodes": most,
            "running": [{**_entry(row, places[row.id]), "devices": _devices(workspace, row.id)} for row in running],
            "waiting": entries,
            "found": len(found),
            "length": len(waiting),
        }
        return queue, ids

    def _with_notices(self, workspace: Workspace, target: ComputeTarget) -> dict[str, Any]:
        document = self._described(workspace, {target.name: _record(workspace, target.name)})[0]
        notices: Sequence[str] = ()
        if document["state"] == "ready":
            with contextlib.suppress(TraindockError):  # it was checked when it was made
                notices = target.check()
        return {**document, "warnings": [without_paths(text, self._workspaces.places()) for text in notices]}

    def _described(self, workspace: Workspace, records: Mapping[str, computes.ComputeRecord]) -> list[dict[str, Any]]:
        questions = {
            (workspace.id, name, repr(record)): partial(_describe, workspace, name, record)
            for name, record in records.items()
        }
        answers = self._answers.get(questions)
        going = {name: _going(workspace, name) for name in records}
        documents = []
        for (_, name, _), answer in answers.items():
            record = records[name]
            facts = answer if isinstance(answer, Mapping) else {}
            state, trouble = "ready", str(facts.get("trouble") or "")
            if record["kind"] not in kinds():
                state, trouble = "unknown", f"its kind {record['kind']!r} is of a newer version of Traindock"
            elif answer is None:
                state, trouble = "failed", f"its engine has not answered within {_PATIENCE_SECONDS:.0f} seconds"
            elif isinstance(answer, BaseException):
                state, trouble = "failed", str(answer)
            elif trouble:
                state = "failed"
            at_work = len([row for row in going[name] if row.started is not None])
            engine = {
                "address": facts.get("engine"),
                "kind": facts.get("engine_kind"),
                "version": facts.get("engine_version"),
            }
            documents.append(
                {
                    "name": name,
                    "kind": record["kind"],
                    "state": state,
                    "trouble": without_paths(trouble, self._workspaces.places()),
                    "settings": record["settings"],
                    "created": timestamp(record["created"] or workspace.record.created),
                    "modified": timestamp(record["modified"] or workspace.record.created),
                    "changeable": name != "local",
                    "nodes": {"max": _max_nodes(name, record), "busy": at_work, "waiting": len(going[name]) - at_work},
                    "gpu": facts.get("gpu"),
                    "devices": facts.get("devices", []),
                    "node": facts.get("node"),
                    "engine": engine if "engine" in facts else None,
                }
            )
        return documents


def configured(kind: str, settings: Mapping[str, Any]) -> ProvisioningConfiguration:
    """Return what a new compute target is to be.

    Args:
        kind: one of :func:`~traindock.compute_target.kinds`.
        settings: as JSON has them.

    Raises:
        UserErrorException: a value is not allowed.
    """
    return class_of(kind).configured(**_whole(settings))


def _whole(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with integers where JSON has whole numbers that are written as fractions, such as 6.0."""
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in settings.items()
    }


def _describe(workspace: Workspace, name: str, record: computes.ComputeRecord) -> dict[str, Any]:
    return backend(name, record["kind"], record["settings"]).describe(workspace.settings)


def _record(workspace: Workspace, name: str) -> computes.ComputeRecord:
    """Return the record of a compute target.

    Raises:
        ApiError: 404, where there is none.
    """
    record = computes.load(workspace.layout).get(name)
    if record is None:
        raise not_found("compute_not_found", f"there is no compute target {name!r} in workspace {workspace.name!r}")
    return record


def _changeable(workspace: Workspace, name: str) -> ComputeTarget:
    _record(workspace, name)
    if name == "local":
        raise ApiError(
            HTTPStatus.CONFLICT,
            "compute_fixed",
            "the compute target 'local' is always there as it is",
            "Make one of your own with POST …/computes.",
        )
    return ComputeTarget(workspace, name)


def _max_nodes(name: str, record: computes.ComputeRecord) -> int | None:
    with contextlib.suppress(TraindockError, ValueError, TypeError):
        return backend(name, record["kind"], record["settings"]).max_nodes
    return None


def _going(workspace: Workspace, name: str) -> list[RunRow]:
    """Return the runs on a target that have no end yet, those that were submitted first first."""
    mine = set(workspace.index.unfinished())
    states = tuple(state for state in State if not state.terminal)
    rows = workspace.index.runs(RunQuery(compute_target=name, states=states))
    return [row for row in reversed(rows) if row.id in mine and row.type not in WITHOUT_JOB]


def _has(row: RunRow, text: str) -> bool:
    """Whether a run has a text in its name, id, experiment or user, without regard to case."""
    wanted = text.strip().lower()
    return any(wanted in word.lower() for word in (row.display_name, row.id, row.experiment, row.user))


def _entry(row: RunRow, place: QueuePlace) -> dict[str, Any]:
    return {
        "run": row.id,
        "experiment": row.experiment,
        "number": row.number,
        "display_name": row.display_name,
        "user": row.user,
        "state": row.state.value,
        "detail": row.detail,
        "created": timestamp(row.created),
        "started": timestamp(row.started),
        "gpus": place.gpus,
        "nodes": place.nodes,
    }


def _devices(workspace: Workspace, run_id: str) -> list[str]:
    """Return the GPUs that a run was leased."""
    try:
        plan = read_json(workspace.layout.run(run_id).plan_json)
        return [device for device in plan.get("devices") or () if isinstance(device, str)]
    except (FileNotFoundError, StoreException, AttributeError, TypeError):
        return []
