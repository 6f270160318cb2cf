"""Following again what was refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

#: Seconds until what was refused is followed again for the first time; the pause doubles up to the second.
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 15.0


class Retries:
    """Follows again what was refused, each name after pauses of its own.

    Args:
        follow: called with a name, in a thread.
    """

    def __init__(self, follow: Callable[[str], None]) -> None:
        self._follow = follow
        self._lock = threading.Lock()
        self._timers: dict[str, tuple[float, threading.Timer]] = {}
        self._closed = False

    def later(self, name: str) -> None:
        """Follow a name again after a pause."""
        with self._lock:
            if self._closed:
                return
            pause = min(2 * self._timers[name][0], LONGEST_PAUSE) if name in self._timers else FIRST_PAUSE
            timer = threading.Timer(pause, self._follow, (name,))
            timer.daemon = True
            self._timers[name] = (pause, timer)
            timer.start()

    def forget(self, name: str) -> None:
        """Begin with the first pause again when a name, which is followed now, is refused next."""
        with self._lock:
            self._timers.pop(name, None)

    def close(self) -> None:
        """Follow nothing again."""
        with self._lock:
            self._closed = True
            for _, timer in self._timers.values():
                timer.cancel()
