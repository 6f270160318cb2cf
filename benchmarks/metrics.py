"""Rows about metrics: the log call, what survives a kill, reading back, charts, and how soon a reader knows."""

from __future__ import annotations

import json
import os
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

from benchmarks.harness import Bench, Pressure, Result, interleaved, median, row, timed
from traindock.store.buckets import Buckets
from traindock.store.metrics import MetricReader
from traindock.store.sums import Axis
from traindock.store.watch import Watcher

SOURCES = Path(__file__).parent.parent / "trainer"
CALLS = Path(__file__).with_name("log_calls.py")

#: Library, how many times slower than ours it is to be in a tight loop and at 200 calls a second.
PEERS = (("torch", 5.0, 2.5), ("trackio", 5.0, 2.5), ("tensorboardX", 5.0, 2.5), ("mlflow", 3000.0, 100.0))


def environment(bench: Bench) -> dict[str, str]:
    """What a job's process would have in its environment."""
    folder = bench.folder / "metrics"
    return {
        **os.environ,
        "PYTHONPATH": str(SOURCES),
        "TRAINDOCK_RUN_ID": "bench_1_2",
        "TRAINDOCK_METRICS_DIR": str(folder),
        "PYTHONWARNINGS": "ignore",
    }


def calls(bench: Bench, side: str, mode: str, count: int) -> dict[str, list[float]] | None:
    """Return the per-call times of one side in a fresh process; None where its library is not to be had."""
    ours = side.startswith("traindock")
    done = subprocess.run(
        [sys.executable if ours else bench.peers, str(CALLS), side, mode, str(count)],
        env=environment(bench) if ours else {**os.environ, "PYTHONWARNINGS": "ignore"},
        cwd=bench.folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        bench.skip(f"{side} was not measured: {last[:200]}")
        return None
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def log_calls(bench: Bench, mode: str, count: int, goal: float, name: str) -> Iterator[Result]:
    available = [("traindock", 0.0), *((peer, paced if mode == "paced" else tight) for peer, tight, paced in PEERS)]
    figures: dict[str, list[float]] = {}
    limits: list[float] = []
    shares: list[float] = []
    for _ in range(bench.rounds(5 if mode == "tight" else 2)):
        for side, _ in list(available):
            pressure = Pressure()
            found = calls(bench, side, mode, count)
            if found is None:
                available = [one for one in available if one[0] != side]
                continue
            figures.setdefault(side, []).append(median(found["calls"]))
            if side == "traindock":
                limits.append(median(found["limit"]))
                shares.append(pressure.share())  # peers press by themselves, with threads and servers
    ours = median(figures["traindock"])
    yield Result(name, ours, median(limits), "us", goal, "os.write of the record", pressure=median(shares))
    for side, wanted in available[1:]:
        yield Result(name, ours, median(figures[side]), "us", wanted, side, faster=True, pressure=median(shares))


@row
def log_tight(bench: Bench) -> Iterator[Result]:
    """``run.log(name, value)`` in a tight loop, beside one ``os.write`` of its record and beside peers."""
    yield from log_calls(bench, "tight", bench.scaled(20_000), 2.0, "run.log, tight loop, p50")
    both = [calls(bench, "traindock-steps", "tight", bench.scaled(20_000)) for _ in range(bench.rounds(3))]
    found = [one for one in both if one]
    ours, limit = (median([median(one[key]) for one in found]) for key in ("calls", "limit"))
    yield Result("run.log with step, tight loop, p50", ours, limit, "us", 2.5, "os.write of 16 bytes")


@row
def log_paced(bench: Bench) -> Iterator[Result]:
    """``run.log(name, value)`` 200 times a second, as training feels it."""
    yield from log_calls(bench, "paced", bench.scaled(600), 1.5, "run.log, 200 a second, p50")


@row
def killed(bench: Bench) -> Iterator[Result]:
    """Points that are gone when the whole process group is killed right after the last call."""
    count = bench.scaled(50_000)
    for _ in range(3):
        subprocess.run(
            [sys.executable, str(CALLS), "traindock", "kill", str(count)],
            env=environment(bench),
            cwd=bench.folder,
            start_new_session=True,
            check=False,
        )
    there = len(MetricReader(bench.folder / "metrics").points("loss").times)
    yield Result(f"points lost of {3 * count:,}, killed", 3 * count - there, 0, "points", 1.0)


@row
def read_million(bench: Bench) -> Iterator[Result]:
    """A million points of one metric, whole, beside ``numpy.fromfile`` of the same bytes."""
    path = write_points(bench.folder / "metrics", 1_000_000)
    kind = np.dtype([("value", "<f8"), ("time", "<f8")])
    figures = interleaved(
        {
            "ours": lambda: timed(lambda: MetricReader(bench.folder / "metrics").points("loss")),
            "fromfile": lambda: timed(lambda: np.fromfile(path, kind)),
        },
        bench.rounds(40),
    )
    yield Result("a million points, read", median(figures["ours"]), median(figures["fromfile"]), "ms", 3.0, "fromfile")


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
    """From the call in one process to the value in another's hands, beside a message over loopback TCP."""
    count = bench.scaled(200)
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
    yield Result("run.log to a reader in another process, p50", median(ours), 2.5, "ms", 1.0)
    yield Result(
        "run.log to a reader in another process, p50", median(ours), median(theirs), "ms", 10.0, "loopback TCP"
    )


@row
def import_in_job(bench: Bench) -> Iterator[Result]:
    """``from traindock import Run`` as a job does it, beside a bare interpreter; and with the first log call."""
    injected = bench.folder / "injected"
    injected.mkdir()
    shutil.copytree(SOURCES / "traindock" / "runtime", injected / "traindock")
    # A job after the first one finds the bytecode there.
    variables = {**environment(bench), "PYTHONPATH": str(injected), "PYTHONDONTWRITEBYTECODE": ""}

    def python(code: str) -> Iterator[float]:
        return timed(lambda: subprocess.run([sys.executable, "-c", code], env=variables, check=True))

    figures = interleaved(
        {
            "ours": lambda: python("from traindock import Run; Run.get_context()"),
            "log": lambda: python("from traindock import Run; Run.get_context().log('loss', 0.5)"),
            "json": lambda: python("import json"),
            "bare": lambda: python("pass"),
        },
        bench.rounds(15),
    )
    found = {name: median(times) for name, times in figures.items()}
    yield Result("import and get_context in a job", found["ours"], found["bare"], "ms", 1.5, "bare Python")
    yield Result("the same and the first log call", found["log"], found["json"], "ms", 1.5, "Python and its json")


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
