"""Follows runs and workspaces for all pages: one thread that waits for changes, reads them once, and hands them out.

States are told at once. Metrics and logs are told at most five times a second, the first of them at once after a pause.
A follower that does not take what it is sent is passed over until it does: its cursor stays, and what it missed comes
in one piece, so that no queue grows.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from jupyterlab_traindock import json_text
from jupyterlab_traindock.errors import ApiError
from jupyterlab_traindock.live.list_feed import ListFeed
from jupyterlab_traindock.live.places import Place, place_of
from jupyterlab_traindock.live.run_feed import RunFeed, Wanted, wanted_of
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from traindock.errors import TraindockError
from traindock.run import Run
from traindock.store.watch import POLL_SECONDS, Watcher

#: Seconds between two rounds of metrics and logs.
ROUND_SECONDS: Final = 0.2
#: Seconds between two looks whether dispatchers of followed runs are at work, and whether what is followed is there.
UPKEEP_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class Follower(Protocol):
    """Who gets messages: a page's connection. Called by the hub's thread."""

    def takes(self) -> bool:
        """Whether it can be sent more just now."""

    def send(self, text: str) -> None:
        """Send it a message; must not block."""

    def refuse(self, name: str, error: BaseException) -> None:
        """Tell it that a subscription came to nothing, or has ended, and why."""


@dataclass(eq=False)
class _Subscription:
    """One run or list that one page follows.

    Attributes:
        name: as the page calls it.
        follower: the page.
        feed: what it follows.
        wanted: of a run, what it wants to know.
        place: of a run, what it has.
        cursor: of a list, what it has.
        fresh: whether it was told nothing yet.
    """

    name: str
    follower: Follower
    feed: RunFeed | ListFeed
    wanted: Wanted = field(default_factory=Wanted)
    place: Place = field(default_factory=Place)
    cursor: str = ""
    fresh: bool = True


class Hub:
    """See the module.

    Args:
        workspaces: what may be opened.
        describe: gives everything about a run.
        failed: is told of what nobody asked for and is a fault of ours.
    """

    def __init__(
        self,
        workspaces: OpenedWorkspaces,
        describe: Callable[[Run], dict[str, Any]],
        failed: Callable[[BaseException], None] = lambda error: _log.exception("live", exc_info=error),
    ) -> None:
        self._workspaces = workspaces
        self._describe = describe
        self._failed = failed
        self._commands: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self._feeds: dict[tuple[str, str], RunFeed | ListFeed] = {}
        self._followed: dict[RunFeed | ListFeed, list[_Subscription]] = {}
        self._by_path: dict[Path, list[_Subscription]] = {}
        self._behind: set[_Subscription] = set()
        self._urgent: set[_Subscription] = set()

    # -- for the loop's thread -------------------------------------------------------------------------------

    def follow_run(self, follower: Follower, name: str, workspace: str, run: str, asked: Mapping[str, Any]) -> None:
        """Have ``follower`` told of a run; what is wrong with that, it is told as well."""
        self._do(lambda: self._follow_run(follower, name, workspace, run, asked))

    def follow_list(self, follower: Follower, name: str, workspace: str, cursor: str | None) -> None:
        """Have ``follower`` told of what changes in a workspace."""
        self._do(lambda: self._follow_list(follower, name, workspace, cursor))

    def leave(self, follower: Follower, name: str | None = None) -> None:
        """End one subscription of a follower, or all of them."""
        self._do(lambda: self._leave(follower, name))

    def resume(self) -> None:
        """Look again at followers that took nothing more."""
        self._wake()

    def stop(self) -> None:
        """End the thread; nothing is told any more."""
        with self._lock:
            self._stopping = True
            thread = self._thread
        self._wake()
        if thread is not None:
            thread.join(10)
        with self._lock:
            for descriptor in (self._woken, self._waker):
                os.close(descriptor)
            self._woken = self._waker = -1

    def _do(self, command: Callable[[], None]) -> None:
        with self._lock:
            if self._stopping:
                return
            self._commands.append(command)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="traindock live", daemon=True)
                self._thread.start()
        self._wake()

    def _wake(self) -> None:
        with self._lock, contextlib.suppress(BlockingIOError):
            if self._waker >= 0:
                os.write(self._waker, b"\0")

    # -- for the hub's own thread ----------------------------------------------------------------------------

    def _work(self) -> None:
        with Watcher() as states, Watcher(recursive=True) as data:
            self._states, self._data = states, data
            next_round = next_upkeep = time.monotonic()
            while not self._stopping:
                self._sleep(next_round, next_upkeep)
                try:
                    self._obey()
                    self._note(states.wait(0), urgent=True)
                    now = time.monotonic()
                    if now >= next_round:
                        self._note(data.wait(0))
                        if self._tell(self._behind):
                            next_round = time.monotonic() + ROUND_SECONDS
                    else:
                        self._tell(self._urgent)
                    if now >= next_upkeep:
                        self._look_after()
                        next_upkeep = time.monotonic() + UPKEEP_SECONDS
                except Exception as error:  # noqa: BLE001 -- one fault must not end what all pages live on
                    self._failed(error)
                    time.sleep(ROUND_SECONDS)

    def _sleep(self, next_round: float, next_upkeep: float) -> None:
        """Wait for a command, a change, or the time of what is to be done next."""
        now = time.monotonic()
        until = [next_upkeep] if self._feeds else []
        poller = select.poll()
        poller.register(self._woken, select.POLLIN)
        watchers = [self._states]
        if now < next_round or any(one.follower.takes() for one in self._behind):
            until.append(next_round)
        else:
            watchers.append(self._data)
        for watcher in watchers:
            descriptor = watcher.fileno()
            if descriptor is not None:
                poller.register(descriptor, select.POLLIN)
            if watcher.polls:
                until.append(now + POLL_SECONDS)
        timeout = None if not until else max(0, -int((now - min(until)) * 1000 // 1))
        poller.poll(timeout)
        with contextlib.suppress(BlockingIOError):
            while os.read(self._woken, 4096):
                pass

    def _obey(self) -> None:
        while self._commands:
            self._commands.popleft()()

    def _note(self, changed: set[Path], *, urgent: bool = False) -> None:
        for path in changed:
            subscriptions = self._by_path.get(path, ())
            self._behind.update(subscriptions)
            if urgent:
                self._urgent.update(subscriptions)

    def _tell(self, due: set[_Subscription]) -> bool:
        """Tell what is new to those of ``due`` that take it; return whether there was anybody."""
        taking = [one for one in due if one.follower.takes()]
        answers: dict[object, _Answer] = {}
        for one in taking:
            key = (one.feed, one.place, one.wanted) if isinstance(one.feed, RunFeed) else (one.feed, one.cursor)
            if key not in answers:
                answers[key] = self._ask(one)
            answer = answers[key]
            self._urgent.discard(one)
            if answer.error is not None:
                self._drop(one)
                one.follower.refuse(one.name, answer.error)
                continue
            one.place, one.cursor = answer.place, answer.cursor
            if not answer.more:
                self._behind.discard(one)
            if answer.body or one.fresh:
                head = {"name": one.name, "cursor": answer.cursor, **({"more": True} if answer.more else {})}
                one.fresh = False
                one.follower.send(f"{json.dumps(head)[:-1]}{', ' if answer.body else ''}{answer.body}}}")
        return bool(taking)

    def _ask(self, one: _Subscription) -> _Answer:
        """Return what is new for a subscription, and all others at the same place of the same feed."""
        try:
            if isinstance(one.feed, RunFeed):
                news = one.feed.news(one.place, one.wanted)
                return _Answer(_body(news.message), news.place.cursor(), news.place, news.more)
            message, cursor = one.feed.news(one.cursor)
            return _Answer(_body(message), cursor)
        except (ApiError, TraindockError, OSError) as error:
            return _Answer(error=self._reason(one.feed, error))

    def _follow_run(self, follower: Follower, name: str, workspace: str, run: str, asked: Mapping[str, Any]) -> None:
        def make() -> RunFeed:
            return RunFeed(Run.get(self._workspaces.get(workspace), run), self._describe)

        def subscribe() -> _Subscription:
            place = place_of(asked.get("cursor"))
            return _Subscription(name, follower, self._feed(workspace, run, make), wanted_of(asked), place)

        self._subscribe(follower, name, subscribe)

    def _follow_list(self, follower: Follower, name: str, workspace: str, cursor: str | None) -> None:
        def make() -> ListFeed:
            return ListFeed(self._workspaces.get(workspace))

        def subscribe() -> _Subscription:
            feed = self._feed(workspace, "", make)
            assert isinstance(feed, ListFeed)
            return _Subscription(name, follower, feed, cursor=feed.end() if cursor is None else cursor)

        self._subscribe(follower, name, subscribe)

    def _subscribe(self, follower: Follower, name: str, make: Callable[[], _Subscription]) -> None:
        self._leave(follower, name)
        try:
            made = make()
        except (ApiError, TraindockError, OSError) as error:
            follower.refuse(name, error)
            return
        first = made.feed not in self._followed
        self._followed.setdefault(made.feed, []).append(made)
        for path, watcher in self._paths(made.feed):
            self._by_path.setdefault(path, []).append(made)
            if first:
                watcher.add(path)
        if first and isinstance(made.feed, RunFeed):
            self._try(made.feed, made.feed.look_after)
        self._behind.add(made)
        self._urgent.add(made)

    def _feed(self, workspace: str, run: str, make: Callable[[], RunFeed | ListFeed]) -> RunFeed | ListFeed:
        key = (workspace, run)
        if key not in self._feeds:
            self._feeds[key] = make()
        return self._feeds[key]

    def _paths(self, feed: RunFeed | ListFeed) -> list[tuple[Path, Watcher]]:
        if isinstance(feed, ListFeed):
            return [(feed.path, self._states)]
        return [(feed.events_path, self._states), *((path, self._data) for path in feed.data_paths)]

    def _leave(self, follower: Follower, name: str | None) -> None:
        for one in [one for group in self._followed.values() for one in group]:
            if one.follower is follower and name in (None, one.name):
                self._drop(one)

    def _drop(self, one: _Subscription) -> None:
        self._behind.discard(one)
        self._urgent.discard(one)
        group = self._followed.get(one.feed, [])
        if one not in group:
            return
        group.remove(one)
        for path, watcher in self._paths(one.feed):
            self._by_path[path].remove(one)
            if not self._by_path[path]:
                del self._by_path[path]
                watcher.remove(path)
        if not group:
            del self._followed[one.feed]
            self._feeds = {key: feed for key, feed in self._feeds.items() if feed is not one.feed}

    def _look_after(self) -> None:
        """Have dispatchers at work, and notice workspaces that were moved or deleted."""
        for (workspace, _), feed in list(self._feeds.items()):
            self._try(feed, partial(self._workspaces.get, workspace))
            if isinstance(feed, RunFeed) and feed in self._followed:
                self._try(feed, feed.look_after)

    def _try(self, feed: RunFeed | ListFeed, act: Callable[[], object]) -> None:
        """Do something for a feed; if that fails, its followers are told, and it is followed no more."""
        try:
            act()
        except (ApiError, TraindockError, OSError) as error:
            reason = self._reason(feed, error)
            for one in list(self._followed.get(feed, ())):
                self._drop(one)
                one.follower.refuse(one.name, reason)

    def _reason(self, feed: RunFeed | ListFeed, error: BaseException) -> BaseException:
        """Return why a feed failed: that its workspace is gone, where it is, else the error itself."""
        try:
            self._workspaces.get(feed.workspace.id)
        except ApiError as gone:
            return gone
        return error


@dataclass(frozen=True)
class _Answer:
    body: str = ""
    cursor: str = ""
    place: Place = field(default_factory=Place)
    more: bool = False
    error: BaseException | None = None


def _body(message: Mapping[str, Any]) -> str:
    """Return a message as JSON without its braces: those who are at the same place get it under their own names."""
    return json_text.of_plain(message)[1:-1].decode()
