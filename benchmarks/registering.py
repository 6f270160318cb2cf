"""The row about registering a model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial

from benchmarks.harness import Bench, Result, in_turn, interleaved, median, row, timed
from benchmarks.peers import peer
from benchmarks.workspaces import workspace_of
from traindock import Experiment, Model, ScriptRunConfig

#: What MLflow can do with the file, and how many times slower than ours it is to be: a copy alone hashes nothing.
MLFLOW = {"model": ("MLflow, log and register a model", 1.0), "artifact": ("MLflow, log_artifact (a copy)", 0.5)}


@row
def register_a_model(bench: Bench) -> Iterator[Result]:
    """Registering an output of 500 MB of a run that is sealed, beside its SHA-256 and beside MLflow."""
    size = bench.scaled(500_000_000)
    name = f"register a model of {size // 1_000_000} MB"
    with workspace_of(bench) as workspace:
        source = bench.folder / "source"
        source.mkdir()
        (source / "train.py").write_text(f"open('outputs/model.bin', 'wb').write(bytes({size}))")
        run = Experiment(workspace, "bench").submit(ScriptRunConfig(source, "train.py"))
        run.wait_for_completion()
        path = workspace.layout.run(run.id).outputs / "model.bin"

        def ours() -> Iterator[float]:
            return timed(lambda: run.register_model("bench", "outputs/"))

        def digest() -> Iterator[float]:
            def read() -> None:
                with path.open("rb") as file:
                    hashlib.file_digest(file, "sha256")

            return timed(read)

        figures = interleaved({"ours": ours, "digest": digest}, bench.rounds(8))
        note = f"{len(Model.list(workspace, name='bench'))} versions, one content"
        yield Result(name, median(figures["ours"]), median(figures["digest"]), "ms", 1.2, "its SHA-256", note=note)
        with peer(bench, "mlflow-register", path) as ask:
            if ask is None:
                return
            for which, (said, goal) in MLFLOW.items():
                both = in_turn(ours, partial(ask, which), bench.rounds(4))
                if both:
                    yield Result(name, *both, "ms", goal, said, faster=True)
