"""Aliases of a model's versions, such as ``production``, as the model's events tell them.

Each move is an event, and none is ever removed: who moved an alias, when, from where and whereto. To roll an alias back
takes the last move back, so that doing it twice goes back twice, and not to and fro.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from traindock.names import is_name
from traindock.store.events import Event


@dataclass(frozen=True, slots=True)
class Alias:
    """A name that stands for one version of a model until somebody moves it.

    Attributes:
        name: such as ``production``.
        version: which one it stands for.
        previous: the one that it goes to when it is rolled back; None where there is none (any more).
        since: when it was moved there, in seconds since 1970.
        by: who did that.
    """

    name: str
    version: int
    previous: int | None
    since: float
    by: str


@dataclass(frozen=True, slots=True)
class AliasMove:
    """What somebody did to an alias.

    Attributes:
        alias: its name.
        version: where it went; None where it was removed.
        previous: where it was; None where there was no such alias.
        time: in seconds since 1970.
        by: who did it.
        rolled_back: whether it went back to where it had been before.
    """

    alias: str
    version: int | None
    previous: int | None
    time: float
    by: str
    rolled_back: bool


@dataclass(slots=True)
class _Course:
    """Where an alias has been, without what was rolled back, and the last that happened to it."""

    been: list[int] = field(default_factory=list)
    last: AliasMove | None = None

    def take(self, move: AliasMove) -> None:
        self.last = move
        if move.version is None:
            return
        if move.rolled_back and move.version in self.been:
            while self.been[-1] != move.version:
                self.been.pop()
        elif self.been[-1:] != [move.version]:
            self.been.append(move.version)


def moves(recorded: Iterable[Event]) -> list[AliasMove]:
    """Return all that was done to a model's aliases, the oldest first; events that make no sense are passed over."""
    found: list[AliasMove] = []
    now: dict[str, int | None] = {}
    for event in recorded:
        if event["type"] != "alias":
            continue
        try:
            move = _move(event, now.get(event["alias"]))
        except (KeyError, TypeError, ValueError):
            continue
        now[move.alias] = move.version
        found.append(move)
    return found


def fold(recorded: Iterable[Event], versions: Container[int]) -> dict[str, Alias]:
    """Return a model's aliases by name, sorted.

    Args:
        recorded: the model's events.
        versions: those that were not deleted: an alias of another one stands for nothing.
    """
    courses: dict[str, _Course] = {}
    for move in moves(recorded):
        courses.setdefault(move.alias, _Course()).take(move)
    found: dict[str, Alias] = {}
    for name, course in sorted(courses.items()):
        last = course.last
        if last is None or last.version is None or last.version not in versions:
            continue
        earlier = (at for at in reversed(course.been[:-1]) if at != last.version and at in versions)
        found[name] = Alias(name, last.version, next(earlier, None), last.time, last.by)
    return found


def event_of(alias: str, version: int | None, by: str, *, rolled_back: bool = False) -> Event:
    """Return the event of a move; without a version the alias is removed."""
    return {"type": "alias", "alias": alias, "version": version, "by": by, "rolled_back": rolled_back}


def _move(event: Event, before: int | None) -> AliasMove:
    alias, version = event["alias"], event["version"]
    if not isinstance(alias, str) or not is_name("alias", alias):
        raise ValueError(f"{alias!r} is no alias")
    if version is not None and (type(version) is not int or version < 1):
        raise ValueError(f"{version!r} is no version")
    rolled_back = event.get("rolled_back") is True
    return AliasMove(alias, version, before, float(event["t"]), str(event.get("by") or "unknown"), rolled_back)
