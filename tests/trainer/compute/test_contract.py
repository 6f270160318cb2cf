"""The kinds of compute targets that Traindock brings keep the promises of `compute.base`."""

from __future__ import annotations

import pytest

from traindock.compute.base import Backend
from traindock.compute.local import LocalBackend
from traindock.testing.contract import BackendContract


class TestLocal(BackendContract):
    @pytest.fixture
    def backend(self) -> Backend:
        return LocalBackend("local", {"max_nodes": 2})
