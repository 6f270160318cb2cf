"""Keeping a workspace on a network disk in this host's hands while its dispatcher is at work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from traindock.errors import StoreException, WorkspaceReadOnlyException
from traindock.store.ownership import Ownership

log = logging.getLogger(__name__)


class Heartbeat(threading.Thread):
    """Refreshes the owner file until it is stopped, or until another host has taken over.

    Args:
        ownership: of the workspace, which this host has.
        lost: called once when another host has it.
    """

    def __init__(self, ownership: Ownership, lost: Callable[[], None]) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._ownership = ownership
        self._lost = lost
        self._stopped = threading.Event()

    def run(self) -> None:
        """Beat; a disk that refuses is tried again, since nothing is written while the owner is not sure."""
        while not self._stopped.wait(self._ownership.beat_seconds):
            try:
                self._ownership.beat()
            except WorkspaceReadOnlyException as error:
                log.error("another host has taken over, so nothing more is launched here: %s", error)
                self._lost()
                return
            except (StoreException, OSError) as error:
                log.warning("waiting for the disk: %s", error)

    def release(self) -> None:
        """Stop, and let any host take over at once."""
        self._stopped.set()
        self.join()
        try:
            self._ownership.release()
        except (StoreException, OSError) as error:
            log.warning("other hosts have to wait until they may take over: %s", error)
