"""What a training script sees of Traindock.

Inside a job this folder is the package ``traindock``: standard library only, Python 3.8 and later. Where the whole
package is installed it is ``traindock.runtime``. All public names are in :data:`WHERE`, loaded on first use::

    from traindock import Run

    run = Run.get_context()
    run.log("loss", 0.5)
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

    from .context import JobRun, Run
    from .errors import (
        ModelNotFoundException,
        ModelPathNotFoundException,
        RunEnvironmentException,
        RunNotFoundException,
        StoreException,
        TraindockError,
        UserErrorException,
    )
    from .model import Model
    from .offline import OfflineRun

#: Every public name, and the module that has it.
WHERE = {
    "Run": "context",
    "JobRun": "context",
    "Model": "model",
    "OfflineRun": "offline",
    "ModelNotFoundException": "errors",
    "ModelPathNotFoundException": "errors",
    "RunEnvironmentException": "errors",
    "RunNotFoundException": "errors",
    "StoreException": "errors",
    "TraindockError": "errors",
    "UserErrorException": "errors",
}

__all__ = [
    "JobRun",
    "Model",
    "ModelNotFoundException",
    "ModelPathNotFoundException",
    "OfflineRun",
    "Run",
    "RunEnvironmentException",
    "RunNotFoundException",
    "StoreException",
    "TraindockError",
    "UserErrorException",
]


def __getattr__(name: str) -> Any:
    if name in WHERE:
        value = getattr(_module(WHERE[name]), name)
        globals()[name] = value
        return value
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return _module(name)
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
    # An AttributeError would be turned into "cannot import name", without the help.
    known = ", ".join(__all__)
    raise ImportError(
        f"{name!r} is not available inside a job; what is: {known}. Submit and manage runs from outside, "
        "for instance from a notebook.",
        name=__name__,
    )


def _module(name: str) -> Any:
    # What importlib.import_module() does, without what importing that costs.
    return __import__(f"{__name__}.{name}", fromlist=["*"])


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})
