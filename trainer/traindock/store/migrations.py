"""Numbered steps that bring an index of any age to the present schema; ``PRAGMA user_version`` counts them."""

from __future__ import annotations

import sqlite3
from typing import Final

from traindock.errors import StoreException
from traindock.store.index_queries import searchable

#: Never edit a step that was released: add one. A step that cannot convert may drop tables, since
#: ``meta.changes_offset`` = 0 makes the next reader fill them again from the folders.
STEPS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        experiment TEXT NOT NULL,
        number INTEGER NOT NULL,
        display_name TEXT NOT NULL,
        type TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT,
        detail TEXT NOT NULL,
        compute_target TEXT NOT NULL,
        user TEXT NOT NULL,
        parent TEXT,
        created REAL NOT NULL,
        started REAL,
        ended REAL,
        signed INTEGER NOT NULL,
        unfinished INTEGER NOT NULL,
        tags TEXT NOT NULL,
        properties TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX runs_by_time ON runs (created DESC, id);
    CREATE INDEX runs_by_experiment ON runs (experiment, created DESC, id);
    CREATE INDEX runs_by_parent ON runs (parent, created DESC) WHERE parent IS NOT NULL;
    CREATE INDEX runs_unfinished ON runs (id) WHERE unfinished;
    CREATE TABLE run_tags (name TEXT, value TEXT, run TEXT, PRIMARY KEY (name, value, run)) WITHOUT ROWID;
    CREATE INDEX run_tags_by_run ON run_tags (run);
    CREATE TABLE run_metrics (
        run TEXT, name TEXT, last REAL, min REAL, max REAL, count INTEGER NOT NULL, PRIMARY KEY (run, name)
    ) WITHOUT ROWID;
    CREATE INDEX run_metrics_by_last ON run_metrics (name, last, run);
    CREATE INDEX run_metrics_by_min ON run_metrics (name, min, run);
    CREATE INDEX run_metrics_by_max ON run_metrics (name, max, run);
    """,
    "CREATE INDEX runs_by_number ON runs (experiment, number, created DESC, id);",
    # Runs go by their turns, since a clock that was set back makes later ones seem older.
    """
    ALTER TABLE runs ADD COLUMN turn REAL NOT NULL DEFAULT 0;
    UPDATE runs SET turn = created;
    DROP INDEX runs_by_time;
    DROP INDEX runs_by_experiment;
    DROP INDEX runs_by_parent;
    DROP INDEX runs_by_number;
    CREATE INDEX runs_by_turn ON runs (turn DESC, id);
    CREATE INDEX runs_by_experiment ON runs (experiment, turn DESC, id);
    CREATE INDEX runs_by_parent ON runs (parent, turn DESC) WHERE parent IS NOT NULL;
    CREATE INDEX runs_by_number ON runs (experiment, number, turn DESC, id);
    """,
    # What lists filter, group and order by lies in one index: to look through 100,000 runs takes milliseconds there,
    # and ten times that where the rows themselves have to be read.
    """
    ALTER TABLE runs ADD COLUMN searched TEXT NOT NULL DEFAULT '';
    UPDATE runs SET searched = searchable(display_name, id, experiment);
    DROP INDEX runs_by_turn;
    CREATE INDEX runs_by_turn
        ON runs (turn DESC, id, parent, experiment, state, compute_target, started, ended, searched);
    """,
    # To group 100,000 runs by experiment takes a third of the time where they come in that order.
    """
    DROP INDEX runs_by_experiment;
    CREATE INDEX runs_by_experiment ON runs (experiment, turn DESC, id, parent, state, compute_target, searched);
    """,
)


def version_of(connection: sqlite3.Connection) -> int:
    """Return the number of the last step that the database has had.

    Raises:
        sqlite3.DatabaseError: it is damaged, or locked.
        StoreException: it was made by a newer version, which goes on using it.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(STEPS):
        (_, _, path) = connection.execute("PRAGMA database_list").fetchone()
        raise StoreException(
            f"the index {path} was made by a newer version of Traindock (its schema is {version}, this version knows "
            f"{len(STEPS)}): upgrade Traindock here, too, or remove that file and use this version alone"
        )
    return int(version)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to the present schema, in one transaction a step; raises as :func:`version_of` does."""
    version = version_of(connection)
    connection.create_function("searchable", 3, searchable, deterministic=True)
    while version < len(STEPS):
        connection.execute("BEGIN IMMEDIATE")
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version < len(STEPS):
                for statement in STEPS[version].split(";"):
                    if statement.strip():
                        connection.execute(statement)
                version += 1
                connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
