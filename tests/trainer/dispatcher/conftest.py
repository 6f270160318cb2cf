"""Driving runs in the process of the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.conftest import Submit

from traindock import Workspace
from traindock.compute.leases import Leases
from traindock.dispatcher import driver, start
from traindock.dispatcher.admission import Admission
from traindock.dispatcher.errands import Errands
from traindock.dispatcher.place import Place
from traindock.dispatcher.queue import NodeQueue

Drive = Callable[..., driver.RunDriver]


@pytest.fixture
def drive(workspace: Workspace, submit: Submit, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drive]:
    """Submit a script and drive its run in this process."""
    monkeypatch.setattr(start, "ensure", lambda *_: None)
    from traindock.compute_target import ComputeTarget, LocalCompute

    ComputeTarget.create(workspace, "one", LocalCompute.provisioning_configuration(max_nodes=1))
    admission, place = Admission(workspace, NodeQueue(Leases)), Place(workspace.layout.root)
    drivers = []

    def drive(script: str, **options: Any) -> driver.RunDriver:
        run = submit(script, compute_target="one", **options)
        made = driver.RunDriver(workspace, place, run.id, admission, lambda: None, Errands(workspace))
        made.start()
        drivers.append(made)
        return made

    yield drive
    for each in drivers:
        each.stop()
        each.join(30)
