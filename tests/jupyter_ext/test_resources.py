"""What runs' jobs used, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.jupyter_ext.conftest import Ask, Fetch
from tests.jupyter_ext.test_metrics import BINARY, as_a_page_reads

from traindock import Experiment, Workspace
from traindock.interactive import InteractiveRun
from traindock.runtime.metric_log import MetricLog

FACTS = {"memory": {"unit": "bytes", "peak": 30.0, "limit": 1000, "limit_of": "container"}}


@pytest.fixture
def run(workspace: Workspace) -> Iterator[InteractiveRun]:
    """A run that goes on, of which something was seen."""
    with Experiment(workspace, "tests").start_logging(outputs=None, snapshot_directory=None) as run:
        log = MetricLog(str(run._folder.layout.resources))
        for memory in (10.0, 30.0, 20.0):
            log.number("memory", memory)
        log.number("cpu", 0.5)
        log.close()
        run._folder.append({"type": "resources", "value": FACTS})
        yield run


def of(run: InteractiveRun, *path: str) -> tuple[str, ...]:
    return ("workspaces", run.workspace.id, "runs", run.id, *path)


async def test_all_of_it_as_a_chart_draws_it_over_time(ask: Ask, run: InteractiveRun) -> None:
    found = {series["name"]: series for series in (await ask(*of(run, "resources")))["series"]}

    assert list(found) == ["cpu", "memory"]
    assert found["memory"]["axis"] == "time"
    assert max(found["memory"]["buckets"]["max"]) == 30.0
    assert found["memory"]["buckets"]["last"][-1] == 20.0
    assert sum(found["memory"]["buckets"]["count"]) == 3


async def test_some_of_it_as_arrays(api: Fetch, run: InteractiveRun) -> None:
    answer = await api(*of(run, "resources"), params=[("name", "memory"), ("axis", "index")], headers=BINARY)
    assert list(as_a_page_reads(answer.body)["memory"]["last"]) == [10.0, 30.0, 20.0]


async def test_a_run_tells_of_peaks_and_limits(ask: Ask, run: InteractiveRun) -> None:
    assert (await ask(*of(run)))["resources"] == FACTS


async def test_of_a_run_that_nobody_has_looked_at_there_is_nothing(ask: Ask, workspace: Workspace) -> None:
    with Experiment(workspace, "tests").start_logging(outputs=None, snapshot_directory=None) as run:
        assert await ask(*of(run, "resources")) == {"series": []}
        assert (await ask(*of(run)))["resources"] == {}


async def test_what_it_is_not_for(api: Fetch, run: InteractiveRun) -> None:
    answer = await api(*of(run, "resources"), params={"axis": "step"})
    assert (answer.code, json.loads(answer.body)["code"]) == (400, "invalid_request")
