"""What widgets keep of runs that have ended: the newest of them alone, since a kernel may run for weeks."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Final, Protocol

from jupyterlab_traindock.live.places import Place
from jupyterlab_traindock.live.run_feed import RunFeed, wanted_of
from jupyterlab_traindock.live.subscriptions import body_of
from traindock.run import Run

#: Digests of ended runs that are kept in a kernel; one takes up to a megabyte.
MOST: Final = 50


class Sheds(Protocol):
    """Who keeps digests: a widget."""

    def shed(self, name: str) -> None:
        """Keep the digest of an ended run no longer: it is read again when somebody asks for it."""


class Kept:
    """The digests that are kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[Sheds, str], None] = {}

    def keep(self, widget: Sheds, name: str) -> None:
        """Keep a digest of an ended run, and have the oldest ones shed. The caller holds no lock of a widget."""
        with self._lock:
            self._kept.pop((widget, name), None)
            self._kept[widget, name] = None
            oldest = list(self._kept)[: max(0, len(self._kept) - MOST)]
            for one in oldest:
                del self._kept[one]
        for owner, shed in oldest:
            owner.shed(shed)

    def forget(self, widget: Sheds) -> None:
        """Know no more of a widget that was closed."""
        with self._lock:
            self._kept = {one: None for one in self._kept if one[0] is not widget}


def read_again(
    run: Run, described: Callable[[Run], dict[str, Any]], asked: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield all messages of a run that has ended, as the hub tells them.

    Args:
        run: the run.
        described: gives everything about it.
        asked: what is wanted of it, as the API has it.

    Raises:
        RunNotFoundException: the run was deleted.
        TraindockError: its record is damaged.
    """

    def describe(run: Run) -> Future[dict[str, Any]]:
        done: Future[dict[str, Any]] = Future()
        done.set_result(described(run))
        return done

    feed, place, more = RunFeed(run, describe), Place(), True
    while more:
        news = feed.news(place, wanted_of(asked))
        place, more = news.place, news.more
        yield json.loads(f"{{{body_of(news.message)}}}")
