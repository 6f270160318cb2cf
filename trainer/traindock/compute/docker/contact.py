"""Whether an engine answers, asked for all runs that are followed on it by one thread."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from traindock.compute.docker import engine as engines
from traindock.compute.docker.engine import Engine
from traindock.errors import EngineException

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 2.0


class Contact:
    """One follower's view of an engine; see :func:`contact`.

    Args:
        url: the engine's address.
        answered: called by another thread, soon and each time the engine answers after it did not.

    Attributes:
        lost_since: when it was first found not to answer (monotonic clock), or None.
        why: what was wrong then, for people.
    """

    def __init__(self, url: str, answered: Callable[[Engine], None]) -> None:
        self.url = url
        self.answered = answered
        self.lost_since: float | None = None
        self.why = ""
        self.told = False

    def look(self, engine: Engine | None, why: str) -> None:
        """Take in what was found."""
        if engine is None:
            self.lost_since, self.why, self.told = self.lost_since or time.monotonic(), why, False
            return
        self.lost_since = None
        if not self.told:
            self.told = True
            try:
                self.answered(engine)
            except EngineException:
                self.told = False


@contextlib.contextmanager
def contact(url: str, answered: Callable[[Engine], None]) -> Iterator[Contact]:
    """Keep an eye on an engine while this lasts, without ever waiting for it."""
    made = Contact(url, answered)
    watch = _Watch.of(url)
    watch.add(made)
    try:
        yield made
    finally:
        watch.remove(made)


class _Watch:
    """The thread that asks one engine, as long as anybody wants to know."""

    _all: Final[dict[str, _Watch]] = {}
    _guard: Final = threading.Lock()

    @classmethod
    def of(cls, url: str) -> _Watch:
        with cls._guard:
            return cls._all.setdefault(url, cls(url))

    def __init__(self, url: str) -> None:
        self._url = url
        self._contacts: list[Contact] = []
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, one: Contact) -> None:
        with self._news:
            self._contacts.append(one)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=f"engine {self._url}", daemon=True)
                self._thread.start()
            self._news.notify()

    def remove(self, one: Contact) -> None:
        with self._news:
            self._contacts.remove(one)
            self._news.notify()

    def _work(self) -> None:
        lost = False
        while True:
            engine, why = self._ask()
            if lost != (engine is None):
                lost = engine is None
                log.warning("the container engine at %s %s", self._url, f"is gone: {why}" if lost else "is back")
            with self._news:
                contacts = list(self._contacts)
            for one in contacts:
                one.look(engine, why)
            with self._news:
                if self._contacts == contacts:
                    self._news.wait(_LOOK_SECONDS)
                if not self._contacts:
                    self._thread = None
                    return

    def _ask(self) -> tuple[Engine | None, str]:
        try:
            engine = engines.connect(self._url)
            with engine.translated("answer"):
                engine.api.ping()
        except EngineException as error:
            return None, str(error)
        return engine, ""
