"""Rows about the server extension: what a page waits for, and what following costs the server."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import psutil
import websocket

from benchmarks.harness import Bench, Pressure, Result, interleaved, median, row, timed
from benchmarks.listing import FILTERED, NEWEST, fill
from benchmarks.reading import write_points
from benchmarks.servers import TOKEN, JupyterServer
from benchmarks.workspaces import workspace_of
from benchmarks.writing import environment
from traindock import Workspace
from traindock.store import run_records
from traindock.store.metrics import MetricReader
from traindock.store.run_records import RunFolder

PAGES = 20
FOLLOWED = 100


@row
def live_frames(bench: Bench) -> Iterator[Result]:
    """From the log call in a job to the websocket frame in a page, alone and as one of 20 pages."""
    with served(bench) as (workspace, server):
        folder = published(workspace, "live_1_00000000")
        count = bench.scaled(200)
        pressure = Pressure()
        alone = latencies(bench, server, workspace, folder, count, pages=1)
        share = pressure.share()
        alone.sort()
        yield Result("run.log to a websocket frame, p50", median(alone), 250, "ms", 1.0, pressure=share)
        late = alone[int(len(alone) * 0.99)]
        yield Result("run.log to a websocket frame, p99", late, 600, "ms", 1.0, pressure=share)
        pressure = Pressure()
        # A run of its own: a page that begins to follow is told what was logged before, too.
        folder = published(workspace, "live_2_00000000")
        many = latencies(bench, server, workspace, folder, bench.scaled(60), pages=PAGES)
        name = f"run.log to the last of {PAGES} pages, p50"
        yield Result(name, median(many), median(alone), "ms", 3.0, "one page", pressure=pressure.share())


@row
def http_queries(bench: Bench) -> Iterator[Result]:
    """Lists and curves over HTTP, beside the store itself."""
    count = bench.scaled(10_000)
    with served(bench) as (workspace, server):
        fill(workspace, count, bench.folder / "plain.sqlite")
        api = partial(get, server, "workspaces", workspace.id, "runs")
        filtered = {"metric": "m0", "above": "0.5", "order": "m1", "limit": "50"}
        questions: dict[str, tuple[Callable[[], object], Callable[[], object], float]] = {
            f"newest 50 of {count:,} runs": (partial(api, limit="50"), lambda: rows(workspace, NEWEST), 5),
            "filter by a metric, order by another": (partial(api, **filtered), lambda: rows(workspace, FILTERED), 5),
        }
        folder = published(workspace, "curves_1_00000000")
        write_points(folder.layout.metrics, bench.scaled(1_000_000))
        reader = MetricReader(folder.layout.metrics)
        buckets = partial(api, folder.id, "metrics", "buckets", name="loss", buckets="800")
        questions[f"buckets of {bench.scaled(1_000_000):,} points"] = (
            partial(buckets, accept="application/octet-stream"),
            lambda: reader.buckets("loss", 800),
            20,
        )
        for name, (http, store, most) in questions.items():
            sides = {"http": partial(timed, http), "store": partial(timed, store)}
            figures = interleaved(sides, bench.rounds(40))
            http_took, store_took = median(figures["http"]), median(figures["store"])
            yield Result(f"{name}, over HTTP", http_took, most, "ms", 1.0)
            yield Result(f"{name}, over HTTP", http_took, store_took, "ms", 5.0, "the store itself")


@row
def server_idle(bench: Bench) -> Iterator[Result]:
    """What the extension adds to a server that nobody asks, and what 100 quiet runs that a page follows cost."""
    with served(bench) as (workspace, server):
        plain = JupyterServer(bench.folder / "plain", extension=False)
        try:
            get(server, "workspaces")
            time.sleep(1)
            ours, bare = (psutil.Process(one.process.pid).memory_full_info().pss / 1e6 for one in (server, plain))
        finally:
            plain.kill()
        yield Result("server's memory (PSS)", ours, bare, "MB", 2.0, "without the extension", pressure=0.0)
        folders = [published(workspace, f"quiet_1_{number:08x}") for number in range(FOLLOWED)]
        with page(server) as connection:
            for folder in folders:
                follow(connection, workspace, folder)
            # What a dispatcher makes of them comes, too, before they are quiet.
            connection.settimeout(3)
            with contextlib.suppress(websocket.WebSocketTimeoutException):
                while True:
                    connection.recv()
            seconds = 3 if bench.quick else 10
            begin = cpu_seconds(server)
            time.sleep(seconds)
            spent = (cpu_seconds(server) - begin) / seconds * 100
        yield Result(f"following {FOLLOWED} quiet runs", spent, 2, "% of a core", 1.0, pressure=0.0)


@contextmanager
def served(bench: Bench) -> Iterator[tuple[Workspace, JupyterServer]]:
    """A workspace, and a server that may open it."""
    with workspace_of(bench) as workspace:
        server = JupyterServer(bench.folder / "served")
        try:
            yield workspace, server
        finally:
            server.kill()


def published(workspace: Workspace, run_id: str) -> RunFolder:
    """Publish a run that nobody launches, since it is of the kind that a notebook logs into."""
    folder = run_records.publish(
        workspace.layout,
        workspace.record,
        run_id=run_id,
        experiment=run_id.partition("_")[0],
        number=1,
        created=time.time(),
        turn=time.time(),
        user="me",
        parent=None,
        spec={
            "snapshot": "", "compute_target": "local", "environment": {}, "interpreter": sys.executable,
            "type": "traindock.interactive",
        },
    )  # fmt: skip
    folder.layout.metrics.mkdir(exist_ok=True)
    return folder


def latencies(
    bench: Bench, server: JupyterServer, workspace: Workspace, folder: RunFolder, count: int, pages: int
) -> list[float]:
    """Return ``count`` times in milliseconds from a job's log call until all pages have it."""
    code = """
        import sys, time
        from traindock.runtime import Run
        run = Run.get_context()
        for _ in range(int(sys.argv[1])):
            time.sleep(0.3)
            run.log("sent", time.time())
    """
    connections = [websocket.create_connection(live(server)) for _ in range(pages)]
    try:
        for connection in connections:
            follow(connection, workspace, folder)
            connection.recv()
        variables = {**environment(bench), "TRAINDOCK_METRICS_DIR": str(folder.layout.metrics)}
        job = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), str(count)], env=variables)
        found: list[float] = []
        # How many of them each page has: what comes as one message to one page may come as two to another.
        known = [0] * pages
        while len(found) < count:
            sent = values(connections[0])
            known[0] += len(sent)
            for number, connection in enumerate(connections[1:], 1):
                while known[number] < known[0]:
                    known[number] += len(values(connection))
            found += [(time.time() - value) * 1e3 for value in sent]
        job.wait()
        return found
    finally:
        for connection in connections:
            connection.close()


def values(connection: websocket.WebSocket) -> list[float]:
    """Return the values of the next message of a connection."""
    series = json.loads(connection.recv()).get("metrics", {}).get("series", [])
    return [value for one in series for value in one["values"]]


def follow(connection: websocket.WebSocket, workspace: Workspace, folder: RunFolder) -> None:
    target = {"workspace": workspace.id, "run": folder.id}
    connection.send(json.dumps({"subscribe": folder.id, "to": target}))


@contextmanager
def page(server: JupyterServer) -> Iterator[websocket.WebSocket]:
    with closing(websocket.create_connection(live(server))) as connection:
        yield connection


def live(server: JupyterServer) -> str:
    return f"{server.api('live', scheme='ws')}?token={TOKEN}"


def get(server: JupyterServer, *path: str, accept: str = "application/json", **query: str | list[str]) -> bytes:
    """Fetch a path of the API."""
    url = server.api(*path) + (f"?{urlencode(query, doseq=True)}" if query else "")
    with urlopen(Request(url, headers={"Authorization": f"token {TOKEN}", "Accept": accept})) as answer:
        body: bytes = answer.read()
        return body


def rows(workspace: Workspace, query: Any) -> None:
    found = workspace.index.runs(query)
    workspace.index.metrics([one.id for one in found])


def cpu_seconds(server: JupyterServer) -> float:
    times = psutil.Process(server.process.pid).cpu_times()
    return times.user + times.system
