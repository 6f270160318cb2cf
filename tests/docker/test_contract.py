"""Containers keep the promises of `compute.base`, on a real engine."""

from __future__ import annotations

import pytest

from traindock.compute.base import Backend
from traindock.compute.docker.backend import DockerBackend
from traindock.images.recipe import Recipe
from traindock.testing.contract import BackendContract


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
