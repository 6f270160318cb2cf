"""The last steps of every run: its files are sealed, then its end is recorded."""

from __future__ import annotations

from typing import Any

from traindock import faultpoints
from traindock.dispatcher.endings import Ending
from traindock.states import State
from traindock.store.blobs import BlobStore
from traindock.store.layout import WorkspaceLayout
from traindock.store.run_records import RunFolder
from traindock.store.sealing import seal

_BEFORE_RUNNING = (State.NOT_STARTED, State.PREPARING, State.QUEUED)


def finish(workspace: WorkspaceLayout, folder: RunFolder, ending: Ending) -> None:
    """Seal what the run left and record its end; both may have been done by an earlier dispatcher.

    Raises:
        StoreException: the disk is full or refuses; doing it again, later, goes on.
    """
    record = folder.load()
    if record.state.terminal:
        return
    if ending.state is State.COMPLETED and record.state in _BEFORE_RUNNING:
        # It ran, and what said so was damaged since.
        record = folder.transact(lambda _: [{"type": "state", "state": State.RUNNING.value}], durable=True)
    if record.state in (State.RUNNING, State.CANCEL_REQUESTED):
        folder.advance(State.FINALIZING)
    faultpoints.reached("dispatcher.before-seal")
    seal(folder.layout, BlobStore(workspace.blobs))
    faultpoints.reached("dispatcher.after-seal")
    also: list[dict[str, Any]] = [{"type": "exit", "value": dict(ending.exit)}] if ending.exit else []
    folder.advance(ending.state, reason=ending.reason, detail=ending.detail, also=also)
