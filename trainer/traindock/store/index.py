"""The index: a SQLite database that answers questions about many runs. It can be thrown away at any time.

It remembers how far it has read ``changes.log`` and catches up whenever it is asked, inside one write transaction,
so that of several processes none can put an older record over a newer one. Each question is put to one state of the
database, which has caught up.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from traindock.errors import TraindockError
from traindock.names import check_name
from traindock.states import Reason, State
from traindock.store import ownership, settling
from traindock.store.changes import Changes
from traindock.store.copying import may_pass
from traindock.store.identity import WorkspaceRecord
from traindock.store.index_file import IndexFile
from traindock.store.index_queries import COLUMNS, RESULTS, found_runs, grouping, searchable, storable
from traindock.store.index_queries import RunQuery as RunQuery
from traindock.store.layout import WorkspaceLayout
from traindock.store.metrics import MetricReader
from traindock.store.run_records import RunFolder, RunRecord, missing_runs, run_ids
from traindock.store.signing import Signature

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunRow:
    """What the index knows about a run; times are seconds since 1970.

    Attributes:
        children: how many runs are part of it.
    """

    id: str
    experiment: str
    number: int
    display_name: str
    type: str
    state: State
    reason: Reason | None
    detail: str
    compute_target: str
    user: str
    parent: str | None
    created: float
    started: float | None
    ended: float | None
    signed: bool
    tags: Mapping[str, str]
    properties: Mapping[str, str]
    children: int


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Runs that have something in common.

    Attributes:
        value: what that is; None for runs without a parent, or without the tag.
        runs: how many they are.
        unfinished: how many of them have no terminal state.
        newest: when the one that was submitted last was, in seconds since 1970.
    """

    value: str | None
    runs: int
    unfinished: int
    newest: float


_STATE, _REASON, _SIGNED, _TAGS, _PROPERTIES = (
    COLUMNS.index(name) for name in ("state", "reason", "signed", "tags", "properties")
)
_STATES = {state.value: state for state in State}
_REASONS: dict[str | None, Reason | None] = {None: None, **{reason.value: reason for reason in Reason}}
_NAN = float("nan")
#: Seconds for which who asks hastily waits for other programs.
HASTE_SECONDS: Final = 0.25
_UNSTORABLE = (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.IntegrityError, OverflowError)
_INSERT_RUN = f"INSERT OR REPLACE INTO runs VALUES ({', '.join('?' * 20)})"  # noqa: S608 (no value from outside)


class Index:
    """The index of one workspace; may be shared by threads.

    Args:
        layout: of the workspace.
        identity: its ``workspace.json``.
        patience: seconds for which a question waits for other programs, and other threads, that use the database; by
            default half a minute where they have it locked.

    Raises:
        IndexBusyException: by all that ask: others have used it for longer than that.
        StoreException: likewise: it cannot be read or written, or is of a newer version of Traindock.
    """

    def __init__(self, layout: WorkspaceLayout, identity: WorkspaceRecord, patience: float | None = None) -> None:
        self._layout = layout
        self._identity = identity
        self._changes = Changes(layout)
        self._file = IndexFile(layout.index, self._fill, patience)
        self._lock = threading.Lock()
        self._hasty: Index | None = None

    @property
    def hasty(self) -> Index:
        """The same for who would rather have no answer than wait for one."""
        with self._lock:
            if self._hasty is None:
                self._hasty = Index(self._layout, self._identity, HASTE_SECONDS)
            return self._hasty

    def runs(self, query: RunQuery) -> list[RunRow]:
        """Return the runs that ``query`` describes, the newest first unless it says otherwise."""

        def ask(connection: sqlite3.Connection) -> tuple[list[RunRow], set[str]]:
            rows = [_row(row) for row in found_runs(connection, query)]
            return rows, missing_runs(self._layout, [row.id for row in rows])

        rows, gone = self._ask(ask)
        if not gone:
            return rows
        # Somebody deleted folders by hand, which is announced nowhere.
        self._file.perform(lambda: self._forget(gone))
        return self.runs(query)

    def rows(self, run_ids: Sequence[str]) -> list[RunRow]:
        """Return what is known of these runs, in no order; those that are gone are left out."""
        sql = f"SELECT {RESULTS} FROM runs WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608
        wanted = json.dumps([storable(run_id) for run_id in run_ids])
        return self._ask(lambda connection: [_row(row) for row in connection.execute(sql, [wanted])])

    def groups(self, query: RunQuery, by: str) -> list[RunGroup]:
        """Return the groups of the runs that ``query`` describes, the one with the newest run first.

        Args:
            query: which runs; its limit and offset count groups, its order does not matter.
            by: "experiment", "parent", "compute_target", "state", or "tag:" and the tag's name.
        """
        sql, values = grouping(query, by)
        return self._ask(lambda connection: [RunGroup(*row) for row in connection.execute(sql, values)])

    def unfinished(self) -> list[str]:
        """Return the ids of this user's runs that have no terminal state, oldest first."""
        sql = "SELECT id FROM runs WHERE unfinished AND signed ORDER BY turn, id"
        return self._ask(lambda connection: [row[0] for row in connection.execute(sql)])

    def has_unfinished(self) -> bool:
        """Whether any of this user's runs has no terminal state."""
        sql = "SELECT EXISTS (SELECT 1 FROM runs WHERE unfinished AND signed)"
        return bool(self._ask(lambda connection: connection.execute(sql).fetchone()[0]))

    def metric_names(self) -> list[str]:
        """Return the names of all scalar metrics that runs have, in order."""
        sql = "SELECT DISTINCT name FROM run_metrics ORDER BY name"
        return [name for (name,) in self._ask(lambda connection: connection.execute(sql).fetchall())]

    def count(self) -> int:
        """Return the number of runs."""
        return int(self._ask(lambda connection: connection.execute("SELECT COUNT(*) FROM runs").fetchone()[0]))

    def take_over_unknown(self) -> None:
        """Take over runs that nobody announced: put there by hand, or announced when the power was cut.

        Folders that hold no readable run are looked at again each time; what is known is not read again.
        """
        known = self._ask(lambda connection: {row[0] for row in connection.execute("SELECT id FROM runs")})
        found = set(run_ids(self._layout))
        if found != known:
            self._file.perform(lambda: self._forget(found ^ known))

    def experiments(self) -> dict[str, int]:
        """Return the experiments that have runs, with how many."""
        sql = "SELECT experiment, COUNT(*) FROM runs GROUP BY experiment ORDER BY experiment"
        return self._ask(lambda connection: dict(connection.execute(sql).fetchall()))

    def metrics(self, run_ids: Sequence[str]) -> dict[str, dict[str, tuple[float, float, float, int]]]:
        """Return (last, min, max, count) of each scalar metric of the given runs."""

        def ask(connection: sqlite3.Connection) -> dict[str, dict[str, tuple[float, float, float, int]]]:
            found: dict[str, dict[str, tuple[float, float, float, int]]] = {run_id: {} for run_id in run_ids}
            # One parameter holds all ids, since SQLite bounds the number of parameters.
            sql = (
                "SELECT run, name, last, min, max, count FROM run_metrics WHERE run IN (SELECT value FROM json_each(?))"
            )
            for run, name, last, low, high, count in connection.execute(sql, [json.dumps(list(run_ids))]):
                if last is None or low is None:  # SQLite has no NaN
                    last, low, high = (_NAN if value is None else value for value in (last, low, high))
                found[run][name] = (last, low, high, count)
            return found

        return self._ask(ask)

    def put_metrics(self, run_id: str) -> None:
        """Take over the present metrics of a run that is still going."""

        def put() -> None:
            with self._writing() as connection:
                _write_metrics(connection, run_id, self._layout)

        self._file.perform(put)

    def check_version(self) -> None:
        """Check that the database is of no newer version of Traindock, as far as that can be told without waiting.

        Raises:
            StoreException: it is.
        """
        self._file.check_version()

    def catch_up(self) -> list[str]:
        """Take over what was announced since the last time, and return the subjects.

        Subjects that another process has taken over already are not among them; who needs all follows
        ``changes.log`` by an offset of its own.
        """
        return self._file.perform(self._catch_up)

    def rebuild(self) -> int:
        """Make the database anew from the folders, while others go on asking; return the number of runs found."""
        return self._file.perform(self._file.rebuild)

    def close(self) -> None:
        """Close the database; the next question opens it again."""
        self._file.close()
        with self._lock:
            if self._hasty is not None:
                self._hasty.close()

    def _fill(self, connection: sqlite3.Connection) -> None:
        _, offset = self._changes.read(0)
        for run_id in run_ids(self._layout):
            self._take_over(connection, run_id)
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('changes_offset', ?)", [offset])
        if self._layout.local is not None and not ownership.of(self._layout).is_mine():
            going = connection.execute("SELECT 'run/' || id FROM runs WHERE ended IS NULL").fetchall()
            settling.note(connection, [subject for (subject,) in going], ())

    def _forget(self, run_ids: Iterable[str]) -> None:
        with self._writing() as connection:
            for run_id in run_ids:
                self._take_over(connection, run_id)

    def _take_over(self, connection: sqlite3.Connection, run_id: str) -> None:
        connection.execute("DELETE FROM run_tags WHERE run = ?", [run_id])
        try:
            folder = RunFolder(self._layout, self._identity, run_id)
            folder.settle()
            record = folder.load()
            check_name("experiment", record.experiment)
            connection.execute(_INSERT_RUN, _values(record))
        except (TraindockError, *_UNSTORABLE) as error:
            if may_pass(error):
                raise
            # Gone or damaged; or not signed, and full of values that no run of ours has.
            connection.execute("DELETE FROM runs WHERE id = ?", [run_id])
            connection.execute("DELETE FROM run_metrics WHERE run = ?", [run_id])
            return
        connection.executemany(
            "INSERT OR REPLACE INTO run_tags VALUES (?, ?, ?)",
            [(storable(str(name)), storable(str(value)), run_id) for name, value in record.tags.items()],
        )
        if record.state.terminal:
            _write_metrics(connection, run_id, self._layout)

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Put a question to the database as it is once it has caught up."""

        def ask() -> T:
            caught_up: int | None = None
            while True:
                with self._file.reading() as connection:
                    # Somebody may have rebuilt it since, and stands where the rebuild began.
                    if self._is_fresh(connection) if caught_up is None else _offset(connection) >= caught_up:
                        return question(connection)
                _, caught_up = self._take_over_changes()

        return self._file.perform(ask)

    def _is_fresh(self, connection: sqlite3.Connection) -> bool:
        if self._layout.local is not None and settling.due(connection):
            return False
        return not self._changes.grown(_offset(connection))

    def _catch_up(self) -> list[str]:
        with self._file.reading() as connection:
            if self._is_fresh(connection):
                return []
        return self._take_over_changes()[0]

    def _take_over_changes(self) -> tuple[list[str], int]:
        """Take over what was announced and is not known yet; return the subjects, and how far that is."""
        with self._writing() as connection:
            again = settling.due(connection) if self._layout.local is not None else []
            subjects, offset = self._changes.read(_offset(connection))
            for subject in dict.fromkeys([*subjects, *again]):
                kind, _, name = subject.partition("/")
                if kind == "run":
                    self._take_over(connection, name)
            if self._layout.local is not None:
                others = [] if ownership.of(self._layout).is_mine() else subjects
                settling.note(connection, others, again)
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('changes_offset', ?)", [offset])
        return subjects, offset

    def _writing(self) -> AbstractContextManager[sqlite3.Connection]:
        return self._file.writing()


def _offset(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM meta WHERE key = 'changes_offset'").fetchone()
    return int(row[0]) if row else 0


def _write_metrics(connection: sqlite3.Connection, run_id: str, layout: WorkspaceLayout) -> None:
    summary = MetricReader.of_run(layout.run(run_id)).summary()
    connection.execute("DELETE FROM run_metrics WHERE run = ?", [run_id])
    connection.executemany(
        "INSERT INTO run_metrics VALUES (?, ?, ?, ?, ?, ?)",
        [(run_id, storable(name), found.last, found.min, found.max, found.count) for name, found in summary.items()],
    )


def _values(record: RunRecord) -> list[Any]:
    signed = record.signature is not Signature.INVALID
    ours = record.signature is Signature.VALID
    values = [
        record.id,
        record.experiment,
        record.number,
        record.display_name,
        record.spec.type,
        record.state.value,
        record.reason.value if record.reason else None,
        record.detail,
        record.spec.compute_target,
        record.user,
        record.parent,
        record.created,
        record.started,
        record.ended,
        int(signed),
        int(ours and not record.state.terminal),
        json.dumps(record.tags),
        json.dumps(record.properties),
        record.turn,
        searchable(record.display_name, record.id, record.experiment),
    ]
    return [storable(value) if isinstance(value, str) else value for value in values]


def _row(row: Sequence[Any]) -> RunRow:
    # Lists of runs are made of many of these: by place, and without what an enum's look-up by value costs.
    values = list(row)
    values[_STATE], values[_REASON] = _STATES[row[_STATE]], _REASONS[row[_REASON]]
    values[_SIGNED] = bool(row[_SIGNED])
    values[_TAGS], values[_PROPERTIES] = _mapping(row[_TAGS]), _mapping(row[_PROPERTIES])
    return RunRow(*values)


def _mapping(text: str) -> Any:
    return json.loads(text) if text != "{}" else {}
