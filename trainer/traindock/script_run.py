"""Running a script, or any command, in an environment on a compute target."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traindock.errors import RunConfigurationException, UserErrorException
from traindock.store.locations import absolute
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
        max_run_duration_seconds: after which the run ends as Failed, by default 30 days; None for no end.
        command: a whole command line in place of ``script`` and ``arguments``: a list of words, or a text that is
            split into words as a shell would, but executed without one.
        gpus: how many GPUs each node needs.
        distributed_job_config: how several nodes or processes work together; only one of each can be had yet.
        run_config: not supported.
        docker_runtime_config: accepted for old notebooks.

    Raises:
        RunConfigurationException: both a script and a command were given, or neither, or what goes with a script
            only was given with a command.
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
        if command is not None and (arguments or resume_from is not None):
            raise RunConfigurationException(
                f"a command takes no {'arguments' if arguments else 'resume_from'}: put all of it into the command"
            )
        flatten_arguments(arguments if arguments is not None else [])
        _command(command)
        self.source_directory = source_directory
        self.script = script
        self.arguments = list(arguments if arguments is not None else [])
        self.command = command
        self.compute_target = compute_target
        self.environment = environment
        self.distributed_job_config = distributed_job_config
        self.resume_from = resume_from
        self.max_run_duration_seconds = max_run_duration_seconds
        self.gpus = gpus

    def to_request(self, **options: Any) -> Request:
        """Return what is to be run.

        Raises:
            UserErrorException: ``options`` are given, or a value is not allowed.
        """
        if options:
            raise UserErrorException(f"submitting a ScriptRunConfig takes no {', '.join(sorted(options))}")
        environment = self.environment if self.environment is not None else caller_environment()
        check_environment(environment)
        distributed = self.distributed_job_config
        check_processes(
            "distributed_job_config",
            getattr(distributed, "process_count", None) or getattr(distributed, "process_count_per_node", None) or 1,
        )
        return Request(
            source_directory=source_folder(self.source_directory),
            recipe=environment.to_recipe(),
            environment_name=environment.name,
            compute_target=self.compute_target if self.compute_target is not None else "local",
            script=self.script,
            command=_command(self.command),
            arguments=flatten_arguments(self.arguments) + resume_arguments(self.resume_from),
            environment_variables=dict(environment.environment_variables),
            gpus=count("gpus", self.gpus, 0),
            node_count=count("node_count", getattr(distributed, "node_count", 1), 1),
            max_run_duration_seconds=self.max_run_duration_seconds,
        )

    def __repr__(self) -> str:
        what = f"script={self.script!r}" if self.script is not None else f"command={self.command!r}"
        return f"ScriptRunConfig({str(self.source_directory)!r}, {what}, compute_target={self.compute_target!r})"


def resume_arguments(resume_from: Run | None) -> tuple[str, ...]:
    """Return what tells a script where the outputs of an earlier run are.

    Raises:
        UserErrorException: ``resume_from`` is no run.
    """
    if resume_from is None:
        return ()
    path = getattr(resume_from, "path", None)
    if not isinstance(path, Path):
        raise UserErrorException(f"resume_from is a run, for example Run.get(ws, run_id), not {resume_from!r:.80}")
    return "--resume-from", str(path / "outputs")


def check_environment(environment: object) -> None:
    """Check that ``environment`` is one.

    Raises:
        UserErrorException: it is something else.
    """
    from traindock.environment import Environment

    if not isinstance(environment, Environment):
        raise UserErrorException(
            f"{environment!r:.80} is no Environment: make one, for example "
            "Environment.from_pip_requirements('name', 'requirements.txt')"
        )


def check_processes(what: str, processes: int) -> None:
    """Refuse what would silently become one process.

    Raises:
        RunConfigurationException: several processes are asked for.
    """
    if processes != 1:
        raise RunConfigurationException(
            f"{what} asks for {processes} processes, and a run has one on its node as yet: use one, or let the script "
            "start the others itself, for example with torch.multiprocessing"
        )


def caller_environment() -> Environment:
    """Return the environment that stands for the interpreter that submits, as it is."""
    from traindock.environment import Environment

    environment = Environment("caller")
    environment.python.user_managed_dependencies = True
    return environment


def _command(command: str | Sequence[Any] | None) -> tuple[str, ...]:
    if command is None:
        return ()
    words = _split(command) if isinstance(command, str) else flatten_arguments(command, "command")
    if not words or not words[0].strip():
        raise RunConfigurationException("the command is empty")
    return words


def _split(command: str) -> tuple[str, ...]:
    """Take a command line apart, without quietly handing a shell's own signs to the program as arguments."""
    try:
        words = tuple(shlex.split(command))
        signs = [word for word in shlex.shlex(command, posix=True, punctuation_chars=True) if not word.strip("();<>|&")]
    except ValueError as error:
        raise RunConfigurationException(f"the command {command!r} cannot be taken apart: {error}") from None
    if any(signs):
        raise RunConfigurationException(
            f"the command is executed without a shell, and {next(filter(None, signs))!r} is a shell's: use "
            f"command=['sh', '-c', {command!r}], or a list of words"
        )
    return words


def count(what: str, value: Any, least: int, error: type[UserErrorException] = UserErrorException) -> int:
    """Return ``value`` if it is a whole number of at least ``least``.

    Raises:
        UserErrorException: it is not (or ``error``, a subclass).
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise error(f"{what} is a whole number of {least} or more, not {value!r:.80}")
    return int(value)


def source_folder(source_directory: str | os.PathLike[str] | None) -> str:
    """Return the source folder, by default the current one.

    Raises:
        UserErrorException: it is no path.
    """
    try:
        return str(Path(source_directory if source_directory is not None else absolute(".")).expanduser())
    except (TypeError, RuntimeError) as error:
        raise UserErrorException(
            f"source_directory is the path of a folder, not {source_directory!r}: {error}"
        ) from None
