"""Who may run: nodes of a compute target, first come, first served, and GPUs of the machine.

A run that waits for a GPU, which may be anybody's, lets runs that need none go first. It is not forgotten for that:
as soon as its GPUs are free it is the next to get nodes, and once it has seen them free while it lacked nodes, its
nodes are kept for it.
"""

from __future__ import annotations

import bisect
import math
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from traindock.compute.base import LaunchError
from traindock.compute.leases import Lease, Leases
from traindock.errors import StoreException
from traindock.store.run_records import Order

# GPUs are also leased by other workspaces, which cannot wake us.
_GPU_POLL_SECONDS = 0.5
# Each sentence is a line on the disk, and in a long queue every movement changes what each of its runs waits for.
_TELL_SECONDS = 5.0
# So many runs get ready ahead of their turn at most: what they make takes room, and the system's time.
_READY_MOST = 8
# A run whose environment must be built may take minutes, and does not hold up the others.
_EXPECTED_SECONDS = 1.0
# One whose environment is there takes milliseconds to join the queue; to look for it takes an engine, or a machine that
# has much else to do, seconds at worst.
_PREPARED_SECONDS = 30.0


class Withdrawn(Exception):
    """The run was canceled, or the dispatcher stops, while it waited."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a run waits for.

    Attributes:
        run_id: the run.
        target: name of its compute target.
        order: its place among the runs of the target, when it joins them; the lesser goes first.
        nodes: how many nodes.
        max_nodes: returns how many the target has now; raises if it is gone.
        gpus: how many GPUs.
        devices: returns the UUIDs to choose from.
        holder: what to tell others who find a GPU taken.
        occupied: returns which of some GPUs are used though their leases are free, and by whom; may take long.
        get_ready: called once, where the run has to wait, as soon as it may be among the next to start; may take long.
    """

    run_id: str
    target: str
    order: Order
    nodes: int
    max_nodes: Callable[[], int]
    gpus: int
    devices: Callable[[], list[str]]
    holder: dict[str, Any]
    occupied: Callable[[Collection[str]], dict[str, str]] = lambda devices: {}
    get_ready: Callable[[], None] = lambda: None

    @property
    def rank(self) -> tuple[Order, str]:
        """Position in the queue."""
        return self.order, self.run_id


@dataclass(slots=True, eq=False)
class _Waiter:
    demand: Demand
    news: threading.Condition
    told: str = ""
    # When that was last seen to be so.
    told_at: float = -math.inf
    # GPUs that were used, when it last looked, though their leases were free, and by whom.
    occupied: dict[str, str] = field(default_factory=dict)
    # Whether it has got ready, or is about to.
    ready: bool = False

    @property
    def candidates(self) -> list[str]:
        """The GPUs that are worth trying."""
        return [device for device in self.demand.devices() if device not in self.occupied]


@dataclass(slots=True)
class _Target:
    holders: dict[str, int] = field(default_factory=dict)
    # Those of them that are being launched.
    launching: set[str] = field(default_factory=set)
    # In the order of their ranks.
    waiting: list[_Waiter] = field(default_factory=list)
    # Those that are about to join, with their orders, and until when others wait for them.
    expected: dict[str, tuple[Order, float]] = field(default_factory=dict)
    # Runs that could have had their GPUs, and found too few nodes free.
    overtaken: set[str] = field(default_factory=set)

    def insert(self, waiter: _Waiter) -> None:
        """Let a run wait, at its place."""
        bisect.insort(self.waiting, waiter, key=lambda waiting: waiting.demand.rank)

    def move(self, run_id: str, order: Order) -> bool:
        """Give a run another place; False if it has that already, or is not here."""
        if run_id in self.expected:
            until = self.expected[run_id][1]
            self.expected[run_id] = (order, until)
        for waiter in self.waiting:
            if waiter.demand.run_id == run_id and waiter.demand.order != order:
                self.waiting.remove(waiter)
                waiter.demand = replace(waiter.demand, order=order)
                self.insert(waiter)
                return True
        return False

    def awaited(self, now: float) -> list[tuple[Order, str]]:
        """Return the ranks of runs that are about to join, as far as they are waited for."""
        return [(order, run_id) for run_id, (order, until) in self.expected.items() if until > now]

    def next(self) -> list[_Waiter]:
        """Return who alone may be able to start: the first, and the first of those that need no GPU."""
        found = self.waiting[:1]
        if found and found[0].demand.gpus:
            found += [waiter for waiter in self.waiting if not waiter.demand.gpus][:1]
        return found

    def soon(self) -> list[_Waiter]:
        """Return who may be able to start as soon as those that run give their nodes back."""
        return self.waiting[: min(len(self.holders) - len(self.launching), _READY_MOST)]


class NodeQueue:
    """The queues of all compute targets of a workspace.

    Args:
        leases: makes the leases of this machine's GPUs, when a run first needs some: runs that need none go on where
            the leases cannot be used.
        clock: seconds that never go back.
    """

    def __init__(self, leases: Callable[[], Leases], clock: Callable[[], float] = time.monotonic) -> None:
        self._make_leases = leases
        self._made_leases: Leases | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._launched = threading.Condition(self._lock)
        self._targets: dict[str, _Target] = {}
        self._known_moves = 0
        # By run, how many moves were known when it got its nodes.
        self._granted: dict[str, int] = {}

    def expect(self, target: str, run_id: str, order: Order, *, prepared: bool = False) -> None:
        """Keep a run's turn for a moment, until it joins the queue: the earlier submitted goes first.

        Args:
            target: its compute target.
            run_id: the run.
            order: its place in the queue.
            prepared: nothing is known that has to be built for it, so that it comes soon, and is kept for longer.
        """
        seconds = _PREPARED_SECONDS if prepared else _EXPECTED_SECONDS
        with self._lock:
            self._of(target).expected[run_id] = (order, self._clock() + seconds)

    def occupy(self, target: str, run_id: str, nodes: int) -> None:
        """Count the nodes of a run that is running already, whatever the limit says."""
        with self._lock:
            self._of(target).expected.pop(run_id, None)
            self._of(target).holders[run_id] = nodes

    def acquire(self, demand: Demand, withdrawn: Callable[[], bool], tell: Callable[[str], None]) -> Lease | None:
        """Wait until the run may start; then it holds its nodes until :meth:`release`, and see :meth:`launched`.

        Args:
            demand: what it needs.
            withdrawn: asked whenever something changes; True ends the wait.
            tell: gets a sentence that says what is waited for and who holds it, and again when that changes: at once
                where the run is the next to start, else every few seconds at most.

        Returns:
            The lease of its GPUs, to be handed to the job and then released here; None if it needs none.

        Raises:
            Withdrawn: ``withdrawn`` said so.
            LaunchError: the target has fewer nodes, or the machine fewer GPUs, than it needs; or GPUs cannot be leased.
        """
        waiter = _Waiter(demand, threading.Condition(self._lock))
        with self._lock:
            target = self._of(demand.target)
            if expected := target.expected.pop(demand.run_id, None):  # it may have been moved since it was made
                waiter.demand = replace(demand, order=expected[0])
            target.insert(waiter)
        try:
            while True:
                gets_ready = False
                with self._lock:
                    if withdrawn():
                        raise Withdrawn
                    why, lease = self._try(target, waiter)
                    if not why:
                        target.holders[demand.run_id] = demand.nodes
                        self._granted[demand.run_id] = self._known_moves
                        target.launching.add(demand.run_id)
                    elif not self._is_due(target, waiter, why):
                        if waiter.ready or waiter not in target.soon():
                            waiter.news.wait(self._patience(target, waiter))
                            waiter.occupied = {}
                            continue
                        gets_ready = waiter.ready = True
                # Outside of the lock: these write to the disk or ask an engine.
                if gets_ready:
                    demand.get_ready()
                elif why:
                    tell(why)
                elif lease is None or self._is_unused(waiter, lease):
                    return lease
                else:
                    self.release(demand.target, demand.run_id)
        finally:
            with self._lock:
                target.waiting.remove(waiter)
                target.overtaken.discard(demand.run_id)
                self._moved(target)

    def move(self, target: str, run_id: str, order: Order) -> None:
        """Give a run its new place, if it waits or is expected; all that wait there look again."""
        with self._lock:
            if self._of(target).move(run_id, order):
                self._look_again(self._of(target))

    def runs(self) -> list[str]:
        """Return the ids of all runs that wait or are expected, whatever their targets are."""
        with self._lock:
            found = [waiter.demand.run_id for target in self._targets.values() for waiter in target.waiting]
            return found + [run_id for target in self._targets.values() for run_id in target.expected]

    def take_in(self, moves: int, orders: Mapping[str, Order]) -> None:
        """Give runs their places as they are after so many moves; see :meth:`known_at_grant`."""
        with self._lock:
            self._known_moves = moves
            for target in self._targets.values():
                if [run_id for run_id, order in orders.items() if target.move(run_id, order)]:
                    self._look_again(target)

    def known_at_grant(self, run_id: str) -> int | None:
        """Return how many moves were taken in when a run got its nodes; None where it has none."""
        with self._lock:
            return self._granted.get(run_id)

    def give_back(self, target: str, run_id: str, order: Order) -> None:
        """Give the nodes of a run back that is about to wait again: until then its turn is kept.

        Args:
            target: its compute target.
            run_id: the run.
            order: its place.
        """
        with self._lock:
            self._of(target).expected[run_id] = (order, self._clock() + _EXPECTED_SECONDS)
            self._drop(self._of(target), run_id)

    def launched(self, target: str, run_id: str) -> None:
        """Take in that a run which got its nodes has started: what was put off for its sake is done now."""
        with self._lock:
            self._no_longer_launching(self._of(target), run_id)

    def await_launches(self, target: str, seconds: float) -> None:
        """Wait, for so long at most, until none of the runs that got their nodes is still to start.

        Whoever has something to do that nobody waits for leaves processors and engine to them until then.
        """
        with self._lock:
            self._launched.wait_for(lambda: not self._of(target).launching, seconds)

    def release(self, target: str, run_id: str) -> None:
        """Give the nodes of a run back."""
        with self._lock:
            self._of(target).expected.pop(run_id, None)
            self._drop(self._of(target), run_id)

    def _drop(self, target: _Target, run_id: str) -> None:
        target.holders.pop(run_id, None)
        self._granted.pop(run_id, None)
        self._no_longer_launching(target, run_id)

    def _no_longer_launching(self, target: _Target, run_id: str) -> None:
        target.launching.discard(run_id)
        self._launched.notify_all()
        self._moved(target)

    def wake(self, run_id: str | None = None) -> None:
        """Let a run look again that was canceled, or everybody: a target changed."""
        with self._lock:
            for target in self._targets.values():
                for waiter in target.waiting:
                    if run_id in (None, waiter.demand.run_id):
                        waiter.news.notify()

    def _is_unused(self, waiter: _Waiter, lease: Lease) -> bool:
        """Return whether nobody uses the devices of a lease; else it is released, and they are remembered."""
        try:
            occupied = waiter.demand.occupied(lease.uuids)
        except BaseException:
            lease.release()
            self.release(waiter.demand.target, waiter.demand.run_id)
            raise
        if occupied:
            lease.release()
            waiter.occupied = {**waiter.occupied, **occupied}
        return not occupied

    def _moved(self, target: _Target) -> None:
        """Wake who may start now or get ready, and who has not looked for a while at what it waits for."""
        for waiter in target.next():
            waiter.news.notify()
        for waiter in target.soon():
            if not waiter.ready:
                waiter.news.notify()
        now = self._clock()
        for waiter in target.waiting:
            if now - waiter.told_at >= _TELL_SECONDS:
                waiter.news.notify()

    def _look_again(self, target: _Target) -> None:
        """Wake all that wait: who is before whom has changed, which each is told at once."""
        for waiter in target.waiting:
            waiter.told_at = -math.inf
            waiter.news.notify()

    def _is_due(self, target: _Target, waiter: _Waiter, why: str) -> bool:
        """Return whether to tell a run now what it waits for; then that counts as told."""
        now, known = self._clock(), waiter.told
        if why != known and waiter not in target.next() and now - waiter.told_at < _TELL_SECONDS:
            return False
        waiter.told, waiter.told_at = why, now
        return why != known

    def _patience(self, target: _Target, waiter: _Waiter) -> float:
        """Return after how many seconds a run looks again though nothing wakes it."""
        may_start = waiter.demand.gpus or waiter in target.next()
        polled = may_start and (target.awaited(self._clock()) or any(waiting.demand.gpus for waiting in target.waiting))
        return _GPU_POLL_SECONDS if polled else _TELL_SECONDS

    def _of(self, target: str) -> _Target:
        return self._targets.setdefault(target, _Target())

    def _try(self, target: _Target, waiter: _Waiter) -> tuple[str, Lease | None]:
        """Return what stands in the way, and the lease if nothing does."""
        demand = waiter.demand
        limit = demand.max_nodes()
        if demand.nodes > limit:
            raise LaunchError(
                f"the run needs {_counted(demand.nodes, 'node')} and compute target {demand.target!r} has {limit} at "
                "most"
            )
        # Itself, where a launch is tried again: it still has its nodes.
        others = {run_id: nodes for run_id, nodes in target.holders.items() if run_id != demand.run_id}
        used = sum(others.values())
        ahead = self._ahead(target, demand, limit - used)
        if used + demand.nodes > limit:
            if demand.gpus and self._gpus_free(waiter):
                target.overtaken.add(demand.run_id)
            holders = ", ".join(others) or "nobody"
            behind = f", {_after(ahead)}" if ahead else ""
            return (
                f"waiting for a node of {demand.target!r}: {used} of {limit} (its max_nodes) held by {holders}{behind}",
                None,
            )
        if ahead:
            return f"waiting for its turn on {demand.target!r}, {_after(ahead)}", None
        if not demand.gpus:
            return "", None
        devices = demand.devices()
        if len(devices) < demand.gpus:
            needs = _counted(demand.gpus, "GPU")
            raise LaunchError(f"the run needs {needs} and this machine has {len(devices)}", reason="no_gpu")
        lease = self._leases().try_acquire(demand.gpus, waiter.candidates, demand.holder)
        if lease is None:
            return self._held(waiter, devices), None
        return "", lease

    def _ahead(self, target: _Target, demand: Demand, free: int) -> list[tuple[Order, str]]:
        """Return the ranks of the runs that go first, given so many free nodes."""
        ahead = [rank for rank in target.awaited(self._clock()) if rank < demand.rank]
        for waiter in target.waiting:
            waiting = waiter.demand
            if waiting.rank >= demand.rank:
                break
            if waiting.gpus and not demand.gpus and not self._gpus_free(waiter):
                if waiting.run_id not in target.overtaken:
                    continue
                if free >= waiting.nodes + demand.nodes:
                    free -= waiting.nodes
                    continue
            ahead.append(waiting.rank)
        return ahead

    def _gpus_free(self, waiter: _Waiter) -> bool:
        try:
            return self._leases().are_free(waiter.demand.gpus, waiter.candidates)
        except (LaunchError, StoreException):
            return False  # the run itself is told

    def _held(self, waiter: _Waiter, devices: list[str]) -> str:
        demand, holders = waiter.demand, self._leases().holders()
        held = [
            f"{device} by run {holder.get('run_id', '?')} of {holder.get('user', '?')}"
            for device, holder in holders.items()
            if holder is not None and device in devices
        ]
        held += [f"{device} by {who}" for device, who in waiter.occupied.items() if holders.get(device) is None]
        return f"waiting for {demand.gpus} of {len(devices)} GPUs; held: {'; '.join(held) or 'by others'}"

    def _leases(self) -> Leases:
        if self._made_leases is None:
            try:
                self._made_leases = self._make_leases()
            except StoreException as error:
                raise LaunchError(str(error), reason="leases_unusable") from error
        return self._made_leases


def _after(ahead: list[tuple[Order, str]]) -> str:
    _, first = min(ahead)
    return f"after {first}" if len(ahead) == 1 else f"after {len(ahead)} other runs, the next of them {first}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
