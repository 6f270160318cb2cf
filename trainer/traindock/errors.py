"""Every exception that Traindock raises on purpose.

    TraindockError
    ├── UserErrorException              what was asked for cannot be done as it was asked
    │   ├── WorkspaceException          no such workspace, broken config.json, name taken
    │   │   └── WorkspaceReadOnlyException  another host has the workspace, on a network disk
    │   ├── ComputeTargetException      no such compute target, or one that cannot satisfy the run
    │   │   └── EngineException         a container engine that cannot be used
    │   │       ├── EngineNotFoundException     there is none where it was looked for
    │   │       ├── EnginePermissionException   its socket is not open to this user
    │   │       ├── EngineTooOldException       it lacks what jobs need
    │   │       ├── EngineUnreachableException  it does not answer, or stopped answering
    │   │       ├── RemoteEngineException       it is on another machine, or addressed as if it were
    │   │       ├── NotAnEngineException        something else answers at its address
    │   │       ├── EngineRefusedException      it answered with an error
    │   │       └── EngineUnfitException        its containers cannot work on this machine's files as this user
    │   ├── TrainingException           an estimator's arguments contradict each other
    │   ├── RunConfigurationException   a run configuration's fields contradict each other
    │   ├── ExperimentExecutionException  a script or source folder that cannot be submitted
    │   ├── SnapshotException           a source folder too large or not storable
    │   ├── ScriptFileException         a file whose options are asked for, and which is no script
    │   ├── NameNotFoundException       nothing of this name in a dictionary of the workspace; a KeyError, too
    │   ├── AttributeNotFoundException  Azure ML's class has this attribute, ours has not; an AttributeError, too
    │   ├── RunNotFoundException        no such run
    │   ├── RunNotSignedException       the run was not submitted by this user to this workspace
    │   ├── RunNotEndedException        what is asked for can only be done to a run that has ended
    │   ├── RunNotWaitingException      a run that is to be moved in a queue, or before which, does not wait in it
    │   ├── RunHasChildrenException     a run cannot be deleted without its children
    │   ├── ModelNotFoundException      no such model or version
    │   ├── ModelAliasException         an alias is elsewhere than was thought, or keeps its version from being deleted
    │   ├── ModelPathNotFoundException  nothing under this path among a run's files
    │   └── RunEnvironmentException     cannot be done where the code runs: inside a job, or outside of one
    ├── ActivityFailedException         the run ended as Failed: the script, its environment or the machine
    ├── Detached                        waiting was interrupted; the run goes on
    ├── RunCanceledException            somebody asked for the end of the run that this code logs into
    ├── EnvironmentBuildException       an environment could not be built
    │   └── RegistryException           a registry did not give, or take, an image
    │       ├── RegistryDeniedException        not to, or from, somebody with these credentials
    │       ├── RegistryUnreachableException   it does not answer, or there is no such host
    │       ├── RegistryInsecureException      it speaks no HTTPS, or has a certificate that the engine does not trust
    │       └── ImageNotFoundException         it has no image of that name
    ├── StoreException                  the workspace's files are damaged, too new, or the disk refuses
    │   └── IndexBusyException          another program keeps the index of runs to itself
    └── InternalError                   a fault of Traindock itself
        └── InvalidTransition           a state change that the table of transitions forbids

The names that Azure ML's v1 SDK used are kept where they are neutral, so that ``except`` clauses
of old notebooks go on working. Exceptions keep their data as attributes and survive pickling.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from traindock.repetition import without_repetition

#: What to say where Traindock cannot work.
NEEDED_PLATFORM: Final = "Traindock needs Linux or macOS; on Windows, run it in WSL2"


class TraindockError(Exception):
    """Root of all exceptions raised on purpose; its text says what is wrong and what to do next."""

    #: Stable identifier for REST answers and ``--json`` output.
    code = "error"

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.__dict__.copy()))

    def _render_traceback_(self) -> list[str]:
        """What IPython prints in place of a traceback: for these errors the text is the help."""
        return [f"{type(self).__name__}: {self}"]


def _rebuild(cls: type[TraindockError], state: dict[str, Any]) -> TraindockError:
    error = cls.__new__(cls)
    error.__dict__.update(state)
    error.args = (state.get("message", ""),)
    return error


class UserErrorException(TraindockError, ValueError):
    """What was asked for cannot be done as it was asked; the text says what to change."""

    code = "user_error"


class WorkspaceException(UserErrorException):
    """There is no such workspace, its ``config.json`` is broken, or its name is taken."""

    code = "workspace"


class WorkspaceReadOnlyException(WorkspaceException):
    """Another host has the workspace, which is on a network disk, so that it can only be read here."""

    code = "workspace_read_only"


class ComputeTargetException(UserErrorException):
    """There is no such compute target, or it can never satisfy what a run asks of it."""

    code = "compute_target"


class EngineException(ComputeTargetException):
    """A container engine cannot be used; the text says why and what to do."""

    code = "engine"


class EngineNotFoundException(EngineException):
    """There is no container engine where it was looked for; the text names the places.

    Attributes:
        brief: the same for whoever is to see no paths, and has no say in the variables of this process; "" where the
            text is for them as well.
    """

    code = "engine_not_found"

    def __init__(self, text: str, brief: str = "") -> None:
        self.brief = brief
        super().__init__(text)


class EnginePermissionException(EngineException):
    """The engine's socket is not open to this user; the text says who may use it and how to become one of them."""

    code = "engine_permission"


class EngineTooOldException(EngineException):
    """The engine is of a version that lacks what jobs need."""

    code = "engine_too_old"


class EngineUnreachableException(EngineException):
    """The engine does not answer: it was stopped, hangs, or broke off."""

    code = "engine_unreachable"


class RemoteEngineException(EngineException):
    """The engine is on another machine, or addressed as if it were; only sockets of this machine can be used."""

    code = "engine_remote"


class NotAnEngineException(EngineException):
    """What answers at the engine's address is no container engine."""

    code = "not_an_engine"


class EngineRefusedException(EngineException):
    """The engine answered a request with an error.

    Attributes:
        status: the HTTP status of its answer; 0 where it failed after it had begun to answer.
        explanation: what it said.
    """

    code = "engine_refused"

    def __init__(self, what: str, explanation: str, status: int = 0) -> None:
        self.explanation = explanation
        self.status = status
        super().__init__(f"the container engine could not {what}: {explanation}")


class EngineUnfitException(EngineException):
    """The engine works, but its containers cannot work on this machine's files as this user."""

    code = "engine_unfit"


class TrainingException(UserErrorException):
    """An estimator's arguments are missing, unknown or contradict each other."""

    code = "training"


class RunConfigurationException(UserErrorException):
    """A run configuration's fields are missing, unknown or contradict each other."""

    code = "run_configuration"


class ExperimentExecutionException(UserErrorException):
    """A script or source folder cannot be submitted."""

    code = "experiment_execution"


class SnapshotException(UserErrorException):
    """A source folder is too large, or holds something that cannot be stored."""

    code = "snapshot"


class ScriptFileException(UserErrorException):
    """A file is no script that could be read: missing, a folder, binary, too large, or closed to this user."""

    code = "script_file"


class NameNotFoundException(UserErrorException, KeyError):
    """Nothing has this name in ``workspace.models``, ``.experiments`` or ``.compute_targets``."""

    code = "name_not_found"


class AttributeNotFoundException(UserErrorException, AttributeError):
    """Azure ML's class has this attribute and Traindock's has not; the text says what to use."""

    code = "attribute_not_found"


class RunNotFoundException(UserErrorException):
    """There is no run with this id in the workspace."""

    code = "run_not_found"


class RunNotSignedException(UserErrorException):
    """The run was not submitted by this user to this workspace, so it is shown but never changed."""

    code = "run_not_signed"


class RunNotEndedException(UserErrorException):
    """What was asked for can only be done to a run that has ended, and one has not."""

    code = "run_not_ended"


class RunNotWaitingException(UserErrorException):
    """A run that is to be moved in a queue, or the one before which it is to go, does not wait in it (any more)."""

    code = "run_not_waiting"


class RunHasChildrenException(UserErrorException):
    """A run cannot be deleted without its children, and nobody said that they may go.

    Attributes:
        children: their ids.
    """

    code = "run_has_children"

    def __init__(self, message: str, children: Iterable[str] = ()) -> None:
        self.children = list(children)
        super().__init__(message)


class ModelNotFoundException(UserErrorException):
    """There is no model of this name, or no such version or alias of it."""

    code = "model_not_found"


class ModelAliasException(UserErrorException):
    """An alias is not where it was thought to be, cannot be rolled back, or keeps its version from being deleted."""

    code = "model_alias"


class ModelPathNotFoundException(UserErrorException):
    """Nothing lies under the given path; the text lists what is there."""

    code = "model_path_not_found"


class RunEnvironmentException(UserErrorException):
    """What was asked for cannot be done where the code runs: inside a job, or outside of one."""

    code = "run_environment"


class ActivityFailedException(TraindockError):
    """A run ended as Failed.

    Attributes:
        run_id: the run.
        reason: value of :class:`traindock.states.Reason`.
        exit_code: the script's exit code, or None where it has none.
        log_tail: last lines of the log that explains the failure.
        log_path: where the whole of that log is.
        hint: what to do next.
    """

    code = "activity_failed"

    def __init__(
        self,
        run_id: str,
        reason: str,
        detail: str = "",
        *,
        exit_code: int | None = None,
        log_tail: Iterable[str] = (),
        log_path: str = "",
        hint: str = "",
    ) -> None:
        self.run_id = run_id
        self.reason = reason
        self.detail = detail
        self.exit_code = exit_code
        self.log_tail = list(log_tail)
        self.log_path = log_path
        self.hint = hint
        super().__init__(self._text())

    def _text(self) -> str:
        told = without_repetition(self.detail or self.reason, self.log_tail)
        lines = [f"Run {self.run_id} failed: {told} (reason: {self.reason})"]
        if self.log_tail:
            lines += ["Last lines of its log:", *(f"    {line}" for line in self.log_tail)]
        if self.log_path:
            lines.append(f"The whole log: {self.log_path}")
        if self.hint:
            lines.append(self.hint)
        return "\n".join(lines)


class Detached(TraindockError):
    """Waiting for a run was interrupted. The run goes on; wait again, or cancel it, at any time."""

    code = "detached"


class RunCanceledException(TraindockError):
    """Somebody asked for the end of the run that this code logs into, so that the code may stop its work."""

    code = "run_canceled"


class EnvironmentBuildException(TraindockError):
    """An environment could not be built.

    Attributes:
        summary: what went wrong, in one sentence.
        log_tail: the resolver's or installer's last lines.
    """

    code = "environment_build"

    def __init__(self, summary: str, log_tail: Iterable[str] = ()) -> None:
        self.summary = summary
        self.log_tail = list(log_tail)
        colon = ":" if self.log_tail else ""
        super().__init__("\n".join([summary + colon, *(f"    {line}" for line in self.log_tail)]))


class RegistryException(EnvironmentBuildException):
    """A registry did not give, or take, an image; the text says why and what to do."""

    code = "registry"


class RegistryDeniedException(RegistryException):
    """The registry wants to know who asks, or does not allow it to whoever asks."""

    code = "registry_denied"


class RegistryUnreachableException(RegistryException):
    """The registry does not answer, or there is no host of its name."""

    code = "registry_unreachable"


class RegistryInsecureException(RegistryException):
    """The registry speaks no HTTPS, or has a certificate that the container engine does not trust."""

    code = "registry_insecure"


class ImageNotFoundException(RegistryException):
    """The registry has no image of that name."""

    code = "image_not_found"


class StoreException(TraindockError):
    """The workspace's files are damaged or of a newer format, or the disk refuses to take more."""

    code = "store"


class IndexBusyException(StoreException):
    """Another program keeps the index of the workspace's runs to itself; nothing is lost, and later it can be asked."""

    code = "index_busy"


class InternalError(TraindockError):
    """A fault of Traindock itself; please report it with the traceback."""

    code = "internal"

    def _render_traceback_(self) -> list[str]:
        """What IPython prints: here the way to the error is what helps."""
        import traceback

        return traceback.format_exception(self)


class InvalidTransition(InternalError):
    """A change of state that the table of transitions forbids."""

    code = "invalid_transition"

    def __init__(self, current: str, new: str, allowed: Iterable[str]) -> None:
        self.current, self.new, self.allowed = current, new, list(allowed)
        after = ", ".join(self.allowed) or "nothing"
        super().__init__(f"a run cannot go from {current} to {new}; allowed: {after}")
