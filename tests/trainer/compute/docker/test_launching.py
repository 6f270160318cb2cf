"""Launching a job whose container is there already."""

from __future__ import annotations

from tests.trainer.compute.docker.conftest import PlayedEngine, mark_as_started

from traindock.compute.base import Job, Plan
from traindock.compute.docker.engine import connect
from traindock.compute.docker.launching import launch
from traindock.compute.docker.naming import container_name


def test_a_container_that_a_dispatcher_started_as_it_died_is_left_running(job: Job, played: PlayedEngine) -> None:
    """It is removed only if it does not run: its launcher may have the job by now."""
    played.run(job)
    mark_as_started(job)
    name = container_name(job.run_id, job.attempt)
    launch(connect(played.url), job, Plan("docker", {}, (), "", {}, request={"name": name}), None)
    assert played.container is not None
    assert played.container["State"]["Running"]
    assert played.asked == ["DELETE"], "nothing else is to be asked of the engine: not even to start it again"
