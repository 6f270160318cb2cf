"""The contract between the dispatcher and a kind of compute target.

A compute target knows processes or containers, but neither the index nor Jupyter. The dispatcher takes a run
through these verbs, in this order, on a thread of the run's own:

    plan     what exactly will be done, as a printable value; no side effects
    prepare  make the environment ready
    (the dispatcher waits for nodes and GPUs; a run that is soon to have its nodes may get_ready meanwhile)
    launch   start the job with the devices it got
    follow   wait for its end
    measure  tell what a running job uses, every few seconds, from another thread
    cancel   ask a running job to end, from another thread
    (the dispatcher seals what the run has left, and records its end)
    errands  what remains to be done in the background, whatever becomes of the job
    clean    remove what is kept of a run that is over

To add a kind: subclass :class:`Backend`, name it in ``compute.kinds``, and run ``testing.contract`` on it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from traindock.compute.devices import list_gpus
from traindock.compute.leases import Lease
from traindock.compute.resource_use import ResourceUse
from traindock.images.uv import masked
from traindock.masking import masked_arguments, masked_variables
from traindock.settings import Settings
from traindock.spec import RunSpec
from traindock.store.layout import RunLayout, WorkspaceLayout


@dataclass(frozen=True, slots=True)
class Job:
    """One run as a backend sees it.

    Attributes:
        run_id: the run.
        attempt: 1 for the first launch.
        spec: what was asked for.
        layout: its folder.
        workspace: the workspace's folder.
        settings: the workspace's settings.
        facts: what the job is told about itself: "workspace", "workspace_id", "subscription_id", "resource_group",
            "experiment", "number", "parent", "display_name", "tags", "properties".
    """

    run_id: str
    attempt: int
    spec: RunSpec
    layout: RunLayout
    workspace: WorkspaceLayout
    settings: Settings
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """Exactly what a launch will do, complete enough to do it again.

    Attributes:
        kind: the backend's kind.
        environment: "key" of the recipe, "action" ("caller", "cached", "build" or "user_managed") and "why".
        command: the job's command line; its first word is a placeholder until the environment is ready.
        cwd: the job's working directory.
        variables: what is added to, or replaced in, the job's environment variables.
        mounts: host path by path in the job; empty where the job sees the host's files.
        gpus: how many devices each node needs.
        devices: the ones it got; empty before the lease.
        limits: "max_seconds", "grace_seconds" and what else the kind enforces.
        target: the compute target's settings as they are now, which the job keeps whatever becomes of the target.
        request: what the kind asks of its engine, word for word; empty where there is none.
    """

    kind: str
    environment: Mapping[str, Any]
    command: tuple[str, ...]
    cwd: str
    variables: Mapping[str, str]
    mounts: Mapping[str, str] = field(default_factory=dict)
    gpus: int = 0
    devices: tuple[str, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain JSON values, without passwords in addresses and secret variables and arguments."""
        return {
            **masked(asdict(self)),
            "command": masked_arguments(self.command),
            "variables": masked_variables(self.variables),
        }


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a job ended as it did, as far as the compute target knows.

    Attributes:
        reason: value of ``states.Reason``.
        detail: one sentence for people.
    """

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    Attributes:
        exit: content of the launcher's exit record, or None where the job vanished without one.
        left: numbers of the job's processes that could not be ended.
        cause: what the compute target knows of an end that the job's launcher did not record, or cannot explain;
            an end that the run's owner asked for needs none.
    """

    exit: Mapping[str, Any] | None
    left: tuple[int, ...] = ()
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Errand:
    """Something to do in the background once a job was launched, for which no run waits.

    Attributes:
        name: what it is, for people; of several runs' errands of one name, one is done.
        perform: does it; its argument is asked many times a second whether to break it off, upon which it raises
            ``BuildCanceled``. Any other ``TraindockError`` becomes a warning of the runs, and the next run's errand of
            this name is another try. What was broken off is begun anew by the next dispatcher.
    """

    name: str
    perform: Callable[[Callable[[], bool]], None]


class Backend(ABC):
    """What a kind of compute target does for the dispatcher.

    Promises every kind keeps, checked by ``testing.contract``:

    1. ``plan`` changes nothing, anywhere.
    2. ``launch`` starts the script at most once for a run and attempt, however often and from however many
       processes it is called.
    3. A launched job does not depend on the process that launched it.
    4. ``started`` and ``follow`` work in another process than the one that launched, knowing only the job.
    5. ``cancel`` may be called at any time, from any thread, more than once; it returns at once.
    6. After ``follow`` has returned, no process of the job is left.
    """

    kind: ClassVar[str]
    #: Whether an environment's ``interpreter_path`` is one of the submitter's machine, which is then found at submit;
    #: else it is one of wherever jobs run, and for the kind to look for.
    interpreters_here: ClassVar[bool] = False

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self.name = name
        self.settings = settings

    @property
    @abstractmethod
    def max_nodes(self) -> int:
        """How many nodes the target has at most; each run takes ``node_count`` of them."""

    def on_host(self, path: str) -> Path | None:
        """Return where on this machine something lies that a job finds at an absolute path; None where it does not.

        By default jobs see this machine's files where they are. Nothing depends on it but what is told of a run's data.
        """
        return Path(path)

    @abstractmethod
    def check(self, spec: RunSpec, settings: Settings) -> None:
        """Check, quickly and at submit, that the target could ever run ``spec``.

        Args:
            spec: what is asked for.
            settings: the workspace's settings.

        Raises:
            ComputeTargetException: it never can; the text has the numbers and what to change.
        """

    @abstractmethod
    def gpus_needed(self, spec: RunSpec, settings: Settings) -> int:
        """How many GPUs a run gets, given the target and this machine; 0 where they are optional and absent."""

    @abstractmethod
    def plan(self, job: Job) -> Plan:
        """Return the exact request that :meth:`launch` will perform, without performing any of it."""

    @abstractmethod
    def prepare(self, job: Job, plan: Plan, cancelled: Callable[[], bool]) -> Plan:
        """Make the environment ready, writing the run's build log from the first moment.

        Returns:
            The plan with the environment as it turned out, and the command that uses it.

        Raises:
            EnvironmentBuildException: it cannot be built; the text has the builder's last lines.
        """

    def get_ready(self, job: Job, plan: Plan) -> None:
        """Do what of the launch takes neither a node nor a device, while the run waits for them; by default nothing.

        Nothing of the job is started, and whatever becomes of this, :meth:`launch` does without it or anew.

        Args:
            job: the run.
            plan: as :meth:`prepare` returned it, without devices.

        Raises:
            LaunchError: :meth:`launch` would raise the same; the caller lets it do so.
        """
        return

    @abstractmethod
    def launch(self, job: Job, plan: Plan, lease: Lease | None = None) -> None:
        """Start the job and return when it is certain to have started or to have failed to.

        Args:
            job: the run.
            plan: with the devices it was leased.
            lease: of these devices, which the job's launcher must hold by its own for as long as the job lives. The
                caller releases its part of it afterwards. None for no device.

        Raises:
            LaunchError: it could not be started; the text says why.
        """

    @abstractmethod
    def started(self, job: Job) -> bool:
        """Whether the script was, or may have been, started: then it must not be launched again."""

    @abstractmethod
    def follow(self, job: Job, tick: Callable[[], None], tell: Callable[[str], None] = lambda text: None) -> Outcome:
        """Block until the job and all its processes are gone.

        Args:
            job: the run.
            tick: to be called when requests come, and every second at least; what it raises is handed on.
            tell: takes a sentence about how the job fares that its owner should see, "" once there is none.

        Raises:
            NeverStarted: what :meth:`started` took for a start ended before the script was executed.
        """

    def measure(self, job: Job, devices: Sequence[str]) -> ResourceUse | None:
        """Return what the job uses of processors, memory and its GPUs; by default nothing is known of that.

        It is read from the system or asked of the engine, costs neither the job nor the caller more than milliseconds
        of a processor, and changes nothing. It may have to wait for the engine or for a driver: whoever asks does so
        on a thread that nothing else depends on.

        Args:
            job: the run, whoever launched it.
            devices: the UUIDs of the GPUs that it was leased.

        Returns:
            What all its processes use, those of nobody else; None where it does not run, or where it cannot be told.

        Raises:
            TraindockError: it cannot be told just now, such as by an engine that does not answer.
        """
        return None

    @abstractmethod
    def cancel(self, job: Job) -> None:
        """Ask the job to end: SIGTERM to all its processes, SIGKILL after the grace time."""

    def devices(self) -> list[str]:
        """Return the UUIDs of the GPUs that runs can be leased, the preferred first; by default this machine's."""
        return [gpu.uuid for gpu in list_gpus()]

    def occupied(self, devices: Collection[str]) -> dict[str, str]:
        """Return which of these GPUs are used though their leases are free, and by whom, in words.

        By default none: a lease is held for as long as a job lives.

        Raises:
            ComputeTargetException: it cannot be found out.
        """
        return {}

    def errands(self, job: Job, environment: Mapping[str, Any]) -> Sequence[Errand]:
        """Return what is to be done in the background now that the job was launched; by default nothing.

        Args:
            job: the run; it may have ended.
            environment: the environment of the plan that it was launched by.
        """
        return ()

    def clean(self, job: Job) -> None:
        """Remove what the target keeps of a run that has ended and is sealed; may be called more than once.

        By default there is nothing. What cannot be removed now is left for :meth:`sweep`.
        """
        return

    def sweep(self, workspace_id: str, ended: Callable[[str], bool]) -> None:
        """Remove what dispatchers that died have left behind of runs that have ended; called as one starts.

        Args:
            workspace_id: whose runs; nothing of another workspace, or of another user, is touched.
            ended: whether the run of this id is over and sealed, or is not there any more.
        """
        return

    @abstractmethod
    def describe(self, settings: Settings | None = None) -> dict[str, Any]:
        """Return what the target is and has, for people: nodes, devices; what cannot be found out now is said so.

        Args:
            settings: the workspace's settings; None for those that hold where nothing is set.
        """


class LaunchError(Exception):
    """A job could not be started on its compute target; the dispatcher ends the run as Failed.

    Attributes:
        reason: value of ``states.Reason`` that tells it apart.
    """

    def __init__(self, message: str, reason: str = "launch_failed") -> None:
        super().__init__(message)
        self.reason = reason


class NeverStarted(Exception):
    """What was about to start a job ended, and certainly never came to it: the job is to be launched again."""


class EnvironmentGone(LaunchError):
    """The environment that was prepared for a job is not there any more; preparing it anew may help."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "environment_failed")
