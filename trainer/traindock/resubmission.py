"""Submitting a run once more: the same snapshot, and the same request but for what is to be changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from traindock import publishing, run_data
from traindock.compute_target import ComputeTarget
from traindock.errors import RunNotSignedException, UserErrorException
from traindock.names import check_strings, check_text
from traindock.script_run import count
from traindock.snapshot import load
from traindock.snapshot_checks import check_layout
from traindock.spec import RunSpec
from traindock.store.signing import Signature
from traindock.submit import checked_limit, checked_variables, flatten_arguments

if TYPE_CHECKING:
    from traindock.run import Run

#: The property that names the run that was submitted once more.
RESUBMITTED_FROM = "traindock.resubmitted_from"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is to be different; None leaves a thing as it was.

    Attributes:
        arguments: of the script, all of them.
        compute_target: a compute target, or its name.
        gpus: how many devices each node needs.
        environment_variables: added to those it had, or put over them.
        max_run_duration_seconds: after which it ends as Failed; infinity for no end.
        display_name: a name for people.
        tags: all of them.
    """

    arguments: Sequence[Any] | None = None
    compute_target: ComputeTarget | str | None = None
    gpus: int | None = None
    environment_variables: Mapping[str, str] | None = None
    max_run_duration_seconds: float | None = None
    display_name: str | None = None
    tags: Mapping[str, str] | None = None


def resubmit(run: Run, changes: Changes, request_id: str | None = None) -> Run:
    """Submit what ``run`` was once more; see :meth:`traindock.Run.resubmit`.

    Args:
        run: which.
        changes: what is to be different.
        request_id: names the wish: one that was granted already is answered with the same run, whatever else is given.
    """
    workspace, record = run.workspace, run.record
    if (granted := publishing.granted_before(workspace, request_id)) is not None:
        return granted
    if record.signature is Signature.INVALID:
        raise RunNotSignedException(
            f"run {run.id} was not submitted by you to this workspace, so that nothing of it is launched: restore its "
            "snapshot, look at it, and submit it yourself"
        )
    if not record.spec.snapshot or not (record.spec.script or record.spec.notebook or record.spec.command):
        raise UserErrorException(
            f"run {run.id} was not submitted, a notebook or a script logged into it: there is nothing to launch again"
        )
    wanted = changes.compute_target if changes.compute_target is not None else record.spec.compute_target
    target = ComputeTarget.of(workspace, wanted)
    spec = replace(_changed(record.spec, changes), compute_target=target.name)
    name = record.display_name if changes.display_name is None else changes.display_name
    tags = record.tags if changes.tags is None else changes.tags
    target.check_run(spec)
    publishing.check(workspace)
    taken = load(spec.snapshot, layout=workspace.layout)
    return publishing.publish(
        run.experiment,
        spec,
        display_name=check_text("display_name", name, 256),
        tags=check_strings("tag", tags),
        properties={**record.properties, RESUBMITTED_FROM: run.id},
        parent=record.parent,
        data=run_data.again(spec.arguments, target.backend().on_host, record.data),
        check=lambda layout: check_layout(taken, layout.work),
        request_id=request_id,
    )


def _changed(spec: RunSpec, changes: Changes) -> RunSpec:
    new: dict[str, Any] = {}
    if changes.arguments is not None:
        if spec.script is None and changes.arguments:
            what = "notebook" if spec.notebook is not None else "command"
            raise UserErrorException(f"the run has a {what}, which takes no arguments: submit it anew to change it")
        new["arguments"] = flatten_arguments(changes.arguments)
    if changes.gpus is not None:
        new["gpus"] = count("gpus", changes.gpus, 0)
    if changes.environment_variables is not None:
        added = checked_variables(changes.environment_variables)
        new["environment_variables"] = {**spec.environment_variables, **added}
    if changes.max_run_duration_seconds is not None:
        new["max_run_duration_seconds"] = checked_limit(changes.max_run_duration_seconds)
    return replace(spec, **new)
