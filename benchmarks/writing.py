"""Rows about the job's side: the log call, what survives a kill, what the script itself loses, and the import."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Bench, Pressure, Result, interleaved, median, row, timed
from benchmarks.peers import peer
from benchmarks.workspaces import workspace_of
from traindock import Experiment, Run, ScriptRunConfig
from traindock.store.metrics import MetricReader
from traindock.store.watch import Watcher

SOURCES = Path(__file__).parent.parent / "trainer"
CALLS = Path(__file__).with_name("log_calls.py")
TRAINING = Path(__file__).with_name("training_script.py")

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
    yield from log_calls(bench, "paced", bench.scaled(400), 1.5, "run.log, 200 a second, p50")


@row
def killed(bench: Bench) -> Iterator[Result]:
    """Points that are gone when the whole process group is killed right after the last call."""
    count = bench.scaled(50_000)

    def kill(side: str) -> bool:
        ours = side == "traindock"
        said = bench.folder / f"{side}.said"  # no pipe: what a peer leaves running would keep that open
        with said.open("w") as out:
            done = subprocess.run(
                [sys.executable if ours else bench.peers, str(CALLS), side, "kill", str(count)],
                env=environment(bench) if ours else {**os.environ, "PYTHONWARNINGS": "ignore"},
                cwd=bench.folder,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                check=False,
            )
        if done.returncode != -signal.SIGKILL:
            last = (said.read_text(errors="replace").strip().splitlines() or ["no message"])[-1]
            bench.skip(f"{side} was not measured: {last[:200]}")
        return done.returncode == -signal.SIGKILL

    for _ in range(3):
        assert kill("traindock")
    there = len(MetricReader(bench.folder / "metrics").points("loss").times)
    # Losses are judged at any time: a busy machine only makes for more of them.
    name = f"points lost of {count:,}, killed"
    yield Result(name, count - there / 3, 0, "points", 1.0, note="mean of 3 kills", pressure=0.0)
    for side in ("torch", "tensorboardX", "trackio"):
        if not kill(side):
            continue
        with peer(bench, "survivors", side) as ask:
            if ask and (found := ask()) is not None:
                yield Result(name, count - there / 3, count - found, "points", 1.0, side, pressure=0.0)


@row
def training(bench: Bench) -> Iterator[Result]:
    """What a training script takes for its steps, logging each, beside the same script that logs nothing."""
    source = bench.folder / "source"
    source.mkdir()
    shutil.copy(TRAINING, source)
    answer = bench.folder / "answer.json"
    blocks = bench.rounds(30)

    def bare() -> list[float]:
        subprocess.run([sys.executable, TRAINING, answer, str(blocks)], check=True)
        return list(json.loads(answer.read_text()))

    with workspace_of(bench) as workspace:
        experiment = Experiment(workspace, "bench")

        def ours(*, followed: bool) -> list[float]:
            run = experiment.submit(ScriptRunConfig(source, TRAINING.name, [answer, blocks, "log"]))
            with following(run) if followed else contextlib.nullcontext():
                run.wait_for_completion()
            return list(json.loads(answer.read_text()))

        figures = interleaved(
            {"bare": bare, "alone": lambda: ours(followed=False), "followed": lambda: ours(followed=True)},
            bench.rounds(6),
        )
    found = {name: median(times) for name, times in figures.items()}
    note = f"{20e3 / found['alone']:.0f} points logged a second"
    yield Result("20 steps of training", found["alone"], found["bare"], "ms", 1 / 0.99, "the bare script", note=note)
    yield Result("20 steps of training, followed live", found["followed"], found["bare"], "ms", 1 / 0.99, "the same")


@contextlib.contextmanager
def following(run: Run) -> Iterator[None]:
    """Read what the run logs as soon as it is there, meanwhile."""
    metrics = run.workspace.layout.run(run.id).metrics
    ended = threading.Event()

    def follow() -> None:
        reader, cursor = MetricReader(metrics), None
        with Watcher([metrics], recursive=True) as watcher:
            while not ended.is_set():
                watcher.wait(0.2)
                _, cursor = reader.since(cursor)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


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
