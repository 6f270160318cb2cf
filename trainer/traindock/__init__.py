"""Traindock: send a PyTorch training script to a compute target, watch it live, keep and register the model.

The public names are listed in ``__all__`` and imported when they are first used, so that ``import traindock`` costs
next to nothing.
"""

from __future__ import annotations

import sys

# Importing typing would cost as much as starting Python does; type checkers know this name without it.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from traindock._version import __version__ as __version__
    from traindock.compute_target import ComputeTarget as ComputeTarget
    from traindock.compute_target import LocalCompute as LocalCompute
    from traindock.docker_compute import DockerCompute as DockerCompute
    from traindock.environment import CondaDependencies as CondaDependencies
    from traindock.environment import Environment as Environment
    from traindock.errors import ActivityFailedException as ActivityFailedException
    from traindock.errors import AttributeNotFoundException as AttributeNotFoundException
    from traindock.errors import ComputeTargetException as ComputeTargetException
    from traindock.errors import Detached as Detached
    from traindock.errors import EngineException as EngineException
    from traindock.errors import EngineNotFoundException as EngineNotFoundException
    from traindock.errors import EnginePermissionException as EnginePermissionException
    from traindock.errors import EngineRefusedException as EngineRefusedException
    from traindock.errors import EngineTooOldException as EngineTooOldException
    from traindock.errors import EngineUnfitException as EngineUnfitException
    from traindock.errors import EngineUnreachableException as EngineUnreachableException
    from traindock.errors import EnvironmentBuildException as EnvironmentBuildException
    from traindock.errors import ExperimentExecutionException as ExperimentExecutionException
    from traindock.errors import ImageNotFoundException as ImageNotFoundException
    from traindock.errors import IndexBusyException as IndexBusyException
    from traindock.errors import InternalError as InternalError
    from traindock.errors import ModelAliasException as ModelAliasException
    from traindock.errors import ModelNotFoundException as ModelNotFoundException
    from traindock.errors import ModelPathNotFoundException as ModelPathNotFoundException
    from traindock.errors import NameNotFoundException as NameNotFoundException
    from traindock.errors import NotAnEngineException as NotAnEngineException
    from traindock.errors import RegistryDeniedException as RegistryDeniedException
    from traindock.errors import RegistryException as RegistryException
    from traindock.errors import RegistryInsecureException as RegistryInsecureException
    from traindock.errors import RegistryUnreachableException as RegistryUnreachableException
    from traindock.errors import RemoteEngineException as RemoteEngineException
    from traindock.errors import RunCanceledException as RunCanceledException
    from traindock.errors import RunConfigurationException as RunConfigurationException
    from traindock.errors import RunEnvironmentException as RunEnvironmentException
    from traindock.errors import RunHasChildrenException as RunHasChildrenException
    from traindock.errors import RunNotEndedException as RunNotEndedException
    from traindock.errors import RunNotFoundException as RunNotFoundException
    from traindock.errors import RunNotSignedException as RunNotSignedException
    from traindock.errors import RunNotWaitingException as RunNotWaitingException
    from traindock.errors import ScriptFileException as ScriptFileException
    from traindock.errors import SnapshotException as SnapshotException
    from traindock.errors import StoreException as StoreException
    from traindock.errors import TraindockError as TraindockError
    from traindock.errors import TrainingException as TrainingException
    from traindock.errors import UserErrorException as UserErrorException
    from traindock.errors import WorkspaceException as WorkspaceException
    from traindock.errors import WorkspaceReadOnlyException as WorkspaceReadOnlyException
    from traindock.estimator import Estimator as Estimator
    from traindock.estimator import PyTorch as PyTorch
    from traindock.experiment import Experiment as Experiment
    from traindock.model import Model as Model
    from traindock.notebook_run import NotebookRunConfig as NotebookRunConfig
    from traindock.run import Run as Run
    from traindock.script_run import ScriptRunConfig as ScriptRunConfig
    from traindock.states import Reason as Reason
    from traindock.states import State as State
    from traindock.workspace import Workspace as Workspace

_HOMES = {
    "_version": ("__version__",),
    "compute_target": ("ComputeTarget", "LocalCompute"),
    "docker_compute": ("DockerCompute",),
    "environment": ("CondaDependencies", "Environment"),
    "errors": (
        "ActivityFailedException",
        "AttributeNotFoundException",
        "ComputeTargetException",
        "Detached",
        "EngineException",
        "EngineNotFoundException",
        "EnginePermissionException",
        "EngineRefusedException",
        "EngineTooOldException",
        "EngineUnfitException",
        "EngineUnreachableException",
        "EnvironmentBuildException",
        "ExperimentExecutionException",
        "ImageNotFoundException",
        "IndexBusyException",
        "InternalError",
        "ModelAliasException",
        "ModelNotFoundException",
        "ModelPathNotFoundException",
        "NameNotFoundException",
        "NotAnEngineException",
        "RegistryDeniedException",
        "RegistryException",
        "RegistryInsecureException",
        "RegistryUnreachableException",
        "RemoteEngineException",
        "RunCanceledException",
        "RunConfigurationException",
        "RunEnvironmentException",
        "RunHasChildrenException",
        "RunNotEndedException",
        "RunNotFoundException",
        "RunNotSignedException",
        "RunNotWaitingException",
        "ScriptFileException",
        "SnapshotException",
        "StoreException",
        "TraindockError",
        "TrainingException",
        "UserErrorException",
        "WorkspaceException",
        "WorkspaceReadOnlyException",
    ),
    "estimator": ("Estimator", "PyTorch"),
    "experiment": ("Experiment",),
    "model": ("Model",),
    "run": ("Run",),
    "notebook_run": ("NotebookRunConfig",),
    "script_run": ("ScriptRunConfig",),
    "states": ("Reason", "State"),
    "workspace": ("Workspace",),
}
# What works on Windows too, where the rest would fail at some module that Python lacks there.
_ANYWHERE = ("_version", "errors", "states")
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'traindock' has no attribute {name!r}; it has: {', '.join(__all__)}")
    if sys.platform == "win32" and module not in _ANYWHERE:
        from traindock.errors import NEEDED_PLATFORM

        raise ImportError(NEEDED_PLATFORM)
    from importlib import import_module

    value = getattr(import_module(f"traindock.{module}"), name)
    globals()[name] = value
    return value


def load_ipython_extension(shell: Any) -> None:
    """Have a notebook understand ``%traindock`` and ``%%traindock``: what ``%load_ext traindock`` calls."""
    from traindock.notebook import magics

    magics().load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Undo :func:`load_ipython_extension`: what ``%unload_ext traindock`` calls."""
    from traindock.notebook import magics

    magics().unload(shell)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
