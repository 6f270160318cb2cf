"""Rows about many runs: the newest ones, and those that one metric bounds and another one orders."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.harness import Bench, Result, in_turn, interleaved, median, row, timed
from benchmarks.peers import peer
from benchmarks.workspaces import workspace_of
from traindock import Workspace
from traindock.states import Reason, State
from traindock.store import run_records
from traindock.store.index import RunQuery

NEWEST = RunQuery(limit=50)
FILTERED = RunQuery(metric="m0", above=0.5, order="m1", limit=50)

#: The least that could give the same answer: the tables and indices that it takes, asked in the best order.
PLAIN_INDICES = (
    "CREATE UNIQUE INDEX by_id ON runs (id)",
    "CREATE INDEX by_time ON runs (created)",
    "CREATE INDEX by_metric ON run_metrics (name, last, run)",
    "CREATE INDEX by_run ON run_metrics (run, name, last)",
)
PLAIN_NEWEST = "SELECT * FROM runs ORDER BY created DESC LIMIT 50"
PLAIN_FILTERED = (
    "SELECT runs.* FROM run_metrics o CROSS JOIN run_metrics f ON f.run = o.run AND f.name = 'm0' AND f.last >= 0.5 "
    "CROSS JOIN runs ON runs.id = o.run WHERE o.name = 'm1' ORDER BY o.last DESC LIMIT 50"
)


@row
def list_runs(bench: Bench) -> Iterator[Result]:
    """The newest 50 of 10,000 runs, and 50 filtered and ordered, with their metrics; beside plain SQLite and MLflow."""
    count = bench.scaled(10_000)
    with workspace_of(bench) as workspace:
        plain_file = bench.folder / "plain.sqlite"
        fill(workspace, count, plain_file)
        plain = sqlite3.connect(plain_file)

        def ours(query: RunQuery) -> None:
            rows = workspace.index.runs(query)
            metrics = workspace.index.metrics([row.id for row in rows])
            assert len(rows) == 50
            assert len(metrics[rows[0].id]) == 10

        def limit(sql: str) -> None:
            rows = plain.execute(sql).fetchall()
            marks = ", ".join("?" * len(rows))
            found = plain.execute(f"SELECT * FROM run_metrics WHERE run IN ({marks})", [row[0] for row in rows])
            assert len(found.fetchall()) == 500

        questions: dict[str, tuple[str, Callable[[], None], Callable[[], None], float]] = {
            "newest": (f"newest 50 of {count:,} runs", partial(ours, NEWEST), partial(limit, PLAIN_NEWEST), 20),
            "filtered": (
                f"filter by a metric, order by another, {count:,} runs",
                partial(ours, FILTERED),
                partial(limit, PLAIN_FILTERED),
                1000,
            ),
        }
        for name, mine, theirs, _ in questions.values():
            figures = interleaved({"ours": partial(timed, mine), "plain": partial(timed, theirs)}, bench.rounds(40))
            yield Result(name, median(figures["ours"]), median(figures["plain"]), "ms", 2.0, "indexed SQLite")
        with peer(bench, "mlflow-search", "mlflow.db", count) as ask:
            if ask is None:
                return
            for which, (name, mine, _, goal) in questions.items():
                both = in_turn(partial(timed, mine), partial(ask, which), bench.rounds(5))
                if both:
                    yield Result(name, *both, "ms", goal, "MLflow, SQLite", faster=True)


def fill(workspace: Workspace, count: int, plain_file: Path) -> None:
    """Make ``count`` runs out of one, each with ten metrics of its own, in the index and in a plain database."""
    generator = random.Random(0)
    index = workspace.index
    index.count()
    template = run_records.publish(
        workspace.layout,
        workspace.record,
        run_id="bench_0_0",
        experiment="bench",
        number=1,
        created=0.0,
        user="me",
        spec={"snapshot": "0" * 64, "compute_target": "local", "environment": {}, "interpreter": "python"},
        tags={f"tag{number}": "value" for number in range(3)},
        properties={f"p{number}": "1" for number in range(5)},
    )
    # It has ended, as most runs of a long list: for others a dispatcher would be at work beside what is measured.
    for state in (State.PREPARING, State.QUEUED, State.RUNNING, State.FINALIZING):
        template.advance(state)
    template.advance(State.COMPLETED, reason=Reason.FINISHED)
    index.runs(NEWEST)
    with index._writing() as connection:
        columns = [column[1] for column in connection.execute("PRAGMA table_info(runs)")]
        [found] = connection.execute("SELECT * FROM runs WHERE id = ?", [template.id]).fetchall()
        fields = dict(zip(columns, found, strict=True))
        for number in range(count):
            run = f"bench_{number}"
            # Answers leave out runs whose folder is gone; what is in it does not matter to the question.
            folder = workspace.layout.runs / run
            folder.mkdir(exist_ok=True)
            (folder / workspace.layout.run(run).run_json.name).touch()
            values = {**fields, "id": run, "number": number, "created": 1.0 + number, "turn": 1.0 + number}
            connection.execute(f"INSERT INTO runs VALUES ({', '.join('?' * len(columns))})", list(values.values()))
            for metric in range(10):
                value = generator.random()
                row_of_metric = [run, f"m{metric}", value, value, value, 1]
                connection.execute("INSERT INTO run_metrics VALUES (?, ?, ?, ?, ?, ?)", row_of_metric)
    plain = sqlite3.connect(plain_file)
    plain.execute("ATTACH ? AS ours", [str(workspace.layout.index)])
    for table in ("runs", "run_metrics"):
        plain.execute(f"CREATE TABLE {table} AS SELECT * FROM ours.{table}")
    for sql in PLAIN_INDICES:
        plain.execute(sql)
    plain.commit()
    plain.close()
