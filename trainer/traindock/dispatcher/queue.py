"""Who may run: nodes of a compute target, first come, first served, and GPUs of the machine.

A run that waits for a GPU, which may be anybody's, lets runs that need none go first. It is not forgotten for that:
as soon as its GPUs are free it is the next to get nodes, and once it has seen them free while it lacked nodes, its
nodes are kept for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from traindock.compute.base import LaunchError
from traindock.compute.leases import Lease, Leases
from traindock.errors import StoreException

# GPUs are also leased by other workspaces, which cannot wake us.
_GPU_POLL_SECONDS = 0.5
# A run whose environment is there takes milliseconds to join the queue; one whose environment must be
# built may take minutes, and does not hold up the others.
_EXPECTED_SECONDS = 1.0


class Withdrawn(Exception):
    """The run was canceled, or the dispatcher stops, while it waited."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a run waits for.

    Attributes:
        run_id: the run.
        target: name of its compute target.
        order: when it was submitted; the earlier goes first.
        nodes: how many nodes.
        max_nodes: returns how many the target has now; raises if it is gone.
        gpus: how many GPUs.
        devices: returns the UUIDs to choose from.
        holder: what to tell others who find a GPU taken.
    """

    run_id: str
    target: str
    order: float
    nodes: int
    max_nodes: Callable[[], int]
    gpus: int
    devices: Callable[[], list[str]]
    holder: dict[str, Any]

    @property
    def rank(self) -> tuple[float, str]:
        """Position in the queue."""
        return self.order, self.run_id


@dataclass(slots=True)
class _Target:
    holders: dict[str, int] = field(default_factory=dict)
    waiting: list[Demand] = field(default_factory=list)
    expected: dict[str, tuple[float, float]] = field(default_factory=dict)
    # Runs that could have had their GPUs, and found too few nodes free.
    overtaken: set[str] = field(default_factory=set)


class NodeQueue:
    """The queues of all compute targets of a workspace.

    Args:
        leases: makes the leases of this machine's GPUs, when a run first needs some: runs that need none go on where
            the leases cannot be used.
    """

    def __init__(self, leases: Callable[[], Leases]) -> None:
        self._make_leases = leases
        self._made_leases: Leases | None = None
        self._condition = threading.Condition()
        self._targets: dict[str, _Target] = {}

    def expect(self, target: str, run_id: str, order: float) -> None:
        """Keep a run's turn for a moment, until it joins the queue: the earlier submitted goes first."""
        with self._condition:
            self._of(target).expected[run_id] = (order, time.monotonic() + _EXPECTED_SECONDS)

    def occupy(self, target: str, run_id: str, nodes: int) -> None:
        """Count the nodes of a run that is running already, whatever the limit says."""
        with self._condition:
            self._of(target).expected.pop(run_id, None)
            self._of(target).holders[run_id] = nodes

    def acquire(self, demand: Demand, withdrawn: Callable[[], bool], tell: Callable[[str], None]) -> Lease | None:
        """Wait until the run may start; then it holds its nodes until :meth:`release`.

        Args:
            demand: what it needs.
            withdrawn: asked whenever something changes; True ends the wait.
            tell: gets a sentence that says what is waited for and who holds it, whenever that changes.

        Returns:
            The lease of its GPUs, to be handed to the job and then released here; None if it needs none.

        Raises:
            Withdrawn: ``withdrawn`` said so.
            LaunchError: the target has fewer nodes, or the machine fewer GPUs, than it needs; or GPUs cannot be leased.
        """
        told = ""
        with self._condition:
            target = self._of(demand.target)
            target.expected.pop(demand.run_id, None)
            target.waiting.append(demand)
            target.waiting.sort(key=lambda waiting: waiting.rank)
            try:
                while True:
                    if withdrawn():
                        raise Withdrawn
                    why, lease = self._try(target, demand)
                    if not why:
                        target.holders[demand.run_id] = demand.nodes
                        return lease
                    if why != told:
                        told = why
                        tell(why)
                    polled = target.expected or any(waiting.gpus for waiting in target.waiting)
                    self._condition.wait(_GPU_POLL_SECONDS if polled else 5.0)
            finally:
                target.waiting.remove(demand)
                target.overtaken.discard(demand.run_id)
                self._condition.notify_all()

    def release(self, target: str, run_id: str) -> None:
        """Give the nodes of a run back."""
        with self._condition:
            self._of(target).expected.pop(run_id, None)
            self._of(target).holders.pop(run_id, None)
            self._condition.notify_all()

    def wake(self) -> None:
        """Let everybody look again: a run was canceled, or a target changed."""
        with self._condition:
            self._condition.notify_all()

    def _of(self, target: str) -> _Target:
        return self._targets.setdefault(target, _Target())

    def _try(self, target: _Target, demand: Demand) -> tuple[str, Lease | None]:
        """Return what stands in the way, and the lease if nothing does."""
        limit = demand.max_nodes()
        if demand.nodes > limit:
            raise LaunchError(
                f"the run needs {_counted(demand.nodes, 'node')} and compute target {demand.target!r} has {limit} at "
                "most"
            )
        now = time.monotonic()
        target.expected = {run_id: turn for run_id, turn in target.expected.items() if turn[1] > now}
        # Itself, where a launch is tried again: it still has its nodes.
        others = {run_id: nodes for run_id, nodes in target.holders.items() if run_id != demand.run_id}
        used = sum(others.values())
        ahead = self._ahead(target, demand, limit - used)
        if used + demand.nodes > limit:
            if demand.gpus and self._gpus_free(demand):
                target.overtaken.add(demand.run_id)
            holders = ", ".join(others) or "nobody"
            behind = f", after {len(ahead)} other run{'s' if len(ahead) > 1 else ''}" if ahead else ""
            return (
                f"waiting for a node of {demand.target!r}: {used} of {limit} (its max_nodes) held by {holders}{behind}",
                None,
            )
        if ahead:
            return f"waiting for its turn on {demand.target!r}, after {', '.join(ahead)}", None
        if not demand.gpus:
            return "", None
        devices = demand.devices()
        if len(devices) < demand.gpus:
            needs = _counted(demand.gpus, "GPU")
            raise LaunchError(f"the run needs {needs} and this machine has {len(devices)}", reason="no_gpu")
        lease = self._leases().try_acquire(demand.gpus, devices, demand.holder)
        if lease is None:
            return self._held(demand, devices), None
        return "", lease

    def _ahead(self, target: _Target, demand: Demand, free: int) -> list[str]:
        """Return the runs that go first, given so many free nodes."""
        ahead = [run_id for run_id, (order, _) in target.expected.items() if (order, run_id) < demand.rank]
        for waiting in target.waiting:
            if waiting.rank >= demand.rank:
                break
            if waiting.gpus and not demand.gpus and not self._gpus_free(waiting):
                if waiting.run_id not in target.overtaken:
                    continue
                if free >= waiting.nodes + demand.nodes:
                    free -= waiting.nodes
                    continue
            ahead.append(waiting.run_id)
        return ahead

    def _gpus_free(self, demand: Demand) -> bool:
        try:
            return self._leases().are_free(demand.gpus, demand.devices())
        except (LaunchError, StoreException):
            return False  # the run itself is told

    def _held(self, demand: Demand, devices: list[str]) -> str:
        holders = self._leases().holders()
        held = [
            f"{device} by run {holder.get('run_id', '?')} of {holder.get('user', '?')}"
            for device, holder in holders.items()
            if holder is not None and device in devices
        ]
        return f"waiting for {demand.gpus} of {len(devices)} GPUs; held: {'; '.join(held) or 'by others'}"

    def _leases(self) -> Leases:
        if self._made_leases is None:
            try:
                self._made_leases = self._make_leases()
            except StoreException as error:
                raise LaunchError(str(error), reason="leases_unusable") from error
        return self._made_leases


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
