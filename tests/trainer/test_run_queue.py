"""Moving runs in queues: the order in which they start, whoever moves them, and whatever happens meanwhile."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import signal
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit, dispatcher_of, locked_index, wait_for

from traindock import (
    Run,
    RunNotSignedException,
    RunNotWaitingException,
    UserErrorException,
    Workspace,
    run_queue,
)
from traindock.compute.leases import Leases
from traindock.compute_target import ComputeTarget, LocalCompute
from traindock.dispatcher import start
from traindock.dispatcher.admission import Admission
from traindock.dispatcher.queue import Demand, NodeQueue
from traindock.errors import IndexBusyException
from traindock.states import Reason, State
from traindock.store import index_file, run_records

Publish = Callable[..., Run]

_WAITING = (State.PREPARING, State.QUEUED)


@pytest.fixture
def publish(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Publish a run that waits, without a dispatcher."""
    monkeypatch.setattr(start, "ensure", lambda *_: None)
    shared = workspace

    def publish(run_id: str, *states: State, target: str = "local", workspace: Workspace = shared, **facts: Any) -> Run:
        spec = {"snapshot": "", "compute_target": target, "environment": {}, "interpreter": ""}
        folder = run_records.publish(
            workspace.layout,
            workspace.record,
            **{
                "run_id": run_id,
                "experiment": "tests",
                "number": run_records.take_number(workspace.layout, "tests"),
                "created": 1.0,
                "turn": run_records.take_turn(workspace.layout),
                "user": "me",
                "parent": None,
                "spec": {**spec, **facts.pop("spec", {})},
                **facts,
            },
        )
        for state in states or _WAITING:
            folder.advance(state, reason=Reason.FINISHED if state.terminal else None)
        return Run.get(workspace, run_id)

    return publish


def queued(workspace: Workspace, target: str = "local") -> list[str]:
    return [record.id for record in run_queue.waiting(workspace, target)]


class TestOrder:
    @pytest.fixture(autouse=True)
    def runs(self, publish: Publish) -> dict[str, Run]:
        return {name: publish(name) for name in "abcd"}

    @pytest.fixture
    def crowded(self, runs: dict[str, Run]) -> dict[str, Run]:
        """The runs, with no number between the first two, as some thousand moves to one place leave them."""
        for name, order in (("a", Fraction(1)), ("b", 1 + Fraction(1, 2**3321))):
            runs[name]._folder.append({"type": "moved", "order": str(order)})
        return runs

    @pytest.mark.parametrize(
        ("moved", "before", "expected"),
        [
            ("d", "a", "dabc"),
            ("d", "b", "adbc"),
            ("a", "c", "bacd"),
            ("a", None, "bcda"),
            ("b", "c", "abcd"),
            ("d", None, "abcd"),
        ],
    )
    def test_a_run_goes_before_another_one_or_to_the_end(
        self, workspace: Workspace, runs: dict[str, Run], moved: str, before: str | None, expected: str
    ) -> None:
        runs[moved].move_before(None if before is None else runs[before])
        assert queued(workspace) == list(expected)

    def test_a_run_goes_before_all_others_whichever_is_the_first_of_them(
        self, workspace: Workspace, runs: dict[str, Run]
    ) -> None:
        runs["c"].move_to_front()
        runs["b"].move_to_front()
        runs["b"].move_to_front()
        assert queued(workspace) == list("bcad")

    def test_where_it_stands_there_already_nothing_is_recorded(self, runs: dict[str, Run]) -> None:
        before = runs["a"]._folder.layout.events.read_bytes()
        runs["a"].move_before(runs["b"])
        assert runs["a"]._folder.layout.events.read_bytes() == before

    def test_what_is_submitted_later_comes_behind_what_was_moved_to_the_end(
        self, workspace: Workspace, runs: dict[str, Run], publish: Publish
    ) -> None:
        runs["a"].move_before(None)
        publish("e")
        assert queued(workspace) == list("bcdae")

    def test_between_two_runs_there_is_always_room(self, workspace: Workspace, runs: dict[str, Run]) -> None:
        for moved in ["c", "d"] * 150:
            runs[moved].move_before(runs["b"])
        assert queued(workspace) == list("acdb")

    @pytest.mark.parametrize(("moved", "expected"), [("d", "adbc"), ("c", "acbd")])
    def test_where_no_number_in_between_can_be_told_any_more_all_get_new_ones(
        self, workspace: Workspace, crowded: dict[str, Run], publish: Publish, moved: str, expected: str
    ) -> None:
        assert queued(workspace) == list("abcd")

        crowded[moved].move_before(crowded["b"])

        assert queued(workspace) == list(expected)
        assert all(Fraction(run.record.order).denominator == 1 for run in crowded.values())
        publish("e")
        assert queued(workspace) == [*expected, "e"]

    def test_while_all_get_new_ones_the_order_is_the_old_or_the_new_one(
        self, workspace: Workspace, crowded: dict[str, Run], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        really, seen = run_queue._put, list[str]()

        def put(folder: run_records.RunFolder, order: run_records.Order) -> None:
            really(folder, order)
            seen.append("".join(queued(workspace)))

        monkeypatch.setattr(run_queue, "_put", put)
        crowded["d"].move_before(crowded["b"])
        assert seen == ["abcd", "adbc", "adbc", "adbc"]

    def test_one_that_ends_while_all_get_new_ones_is_passed_over(
        self, workspace: Workspace, crowded: dict[str, Run], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        really = run_queue._put

        def put(folder: run_records.RunFolder, order: run_records.Order) -> None:
            if folder.id == "a":
                crowded["b"].cancel()
            really(folder, order)

        monkeypatch.setattr(run_queue, "_put", put)
        crowded["d"].move_before(crowded["b"])
        assert queued(workspace) == list("adc")

    def test_it_survives_a_new_index(self, workspace: Workspace, runs: dict[str, Run]) -> None:
        runs["d"].move_before(runs["a"])
        workspace.rebuild_index()
        assert queued(workspace) == list("dabc")

    def test_of_runs_that_were_submitted_at_once_each_has_its_place(
        self, workspace: Workspace, publish: Publish
    ) -> None:
        twins = [publish(name, turn=1.0) for name in ("x", "y")]
        last = publish("z")
        last.move_before(twins[1])
        assert queued(workspace)[:3] in (["z", "x", "y"], ["x", "z", "y"])

    def test_a_record_of_a_move_that_makes_no_sense_is_passed_over(
        self, workspace: Workspace, runs: dict[str, Run]
    ) -> None:
        for order in ("1/0", "nan", "1e999999999", "9" * 2000, 7):
            runs["d"]._folder.append({"type": "moved", "order": order})
        assert queued(workspace) == list("abcd")


class TestRefused:
    @pytest.mark.parametrize(
        ("states", "says"),
        [
            ((*_WAITING, State.RUNNING), r"it has begun \(Running\)"),
            ((*_WAITING, State.RUNNING, State.FINALIZING, State.COMPLETED), r"it has ended \(Completed\)"),
        ],
    )
    def test_runs_that_do_not_wait(
        self, workspace: Workspace, publish: Publish, states: tuple[State, ...], says: str
    ) -> None:
        begun, waits = publish("begun", *states), publish("waits")
        with pytest.raises(RunNotWaitingException, match=f"run begun cannot be moved: {says}. Nothing was changed"):
            begun.move_before(waits)
        with pytest.raises(RunNotWaitingException, match=f"run waits cannot go before begun: {says}"):
            waits.move_before(begun)
        assert queued(workspace) == ["waits"]

    def test_a_run_that_is_just_being_launched(self, workspace: Workspace, publish: Publish) -> None:
        first, second = publish("first"), publish("second")
        first._folder.append({"type": "admitted", "value": True})
        with pytest.raises(RunNotWaitingException, match="first cannot be moved: it is just beginning"):
            first.move_before(None)
        with pytest.raises(RunNotWaitingException, match="it is just beginning"):
            second.move_before(first)
        first._folder.append({"type": "admitted", "value": False})
        second.move_before(first)
        assert queued(workspace) == ["second", "first"]

    def test_a_run_that_was_asked_to_end(self, publish: Publish) -> None:
        run = publish("run")
        run.cancel()
        with pytest.raises(RunNotWaitingException, match="it has been asked to end"):
            run.move_before(None)

    def test_runs_of_another_target_or_without_a_job(self, publish: Publish) -> None:
        run, elsewhere = publish("run"), publish("elsewhere", target="other")
        interactive = publish("interactive", spec={"type": "traindock.interactive"})
        with pytest.raises(RunNotWaitingException, match="it waits for 'other', not for 'local'"):
            run.move_before(elsewhere)
        with pytest.raises(RunNotWaitingException, match="its code runs elsewhere"):
            interactive.move_before(run)

    def test_a_run_that_was_deleted_meanwhile(self, workspace: Workspace, publish: Publish) -> None:
        with pytest.raises(RunNotWaitingException, match=r"there is no such run \(any more\)"):
            run_queue.move(publish("run"), "gone")

    def test_runs_of_somebody_else(self, workspace: Workspace, publish: Publish) -> None:
        mine, theirs = publish("mine"), publish("theirs")
        path = theirs._folder.layout.run_json
        path.write_text(path.read_text().replace('"user": "me"', '"user": "you"'))
        with pytest.raises(RunNotSignedException, match="submitted by somebody else"):
            theirs.move_before(mine)
        with pytest.raises(RunNotWaitingException, match="it is not yours"):
            mine.move_before(theirs)

    def test_what_makes_no_sense(self, workspace: Workspace, publish: Publish, tmp_path: Path) -> None:
        run = publish("run")
        with pytest.raises(UserErrorException, match="run run cannot go before itself"):
            run.move_before(run)
        with pytest.raises(UserErrorException, match="5 is no run of workspace"):
            run.move_before(5)  # type: ignore[arg-type]
        other = Workspace.create("other", path=tmp_path / "other", show_output=False)
        theirs = publish("theirs", workspace=other)
        with pytest.raises(UserErrorException, match="is no run of workspace"):
            run.move_before(theirs)


def _move_again_and_again(root: str, seed: int) -> None:
    start.ensure = lambda *_: None  # type: ignore[assignment]
    chance, workspace = random.Random(seed), Workspace(root)
    for _ in range(40):
        moved, before = chance.sample("abcdef", 2)
        run_queue.move(Run.get(workspace, moved), before if chance.random() < 0.8 else None)


def test_where_several_move_runs_at_once_none_gets_lost(workspace: Workspace, publish: Publish) -> None:
    for name in "abcdef":
        publish(name)
    movers = [
        multiprocessing.get_context("spawn").Process(
            target=_move_again_and_again, args=(str(workspace.layout.root), seed)
        )
        for seed in range(3)
    ]
    for mover in movers:
        mover.start()
    for mover in movers:
        mover.join(60)
        assert mover.exitcode == 0
    assert sorted(queued(workspace)) == list("abcdef")
    orders = [record.order for record in run_queue.waiting(workspace, "local")]
    assert all(one < other for one, other in itertools.pairwise(orders))


def test_an_index_that_another_program_has_locked_keeps_no_run_from_beginning_while_one_is_moved(
    workspace: Workspace, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [publish(name) for name in "ab"]
    monkeypatch.setattr(index_file, "_PATIENCE_SECONDS", 2.0)
    workspace.index.close()
    admission = Admission(workspace, NodeQueue(lambda: Leases(workspace.layout.root / "leases")))
    refused: list[Exception] = []
    unfinished, asked = workspace.index.unfinished, threading.Event()

    def ask() -> list[str]:
        asked.set()
        return unfinished()

    monkeypatch.setattr(workspace.index, "unfinished", ask)

    def move() -> None:
        try:
            runs[1].move_before(runs[0])
        except IndexBusyException as error:
            refused.append(error)

    with locked_index(workspace, "exclusive"):
        mover = threading.Thread(target=move)
        mover.start()
        assert asked.wait(30), "the index was not asked which runs wait"
        demand = Demand("a", "local", runs[0].record.order, 1, lambda: 1, 0, list, {"run_id": "a"})
        admission.acquire(runs[0]._folder, demand, lambda: False, lambda _: None)
        assert mover.is_alive(), "it still waits for the index"
        mover.join(30)
    assert runs[0].record.admitted
    assert "is kept locked by another program" in str(refused[0])
    assert queued(workspace) == ["b"]


def test_of_two_moves_at_once_the_result_is_that_of_one_after_the_other(workspace: Workspace, publish: Publish) -> None:
    """Whoever comes second decides on the queue as the first has left it."""
    runs = [publish(name) for name in "abcd"]
    taken: list[str] = []
    real = run_queue._order

    def move_in_between(*arguments: Any) -> Any:
        if not taken:
            taken.append("once")
            other = multiprocessing.get_context("spawn").Process(
                target=_move_one, args=(str(workspace.layout.root), "c", "a")
            )
            other.start()
            other.join(1)
            assert other.is_alive()  # it waits for the first
            taken.append(other)  # type: ignore[arg-type]
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_queue, "_order", move_in_between)
        runs[3].move_before(runs[0])
    taken[1].join(60)  # type: ignore[attr-defined]
    assert queued(workspace) == list("dcab")


def _move_one(root: str, moved: str, before: str) -> None:
    start.ensure = lambda *_: None  # type: ignore[assignment]
    run_queue.move(Run.get(Workspace(root), moved), before)


class TestAdmission:
    """A run that has got its nodes begins only if no move that was recorded says otherwise."""

    def demand(self, run: Run) -> Demand:
        return Demand(run.id, "local", run.record.order, 1, lambda: 1, 0, list, {"run_id": run.id})

    def test_a_move_that_the_queue_has_not_heard_of_counts(
        self, workspace: Workspace, publish: Publish, tmp_path: Path
    ) -> None:
        first, second = publish("first"), publish("second")
        queue = NodeQueue(lambda: Leases(tmp_path / "leases"))
        admission = Admission(workspace, queue)
        queue.expect("local", second.id, second.record.order)
        known = self.demand(first)
        second.move_before(first)
        told: list[str] = []

        with pytest.raises(TimeoutError):
            admission.acquire(first._folder, known, lambda: bool(told) and _raise(TimeoutError()), told.append)

        assert told == ["waiting for its turn on 'local', after second"]
        assert not first.record.admitted
        assert admission.acquire(second._folder, self.demand(second), lambda: False, told.append) is None
        assert second.record.admitted

    def test_one_that_was_moved_while_it_got_its_nodes_waits_again(
        self, workspace: Workspace, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = publish("first"), publish("second")
        queue = NodeQueue(lambda: Leases(tmp_path / "leases"))
        admission = Admission(workspace, queue)
        queue.expect("local", second.id, second.record.order)
        acquire, told = queue.acquire, list[str]()

        def moved_meanwhile(*arguments: Any) -> Any:
            lease = acquire(*arguments)
            first.move_before(None)
            return lease

        monkeypatch.setattr(queue, "acquire", moved_meanwhile)
        with pytest.raises(TimeoutError):
            admission.acquire(
                first._folder, self.demand(first), lambda: bool(told) and _raise(TimeoutError()), told.append
            )
        assert told == ["waiting for its turn on 'local', after second"]

    def test_one_that_has_been_admitted_in_vain_can_be_moved_again(
        self, workspace: Workspace, publish: Publish, tmp_path: Path
    ) -> None:
        run = publish("run")
        run._folder.append({"type": "admitted", "value": True})
        queue = NodeQueue(lambda: Leases(tmp_path / "leases"))
        queue.occupy("local", "holder", 1)
        admission = Admission(workspace, queue)
        with pytest.raises(TimeoutError):
            admission.acquire(run._folder, self.demand(run), lambda: _raise(TimeoutError()), lambda _: None)
        assert not run.record.admitted


def _raise(error: Exception) -> bool:
    raise error


STARTS = """
    import pathlib, sys, time
    folder = pathlib.Path(sys.argv[1])
    with (folder / "starts").open("a") as file:
        print(sys.argv[2], file=file)
    while sys.argv[2] == "holder" and not (folder / "go").exists():
        time.sleep(0.01)
"""


class TestDispatcher:
    """Real runs on a target with one node."""

    @pytest.fixture
    def runs(self, workspace: Workspace, submit: Submit, tmp_path: Path) -> dict[str, Run]:
        """One that holds the node until there is a file "go", and four that wait for it."""
        ComputeTarget.create(workspace, "single", LocalCompute.provisioning_configuration(max_nodes=1))
        runs = {"holder": submit(STARTS, str(tmp_path), "holder", compute_target="single")}
        wait_for(lambda: runs["holder"].get_status() == "Running", "the first to have the node")
        for name in "abcd":
            runs[name] = submit(STARTS, str(tmp_path), name, compute_target="single")
        wait_for(lambda: all(runs[name].get_status() == "Queued" for name in "abcd"), "the others to wait")
        return runs

    def starts(self, runs: dict[str, Run], tmp_path: Path) -> list[str]:
        """Let them go, and return the order in which they started."""
        (tmp_path / "go").touch()
        for run in runs.values():
            run.wait_for_completion()
        return (tmp_path / "starts").read_text().split()

    def test_runs_start_in_the_order_in_which_they_were_put(self, runs: dict[str, Run], tmp_path: Path) -> None:
        runs["d"].move_before(runs["a"])
        runs["b"].move_before(None)
        runs["c"].move_before(runs["a"])
        assert self.starts(runs, tmp_path) == ["holder", "d", "c", "a", "b"]

    def test_a_run_that_waits_is_told_who_is_before_it_now(self, runs: dict[str, Run], tmp_path: Path) -> None:
        runs["d"].move_before(runs["a"])
        wait_for(lambda: f"after {runs['d'].id}" in runs["a"].record.detail, "the former first one to know")
        wait_for(lambda: "after" not in runs["d"].record.detail, "the new first one to know")
        for run in runs.values():
            run.cancel()

    def test_the_order_outlives_the_dispatcher(
        self, workspace: Workspace, runs: dict[str, Run], tmp_path: Path
    ) -> None:
        runs["c"].move_before(runs["a"])
        killed = dispatcher_of(workspace)
        killed.send_signal(signal.SIGKILL)
        killed.wait(10)
        runs["d"].move_before(runs["c"])  # which starts the next one
        assert self.starts(runs, tmp_path) == ["holder", "d", "c", "a", "b"]
