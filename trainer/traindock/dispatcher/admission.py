"""The last look before a run is launched: whether somebody has moved runs of the queues since it got its nodes.

Whoever moves a run is told that it was moved only if it, and the run before which it goes, had not begun. So both that
and the beginning are recorded under one lock. The queue in memory may not know yet of a move that is recorded: then it
is told, and whoever has got nodes gives them back and waits once more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from traindock.compute.leases import Lease
from traindock.dispatcher.queue import Demand, NodeQueue
from traindock.errors import StoreException, TraindockError
from traindock.store import queue_moves
from traindock.store.run_records import RunFolder
from traindock.workspace import Workspace


class Admission:
    """Admits runs of one workspace; may be shared by threads.

    Args:
        workspace: where the runs are.
        queue: where they wait.

    Attributes:
        queue: likewise.
    """

    def __init__(self, workspace: Workspace, queue: NodeQueue) -> None:
        self.queue = queue
        self._workspace = workspace

    def begin(self) -> None:
        """Have the queue know how often runs were moved. To be called while it is empty: what joins it is read later.

        Where the disk refuses, the first run that is to be admitted waits once more.
        """
        with contextlib.suppress(StoreException), queue_moves.moving(self._workspace.layout) as moves:
            self.queue.take_in(moves.count, {})

    def acquire(
        self, folder: RunFolder, demand: Demand, withdrawn: Callable[[], bool], tell: Callable[[str], None]
    ) -> Lease | None:
        """Wait until a run may be launched, and record that it is; else as ``NodeQueue.acquire``.

        Raises:
            StoreException: the disk is full or refuses; the run has no nodes.
        """
        if folder.load().admitted:  # by a dispatcher that died, or to a launch that came to nothing
            folder.append({"type": "admitted", "value": False})
        while True:
            lease = self.queue.acquire(demand, withdrawn, tell)
            admitted = False
            try:
                admitted = self._admit(folder)
            finally:
                if not admitted:
                    if lease is not None:
                        lease.release()
                    self.queue.give_back(demand.target, demand.run_id, folder.load().order)
            if admitted:
                return lease

    def _admit(self, folder: RunFolder) -> bool:
        """Record that a run begins; False if others may go first now, of which the queue has been told."""
        with queue_moves.moving(self._workspace.layout) as moves:
            if moves.count == self.queue.known_at_grant(folder.id):
                folder.append({"type": "admitted", "value": True})
                return True
            orders = {}
            for run_id in self.queue.runs():
                with contextlib.suppress(TraindockError, OSError):  # its own driver finds out what the matter is
                    orders[run_id] = self._workspace.run_folder(run_id).load().order
            self.queue.take_in(moves.count, orders)
            return False
