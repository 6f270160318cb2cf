"""Rows about lists and queues of workspaces with very many runs, as a page of the sidebar asks for them over HTTP."""

from __future__ import annotations

import fcntl
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.harness import Bench, Result, median, row, timed
from benchmarks.seeding import seed
from benchmarks.servers import JupyterServer
from benchmarks.serving import get
from benchmarks.workspaces import workspace_of
from traindock import Workspace
from traindock.states import State
from traindock.store import run_records

FIRST_MS = 300
FILTER_MS = 100
#: As many runs as a page of the sidebar shows at once.
SHOWN = 50
#: As many runs of a queue as it asks for at once.
QUEUED = 40


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


@row
def long_queues(bench: Bench) -> Iterator[Result]:
    """A page of a queue in which 1,000 runs wait: from its beginning, from its end, and of those with a text."""
    count = bench.scaled(1_000)
    with workspace_of(bench) as workspace, no_dispatcher(workspace):
        waiting = wait_in_queue(workspace, count)
        workspace.index.close()
        server = JupyterServer(bench.folder / "served")
        try:
            ask = partial(get, server, "workspaces", workspace.id, "computes", "local", "queue", limit=str(QUEUED))
            assert json.loads(ask())["length"] == count
            pages = {
                "the first page of": ask,
                "the last page of": partial(ask, offset=str(count - QUEUED)),
                "a run by its id in": partial(ask, text=waiting[-1]),
            }
            for name, page in pages.items():
                figures = [figure for _ in range(bench.rounds(20)) for figure in timed(page)]
                yield Result(f"{name} a queue of {count:,} runs, over HTTP", median(figures), FILTER_MS, "ms", 1.0)
        finally:
            server.kill()


@contextmanager
def no_dispatcher(workspace: Workspace) -> Iterator[None]:
    """Have the dispatcher's lock, so that none begins to work, and runs that wait go on waiting."""
    with open(workspace.layout.dispatcher_lock, "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def wait_in_queue(workspace: Workspace, count: int) -> list[str]:
    """Publish runs that wait for ``local``, and return their ids in order."""
    for number in range(1, count + 1):
        folder = run_records.publish(
            workspace.layout,
            workspace.record,
            run_id=f"queued_{number}_00000000",
            experiment="queued",
            number=number,
            created=time.time(),
            turn=run_records.take_turn(workspace.layout),
            user="me",
            parent=None,
            spec={"snapshot": "", "compute_target": "local", "environment": {}, "interpreter": sys.executable},
        )
        for state in (State.PREPARING, State.QUEUED):
            folder.advance(state)
    return workspace.index.unfinished()


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
