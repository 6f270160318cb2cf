"""Containers keep the promises of `compute.base`, on a real engine."""

from __future__ import annotations

import os
from dataclasses import replace

import docker
import pytest
from tests.docker.jobs import labelled

from traindock.compute.base import Backend, EnvironmentGone, Job, Plan
from traindock.compute.docker.backend import DockerBackend
from traindock.compute.docker.naming import RUN
from traindock.images.recipe import Recipe
from traindock.testing.contract import BackendContract, Kept, MakeJob


@pytest.mark.core
class TestDocker(BackendContract):
    @pytest.fixture
    def backend(self, engine_url: str) -> Backend:
        return DockerBackend("docker", {"engine": engine_url, "max_nodes": 2})

    @pytest.fixture
    def recipe(self) -> Recipe:
        """The Python of the base image, as it is."""
        return Recipe(user_managed=True, interpreter="/usr/bin/python3")

    @pytest.fixture
    def workspace_settings(self, base_image: str) -> str:
        return f'[docker]\nbase_image = "{base_image}"\n'

    @pytest.fixture
    def kept(self, engine: docker.DockerClient) -> Kept:
        """Its containers."""

        def names(job: Job) -> list[str]:
            found = engine.api.containers(all=True, filters={"label": f"{RUN}={job.run_id}"})
            return [name for container in found for name in container["Names"]]

        return names

    def test_an_image_that_is_removed_is_missed_also_by_who_has_used_it(
        self, backend: Backend, make_job: MakeJob, engine: docker.DockerClient, base_image: str
    ) -> None:
        """What is known of it does not stand for it."""
        image = labelled(engine, base_image, f"traindock-test/vanishing:{os.urandom(4).hex()}", "known")

        def prepared(job: Job) -> Plan:
            plan = backend.prepare(job, backend.plan(job), lambda: False)
            return replace(plan, request={**plan.request, "body": {**plan.request["body"], "Image": image}})

        try:
            first, second = make_job("pass"), make_job("pass")
            backend.launch(first, prepared(first))
            assert (backend.follow(first, lambda: None).exit or {})["exit_code"] == 0
            backend.clean(first)
        finally:
            engine.images.remove(image, force=True)
        with pytest.raises(EnvironmentGone, match=image):
            backend.launch(second, prepared(second))
