"""The last steps of every run: its files are sealed, then its end is recorded."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from traindock import faultpoints
from traindock.dispatcher.endings import Ending, memory_warning
from traindock.dispatcher.leavings import leavings
from traindock.errors import StoreException
from traindock.states import State
from traindock.store.blobs import BlobStore
from traindock.store.copying import may_pass
from traindock.store.events import Event
from traindock.store.layout import RunLayout, WorkspaceLayout
from traindock.store.run_records import RunFolder
from traindock.store.sealing import seal

log = logging.getLogger(__name__)

_BEFORE_RUNNING = (State.NOT_STARTED, State.PREPARING, State.QUEUED)


def finish(workspace: WorkspaceLayout, folder: RunFolder, ending: Ending, also: Iterable[Event] = ()) -> None:
    """Seal what the run left and record its end; both may have been done by an earlier dispatcher.

    What can never be sealed stays as it is, and the run says so: it ends all the same.

    Args:
        workspace: where.
        folder: the run's record.
        ending: how it ended.
        also: what else is recorded with its end.

    Raises:
        StoreException: the disk is full or refuses; doing it again, later, goes on.
    """
    record = folder.load()
    if record.state.terminal:
        return
    if ending.state is State.COMPLETED and record.state in _BEFORE_RUNNING:
        # It ran, and what said so was damaged since.
        record = folder.transact(lambda _: [{"type": "state", "state": State.RUNNING.value}], durable=True)
    sealed = _sealed(folder.layout)
    if record.state in (State.RUNNING, State.CANCEL_REQUESTED):
        folder.advance(State.FINALIZING)
    faultpoints.reached("dispatcher.before-seal")
    told: list[Event] = [*also, *([{"type": "exit", "value": dict(ending.exit)}] if ending.exit else ())]
    if ending.state is State.COMPLETED and (text := memory_warning(ending.exit)):
        told.append({"type": "warning", "text": text})
    if text := leavings(workspace, folder.layout, record.spec.snapshot):
        told.append({"type": "warning", "text": text})
    try:
        seal(folder.layout, BlobStore(workspace.blobs))
    except StoreException as error:
        if may_pass(error):
            raise
        log.warning("%s ends without being sealed: %s", folder.id, error)
        text = f"the run's files could not be made final, and lie in {folder.layout.root} as they are: {error}"
        told.append({"type": "warning", "text": text})
    faultpoints.reached("dispatcher.after-seal")
    folder.advance(ending.state, reason=ending.reason, detail=ending.detail, also=told, since=sealed)


def _sealed(layout: RunLayout) -> float | None:
    """When the run was sealed before: then it ended, and what said so was damaged since, or never written."""
    try:
        return min(layout.sealed_json.stat().st_mtime, time.time())
    except OSError:
        return None
