"""Who may run: first come, first served, never more than there is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import wait_for

from traindock.compute.base import LaunchError
from traindock.compute.leases import Lease, Leases
from traindock.dispatcher import queue as queues
from traindock.dispatcher.queue import Demand, NodeQueue, Withdrawn


class Waiter(threading.Thread):
    """One run that waits in the queue."""

    def __init__(
        self, queue: NodeQueue, run_id: str, order: float, max_nodes: Callable[[], int], gpus: int = 0, **more: Any
    ) -> None:
        super().__init__(daemon=True)
        self.queue, self.run_id = queue, run_id
        self.told: list[str] = []
        self.asked = 0
        self.withdrawn = threading.Event()
        self.result: Lease | Exception | None = None
        self.demand = Demand(
            run_id, "target", order, 1, max_nodes, gpus, lambda: ["gpu-0", "gpu-1"], {"run_id": run_id}, **more
        )
        waiters.append(self)
        self.start()

    def run(self) -> None:
        try:
            self.result = self.queue.acquire(self.demand, self.is_withdrawn, self.tell)
        except (Withdrawn, LaunchError) as error:
            self.result = error

    def is_withdrawn(self) -> bool:
        self.asked += 1
        return self.withdrawn.is_set()

    def tell(self, why: str) -> None:
        self.told.append(why)


waiters: list[Waiter] = []


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[NodeQueue]:
    yield (made := NodeQueue(lambda: Leases(tmp_path / "leases")))
    dismiss(made)


def dismiss(queue: NodeQueue) -> None:
    """End the waiting of all."""
    while waiters:  # none goes on into the next test
        waiter = waiters.pop()
        waiter.withdrawn.set()
        queue.wake(waiter.run_id)
        waiter.join(60)
        assert not waiter.is_alive()


def started(waiter: Waiter) -> bool:
    return not waiter.is_alive()


def test_the_earlier_submitted_goes_first_whatever_the_order_of_arrival(queue: NodeQueue) -> None:
    queue.occupy("target", "holder", 1)
    late = Waiter(queue, "late", 2.0, lambda: 1)
    wait_for(lambda: late.told, "the late one to wait")
    early = Waiter(queue, "early", 1.0, lambda: 1)
    wait_for(lambda: early.told, "the early one to wait")
    queue.release("target", "holder")
    wait_for(lambda: started(early), "the early one to start")
    assert late.is_alive()
    queue.release("target", "early")
    wait_for(lambda: started(late), "the late one to start")


def test_a_run_keeps_its_turn_for_the_moment_it_needs_to_join(queue: NodeQueue) -> None:
    queue.expect("target", "early", 1.0)
    late = Waiter(queue, "late", 2.0, lambda: 1)
    wait_for(lambda: late.told, "the late one to wait for its turn")
    assert "early" in late.told[0]
    early = Waiter(queue, "early", 1.0, lambda: 1)
    wait_for(lambda: started(early), "the early one to start")
    assert late.is_alive()


def test_a_run_that_waited_for_a_dispatcher_that_died_keeps_its_turn_for_longer(
    queue: NodeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its environment is there; an engine may take seconds to be asked again."""
    monkeypatch.setattr(queues, "_EXPECTED_SECONDS", 0.0)
    queue.expect("target", "early", 1.0, prepared=True)
    late = Waiter(queue, "late", 2.0, lambda: 1)
    wait_for(lambda: late.told, "the late one to wait for its turn")
    early = Waiter(queue, "early", 1.0, lambda: 1)
    wait_for(lambda: started(early), "the early one to start")
    assert late.is_alive()


@pytest.mark.slow
def test_a_run_whose_environment_takes_long_does_not_hold_up_the_others(queue: NodeQueue) -> None:
    queue.expect("target", "building", 1.0)
    other = Waiter(queue, "other", 2.0, lambda: 1)
    wait_for(lambda: started(other), "the other to start all the same")


def test_a_waiting_run_says_who_holds_what_it_waits_for(queue: NodeQueue) -> None:
    queue.occupy("target", "holder", 1)
    waiter = Waiter(queue, "waiter", 1.0, lambda: 1)
    wait_for(lambda: waiter.told, "a word")
    assert waiter.told == ["waiting for a node of 'target': 1 of 1 (its max_nodes) held by holder"]
    waiter.withdrawn.set()
    queue.wake()
    wait_for(lambda: isinstance(waiter.result, Withdrawn), "the withdrawal")


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def looked(queue: NodeQueue) -> None:
    """Wait until every run in the queue has looked at what it waits for, after all that happened before."""
    for _ in range(2):  # the second look begins after what the first one told
        asked = {waiter.run_id: waiter.asked for waiter in waiters}
        queue.wake()
        for waiter in waiters:
            wait_for(partial(looked_again, waiter, asked[waiter.run_id]), f"{waiter.run_id} to look")


def looked_again(waiter: Waiter, before: int) -> bool:
    return started(waiter) or waiter.asked > before


def test_in_a_long_queue_each_run_is_told_at_most_every_few_seconds_and_the_next_one_at_once(tmp_path: Path) -> None:
    clock = Clock()
    queue = NodeQueue(lambda: Leases(tmp_path / "leases"), clock)
    queue.occupy("target", "r0", 1)
    runs = {}
    for number in range(1, 8):
        runs[number] = Waiter(queue, f"r{number}", float(number), lambda: 1)
        wait_for(runs[number].told.copy, "it to wait")
    assert runs[1].told == ["waiting for a node of 'target': 1 of 1 (its max_nodes) held by r0"]
    assert runs[2].told[0].endswith("held by r0, after r1")
    assert runs[7].told[0].endswith("held by r0, after 6 other runs, the next of them r1")
    for number in range(4):
        queue.release("target", f"r{number}")
        wait_for(partial(started, runs[number + 1]), "the next one to start")
        looked(queue)
    assert [len(runs[number].told) for number in range(1, 8)] == [1, 2, 2, 2, 2, 1, 1]
    assert runs[5].told[1].endswith("held by r4")
    clock.now += 60
    looked(queue)
    assert runs[7].told[1:] == [
        "waiting for a node of 'target': 1 of 1 (its max_nodes) held by r4, after 2 other runs, the next of them r5"
    ]
    dismiss(queue)


def test_while_a_run_is_told_what_it_waits_for_others_start(queue: NodeQueue) -> None:
    queue.occupy("target", "holder", 1)
    reached, goes_on = threading.Event(), threading.Event()

    class Slow(Waiter):
        def tell(self, why: str) -> None:
            reached.set()
            goes_on.wait(60)

    Slow(queue, "slow", 2.0, lambda: 1)
    assert reached.wait(60)
    other = Waiter(queue, "other", 1.0, lambda: 2)
    wait_for(lambda: started(other), "the other to start")
    goes_on.set()


def test_a_target_that_grew_lets_the_next_one_in_at_once(queue: NodeQueue) -> None:
    size = [1]
    queue.occupy("target", "holder", 1)
    waiter = Waiter(queue, "waiter", 1.0, lambda: size[0])
    wait_for(lambda: waiter.told, "the waiter to wait")
    size[0] = 2
    queue.wake()
    wait_for(lambda: started(waiter), "the waiter to start")


def test_more_nodes_than_there_will_ever_be_is_an_error(queue: NodeQueue) -> None:
    waiter = Waiter(queue, "waiter", 1.0, lambda: 0)
    wait_for(lambda: isinstance(waiter.result, LaunchError), "the refusal")
    assert str(waiter.result) == "the run needs 1 node and compute target 'target' has 0 at most"


def test_a_deleted_target_ends_the_waiting(queue: NodeQueue) -> None:
    def gone() -> int:
        raise LaunchError("deleted")

    waiter = Waiter(queue, "waiter", 1.0, gone)
    wait_for(lambda: isinstance(waiter.result, LaunchError), "the error")


@pytest.mark.slow
def test_gpus_are_waited_for_all_together_and_freed_with_the_lease(queue: NodeQueue) -> None:
    both = Waiter(queue, "both", 1.0, lambda: 9, gpus=2)
    wait_for(lambda: started(both), "the first to get both")
    assert isinstance(both.result, Lease)
    assert set(both.result.uuids) == {"gpu-0", "gpu-1"}
    one = Waiter(queue, "one", 2.0, lambda: 9, gpus=1)
    wait_for(lambda: one.told, "the second to wait")
    assert "run both" in one.told[0]
    both.result.release()
    wait_for(lambda: started(one), "the second to start")
    assert isinstance(one.result, Lease)
    one.result.release()


def test_more_gpus_than_the_machine_has_is_an_error_with_the_numbers(queue: NodeQueue) -> None:
    waiter = Waiter(queue, "waiter", 1.0, lambda: 9, gpus=3)
    wait_for(lambda: isinstance(waiter.result, LaunchError), "the refusal")
    assert isinstance(waiter.result, LaunchError)
    assert waiter.result.reason == "no_gpu"
    assert "3 GPUs and this machine has 2" in str(waiter.result)


def test_where_gpus_cannot_be_leased_only_runs_that_need_some_fail(tmp_path: Path) -> None:
    unusable = tmp_path / "leases"
    unusable.touch()
    queue = NodeQueue(lambda: Leases(unusable))
    without = Waiter(queue, "without", 1.0, lambda: 9)
    wait_for(lambda: started(without), "a run without GPUs to start")
    waiter = Waiter(queue, "with", 2.0, lambda: 9, gpus=1)
    wait_for(lambda: started(waiter), "the refusal")
    assert isinstance(waiter.result, LaunchError)
    assert waiter.result.reason == "leases_unusable"
    assert f"{unusable}, the folder of this machine's GPU leases, is a link or a file" in str(waiter.result)
    unusable.unlink()
    later = Waiter(queue, "later", 3.0, lambda: 9, gpus=1)
    wait_for(lambda: started(later), "a later run to start")


@pytest.fixture
def somebody(tmp_path: Path) -> Lease:
    """Both GPUs, in the hands of another workspace."""
    lease = Leases(tmp_path / "leases").try_acquire(2, ["gpu-0", "gpu-1"], {"run_id": "theirs"})
    assert lease is not None
    return lease


def test_a_run_that_waits_for_a_gpu_holds_up_no_run_that_needs_none(queue: NodeQueue, somebody: Lease) -> None:
    on_gpu = Waiter(queue, "on-gpu", 1.0, lambda: 1, gpus=1)
    wait_for(lambda: on_gpu.told, "the first to wait for a GPU")
    without = Waiter(queue, "without", 2.0, lambda: 1)
    wait_for(lambda: started(without), "the second to start on the node that is free")
    queue.release("target", "without")
    assert on_gpu.is_alive()
    somebody.release()
    wait_for(lambda: started(on_gpu), "the first to start")


@pytest.mark.slow
def test_runs_that_need_gpus_keep_their_turns_among_each_other(queue: NodeQueue, somebody: Lease) -> None:
    both = Waiter(queue, "both", 1.0, lambda: 9, gpus=2)
    wait_for(lambda: both.told, "the first to wait")
    one = Waiter(queue, "one", 2.0, lambda: 9, gpus=1)
    wait_for(lambda: one.told, "the second to wait")
    assert one.told == ["waiting for its turn on 'target', after both"]
    somebody.release()
    wait_for(lambda: started(both), "the first to start")
    assert one.is_alive()


def test_a_run_whose_gpu_is_free_gets_the_next_node_before_runs_that_need_none(
    queue: NodeQueue, somebody: Lease
) -> None:
    on_gpu = Waiter(queue, "on-gpu", 1.0, lambda: 1, gpus=1)
    wait_for(lambda: on_gpu.told, "the first to wait for a GPU")
    without = Waiter(queue, "without", 2.0, lambda: 1)
    wait_for(lambda: started(without), "the second to overtake it")
    somebody.release()
    third = Waiter(queue, "third", 3.0, lambda: 1)
    wait_for(lambda: third.told, "the third to wait")
    assert third.told[0].endswith("held by without, after on-gpu")
    queue.release("target", "without")
    wait_for(lambda: started(on_gpu), "the first to start")
    assert third.is_alive()


@pytest.mark.slow
def test_a_run_that_has_missed_its_gpu_for_lack_of_nodes_has_its_nodes_kept(
    queue: NodeQueue, somebody: Lease, tmp_path: Path
) -> None:
    size = [2]
    for holder in ("a", "b"):
        queue.occupy("target", holder, 1)
    on_gpu = Waiter(queue, "on-gpu", 1.0, lambda: size[0], gpus=2)
    wait_for(lambda: on_gpu.told, "the first to wait")
    somebody.release()
    wait_for(lambda: "on-gpu" in queue._of("target").overtaken, "the first to see its GPUs free")
    again = Leases(tmp_path / "leases").try_acquire(2, ["gpu-0", "gpu-1"], {"run_id": "theirs"})
    assert again is not None
    queue.release("target", "a")
    without = Waiter(queue, "without", 2.0, lambda: size[0])
    wait_for(lambda: without.told, "the second to wait: the one free node is kept")
    assert without.told == ["waiting for its turn on 'target', after on-gpu"]
    size[0] = 3
    queue.wake()
    wait_for(lambda: started(without), "the second to start on a node that is not")
    again.release()
    wait_for(lambda: started(on_gpu), "the first to start")


def test_devices_are_asked_for_without_being_kept(tmp_path: Path) -> None:
    leases = Leases(tmp_path / "leases")
    assert leases.are_free(2, ["gpu-0", "gpu-1"])
    lease = leases.try_acquire(1, ["gpu-0", "gpu-1"], {})
    assert lease is not None
    assert leases.are_free(1, ["gpu-0", "gpu-1"])
    assert not leases.are_free(2, ["gpu-0", "gpu-1"])
    lease.release()


@pytest.mark.slow
def test_a_gpu_that_somebody_uses_without_a_lease_is_left_to_them(tmp_path: Path) -> None:
    """Such as a container whose launcher was killed, until it has ended."""
    using = {"gpu-0": "a container"}
    queue = NodeQueue(lambda: Leases(tmp_path / "leases"))
    occupied = lambda devices: {device: who for device, who in using.items() if device in devices}  # noqa: E731
    first = Waiter(queue, "first", 1.0, lambda: 9, gpus=1, occupied=occupied)
    wait_for(lambda: started(first), "the first to get the other one")
    assert isinstance(first.result, Lease)
    assert first.result.uuids == ("gpu-1",)
    second = Waiter(queue, "second", 2.0, lambda: 9, gpus=1, occupied=occupied)
    wait_for(lambda: second.told, "the second to wait")
    assert second.told == ["waiting for 1 of 2 GPUs; held: gpu-1 by run first of " + user() + "; gpu-0 by a container"]
    without = Waiter(queue, "without", 3.0, lambda: 9)
    wait_for(lambda: started(without), "a run without GPUs to go first")
    using.clear()
    wait_for(lambda: started(second), "the second to start")
    assert isinstance(second.result, Lease)
    assert second.result.uuids == ("gpu-0",)
    first.result.release()
    second.result.release()
    assert Leases(tmp_path / "leases").are_free(2, ["gpu-0", "gpu-1"])


def test_where_it_cannot_be_told_who_uses_the_gpus_nothing_is_kept(tmp_path: Path) -> None:
    def refuse(_: object) -> dict[str, str]:
        raise LaunchError("the engine is gone")

    queue = NodeQueue(lambda: Leases(tmp_path / "leases"))
    waiter = Waiter(queue, "waiter", 1.0, lambda: 1, gpus=2, occupied=refuse)
    wait_for(lambda: started(waiter), "the error")
    assert isinstance(waiter.result, LaunchError)
    assert Leases(tmp_path / "leases").are_free(2, ["gpu-0", "gpu-1"])
    later = Waiter(queue, "later", 2.0, lambda: 1)
    wait_for(lambda: started(later), "the node to be free")


def user() -> str:
    import getpass

    return getpass.getuser()


# --------------------------------------------------------------------------------------- ahead of a turn, and after it


class Ready:
    """Notes who gets ready."""

    def __init__(self, queue: NodeQueue) -> None:
        self.queue = queue
        self.runs: list[str] = []

    def waiter(self, order: int, max_nodes: int) -> Waiter:
        made = Waiter(
            self.queue,
            f"run-{order}",
            order,
            lambda: max_nodes,
            get_ready=lambda: self.runs.append(f"run-{order}"),
        )
        wait_for(lambda: made.told or started(made), "the run to wait")
        return made


def test_as_many_runs_get_ready_as_there_are_runs_whose_nodes_they_may_take(queue: NodeQueue) -> None:
    for holder in ("a", "b"):
        queue.occupy("target", holder, 1)
    ready = Ready(queue)
    first, *_ = [ready.waiter(order, 2) for order in range(4)]
    looked(queue)
    assert sorted(ready.runs) == ["run-0", "run-1"]
    queue.release("target", "a")
    wait_for(lambda: started(first), "the first to start")
    queue.launched("target", "run-0")
    wait_for(lambda: "run-2" in ready.runs, "the third to get ready, once the first has started")
    looked(queue)
    assert sorted(ready.runs) == ["run-0", "run-1", "run-2"], "each does it once"


def test_nobody_gets_ready_for_a_node_while_its_next_run_is_still_launched(queue: NodeQueue) -> None:
    queue.occupy("target", "a", 1)
    ready = Ready(queue)
    first, _ = ready.waiter(0, 1), ready.waiter(1, 1)
    wait_for(lambda: ready.runs, "the first to get ready")
    queue.release("target", "a")
    wait_for(lambda: started(first), "the first to start")
    looked(queue)
    assert ready.runs == ["run-0"]
    queue.launched("target", "run-0")
    wait_for(lambda: ready.runs == ["run-0", "run-1"], "the second to get ready")


def test_a_run_that_need_not_wait_does_not_get_ready(queue: NodeQueue) -> None:
    ready = Ready(queue)
    first = ready.waiter(0, 1)
    wait_for(lambda: started(first), "the run to start")
    assert not ready.runs


def test_what_nobody_waits_for_is_put_off_until_all_have_started_that_have_nodes(queue: NodeQueue) -> None:
    queue.await_launches("target", 60)
    for run_id in ("a", "b"):
        found = Waiter(queue, run_id, 1.0, lambda: 2)
        wait_for(lambda found=found: started(found), "the run to get its node")
    waits = threading.Thread(target=queue.await_launches, args=("target", 60), daemon=True)
    waits.start()
    queue.launched("target", "a")
    queue.await_launches("target", 0)
    assert waits.is_alive()
    queue.release("target", "b")  # it came to nothing
    waits.join(60)
    assert not waits.is_alive()
