"""The exceptions that a training script can meet, under the same names inside and outside of a job.

Inside a job this file is ``traindock.errors``. Where the whole package is installed it hands out that package's
own classes, so that ``except`` clauses mean the same in both places and no class exists twice.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING or __name__ == "traindock.runtime.errors":
    from ..errors import (
        InternalError,
        ModelNotFoundException,
        ModelPathNotFoundException,
        RunEnvironmentException,
        RunNotFoundException,
        StoreException,
        TraindockError,
        UserErrorException,
    )
else:

    class TraindockError(Exception):
        """Root of all exceptions raised on purpose; its text says what is wrong and what to do next."""

        code = "error"

        def __init__(self, message: str = "") -> None:
            super().__init__(message)
            self.message = message

        def __str__(self) -> str:
            return self.message

    class UserErrorException(TraindockError, ValueError):
        """What was asked for cannot be done as it was asked; the text says what to change."""

        code = "user_error"

    class RunEnvironmentException(UserErrorException):
        """What was asked for cannot be done where the code runs: inside a job, or outside of one."""

        code = "run_environment"

    class RunNotFoundException(UserErrorException):
        """There is no run with this id in the workspace."""

        code = "run_not_found"

    class ModelNotFoundException(UserErrorException):
        """There is no model of this name, or no such version of it."""

        code = "model_not_found"

    class ModelPathNotFoundException(UserErrorException):
        """Nothing lies under the given path; the text lists what is there."""

        code = "model_path_not_found"

    class StoreException(TraindockError):
        """Files of the run are damaged, or the disk refuses to take more."""

        code = "store"

    class InternalError(TraindockError):
        """A fault of Traindock itself; please report it with the text."""

        code = "internal"


__all__ = [
    "InternalError",
    "ModelNotFoundException",
    "ModelPathNotFoundException",
    "RunEnvironmentException",
    "RunNotFoundException",
    "StoreException",
    "TraindockError",
    "UserErrorException",
    "from_reply",
]


def from_reply(kind: str, message: str) -> TraindockError:
    """Return the exception that a dispatcher's refusal stands for.

    Args:
        kind: name of the class, as the reply gives it; one that this side does not know becomes the root.
        message: its text.
    """
    found = globals().get(kind) if kind in __all__ else None
    if isinstance(found, type) and issubclass(found, TraindockError):
        return found(message)
    return TraindockError(message if kind == "TraindockError" else f"{kind}: {message}")
