"""From questions about many runs to SQL that the index answers quickly, however many runs there are.

One index, ``runs_by_turn``, has all that runs are usually filtered, grouped and ordered by. So a page of a list is
found in two steps: the ids in that index alone, then the rows of these ids.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from traindock.states import State


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs, and in which order; every field left at its default does not matter.

    Attributes:
        text: is part of their display name, id or experiment, without regard to case.
        tags: names with the value they must have, or None for any value.
        without_tags: names of tags that they must not have.
        properties: as ``tags``.
        metric: name of a metric that ``above`` and ``below`` bound and ``order`` may name.
        above: its ``statistic`` is at least this.
        below: its ``statistic`` is at most this.
        statistic: "last", "min" or "max".
        order: "created" (as they were submitted, whatever was done to the clock), "name" (the display name, or the id
            of a run that has none, without regard to case), "duration" (how long the script has been running, or ran;
            those that have not begun come last), or a metric, see :func:`ordering_metric` (those without it come last,
            the newest first).
        descending: the last, longest or greatest first.
        only_ordered: only runs that have the metric that ``order`` names, if it names one.
        without_metric: only runs that have no metric of this name.
        top_level: only runs without a parent.
        ended_after: only runs that ended at this time, in seconds since 1970, or later.
    """

    experiment: str | None = None
    number: int | None = None
    parent: str | None = None
    states: tuple[State, ...] = ()
    type: str | None = None
    compute_target: str | None = None
    text: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    without_tags: tuple[str, ...] = ()
    properties: Mapping[str, str | None] = field(default_factory=dict)
    metric: str | None = None
    above: float | None = None
    below: float | None = None
    statistic: str = "last"
    order: str = "created"
    descending: bool = True
    only_ordered: bool = False
    without_metric: str | None = None
    top_level: bool = False
    ended_after: float | None = None
    limit: int | None = None
    offset: int = 0


#: Orders that are no metrics.
ORDERS: Final = ("created", "name", "duration")
#: Before the name of a metric, which may be that of another order.
METRIC_ORDER: Final = "metric:"
#: What runs can be grouped by, besides tags.
GROUPS: Final = ("experiment", "parent", "compute_target", "state")

COLUMNS: Final = (
    *("id", "experiment", "number", "display_name", "type", "state", "reason", "detail", "compute_target", "user"),
    *("parent", "created", "started", "ended", "signed", "tags", "properties"),
)
#: What is told of each run: the columns, and how many runs are part of it.
RESULTS: Final = (
    f"{', '.join(f'runs.{column}' for column in COLUMNS)}, "  # noqa: S608 (no value from outside)
    "(SELECT COUNT(*) FROM runs part WHERE part.parent = runs.id)"
)
_ENDED: Final = ", ".join(f"'{state.value}'" for state in State if state.terminal)
# A walk along an order finds 50 runs among 10,000 about as soon as these many can be sorted.
_MANY = 500


def ordering_metric(order: str) -> str | None:
    """Return the metric that an order means: ``metric:NAME``, or a name that is none of :data:`ORDERS`; else None."""
    return None if order in ORDERS else order.removeprefix(METRIC_ORDER)


def order_by(metric: str) -> str:
    """Return the order that means a metric, however that is called; the reverse of :func:`ordering_metric`."""
    return f"{METRIC_ORDER}{metric}" if metric in ORDERS or metric.startswith(METRIC_ORDER) else metric


def storable(text: str) -> str:
    """SQLite takes no lone surrogates, which odd file names bring along."""
    return text.encode("utf-8", "backslashreplace").decode()


def searchable(display_name: str, run_id: str, experiment: str) -> str:
    """Return what a run is found by, its name first, so that it can be ordered by, too.

    It is part of databases: another result needs a migration.
    """
    return "\n".join((display_name or run_id, run_id, experiment)).casefold()


def found_runs(connection: sqlite3.Connection, query: RunQuery) -> list[Sequence[Any]]:
    """Return :data:`RESULTS` of the runs that ``query`` describes, in its order."""
    sql, values = selection(connection, query)
    rows: list[Sequence[Any]] = connection.execute(sql, values).fetchall()
    metric = ordering_metric(query.order)
    if metric is None or query.only_ordered or (query.limit is not None and len(rows) >= query.limit):
        return rows
    # In a statement of its own, since most pages end before those without the metric begin.
    have = query.offset + len(rows) if rows or query.offset == 0 else _count(connection, query)
    without = replace(
        query,
        order="created",
        descending=True,
        without_metric=metric,
        limit=None if query.limit is None else query.limit - len(rows),
        offset=max(0, query.offset - have),
    )
    sql, values = selection(connection, without)
    return [*rows, *connection.execute(sql, values)]


def selection(connection: sqlite3.Connection, query: RunQuery) -> tuple[str, list[Any]]:
    """Return SQL, with its values, that gives :data:`RESULTS` of the runs that ``query`` describes, in its order.

    Of an order by a metric these are the runs that have it.
    """
    many = _bounds_leave_many(connection, query)
    source, where, values = _conditions(query, many=many, few=_few_match(connection, query))
    key = _key(query)
    if query.limit is None:
        # All of them: to find them first, and then to read and sort them, would take longer.
        sql = f"SELECT {RESULTS} FROM {source} WHERE {where} ORDER BY {_order(query, key)} LIMIT -1 OFFSET ?"  # noqa: S608
        return sql, [*values, query.offset]
    ids = f"SELECT runs.id, {key} AS key FROM {source} WHERE {where} ORDER BY {_order(query, key)} LIMIT ? OFFSET ?"  # noqa: S608
    order = _order(query, "found.key")
    sql = f"SELECT {RESULTS} FROM ({ids}) found JOIN runs ON runs.id = found.id ORDER BY {order}"  # noqa: S608
    return sql, [*values, query.limit, query.offset]


def grouping(query: RunQuery, by: str) -> tuple[str, list[Any]]:
    """Return SQL, with its values, that gives the fields of groups, see ``Index.groups``."""
    source, where, values = _conditions(query)
    value, key = f"runs.{by}", f"+runs.{by}"
    if by == "experiment":
        key = value  # in whose order runs lie in an index of their own
    elif by not in GROUPS:
        value = key = "grouped.value"
        source += " LEFT JOIN run_tags grouped ON grouped.run = runs.id AND grouped.name = ?"
        values = [storable(by.removeprefix("tag:")), *values]
    # A plus keeps SQLite from going by an index of that column, where it would have to read each row.
    groups = (
        f"SELECT {value} AS value, COUNT(*) AS runs, SUM(state NOT IN ({_ENDED})) AS unfinished, max(turn) AS turn, "  # noqa: S608
        f"runs.id AS id FROM {source} WHERE {where} GROUP BY {key} ORDER BY 4 DESC, 1 LIMIT ? OFFSET ?"
    )
    sql = (
        f"SELECT found.value, found.runs, found.unfinished, runs.created FROM ({groups}) found "  # noqa: S608
        "JOIN runs ON runs.id = found.id ORDER BY found.turn DESC, found.value"
    )
    return sql, [*values, -1 if query.limit is None else query.limit, query.offset]


def _count(connection: sqlite3.Connection, query: RunQuery) -> int:
    """Return how many runs :func:`selection` would give without limit and offset."""
    source, where, values = _conditions(query, few=_few_match(connection, query))
    (count,) = connection.execute(f"SELECT COUNT(*) FROM {source} WHERE {where}", values).fetchone()  # noqa: S608
    return int(count)


def _key(query: RunQuery) -> str:
    """Return the expression that runs are ordered by."""
    if query.order == "created":
        return "turn"
    if query.order == "name":
        return "searched"
    if query.order == "duration":
        return f"coalesce(ended, {time.time()!r}) - started"
    return f"o.{_statistic(query)}"


def _order(query: RunQuery, key: str) -> str:
    if query.order == "created":
        # Either way along one index.
        return f"{key} DESC, runs.id" if query.descending else f"{key}, runs.id DESC"
    # NaN, which SQLite keeps as NULL, is neither the least nor the greatest.
    return f"{key} {'DESC' if query.descending else 'ASC NULLS LAST'}, runs.id"


def _bounds_leave_many(connection: sqlite3.Connection, query: RunQuery) -> bool:
    """Whether the bounds of a metric leave so many runs that going by the order comes to the wanted ones sooner."""
    if query.limit is None or query.metric is None or (query.above is None and query.below is None):
        return False
    statistic = _statistic(query)
    low, high = (-math.inf if query.above is None else query.above), (math.inf if query.below is None else query.below)
    sql = f"SELECT 1 FROM run_metrics WHERE name = ? AND {statistic} BETWEEN ? AND ? LIMIT 1 OFFSET ?"  # noqa: S608
    return connection.execute(sql, [storable(query.metric), low, high, _MANY]).fetchone() is not None


def _few_match(connection: sqlite3.Connection, query: RunQuery) -> bool:
    """Whether filters leave so few runs that these are better found before an order by a metric is walked along.

    That walk has to read the row of each run that it comes to.
    """
    if ordering_metric(query.order) is None:
        return False
    source, where, values = _conditions(replace(query, order="created", metric=None, top_level=False))
    if where == "1":
        return False
    sql = f"SELECT 1 FROM {source} WHERE {where} LIMIT 1 OFFSET ?"  # noqa: S608 (no value from outside)
    return connection.execute(sql, [*values, _MANY]).fetchone() is None


def _statistic(query: RunQuery) -> str:
    return {"last": "last", "min": "min", "max": "max"}[query.statistic]


def _conditions(query: RunQuery, *, many: bool = False, few: bool = False) -> tuple[str, str, list[Any]]:
    """Return the tables, the condition and its values.

    Args:
        query: which runs.
        many: whether its bounds leave many of them.
        few: whether its filters leave few of them, which are found before they are ordered by a metric.
    """
    statistic = _statistic(query)
    source, where, values = "runs", ["1"], list[Any]()
    # SQLite keeps to the order of a CROSS JOIN; left alone, it always goes by the metric that is bounded.
    join = "CROSS JOIN" if many else "JOIN"

    def require(condition: str, *given: Any) -> None:
        where.append(condition)
        values.extend(given)

    if (ordered := ordering_metric(query.order)) is not None:
        source = (
            "runs CROSS JOIN run_metrics o ON o.run = runs.id"
            if few
            else f"run_metrics o {join} runs ON runs.id = o.run"
        )
        require("o.name = ?", ordered)
    if query.metric is not None and (query.above is not None or query.below is not None):
        source += f" {join} run_metrics m ON m.run = runs.id"
        require("m.name = ?", query.metric)
        if query.above is not None:
            require(f"m.{statistic} >= ?", query.above)
        if query.below is not None:
            require(f"m.{statistic} <= ?", query.below)
    for column in ("experiment", "number", "parent", "type", "compute_target"):
        if (value := getattr(query, column)) is not None:
            require(f"runs.{column} = ?", value)
    if query.top_level:
        require("parent IS NULL")
    if query.ended_after is not None:
        require("ended >= ?", query.ended_after)
    if query.states:
        require(f"state IN ({', '.join('?' * len(query.states))})", *(state.value for state in query.states))
    if query.text:
        require("instr(searched, ?)", query.text.casefold())
    for name, value in query.tags.items():
        condition = "SELECT run FROM run_tags WHERE run_tags.name = ?"
        if value is None:
            # Many runs have a tag's name, so that it is not worth to read the rows of all of them: hence the plus.
            require(f"+runs.id IN ({condition})", name)
        else:
            require(f"runs.id IN ({condition} AND value = ?)", name, value)
    for name in query.without_tags:
        require("runs.id NOT IN (SELECT run FROM run_tags WHERE run_tags.name = ?)", name)
    if query.without_metric is not None:
        # Looked up run by run, and last of all conditions: a page is full long before all have been looked up.
        require(
            "NOT EXISTS (SELECT 1 FROM run_metrics none WHERE none.run = runs.id AND none.name = ?)",
            query.without_metric,
        )
    for name, value in query.properties.items():
        path = '$."' + name.replace('"', "") + '"'
        if value is None:
            require("json_extract(properties, ?) IS NOT NULL", path)
        else:
            require("json_extract(properties, ?) = ?", path, value)
    return (
        source,
        " AND ".join(where),
        [storable(value) if isinstance(value, str) else value for value in values],
    )
