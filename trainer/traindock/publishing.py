"""Before and after a run is published: what cannot work is refused before, and nothing that fails afterwards is raised.

From its publication on a run is executed, whatever else becomes of the call that published it. Whoever got an
exception for it would submit it again, and the script would run twice.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from traindock import faultpoints, run_details
from traindock.store import events, run_records, submitter, wishes
from traindock.store.layout import RunLayout

if TYPE_CHECKING:
    from traindock.experiment import Experiment
    from traindock.run import Run
    from traindock.spec import RunSpec
    from traindock.workspace import Workspace


def check(workspace: Workspace) -> None:
    """Check that the index is of no newer version of Traindock, with which no dispatcher of this one could work.

    Raises:
        StoreException: it is.
    """
    workspace.index.check_version()


def granted_before(workspace: Workspace, request_id: str | None) -> Run | None:
    """Return the run that a wish was granted with; None if there is none, or no wish."""
    from traindock.run import Run

    run_id = None if request_id is None else wishes.granted(workspace.layout, request_id)
    return None if run_id is None else Run.get(workspace, run_id)


def publish(
    experiment: Experiment,
    spec: RunSpec,
    *,
    display_name: str,
    tags: Mapping[str, str],
    properties: Mapping[str, str],
    parent: str | None = None,
    warnings: Sequence[str] = (),
    data: Sequence[Mapping[str, Any]] = (),
    check: Callable[[RunLayout], None] = lambda _: None,
    request_id: str | None = None,
) -> Run:
    """Publish a run of this process's user, with this process's environment variables, and start the dispatcher.

    Args:
        experiment: whose run it is to be.
        spec: what is to be run, complete but for the submitter's variables.
        display_name: a name for people.
        tags: free strings, checked.
        properties: facts that never change.
        parent: id of the run that it is part of.
        warnings: what its owner should know, kept in its record.
        data: what it is given to learn from, see ``run_data.found``.
        check: refuses the run by raising, once its folder is known and before anything is written.
        request_id: names the wish: one that was granted already is answered with the same run.

    Raises:
        StoreException: the disk is full or refuses.
    """
    from traindock.run import Run

    workspace = experiment.workspace
    submitted_by, submitter_hash = submitter.encode(submitter.variables())
    created = time.time()
    end = secrets.token_hex(4) if request_id is None else wishes.mark(request_id)
    run_id = f"{experiment.name}_{int(created)}_{end}"
    check(workspace.layout.run(run_id))

    def fill(layout: RunLayout) -> None:
        submitter.write(layout, submitted_by)
        events.append(layout.events, *({"type": "warning", "text": text} for text in warnings))

    with wishes.granting(workspace.layout, request_id) as granted:
        if granted is not None:
            return Run.get(workspace, granted)
        run_records.publish(
            workspace.layout,
            workspace.record,
            fill,
            run_id=run_id,
            experiment=experiment.name,
            number=run_records.take_number(workspace.layout, experiment.name),
            created=created,
            turn=run_records.take_turn(workspace.layout),
            user=run_details.user_name(),
            parent=parent,
            display_name=display_name,
            tags=tags,
            properties=properties,
            data=list(data),
            request_id=request_id,
            spec={**spec.to_json(), "submitter": submitter_hash},
        )
    follow_up(workspace, run_id)
    return Run(experiment, run_id)


def follow_up(workspace: Workspace, run_id: str) -> None:
    """Have a dispatcher take up a run that was just published; what fails is told, never raised.

    The index is left to the dispatcher, and to whoever asks it next: it may be locked, or on a full disk, and a run
    that was published does not need it.
    """
    from traindock.dispatcher import start

    faultpoints.reached("submit.after-publish")
    with only_told(f"run {run_id} was submitted, and waits for a dispatcher, which could not be started"):
        start.ensure(workspace.layout)


@contextlib.contextmanager
def only_told(what: str) -> Iterator[None]:
    """Print what fails in the block, behind ``what``, for what has been done already and cannot be taken back."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 -- whatever it was, see above
        with contextlib.suppress(OSError, ValueError):  # where the text goes may be closed, or on the same full disk
            print(f"Warning: {what}: {error}")  # noqa: T201
