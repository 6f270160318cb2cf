"""Wishes for a run, each of which is granted once, however often it is asked for.

Whoever gets no answer to a submit, since a proxy has given up or the server was restarted, cannot know whether there is
a run now, and asks again. A wish has a name of its asker's, which its run keeps in ``run.json`` as ``request_id``, and
of which the end of the run's id is made: so its run is found among the names of the folders, with neither the index,
for which a submit does not wait, nor a file for each wish.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator

from traindock.errors import StoreException
from traindock.store.copying import storage_error
from traindock.store.events import locked
from traindock.store.files import read_json
from traindock.store.layout import WorkspaceLayout
from traindock.store.run_records import run_ids


def mark(request_id: str) -> str:
    """Return the end of the id of a wish's run: 8 hexadecimal digits, which other runs' may have, too."""
    return hashlib.sha256(request_id.encode()).hexdigest()[:8]


def granted(workspace: WorkspaceLayout, request_id: str) -> str | None:
    """Return the id of the run that a wish was granted with; None if there is none, or it was deleted."""
    for run_id in run_ids(workspace, f"_{mark(request_id)}"):
        with contextlib.suppress(OSError, StoreException):  # it is just being deleted, or damaged
            document = read_json(workspace.run(run_id).run_json)
            if isinstance(document, dict) and document.get("request_id") == request_id:
                return run_id
    return None


@contextlib.contextmanager
def granting(workspace: WorkspaceLayout, request_id: str | None) -> Iterator[str | None]:
    """Keep all others from granting wishes, and return what :func:`granted` does; nothing where there is no wish.

    Raises:
        StoreException: the disk refuses.
    """
    if request_id is None:
        yield None
        return
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(locked(workspace.wishes_lock))
        except OSError as error:
            raise storage_error(error, f"open {workspace.wishes_lock}") from error
        yield granted(workspace, request_id)
