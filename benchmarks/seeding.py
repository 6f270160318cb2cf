"""Workspaces with many runs, as if they had been submitted here and had ended: for benchmarks and tests in a browser.

Each run has its folder, signed, with its events, metrics and log, so that it can be opened, compared, resubmitted and
deleted, and the index can be made anew from the folders. Only what would take minutes is left out: nothing is synced,
contents that runs share are hard links, and the index is filled by the function that fills it otherwise, from the
records as they were written instead of as they are read again.
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from traindock import Experiment, Workspace
from traindock.runtime.metric_log import MetricLog
from traindock.snapshot import take
from traindock.states import Reason, State
from traindock.store import events, index, run_records, signing
from traindock.store.layout import RunLayout
from traindock.store.metrics import MetricReader
from traindock.store.run_records import RunRecord

EXPERIMENTS: Final = tuple(f"{what}-{size}" for what in ("digits", "faces", "speech", "birds") for size in range(5))
NETWORKS: Final = ("resnet18", "resnet50", "vit-small", "convnext", "Übung")
POINTS: Final = 60
#: So many curves there are, each shared by many runs.
CURVES: Final = 64
#: Every so manyth run is a sweep's first one, of which the next ones are part.
SWEEP: Final = 25
PARTS: Final = 4
_ENDS: Final = (
    *[(State.COMPLETED, Reason.FINISHED)] * 8,
    (State.FAILED, Reason.EXITED_NONZERO),
    (State.CANCELED, Reason.CANCELED_BY_USER),
)
_SCRIPT: Final = """\
from traindock import Run

run = Run.get_context()
for step in range(60):
    run.log("loss", 1 / (step + 1))
"""


@dataclass(frozen=True)
class _Curves:
    """A folder of metrics with what it comes to, and a log; several, since a file system counts links in 16 bits."""

    folder: Path
    log: Path
    summed: Sequence[tuple[str, float, float, float, int]]


def seed(workspace: Workspace, count: int, *, now: float | None = None) -> None:
    """Make ``count`` runs that have ended, one a minute until ``now``.

    Args:
        workspace: a new one.
        count: how many; those that are part of another one included.
        now: seconds since 1970; the time by default.
    """
    generator = random.Random(count)
    workspace.index.count()  # there is an index from here on
    source = workspace.layout.root / "cache" / "seeded"
    source.mkdir(parents=True)
    (source / "train.py").write_text(_SCRIPT)
    snapshot = take(source, layout=workspace.layout).id
    curves = [_curves(source / f"curves-{number}", generator) for number in range(CURVES)]
    for name in EXPERIMENTS:
        Experiment(workspace, name)
    begin = (time.time() if now is None else now) - 60.0 * count
    numbers = dict.fromkeys(EXPERIMENTS, 0)
    parent: tuple[str, str] | None = None
    with workspace.index._writing() as connection:
        for number in range(count):
            place = number % SWEEP
            experiment = parent[0] if parent and 0 < place <= PARTS else EXPERIMENTS[generator.randrange(20)]
            numbers[experiment] += 1
            document = _document(workspace, generator, number, experiment, numbers[experiment], begin + 60.0 * number)
            document["spec"]["snapshot"] = snapshot
            if parent is not None and 0 < place <= PARTS:
                document["parent"] = parent[1]
            elif place == 0:
                parent = experiment, document["id"]
            document["signature"] = signing.sign(document)
            drawn = curves[generator.randrange(CURVES)]
            happened = _events(generator, document["created"])
            _write(workspace.layout.run(document["id"]), document, happened, drawn)
            record = run_records.fold(document, happened, workspace.record, document["id"])
            _index(connection, record, drawn)


def _document(
    workspace: Workspace, generator: random.Random, number: int, experiment: str, of_experiment: int, created: float
) -> dict[str, Any]:
    network, rate = generator.choice(NETWORKS), generator.choice(("0.1", "0.01", "0.001"))
    return {
        "format": run_records.FORMAT,
        "id": f"{experiment}_{int(created)}_{number:08x}",
        "workspace": workspace.record.id,
        "experiment": experiment,
        "number": of_experiment,
        "created": created,
        "turn": created,
        "user": "ann",
        "parent": None,
        "display_name": f"{network} lr={rate}" if number % 3 else "",
        "tags": {"network": network} if number % 2 else {},
        "properties": {},
        "spec": {
            "snapshot": "",
            "compute_target": "local",
            "environment": {},
            "interpreter": "python",
            "script": "train.py",
            "arguments": ["--lr", rate],
        },
    }


def _events(generator: random.Random, created: float) -> list[events.Event]:
    started, seconds = created + generator.uniform(0.1, 5), generator.uniform(1, 5000)
    state, reason = generator.choice(_ENDS)
    life = [
        (State.NOT_STARTED, created),
        (State.PREPARING, created + 0.01),
        (State.QUEUED, created + 0.02),
        (State.RUNNING, started),
        (State.FINALIZING, started + seconds),
    ]
    found: list[events.Event] = [{"t": when, "type": "state", "state": one.value} for one, when in life]
    last = {"t": started + seconds + 0.1, "type": "state", "state": state.value, "reason": reason.value}
    return [*found, last]


def _write(run: RunLayout, document: dict[str, Any], happened: Sequence[events.Event], curves: _Curves) -> None:
    run.root.mkdir(mode=0o700)
    for folder in (run.driver, run.metrics, run.requests, run.uploads, run.outputs, run.logs):
        folder.mkdir()
    run.run_json.write_text(json.dumps(document, indent=2) + "\n")
    run.events.write_text("".join(json.dumps(event) + "\n" for event in happened))
    os.link(curves.log, run.stdout)
    for writer in curves.folder.iterdir():
        folder = run.metrics / writer.name
        folder.mkdir()
        for file in writer.iterdir():
            os.link(file, folder / file.name)


def _curves(folder: Path, generator: random.Random) -> _Curves:
    folder.mkdir()
    writer = MetricLog(str(folder))
    low, speed = generator.uniform(0.05, 0.5), generator.uniform(5, 40)
    losses = [low + math.exp(-step / speed) * generator.uniform(0.9, 1.1) for step in range(POINTS)]
    for step, loss in enumerate(losses):
        writer.number("loss", loss, step)
        if step % 5 == 4:
            writer.number("val_acc", max(0.0, 1 - loss + generator.uniform(-0.02, 0.02)), step)
    log = folder.with_suffix(".txt")
    log.write_text("".join(f"step {step}: loss {value:.4f}\n" for step, value in enumerate(losses)))
    summary = MetricReader(folder).summary()
    return _Curves(folder, log, [(name, one.last, one.min, one.max, one.count) for name, one in summary.items()])


def _index(connection: Any, record: RunRecord, curves: _Curves) -> None:
    connection.execute(index._INSERT_RUN, index._values(record))
    tags = [(name, value, record.id) for name, value in record.tags.items()]
    connection.executemany("INSERT INTO run_tags VALUES (?, ?, ?)", tags)
    sums = [(record.id, *one) for one in curves.summed]
    connection.executemany("INSERT INTO run_metrics VALUES (?, ?, ?, ?, ?, ?)", sums)
