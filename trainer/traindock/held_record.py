"""The record of a run that the calling process holds, from before anybody can see it."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traindock import run_details, run_types
from traindock.compute.held import Hold
from traindock.errors import SnapshotException, UserErrorException
from traindock.names import check_name
from traindock.spec import RunSpec
from traindock.store import run_records
from traindock.store.files import write_json
from traindock.store.layout import RunLayout
from traindock.store.locations import absolute

if TYPE_CHECKING:
    from traindock.experiment import Experiment


def publish_held(
    experiment: Experiment,
    *,
    snapshot: str,
    display_name: str,
    tags: Mapping[str, str],
    parent: str | None = None,
    run_id: str | None = None,
) -> tuple[str, Hold]:
    """Write a new interactive run that this process holds, and return its id and the hold.

    Args:
        experiment: where.
        snapshot: id of its snapshot; "" for none.
        display_name: a name for people, or "".
        tags: free strings.
        parent: id of the run that it is a child of.
        run_id: its id; default is a new one.

    Raises:
        UserErrorException: ``run_id`` is taken or not allowed.
        StoreException: the disk is full or refuses; nothing is left behind.
    """
    workspace, created = experiment.workspace, time.time()
    identifier = check_name("run id", run_id or f"{experiment.name}_{int(created)}_{secrets.token_hex(4)}")
    if workspace.layout.run(identifier).root.exists():
        raise UserErrorException(f"there is a run {identifier!r} already: choose another id")
    facts = {"display_name": str(display_name), "tags": {str(key): str(value) for key, value in tags.items()}}
    hold: Hold | None = None

    def fill(layout: RunLayout) -> None:
        nonlocal hold
        for folder in (layout.outputs, layout.logs):
            folder.mkdir()
        write_json(layout.facts_json, {**facts, "properties": {}, "arguments": []})
        hold = Hold(layout, identifier)

    try:
        run_records.publish(
            workspace.layout,
            workspace.record,
            fill,
            run_id=identifier,
            experiment=experiment.name,
            number=run_records.take_number(workspace.layout, experiment.name),
            created=created,
            turn=run_records.take_turn(workspace.layout),
            user=run_details.user_name(),
            parent=parent,
            properties={},
            spec=_spec(snapshot),
            **facts,
        )
    except BaseException:
        if hold is not None:
            hold.drop()
        raise
    assert hold is not None
    return identifier, hold


def take_snapshot(experiment: Experiment, directory: str | os.PathLike[str]) -> str:
    """Keep a snapshot of a folder, and return its id.

    Raises:
        UserErrorException: there is no such folder.
        SnapshotException: it is too large, or something in it cannot be read.
    """
    from traindock import snapshot

    source, workspace = Path(directory), experiment.workspace
    if not source.is_dir():
        raise UserErrorException(
            f"the snapshot folder {str(source)!r} {'is no folder' if source.exists() else 'does not exist'} "
            f"(looked for in {absolute('.')}); to go without a snapshot, pass snapshot_directory=None"
        )
    try:
        return snapshot.take(source, layout=workspace.layout, limits=workspace.settings.snapshot).id
    except SnapshotException as error:
        raise SnapshotException(f"{error} To go without a snapshot, pass snapshot_directory=None.") from error


def _spec(snapshot: str) -> dict[str, Any]:
    from traindock.images.recipe import Recipe

    recipe = Recipe(interpreter=sys.executable, user_managed=True)
    return RunSpec(
        snapshot=snapshot,
        compute_target="local",
        environment=recipe.to_json(),
        interpreter=sys.executable,
        type=run_types.INTERACTIVE,
    ).to_json()
