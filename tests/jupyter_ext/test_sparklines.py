"""Sparklines of runs over HTTP."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.jupyter_ext.conftest import Ask

from jupyterlab_traindock.managers import sparklines
from traindock import Experiment, Workspace
from traindock.runtime.metric_log import MetricLog
from traindock.store.event_files import Scalar
from traindock.store.imported_metrics import ImportedMetrics
from traindock.store.metrics import MetricReader

Logged = Callable[..., str]


@pytest.fixture
def logged(workspace: Workspace) -> Logged:
    """Return a function that makes a run with some metrics, and returns its id."""

    def make(**metrics: list[float]) -> str:
        with Experiment(workspace, "tests").start_logging(outputs=None, snapshot_directory=None) as run:
            for name, values in metrics.items():
                for value in values:
                    run.log(name, value)
        return str(run.id)

    return make


async def asked(ask: Ask, workspace: Workspace, *runs: str, **params: str) -> dict[str, Any]:
    query = [*(("run", run) for run in runs), *params.items()]
    found: dict[str, Any] = (await ask("workspaces", workspace.id, "sparklines", params=query))["sparklines"]
    return found


async def test_of_several_runs_those_that_have_the_metric(ask: Ask, workspace: Workspace, logged: Logged) -> None:
    one, other = logged(loss=[3.0, 2.0, math.inf, math.nan], lr=[0.1]), logged(lr=[0.2])

    found = await asked(ask, workspace, one, other, "gone_1_00000000", metric="loss")

    assert found == {one: {"metric": "loss", "values": [3.0, 2.0, "Infinity", "NaN"], "count": 4}}


async def test_what_was_read_out_of_files_of_tensorboard_is_a_metric_like_others(
    ask: Ask, workspace: Workspace
) -> None:
    run = Experiment(workspace, "tests").start_logging(outputs=None, snapshot_directory=None)
    run.log("loss", 1.0)
    read = [Scalar("val_acc", step / 2, step, 1_700_000_000.0 + step) for step in (1, 2)]
    layout = workspace.layout.run(run.id)
    ImportedMetrics(layout.imported / "one", "logs/events", "").add(read, 100, lambda tag: tag)

    found = await asked(ask, workspace, run.id)
    run.complete()

    assert found == {run.id: {"metric": "val_acc", "values": [0.5, 1.0], "count": 2}}


async def test_without_a_metric_that_one_of_each_run_that_tells_most(
    ask: Ask, workspace: Workspace, logged: Logged
) -> None:
    one, other, bare = logged(loss=[1.0], val_acc=[0.5]), logged(lr=[0.2]), logged()

    found = await asked(ask, workspace, one, other, bare)

    assert {run: line["metric"] for run, line in found.items()} == {one: "val_acc", other: "lr"}


async def test_of_a_run_that_goes_on_they_grow_with_it(ask: Ask, workspace: Workspace) -> None:
    with Experiment(workspace, "tests").start_logging(outputs=None, snapshot_directory=None) as run:
        assert await asked(ask, workspace, run.id) == {}
        run.log("loss", 2.0)
        assert (await asked(ask, workspace, run.id))[run.id]["values"] == [2.0]
        run.log("loss", 1.0)
        assert (await asked(ask, workspace, run.id, metric="loss"))[run.id]["values"] == [2.0, 1.0]


async def test_of_a_run_that_has_ended_the_files_are_read_once(
    ask: Ask, workspace: Workspace, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = logged(loss=[1.0, 2.0])
    before = await asked(ask, workspace, run)
    monkeypatch.setattr(sparklines, "MetricReader", None)
    assert await asked(ask, workspace, run) == before != {}


@pytest.mark.parametrize("params", [{}, {"run": "a", "metric": ""}, [("run", "a")] * 201])
async def test_what_makes_no_sense_is_refused(ask: Ask, workspace: Workspace, params: Any) -> None:
    await ask("workspaces", workspace.id, "sparklines", params=params, expect=400)


class TestDrawn:
    def drawn(self, folder: Path, values: list[float]) -> Any:
        writer = MetricLog(str(folder))
        for value in values:
            writer.number("loss", value)
        return sparklines.drawn(MetricReader(folder), "loss")

    @pytest.mark.parametrize("count", [1, 39, 40, 41, 64, 1000])
    def test_at_most_forty_values_from_first_to_last(self, tmp_path: Path, count: int) -> None:
        found = self.drawn(tmp_path, [float(number) for number in range(count)])
        assert found["count"] == count
        assert len(found["values"]) <= 40
        assert len(found["values"]) >= min(count, 20)
        assert found["values"] == sorted(found["values"])
        assert found["values"][-1] == count - 1

    def test_no_spike_gets_lost_but_the_end_stays_what_it_is(self, tmp_path: Path) -> None:
        values = [1.0] * 1000
        values[123], values[456], values[998] = 9.0, -9.0, 99.0
        found = self.drawn(tmp_path, values)["values"]
        assert -9.0 in found
        assert found[-1] == 1.0

    def test_a_number_among_what_is_none_is_seen(self, tmp_path: Path) -> None:
        values = [math.nan] * 500
        values[123] = 5.0
        found = self.drawn(tmp_path, values)["values"]
        assert len(found) >= 20
        assert [value for value in found if not math.isnan(value)] == [5.0]
