"""What the peers do, in their own interpreter: ``python peer_sides.py <side> <arguments…>``, see ``peers.py``.

A side prepares, says that it is ready, and then does its work once for each line of JSON that it reads: words in, an
answer out, times in milliseconds. Nothing is imported but the standard library and the one peer.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

Act = Callable[..., Any]


def _milliseconds(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return (time.perf_counter() - begin) * 1e3


def _mlflow(address: str) -> Any:
    library = import_module("mlflow")
    library.set_tracking_uri(address)
    return library.MlflowClient()


def _local(database: str) -> str:
    return f"sqlite:///{Path(database).absolute()}"


def _copied(connection: sqlite3.Connection, table: str, template: str, rows: list[dict[str, Any]]) -> None:
    """Insert copies of the template run's row in ``table``, each with its own values; made by MLflow's migrations."""
    connection.row_factory = sqlite3.Row
    found = connection.execute(f"SELECT * FROM {table} WHERE run_uuid = ? LIMIT 1", [template]).fetchone()
    full = [{**dict(found), **row} for row in rows]
    names = list(full[0])
    marks = ", ".join("?" * len(names))
    sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"
    connection.executemany(sql, [[row[name] for name in names] for row in full])


def mlflow_search(database: str, count: str) -> Act:
    """``count`` runs with ten metrics, five params and three tags each; "newest" or "filtered", 50 of them."""
    client = _mlflow(_local(database))
    experiment = client.create_experiment("bench")
    template = client.create_run(experiment, tags={"tag0": "value"}).info.run_id
    client.log_metric(template, "m", 0.5)
    client.log_param(template, "p", "1")
    client.set_terminated(template)
    generator = random.Random(0)
    runs = [(uuid.UUID(int=generator.getrandbits(128)).hex, number) for number in range(int(count))]
    start = int(time.time() * 1000)
    metrics = [
        {"run_uuid": run, "key": f"m{number}", "value": generator.random()} for run, _ in runs for number in range(10)
    ]
    with sqlite3.connect(database) as connection:
        _copied(
            connection,
            "runs",
            template,
            [
                {"run_uuid": run, "name": f"run-{number}", "start_time": start + number, "end_time": start + number}
                for run, number in runs
            ],
        )
        _copied(connection, "metrics", template, metrics)
        _copied(connection, "latest_metrics", template, metrics)
        for table, kind, each in (("params", "p", 5), ("tags", "tag", 3)):
            rows = [{"run_uuid": run, "key": f"{kind}{number}"} for run, _ in runs for number in range(each)]
            _copied(connection, table, template, rows)
    options: dict[str, dict[str, Any]] = {
        "newest": {},
        "filtered": {"filter_string": "metrics.m0 >= 0.5", "order_by": ["metrics.m1 DESC"]},
    }

    def ask(which: str) -> float:
        begin = time.perf_counter()
        found = client.search_runs([experiment], max_results=50, **options[which])
        taken = (time.perf_counter() - begin) * 1e3
        assert len(found) == min(50, int(count))
        assert len(found[0].data.metrics) == 10
        return taken

    return ask


def mlflow_read(count: str) -> Act:
    """``count`` points of one metric, whole."""
    client = _mlflow(_local("history.db"))
    template = client.create_run(client.create_experiment("bench")).info.run_id
    client.log_metric(template, "loss", 0.5, step=0)
    rows = [{"run_uuid": template, "value": step / 3, "step": step, "timestamp": step} for step in range(1, int(count))]
    with sqlite3.connect("history.db") as connection:
        _copied(connection, "metrics", template, rows)

    def ask() -> float:
        begin = time.perf_counter()
        assert len(client.get_metric_history(template, "loss")) == int(count)
        return (time.perf_counter() - begin) * 1e3

    return ask


def tensorboard_read(count: str) -> Act:
    """``count`` points of one metric by TensorBoard's own reader, whole; written by tensorboardX."""
    writer = import_module("tensorboardX").SummaryWriter("events")
    for step in range(int(count)):
        writer.add_scalar("loss", step / 3, step)
    writer.close()
    return lambda: _milliseconds(lambda: _events("events", int(count)))


def _events(folder: str, count: int | None = None) -> int:
    module = import_module("tensorboard.backend.event_processing.event_accumulator")
    accumulator = module.EventAccumulator(folder, size_guidance={"scalars": 0})
    accumulator.Reload()
    found = len(accumulator.Scalars("loss")) if "loss" in accumulator.Tags()["scalars"] else 0
    assert count is None or found == count
    return found


def trackio_read(count: str) -> Act:
    """``count`` points of one metric, whole."""
    os.environ["TRACKIO_DIR"] = str(Path("trackio-read").absolute())
    module = import_module("trackio.sqlite_storage")
    storage = module.SQLiteStorage
    steps = list(range(int(count)))
    storage.bulk_log("bench", "run", [{"loss": step / 3} for step in steps], steps=steps, run_id="run")

    def ask() -> float:
        # What it has read before it would give again from memory.
        storage.bulk_log("bench", "other", [{"loss": 0.0}], run_id="other")
        begin = time.perf_counter()
        assert len(storage.get_logs("bench", "run", run_id="run")) == int(count)
        return (time.perf_counter() - begin) * 1e3

    return ask


def survivors(side: str) -> Act:
    """How many points of the metric "loss" a killed process of ``log_calls.py`` left in this folder."""

    def ask() -> int:
        if side == "trackio":
            found = 0
            for database in Path("trackio").glob("*.db"):
                with sqlite3.connect(database) as connection:
                    found += connection.execute("SELECT COUNT(*) FROM metrics").fetchone()[0]
            return found
        return _events(side)

    if side != "trackio":
        import_module("tensorboard.backend.event_processing.event_accumulator")
    return ask


def mlflow_register(file: str) -> Act:
    """Log a file as an artifact ("artifact"), or as the content of a model that is registered ("model")."""
    client = _mlflow(_local("models.db"))
    library = import_module("mlflow")
    library.set_experiment("bench")

    class Model(library.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
        def predict(self, context: object, model_input: object, params: object = None) -> object:
            return model_input

    def ask(which: str) -> float:
        with library.start_run() as run:
            if which == "artifact":
                return _milliseconds(lambda: client.log_artifact(run.info.run_id, file))
            return _milliseconds(
                lambda: library.pyfunc.log_model(
                    name="model",
                    python_model=Model(),
                    artifacts={"weights": file},
                    pip_requirements=["mlflow"],
                    registered_model_name="bench",
                )
            )

    return ask


def mlflow_live(address: str, count: str) -> Act:
    """From log_metric in another process to get_metric_history here, asked back to back with rests of 10 ms."""
    client = _mlflow(address)
    run = client.create_run(client.create_experiment("live")).info.run_id

    def ask() -> list[float]:
        found: list[float] = []
        writer = subprocess.Popen([sys.executable, __file__, "mlflow-log", address, run, count], stdin=subprocess.PIPE)
        seen = 0
        while seen < int(count) and (writer.poll() is None or not seen):
            history = client.get_metric_history(run, "sent")
            now = time.monotonic()
            found += [(now - point.value) * 1e3 for point in history[seen:]]
            seen = len(history)
            time.sleep(0.01)
        writer.kill()
        writer.wait()
        return found[1:]  # before the first one both make their connections

    return ask


def mlflow_log(address: str, run: str, count: str) -> Act:
    """The writer of :func:`mlflow_live`."""
    client = _mlflow(address)
    for step in range(int(count)):
        client.log_metric(run, "sent", time.monotonic(), step=step)
        time.sleep(0.1)
    time.sleep(5)  # the reader ends this process once it has seen all
    return lambda: None


SIDES: dict[str, Callable[..., Act]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        mlflow_search,
        mlflow_read,
        tensorboard_read,
        trackio_read,
        survivors,
        mlflow_register,
        mlflow_live,
        mlflow_log,
    )
}


def main(side: str, *arguments: str) -> None:
    # What libraries say is not part of the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    act = SIDES[side](*arguments)
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(act(*json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
