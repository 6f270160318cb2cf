"""Fixtures of tests of the store."""

from __future__ import annotations

import pytest
from tests.trainer.store.publishing import Publish, publisher

from traindock.workspace import Workspace


@pytest.fixture
def publish(workspace: Workspace) -> Publish:
    """Publish a run without a dispatcher, in the given state."""
    return publisher(workspace)
