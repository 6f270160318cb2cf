"""Who follows what, and how far each has got."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from jupyterlab_traindock import json_text
from jupyterlab_traindock.live.list_feed import ListFeed
from jupyterlab_traindock.live.places import Place
from jupyterlab_traindock.live.run_feed import RunFeed, Wanted
from traindock.dispatcher.start import Trouble


class Follower(Protocol):
    """Who gets messages: a page's connection. Called by the hub's thread."""

    def takes(self) -> bool:
        """Whether it can be sent more just now."""

    def send(self, text: str) -> None:
        """Send it a message; must not block."""

    def refuse(self, name: str, error: BaseException) -> None:
        """Tell it that a subscription came to nothing, or has ended, and why."""


@dataclass(eq=False)
class Subscription:
    """One run or list that one page follows.

    Attributes:
        name: as the page calls it.
        follower: the page.
        feed: what it follows.
        wanted: of a run, what it wants to know.
        place: of a run, what it has.
        cursor: of a list, what it has.
        fresh: whether it was told nothing yet.
        trouble: what it was told last about why no dispatcher gets to work.
    """

    name: str
    follower: Follower
    feed: RunFeed | ListFeed
    wanted: Wanted = field(default_factory=Wanted)
    place: Place = field(default_factory=Place)
    cursor: str = ""
    fresh: bool = True
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Answer:
    """What is new since a place, for all who are there.

    Attributes:
        body: the message without its braces and name; empty where nothing is new.
        cursor: where it ends, for the page.
        place: of a run, where it ends.
        more: whether there is more already.
    """

    body: str = ""
    cursor: str = ""
    place: Place = field(default_factory=Place)
    more: bool = False


def by_feed(due: Iterable[Subscription]) -> list[list[Subscription]]:
    """Return subscriptions by what they follow: what one run has to tell is dropped before the next one is read."""
    groups: dict[RunFeed | ListFeed, list[Subscription]] = {}
    for one in due:
        groups.setdefault(one.feed, []).append(one)
    return list(groups.values())


def body_of(message: Mapping[str, Any]) -> str:
    """Return a message as JSON without its braces: those who are at the same place get it under their own names."""
    return json_text.of_plain(message)[1:-1].decode()
