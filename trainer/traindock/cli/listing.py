"""``traindock runs``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from traindock.cli import parsers
from traindock.cli.finding import command, look_after, open_workspace
from traindock.cli.output import emit, note, tabulate
from traindock.cli.text import Column, duration, moment, number
from traindock.documents import STATISTICS, row_document, seconds_of
from traindock.states import State

if TYPE_CHECKING:
    from traindock.store.index import RunRow
    from traindock.workspace import Workspace

_NAMED = 10
_STATES = {state.value.lower(): (state,) for state in State} | {
    "ended": tuple(state for state in State if state.terminal),
    "unfinished": tuple(state for state in State if not state.terminal),
}


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock runs`` understands."""
    parser.teach(
        """
        List runs, the newest first. Runs that have no end yet are looked after: if their dispatcher is gone, it is
        started again.
        """,
        """
        traindock runs
        traindock runs --experiment pytorch-hymenoptera --state failed
        traindock runs --tag model=resnet18 --metric val_acc --above 0.9
        traindock runs --text resnet --order duration
        traindock runs --order val_loss --asc --statistic min     the best runs first
        traindock runs --json | jq -r '.runs[].id'
        """,
    )
    parser.add_argument("--experiment", metavar="NAME", help="only runs of this experiment")
    parser.add_argument(
        "--state",
        action="append",
        type=str.lower,
        choices=sorted(_STATES),
        metavar="STATE",
        help=f"only runs in this state (may be repeated): {', '.join(s.value for s in State)}, unfinished or ended",
    )
    parser.add_argument(
        "--tag", action="append", type=parsers.tag, default=[], metavar="K[=V]", help="only runs with this tag"
    )
    parser.add_argument(
        "--text", metavar="TEXT", help="only runs whose name, id or experiment contains it, without regard to case"
    )
    parser.add_argument("--metric", metavar="NAME", help="show this metric, and let --above and --below bound it")
    parser.add_argument("--above", type=float, metavar="X", help="only runs whose metric is X or more")
    parser.add_argument("--below", type=float, metavar="X", help="only runs whose metric is X or less")
    parser.add_argument(
        "--order",
        metavar="ORDER",
        help="a metric, which is then shown, greatest first, runs without it last; or created, name or duration, the "
        "last or longest first; metric:NAME for a metric that is called like one of these",
    )
    parser.add_argument("--asc", action="store_true", help="with --order: the other way round, the smallest first")
    parser.add_argument(
        "--statistic", choices=STATISTICS[:3], default="last", help="which value of the metrics is meant (last)"
    )
    parser.add_argument("--children", action="store_true", help="also runs that are part of another run")
    parser.add_argument(
        "--limit", type=parsers.count, default=20, metavar="N", help="at most so many; 0 for all (default: 20)"
    )


def run(args: argparse.Namespace) -> int:
    """Print the list."""
    from traindock.store.index_queries import RunQuery, ordering_metric

    if args.metric is None and (args.above is not None or args.below is not None):
        args.parser.error("--above and --below need --metric")
    if args.asc and args.order is None:
        args.parser.error("--asc needs --order")
    workspace = open_workspace(args)
    look_after(workspace)
    query = RunQuery(
        experiment=args.experiment,
        states=tuple(dict.fromkeys(state for name in args.state or () for state in _STATES[name])),
        text=args.text,
        tags=dict(args.tag),
        metric=args.metric,
        above=args.above,
        below=args.below,
        statistic=args.statistic,
        order=args.order or "created",
        descending=not args.asc,
        top_level=not args.children,
        limit=args.limit + 1 if args.limit else None,
    )
    rows = workspace.index.runs(query)
    more = bool(args.limit) and len(rows) > args.limit
    rows = rows[: args.limit] if args.limit else rows
    metrics = workspace.index.metrics([row.id for row in rows])
    if args.json:
        emit({"runs": [row_document(row, metrics[row.id]) for row in rows], "more": more})
        return 0
    named = any(row.display_name for row in rows)
    ordered = ordering_metric(query.order)
    shown = list(dict.fromkeys(name for name in (args.metric, ordered) if name is not None))
    position = STATISTICS.index(args.statistic)
    values = {
        row.id: [number(metrics[row.id][name][position]) if name in metrics[row.id] else "" for name in shown]
        for row in rows
    }
    if rows:
        mixed = args.experiment is None
        cells = [_cells(row, mixed, named, values[row.id]) for row in rows]
        tabulate(_columns(mixed, named, shown), cells)
        without_order = ordered is not None and not any(ordered in metrics[row.id] for row in rows)
        if without_order and (unknown := _unknown(workspace, [str(ordered)])):
            note(args, f"the newest come first{unknown}")
    else:
        note(
            args,
            f"no such runs in workspace {workspace.name!r} ({workspace.layout.root})"
            f"{_unknown_experiment(workspace, args.experiment)}{_unknown(workspace, shown)}",
        )
    if more:
        note(args, f"there are more: --limit {args.limit * 5}, or --limit 0 for all")
    elif not rows and workspace.index.count() == 0:
        note(args, f"submit the first one: {command(args, 'submit', 'train.py')}")
    return 0


def _unknown_experiment(workspace: Workspace, name: str | None) -> str:
    """Say that no run is of this experiment, in words to follow a sentence, and which experiments have runs."""
    known = list(workspace.index.experiments()) if name is not None else []
    if not known or name in known:
        return ""
    shown = ", ".join(known[:_NAMED])
    return f": there is no experiment {name!r}; there are: {shown}{' …' if len(known) > _NAMED else ''}"


def _unknown(workspace: Workspace, metrics: list[str]) -> str:
    """Name the metrics that no run has logged, in words to follow a sentence, and those that runs have."""
    logged = workspace.index.metric_names() if metrics else []
    unknown = [repr(name) for name in metrics if name not in logged]
    if not unknown:
        return ""
    known = ", ".join(logged[:_NAMED]) or "none yet"
    return f": no run has logged {' or '.join(unknown)}; logged: {known}{' …' if len(logged) > _NAMED else ''}"


def _columns(mixed: bool, named: bool, metrics: list[str]) -> list[Column]:
    experiments = [Column("EXPERIMENT", rank=5)] if mixed else []
    names = [Column("NAME", least=8, rank=3)] if named else []
    return [
        Column("RUN", right=True),
        Column("ID", least=14),
        *experiments,
        *names,
        Column("STATE"),
        *(Column(name, right=True) for name in metrics),
        Column("REASON", least=8, rank=1),
        Column("STARTED", rank=2),
        Column("DURATION", right=True, rank=1),
        Column("COMPUTE", rank=4),
    ]


def _cells(row: RunRow, mixed: bool, named: bool, values: list[str]) -> list[object]:
    if not row.signed:
        reason = "not signed by you"
    elif row.reason is not None:
        reason = row.reason.value
    else:
        reason = row.detail
    return [
        row.number,
        row.id,
        *([row.experiment] if mixed else []),
        *([row.display_name] if named else []),
        row.state.value,
        *values,
        reason,
        moment(row.started, short=True),
        duration(seconds_of(row)),
        row.compute_target,
    ]
