"""Rows about reading metrics: whole, in a chart's buckets, and how soon another process knows."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.harness import Bench, Pressure, Result, in_turn, interleaved, median, row, timed
from benchmarks.peers import mlflow_server, peer
from benchmarks.writing import environment
from traindock.store.buckets import Buckets
from traindock.store.metrics import MetricReader
from traindock.store.sums import Axis
from traindock.store.watch import Watcher

#: Reader, how many points it is given: the time of the slow ones is multiplied.
PEERS = (("trackio", 100_000), ("tensorboard", 100_000), ("mlflow", 100_000))


@row
def read_million(bench: Bench) -> Iterator[Result]:
    """A million points of one metric, whole, beside ``numpy.fromfile`` of the same bytes and beside peers."""
    million = 1_000_000
    path = write_points(bench.folder / "metrics", million)
    kind = np.dtype([("value", "<f8"), ("time", "<f8")])

    def ours() -> Iterator[float]:
        return timed(lambda: MetricReader(bench.folder / "metrics").points("loss"))

    figures = interleaved(
        {
            "ours": ours,
            "fromfile": lambda: timed(lambda: np.fromfile(path, kind)),
        },
        bench.rounds(40),
    )
    yield Result("a million points, read", median(figures["ours"]), median(figures["fromfile"]), "ms", 3.0, "fromfile")
    for side, usual in PEERS:
        count = bench.scaled(usual)
        with peer(bench, f"{side}-read", count) as ask:
            both = in_turn(ours, ask, bench.rounds(4)) if ask else None
        if both:
            note = f"{side}: {count:,} points, {million // count} times"
            theirs = both[1] * million / count
            yield Result("a million points, read", both[0], theirs, "ms", 40.0, side, faster=True, note=note)


@row
def chart_buckets(bench: Bench) -> Iterator[Result]:
    """800 buckets of a chart, by a reader that has seen the file and by a new one, for 1e5, 1e6 and 1e7 points."""
    sizes = (100_000, 1_000_000) if bench.quick else (100_000, 1_000_000, 10_000_000)
    folders = {size: bench.folder / str(size) for size in sizes}
    kept = {}
    for size, folder in folders.items():
        write_points(folder, size)
        kept[size] = MetricReader(folder)
        kept[size].buckets("loss")
    sides: dict[str, Callable[[], Iterator[float]]] = {}
    for size, folder in folders.items():
        fresh = partial(MetricReader, folder)
        sides[f"warm {size}"] = partial(timed, partial(kept[size].buckets, "loss"))
        sides[f"cold {size}"] = partial(timed, partial(fetched, fresh, "index"))
        sides[f"time {size}"] = partial(timed, partial(fetched, fresh, "time"))
    figures = {name: median(found) for name, found in interleaved(sides, bench.rounds(20)).items()}
    for size in sizes:
        yield Result(f"buckets of {size:,} points, reader kept", figures[f"warm {size}"], 10, "ms", 1.0)
        yield Result(f"buckets of {size:,} points, new reader", figures[f"cold {size}"], 10, "ms", 1.0)
        yield Result(f"buckets of {size:,} points, by time", figures[f"time {size}"], 10, "ms", 1.0)
    yield Result(
        "buckets: flat in the number of points",
        figures[f"cold {sizes[1]}"],
        figures[f"cold {sizes[0]}"],
        "ms",
        1.5,
        f"{sizes[0]:,} points",
        note=f"{sizes[1]:,} points",
    )


def fetched(reader: Callable[[], MetricReader], axis: Axis) -> Buckets:
    return reader().buckets("loss", axis=axis)


@row
def live(bench: Bench) -> Iterator[Result]:
    """From the call in one process to the value in another's hands, beside loopback TCP and MLflow's server."""
    pressure = Pressure()
    ours, theirs = latencies(bench, bench.scaled(200))
    share = pressure.share()
    name = "run.log to a reader in another process, p50"
    yield Result(name, median(ours), 2.5, "ms", 1.0, pressure=share)
    yield Result(name, median(ours), median(theirs), "ms", 10.0, "loopback TCP", pressure=share)
    with mlflow_server(bench) as server:
        if server is None:
            return
        with peer(bench, "mlflow-live", server.address, bench.scaled(60)) as ask:
            found = ask() if ask else None
        if found:
            pressure = Pressure()
            again, _ = latencies(bench, bench.scaled(60))
            share = pressure.share()  # that of MLflow's own server while it starts is not ours
            yield Result(name, median(again), median(found), "ms", 25.0, "MLflow's server", faster=True, pressure=share)


def latencies(bench: Bench, count: int) -> tuple[list[float], list[float]]:
    """Return ``count`` times in milliseconds from a job's log call to a reader here, and of messages over TCP."""
    code = """
        import os, socket, sys, time
        from traindock.runtime import Run
        run = Run.get_context()
        peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        run.log("sent", 0.0)
        for _ in range(int(sys.argv[2])):
            time.sleep(0.02)
            run.log("sent", time.monotonic())
            time.sleep(0.02)
            peer.sendall(repr(time.monotonic()).encode())
    """
    ours: list[float] = []
    theirs: list[float] = []
    shutil.rmtree(bench.folder / "metrics", ignore_errors=True)
    metrics = bench.folder / "metrics"
    metrics.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server, Watcher([metrics], recursive=True) as watcher:
        job = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), str(server.getsockname()[1]), str(count)],
            env=environment(bench),
        )
        peer, _ = server.accept()
        reader = MetricReader(metrics)
        cursor: str | None = None
        with peer:
            while len(theirs) < count:
                watcher.wait(10)
                batch, cursor = reader.since(cursor)
                now = time.monotonic()
                ours += [(now - sent) * 1e3 for series in batch.series for sent in series.values.tolist() if sent]
                if not ours:
                    continue
                message = peer.recv(100)
                theirs.append((time.monotonic() - float(message)) * 1e3)
        job.wait()
    return ours, theirs


def write_points(metrics: Path, count: int) -> Path:
    """Write ``count`` points of the metric "loss" as a job would, at once, and return the file."""
    writer = metrics / "1-00000000"
    writer.mkdir(parents=True)
    name = {"file": 0, "name": "loss", "kind": "f", "step": False, "description": ""}
    (writer / "names.jsonl").write_text(json.dumps(name) + "\n")
    random = np.random.default_rng(7)
    points = np.empty(count, [("value", "<f8"), ("time", "<f8")])
    points["value"] = random.normal(size=count)
    points["time"] = 1.7e9 + np.cumsum(random.exponential(0.01, count))
    points.tofile(writer / "0.bin")
    return writer / "0.bin"
