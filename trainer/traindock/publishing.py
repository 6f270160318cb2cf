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
    """Check that the index is of no newer version of Traindock, with which no dispatcher of this one could work.

    Raises:
        StoreException: it is.
    """
    workspace.index.check_version()


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
