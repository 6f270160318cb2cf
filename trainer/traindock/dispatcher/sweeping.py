"""Removing what is left of runs that are over or deleted, again and again where something is in the way."""

from __future__ import annotations

import logging
import threading
from typing import Final

from traindock.compute.kinds import backend
from traindock.errors import RunNotFoundException, TraindockError
from traindock.store import computes, deleting
from traindock.workspace import Workspace

log = logging.getLogger(__name__)

_AGAIN_SECONDS: Final = 10.0


class Sweeper:
    """Sweeps a workspace and its compute targets, on a thread of its own while there is anything to sweep.

    Args:
        workspace: whose runs.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._guard = threading.Lock()
        self._wanted = False
        self._thread: threading.Thread | None = None
        self._leaving = threading.Event()

    def sweep(self) -> None:
        """Sweep soon; returns at once."""
        with self._guard:
            self._wanted = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="sweep", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Leave what is not swept to the next dispatcher."""
        self._leaving.set()

    def _work(self) -> None:
        told = ""
        while True:
            with self._guard:
                if not self._wanted or self._leaving.is_set():
                    self._thread = None
                    return
                self._wanted = False
            trouble = self._sweep_all()
            if trouble and trouble != told:
                log.warning("what may be left of runs is removed later: %s", trouble)
            if trouble:
                self._wanted = True
                self._leaving.wait(_AGAIN_SECONDS)
            told = trouble

    def _sweep_all(self) -> str:
        """Return what kept something from being swept, or ""."""
        trouble = []
        if found := deleting.finish(self._workspace.layout).trouble:
            trouble.append(f"deleted runs: {found}")
        try:
            targets = computes.load(self._workspace.layout)
        except TraindockError as error:
            return "; ".join([*trouble, str(error)])
        for name, target in targets.items():
            try:
                backend(name, target["kind"], target["settings"]).sweep(self._workspace.id, self._is_over)
            except TraindockError as error:
                trouble.append(f"compute target {name!r}: {error}")
        self._sweep_former()
        return "; ".join(trouble)

    def _sweep_former(self) -> None:
        """Sweep where targets were before they were changed or deleted, and forget it once no run goes on there."""
        layout = self._workspace.layout
        try:
            going_on = self._workspace.index.has_unfinished()
            for record in computes.former(layout):
                backend("former", record["kind"], record["settings"]).sweep(self._workspace.id, self._is_over)
                if not going_on:
                    computes.forget_former(layout, record)
        except (TraindockError, KeyError, TypeError) as error:  # an engine that is gone for good is asked once a start
            log.info("what may be left of runs on a former compute target is looked for later: %s", error)

    def _is_over(self, run_id: str) -> bool:
        try:
            return self._workspace.run_folder(run_id).load().state.terminal
        except RunNotFoundException:
            return True
