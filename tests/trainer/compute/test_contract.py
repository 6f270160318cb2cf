"""The kinds of compute targets that Traindock brings keep the promises of `compute.base`."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import wait_for

from traindock.compute import local
from traindock.compute.base import Backend
from traindock.compute.local import LocalBackend
from traindock.testing.contract import PATIENCE, BackendContract, MakeJob


def complete_mark(path: Path) -> Any:
    with contextlib.suppress(FileNotFoundError, ValueError):
        mark = json.loads(path.read_bytes().strip(b" \0\n"))
        return mark if mark.get("child_pid") else None


class TestLocal(BackendContract):
    @pytest.fixture
    def backend(self) -> Backend:
        return LocalBackend("local", {"max_nodes": 2})

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere requests are looked for a few times a second")
    def test_a_request_is_looked_at_as_it_comes(
        self, backend: Backend, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A script waits for its answer: registering a model must not take the time between two looks."""
        monkeypatch.setattr(local, "_TICK_SECONDS", 300.0)

        class Served(Exception):
            pass

        def tick() -> None:
            if list(job.layout.requests.glob("*.json")):
                raise Served

        job = make_job(
            """
            import os, time
            from traindock import Run
            from traindock.requests import send
            while not os.path.exists("go"): time.sleep(0.01)
            send(os.environ["TRAINDOCK_REQUESTS_DIR"], "tag", tags={"a": "b"})
            time.sleep(600)
            """
        )
        backend.launch(job, backend.prepare(job, backend.plan(job), lambda: False))
        outcomes: list[str] = []

        def follow() -> None:
            with pytest.raises(Served):
                backend.follow(job, tick)
            outcomes.append("served")

        followed = threading.Thread(target=follow)
        followed.start()
        (job.layout.work / "go").touch()
        followed.join(PATIENCE)
        assert outcomes, "it was not looked for before the next tick"
        backend.cancel(job)
        backend.follow(job, lambda: None)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "damage", [{"boot_id": "another boot"}, pytest.param({"pid": "?"}, marks=pytest.mark.slow)]
    )
    def test_a_mark_that_names_nobody_here_neither_takes_the_processor_nor_keeps_the_job_from_being_ended(
        self, backend: Backend, make_job: MakeJob, damage: dict[str, str]
    ) -> None:
        job = make_job("import time; time.sleep(600)")
        backend.launch(job, backend.prepare(job, backend.plan(job), lambda: False))
        mark = wait_for(lambda: complete_mark(job.layout.started_json), "the launcher's last word in its mark")
        job.layout.started_json.write_text(json.dumps({**mark, **damage}))
        looks: list[float] = []

        def tick() -> None:
            looks.append(time.monotonic())
            if len(looks) == 12:
                backend.cancel(job)

        outcome = backend.follow(job, tick)
        assert looks[11] - looks[0] > 1, "it was looked at without a pause"
        assert outcome.exit is not None
        assert outcome.exit["canceled"]
