"""Rows about what a user waits for: importing, submitting, preparing; and about doing nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.harness import Bench, Pressure, Result, in_turn, interleaved, median, row, timed
from benchmarks.packages import wheel
from benchmarks.peers import mlflow_server, variables
from benchmarks.workspaces import processes_below, workspace_of
from traindock import Environment, Experiment, ScriptRunConfig, snapshot
from traindock.images import venvs
from traindock.images.uv import BuildSettings

#: Libraries, and how many times quicker than theirs our import is to be, as whole processes.
IMPORTS = (("trackio", 10.0), ("mlflow", 50.0))

#: What ``import traindock`` must not load.
IMPORT_HEAVIEST = "docker", "numpy", "torch", "optuna", "onnx", "ray"


@row
def import_traindock(bench: Bench) -> Iterator[Result]:
    """``import traindock`` beside a bare interpreter, as whole processes."""

    def process(code: str, python: str = sys.executable) -> Iterator[float]:
        return timed(lambda: subprocess.run([python, "-c", code], check=True, stderr=subprocess.DEVNULL))

    code = "import traindock"
    figures = interleaved({"ours": lambda: process(code), "bare": lambda: process("pass")}, bench.rounds(20))
    check = f"import sys, traindock; sys.exit(any(name in sys.modules for name in {IMPORT_HEAVIEST!r}))"
    loads = subprocess.run([sys.executable, "-c", check], check=False).returncode
    note = f"loads {'some' if loads else 'none'} of {', '.join(IMPORT_HEAVIEST)}"
    yield Result(code, median(figures["ours"]), median(figures["bare"]), "ms", 1.5, "bare Python", note=note)
    for library, goal in IMPORTS:
        theirs = f"import {library}"
        if subprocess.run([bench.peers, "-c", theirs], check=False, capture_output=True).returncode:
            bench.skip(f"{theirs} was not measured: it is not installed beside the other peers")
            continue
        both = interleaved(
            {"ours": partial(process, code), "theirs": partial(process, theirs, bench.peers)}, bench.rounds(5)
        )
        yield Result(code, median(both["ours"]), median(both["theirs"]), "ms", goal, theirs, faster=True)


SCRIPT = "import sys, time\nopen(sys.argv[1], 'w').write(repr(time.time()))\n"

MLPROJECT = """
name: bench
entry_points:
  main:
    parameters: {mark: string}
    command: "python train.py {mark}"
"""


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
        name = "submit to the script's first line, local"
        yield Result(name, median(figures["ours"]), limit, "ms", 1.0, note=note)
        yield Result("submit returns", median(returned[1:]), 200, "ms", 1.0)
        (source / "MLproject").write_text(MLPROJECT)
        both = in_turn(ours, lambda: mlflow_run(bench, source, mark), bench.rounds(4))
        if both:
            yield Result(name, *both, "ms", 8.0, "mlflow run, local", faster=True)


def mlflow_run(bench: Bench, project: Path, mark: Path) -> float | None:
    """Return the milliseconds from the command to the script's first line; None where it does not work."""
    mark.unlink(missing_ok=True)
    begin = time.time()
    done = subprocess.run(
        [bench.peers, "-m", "mlflow", "run", "--env-manager", "local", "-P", f"mark={mark}", project],
        env={**variables(bench), "MLFLOW_TRACKING_URI": f"sqlite:///{bench.folder}/mlflow.db"},
        cwd=bench.folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode or not mark.exists():
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        bench.skip(f"mlflow run was not measured: {last[:200]}")
        return None
    return (float(mark.read_text()) - begin) * 1e3


@row
def snapshot_unchanged(bench: Bench) -> Iterator[Result]:
    """A snapshot of 2,000 files that are in the store, of a folder whose ignore file has 100 patterns."""
    source = bench.folder / "source"
    for number in range(2_000):
        path = source / f"package{number % 40}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"number = {number}")
    (source / ".gitignore").write_text("\n".join(f"*.ext{number}" for number in range(100)))
    with workspace_of(bench) as workspace:
        take = partial(snapshot.take, source, layout=workspace.layout)
        time.sleep(3)  # until the files are old enough that their times tell a change
        first = take()
        assert take() == first
        figures = [taken for _ in range(bench.rounds(20)) for taken in timed(take)]
    yield Result("a snapshot of 2,000 unchanged files", median(figures), 100, "ms", 1.0)


@row
def prepare_unchanged(bench: Bench) -> Iterator[Result]:
    """Preparing an environment that is there: the caller's own, and one that was built before."""
    package = wheel(bench.folder / "packages", "bench-package")
    settings = BuildSettings(find_links=(str(package.parent),), offline=True)

    def prepare(package: str) -> str:
        environment = Environment("bench")
        environment.python.conda_dependencies.add_pip_package(package)
        return venvs.prepare(
            environment.to_recipe(),
            environments=bench.folder / "environments",
            caller=sys.executable,
            log=bench.folder / "build.txt",
            cancelled=lambda: False,
            settings=settings,
        ).how

    for package_name, how, name in (
        ("numpy", "caller", "the caller's own"),
        ("bench-package", "cached", "built before"),
    ):
        prepare(package_name)
        assert prepare(package_name) == how
        figures = [taken for _ in range(bench.rounds(20)) for taken in timed(partial(prepare, package_name))]
        yield Result(f"prepare an unchanged environment, {name}", median(figures), 20, "ms", 1.0)


@row
def idle_dispatcher(bench: Bench) -> Iterator[Result]:
    """Memory of everything that runs while a workspace waits for work, and how soon it is ready."""
    with workspace_of(bench) as workspace:
        source = bench.folder / "source"
        source.mkdir()
        (source / "train.py").write_text("pass")
        pressure = Pressure()
        begin = time.time()
        run = Experiment(workspace, "bench").submit(ScriptRunConfig(source, "train.py"))
        run.wait_for_completion()
        taken = run.record.history[1].time - begin
        share = pressure.share()
        root = str(workspace.layout.root)
        deadline = time.monotonic() + 10  # the job's launcher may need a moment to be gone
        while len(found := processes_below(root)) > 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        megabytes = sum(process.memory_full_info().pss for process in found) / 1e6
        # A busy processor does not change how much memory is held.
        yield Result("idle: memory (PSS)", megabytes, 50, "MB", 1.0, note=f"{len(found)} process", pressure=0.0)
        with mlflow_server(bench) as server:
            if server is not None:
                name = "idle: memory (PSS)"
                yield Result(
                    name, megabytes, server.megabytes, "MB", 10.0, "MLflow's server", faster=True, pressure=0.0
                )
        yield Result("cold: submit until the dispatcher has the run", taken * 1e3, 300, "ms", 1.0, pressure=share)
