"""Follows runs and workspaces for all pages: one thread that waits for changes, reads them once, and hands them out.

States are told at once. Metrics and logs are told at most five times a second, the first of them at once after a pause.
A follower that does not take what it is sent is passed over until it does: its cursor stays, and what it missed comes
in one piece, so that no queue grows.

Whatever goes wrong with a run or a list ends that subscription alone, and its followers are told why.
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
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from jupyterlab_traindock.errors import ApiError, trouble_document
from jupyterlab_traindock.live.list_feed import ListFeed
from jupyterlab_traindock.live.places import place_of
from jupyterlab_traindock.live.run_feed import RunFeed, wanted_of
from jupyterlab_traindock.live.subscriptions import Answer, Follower, Subscription, body_of, by_feed
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from traindock.errors import TraindockError
from traindock.run import Run
from traindock.store.watch import POLL_SECONDS, Watcher

#: Seconds between two rounds of metrics and logs.
ROUND_SECONDS: Final = 0.2
#: Seconds between two looks whether dispatchers of followed runs are at work, and whether what is followed is there.
UPKEEP_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class Hub:
    """See the module.

    Args:
        workspaces: what may be opened.
        describe: gives everything about a run; called in a thread of its own, since it reads all that a run has left.
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
        self._describing = ThreadPoolExecutor(1, "traindock describe")
        self._commands: deque[tuple[Callable[[], None], Future[None]]] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self._feeds: dict[tuple[str, str], RunFeed | ListFeed] = {}
        self._followed: dict[RunFeed | ListFeed, list[Subscription]] = {}
        self._by_path: dict[Path, list[Subscription]] = {}
        self._by_follower: dict[Follower, dict[str, Subscription]] = {}
        # In the order in which they are told: who was told goes to the end, so that all get their turn.
        self._behind: dict[Subscription, None] = {}
        self._urgent: dict[Subscription, None] = {}

    # -- for the loop's thread -------------------------------------------------------------------------------

    def follow_run(
        self, follower: Follower, name: str, workspace: str, run: str, asked: Mapping[str, Any]
    ) -> Future[None]:
        """Have ``follower`` told of a run; what is wrong with that, it is told as well.

        Returns:
            What is done once it is followed or refused: whoever waits for that never has many requests on the way.
        """
        return self._do(lambda: self._follow_run(follower, name, workspace, run, asked))

    def follow_list(self, follower: Follower, name: str, workspace: str, cursor: str | None) -> Future[None]:
        """Have ``follower`` told of what changes in a workspace; returns what :meth:`follow_run` does."""
        return self._do(lambda: self._follow_list(follower, name, workspace, cursor))

    def leave(self, follower: Follower, name: str | None = None) -> Future[None]:
        """End one subscription of a follower, or all of them; returns what is done then."""
        return self._do(lambda: self._leave(follower, name))

    def followed(self, follower: Follower) -> int:
        """Return how many runs and lists a follower follows, as far as the hub has got."""
        return len(self._by_follower.get(follower, ()))

    def follows(self, follower: Follower, name: str) -> bool:
        """Whether a follower follows something under this name, as far as the hub has got."""
        return name in self._by_follower.get(follower, ())

    def resume(self) -> None:
        """Look again at followers that took nothing more."""
        self._wake()

    def stop(self) -> None:
        """End the thread; nothing is told any more. More than once does no harm."""
        with self._lock:
            self._stopping = True
            thread = self._thread
        self._wake()
        self._describing.shutdown(wait=False, cancel_futures=True)
        if thread is not None:
            thread.join(10)
        with self._lock:
            while self._commands:
                self._commands.popleft()[1].set_result(None)
            for descriptor in {self._woken, self._waker} - {-1}:
                os.close(descriptor)
            self._woken = self._waker = -1

    def _do(self, command: Callable[[], None]) -> Future[None]:
        done: Future[None] = Future()
        with self._lock:
            if self._stopping:
                done.set_result(None)
                return done
            self._commands.append((command, done))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="traindock live", daemon=True)
                self._thread.start()
        self._wake()
        return done

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
                        if self._tell():
                            next_round = time.monotonic() + ROUND_SECONDS
                    else:
                        self._tell_states()
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
            command, done = self._commands.popleft()
            try:
                command()
            except Exception as error:  # noqa: BLE001 -- the next ones are others'
                self._failed(error)
            done.set_result(None)

    def _note(self, changed: set[Path], *, urgent: bool = False) -> None:
        for path in changed:
            subscriptions = dict.fromkeys(self._by_path.get(path, ()))
            self._behind.update(subscriptions)
            if urgent:
                self._urgent.update(subscriptions)

    def _tell(self) -> bool:
        """Tell all that is new to those who are behind and take it; return whether there was anybody."""
        told = [self._tell_group(group) for group in by_feed(self._behind)]
        return any(told)

    def _tell_states(self) -> None:
        """Tell what cannot wait for the next round: changes of lists, and of the states of runs."""
        for group in by_feed(self._urgent):
            self._tell_group(group, states_only=True)

    def _tell_group(self, group: list[Subscription], *, states_only: bool = False) -> bool:
        """Tell what is new about one run or list to those who take it; return whether there was anybody."""
        answers: dict[object, Answer | Exception] = {}
        told = False
        for one in group:
            if one.feed not in self._followed:  # its workspace has moved: it is followed anew
                break
            # Asked before each message: a page may follow many runs, and any message may fill what it is granted.
            if not one.follower.takes():
                continue
            told = True
            key = (one.place, one.wanted, one.cursor)
            if key not in answers:
                answers[key] = self._ask(one, states_only=states_only)
            answer = answers[key]
            if isinstance(answer, Exception):
                self._go_wrong(one.feed, [one], answer)
            else:
                self._hand_over(one, answer, states_only=states_only)
        return told

    def _ask(self, one: Subscription, *, states_only: bool) -> Answer | Exception:
        """Return what is new for a subscription, and all others at the same place of the same feed."""
        try:
            if isinstance(one.feed, RunFeed):
                news = one.feed.state_news(one.place) if states_only else one.feed.news(one.place, one.wanted)
                return Answer(body_of(news.message), news.place.cursor(), news.place, news.more)
            message, cursor = one.feed.news(one.cursor)
            return Answer(body_of(message), cursor)
        except Exception as error:  # noqa: BLE001 -- what one run holds must not end what all pages live on
            return error

    def _hand_over(self, one: Subscription, answer: Answer, *, states_only: bool) -> None:
        one.place, one.cursor = answer.place, answer.cursor
        self._urgent.pop(one, None)
        if not states_only or isinstance(one.feed, ListFeed):
            self._behind.pop(one, None)
            if answer.more:
                self._behind[one] = None
        head: dict[str, Any] = {"name": one.name, "cursor": answer.cursor, **({"more": True} if answer.more else {})}
        if one.fresh or one.trouble != one.feed.trouble:
            head["trouble"] = trouble_document(one.feed.trouble, self._workspaces.places())
        elif not answer.body:
            return
        one.fresh, one.trouble = False, one.feed.trouble
        try:
            one.follower.send(f"{json.dumps(head)[:-1]}{', ' if answer.body else ''}{answer.body}}}")
        except Exception as error:  # noqa: BLE001 -- the others are told nevertheless
            self._failed(error)

    def _follow_run(self, follower: Follower, name: str, workspace: str, run: str, asked: Mapping[str, Any]) -> None:
        def subscribe() -> Subscription:
            place = place_of(asked.get("cursor"))
            return Subscription(name, follower, self._feed(workspace, run), wanted_of(asked), place)

        self._subscribe(follower, name, subscribe)

    def _follow_list(self, follower: Follower, name: str, workspace: str, cursor: str | None) -> None:
        def subscribe() -> Subscription:
            feed = self._feed(workspace)
            assert isinstance(feed, ListFeed)
            return Subscription(name, follower, feed, cursor=feed.end() if cursor is None else cursor)

        self._subscribe(follower, name, subscribe)

    def _subscribe(self, follower: Follower, name: str, make: Callable[[], Subscription]) -> None:
        self._leave(follower, name)
        try:
            made = make()
        except Exception as error:  # noqa: BLE001 -- whatever it is, who asks is told
            self._feeds = {key: feed for key, feed in self._feeds.items() if feed in self._followed}
            self._refuse(follower, name, error)
            return
        first = made.feed not in self._followed
        self._followed.setdefault(made.feed, []).append(made)
        self._by_follower.setdefault(follower, {})[name] = made
        for path, watcher in self._paths(made.feed):
            self._by_path.setdefault(path, []).append(made)
            if first:
                watcher.add(path)
        self._behind[made] = self._urgent[made] = None
        if first:
            self._keep_up(made.feed)

    def _feed(self, workspace: str, run: str = "") -> RunFeed | ListFeed:
        """Return what reads a run, or else the list of all of a workspace: one for all who follow it."""
        key = (workspace, run)
        if key not in self._feeds:
            opened = self._workspaces.get(workspace)
            self._feeds[key] = RunFeed(Run.get(opened, run), self._begin_to_describe) if run else ListFeed(opened)
        return self._feeds[key]

    def _begin_to_describe(self, run: Run) -> Future[dict[str, Any]]:
        described = self._describing.submit(self._describe, run)
        described.add_done_callback(lambda _: self._do(lambda: self._tell_again(run)))
        return described

    def _tell_again(self, run: Run) -> None:
        feed = self._feeds.get((run.workspace.id, run.id))
        if feed is not None:
            self._behind.update(dict.fromkeys(self._followed.get(feed, ())))

    def _paths(self, feed: RunFeed | ListFeed) -> list[tuple[Path, Watcher]]:
        if isinstance(feed, ListFeed):
            return [(feed.path, self._states)]
        return [(feed.events_path, self._states), *((path, self._data) for path in feed.data_paths)]

    def _leave(self, follower: Follower, name: str | None) -> None:
        for one in list(self._by_follower.get(follower, {}).values()):
            if name in (None, one.name):
                self._drop(one)

    def _drop(self, one: Subscription) -> None:
        self._behind.pop(one, None)
        self._urgent.pop(one, None)
        names = self._by_follower[one.follower]
        del names[one.name]
        if not names:
            del self._by_follower[one.follower]
        group = self._followed[one.feed]
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
        for feed in list(self._followed):
            self._keep_up(feed)

    def _keep_up(self, feed: RunFeed | ListFeed) -> None:
        try:
            if self._has_moved(feed):
                self._follow_anew(feed)
            else:
                before = feed.trouble
                feed.look_after()
                if feed.trouble != before:
                    told = dict.fromkeys(self._followed[feed])
                    self._behind.update(told)
                    self._urgent.update(told)
        except Exception as error:  # noqa: BLE001 -- the others are looked after nevertheless
            self._go_wrong(feed, list(self._followed.get(feed, ())), error)

    def _go_wrong(self, feed: RunFeed | ListFeed, those: list[Subscription], error: Exception) -> None:
        """End subscriptions and tell why, unless only the workspace's folder has moved: then they go on there."""
        try:
            if self._has_moved(feed):
                self._follow_anew(feed)
                return
        except Exception as gone:  # noqa: BLE001 -- says more than what came of it
            error = gone
        for one in those:
            self._drop(one)
            self._refuse(one.follower, one.name, error)

    def _refuse(self, follower: Follower, name: str, error: Exception) -> None:
        if not isinstance(error, ApiError | TraindockError):
            self._failed(error)
        try:
            follower.refuse(name, error)
        except Exception as unheard:  # noqa: BLE001 -- the others are told nevertheless
            self._failed(unheard)

    def _has_moved(self, feed: RunFeed | ListFeed) -> bool:
        """Whether the workspace lies in another folder now.

        Raises:
            ApiError: 404, where it is gone.
        """
        return self._workspaces.get(feed.workspace.id).layout.root != feed.workspace.layout.root

    def _follow_anew(self, feed: RunFeed | ListFeed) -> None:
        """Follow a run or list of a workspace that has moved where it is now, from where each follower had got to."""
        group = list(self._followed[feed])
        for one in group:
            self._drop(one)
        run = feed.run.id if isinstance(feed, RunFeed) else ""
        for one in group:

            def moved(one: Subscription = one) -> Subscription:
                return replace(one, feed=self._feed(feed.workspace.id, run))

            self._subscribe(one.follower, one.name, moved)
