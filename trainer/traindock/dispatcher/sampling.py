"""What a job uses, looked at every few seconds while it runs, and kept in its run as metrics are.

The series lie in the run's folder ``resources``, in the format of metrics: "cpu" (processors), "memory" (bytes), and
for each leased device "gpu/<n>/busy" (percent of the time) and "gpu/<n>/memory" (bytes). What there is of each at most,
and how much was used at most, is recorded in the run itself.

To look may have to wait for an engine or for a driver, and takes place on a thread of its own, for which no run waits.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from traindock.compute import processes
from traindock.compute.base import Backend, Job
from traindock.compute.device_use import GpuUse
from traindock.compute.devices import library
from traindock.compute.resource_use import Limit, ResourceUse
from traindock.errors import TraindockError
from traindock.runtime.metric_log import MetricLog
from traindock.store.metrics import MetricReader
from traindock.store.run_records import RunFolder

log = logging.getLogger(__name__)

#: Seconds to the first look. Shorter runs are not looked at.
FIRST_SECONDS: Final = 0.2
#: Then each pause is twice as long as the one before, up to this.
USUAL_SECONDS: Final = 2.0
#: What runs long changes slowly: a pause may be this part of the time that it has been running, ...
_PART: Final = 1 / 1000
#: ... but no more than this: 90,000 looks in 30 days, 1.4 MB for each series.
MOST_SECONDS: Final = 30.0
#: So many looks are taken at the usual pace though none has shown anything.
_PATIENT_LOOKS: Final = 8
#: Seconds that the end of a run waits for a look that is under way.
_END_SECONDS: Final = 0.5


def pause_before(look: int, running_seconds: float, *, seen: bool = True) -> float:
    """Return the seconds from one look to the next.

    Args:
        look: number of the next one, 0 for the first.
        running_seconds: since the first was waited for.
        seen: whether any look has shown anything; after some that have not, there is hardly ever anything to be seen.
    """
    if not seen and look >= _PATIENT_LOOKS:
        return MOST_SECONDS
    beginning = FIRST_SECONDS * 2.0 ** min(look, 10)
    return min(beginning, max(USUAL_SECONDS, min(running_seconds * _PART, MOST_SECONDS)))


@dataclass(frozen=True, slots=True)
class _Sample:
    """A point of one series."""

    name: str
    unit: str
    value: float
    limit: Limit | None
    device: str = ""


class ResourceSampler(threading.Thread):
    """Looks at one job until it is told to stop.

    Args:
        backend: of the compute target that the job runs on.
        job: the run.
        folder: its record.
        devices: the UUIDs of the GPUs that it was leased.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        backend: Backend,
        job: Job,
        folder: RunFolder,
        devices: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name=f"resources {job.run_id}", daemon=True)
        self._backend, self._job, self._folder, self._devices = backend, job, folder, tuple(devices)
        self._clock = clock
        self._stopping = threading.Event()
        self._writing = threading.Lock()
        self._log: MetricLog | None = None
        self._before: tuple[float, float] | None = None
        # What an earlier dispatcher has seen of it counts as well.
        self._facts: dict[str, dict[str, Any]] = {name: dict(fact) for name, fact in folder.load().resources.items()}
        if self._facts:
            for name, summary in MetricReader(job.layout.resources).summary().items():
                if name in self._facts:
                    self._facts[name]["peak"] = summary.max
        self._recorded = set(self._facts)

    def stop(self) -> list[dict[str, Any]]:
        """Look no more, and return the events by which the run tells what was used; none where nothing was seen.

        After this nothing more is written, also where a look is under way that does not come to its end.
        """
        self._stopping.set()
        if self.is_alive():
            self.join(_END_SECONDS)
        with self._writing:
            if self._log is not None:
                self._log.close()
            return [{"type": "resources", "value": self._facts}] if self._facts else []

    def run(self) -> None:
        """Look, again and again; what goes wrong is no matter of the run's."""
        begun, look = self._clock(), 0
        # The driver's library is kept open: to open it anew takes longer than to ask.
        with library() if self._devices else contextlib.nullcontext():
            while not self._stopping.wait(pause_before(look, self._clock() - begun, seen=bool(self._facts))):
                look += 1
                try:
                    self.look()
                except TraindockError as error:
                    log.info("what %s uses cannot be told now: %s", self._job.run_id, error)
                except Exception:
                    log.exception("cannot find out what %s uses", self._job.run_id)
                    return

    def look(self) -> None:
        """Look once, and keep what is seen.

        Raises:
            TraindockError: it cannot be told now, or not be recorded.
        """
        found = self._backend.measure(self._job, self._devices)
        if found is None:
            return
        samples = list(self._samples(found, self._clock()))
        with self._writing:
            # A folder that was moved or deleted must not be made anew.
            if not self._stopping.is_set() and self._job.layout.events.exists():
                self._keep(samples)

    def _samples(self, found: ResourceUse, now: float) -> Iterator[_Sample]:
        if found.cpu_seconds is not None:
            then, before = self._before or (now - self._seconds_since_start(), 0.0)
            if now > then:
                yield _Sample("cpu", "processors", max(0.0, found.cpu_seconds - before) / (now - then), found.cpus)
            self._before = now, found.cpu_seconds
        if found.memory_bytes is not None:
            yield _Sample("memory", "bytes", found.memory_bytes, found.memory)
        for number, (use, device) in enumerate(zip(found.gpus, self._devices, strict=False)):
            if use is not None:
                yield from _samples_of_gpu(f"gpu/{number}", use, device)

    def _seconds_since_start(self) -> float:
        started = processes.read_started(self._job.layout.started_json)
        return 0.0 if started is None else time.time() - started.time

    def _keep(self, samples: list[_Sample]) -> None:
        if samples and self._log is None:
            self._log = MetricLog(str(self._job.layout.resources))
        for sample in samples:
            assert self._log is not None
            self._log.number(sample.name, float(sample.value), description=sample.unit)
            fact = self._facts.setdefault(sample.name, {"peak": sample.value})
            fact["peak"] = max(fact["peak"], sample.value)
            fact["unit"] = sample.unit
            fact["limit"] = None if sample.limit is None else sample.limit.amount
            fact["limit_of"] = None if sample.limit is None else sample.limit.of
            if sample.device:
                fact["device"] = sample.device
        # What there is of each has to be known to whoever looks at the run while it goes on.
        if not self._recorded.issuperset(self._facts):
            self._folder.append({"type": "resources", "value": self._facts})
            self._recorded.update(self._facts)


def _samples_of_gpu(name: str, use: GpuUse, device: str) -> Iterator[_Sample]:
    if use.busy_percent is not None:
        yield _Sample(f"{name}/busy", "percent", use.busy_percent, Limit(100, "device"), device)
    if use.memory_used_bytes is not None:
        limit = None if use.memory_bytes is None else Limit(use.memory_bytes, "device")
        yield _Sample(f"{name}/memory", "bytes", use.memory_used_bytes, limit, device)
