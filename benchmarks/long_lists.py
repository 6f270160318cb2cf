"""Rows about lists of workspaces with very many runs, as a page of the sidebar asks for them over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.harness import Bench, Result, median, row, timed
from benchmarks.seeding import seed
from benchmarks.servers import JupyterServer
from benchmarks.serving import get
from benchmarks.workspaces import workspace_of

FIRST_MS = 300
FILTER_MS = 100
#: As many runs as a page of the sidebar shows at once.
SHOWN = 50


@row
def long_lists(bench: Bench) -> Iterator[Result]:
    """The first list of a server, and filters, orders, groups and sparklines, of 10,000 and of 100,000 runs."""
    for count in (10_000,) if bench.quick else (10_000, 100_000):
        runs = bench.scaled(count)
        inner = Bench(bench.folder / str(count), bench.peers, bench.quick)
        inner.folder.mkdir()
        with workspace_of(inner) as workspace:
            seed(workspace, runs)
            workspace.index.close()
            first: list[float] = []
            for _ in range(inner.rounds(5)):
                server = JupyterServer(inner.folder / "served")
                try:
                    get(server)  # it has begun to serve; nobody has opened a workspace yet
                    first += timed(partial(get, server, "workspaces", workspace.id, "runs", limit=str(SHOWN)))
                finally:
                    server.kill()
            yield Result(f"first list of {runs:,} runs, over HTTP", median(first), FIRST_MS, "ms", 1.0)
            server = JupyterServer(inner.folder / "served")
            try:
                for name, ask in questions(server, workspace.id).items():
                    figures = [figure for _ in range(inner.rounds(20)) for figure in timed(ask)]
                    yield Result(f"{name}, {runs:,} runs, over HTTP", median(figures), FILTER_MS, "ms", 1.0)
            finally:
                server.kill()


def questions(server: JupyterServer, workspace: str) -> dict[str, Callable[[], object]]:
    """Return what is asked for, by name."""
    ask = partial(get, server, "workspaces", workspace)
    runs = partial(ask, "runs", limit=str(SHOWN))
    newest = [run["id"] for run in json.loads(runs())["runs"]]
    assert len(newest) == SHOWN
    assert json.loads(runs(text="no such text"))["runs"] == []
    return {
        "filter by a text in many of": partial(runs, text="resnet"),
        "filter by a text in none of": partial(runs, text="no such text"),
        "filter by state and tag": partial(runs, state="Failed", tag="network=vit-small"),
        "order by name": partial(runs, order="name"),
        "order by duration": partial(runs, order="duration"),
        "filter by a text, order by a metric": partial(runs, text="lr=0.01", order="val_acc"),
        "filter by a state that none has, order by a metric": partial(runs, state="unfinished", order="val_acc"),
        "order by a metric that none has of": partial(runs, order="no such metric"),
        "filter by a metric's bound": partial(runs, metric="val_acc", above="0.9"),
        "the twentieth page of": partial(runs, offset=str(19 * SHOWN)),
        "groups by experiment": partial(ask, "run-groups", by="experiment"),
        "groups by tag": partial(ask, "run-groups", by="tag:network"),
        "groups by parent": partial(ask, "run-groups", by="parent", limit=str(SHOWN)),
        f"sparklines of {SHOWN} of": partial(ask, "sparklines", run=newest),
    }
