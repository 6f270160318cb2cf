"""Awaiting that files change: all that is awaited in one event loop shares one watcher, and none takes a thread."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from traindock.store.watch import POLL_SECONDS, Watcher


class LoopWatcher:
    """As :class:`Watcher`, for coroutines of the event loop that runs now; it does not say which path changed.

    inotify instances and threads are few: a user has 128 of the one, and the loop's default pool, which user code
    shares, as few as five of the other.

    Args:
        paths: what to watch.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paths = frozenset(paths)
        self.changed = asyncio.Event()
        self._shared = _Shared.join(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shared.leave(self)

    async def wait(self, timeout: float) -> None:
        """Return once one of the paths has changed since the last call, or after ``timeout`` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self.changed.wait()
        self.changed.clear()


class _Shared:
    """What the watchers of one event loop have in common; used by its thread only."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watcher = Watcher()
        self._users: dict[Path, set[LoopWatcher]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._read: int | None = self._watcher.fileno()
        if self._read is not None:
            try:
                loop.add_reader(self._read, self._look)
            except NotImplementedError:  # not every loop knows descriptors
                self._read = None

    @classmethod
    def join(cls, user: LoopWatcher) -> _Shared:
        """Watch what ``user`` asks for, until it leaves."""
        loop = asyncio.get_running_loop()
        shared = _by_loop.get(loop)
        if shared is None:
            shared = _by_loop[loop] = cls(loop)
        for path in user.paths:
            shared._users.setdefault(path, set()).add(user)
            shared._watcher.add(path)
        shared._look_later()
        return shared

    def leave(self, user: LoopWatcher) -> None:
        """Watch no longer what nobody else asks for; the last one to leave gives everything back."""
        for path in user.paths:
            self._users[path].discard(user)
            if not self._users[path]:
                del self._users[path]
                self._watcher.remove(path)
        if not self._users:
            _by_loop.pop(self._loop, None)
            if self._timer is not None:
                self._timer.cancel()
            if self._read is not None:
                self._loop.remove_reader(self._read)
            self._watcher.close()

    def _look(self) -> None:
        for path in self._watcher.wait(0):
            for user in self._users.get(path, ()):
                user.changed.set()
        self._look_later()

    def _look_later(self) -> None:
        """Look again by the clock where no descriptor tells of all changes."""
        if self._timer is None and (self._read is None or self._watcher.polls):
            self._timer = self._loop.call_later(POLL_SECONDS, self._look_by_clock)

    def _look_by_clock(self) -> None:
        self._timer = None
        self._look()


_by_loop: dict[asyncio.AbstractEventLoop, _Shared] = {}
