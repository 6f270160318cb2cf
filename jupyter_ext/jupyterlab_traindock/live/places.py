"""Cursors of followed runs: where a follower has got to, as a text that outlives page, connection and server."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Final

from jupyterlab_traindock.errors import invalid

_KIND: Final = "r1."
_LONGEST: Final = 1 << 20


@dataclass(frozen=True)
class Place:
    """How much of a run a follower has.

    Attributes:
        events: size in bytes of the record of what happened to it, when it was last told; -1 for never.
        metrics: cursor of its metrics; None for the beginning.
        resources: cursor of what its job used; None for the beginning.
        logs: names of logs, each with how many bytes of it.
        ended: whether its end was told, with everything about it.
    """

    events: int = -1
    metrics: str | None = None
    resources: str | None = None
    logs: tuple[tuple[str, int], ...] = ()
    ended: bool = False

    def cursor(self) -> str:
        """Return it as a text that nobody else looks into."""
        value = [self.events, self.metrics, dict(self.logs), int(self.ended), self.resources]
        return _KIND + base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()


def place_of(cursor: str | None) -> Place:
    """Return the place of a cursor; None stands for the beginning.

    Raises:
        ApiError: 400, where the text is no cursor.
    """
    if cursor is None:
        return Place()
    refused = invalid(f"{cursor[:80]!r} is no cursor of a run: use the last one that came, or null")
    if not cursor.startswith(_KIND) or len(cursor) > _LONGEST:
        raise refused
    try:
        text = base64.b64decode(cursor[len(_KIND) :], altchars=b"-_", validate=True)
        # Cursors of servers that told nothing of resources have no place in them: they begin at the beginning.
        events, metrics, logs, ended, *rest = json.loads(text)
        (resources,) = rest or (None,)
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise refused from None
    texts = isinstance(metrics, str | None) and isinstance(resources, str | None)
    fits = _is_offset(events, -1) and texts and isinstance(logs, dict)
    if not fits or not all(_is_offset(offset, 0) for offset in logs.values()) or ended not in (0, 1):
        raise refused
    return Place(events, metrics, resources, tuple(sorted(logs.items())), bool(ended))


def _is_offset(value: Any, least: int) -> bool:
    return type(value) is int and least <= value < 1 << 56
