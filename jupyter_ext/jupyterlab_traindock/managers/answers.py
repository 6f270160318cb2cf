"""Questions to what may answer late or never, such as an engine or a driver: nobody waits for more than moments."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)
T = TypeVar("T")


@dataclass(frozen=True)
class _Asked:
    answer: Future[Any]
    at: float


class Answers:
    """Asks each question once at a time, in a thread of its own, and remembers what was answered for a while.

    Args:
        patience_seconds: how long an answer is waited for, from when it was asked for.
        keep_seconds: how long it is believed.
    """

    def __init__(self, patience_seconds: float, keep_seconds: float) -> None:
        self._patience = patience_seconds
        self._keep = keep_seconds
        self._asked: dict[Hashable, _Asked] = {}
        self._lock = threading.Lock()

    def get(self, questions: Mapping[Key, Callable[[], T]]) -> dict[Key, T | BaseException | None]:
        """Ask all questions at once, and return the answers that have come in time.

        Args:
            questions: what to call, by a name that is the same whenever the same is asked.

        Returns:
            By name what was answered, or the exception that was raised; None where no answer has come yet.
        """
        with self._lock:
            self._forget()
            asked = {key: self._ask(key, question) for key, question in questions.items()}
        if not asked:
            return {}
        # Of a question that is open for long already, nobody waits for an answer again.
        deadline = max(one.at for one in asked.values()) + self._patience
        wait([one.answer for one in asked.values()], max(0.0, deadline - time.monotonic()))
        return {key: self._result(one.answer) for key, one in asked.items()}

    @staticmethod
    def _result(answer: Future[Any]) -> Any:
        if not answer.done():
            return None
        return answer.exception() or answer.result()

    def _ask(self, key: Hashable, question: Callable[[], Any]) -> _Asked:
        known = self._asked.get(key)
        if known is None:
            known = self._asked[key] = _Asked(Future(), time.monotonic())
            threading.Thread(
                target=_answer, args=(known.answer, question), name="traindock answer", daemon=True
            ).start()
        return known

    def _forget(self) -> None:
        now = time.monotonic()
        old = [key for key, one in self._asked.items() if one.answer.done() and now - one.at > self._keep]
        for key in old:
            del self._asked[key]


def _answer(answer: Future[Any], question: Callable[[], Any]) -> None:
    try:
        answer.set_result(question())
    except BaseException as error:  # noqa: BLE001 -- whoever asked is told
        answer.set_exception(error)
