"""Running a script, or any command, in an environment on a compute target."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traindock.errors import RunConfigurationException, UserErrorException
from traindock.submit import Request, flatten_arguments

if TYPE_CHECKING:
    from traindock.compute_target import ComputeTarget
    from traindock.environment import Environment
    from traindock.run import Run

#: Azure ML's default: 30 days.
MAX_RUN_DURATION_SECONDS = 2_592_000


class ScriptRunConfig:
    """A script with its arguments, environment and compute target.

    Attributes may be changed until it is submitted.

    Args:
        source_directory: the folder to snapshot; the script is executed in a copy of it.
        script: path of a Python script in that folder.
        arguments: strings, numbers or paths; ``$NAME`` is expanded where the job runs.
        compute_target: a compute target or its name, "local" by default.
        environment: what the script needs; by default the interpreter that submits, as it is.
        resume_from: a run whose outputs folder is passed as ``--resume-from``.
        max_run_duration_seconds: after which the run ends as Failed, by default 30 days.
        command: a whole command line in place of ``script`` and ``arguments``.
        gpus: how many GPUs each node needs.
        distributed_job_config: how several nodes work together; its ``node_count`` is looked at.
        run_config: not supported.
        docker_runtime_config: accepted for old notebooks.

    Raises:
        RunConfigurationException: both a script and a command were given, or neither.
        UserErrorException: an argument cannot be one.
    """

    def __init__(
        self,
        source_directory: str | os.PathLike[str],
        script: str | None = None,
        arguments: Sequence[Any] | None = None,
        run_config: object = None,
        _telemetry_values: object = None,
        compute_target: ComputeTarget | str | None = None,
        environment: Environment | None = None,
        distributed_job_config: Any = None,
        resume_from: Run | None = None,
        max_run_duration_seconds: float | None = MAX_RUN_DURATION_SECONDS,
        command: str | Sequence[Any] | None = None,
        docker_runtime_config: object = None,
        *,
        gpus: int = 0,
    ) -> None:
        if run_config is not None:
            raise RunConfigurationException(
                "run_config is not supported: pass script, arguments, compute_target and environment themselves"
            )
        if (script is None) == (command is None):
            raise RunConfigurationException("give either a script or a command, not both and not neither")
        if command is not None and arguments:
            raise RunConfigurationException("a command takes no arguments of its own: put them into the command")
        self.source_directory = source_directory
        self.script = script
        self.arguments = list(arguments or [])
        self.command = command
        self.compute_target = compute_target
        self.environment = environment
        self.distributed_job_config = distributed_job_config
        self.resume_from = resume_from
        self.max_run_duration_seconds = max_run_duration_seconds
        self.gpus = gpus
        flatten_arguments(self.arguments)

    def to_request(self, **options: Any) -> Request:
        """Return what is to be run.

        Raises:
            UserErrorException: ``options`` are given, or a value is not allowed.
        """
        if options:
            raise UserErrorException(f"submitting a ScriptRunConfig takes no {', '.join(sorted(options))}")
        arguments = flatten_arguments(self.arguments)
        if self.resume_from is not None:
            arguments += ("--resume-from", str(self.resume_from.path / "outputs"))
        environment = self.environment or caller_environment()
        return Request(
            source_directory=os.fspath(self.source_directory),
            recipe=environment.to_recipe(),
            environment_name=environment.name,
            compute_target=target_name(self.compute_target),
            script=self.script,
            command=_command(self.command),
            arguments=arguments,
            environment_variables=dict(environment.environment_variables),
            gpus=_count("gpus", self.gpus, 0),
            node_count=_count("node_count", getattr(self.distributed_job_config, "node_count", 1), 1),
            max_run_duration_seconds=self.max_run_duration_seconds,
        )


def target_name(target: ComputeTarget | str | None) -> str:
    """Return the name of a compute target given as an object or a name; "local" for None.

    Raises:
        UserErrorException: it is neither.
    """
    if target is None:
        return "local"
    name = target if isinstance(target, str) else getattr(target, "name", None)
    if not isinstance(name, str):
        raise UserErrorException(f"{target!r} is no compute target: give one, or its name")
    return name


def caller_environment() -> Environment:
    """Return the environment that stands for the interpreter that submits, as it is."""
    from traindock.environment import Environment

    environment = Environment("caller")
    environment.python.user_managed_dependencies = True
    return environment


def _command(command: str | Sequence[Any] | None) -> tuple[str, ...]:
    if command is None:
        return ()
    words = tuple(shlex.split(command)) if isinstance(command, str) else flatten_arguments(command, "command")
    if not words:
        raise RunConfigurationException("the command is empty")
    return words


def _count(what: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UserErrorException(f"{what} is a whole number of {least} or more, not {value!r}")
    return value


def source_folder(source_directory: str | os.PathLike[str] | None) -> str:
    """Return the source folder of an estimator, by default the current folder."""
    return os.fspath(source_directory) if source_directory is not None else str(Path.cwd())
