"""What a reading host has taken into its index too early, perhaps, and takes in again.

An announcement is seen before its event where a lock does not reach across hosts, or where this one has cached an
older state of the event's file. So whatever was announced by another host is looked at again for a while.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from typing import Final

#: Seconds for which clients of network disks may show what was, by their defaults.
_SECONDS: Final = 60.0
#: Seconds between two looks, however many questions the index is asked.
_PAUSE: Final = 1.0


def due(connection: sqlite3.Connection) -> list[str]:
    """Return the subjects that are to be taken in again now."""
    looked, subjects = _load(connection)
    return list(subjects) if abs(time.time() - looked) >= _PAUSE else []


def note(connection: sqlite3.Connection, announced: Iterable[str], again: Iterable[str]) -> None:
    """Remember what was taken in.

    Args:
        connection: within a transaction.
        announced: subjects that another host has announced since the last time.
        again: what :func:`due` returned; those that have had their time are forgotten.
    """
    now = time.time()
    looked, subjects = _load(connection)
    kept = {
        subject: since for subject, since in subjects.items() if subject not in again or abs(now - since) < _SECONDS
    }
    kept.update(dict.fromkeys(announced, now))
    document = json.dumps([now if again or not subjects else looked, kept])
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('settling', ?)", [document])


def _load(connection: sqlite3.Connection) -> tuple[float, dict[str, float]]:
    row = connection.execute("SELECT value FROM meta WHERE key = 'settling'").fetchone()
    if row is None:
        return 0.0, {}
    looked, subjects = json.loads(row[0])
    return looked, subjects
