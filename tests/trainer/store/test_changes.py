"""The log of changes: nobody who acts because nothing has changed misses a change."""

from __future__ import annotations

import fcntl
import os

import pytest

from traindock.store.changes import Changes
from traindock.workspace import Workspace


def test_what_is_done_if_nothing_has_changed_is_not_done_once_something_has(workspace: Workspace) -> None:
    changes, done = Changes(workspace.layout), list[str]()
    changes.announce("run/a")
    _, offset = changes.read(0)
    assert changes.unless_changed(offset, lambda: done.append("nothing new"))
    changes.announce("run/b")
    assert not changes.unless_changed(offset, lambda: done.append("b was missed"))
    assert changes.read(offset)[0] == ["run/b"]
    assert done == ["nothing new"]


def test_nobody_announces_anything_while_it_is_done(workspace: Workspace) -> None:
    changes = Changes(workspace.layout)
    changes.announce("run/a")
    tried = []

    def act() -> None:
        fd = os.open(changes.path, os.O_RDWR)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            tried.append("a writer waits")
        finally:
            os.close(fd)

    assert changes.unless_changed(changes.read(0)[1], act)
    assert tried == ["a writer waits"]
