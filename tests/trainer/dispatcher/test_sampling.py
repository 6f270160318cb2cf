"""What the dispatcher keeps of what jobs use."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from tests.conftest import Submit, wait_for
from tests.trainer.compute.test_device_use import driver as nvml
from tests.trainer.dispatcher.conftest import Drive

from traindock import Run, Workspace
from traindock.compute.base import Backend, Job
from traindock.compute.device_use import GpuUse
from traindock.compute.local import LocalBackend
from traindock.compute.resource_use import Limit, ResourceUse
from traindock.dispatcher import sampling, start
from traindock.dispatcher.sampling import MOST_SECONDS, ResourceSampler, pause_before
from traindock.errors import EngineException

CPUS, MEMORY = Limit(4.0, "container"), Limit(1000.0, "machine")


class Target(LocalBackend):
    """Tells of a job what the test says, one after the other."""

    def __init__(self, *told: ResourceUse | Exception | None) -> None:
        super().__init__("told", {})
        self.told = list(told)

    def measure(self, job: Job, devices: Sequence[str]) -> ResourceUse | None:
        found = self.told.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def run(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that no dispatcher takes up."""
    monkeypatch.setattr(start, "ensure", lambda *_: None)
    return submit("pass")


def sampler_of(run: Run, backend: Backend, devices: Sequence[str] = (), **options: Any) -> ResourceSampler:
    folder = run.workspace.run_folder(run.id)
    return ResourceSampler(backend, run.workspace.job(folder.load()), folder, devices, **options)


def end(run: Run, sampler: ResourceSampler) -> None:
    run.workspace.run_folder(run.id).append(*sampler.stop())


def values(run: Run, name: str) -> list[float]:
    return list(run.resources.values(name))


class TestWhatIsKept:
    def test_processor_time_becomes_processors_and_memory_stays_bytes(self, run: Run) -> None:
        clock = Clock()
        target = Target(
            *(ResourceUse(seconds, memory, CPUS, MEMORY) for seconds, memory in ((1, 10), (7, 30), (8, 20)))
        )
        sampler = sampler_of(run, target, clock=clock)
        for _ in range(3):
            sampler.look()
            clock.now += 2
        end(run, sampler)

        assert values(run, "cpu") == [3.0, 0.5], "the first look has nothing to compare with, for no job was started"
        assert values(run, "memory") == [10, 30, 20]
        assert run.get_resources() == {
            "cpu": {"unit": "processors", "last": 0.5, "peak": 3.0, "limit": 4.0, "limit_of": "container"},
            "memory": {"unit": "bytes", "last": 20, "peak": 30, "limit": 1000.0, "limit_of": "machine"},
        }

    def test_gpus_are_counted_as_the_job_counts_them_and_those_that_say_nothing_are_left_out(self, run: Run) -> None:
        gpus = (None, GpuUse(5, 87, 80), GpuUse(6, None, None))
        sampler = sampler_of(run, Target(ResourceUse(None, None, gpus=gpus)), ["GPU-a", "GPU-b", "GPU-c"])
        sampler.look()
        end(run, sampler)

        second = {"limit_of": "device", "device": "GPU-b"}
        assert run.get_resources() == {
            "gpu/1/busy": {"unit": "percent", "last": 87, "peak": 87, "limit": 100, **second},
            "gpu/1/memory": {"unit": "bytes", "last": 5, "peak": 5, "limit": 80, **second},
            "gpu/2/memory": {"unit": "bytes", "last": 6, "peak": 6, "limit": None, "limit_of": None, "device": "GPU-c"},
        }

    def test_limits_are_known_while_the_job_runs(self, run: Run) -> None:
        sampler = sampler_of(run, Target(ResourceUse(None, 10, CPUS, MEMORY)))
        sampler.look()
        assert run.record.resources["memory"]["limit"] == 1000.0

    def test_what_an_earlier_dispatcher_has_seen_counts_as_well(self, run: Run) -> None:
        first = sampler_of(run, Target(*(ResourceUse(None, memory, CPUS, MEMORY) for memory in (50, 70))))
        first.look()
        first.look()  # and is killed
        second = sampler_of(run, Target(ResourceUse(None, 20, CPUS, MEMORY)))
        second.look()
        end(run, second)
        assert values(run, "memory") == [50, 70, 20]
        assert run.record.resources["memory"]["peak"] == 70

    def test_of_a_job_that_no_look_has_shown_there_is_nothing(self, run: Run) -> None:
        sampler = sampler_of(run, Target(None))
        sampler.look()
        assert sampler.stop() == []
        assert not run.workspace.layout.run(run.id).resources.exists()
        assert run.get_resources() == {}


class TestHarmless:
    def test_a_look_that_hangs_keeps_no_run_from_ending_and_writes_nothing_afterwards(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sampling, "_END_SECONDS", 0.05)
        looking, go_on = threading.Event(), threading.Event()

        class Hanging(Target):
            def measure(self, job: Job, devices: Sequence[str]) -> ResourceUse | None:
                looking.set()
                go_on.wait(60)
                return super().measure(job, devices)

        monkeypatch.setattr(sampling, "FIRST_SECONDS", 0.0)
        sampler = sampler_of(run, Hanging(ResourceUse(1, 10)))
        sampler.start()
        assert looking.wait(60)
        assert sampler.stop() == []
        go_on.set()
        sampler.join(60)
        assert values(run, "memory") == []

    def test_an_engine_that_does_not_answer_is_asked_again(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sampling, "FIRST_SECONDS", 0.001)
        sampler = sampler_of(run, Target(EngineException("gone"), ResourceUse(1, 10)))
        sampler.start()
        wait_for(lambda: values(run, "memory"), "a second look")
        sampler.join(60)  # the third one is a fault of the test's own, which ends it
        assert sampler.stop()[0]["value"]["memory"]["peak"] == 10

    def test_a_run_that_was_moved_or_deleted_is_not_made_anew(self, run: Run) -> None:
        sampler = sampler_of(run, Target(ResourceUse(1, 10)))
        shutil.move(run.path, run.path.with_name("elsewhere"))
        sampler.look()
        assert not run.path.exists()


class TestPauses:
    def test_the_first_look_comes_soon_then_one_every_two_seconds(self) -> None:
        pauses = [pause_before(look, 10.0) for look in range(8)]
        assert pauses[0] <= 0.2
        assert pauses == sorted(pauses)
        assert pauses[-1] == 2.0

    def test_thirty_days_take_little_room(self) -> None:
        seconds, looks = 0.0, 0
        while seconds < 30 * 86_400:
            seconds += pause_before(looks, seconds)
            looks += 1
        assert looks * 16 < 1.5e6, "bytes of each series"

    def test_where_nothing_is_to_be_seen_looks_become_rare(self) -> None:
        assert pause_before(3, 10.0, seen=False) < 2.0
        assert pause_before(20, 40.0, seen=False) == MOST_SECONDS


def test_a_job_is_looked_at_as_it_runs_with_its_gpus(
    workspace: Workspace,
    drive: Drive,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A real one, and a driver that answers for an invented device."""
    monkeypatch.setenv("TRAINDOCK_GPU_DEVICES", "fake-0")
    monkeypatch.setitem(sys.modules, "pynvml", nvml(nvmlDeviceGetHandleByUUID=lambda uuid: {"fake-0": 0}[uuid]))
    monkeypatch.setattr(sampling, "FIRST_SECONDS", 0.05)
    driven = drive(
        "import os, time\nheld = b'x' * 50_000_000\nwhile not os.path.exists('go'): time.sleep(0.01)", gpus=1
    )
    run = Run.get(workspace, driven.folder.id)

    used = wait_for(lambda: len(found := run.get_resources()) == 4 and found, "all four series")
    wait_for(lambda: run.get_resources()["memory"]["peak"] > 50e6, "what the script holds")
    assert (used["gpu/0/busy"]["last"], used["gpu/0/memory"]["limit"]) == (87, 80_000_000_000)
    assert used["cpu"]["limit_of"] in ("machine", "control group")
    (run.path / "work" / "go").touch()
    driven.join(60)
    assert run.record.resources["memory"]["peak"] > 50e6
    assert run.record.resources["gpu/0/memory"]["device"] == "fake-0"
