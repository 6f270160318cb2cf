"""Rows about runs: importing, submitting, preparing, listing, registering, and doing nothing."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness import Bench, Result, interleaved, median, row, timed
from traindock import Environment, Experiment, Model, ScriptRunConfig, Workspace
from traindock.images import venvs
from traindock.images.uv import BuildSettings
from traindock.store import run_records
from traindock.store.index import RunQuery

#: What ``import traindock`` must not load.
IMPORT_HEAVIEST = "docker", "numpy", "torch", "optuna", "onnx", "ray"


@contextmanager
def workspace_of(bench: Bench) -> Iterator[Workspace]:
    """A workspace of the benchmark's own, with nothing of the user's; its processes are ended afterwards."""
    before = dict(os.environ)
    for name in ("DATA", "CONFIG", "STATE"):
        os.environ[f"XDG_{name}_HOME"] = str(bench.folder / name.lower())
    os.environ["TRAINDOCK_LEASE_DIR"] = str(bench.folder / "leases")
    workspace = Workspace.create("bench", path=bench.folder / "workspace", show_output=False)
    try:
        yield workspace
    finally:
        root = str(workspace.layout.root)
        for process in psutil.process_iter(["cmdline"]):
            if any(word.startswith(root) for word in process.info["cmdline"] or []):
                with contextlib.suppress(psutil.Error):
                    process.kill()
                    process.wait(10)
        os.environ.clear()
        os.environ.update(before)


@row
def import_traindock(bench: Bench) -> Iterator[Result]:
    """``import traindock`` beside a bare interpreter, as whole processes."""

    def process(code: str) -> Iterator[float]:
        yield from timed(lambda: subprocess.run([sys.executable, "-c", code], check=True))

    code = "import traindock"
    figures = interleaved({"ours": lambda: process(code), "bare": lambda: process("pass")}, bench.rounds(20))
    check = f"import sys, traindock; sys.exit(any(name in sys.modules for name in {IMPORT_HEAVIEST!r}))"
    loads = subprocess.run([sys.executable, "-c", check], check=False).returncode
    note = f"loads {'some' if loads else 'none'} of {', '.join(IMPORT_HEAVIEST)}"
    yield Result(
        "import traindock", median(figures["ours"]), median(figures["bare"]), "ms", 1.5, "bare Python", note=note
    )


SCRIPT = "import sys, time\nopen(sys.argv[1], 'w').write(repr(time.time()))\n"


@row
def submit_to_first_line(bench: Bench) -> Iterator[Result]:
    """From the call of ``submit`` to the script's first line, and until ``submit`` returns; dispatcher at work."""
    source = bench.folder / "source"
    source.mkdir()
    script = source / "train.py"
    script.write_text(SCRIPT)
    mark = bench.folder / "mark"
    returned: list[float] = []

    with workspace_of(bench) as workspace:
        experiment = Experiment(workspace, "bench")

        def ours() -> Iterator[float]:
            begin = time.time()
            run = experiment.submit(ScriptRunConfig(source, "train.py", [mark]))
            returned.append((time.time() - begin) * 1e3)
            run.wait_for_completion()
            yield (float(mark.read_text()) - begin) * 1e3

        def bare() -> Iterator[float]:
            begin = time.time()
            subprocess.run([sys.executable, script, mark], check=True)
            yield (float(mark.read_text()) - begin) * 1e3

        figures = interleaved({"ours": ours, "bare": bare}, bench.rounds(20))
    limit = median(figures["bare"]) + 100
    note = f"python script.py: {median(figures['bare']):.1f} ms"
    yield Result("submit to the script's first line, local", median(figures["ours"]), limit, "ms", 1.0, "", note=note)
    yield Result("submit returns", median(returned[1:]), 200, "ms", 1.0)


@row
def prepare_unchanged(bench: Bench) -> Iterator[Result]:
    """Preparing an environment that is there: the caller's own, and one that was built before."""
    environment = Environment("bench")
    environment.python.conda_dependencies.add_pip_package("numpy")
    recipe = environment.to_recipe()
    settings = BuildSettings()

    def prepare(folder: Path) -> None:
        venvs.prepare(
            recipe,
            environments=folder,
            caller=sys.executable,
            log=bench.folder / "build.txt",
            cancelled=lambda: False,
            settings=settings,
        )

    figures = interleaved({"caller": lambda: timed(lambda: prepare(bench.folder / "environments"))}, bench.rounds(20))
    yield Result("prepare an unchanged environment", median(figures["caller"]), 20, "ms", 1.0)


@row
def list_runs(bench: Bench) -> Iterator[Result]:
    """The newest 50 of 10,000 runs, and 50 filtered by one metric and ordered by another, beside plain SQLite."""
    count = bench.scaled(10_000)
    generator = random.Random(0)
    with workspace_of(bench) as workspace:
        index = workspace.index
        index.count()
        spec: dict[str, Any] = {
            "snapshot": "0" * 64, "compute_target": "local", "environment": {}, "interpreter": "python",
        }  # fmt: skip
        template = run_records.publish(
            workspace.layout, workspace.record, run_id="bench_0_0", experiment="bench", number=1, created=0.0,
            user="me", spec=spec,
        )  # fmt: skip
        index.runs(RunQuery())
        plain = sqlite3.connect(bench.folder / "plain.sqlite")
        plain.execute("CREATE TABLE runs (id TEXT PRIMARY KEY, created REAL, fields TEXT)")
        plain.execute("CREATE TABLE metrics (run TEXT, name TEXT, value REAL)")
        plain.execute("CREATE INDEX by_time ON runs (created)")
        plain.execute("CREATE INDEX by_metric ON metrics (name, value, run)")
        plain.execute("CREATE INDEX by_run ON metrics (run)")
        _fill(index, workspace.layout.runs, plain, template.id, count, generator)

        def newest() -> None:
            assert len(index.runs(RunQuery(limit=50))) == 50

        def filtered() -> None:
            rows = index.runs(RunQuery(metric="m0", above=0.5, order="m1", limit=50))
            index.metrics([row.id for row in rows])

        def plain_newest() -> None:
            ids = [row[0] for row in plain.execute("SELECT id, fields FROM runs ORDER BY created DESC LIMIT 50")]
            _metrics_of(plain, ids)

        def plain_filtered() -> None:
            sql = (
                "SELECT o.run FROM metrics o JOIN metrics f ON f.run = o.run AND f.name = 'm0' AND f.value >= 0.5 "
                "WHERE o.name = 'm1' ORDER BY o.value DESC LIMIT 50"
            )
            ids = [row[0] for row in plain.execute(sql)]
            _metrics_of(plain, ids)

        rounds = bench.rounds(40)
        figures = interleaved({"ours": lambda: timed(newest), "plain": lambda: timed(plain_newest)}, rounds)
        name = f"newest 50 of {count:,} runs"
        yield Result(name, median(figures["ours"]), median(figures["plain"]), "ms", 2.0, "indexed SQLite")
        figures = interleaved({"ours": lambda: timed(filtered), "plain": lambda: timed(plain_filtered)}, rounds)
        name = f"filter by a metric, order by another, {count:,} runs"
        yield Result(name, median(figures["ours"]), median(figures["plain"]), "ms", 2.0, "indexed SQLite")


def _fill(
    index: Any, runs: Path, plain: sqlite3.Connection, template: str, count: int, generator: random.Random
) -> None:
    """Copy one run's row ``count`` times, with ten metrics each, into the index and into the plain database."""
    with index._writing() as connection:
        columns = [column[1] for column in connection.execute("PRAGMA table_info(runs)")]
        [row] = connection.execute("SELECT * FROM runs WHERE id = ?", [template]).fetchall()
        fields = dict(zip(columns, row, strict=True))
        for number in range(count):
            run = f"bench_{number}"
            # Answers leave out runs whose folder is gone; what is in it does not matter to the question.
            folder = runs / run
            folder.mkdir(exist_ok=True)
            (folder / "run.json").touch()
            values = {**fields, "id": run, "number": number, "created": float(number)}
            marks = ", ".join("?" * len(columns))
            connection.execute(f"INSERT OR REPLACE INTO runs VALUES ({marks})", list(values.values()))
            plain.execute("INSERT INTO runs VALUES (?, ?, ?)", [run, float(number), repr(values)])
            for metric in range(10):
                value = generator.random()
                connection.execute(
                    "INSERT INTO run_metrics VALUES (?, ?, ?, ?, ?, ?)", [run, f"m{metric}", value, value, value, 1]
                )
                plain.execute("INSERT INTO metrics VALUES (?, ?, ?)", [run, f"m{metric}", value])
    plain.commit()


def _metrics_of(plain: sqlite3.Connection, ids: list[str]) -> None:
    marks = ", ".join("?" * len(ids))
    plain.execute(f"SELECT * FROM metrics WHERE run IN ({marks})", ids).fetchall()
    plain.execute(f"SELECT fields FROM runs WHERE id IN ({marks})", ids).fetchall()


@row
def register_a_model(bench: Bench) -> Iterator[Result]:
    """Registering an output of 500 MB of a run that is sealed, beside its SHA-256."""
    size = bench.scaled(500_000_000)
    with workspace_of(bench) as workspace:
        source = bench.folder / "source"
        source.mkdir()
        (source / "train.py").write_text(f"open('outputs/model.bin', 'wb').write(bytes({size}))")
        run = Experiment(workspace, "bench").submit(ScriptRunConfig(source, "train.py"))
        run.wait_for_completion()
        path = workspace.layout.run(run.id).outputs / "model.bin"

        def ours() -> Iterator[float]:
            yield from timed(lambda: run.register_model("bench", "outputs/"))

        def digest() -> Iterator[float]:
            def read() -> None:
                with path.open("rb") as file:
                    hashlib.file_digest(file, "sha256")

            yield from timed(read)

        figures = interleaved({"ours": ours, "digest": digest}, bench.rounds(8))
        note = f"{len(Model.list(workspace, name='bench'))} versions, one content"
        name = f"register a model of {size // 1_000_000} MB"
        yield Result(name, median(figures["ours"]), median(figures["digest"]), "ms", 1.2, "its SHA-256", note=note)


@row
def idle_dispatcher(bench: Bench) -> Iterator[Result]:
    """Memory of everything that runs while a workspace waits for work, and how soon it is ready."""
    with workspace_of(bench) as workspace:
        source = bench.folder / "source"
        source.mkdir()
        (source / "train.py").write_text("pass")
        begin = time.time()
        run = Experiment(workspace, "bench").submit(ScriptRunConfig(source, "train.py"))
        run.wait_for_completion()
        taken = run.record.history[1].time - begin
        root = str(workspace.layout.root)
        found = [
            process
            for process in psutil.process_iter(["cmdline"])
            if any(word.startswith(root) for word in process.info["cmdline"] or [])
        ]
        megabytes = sum(process.memory_full_info().pss for process in found) / 1e6
        yield Result("idle: memory (PSS)", megabytes, 50, "MB", 1.0, note=f"{len(found)} process")
        yield Result("cold: submit until the dispatcher has the run", taken * 1e3, 300, "ms", 1.0)
