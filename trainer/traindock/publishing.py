"""Before and after a run is published: what cannot work is refused before, and nothing that fails afterwards is raised.

From its publication on a run is executed, whatever else becomes of the call that published it. Whoever got an
exception for it would submit it again, and the script would run twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from traindock import faultpoints

if TYPE_CHECKING:
    from traindock.workspace import Workspace


def check(workspace: Workspace) -> None:
    """Check that the workspace can take up a run.

    Raises:
        StoreException: the index is of a newer version of Traindock, or the disk is full or refuses.
    """
    workspace.index.check()


def follow_up(workspace: Workspace, run_id: str) -> None:
    """Have the index and a dispatcher take up a run that was just published; what fails is told, never raised."""
    from traindock.dispatcher import start

    faultpoints.reached("submit.after-publish")
    with _only_told(f"run {run_id} was submitted, but the index stays behind until it can be written to"):
        workspace.index.catch_up()
    faultpoints.reached("submit.after-index")
    with _only_told(f"run {run_id} was submitted, and waits for a dispatcher, which could not be started"):
        start.ensure(workspace.layout)


@contextlib.contextmanager
def _only_told(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 -- whatever it was, see above
        with contextlib.suppress(OSError, ValueError):  # where the text goes may be closed, or on the same full disk
            print(f"Warning: {what}: {error}")  # noqa: T201
